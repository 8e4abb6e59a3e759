//! Routes of all kinds. What is wrong within `spec.rules[i]` concerns that rule alone.

use std::collections::BTreeSet;

use super::filter::{Place, check as check_filters};
use super::{FieldError, Findings, text};
use crate::duration::parse_duration;
use crate::filter::{BackendObject, FilterType};
use crate::route::{
    BackendReference, GrpcMethodMatch, GrpcRoute, HttpMethod, HttpRoute, HttpRouteMatch, HttpRouteRule,
    ParentReference, PathMatchType, TextMatchType, ValueMatch,
};
use crate::stream_route::StreamRoute;

/// Most rules of a route.
pub const MOST_RULES: usize = 16;
/// Most parents of a route.
pub const MOST_PARENTS: usize = 32;
/// Most backends of a rule.
pub const MOST_BACKENDS: usize = 16;
/// Most hostnames of a route.
pub const MOST_HOSTNAMES: usize = 16;
/// Most matches of all rules of a route.
const MOST_MATCHES: usize = 128;
/// Most tries after the first. The API has no bound; without one a route could keep the gateway busy with one request.
const MOST_ATTEMPTS: u32 = 32;

/// Everything that is wrong with an HTTPRoute.
pub fn validate_http_route(route: &HttpRoute) -> Vec<FieldError> {
    let mut findings = Findings::default();
    let spec = &route.spec;
    common(&spec.parent_refs, &spec.hostnames, &mut findings);
    let rules = findings.at_most(|| "spec.rules".to_owned(), &spec.rules, MOST_RULES);
    all_matches(rules.iter().map(|rule| rule.matches.len()), &mut findings);
    names(rules.iter().map(|rule| rule.name.as_deref()), &mut findings);
    for (index, rule) in rules.iter().enumerate() {
        http_rule(rule, &format!("spec.rules[{index}]"), &mut findings);
    }
    findings.into_errors()
}

/// Everything that is wrong with a GRPCRoute.
pub fn validate_grpc_route(route: &GrpcRoute) -> Vec<FieldError> {
    let mut findings = Findings::default();
    let spec = &route.spec;
    common(&spec.parent_refs, &spec.hostnames, &mut findings);
    let rules = findings.at_most(|| "spec.rules".to_owned(), &spec.rules, MOST_RULES);
    all_matches(rules.iter().map(|rule| rule.matches.len()), &mut findings);
    names(rules.iter().map(|rule| rule.name.as_deref()), &mut findings);
    for (index, rule) in rules.iter().enumerate() {
        let path = format!("spec.rules[{index}]");
        for (index, entry) in rule.matches.iter().take(MOST_MATCHES).enumerate() {
            let path = format!("{path}.matches[{index}]");
            if let Some(method) = &entry.method {
                grpc_method(method, &format!("{path}.method"), &mut findings);
            }
            values(&entry.headers, &format!("{path}.headers"), &mut findings);
        }
        check_filters(
            &rule.filters,
            &Place { path: format!("{path}.filters"), matches: None },
            &mut findings,
        );
        backends(&rule.backend_refs, &path, None, &mut findings);
        if rule.has_session_persistence {
            findings.warn(format!("{path}.sessionPersistence"), NO_SESSION_PERSISTENCE);
        }
    }
    findings.into_errors()
}

/// Everything that is wrong with a TLSRoute, TCPRoute or UDPRoute.
pub fn validate_stream_route(route: &StreamRoute) -> Vec<FieldError> {
    let mut findings = Findings::default();
    let spec = &route.spec;
    common(&spec.parent_refs, &spec.hostnames, &mut findings);
    let rules = findings.at_most(|| "spec.rules".to_owned(), &spec.rules, MOST_RULES);
    names(rules.iter().map(|rule| rule.name.as_deref()), &mut findings);
    for (index, rule) in rules.iter().enumerate() {
        backends(&rule.backend_refs, &format!("spec.rules[{index}]"), None, &mut findings);
    }
    findings.into_errors()
}

const NO_SESSION_PERSISTENCE: &str = "is not supported and has no effect; remove it";

fn common(parents: &[ParentReference], hostnames: &[String], findings: &mut Findings) {
    let parents = findings.at_most(|| "spec.parentRefs".to_owned(), parents, MOST_PARENTS);
    let mut seen = BTreeSet::new();
    for (index, parent) in parents.iter().enumerate() {
        if !seen.insert(parent) {
            findings.refuse(format!("spec.parentRefs[{index}]"), "stands twice; remove one of them");
        }
        findings.port(|| format!("spec.parentRefs[{index}].port"), parent.port);
    }
    let hostnames = findings.at_most(|| "spec.hostnames".to_owned(), hostnames, MOST_HOSTNAMES);
    for (index, hostname) in hostnames.iter().enumerate() {
        findings.check(|| format!("spec.hostnames[{index}]"), text::hostname(hostname, true));
    }
}

fn all_matches(counts: impl Iterator<Item = usize>, findings: &mut Findings) {
    let sum: usize = counts.sum();
    if sum > MOST_MATCHES {
        let message = format!("hold {sum} entries; at most {MOST_MATCHES} are allowed");
        findings.refuse("spec.rules[].matches", message);
    }
}

fn names<'a>(names: impl Iterator<Item = Option<&'a str>>, findings: &mut Findings) {
    let mut seen = BTreeSet::new();
    for (index, name) in names.enumerate() {
        let Some(name) = name else { continue };
        let path = || format!("spec.rules[{index}].name");
        findings.check(path, text::section_name(name));
        if !seen.insert(name) {
            findings.refuse(path(), format!("`{name}` names two rules; names are unique in a route"));
        }
    }
}

fn http_rule(rule: &HttpRouteRule, path: &str, findings: &mut Findings) {
    let matches = findings.at_most(|| format!("{path}.matches"), &rule.matches, 64);
    for (index, entry) in matches.iter().enumerate() {
        http_match(entry, &format!("{path}.matches[{index}]"), findings);
    }
    let place = Place { path: format!("{path}.filters"), matches: Some(&rule.matches) };
    check_filters(&rule.filters, &place, findings);
    let redirects = rule.filters.iter().any(|filter| filter.kind == FilterType::RequestRedirect);
    if redirects && !rule.backend_refs.is_empty() {
        findings.clash(
            format!("{path}.backendRefs"),
            "never get a request because the rule redirects; remove them or the RequestRedirect filter",
        );
    }
    backends(&rule.backend_refs, path, Some(&rule.matches), findings);
    timeouts(rule, path, findings);
    if rule.has_session_persistence {
        findings.warn(format!("{path}.sessionPersistence"), NO_SESSION_PERSISTENCE);
    }
}

fn http_match(entry: &HttpRouteMatch, path: &str, findings: &mut Findings) {
    let kind = &entry.path.kind;
    findings.known(|| format!("{path}.path.type"), kind.is_unknown(), kind.as_str(), PathMatchType::KNOWN);
    if matches!(kind, PathMatchType::Exact | PathMatchType::PathPrefix) {
        findings.check(|| format!("{path}.path.value"), text::path(&entry.path.value));
    }
    values(&entry.headers, &format!("{path}.headers"), findings);
    let queries = findings.at_most(|| format!("{path}.queryParams"), &entry.query_params, 16);
    for (index, query) in queries.iter().enumerate() {
        let path = || format!("{path}.queryParams[{index}].type");
        findings.known(path, query.kind.is_unknown(), query.kind.as_str(), TextMatchType::KNOWN);
    }
    if let Some(method) = &entry.method {
        findings.known(|| format!("{path}.method"), method.is_unknown(), method.as_str(), HttpMethod::KNOWN);
    }
}

fn values(list: &[ValueMatch], path: &str, findings: &mut Findings) {
    let list = findings.at_most(|| path.to_owned(), list, 16);
    for (index, value) in list.iter().enumerate() {
        let kind = &value.kind;
        findings.known(
            || format!("{path}[{index}].type"),
            kind.is_unknown(),
            kind.as_str(),
            TextMatchType::KNOWN,
        );
        findings.check(|| format!("{path}[{index}].name"), text::header_name(&value.name));
    }
}

fn grpc_method(method: &GrpcMethodMatch, path: &str, findings: &mut Findings) {
    let kind = &method.kind;
    findings.known(|| format!("{path}.type"), kind.is_unknown(), kind.as_str(), TextMatchType::KNOWN);
    if method.service.is_none() && method.method.is_none() {
        findings.refuse(path, "needs service or method");
    }
    if *kind == TextMatchType::Exact {
        let service = method.service.as_deref().and_then(text::grpc_service);
        findings.check(|| format!("{path}.service"), service);
        findings.check(|| format!("{path}.method"), method.method.as_deref().and_then(text::grpc_method));
    }
}

fn timeouts(rule: &HttpRouteRule, path: &str, findings: &mut Findings) {
    let mut read = |text: Option<&String>, field: &str| {
        let result = parse_duration(text?);
        result.map_err(|message| findings.refuse(format!("{path}.{field}"), message)).ok()
    };
    let limits = rule.timeouts.as_ref();
    let request = read(limits.and_then(|limits| limits.request.as_ref()), "timeouts.request");
    let try_limit =
        read(limits.and_then(|limits| limits.backend_request.as_ref()), "timeouts.backendRequest");
    read(rule.retry.as_ref().and_then(|retry| retry.backoff.as_ref()), "retry.backoff");
    if let (Some(request), Some(try_limit)) = (request, try_limit)
        && !request.is_zero()
        && try_limit > request
    {
        findings.refuse(
            format!("{path}.timeouts.backendRequest"),
            "is longer than timeouts.request; make it shorter or equal",
        );
    }
    let Some(retry) = &rule.retry else { return };
    if retry.attempts > MOST_ATTEMPTS {
        let message = format!("{} is more than {MOST_ATTEMPTS}", retry.attempts);
        findings.refuse(format!("{path}.retry.attempts"), message);
    }
    let codes = findings.at_most(|| format!("{path}.retry.codes"), &retry.codes, 200);
    for (index, code) in codes.iter().enumerate() {
        if !(400..=599).contains(code) {
            let message = format!("{code} is no status of an error; use 400 to 599");
            findings.refuse(format!("{path}.retry.codes[{index}]"), message);
        }
    }
}

fn backends(
    refs: &[BackendReference],
    path: &str,
    matches: Option<&[HttpRouteMatch]>,
    findings: &mut Findings,
) {
    let refs = findings.at_most(|| format!("{path}.backendRefs"), refs, MOST_BACKENDS);
    for (index, backend) in refs.iter().enumerate() {
        let path = format!("{path}.backendRefs[{index}]");
        backend_object(&backend.object(), &path, findings);
        if backend.weight > 1_000_000 {
            findings.refuse(format!("{path}.weight"), format!("{} is more than 1000000", backend.weight));
        }
        check_filters(&backend.filters, &Place { path: format!("{path}.filters"), matches }, findings);
    }
}

/// A reference to something that takes requests.
pub(super) fn backend_object(object: &BackendObject, path: &str, findings: &mut Findings) {
    findings.port(|| format!("{path}.port"), object.port);
    if object.group.is_empty() && object.kind == "Service" && object.port.is_none() {
        findings.refuse(format!("{path}.port"), "is missing; a reference to a Service needs its port");
    }
}
