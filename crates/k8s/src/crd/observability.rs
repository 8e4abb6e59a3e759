//! `ObservabilityPolicy` of `clearway.dev/v1alpha1`.

use serde_json::{Value, json};

use super::Crd;
use crate::meta::{CLEARWAY_GROUP, GATEWAY_GROUP};
use crate::observability::{ClientTrust, StatusClass};
use crate::validate::{CREDENTIALS, MOST_HEADERS, OBSERVABLE_KINDS};

/// A duration of GEP-2257.
const DURATION: &str = "^([0-9]{1,5}(h|m|s|ms)){1,4}$";
/// A name of a field (RFC 9110 section 5.1).
const TOKEN: &str = "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$";
/// A name of a listener or of a rule.
const SECTION: &str = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$";

pub(super) fn policy() -> Crd {
    let name = format!("observabilitypolicies.{CLEARWAY_GROUP}");
    let accepted = ".status.ancestors[*].conditions[?(@.type==\"Accepted\")].status";
    let object = json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": name, "labels": {"gateway.networking.k8s.io/policy": "Inherited"}},
        "spec": {
            "group": CLEARWAY_GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": "ObservabilityPolicy",
                "listKind": "ObservabilityPolicyList",
                "plural": "observabilitypolicies",
                "singular": "observabilitypolicy",
                "categories": ["clearway", "gateway-api"],
            },
            "versions": [{
                "name": "v1alpha1",
                "served": true,
                "storage": true,
                "subresources": {"status": {}},
                "additionalPrinterColumns": [
                    {"name": "Target", "type": "string", "jsonPath": ".spec.targetRefs[*].name"},
                    {"name": "Accepted", "type": "string", "jsonPath": accepted},
                    {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
                ],
                "schema": {"openAPIV3Schema": {
                    "type": "object",
                    "description": "What is observed of the requests of GatewayClasses, Gateways and routes. The nearest word on each field wins.",
                    "required": ["spec"],
                    "properties": {
                        "apiVersion": {"type": "string"},
                        "kind": {"type": "string"},
                        "metadata": {"type": "object"},
                        "spec": spec(),
                        "status": status(),
                    },
                }},
            }],
        },
    });
    Crd { name, object }
}

fn spec() -> Value {
    json!({
        "type": "object",
        "required": ["targetRefs"],
        "properties": {
            "targetRefs": {
                "type": "array",
                "description": "What it is for: Gateways and routes of its own namespace, and GatewayClasses. Of two policies for one target the older holds.",
                "minItems": 1,
                "maxItems": 16,
                "items": target(),
            },
            "tracing": {
                "type": "object",
                "description": "Traces.",
                "minProperties": 1,
                "properties": {
                    "samplingRate": fraction("Share of the traces that start here of which spans are recorded."),
                    "clientTrust": {
                        "type": "string",
                        "description": "What to believe of a client's trace context: Accept joins its trace and obeys its decision, Link starts an own trace that links it, Ignore forgets it.",
                        "enum": ClientTrust::KNOWN,
                    },
                },
            },
            "accessLog": {
                "type": "object",
                "description": "The access log, as lines and by OTLP.",
                "minProperties": 1,
                "properties": {
                    "filter": filter(),
                    "requestHeaders": headers("Request headers to write besides those that the process is told to write."),
                    "responseHeaders": headers("Response headers to write besides those that the process is told to write."),
                },
            },
            "metrics": metrics(),
        },
        "x-kubernetes-validations": [{
            "rule": "has(self.tracing) || has(self.accessLog) || has(self.metrics)",
            "message": "give at least one of tracing, accessLog and metrics",
        }],
    })
}

fn target() -> Value {
    json!({
        "type": "object",
        "required": ["group", "kind", "name"],
        "properties": {
            "group": {"type": "string", "enum": [GATEWAY_GROUP]},
            "kind": {"type": "string", "enum": OBSERVABLE_KINDS},
            "name": {"type": "string", "minLength": 1, "maxLength": 253},
            "sectionName": {
                "type": "string",
                "description": "Name of a listener of the Gateway, or of a rule of the route; all when absent.",
                "minLength": 1,
                "maxLength": 253,
                "pattern": SECTION,
            },
        },
        "x-kubernetes-validations": [{
            "rule": "self.kind != 'GatewayClass' || !has(self.sectionName)",
            "message": "sectionName does not go with a GatewayClass",
        }],
    })
}

fn fraction(description: &str) -> Value {
    json!({
        "type": "object",
        "description": description,
        "required": ["numerator"],
        "properties": {
            "numerator": {"type": "integer", "format": "int32", "minimum": 0, "maximum": 1_000_000},
            "denominator": {"type": "integer", "format": "int32", "minimum": 1, "maximum": 1_000_000, "default": 100},
        },
        "x-kubernetes-validations": [{
            "rule": "self.numerator <= self.denominator",
            "message": "numerator must be at most denominator",
        }],
    })
}

fn filter() -> Value {
    json!({
        "type": "object",
        "description": "Which requests have a line: those that statusClasses or slowerThan picks, and a share of the others. The rest is counted as filtered.",
        "minProperties": 1,
        "properties": {
            "statusClasses": {
                "type": "array",
                "description": "Requests that were answered with a status code of one of these classes.",
                "minItems": 1,
                "maxItems": 5,
                "items": {"type": "string", "enum": StatusClass::KNOWN},
                "x-kubernetes-list-type": "set",
            },
            "slowerThan": {
                "type": "string",
                "description": "Requests that took longer, such as 500ms (GEP-2257).",
                "maxLength": 32,
                "pattern": DURATION,
            },
            "ratio": fraction("Share of the others, decided by the trace id; none when absent."),
        },
    })
}

fn headers(description: &str) -> Value {
    let words: Vec<String> = CREDENTIALS.iter().map(|word| format!("'{word}'")).collect();
    json!({
        "type": "array",
        "description": description,
        "maxItems": MOST_HEADERS,
        "items": {"type": "string", "minLength": 1, "maxLength": 64, "pattern": TOKEN},
        "x-kubernetes-list-type": "set",
        "x-kubernetes-validations": [{
            "rule": format!("self.all(h, !(h.lowerAscii() in [{}]))", words.join(", ")),
            "message": "a header that carries credentials is never written",
        }],
    })
}

fn metrics() -> Value {
    let switch = |description: &str| json!({"type": "boolean", "description": description});
    json!({
        "type": "object",
        "description": "Families of metrics by route. One that the process has switched off stays off.",
        "minProperties": 1,
        "properties": {
            "statusCode": switch("clearway_requests_total and clearway_upstream_attempts_total."),
            "bandwidth": switch("clearway_request_body_bytes_total and clearway_response_body_bytes_total."),
            "latency": switch("clearway_request_duration_seconds."),
        },
    })
}

/// `PolicyStatus` of the Gateway API.
fn status() -> Value {
    let text = |most: u32| json!({"type": "string", "minLength": 1, "maxLength": most});
    let reference = json!({
        "type": "object",
        "required": ["name"],
        "properties": {
            "group": {"type": "string", "maxLength": 253},
            "kind": text(63),
            "namespace": text(63),
            "name": text(253),
            "sectionName": text(253),
            "port": {"type": "integer", "format": "int32", "minimum": 1, "maximum": 65535},
        },
    });
    json!({
        "type": "object",
        "properties": {"ancestors": {
            "type": "array",
            "maxItems": 16,
            "x-kubernetes-list-type": "atomic",
            "items": {
                "type": "object",
                "required": ["ancestorRef", "controllerName", "conditions"],
                "properties": {
                    "ancestorRef": reference,
                    "controllerName": text(253),
                    "conditions": {
                        "type": "array",
                        "maxItems": 8,
                        "x-kubernetes-list-type": "map",
                        "x-kubernetes-list-map-keys": ["type"],
                        "items": condition(),
                    },
                },
            },
        }},
    })
}

fn condition() -> Value {
    json!({
        "type": "object",
        "required": ["type", "status", "reason", "message", "lastTransitionTime"],
        "properties": {
            "type": {"type": "string", "maxLength": 316},
            "status": {"type": "string", "enum": ["True", "False", "Unknown"]},
            "reason": {"type": "string", "minLength": 1, "maxLength": 1024},
            "message": {"type": "string", "maxLength": 32768},
            "observedGeneration": {"type": "integer", "format": "int64", "minimum": 0},
            "lastTransitionTime": {"type": "string", "format": "date-time"},
        },
    })
}
