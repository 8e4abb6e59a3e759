//! Matches of rules, and the verdict on each rule: served, dropped, or answered 500.

use std::collections::{BTreeSet, HashSet};

use clearway_k8s::conditions::reasons;
use clearway_k8s::route::{
    GrpcRoute, GrpcRouteMatch, HttpRoute, HttpRouteMatch, PathMatchType, TextMatchType, ValueMatch,
};
use clearway_k8s::validate::{MOST_RULES, validate_grpc_route, validate_http_route, validate_stream_route};
use clearway_k8s::{FieldError, Severity};
use clearway_model::{GrpcMethodMatch, HeaderMatch, Match, PathMatch, QueryMatch, TextMatch};

use crate::attach::{RouteSource, RuleVerdict, Verdict};
use crate::listeners::shared;
use crate::problem::Refusal;

/// Validates a route and each of its rules.
pub(crate) fn judge(source: &RouteSource) -> Verdict {
    let (mut errors, count) = match source {
        RouteSource::Http(route) => (validate_http_route(route), route.spec.rules.len()),
        RouteSource::Grpc(route) => (validate_grpc_route(route), route.spec.rules.len()),
        RouteSource::Stream(route) => (validate_stream_route(route), 0),
    };
    errors.retain(|error| error.severity == Severity::Error);
    let whole = errors.iter().find(|error| rule_of(&error.path).is_none()).map(refusal);
    let mut budget = Budget::default();
    // A route with more rules is refused as a whole.
    let rules =
        (0..count.min(MOST_RULES)).map(|position| rule_verdict(&errors, position, source, &mut budget));
    let rules = rules.collect();
    Verdict { whole, rules }
}

/// What the regular expressions of one route may cost, in bytes.
const EXPRESSIONS_BYTES: usize = 8 << 20;

/// What is left for the regular expressions of a route. One that stands several times is compiled once.
struct Budget {
    left: usize,
    seen: HashSet<String>,
}

impl Default for Budget {
    fn default() -> Self {
        Self { left: EXPRESSIONS_BYTES, seen: HashSet::new() }
    }
}

impl Budget {
    /// Takes an expression in, or says why it cannot be served.
    fn charge(&mut self, text: &str, field: impl FnOnce() -> String) -> Option<Refusal> {
        if self.seen.contains(text) {
            return None;
        }
        let problem = match clearway_route::expression_cost(text) {
            Ok(cost) if cost <= self.left => {
                self.left -= cost;
                self.seen.insert(text.to_owned());
                return None;
            }
            Ok(_) => format!(
                "the regular expressions of the route need more than {EXPRESSIONS_BYTES} bytes when compiled; use fewer or \
                 smaller ones"
            ),
            Err(reason) => format!("`{text}` is no regular expression that can be served: {reason}"),
        };
        Some(Refusal::new(reasons::UNSUPPORTED_VALUE, field(), problem))
    }
}

fn rule_verdict(
    errors: &[FieldError],
    position: usize,
    source: &RouteSource,
    budget: &mut Budget,
) -> RuleVerdict {
    let mine: Vec<_> = errors.iter().filter(|error| rule_of(&error.path) == Some(position)).collect();
    let unknown_filter =
        |error: &&FieldError| error.path.contains(".filters[") && error.path.ends_with("].type");
    let other = mine.iter().find(|error| !unknown_filter(error));
    if let Some(error) = other {
        return RuleVerdict::Dropped(refusal(error));
    }
    let expression = match source {
        RouteSource::Http(route) => http_expressions(route, position, budget),
        RouteSource::Grpc(route) => grpc_expressions(route, position, budget),
        RouteSource::Stream(_) => None,
    };
    match (expression, mine.first()) {
        (Some(refusal), _) => RuleVerdict::Dropped(refusal),
        (None, Some(error)) => RuleVerdict::Answered500(refusal(error)),
        (None, None) => RuleVerdict::Served,
    }
}

fn refusal(error: &FieldError) -> Refusal {
    Refusal::new(error.reason, &error.path, &error.message)
}

/// The rule that a path such as `spec.rules[3].name` is in.
fn rule_of(path: &str) -> Option<usize> {
    path.strip_prefix("spec.rules[")?.split_once(']')?.0.parse().ok()
}

fn http_expressions(route: &HttpRoute, rule: usize, budget: &mut Budget) -> Option<Refusal> {
    let matches = route.spec.rules.get(rule).into_iter().flat_map(|rule| rule.matches.iter().enumerate());
    for (index, entry) in matches {
        let path = format!("spec.rules[{rule}].matches[{index}]");
        if entry.path.kind == PathMatchType::RegularExpression
            && let Some(refusal) = budget.charge(&entry.path.value, || format!("{path}.path.value"))
        {
            return Some(refusal);
        }
        let refusal = values(&entry.headers, &format!("{path}.headers"), budget)
            .or_else(|| values(&entry.query_params, &format!("{path}.queryParams"), budget));
        if refusal.is_some() {
            return refusal;
        }
    }
    None
}

fn grpc_expressions(route: &GrpcRoute, rule: usize, budget: &mut Budget) -> Option<Refusal> {
    let matches = route.spec.rules.get(rule).into_iter().flat_map(|rule| rule.matches.iter().enumerate());
    for (index, entry) in matches {
        let path = format!("spec.rules[{rule}].matches[{index}]");
        let method = entry.method.iter().filter(|method| method.kind == TextMatchType::RegularExpression);
        let texts = method.flat_map(|method| [("service", &method.service), ("method", &method.method)]);
        for (field, text) in texts {
            let Some(text) = text else { continue };
            let refusal = budget.charge(text, || format!("{path}.method.{field}"));
            if refusal.is_some() {
                return refusal;
            }
        }
        let refusal = values(&entry.headers, &format!("{path}.headers"), budget);
        if refusal.is_some() {
            return refusal;
        }
    }
    None
}

fn values(list: &[ValueMatch], path: &str, budget: &mut Budget) -> Option<Refusal> {
    let mut expressions =
        list.iter().enumerate().filter(|(_, value)| value.kind == TextMatchType::RegularExpression);
    expressions.find_map(|(index, value)| budget.charge(&value.value, || format!("{path}[{index}].value")))
}

/// Matches of an HTTPRoute rule; never empty.
pub(crate) fn http(matches: &[HttpRouteMatch]) -> Vec<Match> {
    if matches.is_empty() {
        return vec![http_match(&HttpRouteMatch::default())];
    }
    matches.iter().map(http_match).collect()
}

fn http_match(entry: &HttpRouteMatch) -> Match {
    let value = shared(&entry.path.value);
    let path = match entry.path.kind {
        PathMatchType::Exact => PathMatch::Exact(value),
        PathMatchType::RegularExpression => PathMatch::Regex(value),
        PathMatchType::PathPrefix | PathMatchType::Unknown(_) => PathMatch::Prefix(value),
    };
    let mut names = BTreeSet::new();
    // Of several conditions on one name only the first counts (Gateway API, HTTPHeaderMatch and HTTPQueryParamMatch).
    let query = entry.query_params.iter().filter(|query| names.insert(&query.name));
    Match::Http {
        path,
        headers: headers(&entry.headers),
        query: query.map(|query| QueryMatch { name: shared(&query.name), value: text(query) }).collect(),
        method: entry.method.as_ref().map(|method| shared(method.as_str())),
    }
}

/// Matches of a GRPCRoute rule; never empty.
pub(crate) fn grpc(matches: &[GrpcRouteMatch]) -> Vec<Match> {
    if matches.is_empty() {
        return vec![Match::Grpc { method: None, headers: Vec::new() }];
    }
    let each = matches.iter().map(|entry| {
        let method = entry.method.as_ref().map(|method| {
            let text = |text: &String| match method.kind {
                TextMatchType::RegularExpression => TextMatch::Regex(shared(text)),
                _ => TextMatch::Exact(shared(text)),
            };
            GrpcMethodMatch {
                service: method.service.as_ref().map(text),
                method: method.method.as_ref().map(text),
            }
        });
        Match::Grpc { method, headers: headers(&entry.headers) }
    });
    each.collect()
}

fn headers(list: &[ValueMatch]) -> Vec<HeaderMatch> {
    let mut names = BTreeSet::new();
    let lowered = list.iter().map(|header| (header.name.to_ascii_lowercase(), header));
    let first = lowered.filter(|(name, _)| names.insert(name.clone()));
    first.map(|(name, header)| HeaderMatch { name: name.into(), value: text(header) }).collect()
}

fn text(value: &ValueMatch) -> TextMatch {
    match value.kind {
        TextMatchType::RegularExpression => TextMatch::Regex(shared(&value.value)),
        _ => TextMatch::Exact(shared(&value.value)),
    }
}
