//! Backend references: the kind, the grant, the object, its port and protocol, and the endpoints behind it.

use std::collections::BTreeSet;

use clearway_k8s::backend as own;
use clearway_k8s::conditions::reasons;
use clearway_k8s::core::{EndpointSlice, Service, ServicePort, ServiceType};
use clearway_k8s::filter::BackendObject;
use clearway_k8s::route::BackendReference;
use clearway_k8s::validate::validate_backend;
use clearway_k8s::{CLEARWAY_GROUP, CrossReference, GATEWAY_GROUP};
use clearway_model::{
    Backend, BackendFault, BackendProtocol, BackendRef, BackendTls, Endpoint, EndpointAddress, ObjectRef,
    RouteKind, TrustedRoots,
};

use crate::endpoints;
use crate::listeners::shared;
use crate::policies::{self, Policies};
use crate::problem::Refusal;
use crate::reach;
use crate::world::{Index, World};

/// Kind of a Service in the name of a backend.
pub(crate) const SERVICE: &str = "Service";
/// Kind of a Backend of ours there.
pub(crate) const OWN: &str = "Backend";

/// Who asks for a backend.
pub(crate) struct Asker<'a> {
    /// Kind of the route.
    pub(crate) kind: RouteKind,
    /// Its namespace.
    pub(crate) namespace: &'a str,
    /// Whether a listener serves it. Otherwise references are followed for the status only.
    pub(crate) served: bool,
    /// Whether the machine's own and link-local addresses are nobody's backends.
    pub(crate) guarded: bool,
}

/// Follows the references of one route, and remembers what it looked at.
pub(crate) struct Finder<'a, 'w> {
    world: &'w World,
    index: &'a Index<'w>,
    policies: &'a Policies<'w>,
    pub(crate) seen: Seen,
}

/// What became of the references of a route.
#[derive(Default)]
pub(crate) struct Seen {
    /// Objects that were looked for, be they there or not: the route is looked at again when one of them changes.
    pub(crate) objects: BTreeSet<Target>,
    /// Services that the route uses, whether it is served or not.
    pub(crate) services: BTreeSet<ObjectRef>,
    /// Backends that it is served by.
    pub(crate) backends: BTreeSet<BackendRef>,
}

/// A reference as it is written.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    group: &'a str,
    kind: &'a str,
    namespace: Option<&'a str>,
    name: &'a str,
    port: Option<u16>,
}

impl<'a> From<&'a BackendReference> for Asked<'a> {
    fn from(from: &'a BackendReference) -> Self {
        let namespace = from.namespace.as_deref();
        Self { group: &from.group, kind: &from.kind, namespace, name: &from.name, port: from.port }
    }
}

impl<'a> From<&'a BackendObject> for Asked<'a> {
    fn from(from: &'a BackendObject) -> Self {
        let namespace = from.namespace.as_deref();
        Self { group: &from.group, kind: &from.kind, namespace, name: &from.name, port: from.port }
    }
}

/// What a reference names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Target {
    /// A Service.
    Service(ObjectRef),
    /// A Backend.
    Own(ObjectRef),
}

/// A reference that leads nowhere, before its field is known.
pub(crate) struct Unresolved {
    reason: &'static str,
    message: String,
}

impl Unresolved {
    pub(crate) fn new(reason: &'static str, message: impl Into<String>) -> Self {
        Self { reason, message: message.into() }
    }

    /// The fault to serve, after noting it for the status.
    pub(crate) fn into_fault(self, field: &str, unresolved: &mut Vec<Refusal>) -> BackendFault {
        unresolved.push(Refusal::new(self.reason, field, self.message.as_str()));
        BackendFault { reason: self.reason.into(), message: self.message.into() }
    }
}

impl<'a, 'w> Finder<'a, 'w> {
    pub(crate) fn new(world: &'w World, index: &'a Index<'w>, policies: &'a Policies<'w>) -> Self {
        Self { world, index, policies, seen: Seen::default() }
    }

    /// Follows a reference. The grant is checked before anything is said about the object.
    pub(crate) fn resolve(&mut self, asker: &Asker<'_>, object: Asked<'_>) -> Result<BackendRef, Unresolved> {
        let backend = match self.permitted(asker, object)? {
            Target::Service(key) => self.service(asker, &key, object.port)?,
            Target::Own(key) => self.own(asker, &key, object.port)?,
        };
        if asker.served {
            self.seen.backends.insert(backend.clone());
        }
        Ok(backend)
    }

    /// Whether a reference leads to something that is there; for routes that are not served.
    pub(crate) fn look(&mut self, asker: &Asker<'_>, object: Asked<'_>) -> Result<(), Unresolved> {
        let (there, key) = match self.permitted(asker, object)? {
            Target::Service(key) => (self.world.services.contains_key(&key), key),
            Target::Own(key) => (self.world.backends.contains_key(&key), key),
        };
        let message = || format!("{} {key} does not exist; add it or correct the name", object.kind);
        if there { Ok(()) } else { Err(Unresolved::new(reasons::BACKEND_NOT_FOUND, message())) }
    }

    /// What a reference names, when its kind is known and a grant allows it.
    fn permitted(&mut self, asker: &Asker<'_>, object: Asked<'_>) -> Result<Target, Unresolved> {
        let is_service = object.group.is_empty() && object.kind == "Service";
        let is_own = object.group == CLEARWAY_GROUP && object.kind == "Backend";
        if !is_service && !is_own {
            let message = format!(
                "{} of group `{}` cannot take requests; use a Service, or a Backend of group {CLEARWAY_GROUP}",
                object.kind, object.group
            );
            return Err(Unresolved::new(reasons::INVALID_KIND, message));
        }
        let namespace = object.namespace.unwrap_or(asker.namespace);
        let key = ObjectRef::new(namespace, object.name);
        let cross = CrossReference {
            from_group: GATEWAY_GROUP,
            from_kind: asker.kind.as_str(),
            from_namespace: asker.namespace,
            to_group: object.group,
            to_kind: object.kind,
            to_namespace: namespace,
            to_name: object.name,
        };
        if !self.index.permits(cross) {
            let message = format!(
                "{} {key} is in another namespace; add a ReferenceGrant in {namespace} that lets {}s of {} refer to it",
                object.kind,
                asker.kind.as_str(),
                asker.namespace
            );
            return Err(Unresolved::new(reasons::REF_NOT_PERMITTED, message));
        }
        let target = if is_service { Target::Service(key) } else { Target::Own(key) };
        self.seen.objects.insert(target.clone());
        Ok(target)
    }

    fn service(
        &mut self,
        asker: &Asker<'_>,
        key: &ObjectRef,
        port: Option<u16>,
    ) -> Result<BackendRef, Unresolved> {
        let missing = |message| Unresolved::new(reasons::BACKEND_NOT_FOUND, message);
        let service = self.world.services.get(key);
        let service = service
            .ok_or_else(|| missing(format!("Service {key} does not exist; add it or correct the name")))?;
        if service.spec.kind == ServiceType::ExternalName {
            let message =
                format!("Service {key} is an ExternalName, which is not routed to; use a Backend with host");
            return Err(Unresolved::new(reasons::INVALID_KIND, message));
        }
        let port = service_port(service, port).ok_or_else(|| missing(no_port(key, service, port)))?;
        self.seen.services.insert(key.clone());
        let (_, wants_tls) = spoken(port, asker.kind).ok_or_else(|| {
            let text = port.app_protocol.as_deref().unwrap_or_default();
            let kind = asker.kind.as_str();
            let message =
                format!("port {} of Service {key} speaks `{text}`, which a {kind} cannot use", port.port);
            Unresolved::new(reasons::UNSUPPORTED_PROTOCOL, message)
        })?;
        if wants_tls && self.policies.tls(key, &port.name, self.world).is_none() {
            let message = format!(
                "port {} of Service {key} speaks TLS; add a BackendTLSPolicy that says whom to trust",
                port.port
            );
            return Err(Unresolved::new(reasons::UNSUPPORTED_PROTOCOL, message));
        }
        Ok(BackendRef { kind: SERVICE.into(), object: key.clone(), port: port.port })
    }

    fn own(
        &mut self,
        asker: &Asker<'_>,
        key: &ObjectRef,
        port: Option<u16>,
    ) -> Result<BackendRef, Unresolved> {
        let missing = |message| Unresolved::new(reasons::BACKEND_NOT_FOUND, message);
        let object = self.world.backends.get(key);
        let object = object
            .ok_or_else(|| missing(format!("Backend {key} does not exist; add it or correct the name")))?;
        if let Some(error) = validate_backend(object).into_iter().next() {
            return Err(Unresolved::new(reasons::UNSUPPORTED_VALUE, format!("Backend {key}, {error}")));
        }
        if let Some((field, message)) = reach::forbidden(object).filter(|_| asker.guarded) {
            let message = format!("Backend {key}, {field}: {message}");
            return Err(Unresolved::new(reasons::UNSUPPORTED_VALUE, message));
        }
        let endpoints = own_endpoints(object, port);
        if endpoints.is_empty() {
            let port = port.unwrap_or_default();
            return Err(missing(format!("Backend {key} has no endpoint on port {port}")));
        }
        if object.spec.protocol.is_tls() {
            own_tls(object, self.world)?;
        }
        let ports: BTreeSet<_> = endpoints.iter().map(|endpoint| endpoint.port).collect();
        // Without a port of its own the reference is called by the port that all endpoints share, else 0.
        let shared_port = ports.first().copied().filter(|_| ports.len() == 1);
        let port = port.or(shared_port).unwrap_or_default();
        Ok(BackendRef { kind: OWN.into(), object: key.clone(), port })
    }
}

/// A backend that a served route found, and what is to be said of its endpoints. With `http2` a GRPCRoute names it:
/// gRPC needs HTTP/2 (gRPC over HTTP/2, "Transport Mapping"), so the port speaks it to everyone.
pub(crate) fn make(
    backend: &BackendRef,
    http2: bool,
    world: &World,
    policies: &Policies<'_>,
    slices: &[&EndpointSlice],
) -> Option<(Backend, Vec<Refusal>)> {
    let key = &backend.object;
    let (protocol, tls, endpoints, notes) = if *backend.kind == *SERVICE {
        let port = service_port(world.services.get(key)?, Some(backend.port))?;
        // HTTPRoutes may use every port that GRPCRoutes may, and they say the same of it.
        let (protocol, _) = spoken(port, RouteKind::Http)?;
        let (endpoints, notes) = endpoints::of(key, port, slices);
        (protocol, policies.tls(key, &port.name, world), endpoints, notes)
    } else {
        let object = world.backends.get(key)?;
        let spoken = &object.spec.protocol;
        let protocol = if spoken.is_http2() { BackendProtocol::Http2 } else { BackendProtocol::Http1 };
        let tls = if spoken.is_tls() { Some(own_tls(object, world).ok()?) } else { None };
        let port = Some(backend.port).filter(|port| *port != 0);
        (protocol, tls, own_endpoints(object, port), Vec::new())
    };
    let protocol = if http2 { BackendProtocol::Http2 } else { protocol };
    Some((Backend { backend: backend.clone(), protocol, tls, endpoints }, notes))
}

fn own_tls(object: &own::Backend, world: &World) -> Result<BackendTls, Unresolved> {
    let empty = own::BackendTlsSpec::default();
    let tls = object.spec.tls.as_ref().unwrap_or(&empty);
    let host = object.spec.endpoints.iter().find_map(|endpoint| endpoint.host.as_deref());
    let roots = match &tls.ca_certificate_ref {
        None => TrustedRoots::System,
        Some(reference) => {
            let (namespace, field) = (&object.metadata.namespace, "spec.tls.caCertificateRef");
            let authorities = policies::authorities(std::slice::from_ref(reference), namespace, field, world);
            if let Some(refusal) = authorities.refusals.into_iter().next() {
                let name = &object.metadata.name;
                let message = format!("Backend {namespace}/{name}, {}: {}", refusal.field, refusal.message);
                return Err(Unresolved::new(refusal.reason, message));
            }
            TrustedRoots::Pem(authorities.pem.into())
        }
    };
    Ok(BackendTls {
        hostname: shared(tls.hostname.as_deref().or(host).unwrap_or_default()),
        subject_alt_names: policies::alt_names(&tls.subject_alt_names),
        roots,
    })
}

/// Endpoints of a Backend, on one port or on all.
fn own_endpoints(object: &own::Backend, port: Option<u16>) -> Vec<Endpoint> {
    let mut endpoints: Vec<Endpoint> = object.spec.endpoints.iter().filter_map(own_endpoint).collect();
    endpoints.retain(|endpoint| port.is_none_or(|port| port == endpoint.port));
    endpoints.sort();
    endpoints.dedup();
    endpoints
}

fn own_endpoint(endpoint: &own::BackendEndpoint) -> Option<Endpoint> {
    let host =
        || endpoint.host.as_deref().map(|host| EndpointAddress::Host(host.to_ascii_lowercase().into()));
    let address = endpoint.ip.map(EndpointAddress::Ip).or_else(host)?;
    Some(Endpoint { address, port: endpoint.port })
}

fn service_port(service: &Service, port: Option<u16>) -> Option<&ServicePort> {
    service.spec.ports.iter().find(|entry| Some(entry.port) == port && entry.protocol == "TCP")
}

fn no_port(key: &ObjectRef, service: &Service, port: Option<u16>) -> String {
    let there: Vec<_> =
        service.spec.ports.iter().map(|port| format!("{}/{}", port.port, port.protocol)).collect();
    let there = if there.is_empty() { "none".to_owned() } else { there.join(", ") };
    match port {
        Some(port) => format!("Service {key} has no TCP port {port}; it has {there}"),
        None => format!("the reference to Service {key} names no port; it has {there}"),
    }
}

/// What a port speaks to a kind of route, and whether it wants TLS (GEP-1911); `None` when the two do not go together.
fn spoken(port: &ServicePort, kind: RouteKind) -> Option<(BackendProtocol, bool)> {
    let text = port.app_protocol.as_deref().unwrap_or_default().to_ascii_lowercase();
    let is_http = kind == RouteKind::Http;
    Some(match text.as_str() {
        "" | "http" => (BackendProtocol::Http1, false),
        "https" => (BackendProtocol::Http1, true),
        "kubernetes.io/ws" if is_http => (BackendProtocol::Http1, false),
        "kubernetes.io/wss" if is_http => (BackendProtocol::Http1, true),
        "kubernetes.io/h2c" | "h2c" | "http2" | "grpc" => (BackendProtocol::Http2, false),
        _ => return None,
    })
}
