//! Fields of a wrong type and missing fields in all other kinds.

use serde_json::{Value, json};

use super::Case;
use super::make::{CONTROLLER, case, core, grpc_rule, listener_set, not_admitted, object, own, stream, with};
use super::policies::policy_with;

type Shape = (&'static str, Value, &'static str);

pub(super) fn add(all: &mut Vec<Case>) {
    grpc(all);
    streams(all);
    sets(all);
    policies(all);
    classes(all);
    without_status(all);
    core_kinds(all);
}

fn grpc(all: &mut Vec<Case>) {
    let matches =
        json!({"matches": [{"method": {"service": "a.B"}, "headers": [{"name": "x-a", "value": "b"}]}]});
    let shapes: [Shape; 8] = [
        ("spec.hostnames", json!(5), "spec.hostnames"),
        ("spec.rules", json!("a"), "spec.rules"),
        ("spec.rules.0.matches.0.method", json!("a.B/C"), "spec.rules[0].matches[0].method"),
        ("spec.rules.0.matches.0.method.service", json!(["a"]), "spec.rules[0].matches[0].method.service"),
        ("spec.rules.0.matches.0.headers.0.value", Value::Null, "spec.rules[0].matches[0].headers[0]"),
        ("spec.rules.0.backendRefs.0.port", json!("grpc"), "spec.rules[0].backendRefs[0].port"),
        ("spec.rules.0.backendRefs.0.name", Value::Null, "spec.rules[0].backendRefs[0]"),
        ("spec.rules.0.filters", json!([[]]), "spec.rules[0].filters[0]"),
    ];
    for (number, (path, value, about)) in shapes.into_iter().enumerate() {
        let bad = with(grpc_rule(&format!("shape-grpc-{number}"), matches.clone()), path, value);
        case(all, "shape-grpc-route", vec![bad], &[&format!("Accepted=False/UnsupportedValue ~ {about}")]);
    }
}

fn streams(all: &mut Vec<Case>) {
    let rules = json!({"rules": [{"backendRefs": [{"name": "web", "port": 80}]}]});
    for kind in ["TLSRoute", "TCPRoute", "UDPRoute"] {
        let shapes: [Shape; 4] = [
            ("spec.rules", json!("a"), "spec.rules"),
            ("spec.rules.0.backendRefs.0.port", json!(-1), "spec.rules[0].backendRefs[0].port"),
            ("spec.rules.0.backendRefs.0.name", Value::Null, "spec.rules[0].backendRefs[0]"),
            ("spec.rules.0.name", json!(5), "spec.rules[0].name"),
        ];
        for (number, (path, value, about)) in shapes.into_iter().enumerate() {
            let name = format!("shape-{}-{number}", kind.to_ascii_lowercase());
            let bad = with(stream(kind, &name, rules.clone()), path, value);
            let line = format!("Accepted=False/UnsupportedValue ~ {about}");
            case(all, "shape-stream-route", vec![bad], &[&line]);
        }
    }
}

fn sets(all: &mut Vec<Case>) {
    let shapes: [Shape; 7] = [
        ("spec.listeners", json!("web"), "spec.listeners"),
        ("spec.listeners.0.port", json!("web"), "spec.listeners[0].port"),
        ("spec.listeners.0.port", Value::Null, "missing field `port`"),
        ("spec.listeners.0.name", Value::Null, "missing field `name`"),
        ("spec.listeners.0.protocol", json!(7), "spec.listeners[0].protocol"),
        ("spec.listeners.0.hostname", json!({}), "spec.listeners[0].hostname"),
        ("spec.listeners.0.tls", json!("a"), "spec.listeners[0].tls"),
    ];
    for (number, (path, value, about)) in shapes.into_iter().enumerate() {
        let set = listener_set(
            &format!("shape-set-{number}"),
            json!([{"name": "a", "port": 8090, "protocol": "HTTP"}]),
        );
        let lines =
            [format!("Accepted=False/Invalid ~ {about}"), format!("Programmed=False/Invalid ~ {about}")];
        case(all, "shape-listener-set", vec![with(set, path, value)], &[&lines[0], &lines[1]]);
    }
    let lost = listener_set("shape-set-lost", json!([]));
    let lost = with(lost, "spec.parentRef", json!("edge"));
    case(all, "shape-listener-set", vec![lost], &["nothing", "problem Invalid ~ spec.parentRef"]);
}

fn policies(all: &mut Vec<Case>) {
    let shapes: [Shape; 8] = [
        ("spec.validation", Value::Null, "missing field `validation`"),
        ("spec.validation", json!("System"), "spec.validation"),
        ("spec.validation.hostname", Value::Null, "missing field `hostname`"),
        ("spec.validation.hostname", json!(5), "spec.validation.hostname"),
        ("spec.validation.caCertificateRefs", json!("ca"), "spec.validation.caCertificateRefs"),
        (
            "spec.validation.caCertificateRefs",
            json!([{"kind": "ConfigMap"}]),
            "spec.validation.caCertificateRefs[0]",
        ),
        ("spec.validation.subjectAltNames", json!([{"hostname": "a"}]), "spec.validation.subjectAltNames[0]"),
        ("spec.options", json!({"a": 1}), "spec.options"),
    ];
    for (number, (path, value, about)) in shapes.into_iter().enumerate() {
        let line = format!("Accepted=False/Invalid ~ {about}");
        let name = format!("shape-policy-{number}");
        let good = json!({"hostname": "a.example", "wellKnownCACertificates": "System"});
        policy_with(all, "shape-policy", &name, good, |policy| with(policy, path, value), &[&line]);
    }
}

fn classes(all: &mut Vec<Case>) {
    let class = |name: &str, path: &str, value: Value| {
        let class = json!({
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass",
            "metadata": {"name": name}, "spec": {"controllerName": CONTROLLER},
        });
        with(class, path, value)
    };
    let parameters = json!({"kind": "X", "name": "x"});
    let bad = class("hostile-parameters", "spec.parametersRef", parameters);
    case(all, "shape-class", vec![bad], &["Accepted=False/InvalidParameters ~ spec.parametersRef"]);
    let bad = class("hostile-parameters-text", "spec.parametersRef", json!("x"));
    case(all, "shape-class", vec![bad], &["Accepted=False/InvalidParameters ~ spec.parametersRef"]);
    let bad = class("hostile-description", "spec.description", json!(5));
    case(all, "shape-class", vec![bad], &["Accepted=False/Unsupported ~ spec.description"]);
    let bad = class("hostile-controller", "spec.controllerName", json!([CONTROLLER]));
    case(all, "shape-class", vec![bad], &["nothing", "problem Unsupported ~ spec.controllerName"]);
    let unknown = json!({"group": "a.example", "kind": "X", "name": "x"});
    let bad = class("hostile-unknown-parameters", "spec.parametersRef", unknown);
    case(all, "class-parameters", vec![bad], &["Accepted=False/InvalidParameters ~ parametersRef"]);
    let foreign = class("hostile-foreign", "spec.controllerName", json!("a.example/b"));
    case(all, "class-foreign", vec![foreign], &["nothing"]);
}

fn without_status(all: &mut Vec<Case>) {
    let grant = |name: &str| {
        object(
            "ReferenceGrant",
            name,
            json!({"from": [{"group": "a", "kind": "B", "namespace": "c"}], "to": [{"group": "", "kind": "Service"}]}),
        )
    };
    let shapes: [Shape; 5] = [
        ("spec.from", json!("all"), "spec.from"),
        ("spec.from.0.namespace", Value::Null, "spec.from[0]"),
        ("spec.from.0.group", json!(5), "spec.from[0].group"),
        ("spec.to", json!({"kind": "Service"}), "spec.to"),
        ("spec.to.0.kind", Value::Null, "spec.to[0]"),
    ];
    for (number, (path, value, about)) in shapes.into_iter().enumerate() {
        let bad = with(grant(&format!("shape-grant-{number}")), path, value);
        case(all, "shape-grant", vec![bad], &[&format!("problem Invalid ~ {about}")]);
    }
    let shapes: [Shape; 6] = [
        ("spec", Value::Null, "missing field `spec`"),
        ("spec.endpoints", json!("a.example:80"), "spec.endpoints"),
        ("spec.endpoints.0.port", Value::Null, "missing field `port`"),
        ("spec.endpoints.0.port", json!(70_000), "spec.endpoints[0].port"),
        ("spec.endpoints.0.ip", json!("10.0.0.256"), "spec.endpoints[0].ip"),
        ("spec.tls", json!({"system": "yes"}), "spec.tls.system"),
    ];
    for (number, (path, value, about)) in shapes.into_iter().enumerate() {
        let good = own(
            &format!("shape-backend-{number}"),
            json!({"endpoints": [{"host": "a.example", "port": 80}]}),
        );
        case(all, "shape-backend", vec![with(good, path, value)], &[&format!("problem Invalid ~ {about}")]);
    }
}

/// An apiserver refuses nearly all of them; other sources of objects may not.
fn core_kinds(all: &mut Vec<Case>) {
    let service = |name: &str| core("v1", "Service", name, json!({"spec": {"ports": [{"port": 80}]}}));
    let slice = |name: &str| {
        core(
            "discovery.k8s.io/v1",
            "EndpointSlice",
            name,
            json!({"addressType": "IPv4", "ports": [], "endpoints": []}),
        )
    };
    let shapes: [(Value, Shape); 9] = [
        (service("shape-service-0"), ("spec.ports", json!("http"), "spec.ports")),
        (service("shape-service-1"), ("spec.ports.0.port", json!("http"), "spec.ports[0].port")),
        (service("shape-service-2"), ("spec.ports.0.port", json!(-80), "spec.ports[0].port")),
        (service("shape-service-3"), ("spec.ports.0.targetPort", json!(70_000), "spec.ports[0].targetPort")),
        (slice("shape-slice-0"), ("addressType", Value::Null, "missing field `addressType`")),
        (slice("shape-slice-1"), ("endpoints", json!({"addresses": []}), "endpoints")),
        (slice("shape-slice-2"), ("ports", json!([{"port": -1}]), "ports[0].port")),
        (slice("shape-slice-3"), ("endpoints", json!([{"addresses": "10.0.0.1"}]), "endpoints[0].addresses")),
        (
            slice("shape-slice-4"),
            ("endpoints", json!([{"conditions": {"ready": "yes"}}]), "endpoints[0].conditions.ready"),
        ),
    ];
    for (good, (path, value, about)) in shapes {
        case(all, "shape-core", vec![with(good, path, value)], &[&format!("problem Invalid ~ {about}")]);
        // Numbers of ports in slices are not checked by an apiserver.
        if about != "ports[0].port" {
            not_admitted(all);
        }
    }
}
