//! Metrics of the gateway itself: its configuration, its telemetry, its process.

use super::label::*;
use super::{Group, Kind, Metric, Plane, Stability, Unit};
use crate::config;

const COUNTER: Metric = Metric { kind: Kind::Counter, ..Metric::BASE };

/// The version that is served.
pub const CONFIG_VERSION: Metric = Metric {
    name: "clearway_config_version",
    help: "Version of the configuration that is served (control plane: published), as a number: the first 52 bits of its hash",
    stability: Stability::Stable,
    question: "Do all replicas serve the same configuration?",
    ..Metric::BASE
};

/// When it was applied.
pub const CONFIG_APPLIED: Metric = Metric {
    name: "clearway_config_applied_timestamp_seconds",
    unit: Unit::Timestamp,
    help: "When the configuration that is served was applied (control plane: published)",
    question: "How old is the configuration?",
    ..Metric::BASE
};

/// Changes by outcome.
pub const CONFIG_CHANGES: Metric = Metric {
    name: "clearway_config_changes_total",
    help: "Changes of the configuration that were seen, by outcome",
    labels: &[CHANGE_OUTCOME],
    question: "Do changes get through?",
    series: "3 outcomes",
    ..COUNTER
};

/// Time of stages.
pub const CONFIG_STAGE_DURATION: Metric = Metric {
    name: "clearway_config_stage_duration_seconds",
    kind: Kind::Histogram,
    unit: Unit::Seconds,
    help: "Time of the stages of a configuration change",
    labels: &[STAGE],
    buckets: config::STAGE_BUCKETS,
    stability: Stability::Stable,
    question: "How long until a change is served, and which stage takes the time?",
    series: "6 stages (control plane: 5) x 13 (classic) or 1 (native)",
    ..Metric::BASE
};

/// Whether the newest configuration is served.
pub const CONFIG_VALID: Metric = Metric {
    name: "clearway_config_valid",
    help: "1 when the newest configuration is the one that is served, 0 when it was refused or none came yet",
    question: "Is an old configuration served because the new one is broken?",
    plane: Plane::Data,
    ..Metric::BASE
};

/// Problems by severity.
pub const CONFIG_PROBLEMS: Metric = Metric {
    name: "clearway_config_problems",
    help: "Problems found in the newest configuration, by severity",
    labels: &[SEVERITY],
    question: "Is anything wrong in the configuration?",
    series: "2 severities",
    ..Metric::BASE
};

/// Things that are served.
pub const CONFIG_OBJECTS: Metric = Metric {
    name: "clearway_config_objects",
    help: "Things in the configuration that is served, by kind",
    labels: &[OBJECT_KIND],
    question: "How large is the configuration?",
    series: "7 kinds",
    ..Metric::BASE
};

/// Expiry of certificates.
pub const CERTIFICATE_EXPIRY: Metric = Metric {
    name: "clearway_certificate_expiry_timestamp_seconds",
    unit: Unit::Timestamp,
    help: "When the certificates that listeners serve expire",
    labels: &[CERTIFICATE_NAMESPACE, CERTIFICATE_NAME],
    question: "Which certificate expires soon?",
    series: "certificates",
    plane: Plane::Data,
    ..Metric::BASE
};

pub(super) const CONFIG_GROUP: Group = Group {
    title: "Configuration",
    metrics: &[
        &CONFIG_VERSION,
        &CONFIG_APPLIED,
        &CONFIG_CHANGES,
        &CONFIG_STAGE_DURATION,
        &CONFIG_VALID,
        &CONFIG_PROBLEMS,
        &CONFIG_OBJECTS,
        &CERTIFICATE_EXPIRY,
    ],
};

/// Series by family.
pub const METRICS_SERIES: Metric = Metric {
    name: "clearway_metrics_series",
    help: "Series by metric in this exposition; a histogram counts as one",
    labels: &[FAMILY],
    question: "Which metric costs the monitoring most?",
    series: "metrics",
    ..Metric::BASE
};

/// Size of the exposition.
pub const METRICS_EXPOSITION_BYTES: Metric = Metric {
    name: "clearway_metrics_exposition_bytes",
    unit: Unit::Bytes,
    help: "Size of the exposition before this one, before compression",
    question: "How large are scrapes?",
    ..Metric::BASE
};

/// Time of the exposition.
pub const METRICS_EXPOSITION_DURATION: Metric = Metric {
    name: "clearway_metrics_exposition_duration_seconds",
    unit: Unit::Seconds,
    help: "Time to write the exposition before this one",
    question: "What do scrapes cost?",
    ..Metric::BASE
};

/// Whether debug logging is on.
pub const DEBUG_LOGGING: Metric = Metric {
    name: "clearway_debug_logging",
    help: "1 while the process logs more than the level info",
    question: "Did somebody forget to turn debug logging off?",
    ..Metric::BASE
};

/// The clock.
pub const CLOCK: Metric = Metric {
    name: "clearway_clock_timestamp_seconds",
    unit: Unit::Timestamp,
    help: "What the clock of the process said while this was written",
    question: "Is the clock right?",
    ..Metric::BASE
};

/// Build.
pub const BUILD_INFO: Metric = Metric {
    name: "clearway_build_info",
    kind: Kind::Info,
    help: "What runs",
    labels: &[VERSION, REVISION],
    stability: Stability::Stable,
    question: "Which version runs where?",
    ..Metric::BASE
};

/// Time that workers work.
pub const RUNTIME_BUSY: Metric = Metric {
    name: "clearway_runtime_worker_busy_seconds_total",
    unit: Unit::Seconds,
    help: "Time that workers spent running tasks; a worker near one second per second is full",
    labels: &[WORKER],
    question: "Is a worker full?",
    series: "workers",
    ..COUNTER
};

/// Times that workers went to sleep.
pub const RUNTIME_PARKS: Metric = Metric {
    name: "clearway_runtime_worker_parks_total",
    help: "Times that workers went to wait for events",
    labels: &[WORKER],
    question: "Do workers sleep, or spin?",
    series: "workers",
    ..COUNTER
};

/// Tasks that live.
pub const RUNTIME_TASKS: Metric = Metric {
    name: "clearway_runtime_alive_tasks",
    help: "Tasks that live",
    labels: &[WORKER],
    question: "Do tasks leak?",
    series: "workers",
    ..Metric::BASE
};

/// Tasks that wait.
pub const RUNTIME_QUEUE: Metric = Metric {
    name: "clearway_runtime_global_queue_tasks",
    help: "Tasks in the queue of the runtime, woken from other threads and not yet run",
    labels: &[WORKER],
    question: "Do tasks wait for a worker?",
    series: "workers",
    ..Metric::BASE
};

/// Records of other signals.
pub const TELEMETRY_RECORDS: Metric = Metric {
    name: "clearway_telemetry_records_total",
    help: "Spans and log lines: produced = exported + dropped + queued, for each signal; filtered were never made",
    labels: &[SIGNAL, RECORD_OUTCOME, DROP_REASON],
    stability: Stability::Stable,
    question: "Are traces and logs complete; if not, how many are missing, and why?",
    series: "3 signals x (2 outcomes + 5 reasons), and 2 that can be filtered",
    ..COUNTER
};

/// Records under way.
pub const TELEMETRY_QUEUED: Metric = Metric {
    name: "clearway_telemetry_queued_records",
    help: "Spans and log lines that are neither exported nor dropped yet",
    labels: &[SIGNAL],
    question: "Does the receiver of traces or logs keep up?",
    series: "3 signals",
    ..Metric::BASE
};

/// Failed exports.
pub const TELEMETRY_EXPORT_FAILURES: Metric = Metric {
    name: "clearway_telemetry_export_failures_total",
    help: "Attempts to write or to send records that failed; a batch may fail several times and arrive in the end",
    labels: &[SIGNAL],
    question: "Is the receiver of traces or logs in trouble?",
    series: "3 signals",
    ..COUNTER
};

/// Length of queues.
pub const TELEMETRY_QUEUE_CAPACITY_RECORDS: Metric = Metric {
    name: "clearway_telemetry_queue_capacity_records",
    help: "Records that the queue of a signal holds at most; 0 when the signal is off",
    labels: &[SIGNAL],
    question: "How near is the queue to dropping?",
    series: "2 signals",
    ..Metric::BASE
};

/// Size of the buffer of the access log.
pub const TELEMETRY_QUEUE_CAPACITY_BYTES: Metric = Metric {
    name: "clearway_telemetry_queue_capacity_bytes",
    unit: Unit::Bytes,
    help: "Bytes that the buffer of a signal holds at most; 0 when the signal is off",
    series: "1 signal",
    ..TELEMETRY_QUEUE_CAPACITY_RECORDS
};

pub(super) const SELF_GROUP: Group = Group {
    title: "Telemetry and runtime",
    metrics: &[
        &TELEMETRY_RECORDS,
        &TELEMETRY_QUEUED,
        &TELEMETRY_EXPORT_FAILURES,
        &TELEMETRY_QUEUE_CAPACITY_RECORDS,
        &TELEMETRY_QUEUE_CAPACITY_BYTES,
        &RUNTIME_BUSY,
        &RUNTIME_PARKS,
        &RUNTIME_TASKS,
        &RUNTIME_QUEUE,
        &DEBUG_LOGGING,
        &CLOCK,
        &BUILD_INFO,
        &METRICS_EXPOSITION_BYTES,
        &METRICS_EXPOSITION_DURATION,
    ],
};

/// CPU time.
pub const PROCESS_CPU: Metric = Metric {
    name: "process_cpu_seconds_total",
    unit: Unit::Seconds,
    help: "User and system CPU time of the process",
    stability: Stability::Stable,
    question: "How much CPU does it take?",
    ..COUNTER
};

/// Resident memory.
pub const PROCESS_RESIDENT_MEMORY: Metric = Metric {
    name: "process_resident_memory_bytes",
    unit: Unit::Bytes,
    help: "Resident memory of the process",
    stability: Stability::Stable,
    question: "How much memory does it take?",
    ..Metric::BASE
};

/// Virtual memory.
pub const PROCESS_VIRTUAL_MEMORY: Metric = Metric {
    name: "process_virtual_memory_bytes",
    help: "Virtual memory of the process",
    question: "How much address space does it take?",
    ..PROCESS_RESIDENT_MEMORY
};

/// Open files.
pub const PROCESS_OPEN_FDS: Metric = Metric {
    name: "process_open_fds",
    help: "Open file descriptors",
    stability: Stability::Stable,
    question: "Is the limit of descriptors near?",
    ..Metric::BASE
};

/// Limit of open files.
pub const PROCESS_MAX_FDS: Metric =
    Metric { name: "process_max_fds", help: "Limit of open file descriptors", ..PROCESS_OPEN_FDS };

/// Start.
pub const PROCESS_START_TIME: Metric = Metric {
    name: "process_start_time_seconds",
    unit: Unit::Timestamp,
    help: "When the process started",
    stability: Stability::Stable,
    question: "When did it restart?",
    ..Metric::BASE
};

/// CPUs that may be used.
pub const PROCESS_CPU_LIMIT: Metric = Metric {
    name: "clearway_process_cpu_limit_cores",
    help: "CPUs that the process may use: those of its affinity, or the quota of its control groups when that is less",
    question: "How much of its CPU does it use?",
    ..Metric::BASE
};

/// Threads.
pub const PROCESS_THREADS: Metric = Metric {
    name: "process_threads",
    help: "Threads of the process",
    question: "Do threads leak?",
    ..PROCESS_OPEN_FDS
};

pub(super) const PROCESS_GROUP: Group = Group {
    title: "Process",
    metrics: &[
        &PROCESS_CPU,
        &PROCESS_RESIDENT_MEMORY,
        &PROCESS_VIRTUAL_MEMORY,
        &PROCESS_OPEN_FDS,
        &PROCESS_MAX_FDS,
        &PROCESS_START_TIME,
        &PROCESS_THREADS,
        &PROCESS_CPU_LIMIT,
    ],
};

/// Last: it counts all others.
pub(super) const SERIES_GROUP: Group = Group { title: "Series", metrics: &[&METRICS_SERIES] };
