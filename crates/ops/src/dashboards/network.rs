//! Network: connections of clients, TLS with them, certificates, and TCP on both sides.

use super::kinds::Unit;
use super::model::{Dashboard, Panel, Row, row};
use super::variables;
use super::words::{quantile, rate, share, zero};

const ACCEPTED: &str = "clearway_downstream_connections_accepted_total{@gateway}";
const PORTS: &str = "gateway_namespace, gateway_name, listener, port";
const LEGEND: &str = "{{gateway_namespace}}/{{gateway_name}}/{{listener}} port {{port}}";

pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        uid: "clearway-network",
        title: "Clearway / Network",
        description: "How many clients are connected, do they get through TLS, and is it the network?",
        variables: variables::of_gateway(),
        annotations: variables::marks(),
        rows: vec![now(), connections(), tls(), tcp()],
    }
}

fn now() -> Row {
    let handshakes = "clearway_tls_handshakes_total{@gateway}";
    row(
        "Is it the network?",
        vec![
            Panel::stat("Open connections", "Connections from clients that are open.")
                .query("sum(clearway_downstream_connections{@gateway})", "open"),
            Panel::stat("New connections", "Connections from clients that were accepted, per second.")
                .query(rate("", ACCEPTED), "accepted")
                .unit(Unit::PerSecond),
            Panel::stat(
                "Failed TLS handshakes",
                "Share of TLS handshakes with clients that failed. Zero while there are none.",
            )
            .query(
                format!(
                    "({}) or 0 * {}",
                    share(
                        &rate("", r#"clearway_tls_handshakes_total{@gateway,outcome!~"tls1[23]"}"#),
                        &rate("", handshakes)
                    ),
                    rate("", ACCEPTED)
                ),
                "failed",
            )
            .unit(Unit::Ratio)
            .thresholds(&[(0.01, "orange"), (0.1, "red")]),
            Panel::stat(
                "Failed connects",
                "Share of connections to backends that could not be opened. Empty while none is opened.",
            )
            .query(
                share(
                    &rate("", r#"clearway_upstream_connects_total{@process,outcome!="ok"}"#),
                    &rate("", "clearway_upstream_connects_total{@process}"),
                ),
                "failed",
            )
            .unit(Unit::Ratio)
            .thresholds(&[(0.01, "orange"), (0.1, "red")])
            .deeper("clearway-upstreams"),
            Panel::stat(
                "Segments sent again",
                "TCP segments sent again, both sides, per second. Empty unless TCP metrics are on (`--tcp-metrics on`).",
            )
            .query(rate("", "clearway_tcp_retransmits_total{@process}"), "segments")
            .unit(Unit::PerSecond),
            Panel::stat(
                "First certificate expires",
                "When the first of the certificates that listeners serve expires. Empty when none is served.",
            )
            .query("min(clearway_certificate_expiry_timestamp_seconds{@process}) - time()", "left")
            .unit(Unit::Seconds)
            .thresholds(&[
                (f64::NEG_INFINITY, "red"),
                (259_200.0, "orange"),
                (1_209_600.0, "green"),
            ]),
        ],
    )
}

fn connections() -> Row {
    let closed = "clearway_downstream_connections_closed_total{@gateway}";
    row(
        "Who is connected?",
        vec![
            Panel::graph("Open connections by port", "Connections from clients that are open. Where several listeners share a port, theirs stand without a listener's name until TLS tells it.")
                .query(format!("sum by ({PORTS}) (clearway_downstream_connections{{@gateway}})"), LEGEND),
            Panel::graph("New connections by port", "Connections from clients that were accepted. Many for few requests: clients do not keep them.")
                .query(rate(PORTS, ACCEPTED), LEGEND)
                .unit(Unit::PerSecond),
            Panel::stacked("Why connections end", "Connections from clients that ended, by reason. connection_limit is one that was turned away.")
                .query(rate("reason", closed), "{{reason}}")
                .unit(Unit::PerSecond),
            Panel::graph("Requests for each connection", "Requests that ended for each connection that was accepted: with one of each, nobody keeps connections. Empty while none is accepted.")
                .query(format!("{} / ({} > 0)", rate("", "clearway_requests_total{@gateway}"), rate("", ACCEPTED)), "requests")
                .deeper("clearway-traffic"),
            Panel::graph("Fill of the limit of connections", "Open connections as a share of what all workers of the process together may have open, by process.")
                .query(
                    "sum by (cluster, job, instance) (clearway_downstream_connections{@process}) / on (cluster, job, instance) \
                     (clearway_downstream_connections_limit{@process} > 0)",
                    "{{job}} {{instance}}",
                )
                .unit(Unit::Ratio)
                .max(1.0)
                .size(24, 7),
        ],
    )
}

fn tls() -> Row {
    let handshakes = "clearway_tls_handshakes_total{@gateway}";
    let duration = "clearway_tls_handshake_duration_seconds_bucket{@gateway}";
    row(
        "Do clients get through TLS?",
        vec![
            Panel::stacked("Handshakes", "TLS handshakes with clients: finished ones by version, others by why they failed. Empty without HTTPS listeners.")
                .query(rate("outcome", handshakes), "{{outcome}}")
                .unit(Unit::PerSecond),
            Panel::graph("Time of handshakes", "Percentiles of finished handshakes. Empty while there are none.")
                .query(quantile("0.5", "", duration), "p50")
                .query(quantile("0.99", "", duration), "p99")
                .unit(Unit::Seconds),
            Panel::table(
                "Certificates",
                "Every certificate that listeners serve, by the time that is left. Empty when none is served.",
                &[("certificate_namespace", "Namespace"), ("certificate_name", "Secret")],
            )
            .column(
                "min by (certificate_namespace, certificate_name) (clearway_certificate_expiry_timestamp_seconds{@process}) - time()",
                "Left",
                Unit::Seconds,
            )
            .column(
                "min by (certificate_namespace, certificate_name) (clearway_certificate_expiry_timestamp_seconds{@process}) * 1000",
                "Expires",
                Unit::FromNow,
            )
            .size(24, 6),
        ],
    )
}

fn tcp() -> Row {
    let rtt = "clearway_tcp_rtt_seconds_bucket{@process}";
    let off =
        "Empty unless TCP metrics are on (`--tcp-metrics on`), and while no connection lives for 5 seconds.";
    let backends = "backend_namespace, backend_name";
    row(
        "Does TCP struggle?",
        vec![
            Panel::graph("Round-trip time", &format!("Percentiles of the smoothed round-trip time of open connections, by side of the gateway; each is asked every 5 seconds. {off}"))
                .query(quantile("0.5", "side", rtt), "{{side}} p50")
                .query(quantile("0.95", "side", rtt), "{{side}} p95")
                .unit(Unit::Seconds),
            Panel::graph("p95 round-trip time to backends", &format!("The ten backends that are farthest. {off}"))
                .query(
                    format!("topk(10, {})", quantile("0.95", backends, r#"clearway_tcp_rtt_seconds_bucket{@process,side="upstream"}"#)),
                    "{{backend_namespace}}/{{backend_name}}",
                )
                .unit(Unit::Seconds)
                .deeper("clearway-upstreams"),
            Panel::graph("Segments sent again by side", "TCP segments sent again: the network loses packets on that side. Empty unless TCP metrics are on (`--tcp-metrics on`).")
                .query(rate("side", "clearway_tcp_retransmits_total{@process}"), "{{side}}")
                .unit(Unit::PerSecond),
            Panel::graph("Connects to backends that fail", "Connections to backends that could not be opened, by why. Zero while all can.")
                .query(rate("outcome", r#"clearway_upstream_connects_total{@process,outcome!="ok"}"#), "{{outcome}}")
                .query(format!("0 * {}", rate("", "clearway_upstream_connects_total{@process}")), "none")
                .unit(Unit::PerSecond)
                .deeper("clearway-upstreams"),
            Panel::graph("p99 to connect to backends", "99 of 100 connections were open by then, by backend, without TLS. Empty while none is opened.")
                .query(quantile("0.99", backends, "clearway_upstream_connect_duration_seconds_bucket{@process}"), "{{backend_namespace}}/{{backend_name}}")
                .unit(Unit::Seconds)
                .deeper("clearway-upstreams"),
            Panel::graph("Segments sent again to backends", "TCP segments sent again to each backend. Zero while none is.")
                .query(
                    zero(
                        &rate(backends, r#"clearway_tcp_retransmits_total{@process,side="upstream"}"#),
                        &rate(backends, "clearway_upstream_reused_total{@process}"),
                    ),
                    "{{backend_namespace}}/{{backend_name}}",
                )
                .unit(Unit::PerSecond),
        ],
    )
}
