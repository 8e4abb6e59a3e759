//! Health of backends, and what trouble with them does to the tries.

use crate::rules::alert::{Alert, Level, Severity, critical, warning};

/// The alerts of this room.
pub(in crate::rules) const ALERTS: &[Alert] = &[
    Alert {
        name: "ClearwayNoHealthyEndpoint",
        summary: "A backend has no healthy endpoint.",
        description: "{{ with $labels.backend_name }}Backend {{ $labels.backend_namespace }}/{{ . }}:{{ $labels.backend_port }} has no \
                      endpoint, or all of them are ejected.{{ else }}Requests of route {{ $labels.route_namespace }}/{{ $labels.route_name \
                      }} fail because their backend has no endpoint.{{ end }}",
        dashboard: "clearway-upstreams",
        expr: "",
        levels: &[
            Level {
                severity: Severity::Critical,
                hold: "noEndpointCriticalFor",
                fill: &[],
                labels: &[],
                expr: "
                    sum by (cluster, namespace, route_kind, route_namespace, route_name) (
                      rate(clearway_requests_total{reason=\"no_endpoint\"}[<rateWindow>])
                    ) > 0",
            },
            Level {
                severity: Severity::Warning,
                hold: "noEndpointWarningFor",
                fill: &[],
                labels: &[],
                expr: "
                    max by (<Backend>) (
                      clearway_upstream_endpoints{state=\"configured\"}
                      - ignoring (state) clearway_upstream_endpoints{state=\"ejected\"}
                    ) <= 0",
            },
        ],
    },
    Alert {
        name: "ClearwayEjectionStorm",
        summary: "Endpoints of a backend fail so often that they are taken out.",
        description: "Endpoints of backend {{ $labels.backend_namespace }}/{{ $labels.backend_name }}:{{ $labels.backend_port }} are \
                      ejected again and again, or most of them are out.",
        dashboard: "clearway-upstreams",
        expr: "",
        levels: &[
            Level {
                severity: Severity::Critical,
                hold: "ejectedFor",
                fill: &[],
                labels: &[],
                expr: "
                    sum by (<Backend>) (clearway_upstream_endpoints{state=\"ejected\"})
                      / sum by (<Backend>) (clearway_upstream_endpoints{state=\"configured\"})
                    >= <ejectedRatioCritical>",
            },
            Level {
                severity: Severity::Warning,
                hold: "eventFor",
                fill: &[],
                labels: &[],
                expr: "
                    sum by (<Backend>) (increase(clearway_upstream_ejections_total[<eventWindow>])) > <ejectionsWarning>",
            },
        ],
    },
    Alert {
        name: "ClearwayRetryStorm",
        summary: "Many of the tries at a backend are retries.",
        description: "{{ $value | humanizePercentage }} of the tries at backend {{ $labels.backend_namespace }}/{{ $labels.backend_name }}:{{ \
                      $labels.backend_port }} are retries: they add load where there is trouble already.",
        dashboard: "clearway-errors",
        expr: "
            sum by (<Backend>) (rate(clearway_upstream_attempts_total{retry=\"true\"}[<rateWindow>]))
              / sum by (<Backend>) (rate(clearway_upstream_attempts_total[<rateWindow>]))
            > <limit>
            and sum by (<Backend>) (rate(clearway_upstream_attempts_total[<rateWindow>])) > <trafficFloor>",
        levels: &[
            critical(&[("limit", "retryRatioCritical")], "retryFor"),
            warning(&[("limit", "retryRatioWarning")], "retryFor"),
        ],
    },
];
