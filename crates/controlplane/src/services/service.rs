//! The Service of a Gateway: how it is made, and what has to be changed at one that is there. Pure.
//!
//! A static address is asked for through `spec.loadBalancerIP`: it is deprecated, and it is what load balancers of
//! clouds, MetalLB and Cilium understand without annotations of their own. It holds one address, so of several the first
//! is asked for; others come through `spec.infrastructure.annotations` in the words of the load balancer. `externalIPs`
//! are not used: whoever may set them takes traffic to any address (CVE-2020-8554), and clusters forbid them.

use std::collections::{BTreeMap, BTreeSet};

use clearway_model::ObjectRef;
use clearway_translate::InfrastructurePlan;
use serde_json::{Map, Value, json};

use super::ports::Ports;
use crate::world::{GATEWAY_NAME, MANAGED_BY, shorten};

/// The full name of the Gateway: labels hold 63 characters only.
pub(crate) const GATEWAY_ANNOTATION: &str = "clearway.dev/gateway-name";
/// Which labels and annotations came from `spec.infrastructure`: those may be taken away again, others belong to somebody.
const APPLIED: &str = "clearway.dev/infrastructure";

/// What is wanted for a Gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wish {
    /// The Gateway.
    pub(crate) gateway: ObjectRef,
    /// Name of the Service.
    pub(crate) name: String,
    /// Value of the label that says whose it is.
    pub(crate) managed_by: String,
    /// Labels, annotations, owner and addresses.
    pub(crate) plan: InfrastructurePlan,
    /// Ports with their private ports.
    pub(crate) ports: Ports,
}

impl Wish {
    /// Labels of everything that is made.
    pub(crate) fn labels(&self) -> BTreeMap<String, String> {
        let mut labels = self.plan.labels.clone();
        labels.insert(MANAGED_BY.to_owned(), self.managed_by.clone());
        labels.insert(GATEWAY_NAME.to_owned(), shorten(&self.gateway.name));
        labels
    }

    /// Annotations of everything that is made.
    pub(crate) fn annotations(&self) -> BTreeMap<String, String> {
        let mut annotations = self.plan.annotations.clone();
        let keys = |map: &BTreeMap<String, String>| map.keys().cloned().collect::<Vec<_>>();
        let applied = json!({ "labels": keys(&self.labels()), "annotations": keys(&self.plan.annotations) });
        annotations.insert(APPLIED.to_owned(), applied.to_string());
        annotations.insert(GATEWAY_ANNOTATION.to_owned(), self.gateway.name.to_string());
        annotations
    }

    /// The owner: what is made goes when the Gateway goes.
    pub(crate) fn owner(&self) -> Value {
        json!({
            "apiVersion": format!("{}/v1", clearway_k8s::GATEWAY_GROUP), "kind": "Gateway",
            "name": &*self.gateway.name, "uid": self.plan.owner_uid, "controller": true,
        })
    }

    /// The name of a port, in the Service and in its EndpointSlices.
    pub(crate) fn port_name(port: u16) -> String {
        format!("port-{port}")
    }

    fn port_list(&self, existing: &[Value]) -> Vec<Value> {
        let list = self.ports.iter().map(|(port, private)| {
            let before =
                existing.iter().find(|one| one.get("port").and_then(Value::as_u64) == Some((*port).into()));
            // What somebody else has set at the port, such as its node port, stays.
            let mut entry = before.and_then(Value::as_object).cloned().unwrap_or_default();
            entry.insert("name".into(), Self::port_name(*port).into());
            entry.insert("port".into(), (*port).into());
            entry.insert("protocol".into(), "TCP".into());
            entry.insert("targetPort".into(), (*private).into());
            Value::Object(entry)
        });
        list.collect()
    }

    fn address(&self) -> Value {
        self.plan.addresses.first().map_or(Value::Null, |address| address.to_string().into())
    }

    /// A Service that is not there yet.
    pub(crate) fn service(&self) -> Value {
        let mut spec = json!({
            "type": "LoadBalancer", "ipFamilyPolicy": "PreferDualStack", "ports": self.port_list(&[]),
        });
        if !self.address().is_null() {
            spec["loadBalancerIP"] = self.address();
        }
        json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": {
                "name": self.name, "namespace": &*self.gateway.namespace, "labels": self.labels(),
                "annotations": self.annotations(), "ownerReferences": [self.owner()],
            },
            "spec": spec,
        })
    }

    /// What has to be changed at a Service that is there, as a merge patch; `None` when all is well.
    pub(crate) fn service_patch(&self, existing: &Value) -> Option<Value> {
        let mut spec = Map::new();
        let field = |path: &str| existing.pointer(path).cloned().unwrap_or_default();
        let mut set = |key: &str, value: Value| {
            if field(&format!("/spec/{key}")) != value {
                spec.insert(key.to_owned(), value);
            }
        };
        set("type", "LoadBalancer".into());
        set("loadBalancerIP", self.address());
        if field("/spec/selector").as_object().is_some_and(|selector| !selector.is_empty()) {
            set("selector", Value::Null);
        }
        let ports = field("/spec/ports");
        let ports = ports.as_array().map_or(&[][..], Vec::as_slice);
        let wanted = self.port_list(ports);
        // A Service must have a port: one without any use keeps those that it has, and its address.
        if !wanted.is_empty() && !same_items(ports, &wanted) {
            set("ports", wanted.into());
        }
        patch(existing, self.metadata_patch(existing), spec)
    }

    /// What has to be changed at the metadata of something that was made.
    pub(crate) fn metadata_patch(&self, existing: &Value) -> Map<String, Value> {
        let mut metadata = Map::new();
        for (key, wanted) in [("labels", self.labels()), ("annotations", self.annotations())] {
            let stands = existing.pointer(&format!("/metadata/{key}")).and_then(Value::as_object);
            let stale = applied(existing, key).into_iter().filter(|name| !wanted.contains_key(name));
            let stale = stale.filter(|name| stands.is_some_and(|map| map.contains_key(name)));
            let mut change: Map<String, Value> = stale.map(|name| (name, Value::Null)).collect();
            for (name, value) in wanted {
                if stands.and_then(|map| map.get(&name)?.as_str()) != Some(&value) {
                    change.insert(name, value.into());
                }
            }
            if !change.is_empty() {
                metadata.insert(key.to_owned(), Value::Object(change));
            }
        }
        let owners = existing.pointer("/metadata/ownerReferences").and_then(Value::as_array);
        let owners = owners.map_or(&[][..], Vec::as_slice);
        if !owners.iter().any(|owner| is_owner(owner, &self.gateway, Some(&self.plan.owner_uid))) {
            let others =
                owners.iter().filter(|owner| owner.get("kind").and_then(Value::as_str) != Some("Gateway"));
            metadata.insert("ownerReferences".into(), others.cloned().chain([self.owner()]).collect());
        }
        metadata
    }

    /// Whether an object is one that this installation made for this Gateway, or for one that had its name before.
    pub(crate) fn is_made_for(&self, existing: &Value) -> bool {
        let label = existing.pointer("/metadata/labels").and_then(|labels| labels.get(MANAGED_BY)?.as_str());
        label == Some(&self.managed_by) && gateway_of(existing).is_some_and(|gateway| gateway == self.gateway)
    }
}

/// The Gateway that something was made for.
pub(crate) fn gateway_of(object: &Value) -> Option<ObjectRef> {
    let namespace = object.pointer("/metadata/namespace")?.as_str()?;
    let owners = object.pointer("/metadata/ownerReferences").and_then(Value::as_array).into_iter().flatten();
    let owner = owners.filter(|owner| owner.get("kind").and_then(Value::as_str) == Some("Gateway"));
    let mut owner = owner.filter_map(|owner| owner.get("name")?.as_str());
    // Where somebody has taken the owner away, the annotation still says it.
    let noted = || object.pointer("/metadata/annotations")?.get(GATEWAY_ANNOTATION)?.as_str();
    owner.next().or_else(noted).map(|name| ObjectRef::new(namespace, name))
}

/// A merge patch that holds for this version of the object only; `None` when nothing is to be changed.
pub(crate) fn patch(
    existing: &Value,
    mut metadata: Map<String, Value>,
    rest: Map<String, Value>,
) -> Option<Value> {
    if metadata.is_empty() && rest.is_empty() {
        return None;
    }
    for key in ["uid", "resourceVersion"] {
        let value = existing.pointer(&format!("/metadata/{key}")).cloned().unwrap_or_default();
        metadata.insert(key.to_owned(), value);
    }
    let mut patch = json!({ "metadata": metadata });
    if !rest.is_empty() {
        patch["spec"] = Value::Object(rest);
    }
    Some(patch)
}

/// Whether two lists hold the same, in whatever order.
pub(crate) fn same_items(a: &[Value], b: &[Value]) -> bool {
    a.len() == b.len() && a.iter().all(|one| b.contains(one))
}

fn is_owner(owner: &Value, gateway: &ObjectRef, uid: Option<&str>) -> bool {
    let is = |key: &str, word: &str| owner.get(key).and_then(Value::as_str) == Some(word);
    is("kind", "Gateway") && is("name", &gateway.name) && uid.is_none_or(|uid| is("uid", uid))
}

/// Keys that an earlier `spec.infrastructure` brought.
fn applied(existing: &Value, key: &str) -> BTreeSet<String> {
    let text = existing.pointer("/metadata/annotations").and_then(|all| all.get(APPLIED)?.as_str());
    let applied: Value = text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let names = applied.get(key).and_then(Value::as_array).into_iter().flatten();
    names.filter_map(|name| name.as_str().map(str::to_owned)).collect()
}

#[cfg(test)]
#[path = "service_tests.rs"]
pub(crate) mod tests;
