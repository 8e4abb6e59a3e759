//! Overview: is it healthy, is it within its objectives, who is hurting, what changed?

use super::choices::Variable;
use super::kinds::{Needs, Unit};
use super::model::{Dashboard, Panel, Row, row};
use super::variables;
use super::words::{quantile, rate, share, total, zero};

const BAD: &str = r#"clearway_requests_total{@gateway,code_class="5xx"}"#;
const ALL: &str = "clearway_requests_total{@gateway}";
const GATEWAYS: &str = "gateway_namespace, gateway_name";
const ROUTES: &str = "route_kind, route_namespace, route_name";
const BACKENDS: &str = "backend_kind, backend_namespace, backend_name, backend_port";

pub(super) fn dashboard() -> Dashboard {
    let mut variables = variables::of_gateway();
    variables.push(Variable::Choice {
        name: "availability",
        label: "Objective",
        description: "The share of requests that must not end with 5xx, for the panels of the second row.",
        values: &[
            ("0.999", "99.9 %"),
            ("0.99", "99 %"),
            ("0.995", "99.5 %"),
            ("0.9995", "99.95 %"),
            ("0.9999", "99.99 %"),
        ],
    });
    variables.push(Variable::Choice {
        name: "latency",
        label: "Fast is",
        description: "The time within which a request counts as fast, for the panels of the second row: bounds of the histogram.",
        values: &[("0.5", "500 ms"), ("0.05", "50 ms"), ("0.1", "100 ms"), ("0.25", "250 ms"), ("2.5", "2.5 s")],
    });
    Dashboard {
        uid: "clearway-overview",
        title: "Clearway / Overview",
        description: "Is it healthy, is it within its objectives, who is hurting, what changed?",
        variables,
        annotations: variables::marks(),
        rows: vec![healthy(), objectives(), hurting(), changed()],
    }
}

fn healthy() -> Row {
    let red_above_zero: &[(f64, &str)] = &[(1.0, "red")];
    row(
        "Is it healthy?",
        vec![
            Panel::stat("Processes that answer", "Targets that answered the last scrape, of jobs that had a Clearway process in the last 6 hours.")
                .query("sum(up{@process} and on (cluster, job) last_over_time(clearway_build_info{@process}[6h]))", "up")
                .deeper("clearway-resources"),
            Panel::stat(
                "Processes that do not",
                "Targets that did not answer the last scrape, of jobs that had a Clearway process in the last 6 hours.",
            )
            .query(
                "sum(1 - up{@process} and on (cluster, job) last_over_time(clearway_build_info{@process}[6h]))",
                "down",
            )
            .thresholds(red_above_zero),
            Panel::stat(
                "Newest configuration",
                "Whether every data plane serves the newest configuration that it was given. When one was refused, the last good one is served.",
            )
            .query("min(clearway_config_valid{@process})", "valid")
            .words(&[(0.0, "refused somewhere", "red"), (1.0, "served", "green")])
            .deeper("clearway-configuration"),
            Panel::stat(
                "Versions served",
                "How many different configurations are served or published now. One is right for one fleet, except while a change spreads.",
            )
            .query(r#"count(count_values("version", clearway_config_version{@process}))"#, "versions")
            .thresholds(&[(2.0, "orange")])
            .deeper("clearway-configuration"),
            Panel::stat(
                "Backends without endpoint",
                "Backends that routes name and that have no endpoint: their requests get 503.",
            )
            .query(
                zero(
                    &format!("count(sum by ({BACKENDS}) (clearway_upstream_endpoints{{@process,state=\"configured\"}}) == 0)"),
                    "count(clearway_upstream_endpoints{@process})",
                ),
                "backends",
            )
            .thresholds(red_above_zero)
            .deeper("clearway-upstreams"),
            Panel::stat(
                "Control planes ready",
                "Control planes whose every layer of readiness holds.",
            )
            .query(r#"sum(clearway_controlplane_readiness_layer{@process,layer="all"})"#, "ready")
            .needs(Needs::ControlPlane)
            .deeper("clearway-controlplane"),
        ],
    )
}

fn objectives() -> Row {
    let (bad, all) = (total("", BAD), total("", ALL));
    let fast = r#"clearway_request_duration_seconds_bucket{@gateway,le="$latency"}"#;
    let counted = "clearway_request_duration_seconds_count{@gateway}";
    let quiet = "Empty while there are no requests.";
    row(
        "Is it within its objectives?",
        vec![
            Panel::stat("Availability", &format!("Share of requests in the time range that did not end with 5xx. {quiet}"))
                .query(format!("1 - ({})", share(&bad, &all)), "availability")
                .unit(Unit::Ratio)
                .thresholds(&[(f64::NEG_INFINITY, "red"), (0.99, "orange"), (0.999, "green")])
                .deeper("clearway-errors"),
            Panel::stat(
                "Error budget left",
                &format!("What is left of the errors that the objective at the top allows in the time range; below zero it is spent. {quiet}"),
            )
            .query(format!("1 - ({}) / (1 - $availability)", share(&bad, &all)), "left")
            .unit(Unit::Ratio)
            .thresholds(&[(f64::NEG_INFINITY, "red"), (0.0, "orange"), (0.25, "green")])
            .deeper("clearway-errors"),
            Panel::stat(
                "Fast enough",
                &format!("Share of requests in the time range that took no longer than chosen at the top. {quiet}"),
            )
            .query(share(&total("", fast), &total("", counted)), "fast")
            .unit(Unit::Ratio)
            .thresholds(&[(f64::NEG_INFINITY, "red"), (0.95, "orange"), (0.99, "green")])
            .deeper("clearway-traffic"),
            Panel::stat("Requests", "Requests that ended, per second.")
                .query(rate("", ALL), "requests")
                .unit(Unit::Requests)
                .deeper("clearway-traffic"),
            Panel::stat("Under way", "Requests that are being served now.")
                .query("sum(clearway_requests_in_flight{@gateway})", "in flight")
                .deeper("clearway-traffic"),
            Panel::stat("p99", &format!("99 of 100 requests take no longer. {quiet}"))
                .query(quantile("0.99", "", "clearway_request_duration_seconds_bucket{@gateway}"), "p99")
                .unit(Unit::Seconds)
                .deeper("clearway-traffic"),
            errors_by_fault(),
            Panel::graph("How long clients wait", &format!("Percentiles of the time of requests, from the first byte of the request to the last byte of the response. {quiet}"))
                .query(quantile("0.5", "", "clearway_request_duration_seconds_bucket{@gateway}"), "p50")
                .query(quantile("0.9", "", "clearway_request_duration_seconds_bucket{@gateway}"), "p90")
                .query(quantile("0.99", "", "clearway_request_duration_seconds_bucket{@gateway}"), "p99")
                .unit(Unit::Seconds)
                .exemplars()
                .deeper("clearway-traffic"),
        ],
    )
}

fn errors_by_fault() -> Panel {
    let all = rate("", ALL);
    let by =
        |matchers: &str| share(&rate("", &format!("clearway_requests_total{{@gateway,{matchers}}}")), &all);
    Panel::graph(
        "Failed requests by fault",
        "Share of requests by who failed: the backend (its own 5xx, or it could not be reached), the gateway or its \
         configuration, the client (it left, or asked for what is not there). Empty while there are no requests.",
    )
    .query(by(r#"reason=~"@upstream""#), "backend not reached or broken off")
    .query(by(r#"reason="none",code_class="5xx",answered_by="upstream""#), "backend answered 5xx")
    .query(by(r#"reason=~"@own""#), "gateway or its configuration")
    .query(by(r#"reason=~"@client""#), "client")
    .unit(Unit::Ratio)
    .deeper("clearway-errors")
}

fn hurting() -> Row {
    let attempts = "clearway_upstream_attempts_total{@process}";
    let failed = r#"clearway_upstream_attempts_total{@process,reason=~"@upstream"}"#;
    let routed = r#"clearway_requests_total{@gateway,route_name!=""}"#;
    let route_bad = r#"clearway_requests_total{@gateway,route_name!="",code_class="5xx"}"#;
    let named = r#"clearway_requests_total{@gateway,gateway_name!=""}"#;
    let gateway_bad = r#"clearway_requests_total{@gateway,gateway_name!="",code_class="5xx"}"#;
    let duration =
        |named: &str| format!("clearway_request_duration_seconds_bucket{{@gateway,{named}!=\"\"}}");
    row(
        "Who is hurting?",
        vec![
            Panel::table(
                "Gateways",
                "Every Gateway that had a request, by its share of 5xx in the last minutes.",
                &[("gateway_namespace", "Namespace"), ("gateway_name", "Gateway")],
            )
            .column(share(&rate(GATEWAYS, gateway_bad), &rate(GATEWAYS, named)), "5xx", Unit::Ratio)
            .column(rate(GATEWAYS, named), "Requests", Unit::Requests)
            .column(quantile("0.99", GATEWAYS, &duration("gateway_name")), "p99", Unit::Seconds)
            .size(12, 7)
            .deeper("clearway-traffic"),
            Panel::table(
                "Backends",
                "Every backend that was tried, by its share of tries that failed on its side (without statuses that it chose itself).",
                &[("backend_kind", "Kind"), ("backend_namespace", "Namespace"), ("backend_name", "Backend"), ("backend_port", "Port")],
            )
            .column(share(&rate(BACKENDS, failed), &rate(BACKENDS, attempts)), "Failed", Unit::Ratio)
            .column(rate(BACKENDS, attempts), "Tries", Unit::PerSecond)
            .column(
                format!("sum by ({BACKENDS}) (clearway_upstream_endpoints{{@process,state=\"ejected\"}})"),
                "Ejected",
                Unit::Count,
            )
            .column(
                quantile("0.99", BACKENDS, "clearway_upstream_first_byte_duration_seconds_bucket{@process}"),
                "p99 to first byte",
                Unit::Seconds,
            )
            .size(12, 7)
            .deeper("clearway-upstreams"),
            Panel::table(
                "Routes",
                "Every route that had a request, by its share of 5xx in the last minutes.",
                &[("route_kind", "Kind"), ("route_namespace", "Namespace"), ("route_name", "Route")],
            )
            .column(share(&rate(ROUTES, route_bad), &rate(ROUTES, routed)), "5xx", Unit::Ratio)
            .column(rate(ROUTES, routed), "Requests", Unit::Requests)
            .column(quantile("0.5", ROUTES, &duration("route_name")), "p50", Unit::Seconds)
            .column(quantile("0.99", ROUTES, &duration("route_name")), "p99", Unit::Seconds)
            .deeper("clearway-traffic"),
        ],
    )
}

fn changed() -> Row {
    row(
        "What changed?",
        vec![
            Panel::graph(
                "Configuration changes",
                "Changes that were seen, by how they ended. An unchanged one was written, and makes no difference.",
            )
            .query("sum by (outcome) (increase(clearway_config_changes_total{@process}[$__rate_interval]))", "{{outcome}}")
            .deeper("clearway-configuration"),
            Panel::graph(
                "Age of the configuration",
                "Since when each process has served (a control plane: published) what it serves now.",
            )
            .query("time() - clearway_config_applied_timestamp_seconds{@process}", "{{job}} {{instance}}")
            .unit(Unit::Seconds)
            .deeper("clearway-configuration"),
            Panel::table(
                "What runs",
                "Every process with its version, and when it started.",
                &[("job", "Job"), ("instance", "Instance"), ("version", "Version"), ("revision", "Revision")],
            )
            .column(
                "max by (job, instance, version, revision) (process_start_time_seconds{@process} * on (cluster, job, instance) \
                 group_left (version, revision) clearway_build_info{@process}) * 1000",
                "Started",
                Unit::FromNow,
            )
            .size(24, 6)
            .deeper("clearway-resources"),
        ],
    )
}
