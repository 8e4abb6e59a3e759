//! Control plane: is it ready and in step, does it translate and write fast enough, what does it take?

use super::kinds::{Needs, Unit};
use super::model::{Dashboard, Panel, Row, row};
use super::variables;
use super::words::{lifetime_mean, quantile, rate, zero};

pub(super) fn dashboard() -> Dashboard {
    let mut rows = vec![ready(), watches(), translation(), fleet(), status(), lease(), resources()];
    for panel in rows.iter_mut().flat_map(|row| row.panels.iter_mut()) {
        *panel = panel.clone().needs(Needs::ControlPlane);
    }
    Dashboard {
        uid: "clearway-controlplane",
        title: "Clearway / Control plane",
        description: "Is the control plane ready and in step with Kubernetes, does it translate and write fast enough, and what does it take?",
        variables: variables::of_control_plane(),
        annotations: variables::marks(),
        rows,
    }
}

fn ready() -> Row {
    let seconds = |layer: &str| {
        format!("max(clearway_controlplane_readiness_layer_duration_seconds{{@process,layer=\"{layer}\"}})")
    };
    row(
        "Is it ready?",
        vec![
            Panel::stat("Ready", "Control planes whose every layer of readiness holds.")
                .query(r#"sum(clearway_controlplane_readiness_layer{@process,layer="all"})"#, "ready")
                .thresholds(&[(f64::NEG_INFINITY, "red"), (1.0, "green")]),
            Panel::stat("Leaders", "Control planes that hold the Lease and write status: exactly one is right.")
                .query(r#"sum(clearway_controlplane_lease_state{@process,state="leading"})"#, "leaders")
                .thresholds(&[(f64::NEG_INFINITY, "red"), (1.0, "green"), (2.0, "red")]),
            Panel::stat("Ready after", "From the start of the process to the first time that it was ready, of the slowest one.")
                .query(seconds("all"), "ready")
                .unit(Unit::Seconds),
            Panel::stat("First translation after", "From the start of the process to the end of its first translation that was published, of the slowest one.")
                .query("max(clearway_controlplane_first_translation_seconds{@process})", "first")
                .unit(Unit::Seconds),
            Panel::stat("First push after", "From the start of the process to the first ACK of a data plane, of the slowest one.")
                .query("max(clearway_controlplane_first_push_seconds{@process})", "first")
                .unit(Unit::Seconds),
            Panel::stat("Kinds out of step", "Watched kinds of which some control plane has not taken in the first listing.")
                .query(
                    zero(
                        "count(sum by (kind) (1 - clearway_controlplane_cache_synced{@process}) > 0)",
                        "count(clearway_controlplane_cache_synced{@process})",
                    ),
                    "kinds",
                )
                .thresholds(&[(1.0, "red")]),
            Panel::graph("Layers of readiness", "Control planes in which each layer holds: components, then synced (all watches), then published (first snapshot); all is all of them.")
                .query("sum by (layer) (clearway_controlplane_readiness_layer{@process})", "{{layer}}")
                .size(8, 8),
            Panel::graph("Time to each layer", "From the start of the process to the first time that the layer held, of the slowest one.")
                .query("max by (layer) (clearway_controlplane_readiness_layer_duration_seconds{@process})", "{{layer}}")
                .unit(Unit::Seconds)
                .size(8, 8),
            Panel::graph("Changes of readiness", "Times that a layer of readiness changed, by what it became and why, since the start.")
                .query("sum by (layer, to, reason) (increase(clearway_controlplane_readiness_transitions_total{@process}[$__rate_interval]))", "{{layer}} {{to}}: {{reason}}")
                .size(8, 8),
        ],
    )
}

fn watches() -> Row {
    let none = "count by (kind) (clearway_controlplane_cache_synced{@process})";
    row(
        "Is it in step with Kubernetes?",
        vec![
            Panel::graph("Objects held", "Objects in memory by kind, as the control plane that holds most of them counts.")
                .query("max by (kind) (clearway_controlplane_cache_objects{@process})", "{{kind}}"),
            Panel::graph("Objects served", "Objects that are ours to serve, by kind.")
                .query("max by (kind) (clearway_controlplane_objects{@process})", "{{kind}}")
                .deeper("clearway-configuration"),
            Panel::bars("Time to step by kind", "Mean time from the begin of a watch to the moment that all it listed has been taken in.")
                .query(
                    lifetime_mean("kind", "clearway_controlplane_cache_sync_duration_seconds", ""),
                    "{{kind}}",
                )
                .unit(Unit::Seconds),
            Panel::graph("Objects of first listings", "Objects of first listings that were taken in: at a start, or when a watch began anew. It makes progress while the control plane is not in step.")
                .query(rate("kind", "clearway_controlplane_initial_events_processed_total{@process}"), "{{kind}}")
                .unit(Unit::PerSecond),
            Panel::graph("Errors of watches", "Errors of watches by kind and reason. Zero while there are none.")
                .query(
                    format!("sum by (kind, reason) (rate(clearway_controlplane_watch_errors_total{{@process}}[$__rate_interval])) or 0 * {none}"),
                    "{{kind}} {{reason}}",
                )
                .unit(Unit::PerSecond),
            Panel::graph("Watches begun again", "Watches that were begun again, by kind and reason. The API server ends each after some minutes: expired and closed are usual. Zero while there are none.")
                .query(
                    format!("sum by (kind, reason) (rate(clearway_controlplane_watch_restarts_total{{@process}}[$__rate_interval])) or 0 * {none}"),
                    "{{kind}} {{reason}}",
                )
                .unit(Unit::PerSecond),
            Panel::graph("Objects not understood, watches not in time", "Objects that could not be read, and caches that were not in step within their time, by kind. Zero while there are none.")
                .query(rate("kind", "clearway_controlplane_malformed_objects_total{@process}"), "{{kind}} malformed")
                .query(rate("kind", "clearway_controlplane_cache_sync_timeouts_total{@process}"), "{{kind}} timeout")
                .unit(Unit::PerSecond),
        ],
    )
}

fn translation() -> Row {
    row(
        "Does it translate fast enough?",
        vec![
            Panel::graph("Translations", "Translations of all objects by what came of them.")
                .query(rate("outcome", "clearway_controlplane_translations_total{@process}"), "{{outcome}}")
                .unit(Unit::PerSecond),
            Panel::graph("Time of translations", "Percentiles of the time of a translation in the last minutes. Empty while nothing changes.")
                .query(quantile("0.5", "", "clearway_controlplane_translation_duration_seconds_bucket{@process}"), "p50")
                .query(quantile("0.99", "", "clearway_controlplane_translation_duration_seconds_bucket{@process}"), "p99")
                .unit(Unit::Seconds),
            Panel::graph("Stages of changes", "Mean time of each stage that only a control plane has, of the changes since it started; served is from the object's change to the ACK of every data plane.")
                .query(
                    lifetime_mean("stage", "clearway_config_stage_duration_seconds", r#",stage=~"watch|publish|ack|served""#),
                    "{{stage}}",
                )
                .unit(Unit::Seconds)
                .deeper("clearway-configuration"),
            Panel::graph("Size of snapshots", "Encoded size of the newest snapshot of each fleet, by type of resource.")
                .query("max by (fleet, resource_type) (clearway_controlplane_snapshot_bytes{@process})", "{{fleet}} {{resource_type}}")
                .unit(Unit::Bytes)
                .deeper("clearway-configuration"),
        ],
    )
}

fn fleet() -> Row {
    row(
        "Do data planes follow?",
        vec![
            Panel::stacked("Data planes", "Data planes that are connected, by how far they are.")
                .query("sum by (state) (clearway_controlplane_dataplanes{@process})", "{{state}}")
                .size(8, 8)
                .deeper("clearway-configuration"),
            Panel::graph("Resources sent", "Resources that were sent to data planes; removed ones are only named.")
                .query(rate("change", "clearway_controlplane_sent_resources_total{@process}"), "{{change}}")
                .unit(Unit::PerSecond)
                .size(8, 8),
            Panel::graph("Bytes sent", "Bytes of resources that were sent to data planes, by fleet.")
                .query(rate("fleet", "clearway_controlplane_sent_bytes_total{@process}"), "{{fleet}}")
                .unit(Unit::BytesPerSecond)
                .size(8, 8),
            Panel::graph("Wait of new data planes", "Mean time from the connection of a data plane to its first ACK, since each control plane started. Empty before the first.")
                .query(
                    lifetime_mean("fleet", "clearway_controlplane_stream_first_push_duration_seconds", ""),
                    "{{fleet}}",
                )
                .unit(Unit::Seconds)
                .size(8, 8),
            Panel::graph("Streams refused", "Streams and connections of data planes that were refused, by why.")
                .query(rate("reason", "clearway_controlplane_stream_refusals_total{@process}"), "{{reason}}")
                .unit(Unit::PerSecond)
                .size(8, 8),
            Panel::graph("Versions refused", "Versions that data planes refused (NACK), by the type of the resource that they name.")
                .query(rate("resource_type", "clearway_controlplane_nacks_total{@process}"), "{{resource_type}}")
                .unit(Unit::PerSecond)
                .size(8, 8),
        ],
    )
}

fn status() -> Row {
    row(
        "Does it write fast enough?",
        vec![
            Panel::graph("Reconciles by kind", "Passes over one object that must be brought in line, by kind.")
                .query(rate("kind", "clearway_controlplane_reconciles_total{@process}"), "{{kind}}")
                .unit(Unit::PerSecond),
            Panel::graph("Reconciles by result", "Passes over one object by what they came to.")
                .query(rate("result", "clearway_controlplane_reconciles_total{@process}"), "{{result}}")
                .unit(Unit::PerSecond),
            Panel::graph("p99 of reconciles", "99 of 100 passes over one object took no longer, in the last minutes. Empty while nothing changes.")
                .query(quantile("0.99", "kind", "clearway_controlplane_reconcile_duration_seconds_bucket{@process}"), "{{kind}}")
                .unit(Unit::Seconds),
            Panel::graph("Status queue", "Objects whose status waits to be written, and how many the queue holds at most.")
                .query("max(clearway_controlplane_status_queue_objects{@process})", "waiting")
                .query("max(clearway_controlplane_status_queue_capacity_objects{@process})", "capacity"),
            Panel::graph("Status writes by result", "Calls that write a status, by what the API server answered. Zero while there are none.")
                .query(
                    format!(
                        "{} or 0 * max(clearway_controlplane_status_queue_objects{{@process}})",
                        rate("result", "clearway_controlplane_status_writes_total{@process}")
                    ),
                    "{{result}}",
                )
                .unit(Unit::PerSecond),
            Panel::graph("Time of status writes", "Percentiles of calls that write a status, in the last minutes. Empty while there are none.")
                .query(quantile("0.5", "", "clearway_controlplane_status_write_duration_seconds_bucket{@process}"), "p50")
                .query(quantile("0.99", "", "clearway_controlplane_status_write_duration_seconds_bucket{@process}"), "p99")
                .unit(Unit::Seconds),
            Panel::graph("Status writes given up", "Writes of status that were given up, by why: what stands in Kubernetes may be old.")
                .query(rate("reason", "clearway_controlplane_status_dropped_total{@process}"), "{{reason}}")
                .unit(Unit::PerSecond),
            Panel::graph("Kubernetes Events", "Events about refusals and recoveries, by what became of them.")
                .query(rate("result", "clearway_controlplane_kubernetes_events_total{@process}"), "{{result}}")
                .unit(Unit::PerSecond),
        ],
    )
}

fn lease() -> Row {
    let none = "max by (instance) (clearway_controlplane_first_translation_seconds{@process})";
    row(
        "Who leads?",
        vec![
            Panel::graph("Leader", "1 for the control plane that holds the Lease.")
                .query(r#"max by (instance) (clearway_controlplane_lease_state{@process,state="leading"})"#, "{{instance}}")
                .size(8, 8),
            Panel::graph("Changes of the leader", "Times that a control plane became leader or stopped being it, by why. Zero while there are none.")
                .query(
                    format!("sum by (to, reason) (increase(clearway_controlplane_lease_transitions_total{{@process}}[$__rate_interval])) or 0 * {none}"),
                    "{{to}} {{reason}}",
                )
                .size(8, 8),
            Panel::graph("Errors of the Lease", "Calls for the Lease that failed, by why. Zero while there are none.")
                .query(
                    format!("sum by (reason) (rate(clearway_controlplane_lease_errors_total{{@process}}[$__rate_interval])) or 0 * {none}"),
                    "{{reason}}",
                )
                .unit(Unit::PerSecond)
                .size(8, 8),
        ],
    )
}

fn resources() -> Row {
    let only = "and on (cluster, job, instance) clearway_controlplane_lease_state{@process}";
    row(
        "What does it take?",
        vec![
            Panel::graph("CPU", "Cores that each control plane takes.")
                .query(
                    format!("rate(process_cpu_seconds_total{{@process}}[$__rate_interval]) {only}"),
                    "{{instance}}",
                )
                .unit(Unit::Cores)
                .size(6, 7)
                .deeper("clearway-resources"),
            Panel::graph("Memory", "Resident memory of each control plane.")
                .query(format!("process_resident_memory_bytes{{@process}} {only}"), "{{instance}}")
                .unit(Unit::Bytes)
                .size(6, 7)
                .deeper("clearway-resources"),
            Panel::graph("Threads", "Threads of each control plane.")
                .query(format!("process_threads{{@process}} {only}"), "{{instance}}")
                .size(6, 7)
                .deeper("clearway-resources"),
            Panel::graph("Tasks", "Tasks that live in each control plane.")
                .query(
                    format!("sum by (instance) (clearway_runtime_alive_tasks{{@process}} {only})"),
                    "{{instance}}",
                )
                .size(6, 7)
                .deeper("clearway-resources"),
        ],
    )
}
