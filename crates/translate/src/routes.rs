//! Routes: their rules into the snapshot, and their status.

use std::collections::{BTreeMap, BTreeSet};

use clearway_k8s::Condition;
use clearway_k8s::conditions::{reasons, types};
use clearway_k8s::stream_route::StreamRoute;
use clearway_k8s::validate::{MOST_BACKENDS, MOST_RULES};
use clearway_model::{Hostname, ListenerRef, RuleParent, Snapshot};

use crate::Options;
use crate::attach::{ParentState, RouteSource, RouteState, RuleVerdict};
use crate::backends::{Asker, Backends};
use crate::gateways::GatewayState;
use crate::problem::{Problems, Refusal};
use crate::rules;
use crate::status::{RouteParentStatus, RouteStatus, StatusPlan};

/// Puts the rules of accepted routes into the snapshot, and notes references that lead nowhere.
pub(crate) fn serve(
    routes: &mut [RouteState<'_>],
    gateways: &[GatewayState<'_>],
    backends: &mut Backends<'_, '_>,
    snapshot: &mut Snapshot,
    guarded: bool,
) {
    let mut served = Vec::new();
    for state in routes {
        let parents = parents(state, gateways);
        let accepted = state.parents.iter().filter(|parent| parent.refusal.is_none());
        let users: BTreeSet<_> = accepted
            .filter_map(|parent| gateways.get(parent.gateway))
            .map(|gateway| gateway.key.clone())
            .collect();
        let namespace = &state.key.object.namespace;
        let asker =
            Asker { kind: state.key.kind, namespace, gateways: &users, served: !parents.is_empty(), guarded };
        let mut unresolved = Vec::new();
        let rules = rules::convert(state, &parents, &asker, backends, &mut unresolved);
        if let RouteSource::Stream(route) = state.source {
            look_at_backends(route, &asker, backends, &mut unresolved);
        }
        if !parents.is_empty() {
            served.extend(rules.into_iter().map(|rule| (rule.rule.clone(), rule)));
        }
        state.unresolved = unresolved;
    }
    // They come in the order of their names, so the map is built in one go.
    snapshot.rules = served.into_iter().collect();
}

/// Notes what is wrong with references of a route that is not served; no backend comes of them.
fn look_at_backends(
    route: &StreamRoute,
    asker: &Asker<'_>,
    backends: &Backends<'_, '_>,
    unresolved: &mut Vec<Refusal>,
) {
    for (position, rule) in route.spec.rules.iter().take(MOST_RULES).enumerate() {
        for (index, reference) in rule.backend_refs.iter().take(MOST_BACKENDS).enumerate() {
            if let Err(refusal) = backends.look(asker, reference.into()) {
                let field = format!("spec.rules[{position}].backendRefs[{index}]");
                refusal.into_fault(&field, unresolved);
            }
        }
    }
}

/// The served listeners that a route is attached to.
fn parents(state: &RouteState<'_>, gateways: &[GatewayState<'_>]) -> Vec<RuleParent> {
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

/// Writes down the status of routes and what is wrong with them.
pub(crate) fn plan(
    routes: Vec<RouteState<'_>>,
    options: &Options,
    status: &mut StatusPlan,
    problems: &mut Problems,
) {
    let mut planned = Vec::with_capacity(routes.len());
    for state in routes {
        let object = state.object();
        let parent_refusals = state.parents.iter().filter_map(|parent| parent.refusal.as_ref());
        parent_refusals.for_each(|refusal| problems.error(&object, refusal));
        let lost = state.parents.iter().flat_map(|parent| &parent.lost);
        lost.for_each(|refusal| problems.error(&object, refusal));
        state.unresolved.iter().for_each(|refusal| problems.error(&object, refusal));
        for verdict in &state.verdict.rules {
            if let RuleVerdict::Dropped(refusal) | RuleVerdict::Answered500(refusal) = verdict {
                problems.error(&object, refusal);
            }
        }
        let parents = state.parents.iter().map(|parent| RouteParentStatus {
            parent_ref: parent.reference.for_status(),
            controller_name: options.controller_name.clone(),
            conditions: conditions(&state, parent),
        });
        let parents = parents.collect();
        planned.push((state.key.clone(), RouteStatus { parents }));
    }
    status.routes = planned.into_iter().collect();
}

fn conditions(state: &RouteState<'_>, parent: &ParentState<'_>) -> Vec<Condition> {
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
    conditions.push(match state.unresolved.first() {
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
