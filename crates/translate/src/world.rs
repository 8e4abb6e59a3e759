//! All objects that are known, by namespace and name, and the indexes that keep translation from searching.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use clearway_k8s::backend::Backend;
use clearway_k8s::core::{ConfigMap, EndpointSlice, Namespace, Secret, Service};
use clearway_k8s::gateway::{Gateway, GatewayClass};
use clearway_k8s::grant::{CrossReference, ReferenceGrant, permits};
use clearway_k8s::listener_set::ListenerSet;
use clearway_k8s::observability::ObservabilityPolicy;
use clearway_k8s::policy::BackendTlsPolicy;
use clearway_k8s::route::{GrpcRoute, HttpRoute};
use clearway_k8s::selector::LabelSelector;
use clearway_k8s::stream_route::StreamRoute;
use clearway_k8s::{FieldError, Object, Unreadable};
use clearway_model::ObjectRef;

use crate::problem::ObjectName;

/// Every object that translation looks at. Objects never change in place: a new one takes the place of an old one, so the
/// same pointer means the same content.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct World {
    /// GatewayClasses by name.
    pub classes: BTreeMap<String, Arc<GatewayClass>>,
    /// Gateways.
    pub gateways: BTreeMap<ObjectRef, Arc<Gateway>>,
    /// ListenerSets.
    pub listener_sets: BTreeMap<ObjectRef, Arc<ListenerSet>>,
    /// HTTPRoutes.
    pub http_routes: BTreeMap<ObjectRef, Arc<HttpRoute>>,
    /// GRPCRoutes.
    pub grpc_routes: BTreeMap<ObjectRef, Arc<GrpcRoute>>,
    /// TLSRoutes.
    pub tls_routes: BTreeMap<ObjectRef, Arc<StreamRoute>>,
    /// TCPRoutes.
    pub tcp_routes: BTreeMap<ObjectRef, Arc<StreamRoute>>,
    /// UDPRoutes.
    pub udp_routes: BTreeMap<ObjectRef, Arc<StreamRoute>>,
    /// ReferenceGrants.
    pub grants: BTreeMap<ObjectRef, Arc<ReferenceGrant>>,
    /// BackendTLSPolicies.
    pub tls_policies: BTreeMap<ObjectRef, Arc<BackendTlsPolicy>>,
    /// Services.
    pub services: BTreeMap<ObjectRef, Arc<Service>>,
    /// EndpointSlices.
    pub slices: BTreeMap<ObjectRef, Arc<EndpointSlice>>,
    /// Secrets.
    pub secrets: BTreeMap<ObjectRef, Arc<Secret>>,
    /// ConfigMaps.
    pub config_maps: BTreeMap<ObjectRef, Arc<ConfigMap>>,
    /// Namespaces by name. One that is missing has no labels but its name.
    pub namespaces: BTreeMap<String, Arc<Namespace>>,
    /// Backends.
    pub backends: BTreeMap<ObjectRef, Arc<Backend>>,
    /// ObservabilityPolicies.
    pub observability_policies: BTreeMap<ObjectRef, Arc<ObservabilityPolicy>>,
    /// Objects whose newest version cannot be read; what was known of them before stands in the other fields still.
    pub unreadable: BTreeMap<ObjectName, Unreadable>,
    /// What is wrong with fields of objects that have no status to say it in: problems, and no more. Whoever fills the world
    /// looks once, when an object comes.
    pub findings: BTreeMap<ObjectName, Vec<FieldError>>,
    /// The private port behind each port of a Gateway: `(Gateway, port of the spec)`. The control plane allocates them;
    /// only [`crate::Exposure::Cluster`] looks at them, and a port that is missing here is not bound yet.
    pub ports: BTreeMap<(ObjectRef, u16), u16>,
    /// What the Service of each Gateway was given. Only [`crate::Exposure::Cluster`] looks at it.
    pub addresses: BTreeMap<ObjectRef, GatewayAddresses>,
    /// The Gateway API as the apiserver has it; `None` is unknown, as in files.
    pub api: Option<InstalledApi>,
}

/// Addresses of the Service of a Gateway.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GatewayAddresses {
    /// IP addresses and names of `status.loadBalancer.ingress`, in its order.
    pub assigned: Vec<String>,
}

/// The custom resource definitions of the Gateway API.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InstalledApi {
    /// Annotation `gateway.networking.k8s.io/bundle-version` of the CRDs, such as `v1.6.3`.
    pub bundle_version: String,
    /// Whether the annotation `gateway.networking.k8s.io/channel` says `experimental`.
    pub experimental: bool,
    /// Kinds of the Gateway API that are served.
    pub kinds: BTreeSet<String>,
}

impl World {
    /// Puts an object in its place; `true` when it takes the place of another. Kinds that are not read are left out.
    pub fn insert(&mut self, object: Object) -> bool {
        let Some(meta) = object.meta() else { return false };
        let name = meta.name.clone();
        let key = ObjectRef::new(meta.namespace.as_str(), meta.name.as_str());
        match object {
            Object::GatewayClass(object) => self.classes.insert(name, object.into()).is_some(),
            Object::Gateway(object) => self.gateways.insert(key, object.into()).is_some(),
            Object::ListenerSet(object) => self.listener_sets.insert(key, object.into()).is_some(),
            Object::HttpRoute(object) => self.http_routes.insert(key, object.into()).is_some(),
            Object::GrpcRoute(object) => self.grpc_routes.insert(key, object.into()).is_some(),
            Object::TlsRoute(object) => self.tls_routes.insert(key, object.into()).is_some(),
            Object::TcpRoute(object) => self.tcp_routes.insert(key, object.into()).is_some(),
            Object::UdpRoute(object) => self.udp_routes.insert(key, object.into()).is_some(),
            Object::ReferenceGrant(object) => self.grants.insert(key, object.into()).is_some(),
            Object::BackendTlsPolicy(object) => self.tls_policies.insert(key, object.into()).is_some(),
            Object::Service(object) => self.services.insert(key, object.into()).is_some(),
            Object::EndpointSlice(object) => self.slices.insert(key, object.into()).is_some(),
            Object::Secret(object) => self.secrets.insert(key, object.into()).is_some(),
            Object::ConfigMap(object) => self.config_maps.insert(key, object.into()).is_some(),
            Object::Namespace(object) => self.namespaces.insert(name, object.into()).is_some(),
            Object::Backend(object) => self.backends.insert(key, object.into()).is_some(),
            Object::ObservabilityPolicy(object) => {
                self.observability_policies.insert(key, object.into()).is_some()
            }
            Object::Ignored { .. } => false,
        }
    }

    /// Takes an object away by kind, namespace (empty for kinds without one) and name; `true` when it was there.
    pub fn remove(&mut self, kind: &str, namespace: &str, name: &str) -> bool {
        let key = ObjectRef::new(namespace, name);
        match kind {
            "GatewayClass" => self.classes.remove(name).is_some(),
            "Gateway" => self.gateways.remove(&key).is_some(),
            "ListenerSet" => self.listener_sets.remove(&key).is_some(),
            "HTTPRoute" => self.http_routes.remove(&key).is_some(),
            "GRPCRoute" => self.grpc_routes.remove(&key).is_some(),
            "TLSRoute" => self.tls_routes.remove(&key).is_some(),
            "TCPRoute" => self.tcp_routes.remove(&key).is_some(),
            "UDPRoute" => self.udp_routes.remove(&key).is_some(),
            "ReferenceGrant" => self.grants.remove(&key).is_some(),
            "BackendTLSPolicy" => self.tls_policies.remove(&key).is_some(),
            "Service" => self.services.remove(&key).is_some(),
            "EndpointSlice" => self.slices.remove(&key).is_some(),
            "Secret" => self.secrets.remove(&key).is_some(),
            "ConfigMap" => self.config_maps.remove(&key).is_some(),
            "Namespace" => self.namespaces.remove(name).is_some(),
            "Backend" => self.backends.remove(&key).is_some(),
            "ObservabilityPolicy" => self.observability_policies.remove(&key).is_some(),
            _ => false,
        }
    }
}

impl World {
    /// The generation of an object that is known; `None` when it is not.
    pub(crate) fn generation(&self, object: &ObjectName) -> Option<i64> {
        let key = ObjectRef::new(object.namespace.as_str(), object.name.as_str());
        let meta = match object.kind.as_str() {
            "GatewayClass" => &self.classes.get(&object.name)?.metadata,
            "Gateway" => &self.gateways.get(&key)?.metadata,
            "ListenerSet" => &self.listener_sets.get(&key)?.metadata,
            "HTTPRoute" => &self.http_routes.get(&key)?.metadata,
            "GRPCRoute" => &self.grpc_routes.get(&key)?.metadata,
            "TLSRoute" => &self.tls_routes.get(&key)?.metadata,
            "TCPRoute" => &self.tcp_routes.get(&key)?.metadata,
            "UDPRoute" => &self.udp_routes.get(&key)?.metadata,
            "ReferenceGrant" => &self.grants.get(&key)?.metadata,
            "BackendTLSPolicy" => &self.tls_policies.get(&key)?.metadata,
            "Service" => &self.services.get(&key)?.metadata,
            "EndpointSlice" => &self.slices.get(&key)?.metadata,
            "Secret" => &self.secrets.get(&key)?.metadata,
            "ConfigMap" => &self.config_maps.get(&key)?.metadata,
            "Namespace" => &self.namespaces.get(&object.name)?.metadata,
            "Backend" => &self.backends.get(&key)?.metadata,
            "ObservabilityPolicy" => &self.observability_policies.get(&key)?.metadata,
            _ => return None,
        };
        Some(meta.generation)
    }

    /// Whether a selector picks a namespace. One that is not known has no labels but its name.
    pub(crate) fn selects(&self, selector: &LabelSelector, namespace: &str) -> bool {
        let known = self.namespaces.get(namespace).map(|object| &object.metadata.labels);
        let mut labels = known.cloned().unwrap_or_default();
        labels.insert("kubernetes.io/metadata.name".to_owned(), namespace.to_owned());
        selector.matches(&labels)
    }
}

/// Lookups that would otherwise be searches.
pub(crate) struct Index<'w> {
    grants: HashMap<&'w str, Vec<&'w ReferenceGrant>>,
}

impl<'w> Index<'w> {
    pub(crate) fn of(world: &'w World) -> Self {
        let mut index = Self { grants: HashMap::new() };
        for grant in world.grants.values() {
            index.grants.entry(&grant.metadata.namespace).or_default().push(grant);
        }
        index
    }

    /// Whether a reference is allowed by the grants of its target's namespace.
    pub(crate) fn permits(&self, reference: CrossReference<'_>) -> bool {
        permits(reference, self.grants.get(reference.to_namespace).into_iter().flatten().copied())
    }
}
