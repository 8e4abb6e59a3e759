//! Whether what Clearway tells is whole, and what it costs.

use crate::rules::alert::{Alert, critical, warning};

/// The alerts of this room.
pub(in crate::rules) const ALERTS: &[Alert] = &[
    Alert {
        name: "ClearwayTelemetryDropped",
        summary: "Spans or log records are dropped.",
        description: "{{ $labels.instance }} in namespace {{ $labels.namespace }} drops {{ $value | humanizePercentage }} of its {{ \
                      $labels.signal }} because of {{ $labels.reason }}.",
        dashboard: "clearway-telemetry",
        expr: "
            sum by (<Target>, signal, reason) (
              rate(clearway_telemetry_records_total{signal!=\"access_log\", outcome=\"dropped\"}[<rateWindow>])
            )
              / on (<Target>, signal) group_left ()
            sum by (<Target>, signal) (rate(clearway_telemetry_records_total{outcome=\"produced\"}[<rateWindow>]))
            > <limit>",
        levels: &[
            critical(&[("limit", "telemetryDropRatioCritical")], "telemetryDropFor"),
            warning(&[("limit", "telemetryDropRatioWarning")], "telemetryDropFor"),
        ],
    },
    Alert {
        name: "ClearwayAccessLogDropped",
        summary: "Lines of the access log are dropped.",
        description: "{{ $labels.instance }} in namespace {{ $labels.namespace }} drops {{ $value | humanizePercentage }} of its access-log \
                      lines because of {{ $labels.reason }}.",
        dashboard: "clearway-telemetry",
        expr: "
            sum by (<Target>, reason) (
              rate(clearway_telemetry_records_total{signal=\"access_log\", outcome=\"dropped\"}[<rateWindow>])
            )
              / on (<Target>) group_left ()
            sum by (<Target>) (
              rate(clearway_telemetry_records_total{signal=\"access_log\", outcome=\"produced\"}[<rateWindow>])
            )
            > <limit>",
        levels: &[
            critical(&[("limit", "accessLogDropRatioCritical")], "accessLogDropFor"),
            warning(&[("limit", "accessLogDropRatioWarning")], "accessLogDropFor"),
        ],
    },
    Alert {
        name: "ClearwaySeriesBudgetNear",
        summary: "A process has nearly as many series as were planned for.",
        description: "{{ $labels.instance }} in namespace {{ $labels.namespace }} shows {{ $value | humanizePercentage }} of the series that \
                      were planned for: Prometheus's memory grows with them.",
        dashboard: "clearway-telemetry",
        expr: "
            (scrape_samples_scraped and on (<Target>) clearway_build_info) / <seriesBudget> > <limit>",
        levels: &[warning(&[("limit", "seriesBudgetWarning")], "seriesBudgetFor")],
    },
    Alert {
        name: "ClearwayScrapeSlow",
        summary: "Scrapes of a process of Clearway take long.",
        description: "Scraping {{ $labels.instance }} of job {{ $labels.job }} in namespace {{ $labels.namespace }} takes {{ $value | \
                      humanizeDuration }}: past the time limit there are gaps.",
        dashboard: "clearway-telemetry",
        expr: "
            scrape_duration_seconds > <limit>
            and on (<Target>) clearway_build_info",
        levels: &[warning(&[("limit", "scrapeSlowWarning")], "scrapeSlowFor")],
    },
    Alert {
        name: "ClearwayDebugLogging",
        summary: "Debug logging has been left on.",
        description: "{{ $labels.instance }} of job {{ $labels.job }} in namespace {{ $labels.namespace }} has logged more than the level \
                      info for a long time: it costs CPU and log storage.",
        dashboard: "clearway-telemetry",
        expr: "clearway_debug_logging == 1",
        levels: &[warning(&[], "debugLoggingFor")],
    },
];
