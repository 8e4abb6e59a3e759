//! Listeners: which protocols and routes they take, their certificates, and what of them is served.

use std::collections::BTreeSet;
use std::sync::Arc;

use clearway_k8s::conditions::{reasons, types};
use clearway_k8s::gateway::{FromNamespaces, GatewayListener, Protocol, RouteGroupKind};
use clearway_k8s::validate::{MOST_LISTENERS, is_section_name};
use clearway_k8s::{Condition, FieldError, GATEWAY_GROUP, Severity};
use clearway_model::{
    ClientValidation, Hostname, Listener, ListenerProtocol, ListenerRef, ListenerTls, ObjectRef, RouteKind,
    Snapshot,
};

use crate::Options;
use crate::certificates::{self, Referrer};
use crate::frontend::{Frontend, Proof};
use crate::gateways::GatewayState;
use crate::observability::Observers;
use crate::problem::{ObjectName, Refusal};
use crate::status::ListenerStatus;
use crate::world::World;

/// A listener while it is translated.
pub(crate) struct ListenerState<'w> {
    pub(crate) key: ListenerRef,
    pub(crate) spec: &'w GatewayListener,
    /// Index of the ListenerSet that it is written in, among those of the Gateway.
    pub(crate) set: Option<usize>,
    /// Its field, such as `spec.listeners[3]`.
    pub(crate) path: String,
    /// Generation of the object that it is written in.
    generation: i64,
    pub(crate) hostname: Hostname,
    /// Kinds of route that may attach.
    pub(crate) kinds: Vec<RouteKind>,
    /// Why it is not accepted.
    pub(crate) refusal: Option<Refusal>,
    /// Which other listener is in the way.
    pub(crate) conflict: Option<Refusal>,
    /// Which reference leads nowhere.
    pub(crate) unresolved: Option<Refusal>,
    /// Certificates that can be served.
    pub(crate) certificates: Vec<ObjectRef>,
    /// What clients must prove.
    pub(crate) validation: Option<ClientValidation>,
    /// Ports that are bound.
    pub(crate) binds: Vec<u16>,
    /// Whether the port of the spec leads to one of them.
    pub(crate) reachable: bool,
    /// Accepted routes that are attached.
    pub(crate) attached: u32,
}

/// Listeners as they are written in one object.
pub(crate) struct Written<'a, 'w> {
    pub(crate) gateway: &'a ObjectRef,
    /// The ListenerSet, with its index.
    pub(crate) set: Option<(usize, &'a ObjectRef)>,
    pub(crate) generation: i64,
    pub(crate) listeners: &'w [GatewayListener],
    /// What validation found in the object.
    pub(crate) errors: &'a [FieldError],
}

/// Reads the listeners of a Gateway or a ListenerSet.
pub(crate) fn read<'w>(
    written: &Written<'_, 'w>,
    referrer: &Referrer<'_, 'w>,
    frontend: &Frontend,
) -> Vec<ListenerState<'w>> {
    // An object with more is refused as a whole; the others are not looked at.
    let each = written.listeners.iter().take(MOST_LISTENERS).enumerate();
    each.map(|(position, spec)| {
        let path = format!("spec.listeners[{position}]");
        let (kinds, bad_kind) = kinds(spec, &path);
        let ((certificates, bad_certificate), proof) = match spec.protocol {
            Protocol::Https => (certificates::resolve(spec, &path, referrer), frontend.on(spec.port).clone()),
            _ => ((Vec::new(), None), Proof::default()),
        };
        ListenerState {
            key: ListenerRef {
                gateway: written.gateway.clone(),
                set: written.set.map(|(_, key)| key.clone()),
                name: spec.name.as_str().into(),
            },
            spec,
            set: written.set.map(|(index, _)| index),
            generation: written.generation,
            hostname: Hostname::parse(spec.hostname.as_deref().unwrap_or_default()),
            kinds,
            refusal: refusal(spec, &path, written.errors).or(proof.refusal),
            conflict: None,
            unresolved: bad_kind.or(bad_certificate).or(proof.unresolved),
            certificates,
            validation: proof.validation,
            binds: Vec::new(),
            reachable: false,
            attached: 0,
            path,
        }
    })
    .collect()
}

fn refusal(spec: &GatewayListener, path: &str, errors: &[FieldError]) -> Option<Refusal> {
    if !matches!(spec.protocol, Protocol::Http | Protocol::Https) {
        let message = format!("{} is not served; use HTTP or HTTPS", spec.protocol);
        return Some(Refusal::new(reasons::UNSUPPORTED_PROTOCOL, format!("{path}.protocol"), message));
    }
    let inside = format!("{path}.");
    let invalid =
        errors.iter().find(|error| error.severity == Severity::Error && error.path.starts_with(&inside));
    invalid.map(|error| Refusal::new(reasons::UNSUPPORTED_VALUE, &error.path, &error.message))
}

/// Kinds of route that may attach, and the first kind that no listener knows.
fn kinds(spec: &GatewayListener, path: &str) -> (Vec<RouteKind>, Option<Refusal>) {
    let served = match spec.protocol {
        Protocol::Http | Protocol::Https => vec![RouteKind::Http, RouteKind::Grpc],
        _ => Vec::new(),
    };
    let asked = &spec.allowed_routes.kinds;
    if asked.is_empty() {
        return (served, None);
    }
    let mut kinds = Vec::new();
    let mut bad = None;
    for (position, kind) in asked.iter().enumerate() {
        let known =
            served.iter().find(|known| kind.group == GATEWAY_GROUP && kind.kind == known.as_str()).copied();
        match known {
            Some(known) if !kinds.contains(&known) => kinds.push(known),
            Some(_) => {}
            None => {
                let message =
                    format!("{} of group {} cannot attach to {}", kind.kind, kind.group, spec.protocol);
                let field = format!("{path}.allowedRoutes.kinds[{position}]");
                bad.get_or_insert_with(|| Refusal::new(reasons::INVALID_ROUTE_KINDS, field, message));
            }
        }
    }
    (kinds, bad)
}

impl ListenerState<'_> {
    /// Whether its settings can be served.
    pub(crate) fn is_accepted(&self) -> bool {
        self.refusal.is_none() && self.conflict.is_none()
    }

    /// Whether it is served, as far as it depends on the listener alone.
    pub(crate) fn is_served(&self) -> bool {
        let has_certificate = self.spec.protocol != Protocol::Https || !self.certificates.is_empty();
        self.is_accepted() && has_certificate && !self.kinds.is_empty()
    }

    /// What is wrong with it.
    pub(crate) fn refusals(&self) -> impl Iterator<Item = &Refusal> {
        self.refusal.iter().chain(&self.conflict).chain(&self.unresolved)
    }

    /// Whether it is served, and clients can reach it.
    pub(crate) fn is_reachable(&self) -> bool {
        self.is_served() && self.reachable
    }

    /// The object that it is written in.
    pub(crate) fn object(&self) -> ObjectName {
        match &self.key.set {
            Some(set) => ObjectName::new("ListenerSet", &set.namespace, &set.name),
            None => ObjectName::new("Gateway", &self.key.gateway.namespace, &self.key.gateway.name),
        }
    }

    /// Whether routes of a namespace may attach.
    pub(crate) fn lets_in(&self, namespace: &str, world: &World) -> bool {
        let allowed = &self.spec.allowed_routes.namespaces;
        let own = self.key.set.as_ref().unwrap_or(&self.key.gateway);
        match allowed.from {
            FromNamespaces::All => true,
            FromNamespaces::Same => *namespace == *own.namespace,
            FromNamespaces::Selector => {
                allowed.selector.as_ref().is_some_and(|selector| world.selects(selector, namespace))
            }
            FromNamespaces::None | FromNamespaces::Unknown(_) => false,
        }
    }

    pub(crate) fn status(&self, gateway: &GatewayState<'_>) -> ListenerStatus {
        let condition = |kind, holds, (reason, message): (&str, &str)| {
            Condition::new(kind, holds, reason, message, self.generation)
        };
        let said = |refusal: Option<&'_ Refusal>, otherwise: (&'static str, &'static str)| {
            refusal.map_or((otherwise.0, otherwise.1.to_owned()), |refusal| {
                (refusal.reason, format!("{}: {}", refusal.field, refusal.message))
            })
        };
        // A conflict says more than a protocol that is not served: the port is somebody else's.
        let refused = self.conflict.as_ref().or(self.refusal.as_ref());
        let accepted = said(refused, (reasons::ACCEPTED, "The listener is valid."));
        let programmed = if !gateway.serves(self) {
            said(
                self.conflict.as_ref(),
                (reasons::INVALID, "The listener is not served; see its other conditions."),
            )
        } else if !self.reachable {
            said(None, (reasons::PENDING, "The port is being set up; this takes a moment."))
        } else {
            said(None, (reasons::PROGRAMMED, "The port is served."))
        };
        let resolved =
            said(self.unresolved.as_ref(), (reasons::RESOLVED_REFS, "All references are resolved."));
        let conflicted =
            said(self.conflict.as_ref(), (reasons::NO_CONFLICTS, "No other listener is in the way."));
        let served = gateway.serves(self) && self.reachable;
        let conditions = vec![
            condition(types::ACCEPTED, refused.is_none(), (accepted.0, &accepted.1)),
            condition(types::PROGRAMMED, served, (programmed.0, &programmed.1)),
            condition(types::RESOLVED_REFS, self.unresolved.is_none(), (resolved.0, &resolved.1)),
            condition(types::CONFLICTED, self.conflict.is_some(), (conflicted.0, &conflicted.1)),
        ];
        let supported_kinds = self
            .kinds
            .iter()
            .map(|kind| RouteGroupKind { group: GATEWAY_GROUP.to_owned(), kind: kind.as_str().to_owned() });
        ListenerStatus {
            name: self.spec.name.clone(),
            supported_kinds: supported_kinds.collect(),
            attached_routes: self.attached,
            conditions,
        }
    }
}

/// What is said of the listeners that a status can name. Listeners with one name, or with a name that is none, have no place
/// in it: an apiserver would refuse the whole status for their sake.
pub(crate) fn statuses<'a, 'w: 'a>(
    listeners: impl Iterator<Item = &'a ListenerState<'w>>,
    gateway: &GatewayState<'_>,
) -> Vec<ListenerStatus> {
    let mut names = BTreeSet::new();
    let fitting = listeners.filter(|listener| {
        let name = listener.spec.name.as_str();
        is_section_name(name) && names.insert(name)
    });
    fitting.map(|listener| listener.status(gateway)).collect()
}

/// Puts what is served of the listeners into the snapshot, with their certificates.
pub(crate) fn serve(
    gateways: &[GatewayState<'_>],
    world: &World,
    (observers, options): (&Observers<'_>, &Options),
    snapshot: &mut Snapshot,
) {
    for gateway in gateways {
        for state in gateway.listeners.iter().filter(|listener| gateway.serves(listener)) {
            let protocol = match state.spec.protocol {
                Protocol::Https => ListenerProtocol::Https,
                _ => ListenerProtocol::Http,
            };
            let tls = (protocol == ListenerProtocol::Https)
                .then(|| ListenerTls { certificates: state.certificates.clone() });
            let (observability, trace) = observers.listener(gateway, state, options);
            let listener = Listener {
                listener: state.key.clone(),
                address: gateway.address,
                port: state.spec.port,
                binds: state.binds.clone(),
                protocol,
                hostname: state.hostname.clone(),
                tls,
                client_validation: state.validation.clone(),
                backend_certificate: gateway.backend_certificate.clone(),
                forwarded: gateway.forwarded,
                trace,
                observability,
            };
            snapshot.listeners.insert(state.key.clone(), Arc::new(listener));
            for key in state.certificates.iter().chain(&gateway.backend_certificate) {
                if snapshot.certificates.contains_key(key) {
                    continue;
                }
                if let Some(Ok(certificate)) =
                    world.secrets.get(key).map(|secret| certificates::read(key, secret))
                {
                    snapshot.certificates.insert(key.clone(), Arc::new(certificate));
                }
            }
        }
    }
}

/// A text that many objects share.
pub(crate) fn shared(text: &str) -> Arc<str> {
    Arc::from(text)
}
