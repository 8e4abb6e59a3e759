//! Custom resource definitions of the own kinds, as YAML. The binary prints them, and `crds/` holds what it prints.
//!
//! The apiserver refuses with them what [`crate::validate`] refuses in files: one rule, said twice, in two languages.

mod observability;

use serde_json::{Value, json};

use crate::backend::BackendAppProtocol;
use crate::meta::CLEARWAY_GROUP;
use crate::policy::SubjectAltNameType;

/// A custom resource definition.
#[derive(Clone, Debug, PartialEq)]
pub struct Crd {
    /// `metadata.name`: plural and group.
    pub name: String,
    /// The whole object.
    pub object: Value,
}

/// Every own kind.
pub fn all() -> Vec<Crd> {
    vec![backend(), observability::policy()]
}

impl Crd {
    /// The object as a YAML document, with the words that say where it comes from.
    ///
    /// # Errors
    /// Never for the definitions of [`all`]; the serialiser's own words otherwise.
    pub fn to_yaml(&self) -> Result<String, String> {
        let body = serde_saphyr::to_string(&self.object).map_err(|error| error.to_string())?;
        Ok(format!(
            "# Written from crates/k8s/src/crd.rs: change that, then run UPDATE_CRDS=1 cargo test -p clearway-k8s --test crds\n{body}"
        ))
    }
}

/// `Backend` of `clearway.dev/v1alpha1`.
fn backend() -> Crd {
    let name = format!("backends.{CLEARWAY_GROUP}");
    let object = json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": name},
        "spec": {
            "group": CLEARWAY_GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": "Backend",
                "listKind": "BackendList",
                "plural": "backends",
                "singular": "backend",
                "categories": ["clearway"],
            },
            "versions": [{
                "name": "v1alpha1",
                "served": true,
                "storage": true,
                "additionalPrinterColumns": [
                    {"name": "Protocol", "type": "string", "jsonPath": ".spec.protocol"},
                    {"name": "Host", "type": "string", "jsonPath": ".spec.endpoints[*].host"},
                    {"name": "IP", "type": "string", "jsonPath": ".spec.endpoints[*].ip"},
                    {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
                ],
                "schema": {"openAPIV3Schema": {
                    "type": "object",
                    "description": "Hosts or addresses outside the cluster that routes send requests to.",
                    "required": ["spec"],
                    "properties": {
                        "apiVersion": {"type": "string"},
                        "kind": {"type": "string"},
                        "metadata": {"type": "object"},
                        "spec": backend_spec(),
                    },
                }},
            }],
        },
    });
    Crd { name, object }
}

fn backend_spec() -> Value {
    json!({
        "type": "object",
        "required": ["endpoints"],
        "properties": {
            "endpoints": {
                "type": "array",
                "description": "Where it listens. Every endpoint takes requests.",
                "minItems": 1,
                "maxItems": 64,
                "items": endpoint(),
            },
            "protocol": {
                "type": "string",
                "description": "What it speaks: http (HTTP/1.1), h2c (HTTP/2 in clear text), https, or h2 (HTTP/2 over TLS).",
                "enum": BackendAppProtocol::KNOWN,
                "default": BackendAppProtocol::default().as_str(),
            },
            "tls": tls(),
        },
        "x-kubernetes-validations": [
            {
                "rule": "!has(self.tls) || self.protocol in ['https', 'h2']",
                "message": "tls goes with protocol https or h2",
            },
            {
                "rule": "!(self.protocol in ['https', 'h2']) || (has(self.tls) && has(self.tls.hostname)) || \
                         (self.endpoints.all(e, has(e.host)) && self.endpoints.all(e, e.host == self.endpoints[0].host))",
                "message": "tls.hostname is missing; without exactly one host among the endpoints it says which name to verify",
            },
        ],
    })
}

fn endpoint() -> Value {
    json!({
        "type": "object",
        "required": ["port"],
        "properties": {
            "host": {
                "type": "string",
                "description": "A DNS name; it is resolved again and again.",
                "minLength": 1,
                "maxLength": 253,
                "pattern": HOSTNAME,
            },
            "ip": {
                "type": "string",
                "description": "An IPv4 or IPv6 address.",
                "minLength": 2,
                "maxLength": 45,
            },
            "port": {"type": "integer", "format": "int32", "minimum": 1, "maximum": 65535},
        },
        "x-kubernetes-validations": [
            {"rule": "has(self.host) != has(self.ip)", "message": "needs exactly one of host and ip"},
            {"rule": "!has(self.ip) || isIP(self.ip)", "message": "ip is no IP address", "fieldPath": ".ip"},
        ],
    })
}

fn tls() -> Value {
    json!({
        "type": "object",
        "description": "How its certificate is verified; without it by the certificate authorities of the machine.",
        "properties": {
            "hostname": {
                "type": "string",
                "description": "Server name to send and to verify; the host of the endpoints when absent.",
                "minLength": 1,
                "maxLength": 253,
                "pattern": HOSTNAME,
            },
            "caCertificateRef": {
                "type": "object",
                "description": "A ConfigMap of the same namespace with ca.crt.",
                "required": ["kind", "name"],
                "properties": {
                    "group": {"type": "string", "default": "", "maxLength": 0},
                    "kind": {"type": "string", "enum": ["ConfigMap"]},
                    "name": {"type": "string", "minLength": 1, "maxLength": 253},
                },
            },
            "system": {
                "type": "boolean",
                "description": "Believe the certificate authorities of the machine. So it is too without caCertificateRef.",
            },
            "subjectAltNames": {
                "type": "array",
                "description": "Names to verify in place of the hostname; one of them suffices.",
                "maxItems": 5,
                "items": subject_alt_name(),
            },
        },
        "x-kubernetes-validations": [{
            "rule": "!(has(self.system) && self.system && has(self.caCertificateRef))",
            "message": "system does not go with caCertificateRef",
        }],
    })
}

fn subject_alt_name() -> Value {
    json!({
        "type": "object",
        "required": ["type"],
        "properties": {
            "type": {"type": "string", "enum": SubjectAltNameType::KNOWN},
            "hostname": {"type": "string", "minLength": 1, "maxLength": 253, "pattern": WILDCARD_HOSTNAME},
            "uri": {"type": "string", "minLength": 1, "maxLength": 253, "pattern": "^[A-Za-z][A-Za-z0-9+.-]*://.+$"},
        },
        "x-kubernetes-validations": [
            {"rule": "(self.type == 'Hostname') == has(self.hostname)", "message": "hostname goes with type Hostname"},
            {"rule": "(self.type == 'URI') == has(self.uri)", "message": "uri goes with type URI"},
        ],
    })
}

const HOSTNAME: &str = r"^[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?(\.[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?)*$";
const WILDCARD_HOSTNAME: &str =
    r"^(\*\.)?[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?(\.[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?)*$";
