//! Access logs and traces: how many, and the lines and traces themselves where Loki and Tempo are there.

use super::choices::Variable;
use super::kinds::{Needs, Source, Unit};
use super::model::{Dashboard, Panel, Row, closed_row, row};
use super::variables;
use super::words::{quantile, rate, share};

/// Access log lines of what is chosen. The gateway writes JSON; the label is what collectors commonly make of the container.
const LINES: &str = r#"{$log_selector} | json | event="gateway.http.access""#;

pub(super) fn dashboard() -> Dashboard {
    let mut variables = variables::of_route();
    variables.insert(1, Variable::Source(Source::Loki));
    variables.insert(2, Variable::Source(Source::Tempo));
    variables.push(Variable::Text {
        name: "log_selector",
        label: "Log stream",
        description: "The streams of Loki that hold the access log, as a selector without braces.",
        value: r#"service_name=~".*clearway.*""#,
    });
    Dashboard {
        uid: "clearway-logs-traces",
        title: "Clearway / Access logs and traces",
        description: "Which requests were it? From a number to a trace and a log line; the first rows need only Prometheus.",
        variables,
        annotations: variables::marks(),
        rows: vec![numbers(), exemplars(), logs(), traces()],
    }
}

fn numbers() -> Row {
    let records = |matchers: &str| format!("clearway_telemetry_records_total{{@process,{matchers}}}");
    row(
        "Are they complete?",
        vec![
            Panel::graph("Lines and spans", "Access log lines, spans and log records for a Collector that were made.")
                .query(rate("signal", &records(r#"outcome="produced""#)), "{{signal}}")
                .unit(Unit::PerSecond)
                .size(8, 8)
                .deeper("clearway-telemetry"),
            Panel::graph("Lines and spans lost", "Access log lines, spans and log records that were dropped.")
                .query(rate("signal", &records(r#"outcome="dropped""#)), "{{signal}}")
                .unit(Unit::PerSecond)
                .size(8, 8)
                .deeper("clearway-telemetry"),
            Panel::graph(
                "Spans for each request",
                "Spans that were made for each request: about two for each request that is sampled, one more for each retry. Empty while there are no requests.",
            )
            .query(
                share(&rate("", &records(r#"signal="spans",outcome="produced""#)), &rate("", "clearway_requests_total{@process}")),
                "spans",
            )
            .size(8, 8),
        ],
    )
}

fn exemplars() -> Row {
    let quiet = "Empty while there are no requests.";
    row(
        "Which requests were slow?",
        vec![
            Panel::graph(
                "Slow requests with their traces",
                &format!("Percentiles of the time of requests; each point is a request whose trace id opens its trace, when the data source has `exemplarTraceIdDestinations`. {quiet}"),
            )
            .query(quantile("0.5", "", "clearway_request_duration_seconds_bucket{@route}"), "p50")
            .query(quantile("0.99", "", "clearway_request_duration_seconds_bucket{@route}"), "p99")
            .unit(Unit::Seconds)
            .exemplars(),
            Panel::graph("Failed requests by reason", &format!("The word that access log lines have as `flag`. {quiet}"))
                .query(rate("reason", r#"clearway_requests_total{@route,reason!~"none|redirect|cors_preflight"}"#), "{{reason}}")
                .query(format!("0 * {}", rate("", "clearway_requests_total{@route}")), "none")
                .unit(Unit::Requests)
                .deeper("clearway-errors"),
        ],
    )
}

fn logs() -> Row {
    let scope = r#"| gateway_name=~"$gateway" | route_name=~"$route""#;
    let lines = |rest: &str| format!("{LINES} {scope} {rest}");
    closed_row(
        "Access log (needs Loki)",
        vec![
            Panel::stacked("Lines by level", "Access log lines by level: error is a 5xx, or a failure of gateway or backend.")
                .from_loki()
                .query(format!("sum by (level) (rate({} [$__auto]))", lines("")), "{{level}}")
                .unit(Unit::PerSecond)
                .needs(Needs::Loki),
            Panel::stacked("Failures by flag", "Access log lines of failed requests by flag: the same words as the label reason of metrics.")
                .from_loki()
                .query(format!("sum by (flag) (rate({} [$__auto]))", lines(r#"| side!="""#)), "{{flag}}")
                .unit(Unit::PerSecond)
                .needs(Needs::Loki),
            Panel::logs(
                "Failed requests",
                "Access log lines of requests that somebody failed. The details of a line lead to its trace, when the data source has a derived field for `trace_id`.",
            )
            .query(lines(r#"| side!="""#), "lines")
            .needs(Needs::Loki),
            Panel::logs(
                "Slow requests",
                "Access log lines of requests that took longer than a second. The details of a line lead to its trace, when the data source has a derived field for `trace_id`.",
            )
            .query(lines("| duration_seconds > 1"), "lines")
            .needs(Needs::Loki),
        ],
    )
}

fn traces() -> Row {
    closed_row(
        "Traces (need Tempo)",
        vec![
            Panel::traces("Failed traces", "Traces with a SERVER span of the gateway that failed; the trace id opens the trace.")
                .query(r#"{ span.clearway.flag != nil && kind = server && status = error && span.clearway.gateway.name =~ "$gateway" && span.clearway.route.name =~ "$route" }"#, "traces")
                .needs(Needs::Tempo),
            Panel::traces("Slow traces", "Traces with a SERVER span of the gateway that took longer than half a second; the trace id opens the trace.")
                .query(r#"{ span.clearway.flag != nil && kind = server && duration > 500ms && span.clearway.gateway.name =~ "$gateway" && span.clearway.route.name =~ "$route" }"#, "traces")
                .needs(Needs::Tempo),
        ],
    )
}
