//! Core kinds, as far as they are read: Service, EndpointSlice, Secret, ConfigMap, Namespace.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use crate::meta::ObjectMeta;
use crate::open_enum::open_enum;
use crate::verdict::Verdict;

/// The label by which an EndpointSlice names its Service.
pub const SERVICE_NAME_LABEL: &str = "kubernetes.io/service-name";

/// `v1` Service.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Service {
    /// Metadata.
    pub metadata: ObjectMeta,
    /// What is wanted.
    #[serde(default)]
    pub spec: ServiceSpec,
}

/// `Service.spec`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceSpec {
    /// Type of the Service.
    #[serde(default, rename = "type")]
    pub kind: ServiceType,
    /// Ports.
    #[serde(default)]
    pub ports: Vec<ServicePort>,
    /// `None` for a headless Service.
    #[serde(default, rename = "clusterIP")]
    pub cluster_ip: Option<String>,
}

open_enum! {
    /// Type of a Service.
    #[derive(Default)]
    ServiceType {
        /// Inside the cluster.
        #[default]
        ClusterIp = "ClusterIP",
        /// A port of every node.
        NodePort = "NodePort",
        /// A load balancer.
        LoadBalancer = "LoadBalancer",
        /// Another name.
        ExternalName = "ExternalName",
    }
}

/// `Service.spec.ports[]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServicePort {
    /// Name; may be empty when there is one port.
    #[serde(default)]
    pub name: String,
    /// Port of the Service.
    pub port: u16,
    /// Transport.
    #[serde(default = "tcp")]
    pub protocol: String,
    /// What is spoken (GEP-1911).
    #[serde(default)]
    pub app_protocol: Option<String>,
    /// Port of the endpoints, as a number or a name.
    #[serde(default)]
    pub target_port: Option<IntOrString>,
}

fn tcp() -> String {
    "TCP".to_owned()
}

/// A number or a name.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum IntOrString {
    /// A number.
    Int(u16),
    /// A name.
    String(String),
}

/// `discovery.k8s.io/v1` EndpointSlice.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EndpointSlice {
    /// Metadata; the label [`SERVICE_NAME_LABEL`] names the Service.
    pub metadata: ObjectMeta,
    /// What the addresses are.
    pub address_type: AddressFamily,
    /// Endpoints.
    #[serde(default)]
    pub endpoints: Vec<SliceEndpoint>,
    /// Ports of all of them.
    #[serde(default)]
    pub ports: Vec<SlicePort>,
}

impl EndpointSlice {
    /// Name of the Service that it belongs to.
    pub fn service_name(&self) -> Option<&str> {
        self.metadata.labels.get(SERVICE_NAME_LABEL).map(String::as_str)
    }
}

open_enum! {
    /// What the addresses of a slice are.
    AddressFamily {
        /// IPv4.
        Ipv4 = "IPv4",
        /// IPv6.
        Ipv6 = "IPv6",
        /// Names.
        Fqdn = "FQDN",
    }
}

/// `EndpointSlice.endpoints[]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct SliceEndpoint {
    /// Addresses of one endpoint.
    #[serde(default)]
    pub addresses: Vec<String>,
    /// Its state.
    #[serde(default)]
    pub conditions: EndpointConditions,
}

/// State of an endpoint; what is absent is unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct EndpointConditions {
    /// Takes traffic; unknown counts as yes.
    #[serde(default)]
    pub ready: Option<bool>,
    /// Still answers; unknown counts like `ready`.
    #[serde(default)]
    pub serving: Option<bool>,
    /// Is being taken away; unknown counts as no.
    #[serde(default)]
    pub terminating: Option<bool>,
}

/// `EndpointSlice.ports[]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SlicePort {
    /// Name of the Service's port.
    #[serde(default)]
    pub name: String,
    /// Port of the endpoints; absent is every port.
    #[serde(default)]
    pub port: Option<u16>,
    /// Transport.
    #[serde(default = "tcp")]
    pub protocol: String,
    /// What is spoken.
    #[serde(default)]
    pub app_protocol: Option<String>,
}

/// `v1` Secret. Its values are never shown by `Debug`.
#[derive(Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Secret {
    /// Metadata.
    pub metadata: ObjectMeta,
    /// `kubernetes.io/tls` or another.
    #[serde(default, rename = "type")]
    pub kind: Option<String>,
    #[serde(default)]
    data: BTreeMap<String, String>,
    #[serde(default)]
    string_data: BTreeMap<String, String>,
    /// Whether certificate and key can be served.
    #[serde(skip)]
    pub pair: Verdict,
}

impl Secret {
    /// The bytes under a key; `stringData` beats `data`, as at the apiserver.
    ///
    /// # Errors
    /// When the value in `data` is not base64.
    pub fn value(&self, key: &str) -> Result<Option<Vec<u8>>, NotBase64> {
        if let Some(text) = self.string_data.get(key) {
            return Ok(Some(text.as_bytes().to_vec()));
        }
        let Some(encoded) = self.data.get(key) else { return Ok(None) };
        let joined: String = encoded.split_ascii_whitespace().collect();
        STANDARD.decode(joined).map(Some).map_err(|_| NotBase64)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<_> = self.data.keys().chain(self.string_data.keys()).collect();
        f.debug_struct("Secret")
            .field("metadata", &self.metadata)
            .field("keys", &keys)
            .finish_non_exhaustive()
    }
}

/// A value of `Secret.data` is not base64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not base64; write plain text under stringData instead")]
pub struct NotBase64;

/// `v1` ConfigMap.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct ConfigMap {
    /// Metadata.
    pub metadata: ObjectMeta,
    /// Texts.
    #[serde(default)]
    pub data: BTreeMap<String, String>,
    /// Whether `ca.crt` can be believed in.
    #[serde(skip)]
    pub authority: Verdict,
}

/// `v1` Namespace; its labels decide `allowedRoutes` selectors.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Namespace {
    /// Metadata.
    pub metadata: ObjectMeta,
}

#[cfg(test)]
mod tests {
    use super::{NotBase64, Secret};
    use serde_json::json;

    #[test]
    fn secrets_are_decoded_and_never_shown() {
        let secret: Secret = serde_json::from_value(json!({
            "metadata": {"name": "s", "namespace": "default"},
            "data": {"a": "aGVs\nbG8=", "b": "aGVsbG8=", "bad": "***"},
            "stringData": {"b": "plain-value"},
        }))
        .unwrap();
        assert_eq!(secret.value("a"), Ok(Some(b"hello".to_vec())));
        assert_eq!(secret.value("b"), Ok(Some(b"plain-value".to_vec())));
        assert_eq!(secret.value("none"), Ok(None));
        assert_eq!(secret.value("bad"), Err(NotBase64));
        let shown = format!("{secret:?}");
        assert!(!shown.contains("plain-value") && !shown.contains("aGVsbG8="), "{shown}");
        assert!(shown.contains("stringData") || shown.contains("\"b\""), "{shown}");
    }
}
