//! Connections from clients and TLS.

use crate::rules::alert::{Alert, Level, Severity, critical, warning};

/// The alerts of this room.
pub(in crate::rules) const ALERTS: &[Alert] = &[
    Alert {
        name: "ClearwayConnectionLimitNear",
        summary: "A data plane has nearly as many connections open as it may have.",
        description: "{{ $labels.instance }} in namespace {{ $labels.namespace }} has nearly as many connections open as --max-connections \
                      allows; critical means that it refuses what comes beyond.",
        dashboard: "clearway-network",
        expr: "",
        levels: &[
            // A connection too many is told so by a 503 to its request; twice as many are closed without a word.
            // Each worker has its own part of the limit and refuses when that is used up, so the share alone is no proof.
            Level {
                severity: Severity::Critical,
                hold: "eventFor",
                fill: &[],
                labels: &[],
                expr: "
                    sum by (<Target>) (
                      increase(clearway_requests_total{reason=\"connection_limit\"}[<eventWindow>])
                      or increase(clearway_downstream_connections_closed_total{reason=\"connection_limit\"}[<eventWindow>])
                    ) > 0",
            },
            Level {
                severity: Severity::Warning,
                hold: "connectionFor",
                fill: &[],
                labels: &[],
                expr: "
                    sum by (<Target>) (clearway_downstream_connections)
                      / sum by (<Target>) (clearway_downstream_connections_limit)
                    > <connectionRatioWarning>",
            },
        ],
    },
    Alert {
        name: "ClearwayTlsHandshakesFailing",
        summary: "Clients do not get through TLS.",
        description: "{{ $value | humanizePercentage }} of the TLS handshakes on port {{ $labels.port }} of listener {{ $labels.listener }} of \
                      Gateway {{ $labels.gateway_namespace }}/{{ $labels.gateway_name }} fail.",
        dashboard: "clearway-network",
        expr: "
            sum by (cluster, namespace, gateway_namespace, gateway_name, listener, port) (
              rate(clearway_tls_handshakes_total{outcome!~\"tls13|tls12|client_gone\"}[<rateWindow>])
            )
              / sum by (cluster, namespace, gateway_namespace, gateway_name, listener, port) (
              rate(clearway_tls_handshakes_total[<rateWindow>])
            )
            > <limit>
            and sum by (cluster, namespace, gateway_namespace, gateway_name, listener, port) (
              rate(clearway_tls_handshakes_total[<rateWindow>])
            ) > <tlsFailureFloor>",
        levels: &[
            critical(&[("limit", "tlsFailureRatioCritical")], "tlsFailureFor"),
            warning(&[("limit", "tlsFailureRatioWarning")], "tlsFailureFor"),
        ],
    },
    Alert {
        name: "ClearwayCertificateExpiring",
        summary: "A certificate that listeners serve expires soon.",
        description: "The certificate in Secret {{ $labels.certificate_namespace }}/{{ $labels.certificate_name }} expires in {{ $value | \
                      humanizeDuration }}.",
        dashboard: "clearway-network",
        expr: "
            min by (cluster, namespace, certificate_namespace, certificate_name) (clearway_certificate_expiry_timestamp_seconds) - time()
            < <limit>",
        levels: &[
            critical(&[("limit", "certificateExpiryCritical")], "certificateFor"),
            warning(&[("limit", "certificateExpiryWarning")], "certificateFor"),
        ],
    },
];
