//! As much as an apiserver stores in one object (1.5 MiB).

use serde_json::{Value, json};

use super::Case;
use super::make::{case, http, http_match, http_rule, listener_set, object, rule};

pub(super) fn header(n: usize) -> Value {
    json!({"name": format!("x-{n}"), "value": "a"})
}

pub(super) fn list(count: usize, one: impl Fn(usize) -> Value) -> Value {
    (0..count).map(one).collect()
}

pub(super) fn add(all: &mut Vec<Case>) {
    for count in [17, 1_000, 35_000] {
        let entry = json!({"headers": list(count, header)});
        let line = "Accepted=False/UnsupportedValue ~ spec.rules[0].matches[0].headers";
        case(all, "many-header-matches", vec![http_match(&format!("headers-{count}"), entry)], &[line]);
        let bad = |n: usize| json!({"type": "Mauve", "name": format!("x {n}"), "value": "a"});
        let entry = json!({"headers": list(count * 2 / 3, bad)});
        let line = "Accepted=False/UnsupportedValue ~ spec.rules[0].matches[0].headers";
        case(
            all,
            "many-bad-header-matches",
            vec![http_match(&format!("bad-headers-{count}"), entry)],
            &[line],
        );
        let entry = json!({"queryParams": list(count, header)});
        let line = "Accepted=False/UnsupportedValue ~ spec.rules[0].matches[0].queryParams";
        case(all, "many-query-matches", vec![http_match(&format!("queries-{count}"), entry)], &[line]);
    }
    for count in [65, 1_000, 25_000] {
        let one = |n: usize| json!({"path": {"value": format!("/{n}")}});
        let line = "Accepted=False/UnsupportedValue ~ matches";
        case(
            all,
            "many-matches",
            vec![http_rule(&format!("matches-{count}"), json!({"matches": list(count, one)}))],
            &[line],
        );
    }
    for count in [17, 1_000, 12_000] {
        let rules = list(count, |n| rule(json!({"name": format!("Bad {n}")})));
        let line = "Accepted=False/UnsupportedValue ~ spec.rules";
        case(all, "many-rules", vec![http(&format!("rules-{count}"), json!({"rules": rules}))], &[line]);
    }
    let hosts = list(30_000, |n| json!(format!("h{n}.hostile.example")));
    let line = "Accepted=False/UnsupportedValue ~ spec.hostnames";
    case(all, "many-hostnames", vec![http("hostnames-30000", json!({"hostnames": hosts}))], &[line]);
    let parents =
        list(12_000, |n| json!({"name": "edge", "namespace": "good", "sectionName": format!("s{n}")}));
    let line = "Accepted=False/NoMatchingParent ~ spec.parentRefs[0]";
    case(all, "many-parents", vec![http("parents-12000", json!({"parentRefs": parents}))], &[line]);
    let listeners = list(8_000, |n| json!({"name": format!("l{n}"), "port": 8_000, "protocol": "HTTP"}));
    let line = "Accepted=False/Invalid ~ spec.listeners";
    case(all, "many-listeners-of-set", vec![listener_set("set-8000", listeners)], &[line]);
    let from = list(12_000, |n| json!({"group": "", "kind": "A", "namespace": format!("n{n}")}));
    let grant = json!({"from": from, "to": [{"group": "", "kind": "Service"}]});
    case(
        all,
        "many-grants",
        vec![object("ReferenceGrant", "grant-12000", grant)],
        &["problem UnsupportedValue ~ spec.from"],
    );
    largest(all);
}

/// As large as the API lets one be: it is served.
fn largest(all: &mut Vec<Case>) {
    let entry = |n: usize| {
        let expression = |m: usize| json!({"type": "RegularExpression", "name": format!("x-{m}"), "value": format!("a{n}.*")});
        json!({"path": {"value": format!("/{n}")}, "headers": list(16, expression), "queryParams": list(16, header)})
    };
    let rules = list(16, |n| rule(json!({"matches": list(8, |m| entry(n * 8 + m))})));
    case(all, "largest", vec![http("largest", json!({"rules": rules}))], &["Accepted=True/Accepted"]);
    let mirror =
        json!({"type": "RequestMirror", "requestMirror": {"backendRef": {"name": "web", "port": 80}}});
    let backends = list(16, |_| json!({"name": "web", "port": 80, "filters": list(16, |_| mirror.clone())}));
    let rules = list(
        16,
        |n| json!({"backendRefs": backends.clone(), "matches": [{"path": {"value": format!("/{n}")}}]}),
    );
    case(all, "largest", vec![http("largest-mirrors", json!({"rules": rules}))], &["Accepted=True/Accepted"]);
}
