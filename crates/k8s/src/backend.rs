//! The own kind `Backend` (`clearway.dev/v1alpha1`): hosts or addresses outside the cluster, or without one.
//!
//! A route names it with `{group: clearway.dev, kind: Backend, name, port}`; without a port it takes every endpoint.

use std::net::IpAddr;

use serde::Deserialize;

use crate::filter::LocalObjectReference;
use crate::meta::ObjectMeta;
use crate::open_enum::open_enum;
use crate::policy::SubjectAltName;

/// Somewhere to send requests that no Service stands for.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Backend {
    /// Metadata.
    pub metadata: ObjectMeta,
    /// What is wanted.
    pub spec: BackendSpec,
}

/// `Backend.spec`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct BackendSpec {
    /// Where it listens.
    #[serde(default)]
    pub endpoints: Vec<BackendEndpoint>,
    /// What it speaks.
    #[serde(default)]
    pub protocol: BackendAppProtocol,
    /// How its certificate is verified; goes with `https` and `h2`.
    #[serde(default)]
    pub tls: Option<BackendTlsSpec>,
}

/// `Backend.spec.endpoints[]`: exactly one of `host` and `ip`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct BackendEndpoint {
    /// DNS name, resolved again and again.
    #[serde(default)]
    pub host: Option<String>,
    /// IP address.
    #[serde(default)]
    pub ip: Option<IpAddr>,
    /// Port.
    pub port: u16,
}

open_enum! {
    /// What a `Backend` speaks.
    #[derive(Default)]
    BackendAppProtocol {
        /// HTTP/1.1 in clear text.
        #[default]
        Http = "http",
        /// HTTP/2 in clear text.
        H2c = "h2c",
        /// HTTP/2 over TLS.
        H2 = "h2",
        /// HTTP/1.1 or HTTP/2 over TLS, as ALPN agrees.
        Https = "https",
    }
}

impl BackendAppProtocol {
    /// Whether it goes over TLS.
    pub fn is_tls(&self) -> bool {
        matches!(self, Self::H2 | Self::Https)
    }

    /// Whether it is HTTP/2 and nothing else.
    pub fn is_http2(&self) -> bool {
        matches!(self, Self::H2 | Self::H2c)
    }
}

/// `Backend.spec.tls`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BackendTlsSpec {
    /// SNI, and the name to verify; the host of the single endpoint when absent.
    #[serde(default)]
    pub hostname: Option<String>,
    /// ConfigMap with `ca.crt`, in the namespace of the Backend.
    #[serde(default)]
    pub ca_certificate_ref: Option<LocalObjectReference>,
    /// Believe the certificate authorities of the machine. This is so too when no reference is given.
    #[serde(default)]
    pub system: bool,
    /// Names to verify in place of `hostname`.
    #[serde(default)]
    pub subject_alt_names: Vec<SubjectAltName>,
}
