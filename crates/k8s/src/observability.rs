//! The own kind `ObservabilityPolicy` (`clearway.dev/v1alpha1`): what is observed of requests, switched by objects.
//!
//! An inherited policy (GEP-713): it targets GatewayClasses, Gateways or routes, and the nearest word on each field wins.

use serde::Deserialize;

use crate::filter::Fraction;
use crate::meta::ObjectMeta;
use crate::open_enum::open_enum;
use crate::policy::PolicyTarget;

/// What is observed of the requests of its targets.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct ObservabilityPolicy {
    /// Metadata.
    pub metadata: ObjectMeta,
    /// What is wanted.
    pub spec: ObservabilityPolicySpec,
}

/// `ObservabilityPolicy.spec`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ObservabilityPolicySpec {
    /// What it is for.
    #[serde(default)]
    pub target_refs: Vec<PolicyTarget>,
    /// Traces.
    #[serde(default)]
    pub tracing: Option<TracingSettings>,
    /// The access log.
    #[serde(default)]
    pub access_log: Option<AccessLogSettings>,
    /// Metrics.
    #[serde(default)]
    pub metrics: Option<MetricsSettings>,
}

/// `ObservabilityPolicy.spec.tracing`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TracingSettings {
    /// Share of the traces that start here of which spans are recorded.
    #[serde(default)]
    pub sampling_rate: Option<Fraction>,
    /// What to believe of a client's trace context.
    #[serde(default)]
    pub client_trust: Option<ClientTrust>,
}

open_enum! {
    /// What to believe of a client's trace context.
    ClientTrust {
        /// Join its trace and obey its sampling decision.
        Accept = "Accept",
        /// Start an own trace and link the client's.
        Link = "Link",
        /// Start an own trace and forget the client's.
        Ignore = "Ignore",
    }
}

/// `ObservabilityPolicy.spec.accessLog`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccessLogSettings {
    /// Which requests have a line.
    #[serde(default)]
    pub filter: Option<AccessLogFilter>,
    /// Request headers to write besides those of the process.
    #[serde(default)]
    pub request_headers: Option<Vec<String>>,
    /// Response headers to write besides those of the process.
    #[serde(default)]
    pub response_headers: Option<Vec<String>>,
}

/// `ObservabilityPolicy.spec.accessLog.filter`: requests that one of the conditions picks, and a share of the others.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccessLogFilter {
    /// Status codes of these classes.
    #[serde(default)]
    pub status_classes: Vec<StatusClass>,
    /// Requests that took longer: a duration of GEP-2257.
    #[serde(default)]
    pub slower_than: Option<String>,
    /// Share of the others; none when absent.
    #[serde(default)]
    pub ratio: Option<Fraction>,
}

open_enum! {
    /// A class of status codes.
    StatusClass {
        /// Informational.
        Informational = "1xx",
        /// Success.
        Success = "2xx",
        /// Redirection.
        Redirection = "3xx",
        /// Errors of clients.
        ClientError = "4xx",
        /// Errors of servers.
        ServerError = "5xx",
    }
}

impl StatusClass {
    /// The first digit; `None` when it is not known.
    pub fn digit(&self) -> Option<u8> {
        Some(match self {
            Self::Informational => 1,
            Self::Success => 2,
            Self::Redirection => 3,
            Self::ClientError => 4,
            Self::ServerError => 5,
            Self::Unknown(_) => return None,
        })
    }
}

/// `ObservabilityPolicy.spec.metrics`: families of metrics, on or off for requests of the targets.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MetricsSettings {
    /// Requests and tries by status code.
    #[serde(default)]
    pub status_code: Option<bool>,
    /// Body bytes.
    #[serde(default)]
    pub bandwidth: Option<bool>,
    /// Durations of requests.
    #[serde(default)]
    pub latency: Option<bool>,
}
