//! What clients notice: errors, given-up requests, slowness. Shares of little traffic mean nothing, hence the floor.

use crate::rules::alert::{Alert, critical, warning};

/// The alerts of this room.
pub(in crate::rules) const ALERTS: &[Alert] = &[
    Alert {
        name: "ClearwayGatewayErrorsHigh",
        summary: "Requests fail because of the gateway or its configuration.",
        description: "{{ $value | humanizePercentage }} of the requests of route {{ $labels.route_namespace }}/{{ $labels.route_name }} on \
                      Gateway {{ $labels.gateway_namespace }}/{{ $labels.gateway_name }} fail because of the gateway, not of a backend.",
        dashboard: "clearway-errors",
        expr: "
            clearway_route:errors:rate{caused_by=\"gateway\"} / ignoring (caused_by) clearway_route:requests:rate > <limit>
            and clearway_route:requests:rate > <trafficFloor>",
        levels: &[
            critical(&[("limit", "gatewayErrorRatioCritical")], "errorRatioFor"),
            warning(&[("limit", "gatewayErrorRatioWarning")], "errorRatioFor"),
        ],
    },
    Alert {
        name: "ClearwayUpstreamErrorsHigh",
        summary: "Requests fail because of a backend.",
        description: "{{ $value | humanizePercentage }} of the requests of route {{ $labels.route_namespace }}/{{ $labels.route_name }} on \
                      Gateway {{ $labels.gateway_namespace }}/{{ $labels.gateway_name }} fail because of the backend or the way to it.",
        dashboard: "clearway-errors",
        expr: "
            clearway_route:errors:rate{caused_by=\"upstream\"} / ignoring (caused_by) clearway_route:requests:rate > <limit>
            and clearway_route:requests:rate > <trafficFloor>",
        levels: &[
            critical(&[("limit", "upstreamErrorRatioCritical")], "errorRatioFor"),
            warning(&[("limit", "upstreamErrorRatioWarning")], "errorRatioFor"),
        ],
    },
    Alert {
        name: "ClearwayClientAbortsHigh",
        summary: "Clients give requests up before they are answered (499).",
        description: "Clients give up {{ $value | humanizePercentage }} of the requests of route {{ $labels.route_namespace }}/{{ \
                      $labels.route_name }} on Gateway {{ $labels.gateway_namespace }}/{{ $labels.gateway_name }}.",
        dashboard: "clearway-errors",
        expr: "
            sum by (<Route>) (rate(clearway_requests_total{reason=\"client_gone\"}[<rateWindow>])) / clearway_route:requests:rate > <limit>
            and clearway_route:requests:rate > <trafficFloor>",
        levels: &[
            critical(&[("limit", "clientAbortRatioCritical")], "clientAbortFor"),
            warning(&[("limit", "clientAbortRatioWarning")], "clientAbortFor"),
        ],
    },
    Alert {
        name: "ClearwayLatencyHigh",
        summary: "The slowest requests of a route take long.",
        description: "One in a hundred requests of route {{ $labels.route_namespace }}/{{ $labels.route_name }} on Gateway \
                      {{ $labels.gateway_namespace }}/{{ $labels.gateway_name }} takes longer than {{ $value | humanizeDuration }}.",
        dashboard: "clearway-traffic",
        expr: "
            histogram_quantile(0.99, sum by (le, <Route>) (rate(clearway_request_duration_seconds_bucket[<rateWindow>]))) > <limit>
            and clearway_route:requests:rate > <trafficFloor>",
        levels: &[
            critical(&[("limit", "latencyCritical")], "latencyFor"),
            warning(&[("limit", "latencyWarning")], "latencyFor"),
        ],
    },
];
