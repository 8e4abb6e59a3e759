//! Rules on the wire (`rule.proto`).

use std::sync::Arc;

use clearway_model::{
    GrpcMethodMatch, HeaderMatch, Match, PathMatch, QueryMatch, Retry, Rule, RuleParent, TextMatch, Timeouts,
    WeightedBackend,
};

use super::{Wire, Wrong, all, each, full, one_of, optional, required, text, u16_of};
use crate::wire::config as pb;

impl Wire for Rule {
    type Message = pb::Rule;

    fn to_wire(&self) -> pb::Rule {
        let Self { rule, created, parents, matches, filters, backends, timeouts, retry, observability } =
            self;
        pb::Rule {
            rule: Some(rule.to_wire()),
            created: *created,
            parents: all(parents),
            matches: all(matches),
            filters: all(filters),
            backends: all(backends),
            timeouts: Some(timeouts.to_wire()),
            retry: retry.as_ref().map(Wire::to_wire),
            observability: observability.as_deref().map(Wire::to_wire),
        }
    }

    fn from_wire(message: pb::Rule) -> Result<Self, Wrong> {
        let pb::Rule { rule, created, parents, matches, filters, backends, timeouts, retry, observability } =
            message;
        Ok(Self {
            rule: required("rule", rule)?,
            created,
            parents: each("parents", parents)?,
            matches: full("matches", each("matches", matches)?)?,
            filters: each("filters", filters)?,
            backends: each("backends", backends)?,
            timeouts: required("timeouts", timeouts)?,
            retry: optional("retry", retry)?,
            observability: optional("observability", observability)?.map(Arc::new),
        })
    }
}

impl Wire for RuleParent {
    type Message = pb::RuleParent;

    fn to_wire(&self) -> pb::RuleParent {
        let Self { listener, hostnames } = self;
        pb::RuleParent { listener: Some(listener.to_wire()), hostnames: all(hostnames) }
    }

    fn from_wire(message: pb::RuleParent) -> Result<Self, Wrong> {
        let pb::RuleParent { listener, hostnames } = message;
        Ok(Self {
            listener: required("listener", listener)?,
            hostnames: full("hostnames", each("hostnames", hostnames)?)?,
        })
    }
}

impl Wire for Match {
    type Message = pb::Match;

    fn to_wire(&self) -> pb::Match {
        let choice = match self {
            Self::Http { path, headers, query, method } => pb::r#match::Match::Http(pb::HttpMatch {
                path: Some(path.to_wire()),
                headers: all(headers),
                query: all(query),
                method: method.as_ref().map(text),
            }),
            Self::Grpc { method, headers } => pb::r#match::Match::Grpc(pb::GrpcMatch {
                method: method.as_ref().map(Wire::to_wire),
                headers: all(headers),
            }),
        };
        pb::Match { r#match: Some(choice) }
    }

    fn from_wire(message: pb::Match) -> Result<Self, Wrong> {
        let pb::Match { r#match: choice } = message;
        match one_of("match", choice)? {
            pb::r#match::Match::Http(pb::HttpMatch { path, headers, query, method }) => Ok(Self::Http {
                path: required("path", path)?,
                headers: each("headers", headers)?,
                query: each("query", query)?,
                method: method.map(Into::into),
            }),
            pb::r#match::Match::Grpc(pb::GrpcMatch { method, headers }) => {
                Ok(Self::Grpc { method: optional("method", method)?, headers: each("headers", headers)? })
            }
        }
    }
}

impl Wire for PathMatch {
    type Message = pb::PathMatch;

    fn to_wire(&self) -> pb::PathMatch {
        let path = match self {
            Self::Exact(path) => pb::path_match::Path::Exact(text(path)),
            Self::Prefix(path) => pb::path_match::Path::Prefix(text(path)),
            Self::Regex(path) => pb::path_match::Path::Regex(text(path)),
        };
        pb::PathMatch { path: Some(path) }
    }

    fn from_wire(message: pb::PathMatch) -> Result<Self, Wrong> {
        let pb::PathMatch { path } = message;
        Ok(match one_of("path", path)? {
            pb::path_match::Path::Exact(path) => Self::Exact(path.into()),
            pb::path_match::Path::Prefix(path) => Self::Prefix(path.into()),
            pb::path_match::Path::Regex(path) => Self::Regex(path.into()),
        })
    }
}

impl Wire for TextMatch {
    type Message = pb::TextMatch;

    fn to_wire(&self) -> pb::TextMatch {
        let choice = match self {
            Self::Exact(value) => pb::text_match::Text::Exact(text(value)),
            Self::Regex(value) => pb::text_match::Text::Regex(text(value)),
        };
        pb::TextMatch { text: Some(choice) }
    }

    fn from_wire(message: pb::TextMatch) -> Result<Self, Wrong> {
        let pb::TextMatch { text } = message;
        Ok(match one_of("text", text)? {
            pb::text_match::Text::Exact(value) => Self::Exact(value.into()),
            pb::text_match::Text::Regex(value) => Self::Regex(value.into()),
        })
    }
}

impl Wire for HeaderMatch {
    type Message = pb::HeaderMatch;

    fn to_wire(&self) -> pb::HeaderMatch {
        let Self { name, value } = self;
        pb::HeaderMatch { name: text(name), value: Some(value.to_wire()) }
    }

    fn from_wire(message: pb::HeaderMatch) -> Result<Self, Wrong> {
        let pb::HeaderMatch { name, value } = message;
        Ok(Self { name: name.into(), value: required("value", value)? })
    }
}

impl Wire for QueryMatch {
    type Message = pb::QueryMatch;

    fn to_wire(&self) -> pb::QueryMatch {
        let Self { name, value } = self;
        pb::QueryMatch { name: text(name), value: Some(value.to_wire()) }
    }

    fn from_wire(message: pb::QueryMatch) -> Result<Self, Wrong> {
        let pb::QueryMatch { name, value } = message;
        Ok(Self { name: name.into(), value: required("value", value)? })
    }
}

impl Wire for GrpcMethodMatch {
    type Message = pb::GrpcMethodMatch;

    fn to_wire(&self) -> pb::GrpcMethodMatch {
        let Self { service, method } = self;
        pb::GrpcMethodMatch {
            service: service.as_ref().map(Wire::to_wire),
            method: method.as_ref().map(Wire::to_wire),
        }
    }

    fn from_wire(message: pb::GrpcMethodMatch) -> Result<Self, Wrong> {
        let pb::GrpcMethodMatch { service, method } = message;
        if service.is_none() && method.is_none() {
            return Err(Wrong::new("has neither service nor method"));
        }
        Ok(Self { service: optional("service", service)?, method: optional("method", method)? })
    }
}

impl Wire for WeightedBackend {
    type Message = pb::WeightedBackend;

    fn to_wire(&self) -> pb::WeightedBackend {
        let Self { target, weight, filters } = self;
        pb::WeightedBackend { target: Some(target.to_wire()), weight: *weight, filters: all(filters) }
    }

    fn from_wire(message: pb::WeightedBackend) -> Result<Self, Wrong> {
        let pb::WeightedBackend { target, weight, filters } = message;
        Ok(Self { target: required("target", target)?, weight, filters: each("filters", filters)? })
    }
}

impl Wire for Timeouts {
    type Message = pb::Timeouts;

    fn to_wire(&self) -> pb::Timeouts {
        let Self { request, backend_request } = self;
        pb::Timeouts {
            request: request.as_ref().map(Wire::to_wire),
            backend_request: backend_request.as_ref().map(Wire::to_wire),
        }
    }

    fn from_wire(message: pb::Timeouts) -> Result<Self, Wrong> {
        let pb::Timeouts { request, backend_request } = message;
        Ok(Self {
            request: optional("request", request)?,
            backend_request: optional("backend_request", backend_request)?,
        })
    }
}

impl Wire for Retry {
    type Message = pb::Retry;

    fn to_wire(&self) -> pb::Retry {
        let Self { attempts, codes, backoff } = self;
        pb::Retry {
            attempts: *attempts,
            codes: codes.iter().copied().map(u32::from).collect(),
            backoff: backoff.as_ref().map(Wire::to_wire),
        }
    }

    fn from_wire(message: pb::Retry) -> Result<Self, Wrong> {
        let pb::Retry { attempts, codes, backoff } = message;
        Ok(Self {
            attempts,
            codes: codes.into_iter().map(|code| u16_of("codes", code)).collect::<Result<_, _>>()?,
            backoff: optional("backoff", backoff)?,
        })
    }
}
