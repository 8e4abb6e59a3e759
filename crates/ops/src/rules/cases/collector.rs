//! Cases of the alerts on the Collector.

use super::Course::{At, Rise};
use super::{Case, firing};
use crate::rules::alert::Severity::{Critical, Warning};

macro_rules! of_collector {
    ($metric:literal, $labels:literal) => {
        concat!($metric, "{namespace=\"obs\",job=\"otelcol\",instance=\"o:8888\",", $labels, "}")
    };
}

const QUEUE: &[(&str, &str)] = &[
    ("namespace", "obs"),
    ("job", "otelcol"),
    ("instance", "o:8888"),
    ("exporter", "otlp_http"),
    ("data_type", "traces"),
];
const SPANS_IN: &[(&str, &str)] = &[
    ("namespace", "obs"),
    ("job", "otelcol"),
    ("instance", "o:8888"),
    ("receiver", "otlp"),
    ("item", "spans"),
];
const LOGS_IN: &[(&str, &str)] = &[
    ("namespace", "obs"),
    ("job", "otelcol"),
    ("instance", "o:8888"),
    ("receiver", "otlp"),
    ("item", "log_records"),
];
const SPANS_OUT: &[(&str, &str)] = &[
    ("namespace", "obs"),
    ("job", "otelcol"),
    ("instance", "o:8888"),
    ("exporter", "otlp_http"),
    ("item", "spans"),
];

const SIZE: &str =
    of_collector!("otelcol_exporter_queue_size", "exporter=\"otlp_http\",data_type=\"traces\"");
const CAPACITY: &str =
    of_collector!("otelcol_exporter_queue_capacity", "exporter=\"otlp_http\",data_type=\"traces\"");
const REFUSED_SPANS: &str =
    of_collector!("otelcol_receiver_refused_spans_total", "receiver=\"otlp\",transport=\"grpc\"");
const REFUSED_LOGS: &str =
    of_collector!("otelcol_receiver_refused_log_records_total", "receiver=\"otlp\",transport=\"grpc\"");
const FAILED: &str = of_collector!("otelcol_exporter_send_failed_spans_total", "exporter=\"otlp_http\"");
const LOST: &str = of_collector!("otelcol_exporter_enqueue_failed_spans_total", "exporter=\"otlp_http\"");

pub(super) const CASES: &[Case] = &[
    Case {
        alert: "ClearwayCollectorQueueFilling",
        window: "",
        series: &[(SIZE, At(500.0), At(510.0)), (CAPACITY, At(1000.0), At(1000.0))],
        quiet: &[],
        loud: &[firing(Warning, QUEUE, "51%")],
        gone: &[],
    },
    Case {
        alert: "ClearwayCollectorQueueFilling",
        window: "",
        series: &[(SIZE, At(800.0), At(810.0)), (CAPACITY, At(1000.0), At(1000.0))],
        quiet: &[firing(Warning, QUEUE, "80%")],
        loud: &[firing(Critical, QUEUE, "81%"), firing(Warning, QUEUE, "81%")],
        gone: &[],
    },
    // Spans and log records of one receiver: neither hides the other.
    Case {
        alert: "ClearwayCollectorRefusing",
        window: "rateWindow",
        series: &[(REFUSED_SPANS, At(9.0), Rise(60.0)), (REFUSED_LOGS, At(0.0), Rise(120.0))],
        quiet: &[],
        loud: &[firing(Warning, SPANS_IN, "1"), firing(Warning, LOGS_IN, "2")],
        gone: &[],
    },
    Case {
        alert: "ClearwayCollectorExportFailing",
        window: "rateWindow",
        series: &[(FAILED, At(9.0), Rise(60.0)), (LOST, At(0.0), At(0.0))],
        quiet: &[],
        loud: &[firing(Warning, SPANS_OUT, "1")],
        gone: &[],
    },
    Case {
        alert: "ClearwayCollectorExportFailing",
        window: "rateWindow",
        series: &[(FAILED, At(9.0), Rise(60.0)), (LOST, At(0.0), Rise(120.0))],
        quiet: &[],
        loud: &[firing(Critical, SPANS_OUT, "2"), firing(Warning, SPANS_OUT, "1")],
        gone: &[],
    },
];
