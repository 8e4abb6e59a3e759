//! Cross-origin resource sharing: preflights are answered here, other responses get their fields (GEP-1767).

use clearway_model::CorsOrigin;
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use crate::http::serve::Visit;
use crate::live::{CompiledCors, CompiledFilters};

/// What CORS makes of a request.
pub(crate) enum Outcome {
    /// A preflight: this is the answer.
    Answer(HeaderMap),
    /// Go on; these fields are added to the response.
    Continue(HeaderMap),
}

/// Looks at the origin of a request.
pub(crate) fn apply(visit: &Visit, filters: &CompiledFilters) -> Outcome {
    let Some(cors) = &filters.cors else { return Outcome::Continue(HeaderMap::new()) };
    let headers = &visit.parts.headers;
    let Some(origin) = headers.get(ORIGIN) else { return Outcome::Continue(HeaderMap::new()) };
    let allowed = is_allowed(cors, origin);
    let preflight =
        visit.parts.method == Method::OPTIONS && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    let mut out = HeaderMap::new();
    if allowed {
        allow_origin(cors, origin, &mut out);
        // A preflight's answer has it too: browsers do not need it there, the conformance suite asks for it.
        if let Some(expose) = &cors.expose {
            out.insert(ACCESS_CONTROL_EXPOSE_HEADERS, expose.clone());
        }
    }
    if preflight {
        if allowed {
            preflight_fields(cors, headers, &mut out);
        }
        return Outcome::Answer(out);
    }
    Outcome::Continue(out)
}

/// Replaces whatever the backend said of CORS: two answers would contradict each other.
pub(crate) fn dress(headers: &mut HeaderMap, cors: &CompiledFilters, fields: HeaderMap) {
    if cors.cors.is_none() {
        return;
    }
    const OURS: [HeaderName; 4] = [
        ACCESS_CONTROL_ALLOW_ORIGIN,
        ACCESS_CONTROL_ALLOW_CREDENTIALS,
        ACCESS_CONTROL_EXPOSE_HEADERS,
        ACCESS_CONTROL_MAX_AGE,
    ];
    for name in OURS {
        headers.remove(name);
    }
    for (name, value) in fields {
        match name {
            Some(name) if name == VARY => drop(headers.append(name, value)),
            Some(name) => drop(headers.insert(name, value)),
            None => {}
        }
    }
}

fn is_allowed(cors: &CompiledCors, origin: &HeaderValue) -> bool {
    let Ok(origin) = origin.to_str() else { return false };
    let origin = origin.to_ascii_lowercase();
    cors.cors.allow_origins.iter().any(|allowed| match allowed {
        CorsOrigin::Any => true,
        CorsOrigin::Exact(exact) => **exact == *origin,
        CorsOrigin::Wildcard { scheme, suffix } => origin
            .strip_prefix(&**scheme)
            .and_then(|host| host.strip_suffix(&**suffix))
            .is_some_and(|labels| !labels.is_empty() && !labels.contains(['/', ':'])),
    })
}

fn allow_origin(cors: &CompiledCors, origin: &HeaderValue, out: &mut HeaderMap) {
    let any = cors.cors.allow_origins.contains(&CorsOrigin::Any);
    if any && !cors.cors.allow_credentials {
        out.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        return;
    }
    out.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    out.insert(VARY, HeaderValue::from_static("Origin"));
    if cors.cors.allow_credentials {
        out.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    }
}

fn preflight_fields(cors: &CompiledCors, request: &HeaderMap, out: &mut HeaderMap) {
    let wildcard = |items: &[std::sync::Arc<str>]| items.iter().any(|item| **item == *"*");
    let methods = if wildcard(&cors.cors.allow_methods) {
        // `*` is a literal name to a browser when credentials are sent, so the asked-for method is echoed.
        any_or_echo(cors, request.get(ACCESS_CONTROL_REQUEST_METHOD))
    } else {
        cors.methods.clone()
    };
    let headers = if wildcard(&cors.cors.allow_headers) {
        any_or_echo(cors, request.get(ACCESS_CONTROL_REQUEST_HEADERS))
    } else {
        cors.headers.clone()
    };
    for (name, value) in [(ACCESS_CONTROL_ALLOW_METHODS, methods), (ACCESS_CONTROL_ALLOW_HEADERS, headers)] {
        if let Some(value) = value {
            out.insert(name, value);
        }
    }
    out.insert(ACCESS_CONTROL_MAX_AGE, cors.max_age.clone());
}

fn any_or_echo(cors: &CompiledCors, asked: Option<&HeaderValue>) -> Option<HeaderValue> {
    if cors.cors.allow_credentials { asked.cloned() } else { Some(HeaderValue::from_static("*")) }
}
