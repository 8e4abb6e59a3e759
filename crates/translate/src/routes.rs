//! Routes: what becomes of one, its rules and its status. `translator` asks, and asks again only when something that
//! went into the answer has changed.

use std::collections::{BTreeMap, BTreeSet};

use clearway_k8s::Condition;
use clearway_k8s::conditions::{reasons, types};
use clearway_k8s::stream_route::StreamRoute;
use clearway_k8s::validate::{MOST_BACKENDS, MOST_RULES};
use clearway_model::{Hostname, ListenerRef, ObjectRef, Rule, RuleParent};

use crate::attach::{ParentState, RouteSource, RouteState, RuleVerdict};
use crate::backends::{Asker, Finder, Seen};
use crate::gateways::GatewayState;
use crate::problem::Refusal;
use crate::rules;
use crate::status::{RouteParentStatus, RouteStatus};
use crate::{Exposure, Options};

/// What becomes of a route.
#[derive(Default)]
pub(crate) struct Outcome {
    /// Rules that are served, by their index.
    pub(crate) rules: Vec<Rule>,
    /// What is said of it; nothing when none of its parents is ours.
    pub(crate) status: Option<RouteStatus>,
    /// What is wrong with it.
    pub(crate) problems: Vec<Refusal>,
    /// Listeners that count it.
    pub(crate) counted: BTreeSet<(usize, usize)>,
    /// Gateways that accept it.
    pub(crate) gateways: BTreeSet<ObjectRef>,
    /// What its references led to.
    pub(crate) seen: Seen,
}

/// Makes the rules of a route and its status.
pub(crate) fn serve(
    state: &RouteState,
    gateways: &[GatewayState<'_>],
    options: &Options,
    mut finder: Finder<'_, '_>,
) -> Outcome {
    if state.parents.is_empty() {
        return Outcome { problems: state.missing.clone(), ..Outcome::default() };
    }
    let parents = parents(state, gateways);
    let accepted = state.parents.iter().filter(|parent| parent.refusal.is_none());
    let users = accepted.filter_map(|parent| gateways.get(parent.gateway)).map(|gateway| gateway.key.clone());
    let served = !parents.is_empty();
    let guarded = options.exposure == Exposure::Cluster;
    let asker = Asker { kind: state.key.kind, namespace: &state.key.object.namespace, served, guarded };
    let mut unresolved = Vec::new();
    let rules = rules::convert(state, &parents, &asker, &mut finder, &mut unresolved);
    if let RouteSource::Stream(route) = &state.source {
        look_at_backends(route, &asker, &mut finder, &mut unresolved);
    }
    Outcome {
        status: Some(status(state, &unresolved, options)),
        problems: problems(state, &unresolved),
        counted: state.counted(),
        gateways: users.collect(),
        rules: if served { rules } else { Vec::new() },
        seen: finder.seen,
    }
}

/// Notes what is wrong with references of a route that is not served; no backend comes of them.
fn look_at_backends(
    route: &StreamRoute,
    asker: &Asker<'_>,
    finder: &mut Finder<'_, '_>,
    unresolved: &mut Vec<Refusal>,
) {
    for (position, rule) in route.spec.rules.iter().take(MOST_RULES).enumerate() {
        for (index, reference) in rule.backend_refs.iter().take(MOST_BACKENDS).enumerate() {
            if let Err(refusal) = finder.look(asker, reference.into()) {
                let field = format!("spec.rules[{position}].backendRefs[{index}]");
                refusal.into_fault(&field, unresolved);
            }
        }
    }
}

/// The served listeners that a route is attached to.
fn parents(state: &RouteState, gateways: &[GatewayState<'_>]) -> Vec<RuleParent> {
    let mut found: BTreeMap<ListenerRef, BTreeSet<Hostname>> = BTreeMap::new();
    for parent in state.parents.iter().filter(|parent| parent.refusal.is_none()) {
        let Some(gateway) = gateways.get(parent.gateway) else { continue };
        for (listener, hostnames) in &parent.attached {
            let Some(listener) = gateway.listeners.get(*listener) else { continue };
            if gateway.serves(listener) {
                found.entry(listener.key.clone()).or_default().extend(hostnames.iter().cloned());
            }
        }
    }
    let each = found.into_iter();
    each.map(|(listener, hostnames)| RuleParent { listener, hostnames: hostnames.into_iter().collect() })
        .collect()
}

/// What is wrong with a route.
fn problems(state: &RouteState, unresolved: &[Refusal]) -> Vec<Refusal> {
    let parents = state.parents.iter().filter_map(|parent| parent.refusal.as_ref());
    let lost = state.parents.iter().flat_map(|parent| &parent.lost);
    let rules = state.verdict.rules.iter().filter_map(|verdict| match verdict {
        RuleVerdict::Dropped(refusal) | RuleVerdict::Answered500(refusal) => Some(refusal),
        RuleVerdict::Served => None,
    });
    state.missing.iter().chain(parents).chain(lost).chain(unresolved).chain(rules).cloned().collect()
}

fn status(state: &RouteState, unresolved: &[Refusal], options: &Options) -> RouteStatus {
    let references = state.source.parents();
    let parents = state.parents.iter().filter_map(|parent| {
        Some(RouteParentStatus {
            parent_ref: references.get(parent.position)?.for_status(),
            controller_name: options.controller_name.clone(),
            conditions: conditions(state, parent, unresolved),
        })
    });
    RouteStatus { parents: parents.collect() }
}

fn conditions(state: &RouteState, parent: &ParentState, unresolved: &[Refusal]) -> Vec<Condition> {
    let generation = state.source.meta().generation;
    let mut conditions = Vec::with_capacity(3);
    conditions.push(match &parent.refusal {
        None => {
            Condition::new(types::ACCEPTED, true, reasons::ACCEPTED, "The route is attached.", generation)
        }
        Some(refusal) => {
            let message = format!("{}: {}", refusal.field, refusal.message);
            Condition::new(types::ACCEPTED, false, refusal.reason, message, generation)
        }
    });
    conditions.push(match unresolved.first() {
        None => Condition::new(
            types::RESOLVED_REFS,
            true,
            reasons::RESOLVED_REFS,
            "All references are resolved.",
            generation,
        ),
        Some(refusal) => {
            let message = format!("{}: {}", refusal.field, refusal.message);
            Condition::new(types::RESOLVED_REFS, false, refusal.reason, message, generation)
        }
    });
    if parent.refusal.is_none()
        && let Some(message) = dropped(&state.verdict.rules)
    {
        let reason = reasons::UNSUPPORTED_VALUE;
        conditions.push(Condition::new(types::PARTIALLY_INVALID, true, reason, message, generation));
    }
    conditions
}

/// The sentence of `PartiallyInvalid`; it starts with `Dropped Rule` as the API wants.
fn dropped(rules: &[RuleVerdict]) -> Option<String> {
    let sentence = |(index, refusal, end): (usize, &Refusal, &str)| {
        format!("{index} ({}: {}{end})", refusal.field, refusal.message)
    };
    let bad: Vec<_> = rules
        .iter()
        .enumerate()
        .filter_map(|(index, verdict)| match verdict {
            RuleVerdict::Served => None,
            RuleVerdict::Dropped(refusal) => Some((index, refusal, "")),
            RuleVerdict::Answered500(refusal) => Some((index, refusal, "; its requests are answered 500")),
        })
        .map(sentence)
        .collect();
    (!bad.is_empty()).then(|| format!("Dropped Rule {}", bad.join(", ")))
}
