//! What the CRDs refuse is refused here too, each at its field.

use clearway_k8s::{Object, Severity, validate};
use serde_json::{Value, json};

fn findings(kind: &str, spec: &Value) -> Vec<String> {
    let group = match kind {
        "Backend" => "clearway.dev/v1alpha1",
        _ => "gateway.networking.k8s.io/v1",
    };
    let value = json!({"apiVersion": group, "kind": kind, "metadata": {"name": "x"}, "spec": spec});
    let object = Object::from_value(value).unwrap_or_else(|error| panic!("{error}"));
    validate(&object)
        .iter()
        .map(|error| {
            let mark = if error.severity == Severity::Error { "" } else { "warn " };
            format!("{mark}{} [{}]", error.path, error.reason)
        })
        .collect()
}

fn check_rules(cases: &[(Value, Vec<&str>)]) {
    for (rule, want) in cases {
        let want: Vec<_> = want.iter().map(|field| format!("spec.rules[0].{field}")).collect();
        assert_eq!(findings("HTTPRoute", &json!({"rules": [rule]})), want, "{rule}");
    }
}

#[test]
fn filters_of_http_routes() {
    let set = |name: &str| json!({"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": [{"name": name, "value": "v"}]}});
    let prefix = json!({"type": "URLRewrite", "urlRewrite": {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}}});
    let redirect = json!({"type": "RequestRedirect", "requestRedirect": {"statusCode": 301}});
    let service = json!({"name": "s", "port": 80});
    let cases = [
        (json!({}), vec![]),
        (json!({"filters": [set("ok"), prefix], "backendRefs": [service]}), vec![]),
        (
            json!({"filters": [set("bad name")]}),
            vec!["filters[0].requestHeaderModifier.set[0].name [UnsupportedValue]"],
        ),
        (json!({"filters": [set("a"), set("b")]}), vec!["filters[1] [IncompatibleFilters]"]),
        (json!({"filters": [redirect, prefix]}), vec!["filters [IncompatibleFilters]"]),
        (json!({"filters": [redirect], "backendRefs": [service]}), vec!["backendRefs [IncompatibleFilters]"]),
        (
            json!({"matches": [{"path": {"type": "Exact", "value": "/a"}}], "filters": [prefix]}),
            vec!["filters[0].urlRewrite.path.type [UnsupportedValue]"],
        ),
        (json!({"filters": [{"type": "Magic"}]}), vec!["filters[0].type [UnsupportedValue]"]),
        (
            json!({"filters": [{"type": "CORS", "urlRewrite": {}}]}),
            vec!["filters[0].urlRewrite [UnsupportedValue]", "filters[0].cors [UnsupportedValue]"],
        ),
        (
            json!({"filters": [{"type": "CORS", "cors": {"allowOrigins": ["*", "https://a"], "allowMethods": ["BREW"], "maxAge": 0}}]}),
            vec![
                "filters[0].cors.allowOrigins [UnsupportedValue]",
                "filters[0].cors.allowMethods[0] [UnsupportedValue]",
                "filters[0].cors.maxAge [UnsupportedValue]",
            ],
        ),
        (
            json!({"filters": [{"type": "RequestMirror", "requestMirror": {"backendRef": {"name": "s"}, "percent": 101, "fraction": {"numerator": 2, "denominator": 1}}}]}),
            vec![
                "filters[0].requestMirror.backendRef.port [UnsupportedValue]",
                "filters[0].requestMirror.fraction [UnsupportedValue]",
                "filters[0].requestMirror.percent [UnsupportedValue]",
                "filters[0].requestMirror.fraction [UnsupportedValue]",
            ],
        ),
    ];
    check_rules(&cases);
}

#[test]
fn matches_backends_and_timeouts_of_http_routes() {
    let cases = [
        (
            json!({"backendRefs": [{"name": "s", "port": 0, "weight": 1_000_001}]}),
            vec!["backendRefs[0].port [UnsupportedValue]", "backendRefs[0].weight [UnsupportedValue]"],
        ),
        (
            json!({"timeouts": {"request": "1s", "backendRequest": "2s"}}),
            vec!["timeouts.backendRequest [UnsupportedValue]"],
        ),
        (json!({"timeouts": {"request": "0s", "backendRequest": "2s"}}), vec![]),
        (
            json!({"timeouts": {"request": "1 minute"}, "retry": {"codes": [200], "backoff": "x"}}),
            vec![
                "timeouts.request [UnsupportedValue]",
                "retry.backoff [UnsupportedValue]",
                "retry.codes[0] [UnsupportedValue]",
            ],
        ),
        (
            json!({"matches": [{"method": "get", "headers": [{"name": "", "value": "x", "type": "Glob"}]}]}),
            vec![
                "matches[0].headers[0].type [UnsupportedValue]",
                "matches[0].headers[0].name [UnsupportedValue]",
                "matches[0].method [UnsupportedValue]",
            ],
        ),
    ];
    check_rules(&cases);
}

#[test]
fn routes_as_a_whole() {
    assert_eq!(
        findings("HTTPRoute", &json!({"rules": [{"sessionPersistence": {"type": "Cookie"}}]})),
        ["warn spec.rules[0].sessionPersistence [UnsupportedValue]"]
    );
    assert_eq!(
        findings(
            "HTTPRoute",
            &json!({"hostnames": ["A.example"], "parentRefs": [{"name": "g"}, {"name": "g"}], "rules": [{"name": "a"}, {"name": "a"}]})
        ),
        [
            "spec.parentRefs[1] [UnsupportedValue]",
            "spec.hostnames[0] [UnsupportedValue]",
            "spec.rules[1].name [UnsupportedValue]"
        ]
    );
}

fn check_objects(cases: &[(&str, Value, Vec<&str>)]) {
    for (kind, spec, want) in cases {
        assert_eq!(findings(kind, spec), *want, "{kind} {spec}");
    }
}

#[test]
fn grpc_routes_and_gateways() {
    let rewrite = json!({"type": "URLRewrite", "urlRewrite": {"hostname": "a.b"}});
    let cases = [
        (
            "GRPCRoute",
            json!({"rules": [{"filters": [rewrite]}]}),
            vec!["spec.rules[0].filters[0].type [UnsupportedValue]"],
        ),
        (
            "GRPCRoute",
            json!({"rules": [{"matches": [{"method": {}}]}]}),
            vec!["spec.rules[0].matches[0].method [UnsupportedValue]"],
        ),
        (
            "GRPCRoute",
            json!({"rules": [{"matches": [{"method": {"service": "a.B", "method": "C"}}]}]}),
            vec![],
        ),
        (
            "Gateway",
            json!({"gatewayClassName": "c", "listeners": [
                {"name": "a", "port": 80, "protocol": "HTTP", "tls": {}},
                {"name": "b", "port": 443, "protocol": "HTTPS"},
                {"name": "c", "port": 443, "protocol": "HTTPS", "tls": {"mode": "Passthrough"}},
                {"name": "d", "port": 81, "protocol": "HTTP", "allowedRoutes": {"namespaces": {"from": "Selector"}}},
                {"name": "d", "port": 82, "protocol": "HTTP", "filters": {"requests": []}},
            ]}),
            vec![
                "spec.listeners[0].tls [UnsupportedValue]",
                "spec.listeners[1].tls [UnsupportedValue]",
                "spec.listeners[2].tls.mode [UnsupportedValue]",
                "spec.listeners[3].allowedRoutes.namespaces.selector [UnsupportedValue]",
                "spec.listeners [UnsupportedValue]",
                "spec.listeners[4].filters [UnsupportedValue]",
            ],
        ),
    ];
    check_objects(&cases);
}

#[test]
fn classes_policies_and_backends() {
    let cases = [
        (
            "GatewayClass",
            json!({"controllerName": "no-path"}),
            vec!["spec.controllerName [UnsupportedValue]"],
        ),
        (
            "BackendTLSPolicy",
            json!({"targetRefs": [{"kind": "Service", "name": "s"}], "validation": {"hostname": "a.b", "subjectAltNames": [{"type": "URI", "hostname": "x"}]}}),
            vec![
                "spec.validation [UnsupportedValue]",
                "spec.validation.subjectAltNames[0].hostname [UnsupportedValue]",
                "spec.validation.subjectAltNames[0].uri [UnsupportedValue]",
            ],
        ),
        ("Backend", json!({"endpoints": [{"host": "a.b", "port": 443}], "protocol": "https"}), vec![]),
        (
            "Backend",
            json!({"endpoints": [{"ip": "10.0.0.1", "port": 443}], "protocol": "h2"}),
            vec!["spec.tls.hostname [UnsupportedValue]"],
        ),
        (
            "Backend",
            json!({"endpoints": [{"port": 0}], "tls": {}}),
            vec![
                "spec.endpoints[0] [UnsupportedValue]",
                "spec.endpoints[0].port [UnsupportedValue]",
                "spec.tls [UnsupportedValue]",
            ],
        ),
    ];
    check_objects(&cases);
}
