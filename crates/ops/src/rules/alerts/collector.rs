//! The OpenTelemetry Collector that carries the telemetry on, in its own words.
//!
//! Series of spans, log records and metric points differ by name only, so each gets a label before they are joined.
//! Its names have `_total` because the shipped configuration sets `without_type_suffix: false`.

use crate::rules::alert::{Alert, Level, Severity, critical, warning};

/// The alerts of this room.
pub(in crate::rules) const ALERTS: &[Alert] = &[
    Alert {
        name: "ClearwayCollectorQueueFilling",
        summary: "A queue of the Collector fills.",
        description: "The queue of exporter {{ $labels.exporter }} for {{ $labels.data_type }} of Collector {{ $labels.instance }} is {{ $value | \
                      humanizePercentage }} full: its backend is slow or gone.",
        dashboard: "clearway-telemetry",
        expr: "
            max by (<Target>, exporter, data_type) (otelcol_exporter_queue_size / otelcol_exporter_queue_capacity) > <limit>",
        levels: &[
            critical(&[("limit", "collectorQueueRatioCritical")], "collectorQueueFor"),
            warning(&[("limit", "collectorQueueRatioWarning")], "collectorQueueFor"),
        ],
    },
    Alert {
        name: "ClearwayCollectorRefusing",
        summary: "The Collector refuses what it is sent.",
        description: "Collector {{ $labels.instance }} refuses {{ $value | humanize }} {{ $labels.item }} a second at receiver {{ $labels.receiver }}: \
                      it is short of memory, or its queues are full.",
        dashboard: "clearway-telemetry",
        expr: "
            sum by (<Target>, receiver, item) (
              label_replace(rate(otelcol_receiver_refused_spans_total[<rateWindow>]), \"item\", \"spans\", \"\", \"\")
              or label_replace(rate(otelcol_receiver_refused_log_records_total[<rateWindow>]), \"item\", \"log_records\", \"\", \"\")
              or label_replace(rate(otelcol_receiver_refused_metric_points_total[<rateWindow>]), \"item\", \"metric_points\", \"\", \"\")
            ) > 0",
        levels: &[warning(&[], "collectorRefusingFor")],
    },
    Alert {
        name: "ClearwayCollectorExportFailing",
        summary: "The Collector cannot send on what it has.",
        description: "Exporter {{ $labels.exporter }} of Collector {{ $labels.instance }} fails to send {{ $value | humanize }} {{ $labels.item }} a second; \
                      critical means that its queue takes no more.",
        dashboard: "clearway-telemetry",
        expr: "",
        levels: &[
            Level {
                severity: Severity::Critical,
                hold: "eventFor",
                fill: &[],
                labels: &[],
                expr: "
                    sum by (<Target>, exporter, item) (
                      label_replace(rate(otelcol_exporter_enqueue_failed_spans_total[<rateWindow>]), \"item\", \"spans\", \"\", \"\")
                      or label_replace(rate(otelcol_exporter_enqueue_failed_log_records_total[<rateWindow>]), \"item\", \"log_records\", \"\", \"\")
                      or label_replace(rate(otelcol_exporter_enqueue_failed_metric_points_total[<rateWindow>]), \"item\", \"metric_points\", \"\", \"\")
                    ) > 0",
            },
            Level {
                severity: Severity::Warning,
                hold: "collectorFailingFor",
                fill: &[],
                labels: &[],
                expr: "
                    sum by (<Target>, exporter, item) (
                      label_replace(rate(otelcol_exporter_send_failed_spans_total[<rateWindow>]), \"item\", \"spans\", \"\", \"\")
                      or label_replace(rate(otelcol_exporter_send_failed_log_records_total[<rateWindow>]), \"item\", \"log_records\", \"\", \"\")
                      or label_replace(rate(otelcol_exporter_send_failed_metric_points_total[<rateWindow>]), \"item\", \"metric_points\", \"\", \"\")
                    ) > 0",
            },
        ],
    },
];
