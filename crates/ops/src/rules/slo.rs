//! Objectives of routes and how fast their error budgets burn.
//!
//! A route opts in by a series of the name [`OBJECTIVE`], which a recording rule of the operator makes: no rule here
//! is edited for it, and a route without it costs nothing and never burns. Labels of that series: `route_namespace`,
//! `route_name`; `sli`, availability or latency; `caused_by`, whose errors count: gateway, or all; for latency `le`,
//! the bound in seconds as Prometheus writes it (`0.25`, `1.0`). Its value is the objective, such as 0.999.

use super::alert::{Alert, Level, Recording, Severity};

/// The series by which a route opts in.
pub const OBJECTIVE: &str = "clearway_route:slo_objective:ratio";

/// What the series' labels are, for the vocabulary of the checks.
pub const OBJECTIVE_LABELS: &[&str] = &["route_namespace", "route_name", "sli", "caused_by", "le"];

/// Rates of requests and of bad ones of routes that opted in.
pub(super) const RATES: &[Recording] = &[
    Recording {
        name: "clearway_route:slo_requests:rate",
        labels: &[("sli", "availability"), ("caused_by", "gateway")],
        expr: "
            sum by (<SloRoute>) (rate(clearway_requests_total[<sloBaseWindow>]))
            and on (route_namespace, route_name)
            clearway_route:slo_objective:ratio{sli=\"availability\", caused_by=\"gateway\"}",
    },
    Recording {
        name: "clearway_route:slo_requests:rate",
        labels: &[("sli", "availability"), ("caused_by", "all")],
        expr: "
            sum by (<SloRoute>) (rate(clearway_requests_total[<sloBaseWindow>]))
            and on (route_namespace, route_name)
            clearway_route:slo_objective:ratio{sli=\"availability\", caused_by=\"all\"}",
    },
    Recording {
        name: "clearway_route:slo_requests:rate",
        labels: &[("sli", "latency"), ("caused_by", "all")],
        expr: "
            sum by (<SloRoute>) (rate(clearway_request_duration_seconds_count[<sloBaseWindow>]))
            and on (route_namespace, route_name)
            clearway_route:slo_objective:ratio{sli=\"latency\", caused_by=\"all\"}",
    },
    Recording {
        name: "clearway_route:slo_bad:rate",
        labels: &[("sli", "availability"), ("caused_by", "gateway")],
        expr: "
            (
              sum by (<SloRoute>) (rate(clearway_requests_total{reason=~\"<GatewayReasons>\"}[<sloBaseWindow>]))
              or sum by (<SloRoute>) (rate(clearway_requests_total[<sloBaseWindow>])) * 0
            )
            and on (route_namespace, route_name)
            clearway_route:slo_objective:ratio{sli=\"availability\", caused_by=\"gateway\"}",
    },
    Recording {
        name: "clearway_route:slo_bad:rate",
        labels: &[("sli", "availability"), ("caused_by", "all")],
        expr: "
            (
              sum by (<SloRoute>) (
                rate(clearway_requests_total{reason=~\"<GatewayReasons>|<UpstreamReasons>\"}[<sloBaseWindow>])
                or rate(clearway_requests_total{reason=\"none\", answered_by=\"upstream\", code_class=\"5xx\"}[<sloBaseWindow>])
              )
              or sum by (<SloRoute>) (rate(clearway_requests_total[<sloBaseWindow>])) * 0
            )
            and on (route_namespace, route_name)
            clearway_route:slo_objective:ratio{sli=\"availability\", caused_by=\"all\"}",
    },
    // All requests but those within the bound that the objective names.
    Recording {
        name: "clearway_route:slo_bad:rate",
        labels: &[("sli", "latency"), ("caused_by", "all")],
        expr: "
            sum by (<SloRoute>) (rate(clearway_request_duration_seconds_count[<sloBaseWindow>]))
              - on (<SloRoute>)
            sum by (<SloRoute>) (
              sum by (<SloRoute>, le) (rate(clearway_request_duration_seconds_bucket[<sloBaseWindow>]))
              and on (route_namespace, route_name, le)
              clearway_route:slo_objective:ratio{sli=\"latency\", caused_by=\"all\"}
            )",
    },
];

/// Shares of bad requests by window. Sums of rates, so that each request weighs the same.
macro_rules! ratio {
    ($window:literal) => {
        Recording {
            name: "clearway_route:slo_errors:ratio",
            labels: &[("slo_window", concat!("<", $window, ">"))],
            expr: concat!(
                "
            sum_over_time(clearway_route:slo_bad:rate[<",
                $window,
                ">])
              / sum_over_time(clearway_route:slo_requests:rate[<",
                $window,
                ">])"
            ),
        }
    };
}

/// Requests a second in the mean of a window.
macro_rules! mean {
    ($window:literal) => {
        Recording {
            name: "clearway_route:slo_requests:mean",
            labels: &[("slo_window", concat!("<", $window, ">"))],
            expr: concat!("avg_over_time(clearway_route:slo_requests:rate[<", $window, ">])"),
        }
    };
}

pub(super) const RATIOS: &[Recording] = &[
    ratio!("sloFastShort"),
    ratio!("sloFastLong"),
    mean!("sloFastLong"),
    ratio!("sloMediumShort"),
    ratio!("sloMediumLong"),
    mean!("sloMediumLong"),
    ratio!("sloSlowShort"),
];

/// The same over days: they read much and change slowly, so they are evaluated less often.
pub(super) const LONG_RATIOS: &[Recording] =
    &[ratio!("sloSlowLong"), mean!("sloSlowLong"), ratio!("sloTrickleLong"), mean!("sloTrickleLong")];

/// What is left of the budget of the period.
pub(super) const BUDGETS: &[Recording] = &[Recording {
    name: "clearway_route:slo_budget_remaining:ratio",
    labels: &[],
    expr: "
        1 - (
          sum_over_time(clearway_route:slo_bad:rate[<sloPeriod>]) / sum_over_time(clearway_route:slo_requests:rate[<sloPeriod>])
        )
          / on (route_namespace, route_name, sli, caused_by) group_left ()
        (1 - max by (route_namespace, route_name, sli, caused_by) (clearway_route:slo_objective:ratio))",
}];

const fn level(
    severity: Severity,
    hold: &'static str,
    labels: &'static [(&'static str, &'static str)],
    fill: &'static [(&'static str, &'static str)],
) -> Level {
    Level { severity, hold, fill, labels, expr: "" }
}

/// The burn-rate alerts: both windows burn faster than the factor, so that it fires soon and ends soon.
pub(super) const ALERTS: &[Alert] = &[Alert {
    name: "ClearwaySloBurning",
    summary: "A route burns its error budget too fast.",
    description: "Route {{ $labels.route_namespace }}/{{ $labels.route_name }} fails its {{ $labels.sli }} objective (errors caused by \
                  {{ $labels.caused_by }}): {{ $value | humanizePercentage }} of its requests are bad.",
    dashboard: "clearway-overview",
    expr: "
        (
          clearway_route:slo_errors:ratio{slo_window=\"<short>\"}
            > on (route_namespace, route_name, sli, caused_by) group_left ()
          <factor> * (1 - max by (route_namespace, route_name, sli, caused_by) (clearway_route:slo_objective:ratio))
        )
        and ignoring (slo_window) (
          clearway_route:slo_errors:ratio{slo_window=\"<long>\"}
            > on (route_namespace, route_name, sli, caused_by) group_left ()
          <factor> * (1 - max by (route_namespace, route_name, sli, caused_by) (clearway_route:slo_objective:ratio))
        )
        and ignoring (slo_window) clearway_route:slo_requests:mean{slo_window=\"<long>\"} > <sloTrafficFloor>",
    levels: &[
        level(
            Severity::Critical,
            "sloFastFor",
            &[("burn", "fast")],
            &[("short", "sloFastShort"), ("long", "sloFastLong"), ("factor", "sloFastFactor")],
        ),
        level(
            Severity::Critical,
            "sloMediumFor",
            &[("burn", "medium")],
            &[("short", "sloMediumShort"), ("long", "sloMediumLong"), ("factor", "sloMediumFactor")],
        ),
        level(
            Severity::Warning,
            "sloSlowFor",
            &[("burn", "slow")],
            &[("short", "sloSlowShort"), ("long", "sloSlowLong"), ("factor", "sloSlowFactor")],
        ),
        level(
            Severity::Warning,
            "sloTrickleFor",
            &[("burn", "trickle")],
            &[("short", "sloMediumLong"), ("long", "sloTrickleLong"), ("factor", "sloTrickleFactor")],
        ),
    ],
}];
