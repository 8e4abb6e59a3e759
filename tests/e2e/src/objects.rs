//! Manifests as JSON values: the few shapes that most tests need, and looks at conditions.

use serde_json::{Value, json};

/// API version of the kinds of the Gateway API that are stable.
pub const GATEWAY_API: &str = "gateway.networking.k8s.io/v1";

/// A Namespace.
pub fn namespace(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
}

/// A Gateway with one HTTP listener `http` on port 80 that lets in routes of all namespaces.
pub fn gateway(namespace: &str, name: &str, class: &str) -> Value {
    json!({
        "apiVersion": GATEWAY_API, "kind": "Gateway", "metadata": {"namespace": namespace, "name": name},
        "spec": {
            "gatewayClassName": class,
            "listeners": [{
                "name": "http", "port": 80, "protocol": "HTTP", "allowedRoutes": {"namespaces": {"from": "All"}},
            }],
        },
    })
}

/// An HTTPRoute of a Gateway of its own namespace, for one hostname, with these rules.
pub fn http_route(namespace: &str, name: &str, gateway: &str, hostname: &str, rules: &Value) -> Value {
    json!({
        "apiVersion": GATEWAY_API, "kind": "HTTPRoute", "metadata": {"namespace": namespace, "name": name},
        "spec": {"parentRefs": [{"name": gateway}], "hostnames": [hostname], "rules": rules},
    })
}

/// Rules that answer everything by a redirect to `https://<host>/`: served without any backend.
pub fn redirect_to(host: &str) -> Value {
    json!([{"filters": [{
        "type": "RequestRedirect", "requestRedirect": {"scheme": "https", "hostname": host, "statusCode": 302},
    }]}])
}

/// Rules that forward everything to a Service's port 80.
pub fn forward_to(service: &str) -> Value {
    json!([{"backendRefs": [{"name": service, "port": 80}]}])
}

/// A Deployment and a Service of its name: `clearway demo-backend` from the loaded image, behind port 80.
pub fn demo_backend(namespace: &str, name: &str, replicas: u32) -> [Value; 2] {
    let deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"namespace": namespace, "name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"containers": [{
                    "name": "backend", "image": "localhost/clearway:dev", "imagePullPolicy": "Never",
                    "args": ["demo-backend", format!("--name={name}"), "--address=0.0.0.0:8080"],
                    "readinessProbe": {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1},
                }]},
            },
        },
    });
    let service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"namespace": namespace, "name": name},
        "spec": {"selector": {"app": name}, "ports": [{"port": 80, "targetPort": 8080}]},
    });
    [deployment, service]
}

/// The condition of a type in a list of conditions such as `status.conditions`; `Null` when it is not there.
pub fn condition<'v>(conditions: &'v Value, kind: &str) -> &'v Value {
    let found = conditions.as_array().into_iter().flatten().find(|condition| condition["type"] == kind);
    found.unwrap_or(&Value::Null)
}

/// Whether a list of conditions has this one as `True`.
pub fn is_true(conditions: &Value, kind: &str) -> bool {
    condition(conditions, kind)["status"] == "True"
}

/// The entry that a controller has written into a route's `status.parents` or a policy's `status.ancestors`.
pub fn entry_of<'v>(entries: &'v Value, controller: &str) -> &'v Value {
    let found = entries.as_array().into_iter().flatten().find(|entry| entry["controllerName"] == controller);
    found.unwrap_or(&Value::Null)
}
