//! Cases of the alerts on what clients notice, each just below and just above, and with too little traffic.

use super::Course::{At, Rise};
use super::{Case, firing};
use crate::rules::alert::Severity::{Critical, Warning};

macro_rules! of_route {
    ($metric:literal, $labels:literal) => {
        concat!(
            $metric,
            "{namespace=\"gw\",instance=\"a:1\",gateway_namespace=\"infra\",gateway_name=\"edge\",route_kind=\"HTTPRoute\",",
            "route_namespace=\"shop\",route_name=\"cart\",",
            $labels,
            "}"
        )
    };
}

const ROUTE: &[(&str, &str)] = &[
    ("namespace", "gw"),
    ("gateway_namespace", "infra"),
    ("gateway_name", "edge"),
    ("route_kind", "HTTPRoute"),
    ("route_namespace", "shop"),
    ("route_name", "cart"),
];

const GOOD: &str = of_route!(
    "clearway_requests_total",
    "code=\"200\",code_class=\"2xx\",answered_by=\"upstream\",reason=\"none\""
);
const OURS: &str = of_route!(
    "clearway_requests_total",
    "code=\"500\",code_class=\"5xx\",answered_by=\"gateway\",reason=\"backend_invalid\""
);
const REFUSED: &str = of_route!(
    "clearway_requests_total",
    "code=\"503\",code_class=\"5xx\",answered_by=\"gateway\",reason=\"connect_failed\""
);
const ITS_OWN: &str = of_route!(
    "clearway_requests_total",
    "code=\"500\",code_class=\"5xx\",answered_by=\"upstream\",reason=\"none\""
);
const LEFT: &str = of_route!(
    "clearway_requests_total",
    "code=\"499\",code_class=\"4xx\",answered_by=\"gateway\",reason=\"client_gone\""
);

const LE_HALF: &str = of_route!("clearway_request_duration_seconds_bucket", "code_class=\"2xx\",le=\"0.5\"");
const LE_1: &str = of_route!("clearway_request_duration_seconds_bucket", "code_class=\"2xx\",le=\"1.0\"");
const LE_2: &str = of_route!("clearway_request_duration_seconds_bucket", "code_class=\"2xx\",le=\"2.5\"");
const LE_5: &str = of_route!("clearway_request_duration_seconds_bucket", "code_class=\"2xx\",le=\"5.0\"");
const LE_10: &str = of_route!("clearway_request_duration_seconds_bucket", "code_class=\"2xx\",le=\"10.0\"");
const LE_INF: &str = of_route!("clearway_request_duration_seconds_bucket", "code_class=\"2xx\",le=\"+Inf\"");

pub(super) const CASES: &[Case] = &[
    Case {
        alert: "ClearwayGatewayErrorsHigh",
        window: "rateWindow",
        series: &[
            (GOOD, Rise(991.0), Rise(989.0)),
            (OURS, Rise(9.0), Rise(11.0)),
            // What backends do is not the gateway's doing.
            (ITS_OWN, At(0.0), At(0.0)),
        ],
        quiet: &[],
        loud: &[firing(Warning, ROUTE, "1.1%")],
        gone: &[],
    },
    Case {
        alert: "ClearwayGatewayErrorsHigh",
        window: "rateWindow",
        series: &[(GOOD, Rise(951.0), Rise(949.0)), (OURS, Rise(49.0), Rise(51.0))],
        quiet: &[firing(Warning, ROUTE, "4.9%")],
        loud: &[firing(Critical, ROUTE, "5.1%"), firing(Warning, ROUTE, "5.1%")],
        gone: &[],
    },
    Case {
        alert: "ClearwayGatewayErrorsHigh",
        window: "rateWindow",
        series: &[(GOOD, Rise(11.0), Rise(0.0)), (OURS, Rise(0.0), Rise(11.0))],
        quiet: &[],
        loud: &[],
        gone: &[],
    },
    Case {
        alert: "ClearwayGatewayErrorsHigh",
        window: "rateWindow",
        series: &[(GOOD, Rise(1000.0), Rise(100.0)), (REFUSED, Rise(0.0), Rise(900.0))],
        quiet: &[],
        loud: &[],
        gone: &[],
    },
    Case {
        alert: "ClearwayUpstreamErrorsHigh",
        window: "rateWindow",
        series: &[
            (GOOD, Rise(951.0), Rise(949.0)),
            (REFUSED, Rise(29.0), Rise(30.0)),
            (ITS_OWN, Rise(20.0), Rise(21.0)),
        ],
        quiet: &[],
        loud: &[firing(Warning, ROUTE, "5.1%")],
        gone: &[],
    },
    Case {
        alert: "ClearwayUpstreamErrorsHigh",
        window: "rateWindow",
        series: &[(GOOD, Rise(801.0), Rise(799.0)), (REFUSED, Rise(199.0), Rise(201.0))],
        quiet: &[firing(Warning, ROUTE, "19.9%")],
        loud: &[firing(Critical, ROUTE, "20.1%"), firing(Warning, ROUTE, "20.1%")],
        gone: &[],
    },
    Case {
        alert: "ClearwayClientAbortsHigh",
        window: "rateWindow",
        series: &[(GOOD, Rise(901.0), Rise(899.0)), (LEFT, Rise(99.0), Rise(101.0))],
        quiet: &[],
        loud: &[firing(Warning, ROUTE, "10.1%")],
        gone: &[],
    },
    Case {
        alert: "ClearwayClientAbortsHigh",
        window: "rateWindow",
        series: &[(GOOD, Rise(701.0), Rise(699.0)), (LEFT, Rise(299.0), Rise(301.0))],
        quiet: &[firing(Warning, ROUTE, "29.9%")],
        loud: &[firing(Critical, ROUTE, "30.1%"), firing(Warning, ROUTE, "30.1%")],
        gone: &[],
    },
    Case {
        alert: "ClearwayLatencyHigh",
        window: "rateWindow",
        series: &[
            (GOOD, Rise(600.0), Rise(600.0)),
            (LE_HALF, At(0.0), At(0.0)),
            (LE_1, Rise(600.0), Rise(0.0)),
            (LE_2, Rise(600.0), Rise(600.0)),
            (LE_INF, Rise(600.0), Rise(600.0)),
        ],
        quiet: &[],
        loud: &[firing(Warning, ROUTE, "2.485s")],
        gone: &[],
    },
    Case {
        alert: "ClearwayLatencyHigh",
        window: "rateWindow",
        series: &[
            (GOOD, Rise(600.0), Rise(600.0)),
            (LE_2, At(0.0), At(0.0)),
            (LE_5, Rise(600.0), Rise(0.0)),
            (LE_10, Rise(600.0), Rise(600.0)),
            (LE_INF, Rise(600.0), Rise(600.0)),
        ],
        quiet: &[firing(Warning, ROUTE, "4.975s")],
        loud: &[firing(Critical, ROUTE, "9.95s"), firing(Warning, ROUTE, "9.95s")],
        gone: &[],
    },
];
