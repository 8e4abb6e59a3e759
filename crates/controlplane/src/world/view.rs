//! The part of the world that the leader's writers work from: no routes, so it is small and may be shared.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use clearway_k8s::gateway::Gateway;
use clearway_model::ObjectRef;
use serde_json::Value;

/// What belongs to our Gateways.
#[derive(Clone, Debug, Default)]
pub(crate) struct View {
    /// Gateways of our classes.
    pub(crate) gateways: Arc<BTreeMap<ObjectRef, Arc<Gateway>>>,
    /// Services that this installation made.
    pub(crate) services: Arc<BTreeMap<ObjectRef, Arc<Value>>>,
    /// EndpointSlices that this installation made.
    pub(crate) slices: Arc<BTreeMap<ObjectRef, Arc<Value>>>,
    /// Pods of the fleet, by name.
    pub(crate) pods: Arc<Vec<FleetPod>>,
}

/// A pod of the fleet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FleetPod {
    /// Its name.
    pub(crate) name: String,
    /// Its identity.
    pub(crate) uid: String,
    /// Where it runs; empty before it is scheduled.
    pub(crate) node: String,
    /// Its addresses; empty before it has one.
    pub(crate) addresses: Vec<IpAddr>,
    /// Its condition `Ready`.
    pub(crate) ready: bool,
    /// It is being deleted.
    pub(crate) terminating: bool,
}

impl FleetPod {
    /// Reads a `v1` Pod. What is not there is not known yet.
    pub(crate) fn read(pod: &Value) -> Self {
        let text = |path: &str| pod.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
        let list = |path: &str| pod.pointer(path).and_then(Value::as_array).into_iter().flatten();
        let mut addresses: Vec<IpAddr> = list("/status/podIPs")
            .filter_map(|entry| entry.get("ip")?.as_str()?.parse().ok())
            .chain(text("/status/podIP").parse().ok())
            .collect();
        addresses.sort_unstable();
        addresses.dedup();
        let ready = list("/status/conditions").any(|condition| {
            let is = |key: &str, word: &str| condition.get(key).and_then(Value::as_str) == Some(word);
            is("type", "Ready") && is("status", "True")
        });
        Self {
            name: text("/metadata/name"),
            uid: text("/metadata/uid"),
            node: text("/spec/nodeName"),
            addresses,
            ready,
            terminating: pod.pointer("/metadata/deletionTimestamp").is_some(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn pods_are_read_at_every_age() {
        let young = FleetPod::read(&json!({"metadata": {"name": "p"}}));
        assert!(!young.ready && young.addresses.is_empty() && young.name == "p");
        let grown = FleetPod::read(&json!({
            "metadata": {"name": "p", "uid": "u", "deletionTimestamp": "2026-11-21T05:00:00Z"},
            "spec": {"nodeName": "n"},
            "status": {
                "podIP": "10.0.0.7", "podIPs": [{"ip": "10.0.0.7"}, {"ip": "fd00::7"}],
                "conditions": [{"type": "Ready", "status": "True"}],
            },
        }));
        assert!(grown.ready && grown.terminating && grown.addresses.len() == 2, "{grown:?}");
    }
}
