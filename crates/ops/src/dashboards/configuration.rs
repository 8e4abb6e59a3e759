//! Configuration: is the newest served everywhere, how long does a change take, how large is it, what is refused?

use super::kinds::{Needs, Unit};
use super::model::{Dashboard, Panel, Row, row};
use super::variables;
use super::words::{lifetime_mean, quantile, rate, zero};

const STAGES: &str = "clearway_config_stage_duration_seconds_bucket{@process}";

pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        uid: "clearway-configuration",
        title: "Clearway / Configuration",
        description: "Is the newest configuration served everywhere, how long does a change take, how large is it, and what is refused?",
        variables: variables::of_process(),
        annotations: variables::marks(),
        rows: vec![served(), times(), size(), refused(), followers(), streams()],
    }
}

fn served() -> Row {
    row(
        "Is the newest served everywhere?",
        vec![
            Panel::stat("Newest configuration", "Whether every data plane serves the newest configuration that it was given. When one was refused, the last good one is served.")
                .query("min(clearway_config_valid{@process})", "valid")
                .words(&[(0.0, "refused somewhere", "red"), (1.0, "served", "green")]),
            Panel::stat("Versions served", "Different configurations that are served or published now. One is right for one fleet, except while a change spreads.")
                .query(r#"count(count_values("version", clearway_config_version{@process}))"#, "versions")
                .thresholds(&[(2.0, "orange")]),
            Panel::stat("Changes in the time range", "Changes that were applied in the time range, by all chosen processes together.")
                .query(r#"round(sum(increase(clearway_config_changes_total{@process,outcome="applied"}[$__range])))"#, "changes"),
            Panel::stat("Refused in the time range", "Changes that were refused in the time range, by all chosen processes together.")
                .query(r#"round(sum(increase(clearway_config_changes_total{@process,outcome="refused"}[$__range])))"#, "changes")
                .thresholds(&[(0.5, "red")]),
            Panel::stat("Errors", "Errors in the newest configuration, as the process that sees most of them counts.")
                .query(r#"max(clearway_config_problems{@process,severity="error"})"#, "errors")
                .thresholds(&[(1.0, "red")]),
            Panel::stat("Warnings", "Warnings in the newest configuration, as the process that sees most of them counts.")
                .query(r#"max(clearway_config_problems{@process,severity="warning"})"#, "warnings")
                .thresholds(&[(1.0, "orange")]),
            Panel::table(
                "What each process serves",
                "Every process with the version that it serves (a control plane: publishes) as a number, and since when. The same number is the same configuration.",
                &[("job", "Job"), ("instance", "Instance")],
            )
            .column("max by (job, instance) (time() - clearway_config_applied_timestamp_seconds{@process})", "Age", Unit::Seconds)
            .column("max by (job, instance) (clearway_config_version{@process})", "Version", Unit::Plain)
            .column("max by (job, instance) (clearway_config_valid{@process})", "Newest (1) or last good (0)", Unit::Count)
            .size(24, 7),
        ],
    )
}

fn times() -> Row {
    row(
        "How long does a change take?",
        vec![
            Panel::graph("Changes by outcome", "Changes that were seen, by how they ended. An unchanged one was written, and makes no difference.")
                .query("sum by (outcome) (increase(clearway_config_changes_total{@process}[$__rate_interval]))", "{{outcome}}"),
            Panel::graph("Time of stages", "Mean time of each stage of all changes since each process started: what happens once at a start is in it. The stages of a control plane end with served: from the object's change to the ACK of every data plane.")
                .query(
                    lifetime_mean("stage", "clearway_config_stage_duration_seconds", ""),
                    "{{stage}}",
                )
                .unit(Unit::Seconds),
            Panel::graph("p99 of stages", "99 of 100 passes of a stage took no longer, in the last minutes. Empty while nothing changes.")
                .query(quantile("0.99", "stage", STAGES), "{{stage}}")
                .unit(Unit::Seconds),
            Panel::heatmap("From change to served", "Changes by the time from the change of the object to the ACK of every data plane.")
                .query(
                    r#"sum by (le) (increase(clearway_config_stage_duration_seconds_bucket{@process,stage="served"}[$__rate_interval]))"#,
                    "{{le}}",
                )
                .unit(Unit::Seconds)
                .needs(Needs::ControlPlane),
        ],
    )
}

fn size() -> Row {
    row(
        "How large is it?",
        vec![
            Panel::graph("Things served", "Gateways, listeners, routes, rules, backends, endpoints and certificates in the configuration that is served, as the process that has most of them counts.")
                .query("max by (kind) (clearway_config_objects{@process})", "{{kind}}"),
            Panel::bars("Things served now", "The same, now.")
                .query("max by (kind) (clearway_config_objects{@process})", "{{kind}}"),
            Panel::graph("Snapshot", "Resources in the newest snapshot of each fleet, by type.")
                .query("max by (fleet, resource_type) (clearway_controlplane_snapshot_resources{@process})", "{{fleet}} {{resource_type}}")
                .needs(Needs::ControlPlane)
                .deeper("clearway-controlplane"),
            Panel::graph("Size of the snapshot", "Encoded size of the newest snapshot of each fleet: what a new data plane receives.")
                .query("sum by (fleet) (max by (fleet, resource_type) (clearway_controlplane_snapshot_bytes{@process}))", "{{fleet}}")
                .unit(Unit::Bytes)
                .needs(Needs::ControlPlane)
                .deeper("clearway-controlplane"),
        ],
    )
}

fn followers() -> Row {
    row(
        "Do data planes follow?",
        vec![
            Panel::stat("Data planes connected", "Data planes that have a stream to a control plane.")
                .query("sum(clearway_controlplane_dataplanes{@process})", "connected")
                .needs(Needs::ControlPlane),
            Panel::stat("Without a control plane", "Data planes that have no stream to a control plane now: they serve what they have and hear of no change.")
                .query("sum(1 - clearway_dataplane_xds_connected{@process})", "alone")
                .thresholds(&[(1.0, "red")])
                .needs(Needs::DataPlane),
            Panel::stat("On an old one from disk", "Data planes that serve their last good configuration because no control plane has sent one since their start.")
                .query("sum(clearway_dataplane_last_good_in_use{@process})", "last good")
                .thresholds(&[(1.0, "orange")])
                .needs(Needs::DataPlane),
            Panel::stat("Versions refused", "Versions that data planes refused (NACK) in the time range.")
                .query("round(sum(increase(clearway_controlplane_nacks_total{@process}[$__range])))", "nacks")
                .thresholds(&[(0.5, "red")])
                .needs(Needs::ControlPlane),
            Panel::stat("Furthest behind", "For how long the data plane that is furthest behind has not had the newest version.")
                .query("max(clearway_controlplane_dataplane_lag_seconds{@process})", "lag")
                .unit(Unit::Seconds)
                .thresholds(&[(10.0, "orange"), (60.0, "red")])
                .needs(Needs::ControlPlane),
            Panel::stat("First configuration after", "How long the slowest data plane took from its start to its first configuration.")
                .query("max(clearway_dataplane_xds_first_apply_seconds{@process})", "slowest")
                .unit(Unit::Seconds)
                .needs(Needs::DataPlane),
            Panel::graph("Lag by data plane", "For how long each data plane has not had the newest version; zero when it has it.")
                .query("max by (fleet, dataplane) (clearway_controlplane_dataplane_lag_seconds{@process})", "{{fleet}} {{dataplane}}")
                .unit(Unit::Seconds)
                .size(8, 8)
                .needs(Needs::ControlPlane),
            Panel::graph("Answers of data planes", "Versions that data planes acknowledged or refused.")
                .query(rate("answer", "clearway_dataplane_xds_answers_total{@process}"), "{{answer}}")
                .unit(Unit::PerSecond)
                .size(8, 8)
                .needs(Needs::DataPlane),
            Panel::graph("Refused versions by resource", "Versions that data planes refused, by the type of the resource that they name.")
                .query(rate("resource_type", "clearway_controlplane_nacks_total{@process}"), "{{resource_type}}")
                .unit(Unit::PerSecond)
                .size(8, 8)
                .needs(Needs::ControlPlane),
            Panel::table(
                "Every data plane of the control plane",
                "The version that each data plane acknowledged last as a number, and its lag. Another number than the others is another configuration.",
                &[("fleet", "Fleet"), ("dataplane", "Data plane")],
            )
            .column("max by (fleet, dataplane) (clearway_controlplane_dataplane_lag_seconds{@process})", "Lag", Unit::Seconds)
            .column("max by (fleet, dataplane) (clearway_controlplane_dataplane_acknowledged_version{@process})", "Version", Unit::Plain)
            .size(24, 6)
            .needs(Needs::ControlPlane),
        ],
    )
}

fn streams() -> Row {
    let found = "sum by (result) (last_over_time(clearway_dataplane_last_good_loads_total{@process}[$__rate_interval]))";
    let panels = vec![
        Panel::graph("Streams", "Streams to a control plane that were opened, and streams and attempts to open one that ended, by reason.")
            .query(rate("", "clearway_dataplane_xds_streams_total{@process}"), "opened")
            .query(rate("reason", "clearway_dataplane_xds_stream_ends_total{@process}"), "ended: {{reason}}")
            .unit(Unit::PerSecond)
            .size(8, 8),
        Panel::graph("Received and not applied", "Data planes that serve another version than the one that they received last.")
            .query(
                "sum(clearway_dataplane_xds_received_version{@process} != bool clearway_dataplane_xds_applied_version{@process})",
                "data planes",
            )
            .size(8, 8),
        Panel::graph("Last good configuration on disk", "Times that data planes wrote their last good configuration, by result.")
            .query(rate("result", "clearway_dataplane_last_good_saves_total{@process}"), "{{result}}")
            .unit(Unit::PerSecond)
            .size(8, 8),
        Panel::graph("Age of what a restart would serve", "Since when the last good configuration on disk stands there, by data plane.")
            .query("time() - clearway_dataplane_last_good_saved_timestamp_seconds{@process}", "{{instance}}")
            .unit(Unit::Seconds),
        Panel::bars("What starts found on disk", "Data planes by what they found when they started: served is a last good configuration, absent none.")
            .query(found, "{{result}}"),
    ];
    row(
        "Could they do without a control plane?",
        panels.into_iter().map(|panel| panel.needs(Needs::DataPlane)).collect(),
    )
}

fn refused() -> Row {
    row(
        "What is refused, and why?",
        vec![
            Panel::graph("Problems", "Errors and warnings in the newest configuration, as the process that sees most of them counts.")
                .query("max by (severity) (clearway_config_problems{@process})", "{{severity}}"),
            Panel::graph("Objects with a condition that is not True", "Objects by the conditions that are False or Unknown, with the reason. Zero when all are True.")
                .query(
                    zero(
                        r#"max by (kind, condition, reason) (clearway_controlplane_conditions{@process,status!="True"})"#,
                        "max(clearway_controlplane_objects{@process})",
                    ),
                    "{{kind}} {{condition}} {{reason}}",
                )
                .needs(Needs::ControlPlane),
            Panel::table(
                "Conditions",
                "Objects by the conditions that they have; a route counts once for each parent.",
                &[("kind", "Kind"), ("condition", "Condition"), ("status", "Status"), ("reason", "Reason")],
            )
            .column("max by (kind, condition, status, reason) (clearway_controlplane_conditions{@process})", "Objects", Unit::Count)
            .size(12, 8)
            .needs(Needs::ControlPlane),
            Panel::table(
                "Gateways that are not programmed",
                "Conditions of Gateways that are not True. Empty when all are.",
                &[
                    ("gateway_namespace", "Namespace"),
                    ("gateway_name", "Gateway"),
                    ("condition", "Condition"),
                    ("status", "Status"),
                    ("reason", "Reason"),
                ],
            )
            .column(
                r#"max by (gateway_namespace, gateway_name, condition, status, reason) (clearway_controlplane_gateway_condition{@process,status!="True"})"#,
                "Holds",
                Unit::Count,
            )
            .size(12, 8)
            .needs(Needs::ControlPlane),
        ],
    )
}
