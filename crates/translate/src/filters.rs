//! Filters: from the API's shape to the served one.

use clearway_k8s::conditions::reasons;
use clearway_k8s::filter::{
    CorsFilter, FilterType, HeaderModifier, HttpHeader, PathModifier, RequestMirror, RequestRedirect,
    RouteFilter, UrlRewrite,
};
use clearway_model as model;
use clearway_model::{CorsOrigin, Filter, Fraction, HeaderEdit, PathRewrite};

use crate::backends::{Asker, Finder};
use crate::listeners::shared;
use crate::problem::Refusal;

/// Turns filters into served ones. References that lead nowhere go to `unresolved`.
pub(crate) fn convert(
    filters: &[RouteFilter],
    path: &str,
    asker: &Asker<'_>,
    backends: &mut Finder<'_, '_>,
    unresolved: &mut Vec<Refusal>,
) -> Vec<Filter> {
    let mut served = Vec::with_capacity(filters.len());
    for (index, filter) in filters.iter().enumerate() {
        let path = || format!("{path}.filters[{index}]");
        let converted = match &filter.kind {
            FilterType::RequestHeaderModifier => {
                filter.request_header_modifier.as_ref().map(|spec| Filter::RequestHeaders(headers(spec)))
            }
            FilterType::ResponseHeaderModifier => {
                filter.response_header_modifier.as_ref().map(|spec| Filter::ResponseHeaders(headers(spec)))
            }
            FilterType::RequestRedirect => filter.request_redirect.as_ref().map(redirect),
            FilterType::UrlRewrite => filter.url_rewrite.as_ref().map(rewrite),
            FilterType::Cors => filter.cors.as_ref().map(cors),
            FilterType::RequestMirror => filter.request_mirror.as_ref().map(|spec| {
                let field = format!("{}.requestMirror.backendRef", path());
                mirror(spec, &field, asker, backends, unresolved)
            }),
            FilterType::ExtensionRef => {
                let name = filter.extension_ref.as_ref();
                let name = name.map_or_else(String::new, |spec| format!("{} {}", spec.kind, spec.name));
                let message =
                    format!("{name} is no filter that is known; requests are answered 500; remove it");
                unresolved.push(Refusal::new(
                    reasons::INVALID_KIND,
                    format!("{}.extensionRef", path()),
                    message,
                ));
                None
            }
            FilterType::Unknown(_) => None,
        };
        // A filter must never be skipped: what cannot be done is answered 500.
        served.push(converted.unwrap_or_else(|| Filter::Unsupported { kind: shared(filter.kind.as_str()) }));
    }
    served
}

fn headers(spec: &HeaderModifier) -> model::HeaderModifier {
    let edits = |list: &[HttpHeader]| {
        let edit = |header: &HttpHeader| HeaderEdit {
            name: header.name.to_ascii_lowercase().into(),
            value: shared(&header.value),
        };
        list.iter().map(edit).collect()
    };
    model::HeaderModifier {
        set: edits(&spec.set),
        add: edits(&spec.add),
        remove: spec.remove.iter().map(|name| name.to_ascii_lowercase().into()).collect(),
    }
}

fn redirect(spec: &RequestRedirect) -> Filter {
    Filter::Redirect(model::Redirect {
        scheme: spec.scheme.as_deref().map(shared),
        hostname: spec.hostname.as_deref().map(shared),
        path: spec.path.as_ref().and_then(path_rewrite),
        port: spec.port,
        status: spec.status_code,
    })
}

fn rewrite(spec: &UrlRewrite) -> Filter {
    Filter::Rewrite(model::UrlRewrite {
        hostname: spec.hostname.as_deref().map(shared),
        path: spec.path.as_ref().and_then(path_rewrite),
    })
}

fn path_rewrite(spec: &PathModifier) -> Option<PathRewrite> {
    let full = spec.replace_full_path.as_deref().map(|path| PathRewrite::Full(shared(path)));
    full.or_else(|| spec.replace_prefix_match.as_deref().map(|path| PathRewrite::Prefix(shared(path))))
}

fn mirror(
    spec: &RequestMirror,
    field: &str,
    asker: &Asker<'_>,
    backends: &mut Finder<'_, '_>,
    unresolved: &mut Vec<Refusal>,
) -> Filter {
    let target = backends
        .resolve(asker, (&spec.backend_ref).into())
        .map_err(|refusal| refusal.into_fault(field, unresolved));
    let fraction = match (spec.percent, spec.fraction) {
        (Some(percent), _) => Fraction { numerator: percent, denominator: 100 },
        (None, Some(part)) => Fraction { numerator: part.numerator, denominator: part.denominator },
        (None, None) => Fraction { numerator: 1, denominator: 1 },
    };
    Filter::Mirror(model::Mirror { target, fraction })
}

fn cors(spec: &CorsFilter) -> Filter {
    let texts = |list: &[String]| list.iter().map(|text| shared(text)).collect();
    Filter::Cors(model::Cors {
        allow_origins: spec.allow_origins.iter().map(|text| origin(text)).collect(),
        allow_credentials: spec.allow_credentials,
        allow_methods: texts(&spec.allow_methods),
        allow_headers: texts(&spec.allow_headers),
        expose_headers: texts(&spec.expose_headers),
        max_age_seconds: spec.max_age,
    })
}

/// Browsers leave out the port that belongs to the scheme, so it is left out here too.
fn origin(text: &str) -> CorsOrigin {
    let lower = text.to_ascii_lowercase();
    let plain = match lower.split_once("://") {
        Some(("https", _)) => lower.strip_suffix(":443").unwrap_or(&lower),
        Some(("http", _)) => lower.strip_suffix(":80").unwrap_or(&lower),
        _ => &lower,
    };
    if plain == "*" {
        return CorsOrigin::Any;
    }
    match plain.split_once("://*") {
        Some((scheme, suffix)) => {
            CorsOrigin::Wildcard { scheme: format!("{scheme}://").into(), suffix: suffix.into() }
        }
        None => CorsOrigin::Exact(plain.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::origin;
    use clearway_model::CorsOrigin;

    #[test]
    fn origins_are_compared_as_browsers_write_them() {
        let wildcard = |scheme: &str, suffix: &str| CorsOrigin::Wildcard {
            scheme: scheme.into(),
            suffix: suffix.into(),
        };
        let cases = [
            ("*", CorsOrigin::Any),
            ("https://Shop.example:443", CorsOrigin::Exact("https://shop.example".into())),
            ("http://shop.example:443", CorsOrigin::Exact("http://shop.example:443".into())),
            ("http://shop.example:80", CorsOrigin::Exact("http://shop.example".into())),
            ("https://*.shop.example:8443", wildcard("https://", ".shop.example:8443")),
            ("https://*", wildcard("https://", "")),
        ];
        for (text, want) in cases {
            assert_eq!(origin(text), want, "{text}");
        }
    }
}
