//! The EndpointSlices of a Gateway's Service: which pods of the fleet take its traffic, on which private ports. Pure.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde_json::{Map, Value, json};

use super::service::{Wish, patch, same_items};
use crate::world::FleetPod;

/// Most endpoints of one slice (the apiserver's limit).
const MOST: usize = 1000;
/// A family of addresses: its word in names, its word in the API, and which addresses are of it.
type Family = (&'static str, &'static str, fn(&IpAddr) -> bool);
/// Both of them.
const FAMILIES: [Family; 2] = [("ipv4", "IPv4", IpAddr::is_ipv4), ("ipv6", "IPv6", IpAddr::is_ipv6)];

/// The slices that should be there, by name.
pub(crate) fn wanted(wish: &Wish, pods: &[FleetPod], pod_namespace: &str) -> BTreeMap<String, Value> {
    let mut slices = BTreeMap::new();
    if wish.ports.is_empty() {
        return slices;
    }
    for (word, family, is_family) in FAMILIES {
        let endpoints: Vec<Value> = pods
            .iter()
            .filter(|pod| pod.ready || pod.terminating)
            .filter_map(|pod| {
                Some(endpoint(pod, pod.addresses.iter().find(|a| is_family(a))?, pod_namespace))
            })
            .collect();
        for (at, chunk) in endpoints.chunks(MOST).enumerate() {
            let name = format!("{}-{word}-{at}", wish.name);
            let slice = slice(wish, &name, family, chunk);
            slices.insert(name, slice);
        }
    }
    slices
}

/// What has to be changed at a slice that is there, as a merge patch; `None` when all is well. The family is part of the
/// name, so it never changes.
pub(crate) fn slice_patch(wish: &Wish, existing: &Value, wanted: &Value) -> Option<Value> {
    let list =
        |slice: &Value, key: &str| slice.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    let mut change = patch(existing, metadata_patch(wish, existing), Map::new());
    for key in ["endpoints", "ports"] {
        if !same_items(&list(existing, key), &list(wanted, key)) {
            let change = change.get_or_insert_with(|| json!({ "metadata": version(existing) }));
            change[key] = wanted.get(key).cloned().unwrap_or_default();
        }
    }
    change
}

/// The labels of a slice are those of its Service, and two that lead to it.
fn metadata_patch(wish: &Wish, existing: &Value) -> Map<String, Value> {
    let mut metadata = wish.metadata_patch(existing);
    for (label, value) in own_labels(wish) {
        if existing.pointer("/metadata/labels").and_then(|all| all.get(label)?.as_str()) != Some(value) {
            let labels = metadata.entry("labels").or_insert_with(|| json!({}));
            labels[label] = value.into();
        }
    }
    metadata
}

fn own_labels(wish: &Wish) -> [(&'static str, &str); 2] {
    [("kubernetes.io/service-name", &wish.name), ("endpointslice.kubernetes.io/managed-by", &wish.managed_by)]
}

fn version(existing: &Value) -> Value {
    let field = |key: &str| existing.pointer(&format!("/metadata/{key}")).cloned().unwrap_or_default();
    json!({ "uid": field("uid"), "resourceVersion": field("resourceVersion") })
}

fn slice(wish: &Wish, name: &str, family: &str, endpoints: &[Value]) -> Value {
    let mut labels = wish.labels();
    labels.extend(own_labels(wish).map(|(label, value)| (label.to_owned(), value.to_owned())));
    let ports = wish
        .ports
        .iter()
        .map(|(port, private)| json!({ "name": Wish::port_name(*port), "port": private, "protocol": "TCP" }));
    json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
        "metadata": {
            "name": name, "namespace": &*wish.gateway.namespace, "labels": labels,
            "annotations": wish.annotations(), "ownerReferences": [wish.owner()],
        },
        "addressType": family, "endpoints": endpoints, "ports": ports.collect::<Vec<_>>(),
    })
}

/// One pod, with the conditions that Kubernetes itself would give it (KEP-1672): one that ends is not ready, and serves for as long
/// as its probe says so, which counts only where no other pod is ready (KEP-1669).
fn endpoint(pod: &FleetPod, address: &IpAddr, namespace: &str) -> Value {
    let mut endpoint = json!({
        "addresses": [address.to_string()],
        "conditions": {
            "ready": pod.ready && !pod.terminating, "serving": pod.ready, "terminating": pod.terminating,
        },
        "targetRef": { "kind": "Pod", "namespace": namespace, "name": pod.name, "uid": pod.uid },
    });
    if !pod.node.is_empty() {
        endpoint["nodeName"] = pod.node.as_str().into();
    }
    endpoint
}

#[cfg(test)]
mod tests {
    use super::super::service::tests::wish;
    use super::*;

    fn pod(name: &str, addresses: &[&str], ready: bool, terminating: bool) -> FleetPod {
        FleetPod {
            name: name.into(),
            uid: format!("uid-{name}"),
            node: "node-1".into(),
            addresses: addresses.iter().map(|address| address.parse().unwrap()).collect(),
            ready,
            terminating,
        }
    }

    #[test]
    fn pods_of_both_families_that_are_ready_or_end_are_endpoints_of_the_private_ports() {
        let pods = [
            pod("a", &["10.0.0.1", "fd00::1"], true, false),
            pod("b", &["10.0.0.2"], true, true),
            pod("c", &["10.0.0.3"], false, false),
            pod("d", &[], true, false),
            pod("e", &["10.0.0.5"], false, true),
        ];
        let slices = wanted(&wish(), &pods, "infra");
        assert_eq!(slices.keys().collect::<Vec<_>>(), ["web-edge-ipv4-0", "web-edge-ipv6-0"]);
        let v4 = &slices["web-edge-ipv4-0"];
        let addresses: Vec<&Value> =
            v4["endpoints"].as_array().unwrap().iter().map(|e| &e["addresses"][0]).collect();
        assert_eq!(addresses, ["10.0.0.1", "10.0.0.2", "10.0.0.5"]);
        let conditions = |at: usize| {
            ["ready", "serving", "terminating"].map(|word| v4["endpoints"][at]["conditions"][word] == true)
        };
        assert_eq!(conditions(0), [true, true, false]);
        assert_eq!(conditions(1), [false, true, true], "it ends, and its probe has not noticed yet");
        assert_eq!(conditions(2), [false, false, true], "it ends, and says that it is not ready");
        assert_eq!(
            v4["ports"],
            json!([
                {"name": "port-80", "port": 20_080, "protocol": "TCP"}, {"name": "port-443", "port": 20_443, "protocol": "TCP"},
            ])
        );
        assert_eq!(v4["metadata"]["labels"]["kubernetes.io/service-name"], "web-edge");
        assert_eq!(
            (&slices["web-edge-ipv6-0"]["addressType"], &v4["addressType"]),
            (&json!("IPv6"), &json!("IPv4"))
        );
    }

    #[test]
    fn a_big_fleet_takes_several_slices_and_none_takes_none() {
        let pods: Vec<FleetPod> = (0..2_001)
            .map(|n| pod(&format!("p{n}"), &[&format!("10.0.{}.{}", n / 250, n % 250)], true, false))
            .collect();
        let slices = wanted(&wish(), &pods, "infra");
        let sizes: Vec<usize> =
            slices.values().map(|slice| slice["endpoints"].as_array().unwrap().len()).collect();
        assert_eq!(sizes, [1000, 1000, 1]);
        assert!(wanted(&wish(), &[], "infra").is_empty());
    }

    #[test]
    fn only_what_differs_is_patched() {
        let pods = [pod("a", &["10.0.0.1"], true, false), pod("b", &["10.0.0.2"], true, false)];
        let slices = wanted(&wish(), &pods, "infra");
        let wanted_slice = &slices["web-edge-ipv4-0"];
        let mut existing = wanted_slice.clone();
        existing["metadata"]["resourceVersion"] = "9".into();
        existing["metadata"]["uid"] = "x".into();
        assert_eq!(slice_patch(&wish(), &existing, wanted_slice), None);
        existing["endpoints"].as_array_mut().unwrap().reverse();
        assert_eq!(slice_patch(&wish(), &existing, wanted_slice), None, "order means nothing");

        existing["endpoints"].as_array_mut().unwrap().pop();
        let change = slice_patch(&wish(), &existing, wanted_slice).unwrap();
        assert_eq!(
            change,
            json!({
                "metadata": {"uid": "x", "resourceVersion": "9"}, "endpoints": wanted_slice["endpoints"],
            })
        );

        let mut relabelled = wanted_slice.clone();
        relabelled["metadata"]["labels"]["kubernetes.io/service-name"] = "other".into();
        let change = slice_patch(&wish(), &relabelled, wanted_slice).unwrap();
        assert_eq!(change["metadata"]["labels"], json!({"kubernetes.io/service-name": "web-edge"}));
    }
}
