//! The places that records of requests go to: started from flags, finished by a deadline.

use std::sync::Arc;
use std::time::Instant;

use clearway_telemetry::access_log::AccessLog;
use clearway_telemetry::accounting::Accounting;
use clearway_telemetry::otlp::{Resource, ResourceOptions};
use clearway_telemetry::otlp_logs::OtlpLogs;
use clearway_telemetry::redact::RecordPolicy;
use clearway_telemetry::spans::SpanPipeline;

use crate::cli::TelemetryArgs;

/// Everything that takes records.
pub(super) struct Sinks {
    pub(super) accounting: Arc<Accounting>,
    pub(super) access_log: Option<Arc<AccessLog>>,
    pub(super) spans: Option<Arc<SpanPipeline>>,
    pub(super) logs: Option<Arc<OtlpLogs>>,
}

impl Sinks {
    /// Opens files and starts exporters.
    pub(super) fn start(
        args: &TelemetryArgs,
        policy: &Arc<RecordPolicy>,
    ) -> Result<Self, Box<dyn std::error::Error>> {
        let accounting = Accounting::new();
        let resource = Resource::new(&ResourceOptions::default(), |name| std::env::var(name).ok());
        let access_log = AccessLog::start(&args.access_log(), policy.clone(), &accounting)
            .map_err(|error| format!("the access log cannot be opened: {error}; see --access-log"))?;
        let spans =
            args.traces().map(|options| SpanPipeline::start(&options, &resource, &accounting)).transpose()?;
        let logs = args
            .logs()
            .map(|options| OtlpLogs::start(&options, &resource, policy.clone(), &accounting))
            .transpose()?;
        let access_log = access_log.map(Arc::new);
        Ok(Self { accounting, access_log, spans: spans.map(Arc::new), logs: logs.map(Arc::new) })
    }

    /// Opens log files again: they were moved away.
    pub(super) fn reopen(&self) {
        if let Some(log) = &self.access_log {
            log.reopen();
        }
    }

    /// Hands on what is left. What cannot be handed on by the deadline is counted and said.
    pub(super) async fn finish(self, deadline: Instant) {
        let finished = tokio::task::spawn_blocking(move || {
            let lost = [
                ("access log lines", self.access_log.map_or(0, |log| log.finish(deadline))),
                ("spans", self.spans.map_or(0, |spans| spans.finish(deadline))),
                ("log records", self.logs.map_or(0, |logs| logs.finish(deadline))),
            ];
            for (what, count) in lost.into_iter().filter(|(_, count)| *count > 0) {
                tracing::warn!(count, what, "Records were dropped at the end.");
            }
        });
        finished.await.ok();
    }
}
