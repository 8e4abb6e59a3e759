//! Values that an enum of the API does not have, as an older or newer custom resource definition would let in.

use serde_json::{Value, json};

use super::Case;
use super::make::{
    also, case, gateway_with, grpc_rule, http_filter, http_match, http_rule, listener, listener_set,
    not_admitted, own, rule, secured, service, slice, to_own, with,
};
use super::policies::policy;

/// Another word, none, another case, a blank too many, another alphabet.
const VALUES: &[(&str, &str)] =
    &[("other", "Mauve"), ("empty", ""), ("case", "eXaCt"), ("blank", " Exact"), ("greek", "Ακριβής")];

pub(super) fn add(all: &mut Vec<Case>) {
    for (word, value) in VALUES {
        in_matches(all, word, value);
        in_filters(all, word, value);
        in_listeners(all, word, value);
        elsewhere(all, word, value);
    }
}

fn in_matches(all: &mut Vec<Case>, word: &str, value: &str) {
    let name = |what: &str| format!("enum-{what}-{word}");
    let at = |field: &str| format!("Accepted=False/UnsupportedValue ~ spec.rules[0].matches[0].{field}");
    let mut add = |family, what: &str, entry: Value, field: &str| {
        case(all, family, vec![http_match(&name(what), entry)], &[&at(field)]);
    };
    add("enum-path-match", "path", json!({"path": {"type": value, "value": "/a"}}), "path.type");
    let header = json!({"headers": [{"type": value, "name": "x-a", "value": "b"}]});
    add("enum-header-match", "header", header, "headers[0].type");
    let query = json!({"queryParams": [{"type": value, "name": "a", "value": "b"}]});
    add("enum-query-match", "query", query, "queryParams[0].type");
    add("enum-method", "method", json!({"method": value}), "method");
    let method = json!({"matches": [{"method": {"type": value, "service": "a.B", "method": "C"}}]});
    case(all, "enum-grpc-method", vec![grpc_rule(&name("grpc"), method)], &[&at("method.type")]);
    let header = json!({"matches": [{"headers": [{"type": value, "name": "x-a", "value": "b"}]}]});
    case(all, "enum-grpc-header", vec![grpc_rule(&name("grpc-header"), header)], &[&at("headers[0].type")]);
}

fn in_filters(all: &mut Vec<Case>, word: &str, value: &str) {
    let name = |what: &str| format!("enum-{what}-{word}");
    let at = |field: &str| format!("Accepted=False/UnsupportedValue ~ spec.rules[0].filters[0].{field}");
    let mut add = |family, what: &str, filter: Value, field: &str| {
        case(all, family, vec![http_filter(&name(what), filter)], &[&at(field)]);
    };
    add("enum-filter", "filter", json!({"type": value}), "type");
    let modifier = json!({"type": "URLRewrite", "urlRewrite": {"path": {"type": value}}});
    add("enum-path-modifier", "modifier", modifier, "urlRewrite.path.type");
    let scheme = json!({"type": "RequestRedirect", "requestRedirect": {"scheme": value}});
    let redirect = http_rule(&name("scheme"), json!({"filters": [scheme], "backendRefs": []}));
    case(all, "enum-scheme", vec![redirect], &[&at("requestRedirect.scheme")]);
    let cors =
        json!({"type": "CORS", "cors": {"allowOrigins": ["https://a.example"], "allowMethods": [value]}});
    case(all, "enum-cors-method", vec![http_filter(&name("cors"), cors)], &[&at("cors.allowMethods[0]")]);
    let partly = json!({"rules": [
        rule(json!({"matches": [{"path": {"type": "Exact", "value": "/good"}}]})),
        rule(json!({"matches": [{"path": {"type": value, "value": "/a"}}]})),
    ]});
    case(
        all,
        "enum-in-one-rule",
        vec![super::make::http(&name("one-rule"), partly)],
        &[
            "Accepted=True/Accepted",
            "PartiallyInvalid=True/UnsupportedValue ~ Dropped Rule 1 (spec.rules[1].matches[0].path.type",
        ],
    );
    let at_backend = json!([{"name": "web", "port": 80, "filters": [{"type": value}]}]);
    case(
        all,
        "enum-backend-filter",
        vec![super::make::http_backends(&name("backend-filter"), at_backend)],
        &["Accepted=False/UnsupportedValue ~ spec.rules[0].backendRefs[0].filters[0].type"],
    );
}

fn in_listeners(all: &mut Vec<Case>, word: &str, value: &str) {
    let name = |what: &str| format!("enum-{what}-{word}");
    let mut add = |family, what: &str, fields: Value, reason: &str, field: &str| {
        case(
            all,
            family,
            vec![listener(&name(what), fields)],
            &[
                &format!("[bad] Accepted=False/{reason} ~ spec.listeners[0].{field}"),
                "[bad] Programmed=False/Invalid",
                "[good] Accepted=True/Accepted",
                "Accepted=True/ListenersNotValid ~ bad",
            ],
        );
    };
    add("enum-protocol", "protocol", json!({"protocol": value}), "UnsupportedProtocol", "protocol");
    let from = json!({"allowedRoutes": {"namespaces": {"from": value}}});
    add("enum-from-namespaces", "from", from, "UnsupportedValue", "allowedRoutes.namespaces.from");
    let selector = json!({"matchExpressions": [{"key": "a", "operator": value, "values": ["b"]}]});
    let selected = json!({"allowedRoutes": {"namespaces": {"from": "Selector", "selector": selector}}});
    let field = "allowedRoutes.namespaces.selector.matchExpressions[0].operator";
    add("enum-selector-operator", "operator", selected, "UnsupportedValue", field);
    let mode =
        with(secured(&name("mode"), json!([{"name": "none"}])), "spec.listeners.0.tls.mode", json!(value));
    case(
        all,
        "enum-tls-mode",
        vec![mode],
        &["[bad] Accepted=False/UnsupportedValue ~ spec.listeners[0].tls.mode"],
    );
    let kinds = json!({"allowedRoutes": {"kinds": [{"kind": value}]}});
    case(
        all,
        "enum-route-kind",
        vec![listener(&name("route-kind"), kinds)],
        &[
            "[bad] ResolvedRefs=False/InvalidRouteKinds ~ spec.listeners[0].allowedRoutes.kinds[0]",
            "ResolvedRefs=False/ListenersNotResolved ~ bad",
        ],
    );
    let set = listener_set(&name("set"), json!([{"name": "bad", "port": 8080, "protocol": value}]));
    case(
        all,
        "enum-protocol-of-set",
        vec![set],
        &[
            "[bad] Accepted=False/UnsupportedProtocol ~ spec.listeners[0].protocol",
            "Accepted=False/ListenersNotValid ~ bad",
            "Programmed=False/ListenersNotValid ~ bad",
        ],
    );
}

fn elsewhere(all: &mut Vec<Case>, word: &str, value: &str) {
    let name = |what: &str| format!("enum-{what}-{word}");
    let allowed = json!({"allowedListeners": {"namespaces": {"from": value}}});
    let field = "spec.allowedListeners.namespaces.from";
    case(
        all,
        "enum-allowed-listeners",
        vec![gateway_with(&name("allowed"), allowed)],
        &[
            &format!("Accepted=True/ListenersNotValid ~ {field}"),
            &format!("problem UnsupportedValue ~ {field}"),
        ],
    );
    let address = json!({"addresses": [{"type": value, "value": "10.250.0.77"}]});
    case(
        all,
        "enum-address-type",
        vec![gateway_with(&name("address"), address)],
        &["Accepted=False/UnsupportedAddress ~ spec.addresses[0].type"],
    );
    let validation =
        json!({"mode": value, "caCertificateRefs": [{"group": "", "kind": "ConfigMap", "name": "none"}]});
    let frontend = with(
        secured(&name("frontend"), json!([{"name": "none"}])),
        "spec.tls",
        json!({"frontend": {"default": {"validation": validation}}}),
    );
    case(
        all,
        "enum-frontend-mode",
        vec![frontend],
        &["[bad] Accepted=False/UnsupportedValue ~ spec.tls.frontend.default.validation.mode"],
    );
    let roots = json!({"hostname": "a.example", "wellKnownCACertificates": value});
    let field = "Accepted=False/Invalid ~ spec.validation.wellKnownCACertificates";
    policy(all, "enum-well-known-ca", &name("ca"), roots, &[field]);
    let names = json!([{"type": value, "hostname": "a.example"}]);
    let names =
        json!({"hostname": "a.example", "wellKnownCACertificates": "System", "subjectAltNames": names});
    let field = "Accepted=False/Invalid ~ spec.validation.subjectAltNames[0].type";
    policy(all, "enum-san-type", &name("san"), names, &[field]);
    let backend = name("backend");
    let spec = json!({"endpoints": [{"host": "a.example", "port": 80}], "protocol": value});
    let object = own(&backend, spec);
    case(
        all,
        "enum-backend-protocol",
        vec![object.clone(), to_own(&backend, &backend)],
        &["problem UnsupportedValue ~ spec.protocol"],
    );
    also(all, &to_own(&backend, &backend), "ResolvedRefs=False/UnsupportedValue ~ spec.protocol");
    core_kinds(all, word, value);
}

fn core_kinds(all: &mut Vec<Case>, word: &str, value: &str) {
    let name = |what: &str| format!("enum-{what}-{word}");
    // Without a type the apiserver fills one in.
    if !value.is_empty() {
        let typed = with(service(&name("service"), json!([{"port": 80}])), "spec.type", json!(value));
        case(all, "enum-service-type", vec![typed], &["problem UnsupportedValue ~ spec.type"]);
        not_admitted(all);
    }
    let family = json!({"addressType": value, "ports": [], "endpoints": [{"addresses": ["10.0.0.9"]}]});
    case(
        all,
        "enum-address-family",
        vec![slice(&name("slice"), "web", family)],
        &["problem UnsupportedValue ~ addressType"],
    );
    not_admitted(all);
    if value.is_empty() || value.starts_with(' ') {
        return;
    }
    let spoken = name("spoken");
    let route = super::make::http_backends(&spoken, json!([{"name": spoken, "port": 80}]));
    let service = service(&spoken, json!([{"port": 80, "appProtocol": value}]));
    case(
        all,
        "enum-app-protocol",
        vec![route, service],
        &["ResolvedRefs=False/UnsupportedProtocol ~ spec.rules[0].backendRefs[0]"],
    );
    if !value.is_ascii() {
        not_admitted(all);
    }
}
