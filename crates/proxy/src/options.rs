//! Settings of the data path, with defaults that work. The binary fills them in from flags, environment or a file.

use std::time::Duration;

use clearway_model::{ForwardedTrust, TraceTrust};

/// Everything that can be set about the data path.
#[derive(Clone, Debug)]
pub struct Options {
    /// Worker threads, one runtime each.
    pub workers: usize,
    /// What is refused, and when.
    pub limits: Limits,
    /// How long things may take.
    pub timeouts: Timeouts,
    /// Ejection of endpoints that fail.
    pub outlier: Outlier,
    /// How long a drain may take before what is left is cut off.
    pub drain: Duration,
    /// Trust in `Forwarded` where a Gateway does not say.
    pub forwarded: ForwardedTrust,
    /// Trust in `traceparent` where a Gateway does not say.
    pub trace: TraceTrust,
}

/// Limits; above one the answer is named at each.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Bytes of names and values of request headers: 431 above.
    pub header_bytes: usize,
    /// Request header fields: 431 above.
    pub header_count: usize,
    /// Connections from clients for each worker: 503 above.
    pub connections: usize,
    /// HTTP/2 streams of one connection at a time; the client is told.
    pub streams: u32,
    /// Connections to one endpoint for each worker.
    pub endpoint_connections: usize,
    /// Requests that wait for a connection to one endpoint, for each worker: 503 above.
    pub pending: usize,
    /// Idle connections kept to one endpoint, for each worker.
    pub idle_connections: usize,
    /// Bytes of a request body kept for another try; larger bodies are not sent twice.
    pub retry_body_bytes: usize,
    /// Mirrored requests under way, for each worker: more are dropped.
    pub mirrors: usize,
}

/// Time limits.
#[derive(Clone, Debug)]
pub struct Timeouts {
    /// From the first byte of a request's head to its last: 408 and closed after.
    pub header_read: Duration,
    /// Without a request on a connection: closed after.
    pub idle: Duration,
    /// TLS with a client.
    pub handshake: Duration,
    /// TCP connect to an endpoint.
    pub connect: Duration,
    /// TLS and HTTP/2 set-up with an endpoint.
    pub upstream_handshake: Duration,
    /// Idle connections to endpoints are closed after.
    pub upstream_idle: Duration,
}

/// Passive outlier ejection.
#[derive(Clone, Debug)]
pub struct Outlier {
    /// Failures in a row that eject an endpoint; zero turns ejection off.
    pub consecutive_failures: u32,
    /// Length of the first ejection; doubled by each further one.
    pub base: Duration,
    /// Longest ejection.
    pub max: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            workers: 1,
            limits: Limits::default(),
            timeouts: Timeouts::default(),
            outlier: Outlier::default(),
            drain: Duration::from_secs(30),
            forwarded: ForwardedTrust::default(),
            trace: TraceTrust::default(),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            header_bytes: 64 * 1024,
            header_count: 100,
            connections: 8192,
            streams: 128,
            endpoint_connections: 1024,
            pending: 1024,
            idle_connections: 128,
            retry_body_bytes: 64 * 1024,
            mirrors: 256,
        }
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            header_read: Duration::from_secs(10),
            idle: Duration::from_secs(75),
            handshake: Duration::from_secs(10),
            connect: Duration::from_secs(5),
            upstream_handshake: Duration::from_secs(5),
            upstream_idle: Duration::from_secs(60),
        }
    }
}

impl Default for Outlier {
    fn default() -> Self {
        Self { consecutive_failures: 5, base: Duration::from_secs(5), max: Duration::from_secs(300) }
    }
}
