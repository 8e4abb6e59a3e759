//! Which route attaches to which listener, by parentRef, allowedRoutes and hostnames.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;

use clearway_k8s::conditions::reasons;
use clearway_k8s::route::{GrpcRoute, HttpRoute, ParentReference};
use clearway_k8s::stream_route::StreamRoute;
use clearway_k8s::validate::{MOST_HOSTNAMES, MOST_PARENTS};
use clearway_k8s::{GATEWAY_GROUP, ObjectMeta};
use clearway_model::{Hostname, ObjectRef, RouteKind, RouteRef};

use crate::gateways::GatewayState;
use crate::listeners::ListenerState;
use crate::matches;
use crate::problem::{ObjectName, Refusal};
use crate::sets::SetState;
use crate::world::World;

/// A route and how it stands to its parents, other routes apart.
#[derive(Clone)]
pub(crate) struct RouteState {
    pub(crate) key: RouteRef,
    pub(crate) source: RouteSource,
    /// Those of ours; without any, nothing is said of the route.
    pub(crate) parents: Vec<ParentState>,
    /// What validation says about the route and each of its rules.
    pub(crate) verdict: Arc<Verdict>,
    /// Parents that do not exist.
    pub(crate) missing: Vec<Refusal>,
}

/// The object behind a route.
#[derive(Clone)]
pub(crate) enum RouteSource {
    Http(Arc<HttpRoute>),
    Grpc(Arc<GrpcRoute>),
    /// A TLSRoute, TCPRoute or UDPRoute: it gets a status, and none of it is served.
    Stream(Arc<StreamRoute>),
}

/// A parentRef that leads to a Gateway of ours, be it through a ListenerSet.
#[derive(Clone)]
pub(crate) struct ParentState {
    /// Index in `spec.parentRefs`.
    pub(crate) position: usize,
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

impl RouteSource {
    /// The route of a kind and a name, if it is there.
    pub(crate) fn find(world: &World, key: &RouteRef) -> Option<Self> {
        let RouteRef { kind, object } = key;
        match kind {
            RouteKind::Http => world.http_routes.get(object).cloned().map(Self::Http),
            RouteKind::Grpc => world.grpc_routes.get(object).cloned().map(Self::Grpc),
            RouteKind::Tls => world.tls_routes.get(object).cloned().map(Self::Stream),
            RouteKind::Tcp => world.tcp_routes.get(object).cloned().map(Self::Stream),
            RouteKind::Udp => world.udp_routes.get(object).cloned().map(Self::Stream),
        }
    }

    pub(crate) fn meta(&self) -> &ObjectMeta {
        match self {
            Self::Http(route) => &route.metadata,
            Self::Grpc(route) => &route.metadata,
            Self::Stream(route) => &route.metadata,
        }
    }

    pub(crate) fn parents(&self) -> &[ParentReference] {
        let all = match self {
            Self::Http(route) => &route.spec.parent_refs,
            Self::Grpc(route) => &route.spec.parent_refs,
            Self::Stream(route) => &route.spec.parent_refs,
        };
        // A route with more is refused as a whole.
        all.get(..MOST_PARENTS).unwrap_or(all)
    }

    fn hostnames(&self) -> Vec<Hostname> {
        let texts = match self {
            Self::Http(route) => &route.spec.hostnames,
            Self::Grpc(route) => &route.spec.hostnames,
            Self::Stream(route) => &route.spec.hostnames,
        };
        if texts.is_empty() {
            return vec![Hostname::Any];
        }
        texts.iter().take(MOST_HOSTNAMES).map(|text| Hostname::parse(text)).collect()
    }
}

impl RouteState {
    pub(crate) fn object(&self) -> ObjectName {
        let key = &self.key;
        ObjectName::new(key.kind.as_str(), &key.object.namespace, &key.object.name)
    }

    /// Older routes come first; names decide between equals, then the kind.
    pub(crate) fn age(&self) -> (i64, &ObjectRef, RouteKind) {
        (self.source.meta().created(), &self.key.object, self.key.kind)
    }
}

/// Where parentRefs may lead: Gateways of ours and the ListenerSets that name them.
pub(crate) struct Parents<'g, 'w> {
    gateways: &'g [GatewayState<'w>],
    by_gateway: HashMap<&'g ObjectRef, usize>,
    /// Index of the Gateway, and of the set among its sets.
    by_set: HashMap<&'g ObjectRef, (usize, usize)>,
}

/// A parent of ours.
#[derive(Clone, Copy)]
pub(crate) struct Parent<'g, 'w> {
    index: usize,
    gateway: &'g GatewayState<'w>,
    set: Option<usize>,
}

impl<'g, 'w> Parents<'g, 'w> {
    pub(crate) fn of(gateways: &'g [GatewayState<'w>]) -> Self {
        let mut parents = Self { gateways, by_gateway: HashMap::new(), by_set: HashMap::new() };
        for (index, gateway) in gateways.iter().enumerate() {
            parents.by_gateway.insert(&gateway.key, index);
            for (position, set) in gateway.sets.iter().enumerate() {
                parents.by_set.insert(&set.key, (index, position));
            }
        }
        parents
    }

    /// Where a reference leads; `None` when it is no Gateway or ListenerSet of ours.
    pub(crate) fn follow(&self, reference: &ParentReference, namespace: &str) -> Option<Parent<'g, 'w>> {
        let known = reference.group == GATEWAY_GROUP && matches!(&*reference.kind, "Gateway" | "ListenerSet");
        let namespace = reference.namespace.as_deref().unwrap_or(namespace);
        let target = ObjectRef::new(namespace, reference.name.as_str());
        known.then(|| self.find(&reference.kind, &target))?
    }

    fn find(&self, kind: &str, target: &ObjectRef) -> Option<Parent<'g, 'w>> {
        let (index, set) = match kind {
            "Gateway" => (*self.by_gateway.get(target)?, None),
            _ => self.by_set.get(target).map(|(gateway, set)| (*gateway, Some(*set)))?,
        };
        Some(Parent { index, gateway: self.gateways.get(index)?, set })
    }
}

/// Finds out how a route stands to its parents.
pub(crate) fn read(
    key: &RouteRef,
    source: RouteSource,
    parents: &Parents<'_, '_>,
    world: &World,
) -> RouteState {
    let mut state = RouteState {
        key: key.clone(),
        source,
        parents: Vec::new(),
        verdict: Arc::default(),
        missing: Vec::new(),
    };
    follow_parents(&mut state, parents, world);
    if !state.parents.is_empty() {
        state.verdict = Arc::new(matches::judge(&state.source));
        refuse_when_nothing_is_valid(&mut state);
    }
    state
}

fn follow_parents(state: &mut RouteState, parents: &Parents<'_, '_>, world: &World) {
    let hostnames = state.source.hostnames();
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    for (position, reference) in state.source.parents().iter().enumerate() {
        let kind = reference.kind.as_str();
        if !matches!(kind, "Gateway" | "ListenerSet") || reference.group != GATEWAY_GROUP {
            continue;
        }
        let namespace = reference.namespace.as_deref().unwrap_or(&state.key.object.namespace);
        let target = ObjectRef::new(namespace, reference.name.as_str());
        let Some(parent) = parents.find(kind, &target) else {
            let known = match kind {
                "Gateway" => world.gateways.contains_key(&target),
                _ => world.listener_sets.contains_key(&target),
            };
            if !known {
                let message = format!("{kind} {target} does not exist; add it or correct the name");
                let field = format!("spec.parentRefs[{position}]");
                missing.push(Refusal::new(reasons::NO_MATCHING_PARENT, field, message));
            }
            continue;
        };
        let (attached, refusal) = match attach(&state.key, reference, parent, &hostnames, world) {
            Ok(attached) => (attached, None),
            Err((reason, message)) => {
                let field = format!("spec.parentRefs[{position}]");
                (Vec::new(), Some(Refusal::new(reason, field, message)))
            }
        };
        let lost = Vec::new();
        found.push(ParentState { position, gateway: parent.index, attached, refusal, lost });
    }
    (state.parents, state.missing) = (found, missing);
}

fn refuse_when_nothing_is_valid(state: &mut RouteState) {
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
    parent: Parent<'_, '_>,
    hostnames: &[Hostname],
    world: &World,
) -> Result<Attached, (&'static str, String)> {
    if let Some(refusal) = parent.set().and_then(|set| set.refusal.as_ref()) {
        let message = format!("{parent} is not accepted: {}", refusal.message);
        return Err((reasons::NO_MATCHING_PARENT, message));
    }
    let named: Vec<_> = parent
        .listeners()
        .filter(|(_, listener)| {
            reference.section_name.as_deref().is_none_or(|name| name == listener.spec.name)
                && reference.port.is_none_or(|port| port == listener.spec.port)
        })
        .collect();
    if named.is_empty() {
        return Err((reasons::NO_MATCHING_PARENT, no_listener(reference, parent)));
    }
    let allowed: Vec<_> = named
        .into_iter()
        .filter(|(_, listener)| {
            listener.kinds.contains(&route.kind) && listener.lets_in(&route.object.namespace, world)
        })
        .collect();
    if allowed.is_empty() {
        return Err((reasons::NOT_ALLOWED_BY_LISTENERS, not_allowed(route, parent)));
    }
    let hosts: Vec<&Hostname> = allowed.iter().map(|(_, listener)| &listener.hostname).collect();
    let attached: Attached = allowed
        .iter()
        .filter_map(|(position, listener)| {
            let common: BTreeSet<_> =
                hostnames.iter().filter_map(|hostname| listener.hostname.intersect(hostname)).collect();
            (!common.is_empty()).then(|| (*position, common.into_iter().collect()))
        })
        .collect();
    if attached.is_empty() {
        let list = |names: &mut dyn Iterator<Item = &Hostname>| {
            names.map(ToString::to_string).collect::<Vec<_>>().join(", ")
        };
        let (own, theirs) = (list(&mut hostnames.iter()), list(&mut hosts.into_iter()));
        let message =
            format!("hostnames {own} have nothing in common with {theirs} of {parent}; change one side");
        return Err((reasons::NO_MATCHING_LISTENER_HOSTNAME, message));
    }
    Ok(attached)
}

impl<'g, 'w> Parent<'g, 'w> {
    fn set(self) -> Option<&'g SetState<'w>> {
        self.gateway.sets.get(self.set?)
    }

    /// Listeners that the parent itself has, with their indices in the Gateway: a Gateway does not speak for its sets.
    fn listeners(self) -> impl Iterator<Item = (usize, &'g ListenerState<'w>)> {
        self.gateway.listeners.iter().enumerate().filter(move |(_, listener)| listener.set == self.set)
    }
}

impl fmt::Display for Parent<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.set() {
            Some(set) => write!(f, "ListenerSet {}", set.key),
            None => write!(f, "Gateway {}", self.gateway.key),
        }
    }
}

fn not_allowed(route: &RouteRef, parent: Parent<'_, '_>) -> String {
    let kind = route.kind.as_str();
    if matches!(route.kind, RouteKind::Tls | RouteKind::Tcp | RouteKind::Udp) {
        return format!(
            "{kind}s are not served, so no listener of {parent} takes one; use an HTTPRoute or a GRPCRoute"
        );
    }
    let namespace = &route.object.namespace;
    format!("no listener of {parent} lets in a {kind} of namespace {namespace}; change its allowedRoutes")
}

fn no_listener(reference: &ParentReference, parent: Parent<'_, '_>) -> String {
    let wanted = match (&reference.section_name, reference.port) {
        (Some(name), Some(port)) => format!("named {name} on port {port}"),
        (Some(name), None) => format!("named {name}"),
        (None, Some(port)) => format!("on port {port}"),
        (None, None) => "at all".to_owned(),
    };
    let there: Vec<_> = parent
        .listeners()
        .map(|(_, listener)| format!("{} (port {})", listener.spec.name, listener.spec.port))
        .collect();
    format!("{parent} has no listener {wanted}; it has {}", there.join(", "))
}

impl RouteState {
    /// Listeners, by Gateway and place, that count it among their routes: each once.
    pub(crate) fn counted(&self) -> BTreeSet<(usize, usize)> {
        let accepted = self.parents.iter().filter(|parent| parent.refusal.is_none());
        accepted.flat_map(|parent| parent.attached.iter().map(|(at, _)| (parent.gateway, *at))).collect()
    }
}

/// Counts accepted routes on their listeners.
pub(crate) fn count<'a>(
    gateways: &mut [GatewayState<'_>],
    counted: impl Iterator<Item = &'a BTreeSet<(usize, usize)>>,
) {
    for (gateway, listener) in counted.flatten() {
        let state = gateways.get_mut(*gateway).and_then(|state| state.listeners.get_mut(*listener));
        if let Some(state) = state {
            state.attached += 1;
        }
    }
}
