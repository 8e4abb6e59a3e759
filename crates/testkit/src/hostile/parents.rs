//! Parents: what is not there, what does not let in, objects that name themselves or each other.

use serde_json::{Value, json};

use super::Case;
use super::make::{case, gateway, gateway_with, http, http_rule, listener_set, object, with};

const EDGE: &str = "edge";

pub(super) fn add(all: &mut Vec<Case>) {
    sections(all);
    strangers(all);
    not_let_in(all);
    sets(all);
    cycles(all);
}

fn to(parent: Value) -> Value {
    let mut whole = json!({"name": EDGE, "namespace": "good"});
    if let (Value::Object(whole), Value::Object(parent)) = (&mut whole, parent) {
        whole.extend(parent);
    }
    whole
}

fn sections(all: &mut Vec<Case>) {
    for (name, parent) in [
        ("section", json!({"sectionName": "not-there"})),
        ("port", json!({"port": 81})),
        ("section-of-port", json!({"sectionName": "http", "port": 443})),
        ("section-case", json!({"sectionName": "HTTP"})),
        ("section-greek", json!({"sectionName": "λ"})),
        ("section-path", json!({"sectionName": "../http"})),
        ("section-blank", json!({"sectionName": "http "})),
        ("section-long", json!({"sectionName": "h".repeat(253)})),
        ("section-too-long", json!({"sectionName": "h".repeat(400)})),
    ] {
        let bad = http(&format!("parent-{name}"), json!({"parentRefs": [to(parent)]}));
        case(all, "parent-section", vec![bad], &["Accepted=False/NoMatchingParent ~ spec.parentRefs[0]"]);
    }
    let zero = http("parent-port-zero", json!({"parentRefs": [to(json!({"port": 0}))]}));
    case(all, "parent-section", vec![zero], &["Accepted=False/NoMatchingParent ~ spec.parentRefs[0]"]);
    let twice = http("parent-twice", json!({"parentRefs": [to(json!({})), to(json!({}))]}));
    case(all, "parent-twice", vec![twice], &["Accepted=False/UnsupportedValue ~ spec.parentRefs[1]"]);
    let half = json!([to(json!({"sectionName": "http"})), to(json!({"sectionName": "not-there"}))]);
    let half = http("parent-half", json!({"parentRefs": half}));
    let lines = ["[0] Accepted=True/Accepted", "[1] Accepted=False/NoMatchingParent ~ spec.parentRefs[1]"];
    case(all, "parent-half", vec![half], &lines);
    let many: Value = (0..40).map(|n| to(json!({"sectionName": format!("s{n}")}))).collect();
    let many = http("parent-many", json!({"parentRefs": many}));
    case(all, "parent-many", vec![many], &["Accepted=False/NoMatchingParent ~ spec.parentRefs[0]"]);
}

/// Nobody of ours is named: no status of ours.
fn strangers(all: &mut Vec<Case>) {
    for (name, parent) in [
        ("missing", json!({"name": "not-there"})),
        ("namespace", json!({"name": EDGE, "namespace": "not-there"})),
        ("empty", json!({"name": ""})),
        ("set-missing", json!({"kind": "ListenerSet", "name": "not-there"})),
    ] {
        let bad = http(&format!("parent-{name}"), json!({"parentRefs": [parent]}));
        case(all, "parent-missing", vec![bad], &["nothing", "problem NoMatchingParent ~ spec.parentRefs[0]"]);
    }
    for (name, parent) in [
        ("kind", json!({"kind": "Mauve", "name": EDGE, "namespace": "good"})),
        ("group", json!({"group": "a.example", "kind": "Gateway", "name": EDGE, "namespace": "good"})),
        ("service", json!({"group": "", "kind": "Service", "name": "web"})),
        ("route", json!({"kind": "HTTPRoute", "name": "parent-route"})),
    ] {
        let bad = http(&format!("parent-{name}"), json!({"parentRefs": [parent]}));
        case(all, "parent-foreign", vec![bad], &["nothing"]);
    }
    let none = http("parent-none", json!({"parentRefs": []}));
    case(all, "parent-none", vec![none], &["nothing"]);
}

fn not_let_in(all: &mut Vec<Case>) {
    let closed = |name: &str, allowed: Value| {
        let listener = json!([{"name": "web", "port": 80, "protocol": "HTTP", "allowedRoutes": allowed}]);
        with(gateway(name, listener), "metadata.namespace", json!("elsewhere"))
    };
    for (name, allowed) in [
        ("same", json!({"namespaces": {"from": "Same"}})),
        ("none", json!({"namespaces": {"from": "None"}})),
        ("selector", json!({"namespaces": {"from": "Selector", "selector": {"matchLabels": {"a": "b"}}}})),
        ("kinds", json!({"namespaces": {"from": "All"}, "kinds": [{"kind": "GRPCRoute"}]})),
    ] {
        let name = format!("closed-{name}");
        let parents = json!([{"name": name, "namespace": "elsewhere"}]);
        let bad = http_rule(&name, json!({}));
        let bad = with(bad, "spec.parentRefs", parents);
        let line = "Accepted=False/NotAllowedByListeners ~ spec.parentRefs[0]";
        case(all, "parent-closed", vec![bad, closed(&name, allowed)], &[line]);
    }
}

fn sets(all: &mut Vec<Case>) {
    let good = || json!([{"name": "a", "port": 8091, "protocol": "HTTP"}]);
    let set = |name: &str, parent: Value| {
        object("ListenerSet", name, json!({"parentRef": parent, "listeners": good()}))
    };
    let line = ["nothing", "problem Pending ~ spec.parentRef"];
    case(all, "set-parent", vec![set("set-lost", json!({"name": "not-there"}))], &line);
    let own = json!({"kind": "ListenerSet", "name": "set-itself"});
    case(all, "set-parent", vec![set("set-itself", own)], &["nothing"]);
    case(all, "set-parent", vec![set("set-kind", json!({"kind": "Mauve", "name": EDGE}))], &["nothing"]);
    let closed = gateway_with("set-closed", json!({}));
    let refused =
        ["Accepted=False/NotAllowed ~ spec.parentRef", "Programmed=False/NotAllowed ~ spec.parentRef"];
    case(all, "set-not-allowed", vec![set("set-closed", json!({"name": "set-closed"})), closed], &refused);
    let refusing = gateway_with(
        "set-refused",
        json!({
            "allowedListeners": {"namespaces": {"from": "All"}},
            "addresses": [{"type": "Hostname", "value": "a.example"}],
        }),
    );
    let lines = [
        "Accepted=False/ParentNotAccepted ~ set-refused",
        "Programmed=False/ParentNotProgrammed ~ set-refused",
    ];
    case(
        all,
        "set-parent-refused",
        vec![set("set-refused", json!({"name": "set-refused"})), refusing],
        &lines,
    );
    let empty = listener_set("set-empty", json!([]));
    case(all, "set-empty", vec![empty], &["Accepted=False/Invalid ~ spec.listeners"]);
    let twice = json!([
        {"name": "a", "port": 8092, "protocol": "HTTP"}, {"name": "a", "port": 8093, "protocol": "HTTP"},
    ]);
    case(
        all,
        "set-names",
        vec![listener_set("set-twice", twice)],
        &["Accepted=False/Invalid ~ spec.listeners"],
    );
    for (name, listener, reason) in [
        ("hostname", json!({"name": "a", "port": 80, "protocol": "HTTP"}), "HostnameConflict"),
        (
            "protocol",
            json!({"name": "a", "port": 80, "protocol": "HTTPS", "tls": {"certificateRefs": [{"name": "not-there"}]}}),
            "ProtocolConflict",
        ),
    ] {
        let bad = listener_set(&format!("set-conflict-{name}"), json!([listener]));
        let lines = [
            format!("[a] Conflicted=True/{reason} ~ port 80"),
            format!("[a] Accepted=False/{reason} ~ port 80"),
            "Accepted=False/ListenersNotValid ~ a".to_owned(),
        ];
        case(all, "set-conflict", vec![bad], &[&lines[0], &lines[1], &lines[2]]);
    }
    let bad = http("set-route", json!({"parentRefs": [{"kind": "ListenerSet", "name": "set-route"}]}));
    let refused = listener_set("set-route", json!([]));
    case(all, "parent-set-refused", vec![bad, refused], &["Accepted=False/NoMatchingParent ~ set-route"]);
}

/// Objects that name each other.
fn cycles(all: &mut Vec<Case>) {
    for number in 0..3 {
        let name = |letter: &str| format!("cycle-{number}-{letter}");
        let set = |own: &str, other: &str| {
            let parent = json!({"kind": "ListenerSet", "name": name(other)});
            object("ListenerSet", &name(own), json!({"parentRef": parent, "listeners": []}))
        };
        case(all, "cycle-sets", vec![set("a", "b"), set("b", "c"), set("c", "a")], &["nothing"]);
        let route = |own: &str, other: &str| {
            let there =
                json!({"kind": "HTTPRoute", "group": "gateway.networking.k8s.io", "name": name(other)});
            http(&name(own), json!({"rules": [{"backendRefs": [there]}]}))
        };
        let line = "ResolvedRefs=False/InvalidKind ~ spec.rules[0].backendRefs[0]";
        case(all, "cycle-routes", vec![route("d", "e"), route("e", "d")], &[line]);
        let itself = http(
            &name("f"),
            json!({"rules": [{"filters": [{
                "type": "RequestMirror",
                "requestMirror": {"backendRef": {"kind": "HTTPRoute", "group": "gateway.networking.k8s.io", "name": name("f")}},
            }]}]}),
        );
        let line = "ResolvedRefs=False/InvalidKind ~ spec.rules[0].filters[0].requestMirror.backendRef";
        case(all, "cycle-itself", vec![itself], &[line]);
    }
}
