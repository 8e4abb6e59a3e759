//! More than any apiserver stores: millions of entries, which reading and translation must bear as well.

use serde_json::json;

use super::Case;
use super::make::{case, gateway, http, http_match, http_rule, rule};
use super::sizes::{header, list};

/// Cases for tests in process.
pub fn too_large_for_etcd() -> Vec<Case> {
    let mut all = Vec::new();
    let million = json!({"headers": list(1_000_000, header)});
    let line = "Accepted=False/UnsupportedValue ~ spec.rules[0].matches[0].headers";
    case(&mut all, "million-header-matches", vec![http_match("headers-million", million)], &[line]);
    let entry = |n: usize| json!({"headers": list(16, |m| header(n * 16 + m))});
    let line = "Accepted=False/UnsupportedValue ~ matches";
    let spread = http_rule("headers-spread", json!({"matches": list(6_250, entry)}));
    case(&mut all, "million-header-matches", vec![spread], &[line]);
    let rules =
        list(10_000, |n| rule(json!({"name": format!("Bad {n}"), "matches": [{"path": {"value": "no"}}]})));
    let line = "Accepted=False/UnsupportedValue ~ spec.rules";
    case(&mut all, "many-rules-in-process", vec![http("rules-many", json!({"rules": rules}))], &[line]);
    let set = list(50_000, header);
    let filter = json!({"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": set}});
    let line = "Accepted=False/UnsupportedValue ~ spec.rules[0].filters[0].requestHeaderModifier.set";
    case(&mut all, "many-header-edits", vec![http_rule("edits-many", json!({"filters": [filter]}))], &[line]);
    let listeners = list(20_000, |n| json!({"name": format!("l{n}"), "port": 80, "protocol": "HTTP"}));
    let line = "Accepted=False/Invalid ~ spec.listeners";
    case(&mut all, "many-listeners-in-process", vec![gateway("listeners-many", listeners)], &[line]);
    let parents =
        list(50_000, |n| json!({"name": "edge", "namespace": "good", "sectionName": format!("s{n}")}));
    let line = "Accepted=False/NoMatchingParent ~ spec.parentRefs[0]";
    case(
        &mut all,
        "many-parents-in-process",
        vec![http("parents-many", json!({"parentRefs": parents}))],
        &[line],
    );
    all
}
