//! Cases of the alerts on backends.

use super::Course::{At, Rise};
use super::{Case, firing};
use crate::rules::alert::Severity::{Critical, Warning};

macro_rules! of_backend {
    ($metric:literal, $labels:literal) => {
        concat!(
            $metric,
            "{namespace=\"gw\",instance=\"a:1\",backend_kind=\"Service\",backend_namespace=\"shop\",backend_name=\"cart\",",
            "backend_port=\"80\",",
            $labels,
            "}"
        )
    };
}

const BACKEND: &[(&str, &str)] = &[
    ("namespace", "gw"),
    ("backend_kind", "Service"),
    ("backend_namespace", "shop"),
    ("backend_name", "cart"),
    ("backend_port", "80"),
];

const ROUTE: &[(&str, &str)] =
    &[("namespace", "gw"), ("route_kind", "HTTPRoute"), ("route_namespace", "shop"), ("route_name", "cart")];

const NO_ENDPOINT: &str = "clearway_requests_total{namespace=\"gw\",instance=\"a:1\",route_kind=\"HTTPRoute\",\
                           route_namespace=\"shop\",route_name=\"cart\",reason=\"no_endpoint\"}";
const CONFIGURED: &str = of_backend!("clearway_upstream_endpoints", "state=\"configured\"");
const EJECTED: &str = of_backend!("clearway_upstream_endpoints", "state=\"ejected\"");
const EJECTIONS: &str = of_backend!("clearway_upstream_ejections_total", "");
const FIRST: &str = of_backend!("clearway_upstream_attempts_total", "retry=\"false\"");
const AGAIN: &str = of_backend!("clearway_upstream_attempts_total", "retry=\"true\"");

pub(super) const CASES: &[Case] = &[
    Case {
        alert: "ClearwayNoHealthyEndpoint",
        window: "rateWindow",
        series: &[(CONFIGURED, At(3.0), At(3.0)), (EJECTED, At(2.0), At(3.0))],
        quiet: &[],
        loud: &[firing(Warning, BACKEND, "")],
        gone: &[],
    },
    Case {
        alert: "ClearwayNoHealthyEndpoint",
        window: "rateWindow",
        series: &[
            (CONFIGURED, At(1.0), At(0.0)),
            (EJECTED, At(0.0), At(0.0)),
            (NO_ENDPOINT, At(0.0), Rise(6.0)),
        ],
        quiet: &[],
        loud: &[firing(Critical, ROUTE, ""), firing(Warning, BACKEND, "")],
        gone: &[],
    },
    Case {
        alert: "ClearwayEjectionStorm",
        window: "eventWindow",
        series: &[
            (EJECTIONS, Rise(1.0), Rise(2.0)),
            (CONFIGURED, At(10.0), At(10.0)),
            (EJECTED, At(4.0), At(4.0)),
        ],
        quiet: &[],
        loud: &[firing(Warning, BACKEND, "")],
        gone: &[],
    },
    Case {
        alert: "ClearwayEjectionStorm",
        window: "eventWindow",
        series: &[(CONFIGURED, At(10.0), At(10.0)), (EJECTED, At(4.0), At(5.0))],
        quiet: &[],
        loud: &[firing(Critical, BACKEND, "")],
        gone: &[],
    },
    Case {
        alert: "ClearwayRetryStorm",
        window: "rateWindow",
        series: &[(FIRST, Rise(801.0), Rise(799.0)), (AGAIN, Rise(199.0), Rise(201.0))],
        quiet: &[],
        loud: &[firing(Warning, BACKEND, "20.1%")],
        gone: &[],
    },
    Case {
        alert: "ClearwayRetryStorm",
        window: "rateWindow",
        series: &[(FIRST, Rise(501.0), Rise(499.0)), (AGAIN, Rise(499.0), Rise(501.0))],
        quiet: &[firing(Warning, BACKEND, "49.9%")],
        loud: &[firing(Critical, BACKEND, "50.1%"), firing(Warning, BACKEND, "50.1%")],
        gone: &[],
    },
];
