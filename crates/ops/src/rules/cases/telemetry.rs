//! Cases of the alerts on telemetry: complete, and at what cost.

use super::Course::{At, Rise};
use super::{Case, firing};
use crate::rules::alert::Severity::{Critical, Warning};

macro_rules! of_replica {
    ($metric:literal, $labels:literal) => {
        concat!($metric, "{namespace=\"gw\",job=\"dp\",instance=\"a:1\",", $labels, "}")
    };
}

const REPLICA: &[(&str, &str)] = &[("namespace", "gw"), ("job", "dp"), ("instance", "a:1")];
const SPANS: &[(&str, &str)] =
    &[("namespace", "gw"), ("job", "dp"), ("instance", "a:1"), ("signal", "spans"), ("reason", "queue_full")];
const LINES: &[(&str, &str)] =
    &[("namespace", "gw"), ("job", "dp"), ("instance", "a:1"), ("reason", "queue_full")];

const SPANS_PRODUCED: &str =
    of_replica!("clearway_telemetry_records_total", "signal=\"spans\",outcome=\"produced\"");
const SPANS_DROPPED: &str = of_replica!(
    "clearway_telemetry_records_total",
    "signal=\"spans\",outcome=\"dropped\",reason=\"queue_full\""
);
const LINES_PRODUCED: &str =
    of_replica!("clearway_telemetry_records_total", "signal=\"access_log\",outcome=\"produced\"");
const LINES_DROPPED: &str = of_replica!(
    "clearway_telemetry_records_total",
    "signal=\"access_log\",outcome=\"dropped\",reason=\"queue_full\""
);
const SAMPLES: &str = of_replica!("scrape_samples_scraped", "");
const SCRAPE: &str = of_replica!("scrape_duration_seconds", "");
const BUILD: &str = of_replica!("clearway_build_info", "version=\"1\"");
const DEBUG: &str = of_replica!("clearway_debug_logging", "");

pub(super) const CASES: &[Case] = &[
    Case {
        alert: "ClearwayTelemetryDropped",
        window: "rateWindow",
        series: &[(SPANS_PRODUCED, Rise(10_000.0), Rise(10_000.0)), (SPANS_DROPPED, Rise(10.0), Rise(20.0))],
        quiet: &[],
        loud: &[firing(Warning, SPANS, "0.2%")],
        gone: &[],
    },
    Case {
        alert: "ClearwayTelemetryDropped",
        window: "rateWindow",
        series: &[(SPANS_PRODUCED, Rise(1000.0), Rise(1000.0)), (SPANS_DROPPED, Rise(99.0), Rise(101.0))],
        quiet: &[firing(Warning, SPANS, "9.9%")],
        loud: &[firing(Critical, SPANS, "10.1%"), firing(Warning, SPANS, "10.1%")],
        gone: &[],
    },
    Case {
        alert: "ClearwayAccessLogDropped",
        window: "rateWindow",
        series: &[
            (LINES_PRODUCED, Rise(1000.0), Rise(1000.0)),
            (LINES_DROPPED, At(7.0), Rise(1.0)),
            (SPANS_DROPPED, Rise(5.0), Rise(5.0)),
        ],
        quiet: &[],
        loud: &[firing(Warning, LINES, "0.1%")],
        gone: &[],
    },
    Case {
        alert: "ClearwayAccessLogDropped",
        window: "rateWindow",
        series: &[(LINES_PRODUCED, Rise(1000.0), Rise(1000.0)), (LINES_DROPPED, Rise(9.0), Rise(11.0))],
        quiet: &[firing(Warning, LINES, "0.9%")],
        loud: &[firing(Critical, LINES, "1.1%"), firing(Warning, LINES, "1.1%")],
        gone: &[],
    },
    Case {
        alert: "ClearwaySeriesBudgetNear",
        window: "",
        series: &[(SAMPLES, At(16_000.0), At(16_200.0)), (BUILD, At(1.0), At(1.0))],
        quiet: &[],
        loud: &[firing(Warning, REPLICA, "81%")],
        gone: &[],
    },
    Case {
        alert: "ClearwayScrapeSlow",
        window: "",
        series: &[(SCRAPE, At(5.0), At(5.5)), (BUILD, At(1.0), At(1.0))],
        quiet: &[],
        loud: &[firing(Warning, REPLICA, "5.5s")],
        gone: &[],
    },
    Case {
        alert: "ClearwayDebugLogging",
        window: "",
        series: &[(DEBUG, At(0.0), At(1.0))],
        quiet: &[],
        loud: &[firing(Warning, REPLICA, "")],
        gone: &[],
    },
];
