//! What stands around bad objects: a good world that must be served whatever they say, and what they lead to.

use serde_json::{Value, json};

use super::make::{CONTROLLER, HOSTILE};
use crate::certs::Authority;

/// How many good routes there are.
const HTTP: usize = 45;
const GRPC: usize = 5;

/// Our class, the namespaces, a Gateway `good/edge` with an HTTP and an HTTPS listener that let everybody in, and 50 routes to
/// Service `good/web`.
pub fn good() -> Vec<Value> {
    let certificate = Authority::new("good").issue(&["good.example", "*.good.example"]);
    let namespace = |name: &str| json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
    let mut objects = vec![
        namespace("good"),
        namespace(HOSTILE),
        namespace("elsewhere"),
        json!({
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass", "metadata": {"name": "clearway"},
            "spec": {"controllerName": CONTROLLER},
        }),
        json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "good", "namespace": "good"},
            "type": "kubernetes.io/tls",
            "stringData": {"tls.crt": certificate.cert_pem, "tls.key": certificate.key_pem},
        }),
        json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "good"},
            "spec": {"selector": {"app": "web"}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]},
        }),
        json!({
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
            "metadata": {"name": "edge", "namespace": "good"},
            "spec": {
                "gatewayClassName": "clearway",
                "allowedListeners": {"namespaces": {"from": "All"}},
                "listeners": [
                    {"name": "http", "port": 80, "protocol": "HTTP", "allowedRoutes": {"namespaces": {"from": "All"}}},
                    {"name": "https", "port": 443, "protocol": "HTTPS", "hostname": "*.good.example",
                     "allowedRoutes": {"namespaces": {"from": "All"}},
                     "tls": {"mode": "Terminate", "certificateRefs": [{"name": "good", "group": "", "kind": "Secret"}]}},
                ],
            },
        }),
    ];
    objects.extend((0..HTTP).map(|number| route("HTTPRoute", number)));
    objects.extend((0..GRPC).map(|number| route("GRPCRoute", number)));
    objects
}

fn route(kind: &str, number: usize) -> Value {
    let name = format!("{}-{number}", kind.to_ascii_lowercase());
    json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": kind,
        "metadata": {"name": name, "namespace": "good"},
        "spec": {
            "parentRefs": [{"name": "edge"}], "hostnames": [format!("{name}.good.example")],
            "rules": [{"backendRefs": [{"name": "web", "port": 80}]}],
        },
    })
}

/// Endpoints of the good Service, where no Kubernetes makes them.
pub fn good_slices() -> Vec<Value> {
    vec![slice("good", "10.0.0.1")]
}

/// What bad objects lead to in their own namespaces.
pub fn hostile_scene() -> Vec<Value> {
    let service = |namespace: &str| {
        json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": namespace},
            "spec": {"ports": [
                {"name": "http", "port": 80, "targetPort": 8080},
                {"name": "https", "port": 443, "targetPort": 8443, "appProtocol": "https"},
                {"name": "dns", "port": 53, "targetPort": 53, "protocol": "UDP"},
            ]},
        })
    };
    vec![service(HOSTILE), slice(HOSTILE, "10.0.0.2"), service("elsewhere"), slice("elsewhere", "10.0.0.3")]
}

fn slice(namespace: &str, address: &str) -> Value {
    json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
        "metadata": {"name": "web-given", "namespace": namespace, "labels": {"kubernetes.io/service-name": "web"}},
        "addressType": "IPv4",
        "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}, {"name": "https", "port": 8443, "protocol": "TCP"}],
        "endpoints": [{"addresses": [address]}],
    })
}
