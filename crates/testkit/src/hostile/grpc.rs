//! GRPCRoutes: names of services and methods, filters of another kind, and hosts that another kind of route holds.

use serde_json::{Value, json};

use super::Case;
use super::make::{case, grpc_rule, http, with};

pub(super) fn add(all: &mut Vec<Case>) {
    for (name, method) in [
        ("none", json!({})),
        ("service", json!({"service": "a/B"})),
        ("service-dots", json!({"service": "a..B"})),
        ("service-digit", json!({"service": "1a.B"})),
        ("service-greek", json!({"service": "α.Β"})),
        ("method", json!({"method": "Get/One"})),
        ("method-digit", json!({"method": "1"})),
        ("method-empty", json!({"method": ""})),
        ("service-huge", json!({"service": "a".repeat(5_000)})),
    ] {
        let bad = grpc_rule(&format!("grpc-{name}"), json!({"matches": [{"method": method}]}));
        let line = "Accepted=False/UnsupportedValue ~ spec.rules[0].matches[0].method";
        case(all, "grpc-method", vec![bad], &[line]);
    }
    for (number, text) in ["a(", "[z-a]", "(?=a)", "((a{100}){100}){100}"].into_iter().enumerate() {
        let method = json!({"type": "RegularExpression", "service": text});
        let bad = grpc_rule(&format!("grpc-expression-{number}"), json!({"matches": [{"method": method}]}));
        let line = "Accepted=False/UnsupportedValue ~ spec.rules[0].matches[0].method.service";
        case(all, "grpc-expression", vec![bad], &[line]);
    }
    for (kind, field, setting) in [
        ("RequestRedirect", "requestRedirect", json!({"scheme": "https"})),
        ("URLRewrite", "urlRewrite", json!({"hostname": "a.example"})),
        ("CORS", "cors", json!({"allowOrigins": ["https://a.example"]})),
    ] {
        let mut filter = json!({"type": kind});
        filter[field] = setting;
        let bad = grpc_rule(&format!("grpc-{}", kind.to_ascii_lowercase()), json!({"filters": [filter]}));
        case(
            all,
            "grpc-filter",
            vec![bad],
            &["Accepted=False/UnsupportedValue ~ spec.rules[0].filters[0].type"],
        );
    }
    long(all);
    taken(all);
}

fn long(all: &mut Vec<Case>) {
    let matches = (0..200).map(|n| json!({"method": {"service": format!("a.B{n}")}})).collect::<Value>();
    let bad = grpc_rule("grpc-matches", json!({"matches": matches}));
    case(all, "long-matches", vec![bad], &["Accepted=False/UnsupportedValue ~ matches"]);
    let headers = (0..15_000).map(|n| json!({"name": format!("x-{n}"), "value": "a"})).collect::<Value>();
    let bad = grpc_rule("grpc-headers", json!({"matches": [{"headers": headers}]}));
    case(
        all,
        "long-headers",
        vec![bad],
        &["Accepted=False/UnsupportedValue ~ spec.rules[0].matches[0].headers"],
    );
}

/// Hosts that a good route of the other kind holds: the older keeps them.
fn taken(all: &mut Vec<Case>) {
    for number in 0..5 {
        let hosts = json!([format!("httproute-{number}.good.example")]);
        let bad = with(grpc_rule(&format!("grpc-takes-{number}"), json!({})), "spec.hostnames", hosts);
        case(all, "host-of-other-kind", vec![bad], &["Accepted=False/HostnameConflict ~ spec.parentRefs[0]"]);
        let bad = http(
            &format!("http-takes-{number}"),
            json!({"hostnames": [format!("grpcroute-{number}.good.example")]}),
        );
        case(all, "host-of-other-kind", vec![bad], &["Accepted=False/HostnameConflict ~ spec.parentRefs[0]"]);
        let hosts = json!([format!("httproute-{}.good.example", number + 5)]);
        let bad = http(&format!("http-overlaps-{number}"), json!({"hostnames": hosts}));
        case(all, "host-of-same-kind", vec![bad], &["Accepted=True/Accepted"]);
    }
    let all_hosts = with(grpc_rule("grpc-takes-all", json!({})), "spec.hostnames", json!([]));
    case(
        all,
        "host-of-other-kind",
        vec![all_hosts],
        &["Accepted=False/HostnameConflict ~ spec.parentRefs[0]"],
    );
    let wild = with(grpc_rule("grpc-takes-wild", json!({})), "spec.hostnames", json!(["*.good.example"]));
    case(all, "host-of-other-kind", vec![wild], &["Accepted=False/HostnameConflict ~ spec.parentRefs[0]"]);
}
