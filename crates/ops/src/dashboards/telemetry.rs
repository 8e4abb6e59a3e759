//! Telemetry itself: is it complete, what does it cost, does the Collector keep up?

use super::kinds::{Needs, Unit};
use super::model::{Dashboard, Panel, Row, row};
use super::variables;
use super::words::{rate, share, zero};

pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        uid: "clearway-telemetry",
        title: "Clearway / Telemetry itself",
        description: "Are traces and logs complete, what do metrics cost, and does the Collector keep up?",
        variables: variables::of_process(),
        annotations: variables::marks(),
        rows: vec![complete(), queues(), cost(), collector()],
    }
}

fn records(signal: &str, outcome: &str) -> String {
    format!("clearway_telemetry_records_total{{@process,signal=\"{signal}\",outcome=\"{outcome}\"}}")
}

fn complete() -> Row {
    let lost = |title, signal: &str, what: &str| {
        Panel::stat(
            title,
            &format!("Share of {what} that were dropped and not delivered. Zero while none are made."),
        )
        .query(
            format!(
                "({}) or 0 * {}",
                share(&rate("", &records(signal, "dropped")), &rate("", &records(signal, "produced"))),
                rate("", &records(signal, "produced"))
            ),
            "dropped",
        )
        .unit(Unit::Ratio)
        .thresholds(&[(0.0001, "orange"), (0.01, "red")])
    };
    row(
        "Is it complete?",
        vec![
            lost("Access log lines dropped", "access_log", "access log lines").deeper("clearway-logs-traces"),
            lost("Spans dropped", "spans", "spans").deeper("clearway-logs-traces"),
            lost("OTLP log records dropped", "otlp_logs", "log records for the Collector"),
            Panel::stat("Failed exports", "Attempts to write or send records that failed, per second; a batch may fail several times and arrive in the end.")
                .query(rate("", "clearway_telemetry_export_failures_total{@process}"), "failures")
                .unit(Unit::PerSecond)
                .thresholds(&[(0.001, "orange")]),
            Panel::stat("Series", "Series that all chosen processes expose; a histogram counts as one.")
                .query("sum(clearway_metrics_series{@process})", "series"),
            Panel::stat("Debug logging", "Processes that log more than the level info.")
                .query("sum(clearway_debug_logging{@process})", "processes")
                .thresholds(&[(1.0, "orange")]),
            Panel::graph("Records by signal and outcome", "Spans and log lines: produced is exported, dropped or queued.")
                .query(rate("signal, outcome", "clearway_telemetry_records_total{@process}"), "{{signal}} {{outcome}}")
                .unit(Unit::PerSecond),
            Panel::graph("Dropped records by reason", "Spans and log lines that were dropped, by why.")
                .query(
                    rate("signal, reason", r#"clearway_telemetry_records_total{@process,outcome="dropped"}"#),
                    "{{signal}} {{reason}}",
                )
                .unit(Unit::PerSecond),
        ],
    )
}

fn queues() -> Row {
    row(
        "Do the receivers keep up?",
        vec![
            Panel::graph("Queued records", "Spans and log lines that are neither exported nor dropped yet.")
                .query("sum by (signal) (clearway_telemetry_queued_records{@process})", "{{signal}}"),
            Panel::graph(
                "Fill of the queues",
                "Queued records as a share of what the queue of the signal holds, of the fullest process. The access log is bounded in bytes and not shown. Zero when the signal is off.",
            )
            .query(
                zero(
                    "max by (signal) (clearway_telemetry_queued_records{@process} / (clearway_telemetry_queue_capacity_records{@process} > 0))",
                    "max by (signal) (clearway_telemetry_queue_capacity_records{@process})",
                ),
                "{{signal}}",
            )
            .unit(Unit::Ratio)
            .max(1.0),
            Panel::graph("Failed exports by signal", "Attempts to write or send records that failed; a batch may fail several times and arrive in the end.")
                .query(rate("signal", "clearway_telemetry_export_failures_total{@process}"), "{{signal}}")
                .unit(Unit::PerSecond),
            Panel::graph("Capacity of the access log's buffer", "Bytes that the buffer of the access log holds at most; zero when it is off.")
                .query("max by (signal) (clearway_telemetry_queue_capacity_bytes{@process})", "{{signal}}")
                .unit(Unit::Bytes),
        ],
    )
}

fn cost() -> Row {
    let ours = "and on (cluster, job, instance) clearway_build_info{@process}";
    let legend = "{{job}} {{instance}}";
    row(
        "What do metrics cost?",
        vec![
            Panel::graph("Time of scrapes", "How long Prometheus took for a scrape of each process.")
                .query(format!("scrape_duration_seconds{{@process}} {ours}"), legend)
                .unit(Unit::Seconds),
            Panel::graph(
                "Time to write the exposition",
                "How long each process took to write the exposition before this one.",
            )
            .query("clearway_metrics_exposition_duration_seconds{@process}", legend)
            .unit(Unit::Seconds),
            Panel::graph(
                "Size of the exposition",
                "Size of the exposition before this one, before compression.",
            )
            .query("clearway_metrics_exposition_bytes{@process}", legend)
            .unit(Unit::Bytes),
            Panel::graph("Samples of scrapes", "Samples of each scrape: what Prometheus stores.")
                .query(format!("scrape_samples_scraped{{@process}} {ours}"), legend),
            Panel::graph(
                "Series by metric",
                "The fifteen metrics with the most series; a histogram counts as one.",
            )
            .query("topk(15, sum by (family) (clearway_metrics_series{@process}))", "{{family}}"),
            Panel::bars("Series by metric now", "The same, now.")
                .query("topk(15, sum by (family) (clearway_metrics_series{@process}))", "{{family}}"),
        ],
    )
}

fn collector() -> Row {
    let any = r#"{cluster=~"$cluster"}"#;
    let mut panels = vec![
        Panel::graph("Received", "Spans, log records and metric points that receivers took, and those that they refused.")
            .query(collector_rate("receiver", "otelcol_receiver_accepted_spans_total"), "{{receiver}} spans")
            .query(collector_rate("receiver", "otelcol_receiver_accepted_log_records_total"), "{{receiver}} log records")
            .query(collector_rate("receiver", "otelcol_receiver_accepted_metric_points_total"), "{{receiver}} metric points")
            .query(collector_rate("receiver", "otelcol_receiver_refused_spans_total"), "{{receiver}} spans refused")
            .unit(Unit::PerSecond),
        Panel::graph("Sent", "Spans, log records and metric points that exporters delivered, and those that they could not.")
            .query(collector_rate("exporter", "otelcol_exporter_sent_spans_total"), "{{exporter}} spans")
            .query(collector_rate("exporter", "otelcol_exporter_sent_log_records_total"), "{{exporter}} log records")
            .query(collector_rate("exporter", "otelcol_exporter_sent_metric_points_total"), "{{exporter}} metric points")
            .query(collector_rate("exporter", "otelcol_exporter_send_failed_spans_total"), "{{exporter}} spans failed")
            .unit(Unit::PerSecond),
        Panel::graph("Fill of the Collector's queues", "How full the sending queues are; what does not fit is lost.")
            .query(
                format!("max by (exporter) (otelcol_exporter_queue_size{any} / (otelcol_exporter_queue_capacity{any} > 0))"),
                "{{exporter}}",
            )
            .unit(Unit::Ratio)
            .max(1.0),
    ];
    for panel in &mut panels {
        *panel = panel.clone().size(8, 8).needs(Needs::Collector);
    }
    row("Does the Collector keep up?", panels)
}

fn collector_rate(labels: &str, name: &str) -> String {
    rate(labels, &format!("{name}{{cluster=~\"$cluster\"}}"))
}
