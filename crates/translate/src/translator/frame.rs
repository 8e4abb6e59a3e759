//! The frame: everything that a translation depends on besides routes and what their references name. It changes seldom,
//! and then everything is looked at anew.

use std::collections::BTreeMap;
use std::sync::Arc;

use clearway_k8s::Unreadable;
use clearway_k8s::core::{ConfigMap, Namespace, Secret};
use clearway_k8s::gateway::{Gateway, GatewayClass};
use clearway_k8s::grant::ReferenceGrant;
use clearway_k8s::listener_set::ListenerSet;
use clearway_k8s::policy::BackendTlsPolicy;
use clearway_model::ObjectRef;

use crate::Options;
use crate::problem::ObjectName;
use crate::world::{GatewayAddresses, InstalledApi, World};

/// A frame, as it was.
#[derive(Debug)]
pub(super) struct Frame {
    options: Options,
    classes: BTreeMap<String, Arc<GatewayClass>>,
    gateways: BTreeMap<ObjectRef, Arc<Gateway>>,
    listener_sets: BTreeMap<ObjectRef, Arc<ListenerSet>>,
    grants: BTreeMap<ObjectRef, Arc<ReferenceGrant>>,
    tls_policies: BTreeMap<ObjectRef, Arc<BackendTlsPolicy>>,
    secrets: BTreeMap<ObjectRef, Arc<Secret>>,
    config_maps: BTreeMap<ObjectRef, Arc<ConfigMap>>,
    namespaces: BTreeMap<String, Arc<Namespace>>,
    unreadable: BTreeMap<ObjectName, Unreadable>,
    ports: BTreeMap<(ObjectRef, u16), u16>,
    addresses: BTreeMap<ObjectRef, GatewayAddresses>,
    api: Option<InstalledApi>,
}

impl Frame {
    /// The frame of a world.
    pub(super) fn of(world: &World, options: &Options) -> Self {
        Self {
            options: options.clone(),
            classes: world.classes.clone(),
            gateways: world.gateways.clone(),
            listener_sets: world.listener_sets.clone(),
            grants: world.grants.clone(),
            tls_policies: world.tls_policies.clone(),
            secrets: world.secrets.clone(),
            config_maps: world.config_maps.clone(),
            namespaces: world.namespaces.clone(),
            unreadable: world.unreadable.clone(),
            ports: world.ports.clone(),
            addresses: world.addresses.clone(),
            api: world.api.clone(),
        }
    }

    /// Whether a world has the same one. The world is taken apart field by field, so that a new kind of object does not
    /// compile until it is put on one side or the other.
    pub(super) fn holds(&self, world: &World, options: &Options) -> bool {
        let World {
            classes,
            gateways,
            listener_sets,
            http_routes: _,
            grpc_routes: _,
            tls_routes: _,
            tcp_routes: _,
            udp_routes: _,
            grants,
            tls_policies,
            services: _,
            slices: _,
            secrets,
            config_maps,
            namespaces,
            backends: _,
            observability_policies: _,
            unreadable,
            findings: _,
            ports,
            addresses,
            api,
        } = world;
        self.options == *options
            && same(&self.classes, classes)
            && same(&self.gateways, gateways)
            && same(&self.listener_sets, listener_sets)
            && same(&self.grants, grants)
            && same(&self.tls_policies, tls_policies)
            && same(&self.secrets, secrets)
            && same(&self.config_maps, config_maps)
            && same(&self.namespaces, namespaces)
            && self.unreadable == *unreadable
            && self.ports == *ports
            && self.addresses == *addresses
            && self.api == *api
    }
}

/// Whether two maps hold the same objects: the pointers tell.
fn same<K: PartialEq, V>(one: &BTreeMap<K, Arc<V>>, other: &BTreeMap<K, Arc<V>>) -> bool {
    let mut pairs = one.iter().zip(other);
    one.len() == other.len() && pairs.all(|((a, x), (b, y))| Arc::ptr_eq(x, y) && a == b)
}
