//! Filters on the wire (`filter.proto`).

use clearway_model::{
    Cors, CorsOrigin, Filter, Fraction, HeaderEdit, HeaderModifier, Mirror, PathRewrite, Redirect, UrlRewrite,
};

use super::{Wire, Wrong, all, each, one_of, optional, required, shared, text, texts, u16_of};
use crate::wire::config as pb;

impl Wire for Filter {
    type Message = pb::Filter;

    fn to_wire(&self) -> pb::Filter {
        let filter = match self {
            Self::RequestHeaders(edit) => pb::filter::Filter::RequestHeaders(edit.to_wire()),
            Self::ResponseHeaders(edit) => pb::filter::Filter::ResponseHeaders(edit.to_wire()),
            Self::Redirect(redirect) => pb::filter::Filter::Redirect(redirect.to_wire()),
            Self::Rewrite(rewrite) => pb::filter::Filter::Rewrite(rewrite.to_wire()),
            Self::Mirror(mirror) => pb::filter::Filter::Mirror(mirror.to_wire()),
            Self::Cors(cors) => pb::filter::Filter::Cors(cors.to_wire()),
            Self::Unsupported { kind } => pb::filter::Filter::Unsupported(text(kind)),
        };
        pb::Filter { filter: Some(filter) }
    }

    fn from_wire(message: pb::Filter) -> Result<Self, Wrong> {
        let pb::Filter { filter } = message;
        match one_of("filter", filter)? {
            pb::filter::Filter::RequestHeaders(edit) => {
                required("request_headers", Some(edit)).map(Self::RequestHeaders)
            }
            pb::filter::Filter::ResponseHeaders(edit) => {
                required("response_headers", Some(edit)).map(Self::ResponseHeaders)
            }
            pb::filter::Filter::Redirect(redirect) => {
                required("redirect", Some(redirect)).map(Self::Redirect)
            }
            pb::filter::Filter::Rewrite(rewrite) => required("rewrite", Some(rewrite)).map(Self::Rewrite),
            pb::filter::Filter::Mirror(mirror) => required("mirror", Some(mirror)).map(Self::Mirror),
            pb::filter::Filter::Cors(cors) => required("cors", Some(cors)).map(Self::Cors),
            pb::filter::Filter::Unsupported(kind) => Ok(Self::Unsupported { kind: kind.into() }),
        }
    }
}

impl Wire for HeaderModifier {
    type Message = pb::HeaderModifier;

    fn to_wire(&self) -> pb::HeaderModifier {
        let Self { set, add, remove } = self;
        pb::HeaderModifier { set: all(set), add: all(add), remove: texts(remove) }
    }

    fn from_wire(message: pb::HeaderModifier) -> Result<Self, Wrong> {
        let pb::HeaderModifier { set, add, remove } = message;
        Ok(Self { set: each("set", set)?, add: each("add", add)?, remove: shared(remove) })
    }
}

impl Wire for HeaderEdit {
    type Message = pb::HeaderEdit;

    fn to_wire(&self) -> pb::HeaderEdit {
        let Self { name, value } = self;
        pb::HeaderEdit { name: text(name), value: text(value) }
    }

    fn from_wire(message: pb::HeaderEdit) -> Result<Self, Wrong> {
        let pb::HeaderEdit { name, value } = message;
        Ok(Self { name: name.into(), value: value.into() })
    }
}

impl Wire for Redirect {
    type Message = pb::Redirect;

    fn to_wire(&self) -> pb::Redirect {
        let Self { scheme, hostname, path, port, status } = self;
        pb::Redirect {
            scheme: scheme.as_ref().map(text),
            hostname: hostname.as_ref().map(text),
            path: path.as_ref().map(Wire::to_wire),
            port: port.map(u32::from),
            status: (*status).into(),
        }
    }

    fn from_wire(message: pb::Redirect) -> Result<Self, Wrong> {
        let pb::Redirect { scheme, hostname, path, port, status } = message;
        Ok(Self {
            scheme: scheme.map(Into::into),
            hostname: hostname.map(Into::into),
            path: optional("path", path)?,
            port: port.map(|port| u16_of("port", port)).transpose()?,
            status: u16_of("status", status)?,
        })
    }
}

impl Wire for UrlRewrite {
    type Message = pb::UrlRewrite;

    fn to_wire(&self) -> pb::UrlRewrite {
        let Self { hostname, path } = self;
        pb::UrlRewrite { hostname: hostname.as_ref().map(text), path: path.as_ref().map(Wire::to_wire) }
    }

    fn from_wire(message: pb::UrlRewrite) -> Result<Self, Wrong> {
        let pb::UrlRewrite { hostname, path } = message;
        Ok(Self { hostname: hostname.map(Into::into), path: optional("path", path)? })
    }
}

impl Wire for PathRewrite {
    type Message = pb::PathRewrite;

    fn to_wire(&self) -> pb::PathRewrite {
        let path = match self {
            Self::Full(path) => pb::path_rewrite::Path::Full(text(path)),
            Self::Prefix(path) => pb::path_rewrite::Path::Prefix(text(path)),
        };
        pb::PathRewrite { path: Some(path) }
    }

    fn from_wire(message: pb::PathRewrite) -> Result<Self, Wrong> {
        let pb::PathRewrite { path } = message;
        Ok(match one_of("path", path)? {
            pb::path_rewrite::Path::Full(path) => Self::Full(path.into()),
            pb::path_rewrite::Path::Prefix(path) => Self::Prefix(path.into()),
        })
    }
}

impl Wire for Mirror {
    type Message = pb::Mirror;

    fn to_wire(&self) -> pb::Mirror {
        let Self { target, fraction } = self;
        pb::Mirror { target: Some(target.to_wire()), fraction: Some(fraction.to_wire()) }
    }

    fn from_wire(message: pb::Mirror) -> Result<Self, Wrong> {
        let pb::Mirror { target, fraction } = message;
        Ok(Self { target: required("target", target)?, fraction: required("fraction", fraction)? })
    }
}

impl Wire for Fraction {
    type Message = pb::Fraction;

    fn to_wire(&self) -> pb::Fraction {
        let Self { numerator, denominator } = *self;
        pb::Fraction { numerator, denominator }
    }

    fn from_wire(message: pb::Fraction) -> Result<Self, Wrong> {
        let pb::Fraction { numerator, denominator } = message;
        match denominator {
            0 => Err(Wrong::new("is zero").of("denominator")),
            _ => Ok(Self { numerator, denominator }),
        }
    }
}

impl Wire for Cors {
    type Message = pb::Cors;

    fn to_wire(&self) -> pb::Cors {
        let Self {
            allow_origins,
            allow_credentials,
            allow_methods,
            allow_headers,
            expose_headers,
            max_age_seconds,
        } = self;
        pb::Cors {
            allow_origins: all(allow_origins),
            allow_credentials: *allow_credentials,
            allow_methods: texts(allow_methods),
            allow_headers: texts(allow_headers),
            expose_headers: texts(expose_headers),
            max_age_seconds: *max_age_seconds,
        }
    }

    fn from_wire(message: pb::Cors) -> Result<Self, Wrong> {
        let pb::Cors {
            allow_origins,
            allow_credentials,
            allow_methods,
            allow_headers,
            expose_headers,
            max_age_seconds,
        } = message;
        Ok(Self {
            allow_origins: each("allow_origins", allow_origins)?,
            allow_credentials,
            allow_methods: shared(allow_methods),
            allow_headers: shared(allow_headers),
            expose_headers: shared(expose_headers),
            max_age_seconds,
        })
    }
}

impl Wire for CorsOrigin {
    type Message = pb::CorsOrigin;

    fn to_wire(&self) -> pb::CorsOrigin {
        let origin = match self {
            Self::Any => pb::cors_origin::Origin::Any(pb::AnyOrigin {}),
            Self::Exact(origin) => pb::cors_origin::Origin::Exact(text(origin)),
            Self::Wildcard { scheme, suffix } => pb::cors_origin::Origin::Wildcard(pb::WildcardOrigin {
                scheme: text(scheme),
                suffix: text(suffix),
            }),
        };
        pb::CorsOrigin { origin: Some(origin) }
    }

    fn from_wire(message: pb::CorsOrigin) -> Result<Self, Wrong> {
        let pb::CorsOrigin { origin } = message;
        Ok(match one_of("origin", origin)? {
            pb::cors_origin::Origin::Any(pb::AnyOrigin {}) => Self::Any,
            pb::cors_origin::Origin::Exact(origin) => Self::Exact(origin.into()),
            pb::cors_origin::Origin::Wildcard(pb::WildcardOrigin { scheme, suffix }) => {
                Self::Wildcard { scheme: scheme.into(), suffix: suffix.into() }
            }
        })
    }
}
