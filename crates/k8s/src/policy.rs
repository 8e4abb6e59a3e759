//! `BackendTLSPolicy` (Gateway API v1): TLS from the gateway to a Service.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::filter::LocalObjectReference;
use crate::meta::ObjectMeta;
use crate::open_enum::open_enum;

/// How to speak TLS to Services.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct BackendTlsPolicy {
    /// Metadata.
    pub metadata: ObjectMeta,
    /// What is wanted.
    pub spec: BackendTlsPolicySpec,
}

/// `BackendTLSPolicy.spec`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BackendTlsPolicySpec {
    /// What it is for.
    #[serde(default)]
    pub target_refs: Vec<PolicyTarget>,
    /// How the backend's certificate is verified.
    pub validation: BackendValidation,
    /// Options of implementations; none are known here.
    #[serde(default)]
    pub options: BTreeMap<String, String>,
}

/// `targetRefs[]`: a Service of the policy's namespace, or one of its ports.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyTarget {
    /// API group; empty is core.
    #[serde(default)]
    pub group: String,
    /// Kind.
    pub kind: String,
    /// Name.
    pub name: String,
    /// Name of a port; all when absent.
    #[serde(default)]
    pub section_name: Option<String>,
}

/// `BackendTLSPolicy.spec.validation`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BackendValidation {
    /// ConfigMaps with `ca.crt`.
    #[serde(default)]
    pub ca_certificate_refs: Vec<LocalObjectReference>,
    /// A well-known set instead.
    #[serde(default, rename = "wellKnownCACertificates")]
    pub well_known_ca_certificates: Option<WellKnownCaCertificates>,
    /// SNI, and the name to verify.
    pub hostname: String,
    /// Names to verify in place of `hostname`.
    #[serde(default)]
    pub subject_alt_names: Vec<SubjectAltName>,
}

open_enum! {
    /// Well-known sets of certificate authorities.
    WellKnownCaCertificates {
        /// Those of the machine.
        System = "System",
    }
}

/// A name in a certificate.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct SubjectAltName {
    /// What it is.
    #[serde(rename = "type")]
    pub kind: SubjectAltNameType,
    /// Of `Hostname`.
    #[serde(default)]
    pub hostname: Option<String>,
    /// Of `URI`.
    #[serde(default)]
    pub uri: Option<String>,
}

open_enum! {
    /// What a name in a certificate is.
    SubjectAltNameType {
        /// A DNS name.
        Hostname = "Hostname",
        /// A URI.
        Uri = "URI",
    }
}
