//! Names as long as Kubernetes lets them be: everything is served, under names that fit.

use serde_json::json;

use super::Case;
use super::make::{
    also, case, gateway, grpc_rule, http, http_backends, listener_set, object, own, service, slice, stream,
    to_own, with,
};

pub(super) fn add(all: &mut Vec<Case>) {
    for (number, part) in [
        "a".repeat(253),
        vec!["b".repeat(60); 4].join(".") + "." + &"c".repeat(9),
        format!("0{}", "x".repeat(252)),
        format!("{}-{}", "d".repeat(126), "e".repeat(126)),
    ]
    .iter()
    .enumerate()
    {
        let host = json!({"hostnames": [format!("long-{number}.hostile.example")]});
        let accepted = ["Accepted=True/Accepted"];
        case(all, "long-name", vec![http(part, host.clone())], &accepted);
        let grpc = with(
            grpc_rule(part, json!({})),
            "spec.hostnames",
            json!([format!("long-grpc-{number}.hostile.example")]),
        );
        case(all, "long-name", vec![grpc], &accepted);
        let listeners = json!([{"name": part, "port": 80, "protocol": "HTTP"}]);
        case(
            all,
            "long-name-gateway",
            vec![gateway(part, listeners)],
            &[&format!("[{part}] Accepted=True/Accepted"), accepted[0]],
        );
        let set = json!([{"name": part, "port": 80, "protocol": "HTTP", "hostname": format!("long-set-{number}.hostile.example")}]);
        case(
            all,
            "long-name-set",
            vec![listener_set(part, set)],
            &[&format!("[{part}] Accepted=True/Accepted"), accepted[0]],
        );
        let refused = "Accepted=False/NotAllowedByListeners ~ spec.parentRefs[0]";
        case(all, "long-name", vec![stream("TCPRoute", part, json!({}))], &[refused]);
        around_backends(all, number, part);
    }
    others(all);
}

fn around_backends(all: &mut Vec<Case>, number: usize, part: &str) {
    let grant = json!({"from": [{"group": "a", "kind": "B", "namespace": part}], "to": [{"group": "", "kind": "Service", "name": part}]});
    case(all, "long-name", vec![object("ReferenceGrant", part, grant)], &[]);
    let backend = own(part, json!({"endpoints": [{"host": "a.example", "port": 80}]}));
    let route = with(
        to_own(&format!("long-own-{number}"), part),
        "metadata.name",
        json!(format!("long-own-{number}")),
    );
    case(all, "long-name", vec![route, backend], &["ResolvedRefs=True/ResolvedRefs"]);
    let policy = json!({
        "targetRefs": [{"group": "", "kind": "Service", "name": format!("long-policy-{number}")}],
        "validation": {"hostname": "a.example", "wellKnownCACertificates": "System"},
    });
    let name = format!("long-policy-{number}");
    let user = http_backends(&name, json!([{"name": name, "port": 80}]));
    let fields = json!({"addressType": "IPv4", "ports": [{"port": 80, "protocol": "TCP", "name": ""}], "endpoints": [{"addresses": ["10.0.0.5"]}]});
    let around = vec![
        object("BackendTLSPolicy", part, policy),
        service(&name, json!([{"port": 80}])),
        slice(part, &name, fields),
        user,
    ];
    case(all, "long-name", around, &["Accepted=True/Accepted"]);
}

fn others(all: &mut Vec<Case>) {
    let label = "s".repeat(63);
    let route = http_backends("long-service", json!([{"name": label, "port": 80}]));
    let own = service(&label, json!([{"name": "p".repeat(15), "port": 80}]));
    case(all, "long-name", vec![route, own.clone()], &["ResolvedRefs=True/ResolvedRefs"]);
    also(all, &own, "problem NoReadyEndpoints ~ port 80");
    let hosts: Vec<String> =
        (0..16).map(|n| format!("{}.{n}.hostile.example", vec!["a".repeat(63); 3].join("."))).collect();
    let rule = json!({"name": "r".repeat(253), "backendRefs": [{"name": "web", "port": 80}]});
    case(
        all,
        "long-hostname",
        vec![http("long-hostname", json!({"hostnames": hosts, "rules": [rule]}))],
        &["Accepted=True/Accepted"],
    );
}
