//! Which Secrets and ConfigMaps matter: the control plane reads these and no others (least privilege, and memory).

use std::collections::BTreeSet;

use clearway_k8s::gateway::{Gateway, ObjectReference, SecretReference};
use clearway_k8s::{CrossReference, GATEWAY_GROUP};
use clearway_model::ObjectRef;

use crate::world::{Index, World};

/// An object that others refer to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    /// `Secret` or `ConfigMap`.
    pub kind: &'static str,
    /// Its namespace and name.
    pub object: ObjectRef,
}

impl World {
    /// Every Secret and ConfigMap that a Gateway of the controller's classes, a ListenerSet of such a Gateway, a
    /// BackendTLSPolicy of a Service that is there, or a Backend refers to. What no ReferenceGrant allows is left out: it
    /// is refused unread.
    pub fn references(&self, controller_name: &str) -> BTreeSet<Reference> {
        let mut found = Found { index: Index::of(self), references: BTreeSet::new() };
        let ours = |gateway: &Gateway| {
            let class = self.classes.get(&gateway.spec.gateway_class_name);
            class.is_some_and(|class| class.spec.controller_name == controller_name)
        };
        for (key, gateway) in self.gateways.iter().filter(|(_, gateway)| ours(gateway)) {
            found.gateway(key, gateway);
        }
        for (key, set) in &self.listener_sets {
            let parent = &set.spec.parent_ref;
            let namespace = parent.namespace.as_deref().unwrap_or(&key.namespace);
            let target = ObjectRef::new(namespace, parent.name.as_str());
            if self.gateways.get(&target).is_some_and(|gateway| ours(gateway)) {
                let tls = set.spec.listeners.iter().filter_map(|listener| listener.tls.as_ref());
                tls.flat_map(|tls| &tls.certificate_refs)
                    .for_each(|reference| found.secret("ListenerSet", key, reference));
            }
        }
        for (key, policy) in &self.tls_policies {
            let is_there =
                |name: &str| self.services.contains_key(&ObjectRef::new(key.namespace.clone(), name));
            if policy.spec.target_refs.iter().any(|target| is_there(&target.name)) {
                let refs = policy.spec.validation.ca_certificate_refs.iter();
                refs.for_each(|reference| {
                    found.local(key, &reference.group, &reference.kind, &reference.name)
                });
            }
        }
        for (key, backend) in &self.backends {
            let tls = backend.spec.tls.as_ref().and_then(|tls| tls.ca_certificate_ref.as_ref());
            tls.into_iter()
                .for_each(|reference| found.local(key, &reference.group, &reference.kind, &reference.name));
        }
        found.references
    }
}

struct Found<'w> {
    index: Index<'w>,
    references: BTreeSet<Reference>,
}

impl Found<'_> {
    fn gateway(&mut self, key: &ObjectRef, gateway: &Gateway) {
        let tls = gateway.spec.listeners.iter().filter_map(|listener| listener.tls.as_ref());
        tls.flat_map(|tls| &tls.certificate_refs)
            .for_each(|reference| self.secret("Gateway", key, reference));
        let Some(tls) = &gateway.spec.tls else { return };
        let certificate = tls.backend.as_ref().and_then(|backend| backend.client_certificate_ref.as_ref());
        certificate.into_iter().for_each(|reference| self.secret("Gateway", key, reference));
        let configs = tls
            .frontend
            .iter()
            .flat_map(|frontend| frontend.per_port.iter().map(|entry| &entry.tls).chain([&frontend.default]));
        configs
            .filter_map(|config| config.validation.as_ref())
            .flat_map(|validation| &validation.ca_certificate_refs)
            .for_each(|reference| self.add("Gateway", key, reference));
    }

    fn secret(&mut self, kind: &'static str, from: &ObjectRef, reference: &SecretReference) {
        self.add(kind, from, &reference.object());
    }

    fn local(&mut self, from: &ObjectRef, group: &str, kind: &str, name: &str) {
        if group.is_empty() && kind == "ConfigMap" {
            let object = ObjectRef::new(from.namespace.clone(), name);
            self.references.insert(Reference { kind: "ConfigMap", object });
        }
    }

    fn add(&mut self, from_kind: &'static str, from: &ObjectRef, to: &ObjectReference) {
        let kind = match to.kind.as_str() {
            "Secret" => "Secret",
            "ConfigMap" => "ConfigMap",
            _ => return,
        };
        let namespace = to.namespace.as_deref().unwrap_or(&from.namespace);
        let cross = CrossReference {
            from_group: GATEWAY_GROUP,
            from_kind,
            from_namespace: &from.namespace,
            to_group: &to.group,
            to_kind: &to.kind,
            to_namespace: namespace,
            to_name: &to.name,
        };
        if to.group.is_empty() && self.index.permits(cross) {
            self.references.insert(Reference { kind, object: ObjectRef::new(namespace, to.name.as_str()) });
        }
    }
}
