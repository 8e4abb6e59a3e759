//! Traffic: how much, of what, how fast, how large; by gateway, listener, route and rule.

use super::kinds::Unit;
use super::model::{Dashboard, Panel, Row, row};
use super::variables;
use super::words::{mean, quantile, rate, share, total};

const ALL: &str = "clearway_requests_total{@route}";
const DURATION: &str = "clearway_request_duration_seconds_bucket{@route}";
const ROUTES: &str = "route_kind, route_namespace, route_name";
const RULES: &str = "route_namespace, route_name, route_rule";
const LISTENERS: &str = "gateway_namespace, gateway_name, listener";

pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        uid: "clearway-traffic",
        title: "Clearway / Traffic",
        description: "How much traffic is there, of what kind, how fast is it served, how large is it, and whose is it?",
        variables: variables::of_route(),
        annotations: variables::marks(),
        rows: vec![now(), kinds(), latency(), owners(), bandwidth(), objects()],
    }
}

fn now() -> Row {
    row(
        "How much?",
        vec![
            Panel::stat("Requests per second", "Requests that ended, per second.")
                .query(rate("", ALL), "requests")
                .unit(Unit::Requests),
            Panel::stat("Requests in the time range", "Requests that ended in the time range of the dashboard.")
                .query(total("", ALL), "requests"),
            Panel::stat("Being served", "Requests that are being served now; of whole gateways, whatever route is chosen.")
                .query("sum(clearway_requests_in_flight{@gateway})", "in flight"),
            Panel::stat("Served well", "Share of requests in the time range that did not end with 5xx. Empty while there are no requests.")
                .query(
                    format!("1 - ({})", share(&total("", r#"clearway_requests_total{@route,code_class="5xx"}"#), &total("", ALL))),
                    "well",
                )
                .unit(Unit::Ratio)
                .thresholds(&[(f64::NEG_INFINITY, "red"), (0.99, "orange"), (0.999, "green")])
                .deeper("clearway-errors"),
            Panel::stat("Received", "Request body bytes taken from clients, per second. Empty when bandwidth metrics are off.")
                .query(rate("", "clearway_request_body_bytes_total{@route}"), "received")
                .unit(Unit::BytesPerSecond),
            Panel::stat("Sent", "Response body bytes given to clients, per second. Empty when bandwidth metrics are off.")
                .query(rate("", "clearway_response_body_bytes_total{@route}"), "sent")
                .unit(Unit::BytesPerSecond),
        ],
    )
}

fn kinds() -> Row {
    let codes = "Requests by the class of their status code; none is a request that ended without a status.";
    row(
        "Of what kind?",
        vec![
            Panel::stacked("Status classes", codes)
                .query(rate("code_class", ALL), "{{code_class}}")
                .unit(Unit::Requests)
                .deeper("clearway-errors"),
            Panel::graph("Status codes", "Requests by status code. 499 is a client that left before it got a status.")
                .query(rate("code", ALL), "{{code}}")
                .unit(Unit::Requests)
                .deeper("clearway-errors"),
            Panel::bars("Status codes in the time range", "Requests by status code, in the time range of the dashboard.")
                .query(total("code", ALL), "{{code}}")
                .size(6, 8),
            Panel::graph("Protocols", "Requests by what the client speaks.")
                .query(rate("protocol", ALL), "{{protocol}}")
                .unit(Unit::Requests)
                .size(6, 8)
                .deeper("clearway-network"),
            Panel::graph("Methods", "Requests by method; _OTHER is one that is not registered.")
                .query(rate("method", ALL), "{{method}}")
                .unit(Unit::Requests)
                .size(6, 8),
            Panel::graph("Answered by", "Requests by who made the response: the gateway answers redirects, preflights and what it refuses.")
                .query(rate("answered_by", ALL), "{{answered_by}}")
                .unit(Unit::Requests)
                .size(6, 8),
        ],
    )
}

fn latency() -> Row {
    let quiet = "Empty while there are no requests, and when only native histograms are scraped.";
    row(
        "How fast?",
        vec![
            Panel::graph(
                "Time of requests",
                &format!("Percentiles of the time from the first byte of the request to the last byte of the response; points are exemplars, which lead to traces. {quiet}"),
            )
            .query(quantile("0.5", "", DURATION), "p50")
            .query(quantile("0.9", "", DURATION), "p90")
            .query(quantile("0.95", "", DURATION), "p95")
            .query(quantile("0.99", "", DURATION), "p99")
            .unit(Unit::Seconds)
            .exemplars()
            .deeper("clearway-logs-traces"),
            Panel::heatmap("Times as a heatmap", &format!("Requests by how long they took; points are exemplars, which lead to traces. {quiet}"))
                .query(format!("sum by (le) (increase({DURATION}[$__rate_interval]))"), "{{le}}")
                .unit(Unit::Seconds)
                .exemplars()
                .deeper("clearway-logs-traces"),
            Panel::graph("p99 by route", &format!("The ten slowest routes. {quiet}"))
                .query(
                    format!("topk(10, {})", quantile("0.99", "route_namespace, route_name", r#"clearway_request_duration_seconds_bucket{@route,route_name!=""}"#)),
                    "{{route_namespace}}/{{route_name}}",
                )
                .unit(Unit::Seconds)
                .exemplars(),
            Panel::graph("p99 by status class", &format!("Refusals that are faster than answers, or errors that are slower. {quiet}"))
                .query(quantile("0.99", "code_class", DURATION), "{{code_class}}")
                .unit(Unit::Seconds)
                .exemplars(),
            Panel::stacked(
                "Where the time goes",
                &format!(
                    "Mean time of a request by phase: client (read, write), gateway (route, policy, queue), network (connect, tls), backend (upstream, body). Of whole gateways, whatever route is chosen. {quiet}"
                ),
            )
            .query(
                format!(
                    "{} / on () group_left () (sum(rate(clearway_request_duration_seconds_count{{@gateway}}[$__rate_interval])) > 0)",
                    rate("phase", "clearway_request_phase_duration_seconds_sum{@gateway}")
                ),
                "{{phase}}",
            )
            .unit(Unit::Seconds)
            .deeper("clearway-upstreams"),
            Panel::graph("Mean time, and the wait for backends", &format!("Mean time of requests, and of it the wait for backends (upstream and body). Of whole gateways, whatever route is chosen. {quiet}"))
                .query(mean("", "clearway_request_duration_seconds", "@gateway"), "whole request")
                .query(
                    "sum(rate(clearway_request_phase_duration_seconds_sum{@gateway,phase=~\"upstream|body\"}[$__rate_interval])) \
                         / (sum(rate(clearway_request_duration_seconds_count{@gateway}[$__rate_interval])) > 0)",
                    "backend",
                )
                .unit(Unit::Seconds)
                .deeper("clearway-upstreams"),
        ],
    )
}

fn owners() -> Row {
    let named = |label: &str| format!("clearway_requests_total{{@route,{label}!=\"\"}}");
    row(
        "Whose is it?",
        vec![
            Panel::stacked(
                "By gateway",
                "Requests by Gateway; the rest reached a port where no listener took them.",
            )
            .query(
                rate("gateway_namespace, gateway_name", &named("gateway_name")),
                "{{gateway_namespace}}/{{gateway_name}}",
            )
            .query(rate("", r#"clearway_requests_total{@route,gateway_name=""}"#), "no listener")
            .unit(Unit::Requests),
            Panel::stacked("By listener", "Requests by listener.")
                .query(
                    rate(LISTENERS, &named("listener")),
                    "{{gateway_namespace}}/{{gateway_name}}/{{listener}}",
                )
                .unit(Unit::Requests)
                .deeper("clearway-network"),
            Panel::stacked("By route", "The ten busiest routes; no route is what got 404.")
                .query(
                    format!("topk(10, {})", rate("route_namespace, route_name", &named("route_name"))),
                    "{{route_namespace}}/{{route_name}}",
                )
                .query(rate("", r#"clearway_requests_total{@route,route_name=""}"#), "no route")
                .unit(Unit::Requests),
            Panel::stacked("By rule", "The twenty busiest rules: the rule's name, else its number.")
                .query(
                    format!("topk(20, {})", rate(RULES, &named("route_name"))),
                    "{{route_namespace}}/{{route_name}}/{{route_rule}}",
                )
                .unit(Unit::Requests),
        ],
    )
}

fn bandwidth() -> Row {
    let off = "Empty when bandwidth metrics are off.";
    let (received, sent) =
        ("clearway_request_body_bytes_total{@route}", "clearway_response_body_bytes_total{@route}");
    row(
        "How large?",
        vec![
            Panel::graph("Bytes by listener", &format!("Body bytes of requests (received) and responses (sent) by listener. {off}"))
                .query(rate("gateway_name, listener", received), "{{gateway_name}}/{{listener}} received")
                .query(rate("gateway_name, listener", sent), "{{gateway_name}}/{{listener}} sent")
                .unit(Unit::BytesPerSecond)
                .deeper("clearway-network"),
            Panel::graph("Bytes sent by route", &format!("The ten routes with the most response body bytes. {off}"))
                .query(
                    format!(
                        "topk(10, {})",
                        rate("route_namespace, route_name", r#"clearway_response_body_bytes_total{@route,route_name!=""}"#)
                    ),
                    "{{route_namespace}}/{{route_name}}",
                )
                .unit(Unit::BytesPerSecond),
            Panel::graph("Bytes for each request", &format!("Mean size of request and response bodies. {off}"))
                .query(format!("{} / ({} > 0)", rate("", received), rate("", ALL)), "request")
                .query(format!("{} / ({} > 0)", rate("", sent), rate("", ALL)), "response")
                .unit(Unit::Bytes),
            Panel::graph("Mirrored requests", "Copies that mirror filters sent, by what became of them; they are not among the requests above.")
                .query("sum by (outcome) (rate(clearway_mirrored_requests_total{@process}[$__rate_interval]))", "{{outcome}}")
                .unit(Unit::Requests),
        ],
    )
}

fn objects() -> Row {
    let routed = r#"clearway_requests_total{@route,route_name!=""}"#;
    let bad = r#"clearway_requests_total{@route,route_name!="",code_class="5xx"}"#;
    let labels = &[
        ("route_kind", "Kind"),
        ("route_namespace", "Namespace"),
        ("route_name", "Route"),
        ("route_rule", "Rule"),
    ];
    let rules = format!("{ROUTES}, route_rule");
    row(
        "Every rule",
        vec![
            Panel::table(
                "Rules in the time range",
                "Every rule that had a request in the time range of the dashboard.",
                labels,
            )
            .column(total(&rules, routed), "Requests", Unit::Count)
            .column(share(&total(&rules, bad), &total(&rules, routed)), "5xx", Unit::Ratio)
            .column(quantile_over_range("0.5", &rules), "p50", Unit::Seconds)
            .column(quantile_over_range("0.99", &rules), "p99", Unit::Seconds)
            .column(
                total(&rules, r#"clearway_response_body_bytes_total{@route,route_name!=""}"#),
                "Sent",
                Unit::Bytes,
            )
            .size(24, 10),
        ],
    )
}

fn quantile_over_range(q: &str, labels: &str) -> String {
    let buckets = r#"clearway_request_duration_seconds_bucket{@route,route_name!=""}"#;
    format!("histogram_quantile({q}, {})", total(&format!("le, {labels}"), buckets))
}
