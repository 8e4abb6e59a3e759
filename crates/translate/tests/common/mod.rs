//! Fixtures as YAML, and translations as lines of text that tables can compare.
#![allow(dead_code, unreachable_pub)]

use clearway_k8s::{Condition, Object};
use clearway_translate::{Options, Translation, World, translate};
use serde_json::Value;

pub const CONTROLLER: &str = "gateway.networking.k8s.io/clearway";

pub const CLASS: &str = "\
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: clearway, generation: 4}
spec: {controllerName: gateway.networking.k8s.io/clearway}
";

/// A Gateway `default/gw` with one HTTP listener that lets every namespace in.
pub const GATEWAY: &str = "\
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw, generation: 7}
spec:
  gatewayClassName: clearway
  listeners:
  - {name: http, port: 80, protocol: HTTP, allowedRoutes: {namespaces: {from: All}}}
";

/// A Service `default/web` with port 80 and two endpoints.
pub const WEB: &str = "\
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {ports: [{name: http, port: 80, targetPort: 8080}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: web-1, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
ports: [{name: http, port: 8080}]
endpoints:
- {addresses: [10.0.0.2]}
- {addresses: [10.0.0.1], conditions: {ready: true}}
- {addresses: [10.0.0.3], conditions: {ready: false}}
";

/// Reads documents without the validation that files get, as a watch does.
pub fn objects(texts: &[&str]) -> Vec<Object> {
    let values = texts.iter().flat_map(|text| {
        serde_saphyr::from_multiple::<Value>(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
    });
    values.map(|value| Object::from_value(value).unwrap_or_else(|error| panic!("{error}"))).collect()
}

pub fn world(texts: &[&str]) -> World {
    let mut world = World::default();
    for object in objects(texts) {
        assert!(!world.insert(object.clone()), "twice: {object:?}");
    }
    world
}

pub fn run(texts: &[&str]) -> Translation {
    translate(&world(texts), &Options::new(CONTROLLER))
}

fn line(conditions: &[Condition]) -> String {
    let each = conditions.iter().map(|condition| {
        format!(
            "{}={:?}/{}@{}",
            condition.kind, condition.status, condition.reason, condition.observed_generation
        )
    });
    each.collect::<Vec<_>>().join(" ")
}

/// Conditions of Gateways and listeners, one line each.
pub fn gateway_lines(translation: &Translation) -> Vec<String> {
    let mut lines = Vec::new();
    for (key, status) in &translation.status.gateways {
        lines.push(format!("{key} {}", line(&status.conditions)));
        for listener in &status.listeners {
            let kinds: Vec<_> = listener.supported_kinds.iter().map(|kind| kind.kind.as_str()).collect();
            lines.push(format!(
                "{key}/{} [{}] {} {}",
                listener.name,
                kinds.join(","),
                listener.attached_routes,
                line(&listener.conditions)
            ));
        }
    }
    lines
}

/// `Type=Status/Reason` of one condition of one listener of `default/gw`.
pub fn listener_condition(translation: &Translation, listener: &str, kind: &str) -> String {
    let all = translation.status.gateways.values().flat_map(|status| &status.listeners);
    let found = all
        .filter(|status| status.name == listener)
        .flat_map(|status| &status.conditions)
        .find(|condition| condition.kind == kind);
    found.map_or_else(String::new, |condition| format!("{:?}/{}", condition.status, condition.reason))
}

/// Conditions of routes without generations, one line for each parent.
pub fn route_lines(translation: &Translation) -> Vec<String> {
    let mut lines = Vec::new();
    for (key, status) in &translation.status.routes {
        for parent in &status.parents {
            let conditions: Vec<_> = parent
                .conditions
                .iter()
                .map(|condition| format!("{}={:?}/{}", condition.kind, condition.status, condition.reason))
                .collect();
            let section =
                parent.parent_ref.section_name.as_deref().map_or(String::new(), |name| format!("/{name}"));
            lines.push(format!("{key} {}{section} {}", parent.parent_ref.name, conditions.join(" ")));
        }
    }
    lines
}

/// An HTTPRoute with parents and the rest of its spec as flow YAML.
pub fn http_route(name: &str, namespace: &str, parents: &str, rest: &str) -> String {
    format!(
        "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {{name: {name}, namespace: \
         {namespace}, generation: 2}}\nspec:\n  parentRefs: {parents}\n{rest}\n"
    )
}

pub const TO_WEB: &str = "  rules: [{backendRefs: [{name: web, port: 80}]}]";
