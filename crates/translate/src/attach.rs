//! Which route attaches to which listener, by parentRef, allowedRoutes and hostnames.

use std::collections::{BTreeMap, BTreeSet};

use clearway_k8s::conditions::reasons;
use clearway_k8s::route::{GrpcRoute, HttpRoute, ParentReference};
use clearway_k8s::{GATEWAY_GROUP, ObjectMeta};
use clearway_model::{Hostname, ObjectRef, RouteKind, RouteRef};

use crate::gateways::GatewayState;
use crate::matches;
use crate::problem::{ObjectName, Problems, Refusal};
use crate::world::World;

/// A route with at least one parent of ours, while it is translated.
pub(crate) struct RouteState<'w> {
    pub(crate) key: RouteRef,
    pub(crate) source: RouteSource<'w>,
    pub(crate) parents: Vec<ParentState<'w>>,
    /// What validation says about the route and each of its rules.
    pub(crate) verdict: Verdict,
    /// References that lead nowhere.
    pub(crate) unresolved: Vec<Refusal>,
}

/// The object behind a route.
#[derive(Clone, Copy)]
pub(crate) enum RouteSource<'w> {
    Http(&'w HttpRoute),
    Grpc(&'w GrpcRoute),
}

/// A parentRef that leads to a Gateway of ours.
pub(crate) struct ParentState<'w> {
    /// Index in `spec.parentRefs`.
    pub(crate) position: usize,
    pub(crate) reference: &'w ParentReference,
    /// Index of the Gateway.
    pub(crate) gateway: usize,
    /// Indices of listeners, each with the hostnames common to both.
    pub(crate) attached: Vec<(usize, Vec<Hostname>)>,
    pub(crate) refusal: Option<Refusal>,
    /// Listeners that a route of the other kind holds.
    pub(crate) lost: Vec<Refusal>,
}

/// What validation says about a route.
#[derive(Default)]
pub(crate) struct Verdict {
    /// Why nothing of it can be served.
    pub(crate) whole: Option<Refusal>,
    /// One entry per rule.
    pub(crate) rules: Vec<RuleVerdict>,
}

/// What validation says about a rule.
pub(crate) enum RuleVerdict {
    /// It is served.
    Served,
    /// It has a filter that is not known: its requests are answered 500 rather than served unfiltered.
    Answered500(Refusal),
    /// It is left out.
    Dropped(Refusal),
}

impl<'w> RouteSource<'w> {
    pub(crate) fn meta(self) -> &'w ObjectMeta {
        match self {
            Self::Http(route) => &route.metadata,
            Self::Grpc(route) => &route.metadata,
        }
    }

    fn parents(self) -> &'w [ParentReference] {
        match self {
            Self::Http(route) => &route.spec.parent_refs,
            Self::Grpc(route) => &route.spec.parent_refs,
        }
    }

    fn hostnames(self) -> Vec<Hostname> {
        let texts = match self {
            Self::Http(route) => &route.spec.hostnames,
            Self::Grpc(route) => &route.spec.hostnames,
        };
        if texts.is_empty() {
            return vec![Hostname::Any];
        }
        texts.iter().map(|text| Hostname::parse(text)).collect()
    }
}

impl RouteState<'_> {
    pub(crate) fn object(&self) -> ObjectName {
        let key = &self.key;
        ObjectName::new(key.kind.as_str(), &key.object.namespace, &key.object.name)
    }

    /// Older routes come first; names decide between equals, then the kind.
    pub(crate) fn age(&self) -> (i64, &ObjectRef, RouteKind) {
        (self.source.meta().created(), &self.key.object, self.key.kind)
    }
}

/// Reads every route that names a Gateway of ours.
pub(crate) fn routes<'w>(
    world: &'w World,
    gateways: &[GatewayState<'w>],
    problems: &mut Problems,
) -> Vec<RouteState<'w>> {
    let ours: BTreeMap<&ObjectRef, usize> =
        gateways.iter().enumerate().map(|(position, gateway)| (&gateway.key, position)).collect();
    let http = world.http_routes.iter().map(|(key, route)| (RouteKind::Http, key, RouteSource::Http(route)));
    let grpc = world.grpc_routes.iter().map(|(key, route)| (RouteKind::Grpc, key, RouteSource::Grpc(route)));
    let mut states = Vec::new();
    for (kind, object, source) in http.chain(grpc) {
        let key = RouteRef { kind, object: object.clone() };
        let mut state = RouteState {
            key,
            source,
            parents: Vec::new(),
            verdict: Verdict::default(),
            unresolved: Vec::new(),
        };
        let hostnames = source.hostnames();
        for (position, reference) in source.parents().iter().enumerate() {
            if reference.kind != "Gateway" || reference.group != GATEWAY_GROUP {
                continue;
            }
            let namespace = reference.namespace.as_deref().unwrap_or(&object.namespace);
            let target = ObjectRef::new(namespace, reference.name.as_str());
            let Some((index, gateway)) =
                ours.get(&target).and_then(|index| Some((*index, gateways.get(*index)?)))
            else {
                if !world.gateways.contains_key(&target) {
                    let message = format!("Gateway {target} does not exist; add it or correct the name");
                    let field = format!("spec.parentRefs[{position}]");
                    problems
                        .error(&state.object(), &Refusal::new(reasons::NO_MATCHING_PARENT, field, message));
                }
                continue;
            };
            let result = attach(&state.key, reference, gateway, &hostnames, world);
            let (attached, refusal) = match result {
                Ok(attached) => (attached, None),
                Err((reason, message)) => {
                    let field = format!("spec.parentRefs[{position}]");
                    (Vec::new(), Some(Refusal::new(reason, field, message)))
                }
            };
            let lost = Vec::new();
            state.parents.push(ParentState { position, reference, gateway: index, attached, refusal, lost });
        }
        if state.parents.is_empty() {
            continue;
        }
        state.verdict = matches::judge(source);
        refuse_when_nothing_is_valid(&mut state);
        states.push(state);
    }
    states
}

fn refuse_when_nothing_is_valid(state: &mut RouteState<'_>) {
    let verdict = &state.verdict;
    let first_bad = verdict.rules.iter().find_map(|rule| match rule {
        RuleVerdict::Served => None,
        RuleVerdict::Answered500(refusal) | RuleVerdict::Dropped(refusal) => Some(refusal),
    });
    let all_bad = verdict.rules.iter().all(|rule| !matches!(rule, RuleVerdict::Served));
    let refusal = verdict.whole.as_ref().or(first_bad.filter(|_| all_bad));
    if let Some(refusal) = refusal.cloned() {
        for parent in &mut state.parents {
            parent.attached.clear();
            parent.refusal.get_or_insert_with(|| refusal.clone());
        }
    }
}

type Attached = Vec<(usize, Vec<Hostname>)>;

fn attach(
    route: &RouteRef,
    reference: &ParentReference,
    gateway: &GatewayState<'_>,
    hostnames: &[Hostname],
    world: &World,
) -> Result<Attached, (&'static str, String)> {
    let named: Vec<_> = gateway
        .listeners
        .iter()
        .enumerate()
        .filter(|(_, listener)| {
            reference.section_name.as_deref().is_none_or(|name| name == listener.spec.name)
                && reference.port.is_none_or(|port| port == listener.spec.port)
        })
        .collect();
    if named.is_empty() {
        return Err((reasons::NO_MATCHING_PARENT, no_listener(reference, gateway)));
    }
    let allowed: Vec<_> = named
        .into_iter()
        .filter(|(_, listener)| {
            listener.kinds.contains(&route.kind) && listener.lets_in(&route.object.namespace, world)
        })
        .collect();
    if allowed.is_empty() {
        let message = format!(
            "no listener of Gateway {} lets in a {} of namespace {}; change its allowedRoutes",
            gateway.key,
            route.kind.as_str(),
            route.object.namespace
        );
        return Err((reasons::NOT_ALLOWED_BY_LISTENERS, message));
    }
    let hosts: Vec<String> = allowed.iter().map(|(_, listener)| listener.hostname.to_string()).collect();
    let attached: Attached = allowed
        .into_iter()
        .filter_map(|(position, listener)| {
            let common: BTreeSet<_> =
                hostnames.iter().filter_map(|hostname| listener.hostname.intersect(hostname)).collect();
            (!common.is_empty()).then(|| (position, common.into_iter().collect()))
        })
        .collect();
    if attached.is_empty() {
        let own: Vec<_> = hostnames.iter().map(ToString::to_string).collect();
        let message = format!(
            "hostnames {} have nothing in common with {} of Gateway {}; change one side",
            own.join(", "),
            hosts.join(", "),
            gateway.key
        );
        return Err((reasons::NO_MATCHING_LISTENER_HOSTNAME, message));
    }
    Ok(attached)
}

fn no_listener(reference: &ParentReference, gateway: &GatewayState<'_>) -> String {
    let wanted = match (&reference.section_name, reference.port) {
        (Some(name), Some(port)) => format!("named {name} on port {port}"),
        (Some(name), None) => format!("named {name}"),
        (None, Some(port)) => format!("on port {port}"),
        (None, None) => "at all".to_owned(),
    };
    let there: Vec<_> = gateway
        .listeners
        .iter()
        .map(|listener| format!("{} (port {})", listener.spec.name, listener.spec.port))
        .collect();
    format!("Gateway {} has no listener {wanted}; it has {}", gateway.key, there.join(", "))
}

/// Counts accepted routes on their listeners, each route once per listener.
pub(crate) fn count(gateways: &mut [GatewayState<'_>], routes: &[RouteState<'_>]) {
    for route in routes {
        let mut seen = BTreeSet::new();
        for parent in route.parents.iter().filter(|parent| parent.refusal.is_none()) {
            for (listener, _) in &parent.attached {
                if !seen.insert((parent.gateway, *listener)) {
                    continue;
                }
                let state =
                    gateways.get_mut(parent.gateway).and_then(|state| state.listeners.get_mut(*listener));
                if let Some(state) = state {
                    state.attached += 1;
                }
            }
        }
    }
}
