//! What of a request may leave the process: headers by allow-list, addresses by a mode, queries without secrets.
//!
//! One policy is compiled when the configuration is read; the access log, the spans and the OTLP records all ask it,
//! so that what is hidden in one is hidden in all. Nothing of a policy is looked up by the data path but the list of
//! headers to keep.

#[cfg(test)]
mod corpus;
mod policy;
mod query;
#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub use policy::{Captured, PolicyError, RecordPolicy};
pub(crate) use policy::{Client, Header};
pub(crate) use query::percent_decoded;
use serde::{Deserialize, Serialize};

/// What a redacted value is replaced by.
pub const REDACTED: &str = "REDACTED";

/// Headers that are never written, whatever an allow-list says.
pub const FORBIDDEN_HEADERS: [&str; 4] = ["authorization", "proxy-authorization", "cookie", "set-cookie"];

/// Names of query parameters whose values are hidden unless a list of one's own replaces this one: those of the
/// OpenTelemetry conventions, and what carries credentials elsewhere. Compared without regard to case.
pub const SECRET_QUERY_KEYS: [&str; 33] = [
    "X-Amz-Signature",
    "X-Amz-Credential",
    "X-Amz-Security-Token",
    "AWSAccessKeyId",
    "Signature",
    "sig",
    "X-Goog-Signature",
    "X-Goog-Credential",
    "GoogleAccessId",
    "token",
    "access_token",
    "refresh_token",
    "id_token",
    "auth_token",
    "session_token",
    "api_key",
    "api-key",
    "apikey",
    "x-api-key",
    "key",
    "password",
    "passwd",
    "pwd",
    "passphrase",
    "secret",
    "client_secret",
    "client_assertion",
    "authorization",
    "auth",
    "jwt",
    "session_id",
    "sessionid",
    "credentials",
];

/// What of client addresses is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AddressMode {
    /// All of it.
    #[default]
    Full,
    /// The network: the first 24 bits of IPv4, 48 of IPv6; no port.
    Truncated,
    /// Nothing.
    Off,
}

impl AddressMode {
    /// The part of an address that may be written.
    pub fn apply(self, address: IpAddr) -> Option<IpAddr> {
        match self {
            Self::Full => Some(address),
            Self::Truncated => Some(network(address)),
            Self::Off => None,
        }
    }
}

fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            Ipv4Addr::new(a, b, c, 0).into()
        }
        IpAddr::V6(v6) => {
            let [a, b, c, ..] = v6.segments();
            Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0).into()
        }
    }
}

/// What of query strings is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum QueryMode {
    /// Nothing.
    Off,
    /// All but the values of secret parameters; their names stay.
    #[default]
    Redacted,
    /// All of it, secrets too.
    Keep,
}

/// What to write of requests, as configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordOptions {
    /// Names of request headers to write. Of [`FORBIDDEN_HEADERS`] none is accepted.
    pub request_headers: Vec<String>,
    /// Names of response headers to write.
    pub response_headers: Vec<String>,
    /// Addresses of clients and peers.
    pub addresses: AddressMode,
    /// Query strings.
    pub query: QueryMode,
    /// Names of secret query parameters; replaces [`SECRET_QUERY_KEYS`].
    pub secret_query_keys: Vec<String>,
}

impl Default for RecordOptions {
    fn default() -> Self {
        Self {
            request_headers: Vec::new(),
            response_headers: Vec::new(),
            addresses: AddressMode::default(),
            query: QueryMode::default(),
            secret_query_keys: SECRET_QUERY_KEYS.map(str::to_owned).to_vec(),
        }
    }
}

/// A host without userinfo: what follows the last `@`.
pub(crate) fn host(value: &[u8]) -> &[u8] {
    value.rsplit(|&byte| byte == b'@').next().unwrap_or(value)
}
