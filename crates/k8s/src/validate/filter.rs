//! Filters: each with its own setting and no other, none twice where the API says so.

use super::{Findings, text};
use crate::filter::{
    CorsFilter, FilterType, HeaderModifier, PathModifier, PathModifierType, RequestMirror, RouteFilter,
};
use crate::route::{HttpRouteMatch, PathMatchType};

/// Filters that only HTTPRoutes have.
const HTTP_ONLY: &[FilterType] = &[FilterType::RequestRedirect, FilterType::UrlRewrite, FilterType::Cors];
/// Filters that may stand several times.
const REPEATABLE: &[FilterType] = &[FilterType::RequestMirror, FilterType::ExtensionRef];

/// Where filters stand.
pub(super) struct Place<'a> {
    /// Path of the list.
    pub(super) path: String,
    /// Matches of the HTTPRoute rule; `None` in a GRPCRoute.
    pub(super) matches: Option<&'a [HttpRouteMatch]>,
}

pub(super) fn check(filters: &[RouteFilter], place: &Place<'_>, findings: &mut Findings) {
    let filters = findings.at_most(|| place.path.clone(), filters, 16);
    for (index, filter) in filters.iter().enumerate() {
        let path = format!("{}[{index}]", place.path);
        let earlier = filters.iter().take(index);
        if !REPEATABLE.contains(&filter.kind)
            && !filter.kind.is_unknown()
            && earlier.into_iter().any(|other| other.kind == filter.kind)
        {
            findings.clash(&path, format!("{} stands twice; merge the two into one filter", filter.kind));
        }
        check_one(filter, &path, place, findings);
    }
    let has = |kind| filters.iter().any(|filter| filter.kind == kind);
    if has(FilterType::RequestRedirect) && has(FilterType::UrlRewrite) {
        findings.clash(
            place.path.clone(),
            "RequestRedirect and URLRewrite do not go together; put them into different rules",
        );
    }
}

fn check_one(filter: &RouteFilter, path: &str, place: &Place<'_>, findings: &mut Findings) {
    let at = |field: &str| format!("{path}.{field}");
    findings.known(|| at("type"), filter.kind.is_unknown(), filter.kind.as_str(), FilterType::KNOWN);
    if place.matches.is_none() && HTTP_ONLY.contains(&filter.kind) {
        findings.refuse(at("type"), format!("{} is not for a GRPCRoute", filter.kind));
    }
    let settings = [
        (
            FilterType::RequestHeaderModifier,
            "requestHeaderModifier",
            filter.request_header_modifier.is_some(),
        ),
        (
            FilterType::ResponseHeaderModifier,
            "responseHeaderModifier",
            filter.response_header_modifier.is_some(),
        ),
        (FilterType::RequestMirror, "requestMirror", filter.request_mirror.is_some()),
        (FilterType::RequestRedirect, "requestRedirect", filter.request_redirect.is_some()),
        (FilterType::UrlRewrite, "urlRewrite", filter.url_rewrite.is_some()),
        (FilterType::Cors, "cors", filter.cors.is_some()),
        (FilterType::ExtensionRef, "extensionRef", filter.extension_ref.is_some()),
    ];
    for (kind, field, present) in settings {
        if present && filter.kind != kind {
            findings
                .refuse(at(field), format!("does not belong to a filter of type {}; remove it", filter.kind));
        } else if !present && filter.kind == kind {
            findings.refuse(at(field), format!("is missing; a filter of type {kind} needs it"));
        }
    }
    if let Some(modifier) = &filter.request_header_modifier {
        headers(modifier, &at("requestHeaderModifier"), findings);
    }
    if let Some(modifier) = &filter.response_header_modifier {
        headers(modifier, &at("responseHeaderModifier"), findings);
    }
    if let Some(mirror) = &filter.request_mirror {
        check_mirror(mirror, &at("requestMirror"), findings);
    }
    if let Some(redirect) = &filter.request_redirect {
        let path = at("requestRedirect");
        if let Some(scheme) = redirect.scheme.as_deref().filter(|scheme| !matches!(*scheme, "http" | "https"))
        {
            findings.refuse(format!("{path}.scheme"), format!("`{scheme}` must be http or https"));
        }
        if !matches!(redirect.status_code, 301 | 302 | 303 | 307 | 308) {
            let message = format!("{} is no redirect; use 301, 302, 303, 307 or 308", redirect.status_code);
            findings.refuse(format!("{path}.statusCode"), message);
        }
        findings.port(|| format!("{path}.port"), redirect.port);
        host_and_path(redirect.hostname.as_deref(), redirect.path.as_ref(), &path, place, findings);
    }
    if let Some(rewrite) = &filter.url_rewrite {
        host_and_path(rewrite.hostname.as_deref(), rewrite.path.as_ref(), &at("urlRewrite"), place, findings);
    }
    if let Some(cors) = &filter.cors {
        check_cors(cors, &at("cors"), findings);
    }
}

fn headers(modifier: &HeaderModifier, path: &str, findings: &mut Findings) {
    for (field, list) in [("set", &modifier.set), ("add", &modifier.add)] {
        let list = findings.at_most(|| format!("{path}.{field}"), list, 16);
        for (index, header) in list.iter().enumerate() {
            findings.check(|| format!("{path}.{field}[{index}].name"), text::header_name(&header.name));
            findings.check(|| format!("{path}.{field}[{index}].value"), text::header_value(&header.value));
            let again = list.iter().take(index).any(|other| other.name.eq_ignore_ascii_case(&header.name));
            if again {
                let message = format!("`{}` stands twice; each name may stand once", header.name);
                findings.refuse(format!("{path}.{field}[{index}].name"), message);
            }
        }
    }
    let remove = findings.at_most(|| format!("{path}.remove"), &modifier.remove, 16);
    for (index, name) in remove.iter().enumerate() {
        findings.check(|| format!("{path}.remove[{index}]"), text::header_name(name));
    }
}

fn check_mirror(mirror: &RequestMirror, path: &str, findings: &mut Findings) {
    super::route::backend_object(&mirror.backend_ref, &format!("{path}.backendRef"), findings);
    if mirror.percent.is_some() && mirror.fraction.is_some() {
        findings.refuse(format!("{path}.fraction"), "does not go together with percent; remove one of them");
    }
    if let Some(percent) = mirror.percent.filter(|percent| *percent > 100) {
        findings.refuse(format!("{path}.percent"), format!("{percent} is more than 100"));
    }
    if let Some(fraction) = mirror.fraction
        && (fraction.denominator == 0 || fraction.numerator > fraction.denominator)
    {
        findings.refuse(
            format!("{path}.fraction"),
            "must be at most one: numerator at most denominator, and denominator not 0",
        );
    }
}

fn host_and_path(
    hostname: Option<&str>,
    modifier: Option<&PathModifier>,
    path: &str,
    place: &Place<'_>,
    findings: &mut Findings,
) {
    if let Some(hostname) = hostname {
        findings.check(|| format!("{path}.hostname"), text::hostname(hostname, false));
    }
    let Some(modifier) = modifier else { return };
    let at = |field: &str| format!("{path}.path.{field}");
    let kind = &modifier.kind;
    findings.known(|| at("type"), kind.is_unknown(), kind.as_str(), PathModifierType::KNOWN);
    let settings = [
        (PathModifierType::ReplaceFullPath, "replaceFullPath", &modifier.replace_full_path),
        (PathModifierType::ReplacePrefixMatch, "replacePrefixMatch", &modifier.replace_prefix_match),
    ];
    for (wanted, field, value) in settings {
        match value {
            Some(_) if *kind != wanted => {
                findings.refuse(at(field), format!("does not belong to type {kind}; remove it"));
            }
            None if *kind == wanted => {
                findings.refuse(at(field), format!("is missing; type {kind} needs it"))
            }
            Some(value) => findings.check(|| at(field), text::replacement_path(value)),
            None => {}
        }
    }
    if *kind == PathModifierType::ReplacePrefixMatch
        && let Some(matches) = place.matches
    {
        let one_prefix = match matches {
            [] => true,
            [only] => only.path.kind == PathMatchType::PathPrefix,
            _ => false,
        };
        if !one_prefix {
            findings.refuse(
                at("type"),
                "ReplacePrefixMatch needs exactly one match in the rule, of type PathPrefix",
            );
        }
    }
}

fn check_cors(cors: &CorsFilter, path: &str, findings: &mut Findings) {
    let lists = [
        ("allowOrigins", &cors.allow_origins, 64),
        ("allowMethods", &cors.allow_methods, 9),
        ("allowHeaders", &cors.allow_headers, 64),
        ("exposeHeaders", &cors.expose_headers, 64),
    ];
    for (field, list, limit) in lists {
        let list = findings.at_most(|| format!("{path}.{field}"), list, limit);
        if field != "exposeHeaders" && list.len() > 1 && list.iter().any(|entry| entry == "*") {
            findings.refuse(format!("{path}.{field}"), "holds `*` beside others; `*` must stand alone");
        }
        for (index, entry) in list.iter().enumerate() {
            let problem = match field {
                "allowOrigins" => text::origin(entry),
                "allowMethods" => {
                    let known =
                        ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "*"];
                    (!known.contains(&entry.as_str()))
                        .then(|| format!("`{entry}` is no method; use one of {}", known.join(", ")))
                }
                _ => text::header_name(entry),
            };
            findings.check(|| format!("{path}.{field}[{index}]"), problem);
        }
    }
    if cors.max_age == 0 {
        findings.refuse(format!("{path}.maxAge"), "must be at least 1 second");
    }
}
