//! OTLP: how batches of spans and log records reach a collector, and what becomes of those that do not.
//!
//! Each signal has one thread with a runtime of its own, so that a collector that stands still delays nobody. The
//! messages are those of `opentelemetry-proto`; the client is ours, because the exporters of the SDK swallow
//! `partial_success`, and records that a collector refuses would be missing from the books.

mod client;
mod export;
mod resource;
#[cfg(test)]
pub(crate) mod sink;

use std::path::PathBuf;
use std::time::Duration;

pub(crate) use client::Paths;
pub(crate) use export::{Exporter, Exports};
pub use resource::{Resource, ResourceOptions};
use serde::{Deserialize, Serialize};

/// How OTLP is spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum OtlpProtocol {
    /// gRPC; the endpoint's path is not used.
    #[default]
    #[serde(rename = "grpc")]
    Grpc,
    /// Protobuf over HTTP/1.1; the endpoint's path is used as given.
    #[serde(rename = "http/protobuf")]
    HttpProtobuf,
}

/// Where and how a signal is sent.
#[derive(Clone, PartialEq, Eq)]
pub struct OtlpOptions {
    /// URL of the collector: `http://` or `https://`, and for `http/protobuf` any path. Without a path
    /// `/v1/traces` or `/v1/logs` is used.
    pub endpoint: String,
    /// How OTLP is spoken.
    pub protocol: OtlpProtocol,
    /// Headers of each request: names and values, for authentication.
    pub headers: Vec<(String, String)>,
    /// PEM file of the authorities that are trusted for `https://`; the system's when absent.
    pub ca_file: Option<PathBuf>,
    /// Time for one attempt.
    pub timeout: Duration,
    /// Time for all attempts to send one batch.
    pub retry_for: Duration,
    /// Records that may wait.
    pub queue: usize,
    /// Records in one request at most.
    pub batch: usize,
    /// Time that records wait for others to fill a batch.
    pub delay: Duration,
}

impl OtlpOptions {
    /// The defaults for an endpoint.
    pub fn new(endpoint: impl Into<String>, protocol: OtlpProtocol) -> Self {
        Self {
            endpoint: endpoint.into(),
            protocol,
            headers: Vec::new(),
            ca_file: None,
            timeout: Duration::from_secs(10),
            retry_for: Duration::from_secs(30),
            queue: 65_536,
            batch: 2048,
            delay: Duration::from_secs(1),
        }
    }
}

/// Values of headers are credentials more often than not.
impl std::fmt::Debug for OtlpOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("OtlpOptions")
            .field("endpoint", &without_userinfo(&self.endpoint))
            .field("protocol", &self.protocol)
            .field("headers", &names)
            .finish_non_exhaustive()
    }
}

fn without_userinfo(endpoint: &str) -> String {
    match endpoint.split_once("://") {
        Some((scheme, rest)) => {
            let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
            let (authority, path) = rest.split_at(end);
            let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
            let path = path.split(['?', '#']).next().unwrap_or_default();
            format!("{scheme}://{host}{path}")
        }
        None => endpoint.to_owned(),
    }
}

/// Why a signal cannot be exported as configured.
#[derive(Debug, thiserror::Error)]
pub enum OtlpError {
    /// The endpoint is no URL that can be used.
    #[error("OTLP endpoint {endpoint:?}: {reason}; write http://host:4317 or https://host:4317")]
    Endpoint {
        /// As configured, without userinfo.
        endpoint: String,
        /// What is wrong.
        reason: String,
    },
    /// A header cannot be sent.
    #[error("OTLP header {name:?}: no name and value that HTTP allows (RFC 9110 section 5)")]
    Header {
        /// Its name.
        name: String,
    },
    /// The authorities cannot be read.
    #[error("OTLP certificate authorities: {reason}; name a PEM file that holds at least one certificate")]
    Authorities {
        /// What is wrong.
        reason: String,
    },
    /// No thread or runtime.
    #[error("OTLP exporter cannot be started: {0}")]
    Start(#[from] std::io::Error),
}
