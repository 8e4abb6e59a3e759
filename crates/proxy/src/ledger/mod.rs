//! The ledger: what happened? It alone writes metrics, access-log lines and spans, once for each exchange, from the one
//! record. An exchange that nobody closes is closed when its entry is dropped, as `client_gone` or `drained`.

mod counts;
mod entry;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use clearway_telemetry::access_log::{AccessLog, LineWriter};
use clearway_telemetry::histogram::Exemplar;
use clearway_telemetry::key::{AttemptKey, RequestKey};
use clearway_telemetry::otlp_logs::{OtlpLogWriter, OtlpLogs};
use clearway_telemetry::redact::RecordPolicy;
use clearway_telemetry::spans::{SpanPipeline, SpanWriter};
use clearway_telemetry::trace::{Propagation, Sampler};
use clearway_telemetry::{Attempt, families};
use clearway_telemetry::{
    Exchange, MethodLabel, Phase, Protocol, ResponseFlag, Switches, Telemetry, WorkerId,
};

use crate::door::conn::ConnState;
use crate::worker::Worker;

pub(crate) use counts::GaugeGuard;
pub(crate) use entry::Entry;

/// What the ledger writes, and where.
#[derive(Clone, Debug)]
pub struct LedgerOptions {
    /// Decides which traces that start here are sampled; `None` records no spans at all.
    pub sampler: Option<Sampler>,
    /// Headers that carry the trace context.
    pub propagation: Propagation,
    /// What of a request may be written.
    pub policy: Arc<RecordPolicy>,
    /// The access log.
    pub access_log: Option<Arc<AccessLog>>,
    /// Spans by OTLP.
    pub spans: Option<Arc<SpanPipeline>>,
    /// The access log by OTLP.
    pub logs: Option<Arc<OtlpLogs>>,
}

impl LedgerOptions {
    /// Metrics only.
    pub fn metrics_only(policy: Arc<RecordPolicy>) -> Self {
        Self {
            sampler: None,
            propagation: Propagation::default(),
            policy,
            access_log: None,
            spans: None,
            logs: None,
        }
    }
}

/// One worker's ends of everything that takes finished exchanges. None of them ever blocks.
struct Sinks {
    access_log: Option<LineWriter>,
    spans: Option<SpanWriter>,
    logs: Option<OtlpLogWriter>,
}

impl Sinks {
    fn of(options: &LedgerOptions) -> Self {
        Self {
            access_log: options.access_log.as_ref().map(|log| log.writer()),
            spans: options.spans.as_ref().map(|spans| spans.writer(options.policy.clone())),
            logs: options.logs.as_ref().map(|logs| logs.writer()),
        }
    }

    fn record(&mut self, exchange: &Exchange, ended: SystemTime) {
        let kept = exchange.policy.as_ref().is_none_or(|policy| policy.keeps_line(exchange));
        if let Some(log) = &mut self.access_log {
            if kept { log.write(exchange, ended) } else { log.leave_out() }
        }
        if let Some(spans) = &mut self.spans {
            spans.offer(exchange, ended);
        }
        if let Some(logs) = &mut self.logs {
            if kept { logs.write(exchange, ended) } else { logs.leave_out() }
        }
    }

    fn flush(&mut self) {
        if let Some(log) = &mut self.access_log {
            log.flush();
        }
        if let Some(spans) = &mut self.spans {
            spans.flush();
        }
        if let Some(logs) = &mut self.logs {
            logs.flush();
        }
    }
}

/// One worker's ledger.
pub(crate) struct Ledger {
    id: WorkerId,
    switches: Switches,
    pub(crate) sampler: Sampler,
    /// Whether spans go anywhere.
    pub(crate) records_spans: bool,
    pub(crate) propagation: Propagation,
    pub(crate) policy: Arc<RecordPolicy>,
    hub: Arc<Telemetry>,
    sinks: RefCell<Sinks>,
    clocks: Cell<(Instant, SystemTime)>,
}

impl Ledger {
    pub(crate) fn new(id: WorkerId, hub: &Arc<Telemetry>, options: &LedgerOptions) -> Self {
        Self {
            id,
            switches: hub.switches,
            sampler: options.sampler.unwrap_or_default(),
            records_spans: options.sampler.is_some(),
            propagation: options.propagation,
            policy: options.policy.clone(),
            hub: hub.clone(),
            sinks: RefCell::new(Sinks::of(options)),
            clocks: Cell::new((Instant::now(), SystemTime::now())),
        }
    }

    /// The wall clock at a moment of the monotonic one; both are read together at every tick.
    fn wall(&self, at: Instant) -> SystemTime {
        let (instant, wall) = self.clocks.get();
        wall + at.saturating_duration_since(instant)
    }

    /// Hands on what the sinks have gathered.
    pub(crate) fn flush(&self) {
        self.clocks.set((Instant::now(), SystemTime::now()));
        self.sinks.borrow_mut().flush();
    }

    /// Writes a finished exchange everywhere. Called once for each, by its [`Entry`].
    fn close(&self, exchange: &mut Exchange, now: Instant) {
        exchange.enter_at(Phase::Write, now);
        exchange.listener.in_flight.sub(&self.id, 1);
        let ended = self.wall(now);
        self.write_metrics(exchange, ended);
        self.sinks.borrow_mut().record(exchange, ended);
    }

    fn write_metrics(&self, exchange: &Exchange, ended: SystemTime) {
        let (rule, response) = (&exchange.rule, &exchange.response);
        // A policy's switches hold for the series of rules alone: those of listeners and backends are always whole.
        let switches = exchange.policy.as_ref().map_or(self.switches, |policy| policy.switches);
        if switches.status_code_metrics {
            let key = RequestKey {
                code: response.status,
                method: MethodLabel::of(&exchange.request.method),
                protocol: exchange.request.protocol,
                answered_by: response.answered_by,
                flag: response.flag,
                grpc_status: response.grpc_status,
            };
            rule.requests.add(&self.id, key.pack(), 1);
        }
        if switches.bandwidth_metrics {
            rule.bytes.add(&self.id, families::BYTES_RECEIVED, exchange.bytes_received);
            rule.bytes.add(&self.id, families::BYTES_SENT, exchange.bytes_sent);
        }
        if switches.latency_metrics {
            self.write_duration(exchange, ended);
        }
        if self.switches.latency_metrics {
            self.write_phases(exchange);
        }
        for (index, attempt) in exchange.attempts.iter().enumerate() {
            self.write_attempt(attempt, index > 0, switches);
        }
    }

    fn write_duration(&self, exchange: &Exchange, ended: SystemTime) {
        let total = exchange.total();
        if let Some(durations) = exchange.rule.durations.get(usize::from(exchange.response.status / 100)) {
            if exchange.trace.sampled {
                let exemplar = Exemplar {
                    trace_id: exchange.trace.trace_id,
                    span_id: exchange.trace.span_id,
                    seconds: total.as_secs_f64(),
                    at: ended,
                };
                durations.observe_with_exemplar(&self.id, total, exemplar);
            } else {
                durations.observe(&self.id, total);
            }
        }
    }

    fn write_phases(&self, exchange: &Exchange) {
        for (phase, histogram) in Phase::ALL.into_iter().zip(&exchange.listener.phases) {
            let spent = exchange.spent(phase);
            if !spent.is_zero() {
                histogram.observe(&self.id, spent);
            }
        }
    }

    fn write_attempt(&self, attempt: &Attempt, retry: bool, of_rule: Switches) {
        if of_rule.status_code_metrics {
            let key = AttemptKey { code: attempt.status, flag: attempt.flag, retry };
            attempt.series.attempts.add(&self.id, key.pack(), 1);
        }
        if let (true, Some(first_byte)) = (self.switches.latency_metrics, attempt.first_byte) {
            attempt.backend.first_byte.observe(&self.id, first_byte);
        }
        if self.switches.upstream_health_metrics && attempt.reused {
            attempt.backend.reused.add(&self.id, 1);
        }
    }

    /// Counts a request whose head could not be read and that was answered before anything was made of it.
    pub(crate) fn headless(
        &self,
        worker: &Rc<Worker>,
        conn: &Rc<ConnState>,
        (status, flag): (u16, ResponseFlag),
        protocol: Protocol,
    ) {
        let now = Instant::now();
        let started = conn.watch.take_head().unwrap_or(now);
        let mut entry = Entry::headless(worker, conn, (started, now), protocol);
        entry.response.status = status;
        entry.response.flag = flag;
        entry.finish();
    }
}
