//! Series that others make: Prometheus about its scrapes and alerts, the Collector about itself.
//!
//! The Collector's names have their suffixes only when its reader is told to write them (`without_type_suffix: false`,
//! `without_units: false`), as the shipped configuration does.

use std::collections::BTreeMap;

use clearway_telemetry::catalog::Unit;

use super::units::Measure;
use super::vocabulary::{KnownLabel, Series, Shape, Words};

/// Labels that a scrape gives to every series of its target.
pub(super) const TARGET_LABELS: &[&str] =
    &["cluster", "namespace", "pod", "container", "service", "endpoint", "node", "job", "instance"];

/// Name, shape, unit, labels.
type External = (&'static str, Shape, Unit, &'static [&'static str]);

/// Exporters over HTTP say where to.
const SENT: &[&str] = &["exporter", "server_address", "server_port", "url_path"];
/// With `level: detailed` the Collector says why it gave up, besides.
const SEND_FAILED: &[&str] =
    &["exporter", "server_address", "server_port", "url_path", "error_type", "error_permanent"];

const SERIES: &[External] = &[
    ("up", Shape::Gauge, Unit::One, &[]),
    ("scrape_duration_seconds", Shape::Gauge, Unit::Seconds, &[]),
    ("scrape_samples_scraped", Shape::Gauge, Unit::One, &[]),
    ("scrape_samples_post_metric_relabeling", Shape::Gauge, Unit::One, &[]),
    ("scrape_series_added", Shape::Gauge, Unit::One, &[]),
    ("ALERTS", Shape::Gauge, Unit::One, &["alertname", "alertstate", "severity"]),
    ("otelcol_exporter_queue_size", Shape::Gauge, Unit::One, &["exporter", "data_type"]),
    ("otelcol_exporter_queue_capacity", Shape::Gauge, Unit::One, &["exporter", "data_type"]),
    ("otelcol_exporter_sent_spans_total", Shape::Counter, Unit::One, SENT),
    ("otelcol_exporter_sent_log_records_total", Shape::Counter, Unit::One, SENT),
    ("otelcol_exporter_sent_metric_points_total", Shape::Counter, Unit::One, SENT),
    ("otelcol_exporter_send_failed_spans_total", Shape::Counter, Unit::One, SEND_FAILED),
    ("otelcol_exporter_send_failed_log_records_total", Shape::Counter, Unit::One, SEND_FAILED),
    ("otelcol_exporter_send_failed_metric_points_total", Shape::Counter, Unit::One, SEND_FAILED),
    ("otelcol_exporter_enqueue_failed_spans_total", Shape::Counter, Unit::One, &["exporter"]),
    ("otelcol_exporter_enqueue_failed_log_records_total", Shape::Counter, Unit::One, &["exporter"]),
    ("otelcol_exporter_enqueue_failed_metric_points_total", Shape::Counter, Unit::One, &["exporter"]),
    ("otelcol_receiver_accepted_spans_total", Shape::Counter, Unit::One, &["receiver", "transport"]),
    ("otelcol_receiver_accepted_log_records_total", Shape::Counter, Unit::One, &["receiver", "transport"]),
    ("otelcol_receiver_accepted_metric_points_total", Shape::Counter, Unit::One, &["receiver", "transport"]),
    ("otelcol_receiver_refused_spans_total", Shape::Counter, Unit::One, &["receiver", "transport"]),
    ("otelcol_receiver_refused_log_records_total", Shape::Counter, Unit::One, &["receiver", "transport"]),
    ("otelcol_receiver_refused_metric_points_total", Shape::Counter, Unit::One, &["receiver", "transport"]),
    ("otelcol_processor_incoming_items_total", Shape::Counter, Unit::One, &["processor", "otel_signal"]),
    ("otelcol_processor_outgoing_items_total", Shape::Counter, Unit::One, &["processor", "otel_signal"]),
    ("otelcol_process_uptime_seconds_total", Shape::Counter, Unit::Seconds, &[]),
    ("otelcol_process_cpu_seconds_total", Shape::Counter, Unit::Seconds, &[]),
    ("otelcol_process_memory_rss_bytes", Shape::Gauge, Unit::Bytes, &[]),
];

/// All of them by name.
pub(super) fn series() -> BTreeMap<String, Series> {
    let make = |&(name, shape, unit, labels): &External| {
        let labels = labels.iter().map(|label| known(label)).collect();
        (
            name.to_owned(),
            Series { shape, unit: Some(unit), measure: Measure::of(unit), labels, metric: None },
        )
    };
    SERIES.iter().map(make).collect()
}

fn known(name: &str) -> KnownLabel {
    let words: &[&str] = match name {
        "alertstate" => &["pending", "firing"],
        "severity" => &["critical", "warning", "info"],
        "data_type" | "otel_signal" => &["traces", "logs", "metrics"],
        _ => return KnownLabel::any(name),
    };
    KnownLabel {
        name: name.to_owned(),
        words: Words::OneOf(words.iter().map(|&word| word.to_owned()).collect()),
    }
}
