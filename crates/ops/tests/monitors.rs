//! The monitors of `servicemonitor/` find what is there: names, labels and ports of the operator surface and of the manifests.

#![allow(clippy::unwrap_used, reason = "a test may fail anywhere")]

use std::path::Path;

use clearway_admin::surface::{METRICS, SERVICES, ServicePort};
use clearway_ops::monitors::{self, INTERVAL, PLANES, RELEASE, SELECTED_BY, TIMEOUT};
use regex::Regex;
use serde_json::{Value, json};

fn documents(text: &str) -> Vec<Value> {
    text.split("\n---\n").map(|part| serde_saphyr::from_str(part).unwrap()).collect()
}

/// The objects of an installation, as the tests of both planes have it.
fn installed() -> Vec<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/cluster/manifests");
    let other = Regex::new("@[A-Z]+@").unwrap();
    let read = |plane: &monitors::Plane| {
        let text = std::fs::read_to_string(folder.join(format!("{}.yaml.in", plane.component))).unwrap();
        let named = text.replace("@RELEASE@", RELEASE).replace("@NAMESPACE@", RELEASE);
        documents(&other.replace_all(&named, "1"))
    };
    PLANES.iter().flat_map(read).collect()
}

fn shipped(kind: &str) -> Vec<Value> {
    let all = monitors::assets().into_iter().flat_map(|asset| documents(&asset.content));
    all.filter(|object| object["kind"] == kind).collect()
}

/// Whether labels are all that a selector wants.
fn selects(selector: &Value, labels: &Value) -> bool {
    let wanted = selector["matchLabels"].as_object().unwrap();
    !wanted.is_empty() && wanted.iter().all(|(name, value)| labels[name] == *value)
}

fn named<'v>(ports: &'v Value, name: &Value) -> Option<&'v Value> {
    ports.as_array().unwrap().iter().find(|port| port["name"] == *name)
}

/// The Service of the operator surface that is there for scrapers of a component.
fn surface(component: &str) -> &'static ServicePort {
    let mut found = SERVICES
        .iter()
        .filter(|entry| entry.component.as_str() == component && entry.paths == [METRICS].as_slice());
    let only = found.next().unwrap_or_else(|| panic!("{component} has no Service of metrics"));
    assert!(found.next().is_none(), "{component} has two Services of metrics");
    only
}

#[test]
fn service_monitors_find_one_port_of_each_plane() {
    let installed = installed();
    let monitors = shipped("ServiceMonitor");
    assert_eq!(monitors.len(), PLANES.len());
    for (monitor, plane) in monitors.iter().zip(PLANES) {
        let wanted = surface(plane.component);
        assert_eq!(wanted.suffix, plane.service);
        let endpoint = &monitor["spec"]["endpoints"][0];
        let services = installed.iter().filter(|object| object["kind"] == "Service");
        let ports = services
            .filter(|service| selects(&monitor["spec"]["selector"], &service["metadata"]["labels"]))
            .filter_map(|service| Some((service, named(&service["spec"]["ports"], &endpoint["port"])?)));
        let found: Vec<_> =
            ports.map(|(service, port)| (&service["metadata"]["name"], &port["port"])).collect();
        assert_eq!(found, [(&json!(wanted.service(RELEASE)), &json!(wanted.port))]);
    }
}

#[test]
fn pod_monitors_find_the_same_ports() {
    let installed = installed();
    let monitors = shipped("PodMonitor");
    assert_eq!(monitors.len(), PLANES.len());
    for (monitor, plane) in monitors.iter().zip(PLANES) {
        let endpoint = &monitor["spec"]["podMetricsEndpoints"][0];
        let pods = installed
            .iter()
            .filter(|object| object["kind"] == "Deployment")
            .map(|object| &object["spec"]["template"]);
        let pods: Vec<_> =
            pods.filter(|pod| selects(&monitor["spec"]["selector"], &pod["metadata"]["labels"])).collect();
        let [pod] = pods[..] else { panic!("{} Deployments for {}", pods.len(), plane.component) };
        let port = named(&pod["spec"]["containers"][0]["ports"], &endpoint["port"]).unwrap();
        assert_eq!(port["containerPort"], surface(plane.component).port);
    }
}

/// Requirements S002-9 and S002-14, and one set of labels whichever kind is used.
#[test]
fn both_kinds_ask_alike() {
    let [services, pods] = ["ServiceMonitor", "PodMonitor"].map(shipped);
    for (service, pod) in services.iter().zip(&pods) {
        let (mut one, mut other) =
            (service["spec"]["endpoints"][0].clone(), pod["spec"]["podMetricsEndpoints"][0].clone());
        for endpoint in [&mut one, &mut other] {
            endpoint["port"].take();
        }
        assert_eq!(one, other);
        assert_eq!((&one["interval"], &one["scrapeTimeout"]), (&json!(INTERVAL), &json!(TIMEOUT)));
        assert_eq!((&one["path"], &one["honorLabels"]), (&json!(METRICS), &json!(true)));
        assert_eq!(service["metadata"], pod["metadata"]);
        assert_eq!(service["spec"]["selector"], pod["spec"]["selector"]);
        assert_eq!(service["spec"]["jobLabel"], pod["spec"]["jobLabel"]);
        assert_eq!(service["metadata"]["labels"][SELECTED_BY.0], SELECTED_BY.1);
    }
}
