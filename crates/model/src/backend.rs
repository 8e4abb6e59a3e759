//! Backends: one port of a Service or of a `Backend`, with the endpoints behind it.

use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::refs::BackendRef;

/// One port of one backend object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Backend {
    /// Its name.
    #[serde(rename = "ref")]
    pub backend: BackendRef,
    /// What it speaks.
    pub protocol: BackendProtocol,
    /// TLS towards it; `None` is clear text.
    pub tls: Option<BackendTls>,
    /// Ready endpoints, sorted and without doubles. Empty answers 503.
    pub endpoints: Vec<Endpoint>,
}

/// Application protocol towards a backend (Service `appProtocol`, GEP-1911).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum BackendProtocol {
    /// HTTP/1.1, over TLS too: upgrades need it.
    #[default]
    #[serde(rename = "http")]
    Http1,
    /// HTTP/2: by prior knowledge in clear text (`kubernetes.io/h2c`), by ALPN over TLS.
    #[serde(rename = "h2")]
    Http2,
}

/// Where one copy of a backend listens.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Endpoint {
    /// Address or name.
    pub address: EndpointAddress,
    /// Port.
    pub port: u16,
}

/// An address, or a name that the data plane resolves again and again.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum EndpointAddress {
    /// An IP address.
    Ip(IpAddr),
    /// A DNS name, lower case.
    Host(Arc<str>),
}

/// TLS towards a backend (BackendTLSPolicy, or the `tls` of a `Backend`).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BackendTls {
    /// SNI to send; also the name to verify unless `subject_alt_names` is given.
    pub hostname: Arc<str>,
    /// Names to verify in place of the hostname.
    pub subject_alt_names: Vec<SubjectAltName>,
    /// Whom to believe.
    pub roots: TrustedRoots,
}

/// A name in a certificate.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SubjectAltName {
    /// A DNS name, perhaps `*.suffix`.
    Dns(Arc<str>),
    /// A URI such as a SPIFFE id.
    Uri(Arc<str>),
}

/// Certificate authorities.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum TrustedRoots {
    /// Those of the machine.
    System,
    /// Those given, PEM.
    Pem(Arc<[u8]>),
    /// None could be loaded: every connection fails rather than going unverified.
    Broken(Arc<str>),
}
