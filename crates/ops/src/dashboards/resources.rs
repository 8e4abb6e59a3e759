//! Resources: CPU, memory, threads, file descriptors and runtime workers of every process of both planes.

use super::kinds::Unit;
use super::model::{Dashboard, Panel, Row, row};
use super::variables;

const LEGEND: &str = "{{job}} {{instance}}";
/// Only ours: other programs have metrics of these names, too.
const OURS: &str = "and on (cluster, job, instance) clearway_build_info{@process}";

pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        uid: "clearway-resources",
        title: "Clearway / Resources",
        description: "What does each process take of CPU, memory, threads and file descriptors, and is a worker full?",
        variables: variables::of_process(),
        annotations: variables::marks(),
        rows: vec![now(), cpu(), memory(), handles()],
    }
}

fn now() -> Row {
    row(
        "How much now?",
        vec![
            Panel::stat("Processes", "Processes that are scraped.")
                .query("count(clearway_build_info{@process})", "processes"),
            Panel::stat("CPU in all", "Cores that all chosen processes take together.")
                .query(
                    format!("sum(rate(process_cpu_seconds_total{{@process}}[$__rate_interval]) {OURS})"),
                    "cores",
                )
                .unit(Unit::Cores),
            Panel::stat("Memory in all", "Resident memory of all chosen processes together.")
                .query(format!("sum(process_resident_memory_bytes{{@process}} {OURS})"), "memory")
                .unit(Unit::Bytes),
            Panel::stat(
                "Busiest worker",
                "Share of its time that the busiest worker spent running tasks; near 100 % it is full.",
            )
            .query(
                "max(rate(clearway_runtime_worker_busy_seconds_total{@process}[$__rate_interval]))",
                "busy",
            )
            .unit(Unit::Ratio)
            .thresholds(&[(0.7, "orange"), (0.9, "red")]),
            Panel::stat(
                "Descriptors in use",
                "File descriptors in use as a share of their limit, of the process that is nearest to it.",
            )
            .query(
                format!("max(process_open_fds{{@process}} / process_max_fds{{@process}} {OURS})"),
                "in use",
            )
            .unit(Unit::Ratio)
            .thresholds(&[(0.7, "orange"), (0.9, "red")]),
            Panel::stat(
                "Debug logging",
                "Processes that log more than the level info: it costs, and is for short investigations.",
            )
            .query("sum(clearway_debug_logging{@process})", "processes")
            .thresholds(&[(1.0, "orange")]),
        ],
    )
}

fn cpu() -> Row {
    row(
        "Is the CPU enough?",
        vec![
            Panel::graph("CPU by process", "Cores that each process takes.")
                .query(format!("rate(process_cpu_seconds_total{{@process}}[$__rate_interval]) {OURS}"), LEGEND)
                .unit(Unit::Cores),
            Panel::graph(
                "CPU as a share of what may be used",
                "CPU that each process takes as a share of what it may use: the CPUs of its affinity, or the quota of its control groups when that is less. Above 80 % for minutes it is short of CPU.",
            )
            .query(
                "rate(process_cpu_seconds_total{@process}[$__rate_interval]) / on (cluster, job, instance) clearway_process_cpu_limit_cores{@process}",
                LEGEND,
            )
            .unit(Unit::Ratio)
            .max(1.0),
            Panel::graph("Busy workers", "Share of its time that each worker spent running tasks. One that is full while others are not: connections are not spread.")
                .query("rate(clearway_runtime_worker_busy_seconds_total{@process}[$__rate_interval])", "{{instance}} {{worker}}")
                .unit(Unit::Ratio),
            Panel::graph("Parks of workers", "Times that each worker went to wait for events. Few while it is busy: it is full; very many while nothing happens: it spins.")
                .query("rate(clearway_runtime_worker_parks_total{@process}[$__rate_interval])", "{{instance}} {{worker}}")
                .unit(Unit::PerSecond),
            Panel::graph("Tasks", "Tasks that live, by worker: about one for each connection.")
                .query("clearway_runtime_alive_tasks{@process}", "{{instance}} {{worker}}"),
            Panel::graph("Waiting tasks", "Tasks in the queue of each runtime, woken from other threads and not yet run.")
                .query("clearway_runtime_global_queue_tasks{@process}", "{{instance}} {{worker}}"),
        ],
    )
}

fn memory() -> Row {
    row(
        "Does memory grow?",
        vec![
            Panel::graph("Resident memory", "Resident memory of each process.")
                .query(format!("process_resident_memory_bytes{{@process}} {OURS}"), LEGEND)
                .unit(Unit::Bytes),
            Panel::graph("Growth of resident memory", "How fast the resident memory of each process grows, over the last hour; for the first hour after a start it always does.")
                .query(format!("deriv(process_resident_memory_bytes{{@process}}[1h]) {OURS}"), LEGEND)
                .unit(Unit::BytesPerSecondSigned),
            Panel::graph("Virtual memory", "Virtual memory of each process.")
                .query(format!("process_virtual_memory_bytes{{@process}} {OURS}"), LEGEND)
                .unit(Unit::Bytes),
            Panel::graph("Uptime", "Since when each process runs; it falls to zero at a restart.")
                .query(format!("time() - process_start_time_seconds{{@process}} {OURS}"), LEGEND)
                .unit(Unit::Seconds),
        ],
    )
}

fn handles() -> Row {
    row(
        "Do threads or descriptors leak?",
        vec![
            Panel::graph("Threads", "Threads of each process.")
                .query(format!("process_threads{{@process}} {OURS}"), LEGEND),
            Panel::graph(
                "File descriptors",
                "Open file descriptors of each process, and their limit where it is below 100 000.",
            )
            .query(format!("process_open_fds{{@process}} {OURS}"), "{{job}} {{instance}} open")
            .query(format!("process_max_fds{{@process}} < 1e5 {OURS}"), "{{job}} {{instance}} limit"),
            Panel::graph("Clock", "How far the clock of each process is from that of Prometheus, give or take the time of a scrape.")
                .query(
                    "abs(clearway_clock_timestamp_seconds{@process} - timestamp(clearway_clock_timestamp_seconds{@process}))",
                    LEGEND,
                )
                .unit(Unit::Seconds),
            Panel::graph("CPUs that may be used", "The CPUs of each process's affinity, or the quota of its control groups when that is less.")
                .query("clearway_process_cpu_limit_cores{@process}", LEGEND)
                .unit(Unit::Cores),
        ],
    )
}
