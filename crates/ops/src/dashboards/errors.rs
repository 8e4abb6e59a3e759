//! Errors: how many, whose fault, which flag; tries and retries; clients that left; gRPC.

use super::kinds::Unit;
use super::model::{Dashboard, Panel, Row, row};
use super::variables;
use super::words::{quantile, rate, share, total, zero};

const ALL: &str = "clearway_requests_total{@route}";
const QUIET: &str = "Empty while there are no requests.";

pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        uid: "clearway-errors",
        title: "Clearway / Errors",
        description: "How many requests fail, whose fault is it, why, and do retries help?",
        variables: variables::of_route(),
        annotations: variables::marks(),
        rows: vec![shares(), reasons(), tries(), clients(), grpc()],
    }
}

/// Requests that these matchers name, as a share of all.
fn part(matchers: &str) -> String {
    share(&rate("", &of(matchers)), &rate("", ALL))
}

fn of(matchers: &str) -> String {
    format!("clearway_requests_total{{@route,{matchers}}}")
}

fn shares() -> Row {
    let warm: &[(f64, &str)] = &[(0.001, "orange"), (0.01, "red")];
    let one = |title, description: &str, matchers: &str| {
        Panel::stat(title, &format!("{description} {QUIET}")).query(part(matchers), "share").unit(Unit::Ratio)
    };
    row(
        "How many, and whose fault?",
        vec![
            one("5xx", "Share of requests that ended with 5xx, whoever chose it.", r#"code_class="5xx""#).thresholds(warm),
            one(
                "Backend not reached",
                "Share of requests that failed between gateway and backend: no endpoint, no connection, no answer in time, broken off.",
                r#"reason=~"@upstream""#,
            )
            .thresholds(warm)
            .deeper("clearway-upstreams"),
            one(
                "Backend answered 5xx",
                "Share of requests that a backend answered with 5xx of its own.",
                r#"code_class="5xx",answered_by="upstream""#,
            )
            .thresholds(warm)
            .deeper("clearway-upstreams"),
            one(
                "Gateway's own",
                "Share of requests that failed by the gateway or its configuration: limits, rules without backend, drains.",
                r#"reason=~"@own""#,
            )
            .thresholds(warm)
            .deeper("clearway-configuration"),
            one(
                "Client's own",
                "Share of requests that the gateway refused or lost by the client's doing: no route, malformed, gone.",
                r#"reason=~"@client""#,
            ),
            Panel::stat("Failed in the time range", "Requests in the time range that ended with 5xx.")
                .query(zero(&total("", &of(r#"code_class="5xx""#)), &total("", ALL)), "requests"),
        ],
    )
}

fn reasons() -> Row {
    let failed = of(r#"reason!~"none|redirect|cors_preflight""#);
    row(
        "Why?",
        vec![
            Panel::stacked(
                "Failures by reason",
                "Requests that somebody failed, by the word that the access log has as `flag`. Empty when none failed.",
            )
            .query(rate("reason", &failed), "{{reason}}")
            .query(format!("0 * {}", rate("", ALL)), "none")
            .unit(Unit::Requests)
            .deeper("clearway-logs-traces"),
            Panel::graph("Errors by status code", "Requests that ended with a status from 400 on, or with none. Empty when none did.")
                .query(rate("code", &of(r#"code_class=~"4xx|5xx|none""#)), "{{code}}")
                .query(format!("0 * {}", rate("", ALL)), "none")
                .unit(Unit::Requests),
            Panel::table(
                "Who fails, and why",
                "Requests of the time range that somebody failed, by route and reason. Empty when none failed.",
                &[
                    ("gateway_namespace", "Gateway namespace"),
                    ("gateway_name", "Gateway"),
                    ("route_namespace", "Route namespace"),
                    ("route_name", "Route"),
                    ("route_rule", "Rule"),
                    ("answered_by", "Answered by"),
                    ("reason", "Reason"),
                    ("code", "Code"),
                ],
            )
            .column(
                total(
                    "gateway_namespace, gateway_name, route_namespace, route_name, route_rule, answered_by, reason, code",
                    &of(r#"code_class=~"4xx|5xx|none""#),
                ),
                "Requests",
                Unit::Count,
            )
            .size(24, 9)
            .deeper("clearway-logs-traces"),
        ],
    )
}

fn tries() -> Row {
    let attempts = r#"clearway_upstream_attempts_total{@process,route_name=~"$route"}"#;
    let of = |matchers: &str| {
        format!("clearway_upstream_attempts_total{{@process,route_name=~\"$route\",{matchers}}}")
    };
    let whole = "Tries know no gateway: they are those of the chosen routes on all of them.";
    row(
        "Do retries help?",
        vec![
            Panel::graph("Tries and retries", &format!("Tries to get an answer from a backend, and of them those that followed a failed one. {whole}"))
                .query(rate("", attempts), "tries")
                .query(zero(&rate("", &of(r#"retry="true""#)), &rate("", attempts)), "of them retries")
                .unit(Unit::PerSecond)
                .deeper("clearway-upstreams"),
            Panel::graph("Failed tries by reason", &format!("Tries that failed on the backend's side, by why. Empty when none failed. {whole}"))
                .query(rate("reason", &of(r#"reason=~"@upstream""#)), "{{reason}}")
                .query(format!("0 * {}", rate("", attempts)), "none")
                .unit(Unit::PerSecond)
                .deeper("clearway-upstreams"),
            Panel::graph(
                "Retries that ended well",
                &format!("Share of the retries that got an answer which was not tried again. {whole} Empty while there are no retries."),
            )
            .query(share(&rate("", &of(r#"retry="true",reason="none""#)), &rate("", &of(r#"retry="true""#))), "ended well")
            .unit(Unit::Ratio)
            .max(1.0),
            Panel::graph(
                "Failed tries by backend",
                &format!("Share of the tries of each backend that failed on its side. {whole} Empty while there are no tries."),
            )
            .query(
                share(
                    &rate("backend_namespace, backend_name", &of(r#"reason=~"@upstream""#)),
                    &rate("backend_namespace, backend_name", attempts),
                ),
                "{{backend_namespace}}/{{backend_name}}",
            )
            .unit(Unit::Ratio)
            .deeper("clearway-upstreams"),
        ],
    )
}

fn clients() -> Row {
    row(
        "Do clients leave?",
        vec![
            Panel::graph("Clients that left (499)", "Requests whose client went away before the end, by route. Zero when none did.")
                .query(rate("route_namespace, route_name", &of(r#"reason="client_gone""#)), "{{route_namespace}}/{{route_name}}")
                .query(format!("0 * {}", rate("", ALL)), "none")
                .unit(Unit::Requests),
            Panel::graph(
                "How long they waited",
                "Percentiles of the time of requests that ended with 4xx (499 is a client that left) or without a status. Empty when none did.",
            )
            .query(quantile("0.5", "", r#"clearway_request_duration_seconds_bucket{@route,code_class=~"4xx|none"}"#), "p50 of 4xx and none")
            .query(quantile("0.99", "", r#"clearway_request_duration_seconds_bucket{@route,code_class=~"4xx|none"}"#), "p99 of 4xx and none")
            .unit(Unit::Seconds)
            .exemplars(),
        ],
    )
}

fn grpc() -> Row {
    let calls = of(r#"grpc_status!="""#);
    row(
        "gRPC",
        vec![
            Panel::stacked("Calls by gRPC status", "Calls that got a gRPC status, by its name. Zero while there are no gRPC calls.")
                .query(rate("grpc_status", &calls), "{{grpc_status}}")
                .query(format!("0 * {}", rate("", ALL)), "none")
                .unit(Unit::Requests),
            Panel::graph(
                "Failed calls",
                "Share of gRPC calls whose status tells of a fault of the server (UNKNOWN, DEADLINE_EXCEEDED, UNIMPLEMENTED, INTERNAL, UNAVAILABLE, DATA_LOSS). Zero while there are no gRPC calls.",
            )
            .query(
                format!(
                    "({}) or 0 * {}",
                    share(&rate("", &of(r#"grpc_status=~"@grpc_errors""#)), &rate("", &calls)),
                    rate("", ALL)
                ),
                "failed",
            )
            .unit(Unit::Ratio),
        ],
    )
}
