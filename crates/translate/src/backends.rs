//! Backend references: the kind, the grant, the object, its port and protocol, and the endpoints behind it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use clearway_k8s::backend as own;
use clearway_k8s::conditions::reasons;
use clearway_k8s::core::{Service, ServicePort, ServiceType};
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
use crate::problem::{ObjectName, Problems, Refusal};
use crate::reach;
use crate::world::{Index, World};

/// Who asks for a backend.
pub(crate) struct Asker<'a> {
    /// Kind of the route.
    pub(crate) kind: RouteKind,
    /// Its namespace.
    pub(crate) namespace: &'a str,
    /// Gateways that accepted it.
    pub(crate) gateways: &'a BTreeSet<ObjectRef>,
    /// Whether a listener serves it. Otherwise references are followed for the status only.
    pub(crate) served: bool,
    /// Whether the machine's own and link-local addresses are nobody's backends.
    pub(crate) guarded: bool,
}

/// All backends that were asked for.
pub(crate) struct Backends<'a, 'w> {
    world: &'w World,
    index: &'a Index<'w>,
    pub(crate) policies: Policies<'w>,
    found: HashMap<BackendRef, Backend>,
    service_kind: Arc<str>,
    warnings: Vec<(ObjectName, Refusal)>,
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
enum Target {
    Service(ObjectRef),
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

impl<'a, 'w> Backends<'a, 'w> {
    pub(crate) fn new(world: &'w World, index: &'a Index<'w>) -> Self {
        let policies = Policies::of(world);
        Self {
            world,
            index,
            policies,
            found: HashMap::new(),
            service_kind: "Service".into(),
            warnings: Vec::new(),
        }
    }

    /// Follows a reference. The grant is checked before anything is said about the object.
    pub(crate) fn resolve(&mut self, asker: &Asker<'_>, object: Asked<'_>) -> Result<BackendRef, Unresolved> {
        match self.permitted(asker, object)? {
            Target::Service(key) => self.service(asker, &key, object.port),
            Target::Own(key) => self.own(asker, &key, object.port),
        }
    }

    /// Whether a reference leads to something that is there; for routes that are not served.
    pub(crate) fn look(&self, asker: &Asker<'_>, object: Asked<'_>) -> Result<(), Unresolved> {
        let (there, key) = match self.permitted(asker, object)? {
            Target::Service(key) => (self.world.services.contains_key(&key), key),
            Target::Own(key) => (self.world.backends.contains_key(&key), key),
        };
        let message = || format!("{} {key} does not exist; add it or correct the name", object.kind);
        if there { Ok(()) } else { Err(Unresolved::new(reasons::BACKEND_NOT_FOUND, message())) }
    }

    /// What a reference names, when its kind is known and a grant allows it.
    fn permitted(&self, asker: &Asker<'_>, object: Asked<'_>) -> Result<Target, Unresolved> {
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
        Ok(if is_service { Target::Service(key) } else { Target::Own(key) })
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
        self.policies.used(key, asker.gateways);
        let tls = self.policies.tls(key, &port.name, self.world);
        let (protocol, wants_tls) = spoken(port, asker.kind).ok_or_else(|| {
            let text = port.app_protocol.as_deref().unwrap_or_default();
            let kind = asker.kind.as_str();
            let message =
                format!("port {} of Service {key} speaks `{text}`, which a {kind} cannot use", port.port);
            Unresolved::new(reasons::UNSUPPORTED_PROTOCOL, message)
        })?;
        if wants_tls && tls.is_none() {
            let message = format!(
                "port {} of Service {key} speaks TLS; add a BackendTLSPolicy that says whom to trust",
                port.port
            );
            return Err(Unresolved::new(reasons::UNSUPPORTED_PROTOCOL, message));
        }
        let backend = BackendRef { kind: self.service_kind.clone(), object: key.clone(), port: port.port };
        if asker.served && !self.found.contains_key(&backend) {
            let (endpoints, notes) = endpoints::of(key, port, self.index.slices(key));
            let name = ObjectName::new("Service", &key.namespace, &key.name);
            self.warnings.extend(notes.into_iter().map(|note| (name.clone(), note)));
            let entry = Backend { backend: backend.clone(), protocol, tls, endpoints };
            self.found.insert(backend.clone(), entry);
        }
        self.speak_http2_to_grpc(asker, &backend);
        Ok(backend)
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
        let mut endpoints: Vec<Endpoint> = object.spec.endpoints.iter().filter_map(own_endpoint).collect();
        endpoints.retain(|endpoint| port.is_none_or(|port| port == endpoint.port));
        endpoints.sort();
        endpoints.dedup();
        if endpoints.is_empty() {
            let port = port.unwrap_or_default();
            return Err(missing(format!("Backend {key} has no endpoint on port {port}")));
        }
        let ports: BTreeSet<_> = endpoints.iter().map(|endpoint| endpoint.port).collect();
        // Without a port of its own the reference is called by the port that all endpoints share, else 0.
        let shared_port = ports.first().copied().filter(|_| ports.len() == 1);
        let backend = BackendRef {
            kind: "Backend".into(),
            object: key.clone(),
            port: port.or(shared_port).unwrap_or_default(),
        };
        let http2 = object.spec.protocol.is_http2();
        let protocol = if http2 { BackendProtocol::Http2 } else { BackendProtocol::Http1 };
        let tls = object.spec.protocol.is_tls().then(|| self.own_tls(object)).transpose()?;
        if asker.served && !self.found.contains_key(&backend) {
            let entry = Backend { backend: backend.clone(), protocol, tls, endpoints };
            self.found.insert(backend.clone(), entry);
        }
        self.speak_http2_to_grpc(asker, &backend);
        Ok(backend)
    }

    fn own_tls(&self, object: &own::Backend) -> Result<BackendTls, Unresolved> {
        let empty = own::BackendTlsSpec::default();
        let tls = object.spec.tls.as_ref().unwrap_or(&empty);
        let host = object.spec.endpoints.iter().find_map(|endpoint| endpoint.host.as_deref());
        let roots = match &tls.ca_certificate_ref {
            None => TrustedRoots::System,
            Some(reference) => {
                let namespace = &object.metadata.namespace;
                let authorities = policies::authorities(
                    std::slice::from_ref(reference),
                    namespace,
                    "spec.tls.caCertificateRef",
                    self.world,
                );
                if let Some(refusal) = authorities.refusals.into_iter().next() {
                    let message = format!(
                        "Backend {namespace}/{}, {}: {}",
                        object.metadata.name, refusal.field, refusal.message
                    );
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

    /// gRPC needs HTTP/2 (gRPC over HTTP/2, "Transport Mapping"): a port that a GRPCRoute names speaks it to everyone.
    fn speak_http2_to_grpc(&mut self, asker: &Asker<'_>, backend: &BackendRef) {
        if asker.kind == RouteKind::Grpc
            && asker.served
            && let Some(entry) = self.found.get_mut(backend)
        {
            entry.protocol = BackendProtocol::Http2;
        }
    }

    /// The backends, after saying which have nobody to answer.
    pub(crate) fn finish(self, problems: &mut Problems) -> BTreeMap<BackendRef, Backend> {
        for (object, refusal) in &self.warnings {
            problems.warning(object, refusal);
        }
        self.found.into_iter().collect()
    }
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
