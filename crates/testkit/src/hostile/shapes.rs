//! Fields of a wrong type, missing fields and numbers out of range: the object cannot be read. Routes and Gateways.

use serde_json::{Value, json};

use super::Case;
use super::make::{case, gateway, http, http_rule, with};

/// A path, what stands there (`null`: nothing), and the field that must be named.
pub(super) type Shape = (&'static str, Value, &'static str);

pub(super) fn add(all: &mut Vec<Case>) {
    for (number, (path, value, about)) in route_shapes().into_iter().enumerate() {
        let bad = with(whole_route(&format!("shape-http-{number:02}")), path, value);
        case(all, "shape-http-route", vec![bad], &[&format!("Accepted=False/UnsupportedValue ~ {about}")]);
    }
    for (number, (path, value, about)) in filter_shapes().into_iter().enumerate() {
        let bad = with(whole_route(&format!("shape-filter-{number:02}")), path, value);
        case(all, "shape-filter", vec![bad], &[&format!("Accepted=False/UnsupportedValue ~ {about}")]);
    }
    for (number, (path, value, about)) in
        gateway_shapes().into_iter().chain(more_gateway_shapes()).enumerate()
    {
        let bad = with(whole_gateway(&format!("shape-gateway-{number:02}")), path, value);
        let lines =
            [format!("Accepted=False/Invalid ~ {about}"), format!("Programmed=False/Invalid ~ {about}")];
        case(all, "shape-gateway", vec![bad], &[&lines[0], &lines[1]]);
    }
    unaddressable(all);
}

/// Nobody can tell whose they are: a problem, and no status.
fn unaddressable(all: &mut Vec<Case>) {
    let problem = "problem UnsupportedValue ~ spec.parentRefs";
    let parents = with(whole_route("shape-no-parents"), "spec.parentRefs", json!("edge"));
    case(all, "shape-unaddressable", vec![parents], &["nothing", problem]);
    let named = with(whole_route("shape-no-name"), "spec.parentRefs.0.name", Value::Null);
    case(all, "shape-unaddressable", vec![named], &["nothing", problem]);
    let spec = with(whole_route("shape-no-spec"), "spec", Value::Null);
    case(
        all,
        "shape-unaddressable",
        vec![spec],
        &["nothing", "problem UnsupportedValue ~ missing field `spec`"],
    );
    let spec = with(whole_route("shape-text-spec"), "spec", json!("a text"));
    case(all, "shape-unaddressable", vec![spec], &["nothing", "problem UnsupportedValue ~ spec"]);
    for (name, class) in [("none", Value::Null), ("number", json!(7))] {
        let bad = with(whole_gateway(&format!("shape-class-{name}")), "spec.gatewayClassName", class);
        case(all, "shape-unaddressable", vec![bad], &["nothing", "problem Invalid ~ spec"]);
    }
    let half = json!({"parentRefs": ["edge", {"name": "edge", "namespace": "good"}, {"port": 80}]});
    let half = http("shape-half-parents", half);
    case(
        all,
        "shape-half-addressable",
        vec![half],
        &["Accepted=False/UnsupportedValue ~ spec.parentRefs[0]"],
    );
}

fn whole_route(name: &str) -> Value {
    http_rule(
        name,
        json!({
            "matches": [{
                "path": {"type": "Exact", "value": "/a"},
                "headers": [{"name": "x-a", "value": "b"}], "queryParams": [{"name": "a", "value": "b"}],
            }],
            "filters": [{"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": [{"name": "x-a", "value": "b"}]}}],
            "timeouts": {"request": "1s"}, "retry": {"attempts": 2, "codes": [500]},
        }),
    )
}

fn route_shapes() -> Vec<Shape> {
    let at = |field: &'static str, value: Value, about| (field, value, about);
    vec![
        at("spec.hostnames", json!("a.example"), "spec.hostnames"),
        at("spec.hostnames.0", json!(5), "spec.hostnames[0]"),
        at("spec.hostnames.0", json!({"name": "a"}), "spec.hostnames[0]"),
        at("spec.rules", json!({"name": "a"}), "spec.rules"),
        at("spec.rules", json!(true), "spec.rules"),
        at("spec.rules.0", json!(5), "spec.rules[0]"),
        at("spec.rules.0.name", json!(["a"]), "spec.rules[0].name"),
        at("spec.rules.0.matches", json!("/a"), "spec.rules[0].matches"),
        at("spec.rules.0.matches.0", json!("/a"), "spec.rules[0].matches[0]"),
        at("spec.rules.0.matches.0.path", json!("/a"), "spec.rules[0].matches[0].path"),
        at("spec.rules.0.matches.0.path.type", json!(1), "spec.rules[0].matches[0].path.type"),
        at("spec.rules.0.matches.0.path.value", json!(5), "spec.rules[0].matches[0].path.value"),
        at("spec.rules.0.matches.0.headers", json!({"x-a": "b"}), "spec.rules[0].matches[0].headers"),
        at("spec.rules.0.matches.0.headers.0.name", Value::Null, "spec.rules[0].matches[0].headers[0]"),
        at("spec.rules.0.matches.0.headers.0.value", Value::Null, "missing field `value`"),
        at("spec.rules.0.matches.0.headers.0.value", json!(5), "spec.rules[0].matches[0].headers[0].value"),
        at(
            "spec.rules.0.matches.0.queryParams.0.name",
            Value::Null,
            "spec.rules[0].matches[0].queryParams[0]",
        ),
        at("spec.rules.0.matches.0.queryParams", json!("a=b"), "spec.rules[0].matches[0].queryParams"),
        at("spec.rules.0.matches.0.method", json!(["GET"]), "spec.rules[0].matches[0].method"),
        at("spec.rules.0.backendRefs", json!("web"), "spec.rules[0].backendRefs"),
        at("spec.rules.0.backendRefs.0", json!("web:80"), "spec.rules[0].backendRefs[0]"),
        at("spec.rules.0.backendRefs.0.name", Value::Null, "missing field `name`"),
        at("spec.rules.0.backendRefs.0.name", json!(7), "spec.rules[0].backendRefs[0].name"),
        at("spec.rules.0.backendRefs.0.namespace", json!(7), "spec.rules[0].backendRefs[0].namespace"),
        at("spec.rules.0.backendRefs.0.port", json!("http"), "spec.rules[0].backendRefs[0].port"),
        at("spec.rules.0.backendRefs.0.port", json!(-1), "spec.rules[0].backendRefs[0].port"),
        at("spec.rules.0.backendRefs.0.port", json!(65_536), "spec.rules[0].backendRefs[0].port"),
        at("spec.rules.0.backendRefs.0.port", json!(80.5), "spec.rules[0].backendRefs[0].port"),
        at("spec.rules.0.backendRefs.0.port", json!(9_000_000_000_u64), "spec.rules[0].backendRefs[0].port"),
        at("spec.rules.0.backendRefs.0.weight", json!(-1), "spec.rules[0].backendRefs[0].weight"),
        at("spec.rules.0.backendRefs.0.weight", json!("1"), "spec.rules[0].backendRefs[0].weight"),
        at(
            "spec.rules.0.backendRefs.0.weight",
            json!(4_294_967_296_u64),
            "spec.rules[0].backendRefs[0].weight",
        ),
        at("spec.rules.0.backendRefs.0.weight", json!(0.5), "spec.rules[0].backendRefs[0].weight"),
        at("spec.rules.0.timeouts", json!("1s"), "spec.rules[0].timeouts"),
        at("spec.rules.0.timeouts.request", json!(5), "spec.rules[0].timeouts.request"),
        at("spec.rules.0.timeouts.backendRequest", json!({"s": 1}), "spec.rules[0].timeouts.backendRequest"),
        at("spec.rules.0.retry", json!(3), "spec.rules[0].retry"),
        at("spec.rules.0.retry.attempts", json!(-1), "spec.rules[0].retry.attempts"),
        at("spec.rules.0.retry.codes.0", json!("500"), "spec.rules[0].retry.codes[0]"),
        at("spec.rules.0.retry.codes.0", json!(70_000), "spec.rules[0].retry.codes[0]"),
        at("spec.rules.0.retry.backoff", json!(1), "spec.rules[0].retry.backoff"),
    ]
}

fn filter_shapes() -> Vec<Shape> {
    let at = |filter: Value, about| ("spec.rules.0.filters.0", filter, about);
    let redirect = |fields: Value| json!({"type": "RequestRedirect", "requestRedirect": fields});
    let cors = |fields: Value| json!({"type": "CORS", "cors": fields});
    let mirror = |fields: Value| json!({"type": "RequestMirror", "requestMirror": fields});
    let to_web = json!({"name": "web", "port": 80});
    vec![
        ("spec.rules.0.filters", json!({"type": "CORS"}), "spec.rules[0].filters"),
        at(json!("CORS"), "spec.rules[0].filters[0]"),
        at(json!({}), "missing field `type`"),
        at(json!({"type": 1}), "spec.rules[0].filters[0].type"),
        at(redirect(json!("https")), "spec.rules[0].filters[0].requestRedirect"),
        at(redirect(json!({"statusCode": "302"})), "spec.rules[0].filters[0].requestRedirect.statusCode"),
        at(redirect(json!({"statusCode": 99_999})), "spec.rules[0].filters[0].requestRedirect.statusCode"),
        at(redirect(json!({"port": -1})), "spec.rules[0].filters[0].requestRedirect.port"),
        at(redirect(json!({"port": 65_536})), "spec.rules[0].filters[0].requestRedirect.port"),
        at(redirect(json!({"path": {"value": "/"}})), "spec.rules[0].filters[0].requestRedirect.path"),
        at(json!({"type": "URLRewrite", "urlRewrite": "/a"}), "spec.rules[0].filters[0].urlRewrite"),
        at(
            json!({"type": "URLRewrite", "urlRewrite": {"hostname": 5}}),
            "spec.rules[0].filters[0].urlRewrite.hostname",
        ),
        at(cors(json!(["*"])), "spec.rules[0].filters[0].cors"),
        at(cors(json!({"maxAge": -1})), "spec.rules[0].filters[0].cors.maxAge"),
        at(cors(json!({"maxAge": 4_294_967_296_u64})), "spec.rules[0].filters[0].cors.maxAge"),
        at(cors(json!({"allowCredentials": "yes"})), "spec.rules[0].filters[0].cors.allowCredentials"),
        at(cors(json!({"allowOrigins": "*"})), "spec.rules[0].filters[0].cors.allowOrigins"),
        at(mirror(json!({})), "spec.rules[0].filters[0].requestMirror"),
        at(mirror(json!({"backendRef": {"port": 80}})), "spec.rules[0].filters[0].requestMirror.backendRef"),
        at(
            mirror(json!({"backendRef": to_web, "percent": -5})),
            "spec.rules[0].filters[0].requestMirror.percent",
        ),
        at(
            mirror(json!({"backendRef": to_web, "percent": 2.5})),
            "spec.rules[0].filters[0].requestMirror.percent",
        ),
        at(
            mirror(json!({"backendRef": to_web, "fraction": {}})),
            "spec.rules[0].filters[0].requestMirror.fraction",
        ),
        at(
            json!({"type": "ExtensionRef", "extensionRef": {"kind": "X"}}),
            "spec.rules[0].filters[0].extensionRef",
        ),
        at(
            json!({"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": {"x-a": "b"}}}),
            "spec.rules[0].filters[0].requestHeaderModifier.set",
        ),
        at(
            json!({"type": "RequestHeaderModifier", "requestHeaderModifier": {"add": [{"name": "x-a"}]}}),
            "spec.rules[0].filters[0].requestHeaderModifier.add[0]",
        ),
        at(
            json!({"type": "ResponseHeaderModifier", "responseHeaderModifier": {"remove": [5]}}),
            "spec.rules[0].filters[0].responseHeaderModifier.remove[0]",
        ),
    ]
}

fn whole_gateway(name: &str) -> Value {
    gateway(
        name,
        json!([{
            "name": "web", "port": 443, "protocol": "HTTPS", "hostname": "a.example",
            "tls": {"mode": "Terminate", "certificateRefs": [{"name": "none"}]},
            "allowedRoutes": {"namespaces": {"from": "All"}},
        }]),
    )
}

fn gateway_shapes() -> Vec<Shape> {
    let at = |path: &'static str, value: Value, about| (path, value, about);
    vec![
        at("spec.listeners", json!("web"), "spec.listeners"),
        at("spec.listeners", json!({"name": "web"}), "spec.listeners"),
        at("spec.listeners.0", json!("web"), "spec.listeners[0]"),
        at("spec.listeners.0.name", Value::Null, "missing field `name`"),
        at("spec.listeners.0.name", json!(5), "spec.listeners[0].name"),
        at("spec.listeners.0.port", Value::Null, "missing field `port`"),
        at("spec.listeners.0.port", json!("https"), "spec.listeners[0].port"),
        at("spec.listeners.0.port", json!(-1), "spec.listeners[0].port"),
        at("spec.listeners.0.port", json!(65_536), "spec.listeners[0].port"),
        at("spec.listeners.0.port", json!(80.5), "spec.listeners[0].port"),
        at("spec.listeners.0.protocol", Value::Null, "missing field `protocol`"),
        at("spec.listeners.0.protocol", json!(["HTTP"]), "spec.listeners[0].protocol"),
        at("spec.listeners.0.hostname", json!(["a.example"]), "spec.listeners[0].hostname"),
        at("spec.listeners.0.tls", json!(true), "spec.listeners[0].tls"),
        at("spec.listeners.0.tls.certificateRefs", json!("none"), "spec.listeners[0].tls.certificateRefs"),
        at(
            "spec.listeners.0.tls.certificateRefs.0.name",
            Value::Null,
            "spec.listeners[0].tls.certificateRefs[0]",
        ),
        at("spec.listeners.0.tls.options", json!({"a": 1}), "spec.listeners[0].tls.options"),
        at("spec.listeners.0.allowedRoutes", json!("All"), "spec.listeners[0].allowedRoutes"),
        at(
            "spec.listeners.0.allowedRoutes.namespaces",
            json!(7),
            "spec.listeners[0].allowedRoutes.namespaces",
        ),
        at(
            "spec.listeners.0.allowedRoutes.namespaces.selector",
            json!({"matchLabels": ["a"]}),
            "spec.listeners[0].allowedRoutes.namespaces.selector.matchLabels",
        ),
        at("spec.listeners.0.allowedRoutes.kinds", json!([{}]), "spec.listeners[0].allowedRoutes.kinds[0]"),
    ]
}

fn more_gateway_shapes() -> Vec<Shape> {
    let at = |path: &'static str, value: Value, about| (path, value, about);
    let validation = |reference: Value| json!({"validation": {"caCertificateRefs": [reference]}});
    let no_group = json!({"kind": "ConfigMap", "name": "a"});
    vec![
        at("spec.addresses", json!("10.0.0.1"), "spec.addresses"),
        at("spec.addresses", json!([{"value": 5}]), "spec.addresses[0].value"),
        at("spec.infrastructure", json!({"labels": {"a": 5}}), "spec.infrastructure.labels"),
        at("spec.infrastructure", json!({"annotations": "a"}), "spec.infrastructure.annotations"),
        at(
            "spec.infrastructure",
            json!({"parametersRef": {"name": "a"}}),
            "spec.infrastructure.parametersRef",
        ),
        at("spec.tls", json!({"frontend": {"perPort": [{"tls": {}}]}}), "spec.tls.frontend.perPort[0]"),
        at(
            "spec.tls",
            json!({"frontend": {"perPort": [{"port": 0.5, "tls": {}}]}}),
            "spec.tls.frontend.perPort[0].port",
        ),
        at("spec.tls", json!({"frontend": {"default": validation(no_group)}}), "caCertificateRefs[0]"),
        at(
            "spec.tls",
            json!({"backend": {"clientCertificateRef": "a"}}),
            "spec.tls.backend.clientCertificateRef",
        ),
        at("spec.allowedListeners", json!("All"), "spec.allowedListeners"),
        at(
            "spec.allowedListeners",
            json!({"namespaces": {"from": {}}}),
            "spec.allowedListeners.namespaces.from",
        ),
    ]
}
