//! What tokio says of its runtimes (the stable part of `RuntimeMetrics`), read at the moment of a scrape.
//!
//! Whoever builds a runtime registers it under a name that becomes the `worker` label: `0`, `1`, ... for the
//! single-threaded runtimes of the workers, a word for others.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// One look at one runtime.
#[derive(Clone, Debug, PartialEq)]
pub struct RuntimeStatus {
    /// Name under which it was registered.
    pub name: Box<str>,
    /// Time that its threads spent running tasks.
    pub busy: Duration,
    /// Times that its threads went to wait.
    pub parks: u64,
    /// Tasks that live.
    pub tasks: usize,
    /// Tasks that were woken from elsewhere and wait.
    pub queued: usize,
}

/// The runtimes of the process.
#[derive(Debug, Default)]
pub struct RuntimeTelemetry {
    runtimes: Mutex<Vec<(Box<str>, tokio::runtime::Handle)>>,
}

impl RuntimeTelemetry {
    /// No runtimes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a runtime; one that had the name before is replaced.
    pub fn register(&self, name: &str, handle: tokio::runtime::Handle) {
        let mut runtimes = self.runtimes.lock().unwrap_or_else(PoisonError::into_inner);
        runtimes.retain(|(other, _)| **other != *name);
        runtimes.push((name.into(), handle));
    }

    /// The state of all runtimes, in the order of their registration.
    pub fn read(&self) -> Vec<RuntimeStatus> {
        let runtimes = self.runtimes.lock().unwrap_or_else(PoisonError::into_inner);
        runtimes
            .iter()
            .map(|(name, handle)| {
                let metrics = handle.metrics();
                let workers = 0..metrics.num_workers();
                RuntimeStatus {
                    name: name.clone(),
                    busy: workers.clone().map(|worker| metrics.worker_total_busy_duration(worker)).sum(),
                    parks: workers.map(|worker| metrics.worker_park_count(worker)).sum(),
                    tasks: metrics.num_alive_tasks(),
                    queued: metrics.global_queue_depth(),
                }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::RuntimeTelemetry;

    #[test]
    fn tasks_that_live_are_seen_and_a_name_is_there_once() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("runtime");
        let telemetry = RuntimeTelemetry::new();
        telemetry.register("0", runtime.handle().clone());
        telemetry.register("0", runtime.handle().clone());
        let task = runtime.spawn(std::future::pending::<()>());
        let status = telemetry.read();
        assert_eq!(status.len(), 1);
        assert_eq!(status[0].tasks, 1);
        task.abort();
        assert!(runtime.block_on(task).expect_err("aborted").is_cancelled());
        let after = telemetry.read();
        assert_eq!(after[0].tasks, 0);
        assert!(
            after[0].parks + u64::try_from(after[0].busy.as_nanos()).expect("short") > 0,
            "it ran: {after:?}"
        );
    }
}
