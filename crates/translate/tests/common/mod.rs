//! Fixtures as YAML, and translations as lines of text that tables can compare.
#![allow(dead_code, unreachable_pub)]

use clearway_k8s::{Condition, Object};
use clearway_translate::{Exposure, GatewayAddresses, Options, Translation, World, translate};
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

/// A Secret with the certificate of the shipped example.
pub fn secret(namespace: &str, name: &str) -> String {
    let text = include_str!("../../../../examples/quickstart/gateway.yaml");
    let secret = text.split("\n---\n").last().unwrap_or_default();
    secret
        .replace("name: demo-certificate", &format!("name: {name}"))
        .replace("namespace: default", &format!("namespace: {namespace}"))
}

/// A ConfigMap whose `ca.crt` is the certificate of the shipped example.
pub fn authority(namespace: &str, name: &str) -> String {
    let secret = secret(namespace, name);
    let begin = secret.find("    -----BEGIN CERTIFICATE").unwrap_or_default();
    let end = secret.find("-----END CERTIFICATE-----").unwrap_or_default();
    let pem = secret.get(begin..end).unwrap_or_default();
    format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, namespace: {namespace}}}\ndata:\n  ca.crt: \
         |\n{pem}-----END CERTIFICATE-----\n"
    )
}

/// A Gateway `default/gw` with fields of its spec as YAML, one a line.
pub fn gateway(fields: &[&str]) -> String {
    let head = "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: gw, generation: 7, uid: u-1}\nspec:\n  \
                gatewayClassName: clearway\n";
    fields.iter().fold(head.to_owned(), |text, field| format!("{text}  {field}\n"))
}

/// A ListenerSet of Gateway `default/gw` with listeners as flow YAML.
pub fn listener_set(namespace: &str, name: &str, listeners: &str) -> String {
    format!(
        "apiVersion: gateway.networking.k8s.io/v1\nkind: ListenerSet\nmetadata: {{name: {name}, namespace: {namespace}, \
         generation: 3}}\nspec:\n  parentRef: {{name: gw, namespace: default}}\n  listeners: {listeners}\n"
    )
}

/// Translates as in a cluster, where the Gateway `default/gw` was given ports 20000 and up and an address.
pub fn run_in_cluster(texts: &[&str]) -> Translation {
    let mut world = world(texts);
    furnish(&mut world);
    translate(&world, &cluster())
}

/// Options as in a cluster, with the merged entry.
pub fn cluster() -> Options {
    Options { exposure: Exposure::Cluster, merged: Some((10080, 10443)), ..Options::new(CONTROLLER) }
}

/// Gives the Gateways of a world private ports and an address each, as the control plane does.
pub fn furnish(world: &mut World) {
    let mut private = 20_000;
    let plans = translate(world, &cluster()).infrastructure;
    for (index, (gateway, plan)) in plans.into_iter().enumerate() {
        for port in plan.ports {
            world.ports.insert((gateway.clone(), port), private);
            private += 1;
        }
        let assigned = vec![format!("192.0.2.{}", index + 1)];
        world.addresses.insert(gateway, GatewayAddresses { assigned });
    }
}

/// Conditions of ListenerSets and their listeners, one line each, without generations.
pub fn set_lines(translation: &Translation) -> Vec<String> {
    let mut lines = Vec::new();
    for (key, status) in &translation.status.listener_sets {
        lines.push(format!("{} {}", key.name, plain(&status.conditions)));
        for listener in &status.listeners {
            let conditions = plain(&listener.conditions);
            lines.push(format!("{}/{} {} {conditions}", key.name, listener.name, listener.attached_routes));
        }
    }
    lines
}

/// `Type=Status/Reason` of conditions.
pub fn plain(conditions: &[Condition]) -> String {
    let each = conditions
        .iter()
        .map(|condition| format!("{}={:?}/{}", condition.kind, condition.status, condition.reason));
    each.collect::<Vec<_>>().join(" ")
}
