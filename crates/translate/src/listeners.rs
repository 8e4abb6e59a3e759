//! Listeners: which protocols and routes they take, their certificates, and what of them is served.

use std::sync::Arc;

use clearway_k8s::conditions::{reasons, types};
use clearway_k8s::gateway::{FromNamespaces, Gateway, GatewayListener, Protocol, RouteGroupKind};
use clearway_k8s::{Condition, FieldError, GATEWAY_GROUP, Severity};
use clearway_model::{
    Hostname, Listener, ListenerProtocol, ListenerRef, ListenerTls, ObjectRef, RouteKind, Snapshot,
};

use crate::certificates;
use crate::gateways::GatewayState;
use crate::problem::Refusal;
use crate::status::ListenerStatus;
use crate::world::{Index, World};

/// A listener while it is translated.
pub(crate) struct ListenerState<'w> {
    pub(crate) key: ListenerRef,
    pub(crate) spec: &'w GatewayListener,
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
    /// Accepted routes that are attached.
    pub(crate) attached: u32,
}

/// Reads the listeners of a Gateway; `errors` is what validation found in it.
pub(crate) fn read<'w>(
    key: &ObjectRef,
    gateway: &'w Gateway,
    world: &'w World,
    index: &Index<'w>,
    errors: &[FieldError],
) -> Vec<ListenerState<'w>> {
    let each = gateway.spec.listeners.iter().enumerate();
    each.map(|(position, spec)| {
        let path = format!("spec.listeners[{position}]");
        let (kinds, bad_kind) = kinds(spec, &path);
        let (certificates, bad_certificate) = match spec.protocol {
            Protocol::Https => certificates::resolve(spec, &path, key, world, index),
            _ => (Vec::new(), None),
        };
        ListenerState {
            key: ListenerRef { gateway: key.clone(), name: spec.name.as_str().into() },
            spec,
            hostname: Hostname::parse(spec.hostname.as_deref().unwrap_or_default()),
            kinds,
            refusal: refusal(spec, &path, gateway, errors),
            conflict: None,
            unresolved: bad_kind.or(bad_certificate),
            certificates,
            attached: 0,
        }
    })
    .collect()
}

fn refusal(spec: &GatewayListener, path: &str, gateway: &Gateway, errors: &[FieldError]) -> Option<Refusal> {
    if !matches!(spec.protocol, Protocol::Http | Protocol::Https) {
        let message = format!("{} is not served; use HTTP or HTTPS", spec.protocol);
        return Some(Refusal::new(reasons::UNSUPPORTED_PROTOCOL, format!("{path}.protocol"), message));
    }
    let inside = format!("{path}.");
    let invalid =
        errors.iter().find(|error| error.severity == Severity::Error && error.path.starts_with(&inside));
    if let Some(error) = invalid {
        return Some(Refusal::new(reasons::UNSUPPORTED_VALUE, &error.path, &error.message));
    }
    // Serving the port without the validation that is asked for would let everybody in.
    let validates = spec.protocol == Protocol::Https && gateway.spec.validates_clients_on(spec.port);
    validates.then(|| {
        Refusal::new(
            reasons::UNSUPPORTED_VALUE,
            "spec.tls.frontend",
            format!(
                "client certificates on port {} cannot be validated yet, so it stays closed; remove it",
                spec.port
            ),
        )
    })
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

    /// Whether routes of a namespace may attach.
    pub(crate) fn lets_in(&self, namespace: &str, world: &World) -> bool {
        let allowed = &self.spec.allowed_routes.namespaces;
        match allowed.from {
            FromNamespaces::All => true,
            FromNamespaces::Same => *namespace == *self.key.gateway.namespace,
            FromNamespaces::Selector => allowed.selector.as_ref().is_some_and(|selector| {
                let known = world.namespaces.get(namespace).map(|object| &object.metadata.labels);
                let mut labels = known.cloned().unwrap_or_default();
                labels.insert("kubernetes.io/metadata.name".to_owned(), namespace.to_owned());
                selector.matches(&labels)
            }),
            FromNamespaces::None | FromNamespaces::Unknown(_) => false,
        }
    }

    pub(crate) fn status(&self, gateway: &GatewayState<'_>) -> ListenerStatus {
        let generation = gateway.gateway.metadata.generation;
        let condition = |kind, holds, refusal: Option<&Refusal>, reason, message: &str| match refusal {
            Some(refusal) => {
                Condition::new(kind, holds, refusal.reason, refusal.message.as_str(), generation)
            }
            None => Condition::new(kind, holds, reason, message, generation),
        };
        let refused = self.refusal.as_ref().or(self.conflict.as_ref());
        let served = gateway.serves(self);
        let programmed = if served { reasons::PROGRAMMED } else { reasons::INVALID };
        let programmed_message = if served { "The port is served." } else { "The listener is not served." };
        let mut conditions = vec![
            condition(
                types::ACCEPTED,
                refused.is_none(),
                refused,
                reasons::ACCEPTED,
                "The listener is valid.",
            ),
            condition(types::PROGRAMMED, served, None, programmed, programmed_message),
            condition(
                types::RESOLVED_REFS,
                self.unresolved.is_none(),
                self.unresolved.as_ref(),
                reasons::RESOLVED_REFS,
                "All references are resolved.",
            ),
        ];
        let conflict = self.conflict.as_ref();
        let no_conflict = "No other listener is in the way.";
        conditions.push(condition(
            types::CONFLICTED,
            conflict.is_some(),
            conflict,
            reasons::NO_CONFLICTS,
            no_conflict,
        ));
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

/// Puts what is served of the listeners into the snapshot, with their certificates.
pub(crate) fn serve(gateways: &[GatewayState<'_>], world: &World, snapshot: &mut Snapshot) {
    for gateway in gateways {
        for state in gateway.listeners.iter().filter(|listener| gateway.serves(listener)) {
            let protocol = match state.spec.protocol {
                Protocol::Https => ListenerProtocol::Https,
                _ => ListenerProtocol::Http,
            };
            let tls = (protocol == ListenerProtocol::Https)
                .then(|| ListenerTls { certificates: state.certificates.clone() });
            let listener = Listener {
                listener: state.key.clone(),
                address: gateway.address,
                port: state.spec.port,
                protocol,
                hostname: state.hostname.clone(),
                tls,
                forwarded: gateway.forwarded,
                trace: gateway.trace,
            };
            snapshot.listeners.insert(state.key.clone(), listener);
            for key in &state.certificates {
                if let Some(Ok(certificate)) =
                    world.secrets.get(key).map(|secret| certificates::read(key, secret))
                {
                    snapshot.certificates.insert(key.clone(), certificate);
                }
            }
        }
    }
}

/// A text that many objects share.
pub(crate) fn shared(text: &str) -> Arc<str> {
    Arc::from(text)
}
