//! Spans by OTLP: of a sampled request one SERVER span and one CLIENT span for each try; of a published change one trace
//! with its stages and the answers of data planes.
//!
//! A worker builds the spans from the closed record, only when the request is sampled, and hands them over in parcels
//! to the exporter's thread. The control plane's go the same bounded, counted way, a whole trace at a time.

mod attributes;
mod build;
mod change;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Instant, SystemTime};

use opentelemetry::InstrumentationScope;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::resource::v1::Resource as ResourceMessage;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans};
use opentelemetry_sdk::trace::SpanData;
use prost::Message as _;

use crate::accounting::{Accounting, Lane, Producer, Signal};
use crate::exchange::Exchange;
use crate::otlp::{Exporter, Exports, OtlpError, OtlpOptions, Paths, Resource};
use crate::redact::RecordPolicy;

pub use change::{Answer, Change, ChangeIds, Refusal};

pub(crate) use attributes::server as server_attributes;

/// A worker's spans are handed over when there are so many.
const HAND_OVER: usize = 64;

impl Exports for SpanData {
    const SIGNAL: Signal = Signal::Spans;
    const THREAD: &'static str = "otlp-spans";
    const PATHS: Paths =
        Paths { grpc: "/opentelemetry.proto.collector.trace.v1.TraceService/Export", http: "/v1/traces" };

    /// Texts are counted, everything else is taken for more than it is.
    fn size(&self) -> usize {
        let attribute = |pair: &opentelemetry::KeyValue| {
            let value = match &pair.value {
                opentelemetry::Value::String(text) => text.as_str().len(),
                opentelemetry::Value::Array(opentelemetry::Array::String(texts)) => {
                    texts.iter().map(|text| text.as_str().len() + 8).sum()
                }
                _ => 16,
            };
            pair.key.as_str().len() + value + 16
        };
        let state = self.span_context.trace_state().header().len();
        256 + self.name.len() + state + self.attributes.iter().map(attribute).sum::<usize>()
    }

    fn encode(batch: Vec<Self>, resource: &ResourceMessage) -> Vec<u8> {
        let mut scopes: Vec<(InstrumentationScope, ScopeSpans)> = Vec::new();
        for span in batch {
            let found = scopes.iter().position(|(scope, _)| *scope == span.instrumentation_scope);
            let at = found.unwrap_or_else(|| {
                let scope = span.instrumentation_scope.clone();
                let message = ScopeSpans { scope: Some((&scope, None).into()), ..ScopeSpans::default() };
                scopes.push((scope, message));
                scopes.len() - 1
            });
            if let Some((_, scope)) = scopes.get_mut(at) {
                scope.spans.push(span.into());
            }
        }
        let scope_spans = scopes.into_iter().map(|(_, message)| message).collect();
        let resource_spans =
            ResourceSpans { resource: Some(resource.clone()), scope_spans, schema_url: String::new() };
        ExportTraceServiceRequest { resource_spans: vec![resource_spans] }.encode_to_vec()
    }
}

/// The way of spans out of the process.
pub struct SpanPipeline {
    exporter: Exporter<SpanData>,
    /// For the spans of changes.
    shared: Mutex<Outbox>,
}

impl SpanPipeline {
    /// Checks the options and starts the exporter's thread.
    ///
    /// # Errors
    /// The endpoint, a header or the authorities cannot be used, or no thread can be started.
    pub fn start(
        options: &OtlpOptions,
        resource: &Resource,
        accounting: &Accounting,
    ) -> Result<Self, OtlpError> {
        let exporter = Exporter::start(options, resource, accounting)?;
        let shared = Mutex::new(Outbox::new(exporter.lane.clone()));
        Ok(Self { exporter, shared })
    }

    /// The writing end for one worker; `policy` says what of requests is written.
    pub fn writer(&self, policy: Arc<RecordPolicy>) -> SpanWriter {
        SpanWriter { outbox: Outbox::new(self.exporter.lane.clone()), policy, scope: scope() }
    }

    /// Takes the spans of a change that all data planes have answered.
    pub fn change(&self, change: &Change) {
        let mut outbox = self.lock();
        change::spans(change, &scope(), |span| outbox.push(span));
        outbox.flush();
    }

    /// Waits until every span handed over is exported, at most until `deadline`, and counts what is left as dropped
    /// for `shutdown`; returns its number. Workers flush or drop their writers first. Blocks its thread.
    pub fn finish(&self, deadline: Instant) -> u64 {
        self.lock().flush();
        self.exporter.finish(deadline)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Outbox> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for SpanPipeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpanPipeline").finish_non_exhaustive()
    }
}

/// The scope of all spans of this program.
fn scope() -> InstrumentationScope {
    InstrumentationScope::builder("clearway").with_version(env!("CARGO_PKG_VERSION")).build()
}

/// Spans of one thread that wait to be handed over.
#[derive(Debug)]
struct Outbox {
    lane: Arc<Lane<Vec<SpanData>>>,
    spans: Vec<SpanData>,
    producer: Producer,
}

impl Outbox {
    fn new(lane: Arc<Lane<Vec<SpanData>>>) -> Self {
        let producer = lane.books().producer();
        Self { lane, spans: Vec::new(), producer }
    }

    fn push(&mut self, span: SpanData) {
        self.spans.push(span);
        self.producer.count(1);
    }

    fn flush(&mut self) {
        if !self.spans.is_empty() {
            self.spans = self.lane.put(std::mem::take(&mut self.spans));
        }
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        self.flush();
    }
}

/// One worker's end of the pipeline. Dropping it hands over what it holds.
#[derive(Debug)]
pub struct SpanWriter {
    outbox: Outbox,
    policy: Arc<RecordPolicy>,
    scope: InstrumentationScope,
}

impl SpanWriter {
    /// Takes the spans of a request that ended at `ended` by the wall clock; nothing when it is not sampled.
    pub fn offer(&mut self, exchange: &Exchange, ended: SystemTime) {
        if !exchange.trace.sampled {
            return;
        }
        let outbox = &mut self.outbox;
        build::spans(exchange, ended, exchange.record(&self.policy), &self.scope, |span| outbox.push(span));
        if outbox.spans.len() >= HAND_OVER {
            outbox.flush();
        }
    }

    /// Hands over what is buffered. Called by a tick of about 100 ms, and when draining.
    pub fn flush(&mut self) {
        self.outbox.flush();
    }
}
