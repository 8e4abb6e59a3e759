//! Core kinds: an apiserver refuses most of these, and they have no status of ours.

use serde_json::{Value, json};

use super::Case;
use super::make::{case, core, gateway_with, not_admitted, service, slice, with};

pub(super) fn add(all: &mut Vec<Case>) {
    let slices: Vec<(&str, Value, &str)> = vec![
        (
            "text",
            json!({"addressType": "IPv4", "ports": [], "endpoints": [{"addresses": ["not an address"]}]}),
            "endpoints[0].addresses[0]",
        ),
        (
            "family",
            json!({"addressType": "IPv6", "ports": [], "endpoints": [{"addresses": ["10.0.0.1"]}]}),
            "endpoints[0].addresses[0]",
        ),
        (
            "name",
            json!({"addressType": "FQDN", "ports": [], "endpoints": [{"addresses": ["a_b!"]}]}),
            "endpoints[0].addresses[0]",
        ),
        ("port", json!({"addressType": "IPv4", "ports": [{"port": 0}], "endpoints": []}), "ports[0].port"),
    ];
    for (name, fields, field) in slices {
        let bad = slice(&format!("core-slice-{name}"), "web", fields);
        case(all, "slice", vec![bad], &[&format!("problem UnsupportedValue ~ {field}")]);
        if name != "port" {
            not_admitted(all);
        }
    }
    let lost = json!({"addressType": "IPv4", "ports": [], "endpoints": [{"addresses": ["10.0.0.9"]}]});
    let lost = core("discovery.k8s.io/v1", "EndpointSlice", "core-slice-lost", lost);
    case(
        all,
        "slice-without-service",
        vec![lost],
        &["problem UnsupportedValue ~ kubernetes.io/service-name"],
    );
    let services: Vec<(&str, Value, &str)> = vec![
        ("nameless", json!([{"port": 80}, {"port": 81}]), "spec.ports[0].name"),
        ("same", json!([{"name": "a", "port": 80}, {"name": "a", "port": 81}]), "spec.ports[1].name"),
        ("zero", json!([{"port": 0}]), "spec.ports[0].port"),
    ];
    for (name, ports, field) in services {
        let bad = service(&format!("core-service-{name}"), ports);
        case(all, "service", vec![bad], &[&format!("problem UnsupportedValue ~ {field}")]);
        not_admitted(all);
    }
    annotations(all);
}

/// Annotations of ours with rubbish in them: the default holds, and it is said.
fn annotations(all: &mut Vec<Case>) {
    let huge = "a".repeat(200_000);
    for key in ["clearway.dev/forwarded-trust", "clearway.dev/trace-trust"] {
        for (name, value) in [
            ("empty", ""),
            ("other", "mauve"),
            ("case", "APPEND"),
            ("line", "accept\r\n"),
            ("huge", huge.as_str()),
        ] {
            let end = key.rsplit('/').next().unwrap_or_default();
            let gateway = with(
                gateway_with(&format!("{end}-{name}"), json!({})),
                "metadata.annotations",
                json!({key: value}),
            );
            let line = format!("problem UnsupportedValue ~ metadata.annotations.{key}");
            case(all, "annotation", vec![gateway], &[&line, "Accepted=True/Accepted"]);
        }
    }
}
