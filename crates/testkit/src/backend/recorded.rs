//! What a backend keeps of a request.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderMap, Method, Uri, Version};

use super::connection::TlsInfo;

/// A request as it arrived. It is recorded when its head is read; body and outcome follow.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// Number among the backend's requests, from 1.
    pub id: u64,
    /// Number of its connection among the accepted ones, from 1.
    pub connection: u64,
    /// Number on its connection, from 1: over 1 means that the connection was reused.
    pub nth: u64,
    /// The client's address.
    pub peer: SocketAddr,
    /// Method.
    pub method: Method,
    /// Request target.
    pub uri: Uri,
    /// `:authority`, or the Host field.
    pub host: String,
    /// HTTP version.
    pub version: Version,
    /// Header fields.
    pub headers: HeaderMap,
    /// The first MiB of the body.
    pub body: Bytes,
    /// Size of the whole body.
    pub body_bytes: u64,
    /// The body has been read to its end. Stays false for streamed exchanges: mirror, upgrades, gRPC.
    pub body_complete: bool,
    /// Trailer fields of the request.
    pub trailers: Option<HeaderMap>,
    /// What the TLS handshake settled.
    pub tls: Option<TlsInfo>,
    /// How the exchange ended.
    pub outcome: Outcome,
}

/// How an exchange ended, as the backend sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It has not.
    Open,
    /// The whole response was handed to the connection.
    Sent,
    /// The client went away, or reset the stream, before that.
    Cancelled,
    /// The script ended it by a fault.
    Faulted,
}

impl Recorded {
    /// A header's first value; empty when it is absent.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Path and query.
    pub fn target(&self) -> &str {
        self.uri.path_and_query().map_or("", http::uri::PathAndQuery::as_str)
    }
}
