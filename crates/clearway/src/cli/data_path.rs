//! Flags of the data path: workers, limits, times, trust.

use std::time::Duration;

use clap::{Args, ValueEnum};
use clearway_model::{ForwardedTrust, TraceTrust};
use clearway_proxy::{Limits, Options, Outlier, Timeouts};

use crate::units::{duration, size};

/// The data path.
#[derive(Debug, Args)]
#[command(next_help_heading = "Data path")]
pub(crate) struct DataPathArgs {
    /// Worker threads; 0 is one for each core that the process may use.
    #[arg(long, env = "CLEARWAY_WORKERS", default_value_t = 0)]
    workers: usize,
    /// Time for requests to finish once no new connections are taken, after SIGTERM and --drain-delay.
    #[arg(long, env = "CLEARWAY_DRAIN_TIMEOUT", default_value = "30s", value_parser = duration)]
    drain_timeout: Duration,
    #[command(flatten)]
    pub(crate) trust: TrustArgs,
    /// Bytes of request headers; more is answered 431.
    #[arg(long, env = "CLEARWAY_MAX_HEADER_BYTES", default_value = "64KiB", value_parser = size)]
    max_header_bytes: usize,
    /// Request header fields; more is answered 431.
    #[arg(long, env = "CLEARWAY_MAX_HEADER_COUNT", default_value_t = 100)]
    max_header_count: usize,
    /// Connections from clients for each worker; more are answered 503.
    #[arg(long, env = "CLEARWAY_MAX_CONNECTIONS", default_value_t = 8192)]
    max_connections: usize,
    /// HTTP/2 streams of one connection at a time.
    #[arg(long, env = "CLEARWAY_MAX_STREAMS", default_value_t = 128)]
    max_streams: u32,
    /// Connections to one endpoint for each worker; further requests wait.
    #[arg(long, env = "CLEARWAY_MAX_ENDPOINT_CONNECTIONS", default_value_t = 1024)]
    max_endpoint_connections: usize,
    /// Requests that wait for a connection to one endpoint, for each worker; more are answered 503.
    #[arg(long, env = "CLEARWAY_MAX_PENDING_REQUESTS", default_value_t = 1024)]
    max_pending_requests: usize,
    /// Idle connections kept to one endpoint, for each worker.
    #[arg(long, env = "CLEARWAY_MAX_IDLE_CONNECTIONS", default_value_t = 128)]
    max_idle_connections: usize,
    /// Bytes of a request body kept for another try; larger ones are sent once.
    #[arg(long, env = "CLEARWAY_MAX_RETRY_BODY_BYTES", default_value = "64KiB", value_parser = size)]
    max_retry_body_bytes: usize,
    /// Mirrored requests under way for each worker; more are dropped.
    #[arg(long, env = "CLEARWAY_MAX_MIRRORS", default_value_t = 256)]
    max_mirrors: usize,
    /// Time for the head of a request to arrive; then 408.
    #[arg(long, env = "CLEARWAY_HEADER_READ_TIMEOUT", default_value = "10s", value_parser = duration)]
    header_read_timeout: Duration,
    /// Time that a connection may go without a request.
    #[arg(long, env = "CLEARWAY_IDLE_TIMEOUT", default_value = "75s", value_parser = duration)]
    idle_timeout: Duration,
    /// Time for TLS with a client.
    #[arg(long, env = "CLEARWAY_HANDSHAKE_TIMEOUT", default_value = "10s", value_parser = duration)]
    handshake_timeout: Duration,
    /// Time for TCP connects to endpoints.
    #[arg(long, env = "CLEARWAY_CONNECT_TIMEOUT", default_value = "5s", value_parser = duration)]
    connect_timeout: Duration,
    /// Time for TLS and HTTP/2 set-up with endpoints.
    #[arg(long, env = "CLEARWAY_UPSTREAM_HANDSHAKE_TIMEOUT", default_value = "5s", value_parser = duration)]
    upstream_handshake_timeout: Duration,
    /// Time that idle connections to endpoints are kept.
    #[arg(long, env = "CLEARWAY_UPSTREAM_IDLE_TIMEOUT", default_value = "60s", value_parser = duration)]
    upstream_idle_timeout: Duration,
    /// Failures in a row that take an endpoint out for a while; 0 never.
    #[arg(long, env = "CLEARWAY_EJECT_AFTER_FAILURES", default_value_t = 5)]
    eject_after_failures: u32,
    /// Length of an endpoint's first ejection; each further one is twice as long.
    #[arg(long, env = "CLEARWAY_EJECTION_TIME", default_value = "5s", value_parser = duration)]
    ejection_time: Duration,
    /// Longest ejection.
    #[arg(long, env = "CLEARWAY_MAX_EJECTION_TIME", default_value = "5m", value_parser = duration)]
    max_ejection_time: Duration,
}

/// Trust in `X-Forwarded-*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Forwarded {
    /// Replace them: anybody may connect.
    Replace,
    /// Keep them and append this hop: a trusted proxy stands in front.
    Append,
}

/// What Gateways believe of clients unless they say so themselves.
#[derive(Debug, Args)]
pub(crate) struct TrustArgs {
    /// What to make of X-Forwarded-* and Forwarded of clients, where a Gateway has no annotation of its own.
    #[arg(long, env = "CLEARWAY_FORWARDED_TRUST", value_enum, default_value_t = Forwarded::Replace)]
    forwarded_trust: Forwarded,
    /// What to make of a client's traceparent, where a Gateway has no annotation of its own.
    #[arg(long, env = "CLEARWAY_TRACE_TRUST", value_enum, default_value_t = Trace::Accept)]
    trace_trust: Trace,
}

impl TrustArgs {
    /// Trust in `X-Forwarded-*`.
    pub(crate) fn forwarded(&self) -> ForwardedTrust {
        match self.forwarded_trust {
            Forwarded::Replace => ForwardedTrust::Replace,
            Forwarded::Append => ForwardedTrust::Append,
        }
    }

    /// Trust in `traceparent`.
    pub(crate) fn trace(&self) -> TraceTrust {
        match self.trace_trust {
            Trace::Accept => TraceTrust::Accept,
            Trace::Link => TraceTrust::Link,
            Trace::Ignore => TraceTrust::Ignore,
        }
    }
}

/// Trust in `traceparent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Trace {
    /// Join the client's trace and obey its sampling decision.
    Accept,
    /// Start an own trace that links the client's.
    Link,
    /// Start an own trace.
    Ignore,
}

impl DataPathArgs {
    /// The options of the proxy.
    pub(crate) fn options(&self) -> Options {
        let cores = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Options {
            workers: if self.workers == 0 { cores() } else { self.workers },
            limits: self.limits(),
            timeouts: Timeouts {
                header_read: self.header_read_timeout,
                idle: self.idle_timeout,
                handshake: self.handshake_timeout,
                connect: self.connect_timeout,
                upstream_handshake: self.upstream_handshake_timeout,
                upstream_idle: self.upstream_idle_timeout,
            },
            outlier: Outlier {
                consecutive_failures: self.eject_after_failures,
                base: self.ejection_time,
                max: self.max_ejection_time,
            },
            drain: self.drain_timeout,
            forwarded: self.trust.forwarded(),
            trace: self.trust.trace(),
        }
    }

    fn limits(&self) -> Limits {
        Limits {
            header_bytes: self.max_header_bytes,
            header_count: self.max_header_count,
            connections: self.max_connections,
            streams: self.max_streams,
            endpoint_connections: self.max_endpoint_connections.max(1),
            pending: self.max_pending_requests,
            idle_connections: self.max_idle_connections,
            retry_body_bytes: self.max_retry_body_bytes,
            mirrors: self.max_mirrors,
        }
    }
}
