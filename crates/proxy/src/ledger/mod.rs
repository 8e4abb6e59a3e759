//! The ledger: what happened? It alone writes metrics, access-log lines and spans, once for each exchange, from the one
//! record. An exchange that nobody closes is closed when its entry is dropped, as `client_gone` or `drained`.

mod counts;
mod entry;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use clearway_telemetry::histogram::Exemplar;
use clearway_telemetry::key::{AttemptKey, RequestKey};
use clearway_telemetry::trace::{Propagation, Sampler};
use clearway_telemetry::{Attempt, families};
use clearway_telemetry::{
    Exchange, MethodLabel, Phase, Protocol, ResponseFlag, Switches, Telemetry, WorkerId,
};
use http::HeaderName;

use crate::door::conn::ConnState;
use crate::worker::Worker;

pub(crate) use counts::GaugeGuard;
pub(crate) use entry::Entry;

/// A place that takes finished exchanges: the access log, the span exporter, the log exporter.
///
/// Each worker has its own; a sink never blocks.
pub trait Sink {
    /// Takes one finished exchange.
    fn record(&mut self, exchange: &Exchange);
    /// Hands on what it has gathered; called about ten times a second and before the worker ends.
    fn flush(&mut self);
}

/// Makes a worker's sinks on the worker's own thread.
pub type SinkFactory = Arc<dyn Fn() -> Vec<Box<dyn Sink>> + Send + Sync>;

/// What the ledger writes, and where.
#[derive(Clone)]
pub struct LedgerOptions {
    /// Decides which traces that start here are sampled; `None` records no spans at all.
    pub sampler: Option<Sampler>,
    /// Headers that carry the trace context.
    pub propagation: Propagation,
    /// Request headers that the sinks ask for.
    pub capture_request: Vec<HeaderName>,
    /// Response headers that the sinks ask for.
    pub capture_response: Vec<HeaderName>,
    /// The sinks.
    pub sinks: SinkFactory,
}

impl Default for LedgerOptions {
    fn default() -> Self {
        Self {
            sampler: None,
            propagation: Propagation::default(),
            capture_request: Vec::new(),
            capture_response: Vec::new(),
            sinks: Arc::new(Vec::new),
        }
    }
}

impl std::fmt::Debug for LedgerOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LedgerOptions").field("sampler", &self.sampler).finish_non_exhaustive()
    }
}

/// One worker's ledger.
pub(crate) struct Ledger {
    id: WorkerId,
    switches: Switches,
    pub(crate) sampler: Sampler,
    pub(crate) propagation: Propagation,
    pub(crate) capture_request: Vec<HeaderName>,
    pub(crate) capture_response: Vec<HeaderName>,
    hub: Arc<Telemetry>,
    sinks: RefCell<Vec<Box<dyn Sink>>>,
}

impl Ledger {
    pub(crate) fn new(id: WorkerId, hub: &Arc<Telemetry>, options: &LedgerOptions) -> Self {
        Self {
            id,
            switches: hub.switches,
            sampler: options.sampler.unwrap_or_default(),
            propagation: options.propagation,
            capture_request: options.capture_request.clone(),
            capture_response: options.capture_response.clone(),
            hub: hub.clone(),
            sinks: RefCell::new((options.sinks)()),
        }
    }

    /// Hands on what the sinks have gathered.
    pub(crate) fn flush(&self) {
        for sink in self.sinks.borrow_mut().iter_mut() {
            sink.flush();
        }
    }

    /// Writes a finished exchange everywhere. Called once for each, by its [`Entry`].
    fn close(&self, exchange: &mut Exchange) {
        exchange.enter(Phase::Write);
        exchange.listener.in_flight.sub(&self.id, 1);
        self.write_metrics(exchange);
        for sink in self.sinks.borrow_mut().iter_mut() {
            sink.record(exchange);
        }
    }

    fn write_metrics(&self, exchange: &Exchange) {
        let (rule, response) = (&exchange.rule, &exchange.response);
        if self.switches.status_code_metrics {
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
        if self.switches.bandwidth_metrics {
            rule.bytes.add(&self.id, families::BYTES_RECEIVED, exchange.bytes_received);
            rule.bytes.add(&self.id, families::BYTES_SENT, exchange.bytes_sent);
        }
        if self.switches.latency_metrics {
            self.write_latency(exchange);
        }
        for (index, attempt) in exchange.attempts.iter().enumerate() {
            self.write_attempt(attempt, index > 0);
        }
    }

    fn write_latency(&self, exchange: &Exchange) {
        let total = exchange.total();
        if let Some(durations) = exchange.rule.durations.get(usize::from(exchange.response.status / 100)) {
            if exchange.trace.sampled {
                let exemplar = Exemplar {
                    trace_id: exchange.trace.trace_id,
                    span_id: exchange.trace.span_id,
                    seconds: total.as_secs_f64(),
                    at: std::time::SystemTime::now(),
                };
                durations.observe_with_exemplar(&self.id, total, exemplar);
            } else {
                durations.observe(&self.id, total);
            }
        }
        for (phase, histogram) in Phase::ALL.into_iter().zip(&exchange.listener.phases) {
            let spent = exchange.spent(phase);
            if !spent.is_zero() {
                histogram.observe(&self.id, spent);
            }
        }
    }

    fn write_attempt(&self, attempt: &Attempt, retry: bool) {
        if self.switches.status_code_metrics {
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
