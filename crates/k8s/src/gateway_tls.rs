//! `Gateway.spec.tls`: certificates that clients must show, and the one that the Gateway shows to backends.

use serde::Deserialize;

use crate::gateway::SecretReference;
use crate::open_enum::open_enum;

/// `Gateway.spec.tls`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct GatewayTls {
    /// Validation of client certificates.
    #[serde(default)]
    pub frontend: Option<FrontendTls>,
    /// The Gateway's own certificate towards backends.
    #[serde(default)]
    pub backend: Option<BackendClientTls>,
}

/// `Gateway.spec.tls.backend`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BackendClientTls {
    /// Secret with certificate and key.
    #[serde(default)]
    pub client_certificate_ref: Option<SecretReference>,
}

/// `Gateway.spec.tls.frontend`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FrontendTls {
    /// For ports without settings of their own.
    #[serde(default)]
    pub default: FrontendTlsConfig,
    /// For single ports; beats `default`.
    #[serde(default)]
    pub per_port: Vec<FrontendPort>,
}

/// `frontend.perPort[]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct FrontendPort {
    /// The port.
    pub port: u16,
    /// Its settings.
    pub tls: FrontendTlsConfig,
}

/// `frontend.default` and `frontend.perPort[].tls`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct FrontendTlsConfig {
    /// How client certificates are validated; `None` asks for none.
    #[serde(default)]
    pub validation: Option<FrontendValidation>,
}

/// Validation of client certificates.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FrontendValidation {
    /// Certificate authorities.
    #[serde(default)]
    pub ca_certificate_refs: Vec<ObjectReference>,
    /// What becomes of clients without a good certificate.
    #[serde(default)]
    pub mode: FrontendValidationMode,
}

open_enum! {
    /// What becomes of clients without a good certificate.
    #[derive(Default)]
    FrontendValidationMode {
        /// They are refused.
        #[default]
        AllowValidOnly = "AllowValidOnly",
        /// They are let in.
        AllowInsecureFallback = "AllowInsecureFallback",
    }
}

/// A reference to an object of any kind.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ObjectReference {
    /// API group; empty is core.
    pub group: String,
    /// Kind.
    pub kind: String,
    /// Name.
    pub name: String,
    /// Namespace; the referrer's when absent.
    #[serde(default)]
    pub namespace: Option<String>,
}
