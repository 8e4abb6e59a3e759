//! Listeners: where connections come in, and whose certificate greets them.

use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::observability::Observability;
use crate::refs::{Hostname, ListenerRef, ObjectRef};

/// One listener of a Gateway. Several listeners may share a port; hostnames tell them apart: no two listeners of a
/// snapshot have the same address, bound port and hostname.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Listener {
    /// Its name.
    #[serde(rename = "ref")]
    pub listener: ListenerRef,
    /// Address to bind; `None` binds all addresses, IPv6 and IPv4.
    pub address: Option<IpAddr>,
    /// Port of the spec: what clients see, so what a redirect says. It is bound only when `binds` names it.
    pub port: u16,
    /// Ports that are really bound, sorted and without doubles. Empty: nothing leads to the listener yet.
    pub binds: Vec<u16>,
    /// What is spoken on the port.
    pub protocol: ListenerProtocol,
    /// Hosts that this listener answers for.
    pub hostname: Hostname,
    /// Termination settings: present exactly when the protocol is HTTPS.
    pub tls: Option<ListenerTls>,
    /// What clients must prove: only with HTTPS (GEP-91).
    pub client_validation: Option<ClientValidation>,
    /// The Secret whose certificate is shown to backends that are reached by TLS (GEP-3155).
    pub backend_certificate: Option<ObjectRef>,
    /// What to believe of `Forwarded` and `X-Forwarded-*` that clients send.
    pub forwarded: ForwardedTrust,
    /// What to believe of a `traceparent` that clients send.
    pub trace: TraceTrust,
    /// What its ObservabilityPolicies say, but for [`Listener::trace`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observability: Option<Arc<Observability>>,
}

/// Protocols of listeners that are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ListenerProtocol {
    /// Clear text HTTP/1.1 and HTTP/2 by prior knowledge.
    #[serde(rename = "HTTP")]
    Http,
    /// TLS, then HTTP/1.1 or HTTP/2 by ALPN.
    #[serde(rename = "HTTPS")]
    Https,
}

/// How a listener ends TLS.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ListenerTls {
    /// Secrets that hold certificate and key; the first is served when no name fits better.
    pub certificates: Vec<ObjectRef>,
}

/// Which certificates of clients are believed (GEP-91).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ClientValidation {
    /// Certificate authorities, PEM. Never empty.
    pub roots: Arc<[u8]>,
    /// What becomes of a client without a good certificate.
    pub mode: ClientValidationMode,
}

/// What becomes of a client without a certificate that one of the roots vouches for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ClientValidationMode {
    /// The handshake fails (`AllowValidOnly`).
    Required,
    /// It is asked for a certificate and let in whatever it shows (`AllowInsecureFallback`).
    AllowInsecureFallback,
}

/// A certificate chain with its key, both PEM. The key is never shown by `Debug` and never written into `/config`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// The Secret it comes from.
    pub secret: ObjectRef,
    /// `tls.crt`: leaf first.
    pub chain_pem: Arc<[u8]>,
    /// `tls.key`.
    #[serde(skip_serializing, default)]
    pub key_pem: Arc<[u8]>,
}

impl std::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Certificate").field("secret", &self.secret).finish_non_exhaustive()
    }
}

/// Trust in `Forwarded` and `X-Forwarded-*` request headers (RFC 7239).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ForwardedTrust {
    /// Replace them by what the connection shows. The default: anybody may connect.
    #[default]
    Replace,
    /// Keep them and append this hop: a trusted proxy stands in front.
    Append,
}

/// Trust in a client's `traceparent` (W3C Trace Context).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TraceTrust {
    /// Join the client's trace and obey its sampling decision. The default.
    #[default]
    Accept,
    /// Start an own trace and link the client's: its decision binds nobody here.
    Link,
    /// Start an own trace and forget the client's.
    Ignore,
}
