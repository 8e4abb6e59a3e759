//! Metrics of connections from clients, and of TCP on both sides.

use super::label::*;
use super::{Group, Kind, Label, Metric, Plane, Switch, Unit};
use crate::buckets;

const DATA: Metric = Metric { plane: Plane::Data, ..Metric::BASE };

const SOCKET: &[Label] = &[GATEWAY_NAMESPACE, GATEWAY_NAME, LISTENER, PORT];

const BACKEND_SIDE: Option<&str> = Some("when side is downstream");
const SOCKET_SIDE: Option<&str> = Some("when side is upstream, or no listener can be named");

/// Labels of TCP metrics: those of the socket or those of the backend.
const TCP: &[Label] = &[
    SIDE,
    Label { absent: SOCKET_SIDE, ..GATEWAY_NAMESPACE },
    Label { absent: SOCKET_SIDE, ..GATEWAY_NAME },
    Label { absent: SOCKET_SIDE, ..LISTENER },
    Label { absent: Some("when side is upstream"), ..PORT },
    Label { absent: BACKEND_SIDE, ..BACKEND_KIND },
    Label { absent: BACKEND_SIDE, ..BACKEND_NAMESPACE },
    Label { absent: BACKEND_SIDE, ..BACKEND_NAME },
    Label { absent: BACKEND_SIDE, ..BACKEND_PORT },
];

/// Connections that are open.
pub const DOWNSTREAM_CONNECTIONS: Metric = Metric {
    name: "clearway_downstream_connections",
    help: "Connections from clients that are open",
    labels: SOCKET,
    question: "How many clients are connected, and is the limit near?",
    series: "ports, and HTTPS listeners",
    ..DATA
};

/// Limit of open connections.
pub const DOWNSTREAM_CONNECTIONS_LIMIT: Metric = Metric {
    name: "clearway_downstream_connections_limit",
    help: "Connections from clients that all workers together may have open: --max-connections for each of them",
    question: "How near is the limit of connections?",
    ..DATA
};

/// Connections that were accepted.
pub const DOWNSTREAM_CONNECTIONS_ACCEPTED: Metric = Metric {
    name: "clearway_downstream_connections_accepted_total",
    kind: Kind::Counter,
    help: "Connections from clients that were accepted",
    question: "Do clients keep their connections, or open new ones all the time?",
    ..DOWNSTREAM_CONNECTIONS
};

/// Connections that ended.
pub const DOWNSTREAM_CONNECTIONS_CLOSED: Metric = Metric {
    name: "clearway_downstream_connections_closed_total",
    kind: Kind::Counter,
    help: "Connections from clients that ended, by reason",
    labels: &[GATEWAY_NAMESPACE, GATEWAY_NAME, LISTENER, PORT, CONNECTION_END],
    question: "Why do connections end?",
    series: "ports and HTTPS listeners x 8 reasons",
    ..DATA
};

/// TLS handshakes.
pub const TLS_HANDSHAKES: Metric = Metric {
    name: "clearway_tls_handshakes_total",
    kind: Kind::Counter,
    help: "TLS handshakes with clients, by version or by the reason of their failure",
    labels: &[GATEWAY_NAMESPACE, GATEWAY_NAME, LISTENER, PORT, TLS_OUTCOME],
    question: "Do clients get through TLS, and with which version?",
    series: "ports and HTTPS listeners x 8 outcomes",
    ..DATA
};

/// Time of TLS handshakes.
pub const TLS_HANDSHAKE_DURATION: Metric = Metric {
    name: "clearway_tls_handshake_duration_seconds",
    kind: Kind::Histogram,
    unit: Unit::Seconds,
    help: "Time of finished TLS handshakes with clients",
    buckets: buckets::CONNECT,
    question: "Is TLS with clients slow?",
    series: "ports and HTTPS listeners x 17 (classic) or 1 (native)",
    switch: Some(Switch::LatencyMetrics),
    ..DOWNSTREAM_CONNECTIONS
};

/// Round-trip times.
pub const TCP_RTT: Metric = Metric {
    name: "clearway_tcp_rtt_seconds",
    kind: Kind::Histogram,
    unit: Unit::Seconds,
    help: "Smoothed round-trip time of open TCP connections, each asked every 5 seconds",
    labels: TCP,
    buckets: buckets::CONNECT,
    question: "Is it the network?",
    series: "(ports + HTTPS listeners + backends) x 17 (classic) or 1 (native)",
    switch: Some(Switch::TcpMetrics),
    ..DATA
};

/// Segments sent again.
pub const TCP_RETRANSMITS: Metric = Metric {
    name: "clearway_tcp_retransmits_total",
    kind: Kind::Counter,
    help: "TCP segments sent again, asked of open connections every 5 seconds",
    labels: TCP,
    question: "Does the network lose packets, and on which side?",
    series: "ports + HTTPS listeners + backends",
    switch: Some(Switch::TcpMetrics),
    ..DATA
};

pub(super) const GROUP: Group = Group {
    title: "Connections",
    metrics: &[
        &DOWNSTREAM_CONNECTIONS,
        &DOWNSTREAM_CONNECTIONS_LIMIT,
        &DOWNSTREAM_CONNECTIONS_ACCEPTED,
        &DOWNSTREAM_CONNECTIONS_CLOSED,
        &TLS_HANDSHAKES,
        &TLS_HANDSHAKE_DURATION,
        &TCP_RTT,
        &TCP_RETRANSMITS,
    ],
};
