//! `GatewayClass` and `Gateway` (Gateway API v1).

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

pub use crate::gateway_tls::{
    BackendClientTls, FrontendPort, FrontendTls, FrontendTlsConfig, FrontendValidation,
    FrontendValidationMode, GatewayTls, ObjectReference,
};
use crate::meta::{GATEWAY_GROUP, ObjectMeta};
use crate::open_enum::open_enum;
use crate::selector::LabelSelector;

/// A class of Gateways and who answers for them.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct GatewayClass {
    /// Metadata.
    pub metadata: ObjectMeta,
    /// What is wanted.
    pub spec: GatewayClassSpec,
}

/// `GatewayClass.spec`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GatewayClassSpec {
    /// `domain/path` of the controller.
    pub controller_name: String,
    /// Parameters of the controller; none are known here.
    #[serde(default)]
    pub parameters_ref: Option<ParametersReference>,
    /// Words for people.
    #[serde(default)]
    pub description: Option<String>,
}

/// `parametersRef` of a GatewayClass or of a Gateway's `infrastructure`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct ParametersReference {
    /// API group.
    pub group: String,
    /// Kind.
    pub kind: String,
    /// Name.
    pub name: String,
    /// Namespace.
    #[serde(default)]
    pub namespace: Option<String>,
}

/// Where traffic comes in.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Gateway {
    /// Metadata.
    pub metadata: ObjectMeta,
    /// What is wanted.
    pub spec: GatewaySpec,
}

/// `Gateway.spec`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GatewaySpec {
    /// Name of the GatewayClass.
    pub gateway_class_name: String,
    /// Listeners; names are unique.
    #[serde(default)]
    pub listeners: Vec<GatewayListener>,
    /// Addresses that are asked for.
    #[serde(default)]
    pub addresses: Vec<GatewayAddress>,
    /// Labels and annotations for what is made for the Gateway.
    #[serde(default)]
    pub infrastructure: Option<GatewayInfrastructure>,
    /// TLS settings that hold for all listeners.
    #[serde(default)]
    pub tls: Option<GatewayTls>,
    /// Which ListenerSets may add listeners.
    #[serde(default)]
    pub allowed_listeners: AllowedListeners,
}

/// `Gateway.spec.allowedListeners`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct AllowedListeners {
    /// Namespaces that ListenerSets may come from.
    #[serde(default)]
    pub namespaces: ListenerNamespaces,
}

/// `allowedListeners.namespaces`. Unlike routes, nobody is let in unless the Gateway says so.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct ListenerNamespaces {
    /// Which.
    #[serde(default = "nobody")]
    pub from: FromNamespaces,
    /// Labels of the namespace, with `from: Selector`.
    #[serde(default)]
    pub selector: Option<LabelSelector>,
}

fn nobody() -> FromNamespaces {
    FromNamespaces::None
}

impl Default for ListenerNamespaces {
    fn default() -> Self {
        Self { from: nobody(), selector: None }
    }
}

/// `Gateway.spec.listeners[]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GatewayListener {
    /// Name, unique in the Gateway.
    pub name: String,
    /// Hosts that it answers for; `None` is all.
    #[serde(default)]
    pub hostname: Option<String>,
    /// Port, 1 to 65535.
    pub port: u16,
    /// What is spoken.
    pub protocol: Protocol,
    /// How TLS ends.
    #[serde(default)]
    pub tls: Option<ListenerTlsConfig>,
    /// Who may attach routes.
    #[serde(default)]
    pub allowed_routes: AllowedRoutes,
    /// Whether `filters` (experimental) are given: they are not known here and must not be skipped.
    #[serde(default, rename = "filters", deserialize_with = "present")]
    pub has_filters: bool,
}

open_enum! {
    /// Protocol of a listener.
    Protocol {
        /// Clear text.
        Http = "HTTP",
        /// TLS that ends here, then HTTP.
        Https = "HTTPS",
        /// TLS.
        Tls = "TLS",
        /// TCP.
        Tcp = "TCP",
        /// UDP.
        Udp = "UDP",
    }
}

/// `listeners[].tls`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListenerTlsConfig {
    /// Where TLS ends.
    #[serde(default)]
    pub mode: TlsMode,
    /// Secrets with certificate and key.
    #[serde(default)]
    pub certificate_refs: Vec<SecretReference>,
    /// Options of implementations; none are known here.
    #[serde(default)]
    pub options: BTreeMap<String, String>,
}

open_enum! {
    /// Where TLS ends.
    #[derive(Default)]
    TlsMode {
        /// Here.
        #[default]
        Terminate = "Terminate",
        /// At the backend.
        Passthrough = "Passthrough",
    }
}

/// `SecretObjectReference`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct SecretReference {
    /// API group; empty is core.
    #[serde(default)]
    pub group: String,
    /// Kind.
    #[serde(default = "secret_kind")]
    pub kind: String,
    /// Name.
    pub name: String,
    /// Namespace; the referrer's when absent.
    #[serde(default)]
    pub namespace: Option<String>,
}

impl SecretReference {
    /// The object that is named.
    pub fn object(&self) -> ObjectReference {
        ObjectReference {
            group: self.group.clone(),
            kind: self.kind.clone(),
            name: self.name.clone(),
            namespace: self.namespace.clone(),
        }
    }
}

fn secret_kind() -> String {
    "Secret".to_owned()
}

/// `listeners[].allowedRoutes`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct AllowedRoutes {
    /// Namespaces that routes may come from.
    #[serde(default)]
    pub namespaces: RouteNamespaces,
    /// Kinds of route; empty is what the protocol allows.
    #[serde(default)]
    pub kinds: Vec<RouteGroupKind>,
}

/// `allowedRoutes.namespaces`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct RouteNamespaces {
    /// Which.
    #[serde(default)]
    pub from: FromNamespaces,
    /// Labels of the namespace, with `from: Selector`.
    #[serde(default)]
    pub selector: Option<LabelSelector>,
}

open_enum! {
    /// Namespaces that routes or ListenerSets may come from.
    #[derive(Default)]
    FromNamespaces {
        /// Every namespace.
        All = "All",
        /// Those that a selector picks.
        Selector = "Selector",
        /// The Gateway's own.
        #[default]
        Same = "Same",
        /// None.
        None = "None",
    }
}

/// A kind of route.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RouteGroupKind {
    /// API group.
    #[serde(default = "gateway_group")]
    pub group: String,
    /// Kind.
    pub kind: String,
}

pub(crate) fn gateway_group() -> String {
    GATEWAY_GROUP.to_owned()
}

/// `Gateway.spec.addresses[]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct GatewayAddress {
    /// What `value` is.
    #[serde(default, rename = "type")]
    pub kind: AddressType,
    /// The address; empty asks for any of the type.
    #[serde(default)]
    pub value: String,
}

open_enum! {
    /// Type of an address of a Gateway.
    #[derive(Default)]
    AddressType {
        /// An IPv4 or IPv6 address.
        #[default]
        IpAddress = "IPAddress",
        /// A name.
        Hostname = "Hostname",
    }
}

/// `Gateway.spec.infrastructure`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GatewayInfrastructure {
    /// Labels for what is made.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Annotations for what is made.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
    /// Parameters; none are known here.
    #[serde(default)]
    pub parameters_ref: Option<ParametersReference>,
}

/// Reads anything as "it is there", for fields that are only looked for.
pub(crate) fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    serde::de::IgnoredAny::deserialize(deserializer).map(|_| true)
}
