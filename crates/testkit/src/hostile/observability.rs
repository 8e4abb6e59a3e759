//! ObservabilityPolicies: what cannot be meant, targets that are not there, and policies that contradict each other.

use serde_json::{Value, json};

use super::Case;
use super::make::{also, case, core, http, rule, with};

const GROUP: &str = "gateway.networking.k8s.io";

/// A policy for the route of its name, which says this.
fn policy(name: &str, says: Value) -> Value {
    let target = json!({"group": GROUP, "kind": "HTTPRoute", "name": name});
    with(
        core("clearway.dev/v1alpha1", "ObservabilityPolicy", name, json!({"spec": says})),
        "spec.targetRefs",
        json!([target]),
    )
}

fn route(name: &str) -> Value {
    http(name, json!({"rules": [rule(json!({"name": "all"}))]}))
}

fn sampling(numerator: Value) -> Value {
    json!({"tracing": {"samplingRate": {"numerator": numerator}}})
}

pub(super) fn add(all: &mut Vec<Case>) {
    let filter = |filter: Value| json!({"accessLog": {"filter": filter}});
    let headers = |names: Value| json!({"accessLog": {"requestHeaders": names}});
    let cases: Vec<(&str, Value, &str)> = vec![
        ("nothing", json!({}), "spec: says nothing"),
        ("rate-above", sampling(json!(101)), "spec.tracing.samplingRate"),
        ("rate-negative", sampling(json!(-1)), "spec.tracing.samplingRate.numerator"),
        ("rate-text", sampling(json!("all")), "spec.tracing.samplingRate.numerator"),
        (
            "rate-zero",
            json!({"tracing": {"samplingRate": {"numerator": 0, "denominator": 0}}}),
            "spec.tracing.samplingRate",
        ),
        ("trust", json!({"tracing": {"clientTrust": "Mauve"}}), "spec.tracing.clientTrust"),
        ("filter-empty", filter(json!({})), "spec.accessLog.filter"),
        ("filter-class", filter(json!({"statusClasses": ["5xx", "6xx"]})), "statusClasses[1]"),
        ("filter-classes", filter(json!({"statusClasses": vec!["5xx"; 4_000]})), "statusClasses"),
        ("filter-time", filter(json!({"slowerThan": "soon"})), "spec.accessLog.filter.slowerThan"),
        ("filter-ratio", filter(json!({"ratio": {"numerator": 2, "denominator": 1}})), "filter.ratio"),
        ("header-credentials", headers(json!(["x-a", "Authorization"])), "requestHeaders[1]"),
        ("header-space", headers(json!(["x a"])), "spec.accessLog.requestHeaders[0]"),
        ("header-line", headers(json!(["x\r\ny"])), "spec.accessLog.requestHeaders[0]"),
        ("header-twice", headers(json!(["x-a", "X-A"])), "spec.accessLog.requestHeaders[1]"),
        ("header-many", headers(json!(vec!["x-a"; 4_000])), "spec.accessLog.requestHeaders"),
        ("switch", json!({"metrics": {"latency": "off"}}), "spec.metrics.latency"),
    ];
    for (name, says, about) in cases {
        let name = format!("observe-{name}");
        let line = format!("Accepted=False/Invalid ~ {about}");
        case(all, "observability-validation", vec![policy(&name, says), route(&name)], &[&line]);
    }
    targets(all);
    for number in 0..2 {
        let name = format!("observe-conflict-{number}");
        let of = |letter: &str, numerator: u32| {
            let policy = policy(&name, sampling(json!(numerator)));
            with(policy, "metadata.name", json!(format!("{name}-{letter}")))
        };
        let line = format!("Accepted=False/Conflicted ~ {name}-a");
        case(all, "observability-conflict", vec![of("b", 2), of("a", 1), route(&name)], &[&line]);
        also(all, &of("a", 1), "Accepted=True/Accepted");
    }
}

fn targets(all: &mut Vec<Case>) {
    let mut add = |name: &str, targets: Value, lines: &[&str]| {
        let name = format!("observe-target-{name}");
        let bad = with(policy(&name, sampling(json!(1))), "spec.targetRefs", targets);
        case(all, "observability-target", vec![bad, route(&name)], lines);
    };
    let target = |kind: &str, name: &str| json!({"group": GROUP, "kind": kind, "name": name});
    let section = |kind: &str, name: &str| with(target(kind, name), "sectionName", json!("none"));
    let nobody = "nothing";
    add("none", json!([]), &[nobody, "problem Invalid ~ spec.targetRefs"]);
    add("kind", json!([target("Service", "web")]), &[nobody, "problem Invalid ~ spec.targetRefs[0].kind"]);
    add(
        "group",
        json!([{"group": "", "kind": "Gateway", "name": "edge"}]),
        &[nobody, "problem Invalid ~ spec.targetRefs[0].group"],
    );
    for kind in ["GatewayClass", "Gateway", "HTTPRoute", "GRPCRoute"] {
        let name = format!("missing-{}", kind.to_lowercase());
        add(&name, json!([target(kind, "not-there")]), &["Accepted=False/TargetNotFound ~ not-there"]);
    }
    add(
        "rule",
        json!([section("HTTPRoute", "observe-target-rule")]),
        &["Accepted=False/TargetNotFound ~ no rule named none"],
    );
    add(
        "class-section",
        json!([section("GatewayClass", "clearway")]),
        &["Accepted=False/Invalid ~ spec.targetRefs[0].sectionName"],
    );
    let twice =
        json!([target("HTTPRoute", "observe-target-twice"), target("HTTPRoute", "observe-target-twice")]);
    add("twice", twice, &["Accepted=False/Invalid ~ spec.targetRefs[1]"]);
}
