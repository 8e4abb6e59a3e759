//! Metrics of requests, as clients see them.

use super::label::*;
use super::{Group, Kind, Metric, Plane, Stability, Switch, Unit};
use crate::buckets;

const DATA: Metric = Metric { plane: Plane::Data, ..Metric::BASE };

/// Requests that ended.
pub const REQUESTS: Metric = Metric {
    name: "clearway_requests_total",
    kind: Kind::Counter,
    help: "Requests that ended, by route, status code and outcome",
    labels: &[
        GATEWAY_NAMESPACE,
        GATEWAY_NAME,
        LISTENER,
        ROUTE_KIND,
        ROUTE_NAMESPACE,
        ROUTE_NAME,
        ROUTE_RULE,
        CODE,
        CODE_CLASS,
        METHOD,
        PROTOCOL,
        ANSWERED_BY,
        REASON,
        GRPC_STATUS_NAME,
    ],
    stability: Stability::Stable,
    question: "How many requests, of which route, ended how, and whose doing was it?",
    series: "listeners x rules x combinations in use of code, method, protocol, answered_by, reason, grpc_status",
    switch: Some(Switch::StatusCodeMetrics),
    ..DATA
};

/// Durations of requests.
pub const REQUEST_DURATION: Metric = Metric {
    name: "clearway_request_duration_seconds",
    kind: Kind::Histogram,
    unit: Unit::Seconds,
    help: "Time of requests from the first byte of the request to the last byte of the response",
    labels: &[
        GATEWAY_NAMESPACE,
        GATEWAY_NAME,
        LISTENER,
        ROUTE_KIND,
        ROUTE_NAMESPACE,
        ROUTE_NAME,
        ROUTE_RULE,
        CODE_CLASS,
    ],
    buckets: buckets::REQUEST,
    stability: Stability::Stable,
    question: "How long do clients wait?",
    series: "listeners x rules x classes in use x 19 (classic) or 1 (native)",
    switch: Some(Switch::LatencyMetrics),
    plane: Plane::Data,
};

/// Where the time of requests goes.
pub const REQUEST_PHASE_DURATION: Metric = Metric {
    name: "clearway_request_phase_duration_seconds",
    kind: Kind::Histogram,
    unit: Unit::Seconds,
    help: "Time of requests by phase; the phases of a request add up to its duration",
    labels: &[GATEWAY_NAMESPACE, GATEWAY_NAME, LISTENER, PHASE],
    buckets: buckets::PHASE,
    stability: Stability::Stable,
    question: "Where does the time go: client, gateway, network or backend?",
    series: "listeners x 9 phases x 10 (classic) or 1 (native)",
    switch: Some(Switch::LatencyMetrics),
    plane: Plane::Data,
};

/// Requests that are being served.
pub const REQUESTS_IN_FLIGHT: Metric = Metric {
    name: "clearway_requests_in_flight",
    help: "Requests that are being served",
    labels: &[GATEWAY_NAMESPACE, GATEWAY_NAME, LISTENER],
    stability: Stability::Stable,
    question: "How busy is it now, and does anything hang?",
    series: "listeners + 1",
    ..DATA
};

/// Request body bytes.
pub const REQUEST_BODY_BYTES: Metric = Metric {
    name: "clearway_request_body_bytes_total",
    kind: Kind::Counter,
    unit: Unit::Bytes,
    help: "Request body bytes taken from clients",
    labels: &[GATEWAY_NAMESPACE, GATEWAY_NAME, LISTENER, ROUTE_KIND, ROUTE_NAMESPACE, ROUTE_NAME, ROUTE_RULE],
    question: "Who uploads how much?",
    series: "listeners x rules",
    switch: Some(Switch::BandwidthMetrics),
    ..DATA
};

/// Response body bytes.
pub const RESPONSE_BODY_BYTES: Metric = Metric {
    name: "clearway_response_body_bytes_total",
    help: "Response body bytes given to clients",
    question: "Who downloads how much?",
    ..REQUEST_BODY_BYTES
};

/// Copies of requests.
pub const MIRRORED_REQUESTS: Metric = Metric {
    name: "clearway_mirrored_requests_total",
    kind: Kind::Counter,
    help: "Copies of requests made by mirror filters, by outcome",
    labels: &[MIRROR_OUTCOME],
    question: "Do mirrors get their copies?",
    series: "3 outcomes",
    ..DATA
};

pub(super) const GROUP: Group = Group {
    title: "Requests",
    metrics: &[
        &REQUESTS,
        &REQUEST_DURATION,
        &REQUEST_PHASE_DURATION,
        &REQUESTS_IN_FLIGHT,
        &REQUEST_BODY_BYTES,
        &RESPONSE_BODY_BYTES,
        &MIRRORED_REQUESTS,
    ],
};
