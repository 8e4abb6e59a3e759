//! Cases of the burn-rate alerts: an objective of 99 %, below and above 14.4, 6, 3 and 1 times its budget.

use super::Course::{At, Rise};
use super::{Case, firing};
use crate::rules::alert::Severity::{Critical, Warning};

macro_rules! of_route {
    ($metric:literal, $labels:literal) => {
        concat!(
            $metric,
            "{namespace=\"gw\",instance=\"a:1\",route_kind=\"HTTPRoute\",route_namespace=\"shop\",route_name=\"cart\",",
            $labels,
            "}"
        )
    };
}

const GOOD: &str =
    of_route!("clearway_requests_total", "reason=\"none\",answered_by=\"upstream\",code_class=\"2xx\"");
const OURS: &str = of_route!(
    "clearway_requests_total",
    "reason=\"internal_error\",answered_by=\"gateway\",code_class=\"5xx\""
);
const THEIRS: &str =
    of_route!("clearway_requests_total", "reason=\"none\",answered_by=\"upstream\",code_class=\"5xx\"");
const FAST: &str = of_route!("clearway_request_duration_seconds_bucket", "code_class=\"2xx\",le=\"0.25\"");
const COUNT: &str = of_route!("clearway_request_duration_seconds_count", "code_class=\"2xx\"");

const BY_GATEWAY: &str = "clearway_route:slo_objective:ratio{route_namespace=\"shop\",route_name=\"cart\",\
                          sli=\"availability\",caused_by=\"gateway\"}";
const BY_ALL: &str = "clearway_route:slo_objective:ratio{route_namespace=\"shop\",route_name=\"cart\",\
                      sli=\"availability\",caused_by=\"all\"}";
const LATENCY: &str = "clearway_route:slo_objective:ratio{route_namespace=\"shop\",route_name=\"cart\",\
                       sli=\"latency\",caused_by=\"all\",le=\"0.25\"}";

macro_rules! burning {
    ($burn:literal, $window:literal, $sli:literal, $caused_by:literal) => {
        &[
            ("namespace", "gw"),
            ("route_kind", "HTTPRoute"),
            ("route_namespace", "shop"),
            ("route_name", "cart"),
            ("burn", $burn),
            ("slo_window", $window),
            ("sli", $sli),
            ("caused_by", $caused_by),
        ]
    };
}

const IN_5M: &[(&str, &str)] = burning!("fast", "5m", "availability", "gateway");
const IN_30M: &[(&str, &str)] = burning!("medium", "30m", "availability", "gateway");
const IN_2H: &[(&str, &str)] = burning!("slow", "2h", "availability", "gateway");
const IN_6H: &[(&str, &str)] = burning!("trickle", "6h", "availability", "gateway");

const fn case(
    series: &'static [super::Input],
    quiet: &'static [super::Firing],
    loud: &'static [super::Firing],
) -> Case {
    Case { alert: "ClearwaySloBurning", window: "sloMediumLong", series, quiet, loud, gone: &[] }
}

pub(super) const CASES: &[Case] = &[
    // 0.99 and 1.2 times: parts are shorter than the longest window, which sees their mean, 1.095 times.
    case(
        &[
            (GOOD, Rise(9901.0), Rise(9880.0)),
            (OURS, Rise(99.0), Rise(120.0)),
            (BY_GATEWAY, At(0.99), At(0.99)),
        ],
        &[],
        &[firing(Warning, IN_6H, "1.2%")],
    ),
    // 2.9 and 3.3 times; a day sees 3.1.
    case(
        &[
            (GOOD, Rise(9710.0), Rise(9670.0)),
            (OURS, Rise(290.0), Rise(330.0)),
            (BY_GATEWAY, At(0.99), At(0.99)),
        ],
        &[firing(Warning, IN_6H, "2.9%")],
        &[firing(Warning, IN_2H, "3.3%"), firing(Warning, IN_6H, "3.3%")],
    ),
    // 5.9 and 6.1 times.
    case(
        &[
            (GOOD, Rise(9410.0), Rise(9390.0)),
            (OURS, Rise(590.0), Rise(610.0)),
            (BY_GATEWAY, At(0.99), At(0.99)),
        ],
        &[firing(Warning, IN_2H, "5.9%"), firing(Warning, IN_6H, "5.9%")],
        &[firing(Critical, IN_30M, "6.1%"), firing(Warning, IN_2H, "6.1%"), firing(Warning, IN_6H, "6.1%")],
    ),
    // 14.3 and 14.5 times.
    case(
        &[
            (GOOD, Rise(8570.0), Rise(8550.0)),
            (OURS, Rise(1430.0), Rise(1450.0)),
            (BY_GATEWAY, At(0.99), At(0.99)),
        ],
        &[
            firing(Critical, IN_30M, "14.3%"),
            firing(Warning, IN_2H, "14.3%"),
            firing(Warning, IN_6H, "14.3%"),
        ],
        &[
            firing(Critical, IN_5M, "14.5%"),
            firing(Critical, IN_30M, "14.5%"),
            firing(Warning, IN_2H, "14.5%"),
            firing(Warning, IN_6H, "14.5%"),
        ],
    ),
    // A route that did not opt in, and one whose objective counts only the gateway's errors, do not burn.
    case(&[(GOOD, Rise(9901.0), Rise(5000.0)), (OURS, Rise(99.0), Rise(5000.0))], &[], &[]),
    case(
        &[
            (GOOD, Rise(9901.0), Rise(5000.0)),
            (THEIRS, Rise(99.0), Rise(5000.0)),
            (BY_GATEWAY, At(0.99), At(0.99)),
        ],
        &[],
        &[],
    ),
    case(
        &[
            (GOOD, Rise(9910.0), Rise(9880.0)),
            (THEIRS, Rise(90.0), Rise(120.0)),
            (BY_ALL, At(0.99), At(0.99)),
        ],
        &[],
        &[firing(Warning, burning!("trickle", "6h", "availability", "all"), "1.2%")],
    ),
    case(
        &[
            (COUNT, Rise(10_000.0), Rise(10_000.0)),
            (FAST, Rise(9910.0), Rise(9880.0)),
            (LATENCY, At(0.99), At(0.99)),
        ],
        &[],
        &[firing(Warning, burning!("trickle", "6h", "latency", "all"), "1.2%")],
    ),
    // Less traffic than means anything.
    case(
        &[(GOOD, Rise(1.0), At(0.0)), (OURS, At(0.0), Rise(1.0)), (BY_GATEWAY, At(0.99), At(0.99))],
        &[],
        &[],
    ),
];
