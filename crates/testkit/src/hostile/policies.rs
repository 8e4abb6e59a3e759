//! BackendTLSPolicies: whom to trust, and policies that contradict each other.

use serde_json::{Value, json};

use super::Case;
use super::make::{also, case, http_backends, object, service, slice, with};

/// Adds a policy for a Service of its own, which a route of its own uses.
pub(super) fn policy(
    all: &mut Vec<Case>,
    family: &'static str,
    name: &str,
    validation: Value,
    lines: &[&str],
) {
    policy_with(all, family, name, validation, |policy| policy, lines);
}

/// The same with another word about the policy.
pub(super) fn policy_with(
    all: &mut Vec<Case>,
    family: &'static str,
    name: &str,
    validation: Value,
    change: impl FnOnce(Value) -> Value,
    lines: &[&str],
) {
    let objects = vec![change(for_service(name, name, validation)), used(name), endpoints(name), user(name)];
    case(all, family, objects, lines);
}

fn for_service(name: &str, service: &str, validation: Value) -> Value {
    let targets = json!([{"group": "", "kind": "Service", "name": service}]);
    object("BackendTLSPolicy", name, json!({"targetRefs": targets, "validation": validation}))
}

fn used(name: &str) -> Value {
    service(name, json!([{"name": "http", "port": 80}]))
}

fn endpoints(name: &str) -> Value {
    let fields = json!({
        "addressType": "IPv4", "ports": [{"name": "http", "port": 8443, "protocol": "TCP"}],
        "endpoints": [{"addresses": ["10.0.0.4"]}],
    });
    slice(name, name, fields)
}

fn user(name: &str) -> Value {
    http_backends(name, json!([{"name": name, "port": 80}]))
}

pub(super) fn add(all: &mut Vec<Case>) {
    let refused = |field: &str| format!("Accepted=False/Invalid ~ {field}");
    let system = |fields: Value| {
        let mut validation = json!({"hostname": "a.example", "wellKnownCACertificates": "System"});
        if let (Value::Object(all), Value::Object(fields)) = (&mut validation, fields) {
            all.extend(fields);
        }
        validation
    };
    let cases: Vec<(&str, Value, &str)> = vec![
        ("nobody", json!({"hostname": "a.example"}), "spec.validation"),
        (
            "both",
            system(json!({"caCertificateRefs": [{"group": "", "kind": "ConfigMap", "name": "none"}]})),
            "",
        ),
        ("hostname-empty", system(json!({"hostname": ""})), "spec.validation.hostname"),
        ("hostname-ip", system(json!({"hostname": "10.0.0.1"})), "spec.validation.hostname"),
        ("hostname-port", system(json!({"hostname": "a.example:443"})), "spec.validation.hostname"),
        ("hostname-wildcard", system(json!({"hostname": "*.example"})), "spec.validation.hostname"),
        ("hostname-long", system(json!({"hostname": "a".repeat(300)})), "spec.validation.hostname"),
        ("san-many", system(json!({"subjectAltNames": sans(6)})), "spec.validation.subjectAltNames"),
        ("san-huge", system(json!({"subjectAltNames": sans(4_000)})), "spec.validation.subjectAltNames"),
        (
            "san-none",
            system(json!({"subjectAltNames": [{"type": "Hostname"}]})),
            "subjectAltNames[0].hostname",
        ),
        (
            "san-both",
            system(json!({"subjectAltNames": [{"type": "URI", "uri": "a://b", "hostname": "b"}]})),
            "subjectAltNames[0].hostname",
        ),
        (
            "san-relative",
            system(json!({"subjectAltNames": [{"type": "URI", "uri": "/workload"}]})),
            "subjectAltNames[0].uri",
        ),
    ];
    for (name, validation, field) in cases {
        let name = format!("policy-{name}");
        let line = if name == "policy-both" {
            "Accepted=False/NoValidCACertificate ~ spec.validation.caCertificateRefs".to_owned()
        } else {
            refused(field)
        };
        policy(all, "policy-validation", &name, validation, &[&line]);
    }
    references(all);
    targets(all);
    conflicts(all);
}

fn sans(count: usize) -> Value {
    (0..count).map(|n| json!({"type": "Hostname", "hostname": format!("a{n}.example")})).collect()
}

fn references(all: &mut Vec<Case>) {
    let to = |reference: Value| json!({"hostname": "a.example", "caCertificateRefs": [reference]});
    for (name, reference, reason) in [
        (
            "missing",
            json!({"group": "", "kind": "ConfigMap", "name": "not-there"}),
            "InvalidCACertificateRef",
        ),
        ("secret", json!({"group": "", "kind": "Secret", "name": "not-there"}), "InvalidKind"),
        ("group", json!({"group": "a.example", "kind": "ConfigMap", "name": "not-there"}), "InvalidKind"),
        ("kind", json!({"group": "", "kind": "Mauve", "name": "not-there"}), "InvalidKind"),
        ("empty", json!({"group": "", "kind": "ConfigMap", "name": ""}), "InvalidCACertificateRef"),
    ] {
        policy(
            all,
            "policy-reference",
            &format!("policy-ca-{name}"),
            to(reference),
            &[
                "Accepted=False/NoValidCACertificate ~ spec.validation.caCertificateRefs",
                &format!("ResolvedRefs=False/{reason} ~ spec.validation.caCertificateRefs[0]"),
            ],
        );
    }
}

fn targets(all: &mut Vec<Case>) {
    let validation = || json!({"hostname": "a.example", "wellKnownCACertificates": "System"});
    let mut add = |name: &str, targets: Value, lines: &[&str]| {
        let name = format!("policy-target-{name}");
        let bad = with(for_service(&name, "web", validation()), "spec.targetRefs", targets);
        case(all, "policy-target", vec![bad], lines);
    };
    let service = |name: &str| json!({"group": "", "kind": "Service", "name": name});
    add("missing", json!([service("not-there")]), &["nothing", "problem TargetNotFound ~ not-there"]);
    add("none", json!([]), &["nothing", "problem Invalid ~ spec.targetRefs"]);
    add(
        "kind",
        json!([{"group": "", "kind": "Pod", "name": "a"}]),
        &["nothing", "problem TargetNotFound ~ spec.targetRefs[0]"],
    );
    add(
        "group",
        json!([{"group": "a.example", "kind": "Service", "name": "web"}]),
        &["nothing", "problem TargetNotFound ~ spec.targetRefs[0]"],
    );
    add(
        "itself",
        json!([{"group": "gateway.networking.k8s.io", "kind": "BackendTLSPolicy", "name": "policy-target-itself"}]),
        &["nothing", "problem TargetNotFound ~ spec.targetRefs[0]"],
    );
    let twice = with(
        for_service("policy-twice", "policy-twice", validation()),
        "spec.targetRefs",
        json!([service("policy-twice"), service("policy-twice")]),
    );
    case(
        all,
        "policy-target",
        vec![twice, used("policy-twice"), endpoints("policy-twice"), user("policy-twice")],
        &["Accepted=False/Invalid ~ spec.targetRefs[1]"],
    );
    let many: Value = (0..20)
        .map(|n| service(&format!("policy-many{}", if n == 0 { String::new() } else { n.to_string() })))
        .collect();
    let many = with(for_service("policy-many", "policy-many", validation()), "spec.targetRefs", many);
    case(
        all,
        "policy-target",
        vec![many, used("policy-many"), endpoints("policy-many"), user("policy-many")],
        &["Accepted=False/Invalid ~ spec.targetRefs"],
    );
}

/// Two policies of one age for one Service: the first by name holds.
fn conflicts(all: &mut Vec<Case>) {
    for number in 0..4 {
        let name = format!("policy-conflict-{number}");
        let validation = |host: &str| json!({"hostname": host, "wellKnownCACertificates": "System"});
        let first = for_service(&format!("{name}-a"), &name, validation("a.example"));
        let second = for_service(&format!("{name}-b"), &name, validation("b.example"));
        case(
            all,
            "policy-conflict",
            vec![second, used(&name), endpoints(&name), user(&name), first.clone()],
            &[&format!("Accepted=False/Conflicted ~ {name}-a")],
        );
        also(all, &first, "Accepted=True/Accepted");
    }
}
