//! Weights, ports and long lists of backends; and own Backends that contradict themselves or lead where nobody may go.

use serde_json::{Value, json};

use super::Case;
use super::make::{also, case, http_backends, own, service, slice, to_own};

pub(super) fn add(all: &mut Vec<Case>) {
    for weight in [1_000_001, 4_294_967_295_u32] {
        let bad = http_backends(
            &format!("weight-{weight}"),
            json!([{"name": "web", "port": 80, "weight": weight}]),
        );
        let line = "Accepted=False/UnsupportedValue ~ spec.rules[0].backendRefs[0].weight";
        case(all, "weight", vec![bad], &[line]);
    }
    let zero = json!([{"name": "web", "port": 80, "weight": 0}, {"name": "web", "port": 80, "weight": 0}]);
    case(
        all,
        "weight-zero",
        vec![http_backends("weight-zero", zero)],
        &["Accepted=True/Accepted", "ResolvedRefs=True/ResolvedRefs"],
    );
    for (name, reference) in [("none", json!({"name": "web"})), ("zero", json!({"name": "web", "port": 0}))] {
        let bad = http_backends(&format!("port-{name}"), json!([reference]));
        case(
            all,
            "port",
            vec![bad],
            &["Accepted=False/UnsupportedValue ~ spec.rules[0].backendRefs[0].port"],
        );
    }
    for count in [17, 1_000, 12_000] {
        let list = (0..count).map(|n| json!({"name": format!("none-{n}"), "port": 80})).collect::<Value>();
        let bad = http_backends(&format!("backends-{count}"), list);
        case(
            all,
            "long-backends",
            vec![bad],
            &["Accepted=False/UnsupportedValue ~ spec.rules[0].backendRefs"],
        );
    }
    let same = (0..16).map(|_| json!({"name": "web", "port": 80})).collect::<Value>();
    case(all, "same-backends", vec![http_backends("backends-same", same)], &["Accepted=True/Accepted"]);
    contradictions(all);
    forbidden_addresses(all);
    services(all);
}

fn contradictions(all: &mut Vec<Case>) {
    let to = |fields: Value| {
        let mut spec = json!({"endpoints": [{"host": "a.example", "port": 443}]});
        if let (Value::Object(spec), Value::Object(fields)) = (&mut spec, fields) {
            spec.extend(fields);
        }
        spec
    };
    for (name, spec, field) in [
        ("empty", to(json!({"endpoints": []})), "spec.endpoints"),
        (
            "both",
            to(json!({"endpoints": [{"host": "a.example", "ip": "192.0.2.1", "port": 80}]})),
            "spec.endpoints[0]",
        ),
        ("neither", to(json!({"endpoints": [{"port": 80}]})), "spec.endpoints[0]"),
        ("port", to(json!({"endpoints": [{"host": "a.example", "port": 0}]})), "spec.endpoints[0].port"),
        ("tls-http", to(json!({"tls": {"hostname": "a.example"}})), "spec.tls"),
        ("tls-name", to(json!({"protocol": "https", "tls": {"hostname": "A B"}})), "spec.tls.hostname"),
        (
            "tls-nameless",
            json!({"protocol": "https", "endpoints": [{"ip": "192.0.2.1", "port": 443}]}),
            "spec.tls.hostname",
        ),
        (
            "tls-both",
            to(
                json!({"protocol": "h2", "tls": {"system": true, "caCertificateRef": {"group": "", "kind": "ConfigMap", "name": "a"}}}),
            ),
            "spec.tls.system",
        ),
        (
            "san",
            to(json!({"protocol": "h2", "tls": {"subjectAltNames": [{"type": "URI", "uri": "nothing"}]}})),
            "spec.tls.subjectAltNames[0].uri",
        ),
    ] {
        let name = format!("own-{name}");
        let backend = own(&name, spec);
        let route = to_own(&name, &name);
        case(
            all,
            "own-backend",
            vec![backend, route.clone()],
            &[&format!("problem UnsupportedValue ~ {field}")],
        );
        also(all, &route, &format!("ResolvedRefs=False/UnsupportedValue ~ {field}"));
    }
}

/// The data plane's own admin port, the machine's metadata, other listeners on the machine: nobody's backend in a cluster.
fn forbidden_addresses(all: &mut Vec<Case>) {
    for (name, ip) in [
        ("loopback", "127.0.0.1"),
        ("loopback-other", "127.8.8.8"),
        ("loopback-6", "::1"),
        ("metadata", "169.254.169.254"),
        ("link-local-6", "fe80::1"),
        ("unspecified", "0.0.0.0"),
        ("unspecified-6", "::"),
        ("multicast", "224.0.0.1"),
        ("broadcast", "255.255.255.255"),
        ("mapped", "::ffff:127.0.0.1"),
        ("mapped-metadata", "::ffff:169.254.169.254"),
    ] {
        let name = format!("address-{name}");
        let backend = own(&name, json!({"endpoints": [{"ip": ip, "port": 19_080}]}));
        let route = to_own(&name, &name);
        case(
            all,
            "forbidden-address",
            vec![route, backend],
            &["ResolvedRefs=False/UnsupportedValue ~ spec.endpoints[0].ip"],
        );
    }
    for (name, host) in [("localhost", "localhost"), ("localhost-below", "a.localhost")] {
        let name = format!("address-{name}");
        let backend = own(&name, json!({"endpoints": [{"host": host, "port": 19_080}]}));
        let route = to_own(&name, &name);
        case(
            all,
            "forbidden-address",
            vec![route, backend],
            &["ResolvedRefs=False/UnsupportedValue ~ spec.endpoints[0].host"],
        );
    }
}

/// Services that lead elsewhere or nowhere.
fn services(all: &mut Vec<Case>) {
    for (name, target) in [
        ("metadata", "169.254.169.254.nip.example"),
        ("loopback", "localhost"),
        ("own", "external-own.hostile.svc"),
    ] {
        let name = format!("external-{name}");
        let route = http_backends(&name, json!([{"name": name, "port": 80}]));
        let mut service = service(&name, json!([{"port": 80}]));
        service["spec"]["type"] = json!("ExternalName");
        service["spec"]["externalName"] = json!(target);
        case(
            all,
            "external-name",
            vec![route, service],
            &["ResolvedRefs=False/InvalidKind ~ spec.rules[0].backendRefs[0]"],
        );
    }
    let nobody = http_backends("service-nobody", json!([{"name": "service-nobody", "port": 80}]));
    let own = service("service-nobody", json!([{"port": 80}]));
    case(all, "service-without-endpoints", vec![nobody, own.clone()], &["ResolvedRefs=True/ResolvedRefs"]);
    also(all, &own, "problem NoReadyEndpoints ~ has no endpoint");
    for (name, fields) in [
        ("empty", json!({"addressType": "IPv4", "ports": [], "endpoints": []})),
        ("portless", json!({"addressType": "IPv4", "ports": [], "endpoints": [{"addresses": ["10.0.0.9"]}]})),
        (
            "not-ready",
            json!({"addressType": "IPv4", "ports": [{"port": 80, "protocol": "TCP", "name": ""}],
                   "endpoints": [{"addresses": ["10.0.0.9"], "conditions": {"ready": false}}]}),
        ),
        (
            "other-port",
            json!({"addressType": "IPv4", "ports": [{"port": 80, "protocol": "TCP", "name": "other"}],
                   "endpoints": [{"addresses": ["10.0.0.9"]}]}),
        ),
    ] {
        let name = format!("slice-{name}");
        let route = http_backends(&name, json!([{"name": name, "port": 80}]));
        let own = service(&name, json!([{"port": 80}]));
        case(all, "slice-without-endpoints", vec![slice(&name, &name, fields), own.clone(), route], &[]);
        also(all, &own, "problem NoReadyEndpoints ~ port 80 has");
    }
}
