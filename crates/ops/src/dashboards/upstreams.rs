//! Upstreams: are backends there, healthy, reachable, fast; do pools hold?

use super::kinds::Unit;
use super::model::{Dashboard, Panel, Row, row};
use super::variables;
use super::words::{quantile, rate, share, zero};

const BACKENDS: &str = "backend_namespace, backend_name, backend_port";
const LEGEND: &str = "{{backend_namespace}}/{{backend_name}}:{{backend_port}}";
const OFF: &str = "Empty when upstream health metrics are off.";
const ATTEMPTS: &str = "clearway_upstream_attempts_total{@backend}";

pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        uid: "clearway-upstreams",
        title: "Clearway / Upstreams",
        description: "Are the backends there, healthy, reachable and fast, and do the pools of connections hold?",
        variables: variables::of_backend(),
        annotations: variables::marks(),
        rows: vec![health(), endpoints_over_time(), tries(), speed(), pools(), each()],
    }
}

fn endpoints(state: &str) -> String {
    format!("sum by ({BACKENDS}) (clearway_upstream_endpoints{{@backend,state=\"{state}\"}})")
}

fn health() -> Row {
    let any = "count(clearway_upstream_endpoints{@backend})";
    let red: &[(f64, &str)] = &[(1.0, "red")];
    row(
        "Are they there?",
        vec![
            Panel::stat("Backends", &format!("Backends that routes name. {OFF}"))
                .query(format!("count({})", endpoints("configured")), "backends"),
            Panel::stat(
                "Without endpoint",
                &format!("Backends that have no endpoint: their requests get 503. {OFF}"),
            )
            .query(zero(&format!("count({} == 0)", endpoints("configured")), any), "backends")
            .thresholds(red),
            Panel::stat(
                "With ejected endpoints",
                &format!("Backends of which some process has taken out an endpoint for a while. {OFF}"),
            )
            .query(zero(&format!("count({} > 0)", endpoints("ejected")), any), "backends")
            .thresholds(&[(1.0, "orange")]),
            Panel::stat(
                "Ejections per second",
                &format!("Times that an endpoint was taken out because it failed. {OFF}"),
            )
            .query(rate("", "clearway_upstream_ejections_total{@backend}"), "ejections")
            .unit(Unit::PerSecond)
            .thresholds(&[(0.1, "orange")]),
            Panel::stat(
                "Waiting requests",
                &format!("Requests that wait for a connection to a backend. {OFF}"),
            )
            .query("sum(clearway_upstream_pending_requests{@backend})", "waiting")
            .thresholds(&[(1.0, "orange")]),
            Panel::stat(
                "Tries that fail",
                "Share of tries that failed on the backend's side. Empty while there are no tries.",
            )
            .query(
                share(
                    &rate("", r#"clearway_upstream_attempts_total{@backend,reason=~"@upstream"}"#),
                    &rate("", ATTEMPTS),
                ),
                "failed",
            )
            .unit(Unit::Ratio)
            .thresholds(&[(0.001, "orange"), (0.01, "red")])
            .deeper("clearway-errors"),
        ],
    )
}

fn endpoints_over_time() -> Row {
    row(
        "Do they stay healthy?",
        vec![
            Panel::graph(
                "Endpoints",
                &format!("Endpoints of each backend, as the process that knows most of them counts. {OFF}"),
            )
            .query(
                format!("max by ({BACKENDS}) (clearway_upstream_endpoints{{@backend,state=\"configured\"}})"),
                LEGEND,
            ),
            Panel::graph(
                "Ejected endpoints",
                &format!("Endpoints that are taken out for a while, each process counted by itself. {OFF}"),
            )
            .query(endpoints("ejected"), LEGEND),
            Panel::graph("Ejections", &format!("Times that an endpoint was taken out, by backend. {OFF}"))
                .query(rate(BACKENDS, "clearway_upstream_ejections_total{@backend}"), LEGEND)
                .unit(Unit::PerSecond),
            Panel::graph(
                "Connections by outcome",
                &format!("Connections that were opened to backends, by how that ended. {OFF}"),
            )
            .query(rate("outcome", "clearway_upstream_connects_total{@backend}"), "{{outcome}}")
            .unit(Unit::PerSecond)
            .deeper("clearway-network"),
        ],
    )
}

fn tries() -> Row {
    row(
        "Do they answer?",
        vec![
            Panel::stacked("Tries by backend", "Tries to get an answer from each backend. Empty while there are no tries.")
                .query(rate(BACKENDS, ATTEMPTS), LEGEND)
                .unit(Unit::PerSecond)
                .deeper("clearway-traffic"),
            Panel::graph("Tries by status code", "Tries by the status that came; none is a try without a response. Empty while there are no tries.")
                .query(rate("code", ATTEMPTS), "{{code}}")
                .unit(Unit::PerSecond)
                .deeper("clearway-errors"),
            Panel::graph("Failed tries by backend", "Share of the tries of each backend that failed on its side, without statuses that it chose itself. Empty while there are no tries.")
                .query(
                    share(&rate(BACKENDS, r#"clearway_upstream_attempts_total{@backend,reason=~"@upstream"}"#), &rate(BACKENDS, ATTEMPTS)),
                    LEGEND,
                )
                .unit(Unit::Ratio)
                .deeper("clearway-errors"),
            Panel::graph("5xx by backend", "Share of the tries of each backend that it answered with 5xx. Empty while there are no tries.")
                .query(
                    share(&rate(BACKENDS, r#"clearway_upstream_attempts_total{@backend,code=~"5.."}"#), &rate(BACKENDS, ATTEMPTS)),
                    LEGEND,
                )
                .unit(Unit::Ratio)
                .deeper("clearway-errors"),
        ],
    )
}

fn speed() -> Row {
    let first = "clearway_upstream_first_byte_duration_seconds_bucket{@backend}";
    let connect = "clearway_upstream_connect_duration_seconds_bucket{@backend}";
    let tls = "clearway_upstream_tls_handshake_duration_seconds_bucket{@backend}";
    let quiet = "Empty while there are no tries.";
    row(
        "Are they fast?",
        vec![
            Panel::graph("p99 to the first byte", &format!("99 of 100 tries had the head of the response by then, by backend. {quiet}"))
                .query(quantile("0.99", BACKENDS, first), LEGEND)
                .unit(Unit::Seconds)
                .exemplars()
                .deeper("clearway-logs-traces"),
            Panel::heatmap("Time to the first byte", &format!("Tries by the time from their start to the head of the response. {quiet}"))
                .query(format!("sum by (le) (increase({first}[$__rate_interval]))"), "{{le}}")
                .unit(Unit::Seconds)
                .exemplars()
                .deeper("clearway-logs-traces"),
            Panel::graph("p99 to connect", "99 of 100 connections to the backend were open by then, without TLS. Empty while no connection is opened.")
                .query(quantile("0.99", BACKENDS, connect), LEGEND)
                .unit(Unit::Seconds)
                .deeper("clearway-network"),
            Panel::graph("p99 of TLS", "99 of 100 TLS handshakes with the backend were done by then. Empty while none is made: backends without TLS have no handshakes.")
                .query(quantile("0.99", BACKENDS, tls), LEGEND)
                .unit(Unit::Seconds)
                .deeper("clearway-network"),
            Panel::stacked(
                "Where the time of requests goes",
                "Mean time of a request by phase, of all requests of the chosen processes: queue, connect, tls and upstream are the wait for backends. Empty while there are no requests.",
            )
            .query(
                format!(
                    "{} / on () group_left () (sum(rate(clearway_request_duration_seconds_count{{@process}}[$__rate_interval])) > 0)",
                    rate("phase", "clearway_request_phase_duration_seconds_sum{@process}")
                ),
                "{{phase}}",
            )
            .unit(Unit::Seconds)
            .size(24, 8)
            .deeper("clearway-traffic"),
        ],
    )
}

fn pools() -> Row {
    row(
        "Do the pools hold?",
        vec![
            Panel::graph("Open connections", &format!("Connections to each backend. {OFF}"))
                .query(format!("sum by ({BACKENDS}) (clearway_upstream_connections{{@backend,state=\"open\"}})"), LEGEND),
            Panel::graph("Idle connections", &format!("Connections to each backend that wait in a pool. {OFF}"))
                .query(format!("sum by ({BACKENDS}) (clearway_upstream_connections{{@backend,state=\"idle\"}})"), LEGEND),
            Panel::graph("Reuse", &format!("Share of tries that were sent on a connection that had served before. {OFF} Empty while there are no tries."))
                .query(share(&rate(BACKENDS, "clearway_upstream_reused_total{@backend}"), &rate(BACKENDS, ATTEMPTS)), LEGEND)
                .unit(Unit::Ratio),
            Panel::graph("Requests that wait", &format!("Requests that wait for a connection to each backend: its connection limit is reached. {OFF}"))
                .query(format!("sum by ({BACKENDS}) (clearway_upstream_pending_requests{{@backend}})"), LEGEND),
        ],
    )
}

fn each() -> Row {
    row(
        "Every backend",
        vec![
            Panel::table(
                "Backends now",
                &format!("Every backend that routes name. {OFF}"),
                &[
                    ("backend_kind", "Kind"),
                    ("backend_namespace", "Namespace"),
                    ("backend_name", "Backend"),
                    ("backend_port", "Port"),
                ],
            )
            .column(
                rate("backend_kind, backend_namespace, backend_name, backend_port", ATTEMPTS),
                "Tries",
                Unit::PerSecond,
            )
            .column(
                of_each("max", "clearway_upstream_endpoints", r#",state="configured""#),
                "Endpoints",
                Unit::Count,
            )
            .column(
                of_each("sum", "clearway_upstream_endpoints", r#",state="ejected""#),
                "Ejected",
                Unit::Count,
            )
            .column(
                of_each("sum", "clearway_upstream_connections", r#",state="open""#),
                "Open connections",
                Unit::Count,
            )
            .column(of_each("sum", "clearway_upstream_pending_requests", ""), "Waiting", Unit::Count)
            .column(
                quantile(
                    "0.99",
                    "backend_kind, backend_namespace, backend_name, backend_port",
                    "clearway_upstream_first_byte_duration_seconds_bucket{@backend}",
                ),
                "p99 to first byte",
                Unit::Seconds,
            ),
        ],
    )
}

fn of_each(operator: &str, name: &str, matchers: &str) -> String {
    format!(
        "{operator} by (backend_kind, backend_namespace, backend_name, backend_port) ({name}{{@backend{matchers}}})"
    )
}
