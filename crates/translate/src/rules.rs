//! Rules: from the API's shape to the served one, one rule of a route to one rule of the snapshot.

use clearway_k8s::parse_duration;
use clearway_k8s::route::{BackendReference, HttpRouteRule};
use clearway_model::{Filter, Match, Retry, Rule, RuleParent, RuleRef, Timeouts, WeightedBackend};

use crate::attach::{RouteSource, RouteState, RuleVerdict};
use crate::backends::{Asker, Finder};
use crate::listeners::shared;
use crate::problem::Refusal;
use crate::{filters, matches};

/// Makes the rules of a route; `unresolved` takes the references that lead nowhere.
pub(crate) fn convert(
    state: &RouteState,
    parents: &[RuleParent],
    asker: &Asker<'_>,
    backends: &mut Finder<'_, '_>,
    unresolved: &mut Vec<Refusal>,
) -> Vec<Rule> {
    let mut rules = Vec::new();
    for (position, verdict) in state.verdict.rules.iter().enumerate() {
        if matches!(verdict, RuleVerdict::Dropped(_)) {
            continue;
        }
        let path = format!("spec.rules[{position}]");
        let Some(parts) = Parts::of(&state.source, position) else { continue };
        let served = filters::convert(parts.filters, &path, asker, backends, unresolved);
        let targets = targets(parts.backends, &path, asker, backends, unresolved);
        rules.push(Rule {
            rule: RuleRef {
                route: state.key.clone(),
                index: u32::try_from(position).unwrap_or(u32::MAX),
                name: parts.name.map(shared),
            },
            created: state.source.meta().created(),
            parents: parents.to_vec(),
            matches: parts.matches,
            filters: fail_closed(served, verdict),
            backends: targets,
            timeouts: parts.timeouts,
            retry: parts.retry,
            // The translator fills it in: policies are no part of the route.
            observability: None,
        });
    }
    rules
}

/// Makes sure that a rule with an unknown filter, be it at a backend, is answered 500 whatever backend is drawn.
fn fail_closed(mut served: Vec<Filter>, verdict: &RuleVerdict) -> Vec<Filter> {
    let marked = served.iter().any(|filter| matches!(filter, Filter::Unsupported { .. }));
    if matches!(verdict, RuleVerdict::Answered500(_)) && !marked {
        served.push(Filter::Unsupported { kind: shared("backendRefs[].filters") });
    }
    served
}

/// What both kinds of rule have.
struct Parts<'w> {
    name: Option<&'w str>,
    matches: Vec<Match>,
    filters: &'w [clearway_k8s::filter::RouteFilter],
    backends: &'w [BackendReference],
    timeouts: Timeouts,
    retry: Option<Retry>,
}

impl<'w> Parts<'w> {
    fn of(source: &'w RouteSource, position: usize) -> Option<Self> {
        Some(match source {
            RouteSource::Http(route) => {
                let rule = route.spec.rules.get(position)?;
                Self {
                    name: rule.name.as_deref(),
                    matches: matches::http(&rule.matches),
                    filters: &rule.filters,
                    backends: &rule.backend_refs,
                    timeouts: timeouts(rule),
                    retry: retry(rule),
                }
            }
            RouteSource::Grpc(route) => {
                let rule = route.spec.rules.get(position)?;
                Self {
                    name: rule.name.as_deref(),
                    matches: matches::grpc(&rule.matches),
                    filters: &rule.filters,
                    backends: &rule.backend_refs,
                    timeouts: Timeouts::default(),
                    retry: None,
                }
            }
            RouteSource::Stream(_) => return None,
        })
    }
}

fn targets(
    refs: &[BackendReference],
    path: &str,
    asker: &Asker<'_>,
    backends: &mut Finder<'_, '_>,
    unresolved: &mut Vec<Refusal>,
) -> Vec<WeightedBackend> {
    let each = refs.iter().enumerate().map(|(index, reference)| {
        let field = format!("{path}.backendRefs[{index}]");
        let target = backends.resolve(asker, reference.into());
        let target = target.map_err(|refusal| refusal.into_fault(&field, unresolved));
        let filters = filters::convert(&reference.filters, &field, asker, backends, unresolved);
        WeightedBackend { target, weight: reference.weight, filters }
    });
    each.collect()
}

/// Durations were validated; `0s` is no limit.
fn timeouts(rule: &HttpRouteRule) -> Timeouts {
    let read = |text: Option<&String>| {
        text.and_then(|text| parse_duration(text).ok()).filter(|limit| !limit.is_zero())
    };
    let limits = rule.timeouts.as_ref();
    Timeouts {
        request: read(limits.and_then(|limits| limits.request.as_ref())),
        backend_request: read(limits.and_then(|limits| limits.backend_request.as_ref())),
    }
}

/// `attempts: 0` switches retries off.
fn retry(rule: &HttpRouteRule) -> Option<Retry> {
    let retry = rule.retry.as_ref().filter(|retry| retry.attempts > 0)?;
    let mut codes = retry.codes.clone();
    codes.sort_unstable();
    codes.dedup();
    let backoff = retry.backoff.as_deref().and_then(|text| parse_duration(text).ok());
    Some(Retry { attempts: retry.attempts, codes, backoff: backoff.filter(|wait| !wait.is_zero()) })
}
