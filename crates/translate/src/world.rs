//! All objects that are known, by namespace and name, and the indexes that keep translation from searching.

use std::collections::{BTreeMap, HashMap};

use clearway_k8s::Object;
use clearway_k8s::backend::Backend;
use clearway_k8s::core::{ConfigMap, EndpointSlice, Namespace, Secret, Service};
use clearway_k8s::gateway::{Gateway, GatewayClass};
use clearway_k8s::grant::{CrossReference, ReferenceGrant, permits};
use clearway_k8s::policy::BackendTlsPolicy;
use clearway_k8s::route::{GrpcRoute, HttpRoute};
use clearway_model::ObjectRef;

/// Every object that translation looks at.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct World {
    /// GatewayClasses by name.
    pub classes: BTreeMap<String, GatewayClass>,
    /// Gateways.
    pub gateways: BTreeMap<ObjectRef, Gateway>,
    /// HTTPRoutes.
    pub http_routes: BTreeMap<ObjectRef, HttpRoute>,
    /// GRPCRoutes.
    pub grpc_routes: BTreeMap<ObjectRef, GrpcRoute>,
    /// ReferenceGrants.
    pub grants: BTreeMap<ObjectRef, ReferenceGrant>,
    /// BackendTLSPolicies.
    pub tls_policies: BTreeMap<ObjectRef, BackendTlsPolicy>,
    /// Services.
    pub services: BTreeMap<ObjectRef, Service>,
    /// EndpointSlices.
    pub slices: BTreeMap<ObjectRef, EndpointSlice>,
    /// Secrets.
    pub secrets: BTreeMap<ObjectRef, Secret>,
    /// ConfigMaps.
    pub config_maps: BTreeMap<ObjectRef, ConfigMap>,
    /// Namespaces by name. One that is missing has no labels but its name.
    pub namespaces: BTreeMap<String, Namespace>,
    /// Backends.
    pub backends: BTreeMap<ObjectRef, Backend>,
}

impl World {
    /// Puts an object in its place; `true` when it takes the place of another. Kinds that are not read are left out.
    pub fn insert(&mut self, object: Object) -> bool {
        let Some(meta) = object.meta() else { return false };
        let name = meta.name.clone();
        let key = ObjectRef::new(meta.namespace.as_str(), meta.name.as_str());
        match object {
            Object::GatewayClass(object) => self.classes.insert(name, object).is_some(),
            Object::Gateway(object) => self.gateways.insert(key, object).is_some(),
            Object::HttpRoute(object) => self.http_routes.insert(key, object).is_some(),
            Object::GrpcRoute(object) => self.grpc_routes.insert(key, object).is_some(),
            Object::ReferenceGrant(object) => self.grants.insert(key, object).is_some(),
            Object::BackendTlsPolicy(object) => self.tls_policies.insert(key, object).is_some(),
            Object::Service(object) => self.services.insert(key, object).is_some(),
            Object::EndpointSlice(object) => self.slices.insert(key, object).is_some(),
            Object::Secret(object) => self.secrets.insert(key, object).is_some(),
            Object::ConfigMap(object) => self.config_maps.insert(key, object).is_some(),
            Object::Namespace(object) => self.namespaces.insert(name, object).is_some(),
            Object::Backend(object) => self.backends.insert(key, object).is_some(),
            Object::Ignored { .. } => false,
        }
    }

    /// Takes an object away by kind, namespace (empty for kinds without one) and name; `true` when it was there.
    pub fn remove(&mut self, kind: &str, namespace: &str, name: &str) -> bool {
        let key = ObjectRef::new(namespace, name);
        match kind {
            "GatewayClass" => self.classes.remove(name).is_some(),
            "Gateway" => self.gateways.remove(&key).is_some(),
            "HTTPRoute" => self.http_routes.remove(&key).is_some(),
            "GRPCRoute" => self.grpc_routes.remove(&key).is_some(),
            "ReferenceGrant" => self.grants.remove(&key).is_some(),
            "BackendTLSPolicy" => self.tls_policies.remove(&key).is_some(),
            "Service" => self.services.remove(&key).is_some(),
            "EndpointSlice" => self.slices.remove(&key).is_some(),
            "Secret" => self.secrets.remove(&key).is_some(),
            "ConfigMap" => self.config_maps.remove(&key).is_some(),
            "Namespace" => self.namespaces.remove(name).is_some(),
            "Backend" => self.backends.remove(&key).is_some(),
            _ => false,
        }
    }
}

/// Lookups that would otherwise be searches.
pub(crate) struct Index<'w> {
    grants: HashMap<&'w str, Vec<&'w ReferenceGrant>>,
    slices: HashMap<ObjectRef, Vec<&'w EndpointSlice>>,
}

impl<'w> Index<'w> {
    pub(crate) fn of(world: &'w World) -> Self {
        let mut index = Self { grants: HashMap::new(), slices: HashMap::new() };
        for grant in world.grants.values() {
            index.grants.entry(&grant.metadata.namespace).or_default().push(grant);
        }
        for slice in world.slices.values() {
            if let Some(service) = slice.service_name() {
                let key = ObjectRef::new(slice.metadata.namespace.as_str(), service);
                index.slices.entry(key).or_default().push(slice);
            }
        }
        index
    }

    /// Whether a reference is allowed by the grants of its target's namespace.
    pub(crate) fn permits(&self, reference: CrossReference<'_>) -> bool {
        permits(reference, self.grants.get(reference.to_namespace).into_iter().flatten().copied())
    }

    /// EndpointSlices of a Service, by name.
    pub(crate) fn slices(&self, service: &ObjectRef) -> &[&'w EndpointSlice] {
        self.slices.get(service).map_or(&[], Vec::as_slice)
    }
}
