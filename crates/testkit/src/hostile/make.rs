//! Builders of bad objects: a good one, and what is put over it.

use serde_json::{Map, Value, json};

use super::Case;
use super::expected::Expected;

type Json = Value;

/// Our controller.
pub const CONTROLLER: &str = "gateway.networking.k8s.io/clearway";
/// The namespace of bad objects.
pub const HOSTILE: &str = "hostile";
/// The Gateway API.
const GROUP: &str = "gateway.networking.k8s.io/v1";

/// Adds a case whose first object is the bad one; `lines` speak of it.
pub(super) fn case(all: &mut Vec<Case>, family: &'static str, objects: Vec<Json>, lines: &[&str]) {
    let bad = objects.first().unwrap_or(&Value::Null);
    let expected = lines.iter().map(|line| Expected::of(bad, line)).collect();
    let name = format!("{} {}", text(bad, "/kind"), text(bad, "/metadata/name"));
    all.push(Case { name, family, objects, expected, admitted: true });
}

/// The case that was added last is refused by every apiserver.
pub(super) fn not_admitted(all: &mut [Case]) {
    if let Some(last) = all.last_mut() {
        last.admitted = false;
    }
}

/// Adds something that must be said of another object of the case that was added last.
pub(super) fn also(all: &mut [Case], object: &Json, line: &str) {
    if let Some(last) = all.last_mut() {
        last.expected.push(Expected::of(object, line));
    }
}

pub(super) fn text(object: &Json, path: &str) -> String {
    object.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// The object with a value at a path such as `spec.rules.0.name`; `null` takes the field away.
pub(super) fn with(mut object: Json, path: &str, value: Json) -> Json {
    let (parents, last) = path.rsplit_once('.').unwrap_or(("", path));
    let mut at = &mut object;
    for part in parents.split('.').filter(|part| !part.is_empty()) {
        at = match part.parse::<usize>() {
            Ok(index) => at.get_mut(index).unwrap_or_else(|| panic!("{path} has no {part}")),
            Err(_) => {
                if !at.is_object() {
                    *at = json!({});
                }
                &mut at[part]
            }
        };
    }
    match (last.parse::<usize>(), value) {
        (Ok(index), value) => at[index] = value,
        (Err(_), Value::Null) => drop(at.as_object_mut().and_then(|fields| fields.remove(last))),
        (Err(_), value) => {
            if !at.is_object() {
                *at = json!({});
            }
            at[last] = value;
        }
    }
    object
}

/// An object of the Gateway API.
pub(super) fn object(kind: &str, name: &str, spec: Json) -> Json {
    json!({
        "apiVersion": GROUP, "kind": kind,
        "metadata": {"name": name, "namespace": HOSTILE}, "spec": spec,
    })
}

/// A route of a kind at the good Gateway, with a hostname of its own and these fields of its spec.
fn route(kind: &str, name: &str, fields: Json) -> Json {
    let mut spec: Map<String, Value> = Map::new();
    spec.insert("parentRefs".into(), json!([{"name": "edge", "namespace": "good"}]));
    if matches!(kind, "HTTPRoute" | "GRPCRoute") {
        let label: String = name.chars().take(60).collect();
        spec.insert("hostnames".into(), json!([format!("{label}.hostile.example")]));
    }
    if let Value::Object(fields) = fields {
        spec.extend(fields);
    }
    object(kind, name, spec.into())
}

/// An HTTPRoute.
pub(super) fn http(name: &str, fields: Json) -> Json {
    route("HTTPRoute", name, fields)
}

/// An HTTPRoute with one rule, which has these fields besides its backend.
pub(super) fn http_rule(name: &str, fields: Json) -> Json {
    http(name, json!({"rules": [rule(fields)]}))
}

/// An HTTPRoute with one rule with one filter.
pub(super) fn http_filter(name: &str, filter: Json) -> Json {
    http_rule(name, json!({"filters": [filter]}))
}

/// An HTTPRoute with one rule with one match.
pub(super) fn http_match(name: &str, entry: Json) -> Json {
    http_rule(name, json!({"matches": [entry]}))
}

/// An HTTPRoute with one rule with these backends.
pub(super) fn http_backends(name: &str, backends: Json) -> Json {
    http(name, json!({"rules": [{"backendRefs": backends}]}))
}

/// A GRPCRoute with one rule.
pub(super) fn grpc_rule(name: &str, fields: Json) -> Json {
    route("GRPCRoute", name, json!({"rules": [rule(fields)]}))
}

/// A route of streams.
pub(super) fn stream(kind: &str, name: &str, fields: Json) -> Json {
    route(kind, name, fields)
}

/// A rule that leads to the Service that is there.
pub(super) fn rule(fields: Json) -> Json {
    let mut rule = json!({"backendRefs": [{"name": "web", "port": 80}]});
    if let (Value::Object(rule), Value::Object(fields)) = (&mut rule, fields) {
        rule.extend(fields);
    }
    rule
}

/// A Gateway of our class with these listeners.
pub(super) fn gateway(name: &str, listeners: Json) -> Json {
    object("Gateway", name, json!({"gatewayClassName": "clearway", "listeners": listeners}))
}

/// A Gateway with one good listener `web`, and these fields of the spec.
pub(super) fn gateway_with(name: &str, fields: Json) -> Json {
    let mut gateway = gateway(name, json!([{"name": "web", "port": 80, "protocol": "HTTP"}]));
    if let (Some(Value::Object(spec)), Value::Object(fields)) = (gateway.get_mut("spec"), fields) {
        spec.extend(fields);
    }
    gateway
}

/// A Gateway with one listener `bad`, an HTTP one on port 80 but for these fields, beside a good one.
pub(super) fn listener(name: &str, fields: Json) -> Json {
    let mut bad = json!({"name": "bad", "port": 8080, "protocol": "HTTP"});
    if let (Value::Object(bad), Value::Object(fields)) = (&mut bad, fields) {
        bad.extend(fields);
    }
    gateway(name, json!([bad, {"name": "good", "port": 80, "protocol": "HTTP"}]))
}

/// A Gateway with an HTTPS listener `bad` with these certificates, beside a good one.
pub(super) fn secured(name: &str, references: Json) -> Json {
    listener(
        name,
        json!({"port": 443, "protocol": "HTTPS", "tls": {"mode": "Terminate", "certificateRefs": references}}),
    )
}

/// A ListenerSet of the good Gateway.
pub(super) fn listener_set(name: &str, listeners: Json) -> Json {
    let parent = json!({"name": "edge", "namespace": "good"});
    object("ListenerSet", name, json!({"parentRef": parent, "listeners": listeners}))
}

/// A core object.
pub(super) fn core(api_version: &str, kind: &str, name: &str, fields: Json) -> Json {
    let mut object = json!({
        "apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": HOSTILE},
    });
    if let (Value::Object(object), Value::Object(fields)) = (&mut object, fields) {
        object.extend(fields);
    }
    object
}

/// A Service without a selector.
pub(super) fn service(name: &str, ports: Json) -> Json {
    core("v1", "Service", name, json!({"spec": {"ports": ports}}))
}

/// An EndpointSlice of a Service.
pub(super) fn slice(name: &str, service: &str, fields: Json) -> Json {
    let slice = core("discovery.k8s.io/v1", "EndpointSlice", name, fields);
    with(slice, "metadata.labels", json!({"kubernetes.io/service-name": service}))
}

/// An own Backend.
pub(super) fn own(name: &str, spec: Json) -> Json {
    core("clearway.dev/v1alpha1", "Backend", name, json!({"spec": spec}))
}

/// An HTTPRoute to an own Backend.
pub(super) fn to_own(name: &str, backend: &str) -> Json {
    http_backends(name, json!([{"group": "clearway.dev", "kind": "Backend", "name": backend}]))
}
