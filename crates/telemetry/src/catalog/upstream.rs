//! Metrics of backends: tries, connections, health.

use super::label::*;
use super::{Group, Kind, Label, Metric, Plane, Stability, Switch, Unit};
use crate::buckets;

const DATA: Metric = Metric { plane: Plane::Data, ..Metric::BASE };

const BACKEND: &[Label] = &[BACKEND_KIND, BACKEND_NAMESPACE, BACKEND_NAME, BACKEND_PORT];

const HEALTH_GAUGE: Metric =
    Metric { labels: BACKEND, series: "backends", switch: Some(Switch::UpstreamHealthMetrics), ..DATA };

const HEALTH_COUNTER: Metric = Metric { kind: Kind::Counter, ..HEALTH_GAUGE };

/// Tries to get an answer.
pub const UPSTREAM_ATTEMPTS: Metric = Metric {
    name: "clearway_upstream_attempts_total",
    kind: Kind::Counter,
    help: "Tries to get an answer from a backend, by rule, backend, status code and outcome",
    labels: &[
        ROUTE_KIND_OF_RULE,
        ROUTE_NAMESPACE_OF_RULE,
        ROUTE_NAME_OF_RULE,
        ROUTE_RULE_OF_RULE,
        BACKEND_KIND,
        BACKEND_NAMESPACE,
        BACKEND_NAME,
        BACKEND_PORT,
        CODE,
        REASON,
        RETRY,
    ],
    stability: Stability::Stable,
    question: "Which backend fails, how, and how often is it tried again?",
    series: "rules x their backends x combinations in use of code, reason, retry",
    switch: Some(Switch::StatusCodeMetrics),
    ..DATA
};

const ROUTE_KIND_OF_RULE: Label = Label { absent: None, ..ROUTE_KIND };
const ROUTE_NAMESPACE_OF_RULE: Label = Label { absent: None, ..ROUTE_NAMESPACE };
const ROUTE_NAME_OF_RULE: Label = Label { absent: None, ..ROUTE_NAME };
const ROUTE_RULE_OF_RULE: Label = Label { absent: None, ..ROUTE_RULE };

/// Time to the head of the response.
pub const UPSTREAM_FIRST_BYTE_DURATION: Metric = Metric {
    name: "clearway_upstream_first_byte_duration_seconds",
    kind: Kind::Histogram,
    unit: Unit::Seconds,
    help: "Time of tries from their start to the head of the response",
    labels: BACKEND,
    buckets: buckets::REQUEST,
    question: "Which backend is slow?",
    series: "backends x 19 (classic) or 1 (native)",
    switch: Some(Switch::LatencyMetrics),
    ..DATA
};

/// Time to open connections.
pub const UPSTREAM_CONNECT_DURATION: Metric = Metric {
    name: "clearway_upstream_connect_duration_seconds",
    kind: Kind::Histogram,
    unit: Unit::Seconds,
    help: "Time to open connections to backends, without TLS",
    buckets: buckets::CONNECT,
    question: "Is the network to a backend slow?",
    series: "backends x 17 (classic) or 1 (native)",
    ..HEALTH_GAUGE
};

/// Time of TLS with backends.
pub const UPSTREAM_TLS_HANDSHAKE_DURATION: Metric = Metric {
    name: "clearway_upstream_tls_handshake_duration_seconds",
    help: "Time of TLS handshakes with backends",
    question: "Is TLS with a backend slow?",
    ..UPSTREAM_CONNECT_DURATION
};

/// Connects by outcome.
pub const UPSTREAM_CONNECTS: Metric = Metric {
    name: "clearway_upstream_connects_total",
    help: "Connections opened to backends, by outcome",
    labels: &[BACKEND_KIND, BACKEND_NAMESPACE, BACKEND_NAME, BACKEND_PORT, CONNECT_OUTCOME],
    question: "Can the backend be reached?",
    series: "backends x 5 outcomes",
    ..HEALTH_COUNTER
};

/// Connections that are open.
pub const UPSTREAM_CONNECTIONS: Metric = Metric {
    name: "clearway_upstream_connections",
    help: "Connections to backends: open counts all, idle those that wait in a pool",
    labels: &[BACKEND_KIND, BACKEND_NAMESPACE, BACKEND_NAME, BACKEND_PORT, CONNECTION_STATE],
    question: "How large are the pools?",
    series: "backends x 2 states",
    ..HEALTH_GAUGE
};

/// Requests on connections that had served before.
pub const UPSTREAM_REUSED: Metric = Metric {
    name: "clearway_upstream_reused_total",
    help: "Requests sent on a connection that had served before",
    question: "Do the pools spare connects?",
    ..HEALTH_COUNTER
};

/// Requests that wait for a connection.
pub const UPSTREAM_PENDING_REQUESTS: Metric = Metric {
    name: "clearway_upstream_pending_requests",
    help: "Requests that wait for a connection to a backend",
    question: "Is a backend's connection limit reached?",
    ..HEALTH_GAUGE
};

/// Endpoints by state.
pub const UPSTREAM_ENDPOINTS: Metric = Metric {
    name: "clearway_upstream_endpoints",
    help: "Endpoints of backends: configured counts all, ejected those taken out for a while",
    labels: &[BACKEND_KIND, BACKEND_NAMESPACE, BACKEND_NAME, BACKEND_PORT, ENDPOINT_STATE],
    question: "Has the backend endpoints, and are they healthy?",
    series: "backends x 2 states",
    ..HEALTH_GAUGE
};

/// Endpoints taken out.
pub const UPSTREAM_EJECTIONS: Metric = Metric {
    name: "clearway_upstream_ejections_total",
    help: "Times that an endpoint was taken out for a while because it failed",
    question: "Do endpoints flap?",
    ..HEALTH_COUNTER
};

pub(super) const GROUP: Group = Group {
    title: "Backends",
    metrics: &[
        &UPSTREAM_ATTEMPTS,
        &UPSTREAM_FIRST_BYTE_DURATION,
        &UPSTREAM_CONNECT_DURATION,
        &UPSTREAM_TLS_HANDSHAKE_DURATION,
        &UPSTREAM_CONNECTS,
        &UPSTREAM_CONNECTIONS,
        &UPSTREAM_REUSED,
        &UPSTREAM_PENDING_REQUESTS,
        &UPSTREAM_ENDPOINTS,
        &UPSTREAM_EJECTIONS,
    ],
};
