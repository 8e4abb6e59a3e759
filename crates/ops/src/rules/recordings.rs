//! Recording rules that alerts and dashboards share: requests and errors of routes, by whose doing.

use super::alert::Recording;

/// In the order in which they depend on each other.
pub(super) const ROUTES: &[Recording] = &[
    Recording {
        name: "clearway_route:requests:rate",
        labels: &[],
        expr: "sum by (<Route>) (rate(clearway_requests_total[<rateWindow>]))",
    },
    Recording {
        name: "clearway_route:errors:rate",
        labels: &[("caused_by", "gateway")],
        expr: "sum by (<Route>) (rate(clearway_requests_total{reason=~\"<GatewayReasons>\"}[<rateWindow>]))",
    },
    // A 5xx that a backend sends by itself has no flag.
    Recording {
        name: "clearway_route:errors:rate",
        labels: &[("caused_by", "upstream")],
        expr: "
            sum by (<Route>) (
              rate(clearway_requests_total{reason=~\"<UpstreamReasons>\"}[<rateWindow>])
              or rate(clearway_requests_total{reason=\"none\", answered_by=\"upstream\", code_class=\"5xx\"}[<rateWindow>])
            )",
    },
    Recording {
        name: "clearway_route:errors:rate",
        labels: &[("caused_by", "client")],
        expr: "sum by (<Route>) (rate(clearway_requests_total{reason=~\"<ClientReasons>\"}[<rateWindow>]))",
    },
];
