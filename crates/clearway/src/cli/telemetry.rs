//! Flags of telemetry: what is measured, what is written, where it goes.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use clearway_telemetry::Switches;
use clearway_telemetry::access_log::{AccessLogOptions, Sink};
use clearway_telemetry::otlp::{OtlpOptions, OtlpProtocol};
use clearway_telemetry::redact::{AddressMode, QueryMode, RecordOptions, SECRET_QUERY_KEYS};
use clearway_telemetry::trace::{B3, Propagation, Sampler};

use super::Switch;
use crate::units::{duration, pair, size};

/// Telemetry.
#[derive(Debug, Args)]
#[command(next_help_heading = "Telemetry")]
pub(crate) struct TelemetryArgs {
    /// Metrics of requests: all of them, or none; see also the switches below.
    #[arg(long, env = "CLEARWAY_METRICS", value_enum, default_value_t = Switch::On)]
    metrics: Switch,
    /// Requests and tries by status code.
    #[arg(long, env = "CLEARWAY_STATUS_CODE_METRICS", value_enum, default_value_t = Switch::On)]
    status_code_metrics: Switch,
    /// Body bytes.
    #[arg(long, env = "CLEARWAY_BANDWIDTH_METRICS", value_enum, default_value_t = Switch::On)]
    bandwidth_metrics: Switch,
    /// Endpoints, pools and connects.
    #[arg(long, env = "CLEARWAY_UPSTREAM_HEALTH_METRICS", value_enum, default_value_t = Switch::On)]
    upstream_health_metrics: Switch,
    /// Durations and phases.
    #[arg(long, env = "CLEARWAY_LATENCY_METRICS", value_enum, default_value_t = Switch::On)]
    latency_metrics: Switch,
    /// Round-trip times and retransmits of TCP connections, asked of the kernel every 5 seconds.
    #[arg(long, env = "CLEARWAY_TCP_METRICS", value_enum, default_value_t = Switch::Off)]
    tcp_metrics: Switch,
    /// Where access-log lines go: stdout, stderr, off, or a file.
    #[arg(long, env = "CLEARWAY_ACCESS_LOG", default_value = "stdout", value_name = "WHERE")]
    access_log: String,
    /// Bytes of access-log lines that may wait for a slow reader; then lines are dropped and counted.
    #[arg(long, env = "CLEARWAY_ACCESS_LOG_BUFFER", default_value = "16MiB", value_parser = size)]
    access_log_buffer: usize,
    /// Request headers to write into logs, separated by commas. Credentials are refused.
    #[arg(long, env = "CLEARWAY_LOG_REQUEST_HEADERS", value_delimiter = ',', value_name = "NAMES")]
    log_request_headers: Vec<String>,
    /// Response headers to write into logs, separated by commas.
    #[arg(long, env = "CLEARWAY_LOG_RESPONSE_HEADERS", value_delimiter = ',', value_name = "NAMES")]
    log_response_headers: Vec<String>,
    /// Query strings in logs and spans.
    #[arg(long, env = "CLEARWAY_LOG_QUERY", value_enum, default_value_t = Query::Redacted)]
    log_query: Query,
    /// Names of secret query parameters, separated by commas; replaces the built-in list.
    #[arg(long, env = "CLEARWAY_LOG_SECRET_QUERY_KEYS", value_delimiter = ',', value_name = "NAMES")]
    log_secret_query_keys: Vec<String>,
    /// Addresses of clients in logs and spans.
    #[arg(long, env = "CLEARWAY_LOG_CLIENT_ADDRESS", value_enum, default_value_t = Address::Full)]
    log_client_address: Address,
    #[command(flatten)]
    otlp: OtlpArgs,
    /// Collector for the access log as OTLP log records, beside --access-log.
    #[arg(long, env = "CLEARWAY_OTLP_LOGS_ENDPOINT", value_name = "URL")]
    otlp_logs_endpoint: Option<String>,
    /// How log records are sent.
    #[arg(long, env = "CLEARWAY_OTLP_LOGS_PROTOCOL", value_enum, default_value_t = Protocol::Grpc)]
    otlp_logs_protocol: Protocol,
    /// Share of the traces that start here which are sampled, from 0 to 1.
    #[arg(long, env = "CLEARWAY_TRACE_SAMPLE_RATIO", default_value_t = 0.01, value_parser = crate::units::ratio)]
    trace_sample_ratio: f64,
    /// B3 headers beside traceparent: read, and written in this form.
    #[arg(long, env = "CLEARWAY_TRACE_B3", value_enum, default_value_t = B3Form::Off)]
    trace_b3: B3Form,
}

/// The collector, and how it is spoken to: the same for every process that exports anything.
#[derive(Debug, Args)]
#[command(next_help_heading = "Telemetry")]
pub(crate) struct OtlpArgs {
    /// Collector for spans: URL, with any path for http/protobuf. Without it no spans are made.
    #[arg(long, env = "CLEARWAY_OTLP_TRACES_ENDPOINT", value_name = "URL")]
    otlp_traces_endpoint: Option<String>,
    /// How spans are sent.
    #[arg(long, env = "CLEARWAY_OTLP_TRACES_PROTOCOL", value_enum, default_value_t = Protocol::Grpc)]
    otlp_traces_protocol: Protocol,
    /// Headers for the collector, `name=value` separated by commas.
    #[arg(long, env = "CLEARWAY_OTLP_HEADERS", value_delimiter = ',', value_parser = pair, value_name = "PAIRS")]
    otlp_headers: Vec<(String, String)>,
    /// PEM file of the authorities to trust for https collectors; the machine's when absent.
    #[arg(long, env = "CLEARWAY_OTLP_CA_FILE", value_name = "FILE")]
    otlp_ca_file: Option<PathBuf>,
    /// Time for one export.
    #[arg(long, env = "CLEARWAY_OTLP_TIMEOUT", default_value = "10s", value_parser = duration)]
    otlp_timeout: Duration,
    /// Spans, and of data planes log records, that may wait for the collector; then they are dropped and counted.
    #[arg(long, env = "CLEARWAY_OTLP_QUEUE", default_value_t = 65_536)]
    otlp_queue: usize,
}

macro_rules! choices {
    ($(#[$outer:meta])* $name:ident => $target:ty { $($(#[$doc:meta])* $variant:ident => $value:expr,)+ }) => {
        $(#[$outer])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
        enum $name { $($(#[$doc])* $variant,)+ }

        impl From<$name> for $target {
            fn from(choice: $name) -> Self {
                match choice { $($name::$variant => $value,)+ }
            }
        }
    };
}

choices! {
    /// Query strings.
    Query => QueryMode {
        /// Not written.
        Off => Self::Off,
        /// Without the values of secret parameters.
        Redacted => Self::Redacted,
        /// As they came.
        Keep => Self::Keep,
    }
}

choices! {
    /// Addresses.
    Address => AddressMode {
        /// Whole.
        Full => Self::Full,
        /// The network only.
        Truncated => Self::Truncated,
        /// Not written.
        Off => Self::Off,
    }
}

choices! {
    /// B3 forms.
    B3Form => B3 {
        /// None.
        Off => Self::Off,
        /// One header.
        Single => Self::Single,
        /// Several headers.
        Multi => Self::Multi,
    }
}

choices! {
    /// OTLP transports.
    Protocol => OtlpProtocol {
        /// gRPC.
        Grpc => Self::Grpc,
        /// Protobuf over HTTP.
        #[value(name = "http/protobuf")]
        Http => Self::HttpProtobuf,
    }
}

impl TelemetryArgs {
    /// Which families are kept. The consumer families are listed in the catalog and not offered yet.
    pub(crate) fn switches(&self) -> Switches {
        if !self.metrics.is_on() {
            return Switches::OFF;
        }
        Switches {
            status_code_metrics: self.status_code_metrics.is_on(),
            bandwidth_metrics: self.bandwidth_metrics.is_on(),
            upstream_health_metrics: self.upstream_health_metrics.is_on(),
            latency_metrics: self.latency_metrics.is_on(),
            tcp_metrics: self.tcp_metrics.is_on(),
            ..Switches::default()
        }
    }

    /// Where lines go.
    pub(crate) fn access_log(&self) -> AccessLogOptions {
        let sink = match self.access_log.as_str() {
            "off" => Sink::Off,
            "stdout" => Sink::Stdout,
            "stderr" => Sink::Stderr,
            path => Sink::File(path.into()),
        };
        AccessLogOptions { sink, buffer_bytes: self.access_log_buffer }
    }

    /// What of requests is written.
    pub(crate) fn record(&self) -> RecordOptions {
        let secrets = if self.log_secret_query_keys.is_empty() {
            SECRET_QUERY_KEYS.map(str::to_owned).to_vec()
        } else {
            self.log_secret_query_keys.clone()
        };
        RecordOptions {
            request_headers: self.log_request_headers.clone(),
            response_headers: self.log_response_headers.clone(),
            addresses: self.log_client_address.into(),
            query: self.log_query.into(),
            secret_query_keys: secrets,
        }
    }

    /// Where spans go.
    pub(crate) fn traces(&self) -> Option<OtlpOptions> {
        self.otlp.traces()
    }

    /// Where log records go.
    pub(crate) fn logs(&self) -> Option<OtlpOptions> {
        self.otlp_logs_endpoint.as_ref().map(|endpoint| self.otlp.to(endpoint, self.otlp_logs_protocol))
    }

    /// The decision for traces that start here; `None` when spans go nowhere.
    pub(crate) fn sampler(&self) -> Option<Sampler> {
        self.otlp.otlp_traces_endpoint.as_ref().map(|_| Sampler::new(self.trace_sample_ratio))
    }

    /// Headers that carry the context.
    pub(crate) fn propagation(&self) -> Propagation {
        Propagation { b3: self.trace_b3.into() }
    }
}

impl OtlpArgs {
    /// Where spans go.
    pub(crate) fn traces(&self) -> Option<OtlpOptions> {
        self.otlp_traces_endpoint.as_ref().map(|endpoint| self.to(endpoint, self.otlp_traces_protocol))
    }

    fn to(&self, endpoint: &str, protocol: Protocol) -> OtlpOptions {
        let mut options = OtlpOptions::new(endpoint, protocol.into());
        options.headers.clone_from(&self.otlp_headers);
        options.ca_file.clone_from(&self.otlp_ca_file);
        options.timeout = self.otlp_timeout;
        options.queue = self.otlp_queue;
        options
    }
}
