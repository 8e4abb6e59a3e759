//! Gateways and listeners that contradict themselves or each other.

use serde_json::{Value, json};

use super::Case;
use super::make::{case, gateway, gateway_with, listener, with};

pub(super) fn add(all: &mut Vec<Case>) {
    one_listener(all);
    conflicts(all);
    whole(all);
    addresses(all);
    infrastructure(all);
}

fn one_listener(all: &mut Vec<Case>) {
    let certificates = json!({"certificateRefs": [{"name": "not-there"}]});
    let selector = json!({"namespaces": {"from": "Selector"}});
    for (name, fields, field) in [
        ("port-zero", json!({"port": 0}), "port"),
        ("http-with-tls", json!({"tls": certificates}), "tls"),
        ("https-without-tls", json!({"protocol": "HTTPS"}), "tls"),
        ("https-passthrough", json!({"protocol": "HTTPS", "tls": {"mode": "Passthrough"}}), "tls.mode"),
        ("https-empty", json!({"protocol": "HTTPS", "tls": {"mode": "Terminate"}}), "tls.certificateRefs"),
        ("selector-missing", json!({"allowedRoutes": selector}), "allowedRoutes.namespaces.selector"),
        ("filters", json!({"filters": [{"type": "CORS"}]}), "filters"),
    ] {
        let lines = [
            format!("[bad] Accepted=False/UnsupportedValue ~ spec.listeners[0].{field}"),
            "[good] Accepted=True/Accepted".to_owned(),
            "Accepted=True/ListenersNotValid ~ bad".to_owned(),
        ];
        let bad = listener(&format!("listener-{name}"), fields);
        case(all, "listener", vec![bad], &[&lines[0], &lines[1], &lines[2]]);
    }
    let long = "a".repeat(400);
    for (number, name) in
        ["UPPER", "a/b", "ü", "a b", "a\u{0}", "-a", long.as_str(), ""].into_iter().enumerate()
    {
        let bad = listener(&format!("listener-name-{number}"), json!({"name": name}));
        let lines = [
            "[good] Accepted=True/Accepted",
            "Accepted=True/ListenersNotValid",
            "problem UnsupportedValue ~ spec.listeners[0].name",
        ];
        case(all, "listener-name", vec![bad], &lines);
    }
}

fn conflicts(all: &mut Vec<Case>) {
    let http = |name: &str, port: u16| json!({"name": name, "port": port, "protocol": "HTTP"});
    let https = |name: &str, port: u16| {
        let tls = json!({"certificateRefs": [{"name": "not-there"}]});
        json!({"name": name, "port": port, "protocol": "HTTPS", "tls": tls})
    };
    let hosted = |name: &str, host: &str| with(http(name, 80), "hostname", json!(host));
    for (name, listeners, reason) in [
        ("port", json!([http("a", 80), http("b", 80), http("good", 81)]), "HostnameConflict"),
        (
            "hostname",
            json!([hosted("a", "a.example"), hosted("b", "a.example"), http("good", 81)]),
            "HostnameConflict",
        ),
        (
            "wildcard",
            json!([hosted("a", "*.example"), hosted("b", "*.example"), http("good", 81)]),
            "HostnameConflict",
        ),
        ("empty", json!([hosted("a", ""), http("b", 80), http("good", 81)]), "HostnameConflict"),
        ("protocol", json!([http("a", 80), https("b", 80), http("good", 81)]), "ProtocolConflict"),
    ] {
        let lines: Vec<String> = ["a", "b"]
            .iter()
            .flat_map(|listener| {
                [
                    format!("[{listener}] Conflicted=True/{reason} ~ port 80"),
                    format!("[{listener}] Accepted=False/{reason} ~ port 80"),
                    format!("[{listener}] Programmed=False/{reason}"),
                ]
            })
            .chain(["[good] Accepted=True/Accepted".to_owned()])
            .collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        case(all, "listener-conflict", vec![gateway(&format!("conflict-{name}"), listeners)], &lines);
    }
    let every = (0..64).map(|n| http(&format!("l{n}"), 80)).collect::<Value>();
    case(
        all,
        "listener-conflict",
        vec![gateway("conflict-64", every)],
        &["Accepted=False/ListenersNotValid", "[l63] Conflicted=True/HostnameConflict"],
    );
}

fn whole(all: &mut Vec<Case>) {
    let http = |name: &str, port: u16| json!({"name": name, "port": port, "protocol": "HTTP"});
    let twice = json!([http("same", 80), http("same", 81)]);
    case(
        all,
        "listener-names",
        vec![gateway("names-twice", twice)],
        &["Accepted=False/Invalid ~ spec.listeners"],
    );
    case(
        all,
        "no-listener",
        vec![gateway("no-listener", json!([]))],
        &["Accepted=False/Invalid ~ spec.listeners"],
    );
    for count in [65, 3_000] {
        let many = (0..count).map(|n| http(&format!("l{n}"), 1024 + n)).collect::<Value>();
        case(
            all,
            "many-listeners",
            vec![gateway(&format!("listeners-{count}"), many)],
            &["Accepted=False/Invalid ~ spec.listeners"],
        );
    }
    for (name, class) in [("missing", "not-there"), ("upper", "Clearway"), ("path", "../clearway")] {
        let bad = gateway_with(&format!("class-{name}"), json!({"gatewayClassName": class}));
        case(all, "class-missing", vec![bad], &["nothing", "problem Pending ~ spec.gatewayClassName"]);
    }
    let empty = gateway_with("class-empty", json!({"gatewayClassName": ""}));
    case(all, "class-missing", vec![empty], &["nothing", "problem Pending ~ spec.gatewayClassName"]);
    let ports = |ports: [u16; 2]| {
        let one = |port: u16| json!({"port": port, "tls": {}});
        json!({"tls": {"frontend": {"default": {}, "perPort": [one(ports[0]), one(ports[1])]}}})
    };
    let bad = gateway_with("per-port-twice", ports([443, 443]));
    case(all, "per-port", vec![bad], &["Accepted=False/Invalid ~ spec.tls.frontend.perPort[1].port"]);
    let bad = gateway_with("per-port-zero", ports([0, 443]));
    case(all, "per-port", vec![bad], &["Accepted=False/Invalid ~ spec.tls.frontend.perPort[0].port"]);
}

fn addresses(all: &mut Vec<Case>) {
    for (number, value) in
        ["10.0.0.256", "10.0.0", "::g", "a.example", "10.0.0.1/24", "10.0.0.1:80", "0x7f000001"]
            .into_iter()
            .enumerate()
    {
        let fields = json!({"addresses": [{"type": "IPAddress", "value": value}]});
        let bad = gateway_with(&format!("address-{number}"), fields);
        case(
            all,
            "gateway-address",
            vec![bad],
            &["Accepted=False/UnsupportedAddress ~ spec.addresses[0].value"],
        );
    }
    let name = json!({"addresses": [{"type": "Hostname", "value": "a.example"}]});
    case(
        all,
        "gateway-address",
        vec![gateway_with("address-hostname", name)],
        &["Accepted=False/UnsupportedAddress ~ spec.addresses[0].type"],
    );
    let many = (0..17).map(|n| json!({"value": format!("10.250.9.{n}")})).collect::<Value>();
    let many = gateway_with("address-many", json!({"addresses": many}));
    case(all, "gateway-address", vec![many], &["Accepted=False/Invalid ~ spec.addresses"]);
    for (name, value) in
        [("loopback", "127.0.0.1"), ("metadata", "169.254.169.254"), ("foreign", "192.0.2.1")]
    {
        let fields = json!({"addresses": [{"type": "IPAddress", "value": value}]});
        let bad = gateway_with(&format!("address-{name}"), fields);
        case(
            all,
            "gateway-address-unusable",
            vec![bad],
            &["Programmed=False/AddressNotUsable ~ spec.addresses[0]"],
        );
    }
}

fn infrastructure(all: &mut Vec<Case>) {
    let parameters =
        json!({"infrastructure": {"parametersRef": {"group": "", "kind": "ConfigMap", "name": "a"}}});
    let bad = gateway_with("infrastructure-parameters", parameters);
    case(
        all,
        "infrastructure",
        vec![bad],
        &["Accepted=False/InvalidParameters ~ spec.infrastructure.parametersRef"],
    );
    let long = "a".repeat(64);
    for (name, labels) in [
        ("value", json!({"a": "not a label!"})),
        ("value-64", json!({"a": long})),
        ("key", json!({"a b!": "c"})),
        ("key-64", json!({"a".repeat(64): "c"})),
        ("prefix", json!({"a/b/c": "d"})),
        ("greek", json!({"α": "β"})),
    ] {
        let bad = gateway_with(&format!("labels-{name}"), json!({"infrastructure": {"labels": labels}}));
        case(
            all,
            "infrastructure-labels",
            vec![bad],
            &["Accepted=False/Invalid ~ spec.infrastructure.labels"],
        );
    }
    for (name, annotations) in [("key", json!({"a b!": "c"})), ("huge", json!({"a": "b".repeat(300_000)}))] {
        let bad = gateway_with(
            &format!("annotations-{name}"),
            json!({"infrastructure": {"annotations": annotations}}),
        );
        case(
            all,
            "infrastructure-annotations",
            vec![bad],
            &["Accepted=False/Invalid ~ spec.infrastructure.annotations"],
        );
    }
    let stolen = json!({"infrastructure": {"labels": {"app.kubernetes.io/managed-by": "somebody-else"}}});
    case(
        all,
        "infrastructure-stolen",
        vec![gateway_with("labels-stolen", stolen)],
        &["Accepted=True/Accepted"],
    );
}
