//! The gateway itself: configuration, books of telemetry, runtimes, process, and the cost of all this.

use std::time::{SystemTime, UNIX_EPOCH};

use super::super::Exposition;
use super::super::page::{Labels, Page};
use crate::accounting::{Accounting, DropReason, Reading, Signal};
use crate::catalog::{Metric, label, metrics};
use crate::config::{
    ChangeOutcome, ConfigStage, ConfigTelemetry, ObjectKind, ProblemCounts, Severity, version_number,
};
use crate::process::ProcessStatus;

pub(super) fn config(page: &mut Page<'_>, config: &ConfigTelemetry) {
    let status = config.status();
    page.family(&metrics::CONFIG_VERSION, |samples| {
        if let Some((version, _)) = &status.served {
            samples.whole(&Labels::none(), version_number(version));
        }
    });
    page.family(&metrics::CONFIG_APPLIED, |samples| {
        if let Some((_, at)) = &status.served {
            samples.float(&Labels::none(), *at);
        }
    });
    page.family(&metrics::CONFIG_CHANGES, |samples| {
        for (outcome, count) in ChangeOutcome::ALL.iter().zip(status.changes) {
            samples.whole(&Labels::one(&label::CHANGE_OUTCOME, outcome.as_str()), count);
        }
    });
    page.family(&metrics::CONFIG_STAGE_DURATION, |samples| {
        for stage in ConfigStage::ALL {
            samples.histogram(&Labels::one(&label::STAGE, stage.as_str()), &config.stage(stage));
        }
    });
    page.family(&metrics::CONFIG_VALID, |samples| samples.whole(&Labels::none(), status.valid.into()));
    page.family(&metrics::CONFIG_PROBLEMS, |samples| {
        let ProblemCounts { errors, warnings } = status.problems;
        for (severity, count) in [(Severity::Error, errors), (Severity::Warning, warnings)] {
            samples.whole(&Labels::one(&label::SEVERITY, severity.as_str()), count);
        }
    });
    page.family(&metrics::CONFIG_OBJECTS, |samples| {
        for (kind, count) in ObjectKind::ALL.iter().zip(status.objects.0) {
            samples.whole(&Labels::one(&label::OBJECT_KIND, kind.as_str()), count);
        }
    });
    page.family(&metrics::CERTIFICATE_EXPIRY, |samples| {
        for (secret, expiry) in &status.certificates {
            let mut labels = Labels::one(&label::CERTIFICATE_NAMESPACE, &*secret.namespace);
            labels.add(&label::CERTIFICATE_NAME, &*secret.name);
            samples.float(&labels, *expiry as f64);
        }
    });
}

pub(super) fn telemetry(page: &mut Page<'_>, exposition: &Exposition) {
    books(page, &exposition.sources.accounting);
    runtimes(page, exposition);
    let debug = exposition.debug_logging.load(std::sync::atomic::Ordering::Relaxed);
    page.family(&metrics::DEBUG_LOGGING, |samples| samples.whole(&Labels::none(), debug.into()));
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    page.family(&metrics::CLOCK, |samples| {
        if let Ok(now) = now {
            samples.float(&Labels::none(), now.as_secs_f64());
        }
    });
    page.family(&metrics::BUILD_INFO, |samples| {
        let build = exposition.sources.build;
        let mut labels = Labels::one(&label::VERSION, build.version);
        labels.add(&label::REVISION, build.revision);
        samples.whole(&labels, 1);
    });
    let last = exposition.last_cost();
    page.family(&metrics::METRICS_EXPOSITION_BYTES, |samples| {
        if let Some(cost) = last {
            samples.whole(&Labels::none(), cost.bytes);
        }
    });
    page.family(&metrics::METRICS_EXPOSITION_DURATION, |samples| {
        if let Some(cost) = last {
            samples.float(&Labels::none(), cost.time.as_secs_f64());
        }
    });
}

fn books(page: &mut Page<'_>, accounting: &Accounting) {
    // One reading for all families, so that produced = exported + dropped + queued holds on the page.
    let readings = Signal::ALL.map(|signal| (signal, accounting.read(signal)));
    page.family(&metrics::TELEMETRY_RECORDS, |samples| {
        for (signal, reading) in &readings {
            let mut labels = Labels::one(&label::SIGNAL, signal.as_str());
            let own = labels.len();
            let filtered = (*signal != Signal::Spans).then_some(("filtered", reading.filtered));
            let outcomes = [("produced", reading.produced), ("exported", reading.exported)];
            for (outcome, count) in outcomes.into_iter().chain(filtered) {
                labels.truncate(own);
                labels.add(&label::RECORD_OUTCOME, outcome);
                samples.whole(&labels, count);
            }
            for reason in DropReason::ALL {
                labels.truncate(own);
                labels.add(&label::RECORD_OUTCOME, "dropped").add(&label::DROP_REASON, reason.as_str());
                samples.whole(&labels, reading.dropped_for(reason));
            }
        }
    });
    let mut by_signal = |metric: &'static Metric, of: fn(Signal, &Reading) -> Option<u64>| {
        page.family(metric, |samples| {
            for (signal, reading) in &readings {
                if let Some(value) = of(*signal, reading) {
                    samples.gauge(&Labels::one(&label::SIGNAL, signal.as_str()), value);
                }
            }
        });
    };
    by_signal(&metrics::TELEMETRY_QUEUED, |_, reading| Some(reading.queued()));
    by_signal(&metrics::TELEMETRY_EXPORT_FAILURES, |_, reading| Some(reading.failures));
    by_signal(&metrics::TELEMETRY_QUEUE_CAPACITY_RECORDS, |signal, reading| {
        (signal != Signal::AccessLog).then_some(reading.capacity)
    });
    by_signal(&metrics::TELEMETRY_QUEUE_CAPACITY_BYTES, |signal, reading| {
        (signal == Signal::AccessLog).then_some(reading.capacity)
    });
}

fn runtimes(page: &mut Page<'_>, exposition: &Exposition) {
    let runtimes = exposition.sources.runtimes.read();
    page.family(&metrics::RUNTIME_BUSY, |samples| {
        for runtime in &runtimes {
            samples.float(&Labels::one(&label::WORKER, &*runtime.name), runtime.busy.as_secs_f64());
        }
    });
    page.family(&metrics::RUNTIME_PARKS, |samples| {
        for runtime in &runtimes {
            samples.whole(&Labels::one(&label::WORKER, &*runtime.name), runtime.parks);
        }
    });
    page.family(&metrics::RUNTIME_TASKS, |samples| {
        for runtime in &runtimes {
            samples.whole(&Labels::one(&label::WORKER, &*runtime.name), runtime.tasks as u64);
        }
    });
    page.family(&metrics::RUNTIME_QUEUE, |samples| {
        for runtime in &runtimes {
            samples.whole(&Labels::one(&label::WORKER, &*runtime.name), runtime.queued as u64);
        }
    });
}

pub(super) fn process(page: &mut Page<'_>, status: &ProcessStatus) {
    let whole = |value: Option<u64>| value.map(|value| value as f64);
    let values = [
        (&metrics::PROCESS_CPU, status.cpu_seconds),
        (&metrics::PROCESS_RESIDENT_MEMORY, whole(status.resident_bytes)),
        (&metrics::PROCESS_VIRTUAL_MEMORY, whole(status.virtual_bytes)),
        (&metrics::PROCESS_OPEN_FDS, whole(status.open_fds)),
        (&metrics::PROCESS_MAX_FDS, status.max_fds),
        (&metrics::PROCESS_START_TIME, status.start_seconds),
        (&metrics::PROCESS_THREADS, whole(status.threads)),
        (&metrics::PROCESS_CPU_LIMIT, status.cpu_limit_cores),
    ];
    for (metric, value) in values {
        page.family(metric, |samples| {
            if let Some(value) = value {
                samples.float(&Labels::none(), value);
            }
        });
    }
}

/// Series by family, itself among them. Last, since it counts all others.
pub(super) fn series(page: &mut Page<'_>) {
    let mut counts = page.counts().to_vec();
    counts.push((metrics::METRICS_SERIES.name, counts.len() as u64 + 1));
    page.family(&metrics::METRICS_SERIES, |samples| {
        for (name, count) in counts {
            samples.whole(&Labels::one(&label::FAMILY, name), count);
        }
    });
}
