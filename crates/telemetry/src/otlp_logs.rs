//! The access log as OTLP log records: a second sink, independent of the lines.
//!
//! Same record, same policy, same accounting. Attributes have the names of span attributes; the tries stand in one
//! attribute under the names that they have in a line. Each record costs allocations, unlike a line: it is off unless
//! an endpoint is configured.

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use opentelemetry_proto::tonic::Attributes;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList, any_value::Value,
};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs, SeverityNumber};
use opentelemetry_proto::tonic::resource::v1::Resource as ResourceMessage;
use prost::Message as _;

use crate::access_log::is_error;
use crate::accounting::{Accounting, Lane, Producer, Signal};
use crate::catalog::log_fields as fields;
use crate::exchange::{Attempt, Exchange};
use crate::otlp::{Exporter, Exports, OtlpError, OtlpOptions, Paths, Resource};
use crate::redact::RecordPolicy;
use crate::spans::server_attributes;
use crate::trace::span_id_hex;

/// A worker's records are handed over when there are so many.
const HAND_OVER: usize = 64;
/// Bytes of the path that the body shows.
const BODY_PATH: usize = 256;
/// Bytes of the sentence on a refusal: as in the access log.
const DETAIL_CAP: usize = 512;

impl Exports for LogRecord {
    const SIGNAL: Signal = Signal::OtlpLogs;
    const THREAD: &'static str = "otlp-logs";
    const PATHS: Paths =
        Paths { grpc: "/opentelemetry.proto.collector.logs.v1.LogsService/Export", http: "/v1/logs" };

    fn size(&self) -> usize {
        self.encoded_len() + 8
    }

    fn encode(batch: Vec<Self>, resource: &ResourceMessage) -> Vec<u8> {
        let scope = InstrumentationScope {
            name: "clearway".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            ..InstrumentationScope::default()
        };
        let scope_logs = ScopeLogs { scope: Some(scope), log_records: batch, schema_url: String::new() };
        let resource_logs = ResourceLogs {
            resource: Some(resource.clone()),
            scope_logs: vec![scope_logs],
            schema_url: String::new(),
        };
        ExportLogsServiceRequest { resource_logs: vec![resource_logs] }.encode_to_vec()
    }
}

/// The way of log records out of the process.
#[derive(Debug)]
pub struct OtlpLogs {
    exporter: Exporter<LogRecord>,
    policy: Arc<RecordPolicy>,
}

impl OtlpLogs {
    /// Checks the options and starts the exporter's thread.
    ///
    /// # Errors
    /// The endpoint, a header or the authorities cannot be used, or no thread can be started.
    pub fn start(
        options: &OtlpOptions,
        resource: &Resource,
        policy: Arc<RecordPolicy>,
        accounting: &Accounting,
    ) -> Result<Self, OtlpError> {
        Ok(Self { exporter: Exporter::start(options, resource, accounting)?, policy })
    }

    /// The writing end for one worker.
    pub fn writer(&self) -> OtlpLogWriter {
        let lane = self.exporter.lane.clone();
        let producer = lane.books().producer();
        OtlpLogWriter { lane, records: Vec::new(), producer, policy: self.policy.clone() }
    }

    /// Waits until every record handed over is exported, at most until `deadline`, and counts what is left as
    /// dropped for `shutdown`; returns its number. Workers flush or drop their writers first. Blocks its thread.
    pub fn finish(&self, deadline: Instant) -> u64 {
        self.exporter.finish(deadline)
    }
}

/// One worker's end. Dropping it hands over what it holds.
#[derive(Debug)]
pub struct OtlpLogWriter {
    lane: Arc<Lane<Vec<LogRecord>>>,
    records: Vec<LogRecord>,
    producer: Producer,
    policy: Arc<RecordPolicy>,
}

impl OtlpLogWriter {
    /// Takes the record of a request that ended at `ended` by the wall clock.
    pub fn write(&mut self, exchange: &Exchange, ended: SystemTime) {
        self.records.push(record(exchange, ended, exchange.record(&self.policy)));
        self.producer.count(1);
        if self.records.len() >= HAND_OVER {
            self.flush();
        }
    }

    /// Counts a request whose record a policy leaves out.
    pub fn leave_out(&mut self) {
        self.producer.leave_out();
    }

    /// Hands over what is buffered. Called by a tick of about 100 ms, and when draining.
    pub fn flush(&mut self) {
        if !self.records.is_empty() {
            self.records = self.lane.put(std::mem::take(&mut self.records));
        }
    }
}

impl Drop for OtlpLogWriter {
    fn drop(&mut self) {
        self.flush();
    }
}

fn record(exchange: &Exchange, ended: SystemTime, policy: &RecordPolicy) -> LogRecord {
    let error = is_error(exchange);
    let severity = if error { SeverityNumber::Error } else { SeverityNumber::Info };
    let mut attributes = Attributes::from(server_attributes(exchange, policy)).0;
    attributes.push(member(fields::DURATION_SECONDS.name, seconds(exchange.total())));
    if let Some(detail) = &exchange.response.detail {
        let detail = detail.get(..detail.floor_char_boundary(DETAIL_CAP)).unwrap_or(detail);
        attributes.push(member(fields::DETAIL.name, Value::StringValue(detail.to_owned())));
    }
    if !exchange.attempts.is_empty() {
        let values = exchange.attempts.iter().map(attempt).collect();
        attributes.push(member(fields::ATTEMPTS.name, Value::ArrayValue(ArrayValue { values })));
    }
    let nanos = ended.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
    let time = u64::try_from(nanos).unwrap_or(u64::MAX);
    LogRecord {
        time_unix_nano: time,
        observed_time_unix_nano: time,
        severity_number: severity.into(),
        severity_text: if error { "ERROR" } else { "INFO" }.into(),
        body: Some(any(Value::StringValue(body(exchange)))),
        attributes,
        flags: exchange.trace.flags().into(),
        trace_id: exchange.trace.trace_id.to_vec(),
        span_id: exchange.trace.span_id.to_vec(),
        event_name: fields::EVENT_NAME.into(),
        ..LogRecord::default()
    }
}

/// `GET /cart 200`, with the flag when something failed.
fn body(exchange: &Exchange) -> String {
    let path = exchange.request.uri.path();
    let path = path.get(..path.floor_char_boundary(BODY_PATH)).unwrap_or(path);
    let response = &exchange.response;
    let method = crate::MethodLabel::of(&exchange.request.method).as_str();
    if response.flag.is_failure() {
        format!("{method} {path} {} {}", response.status, response.flag.as_str())
    } else {
        format!("{method} {path} {}", response.status)
    }
}

fn attempt(attempt: &Attempt) -> AnyValue {
    let backend = &attempt.backend.backend;
    let text = |text: &str| Value::StringValue(text.to_owned());
    let span_id = String::from_utf8_lossy(&span_id_hex(&attempt.span_id)).into_owned();
    let mut values = vec![
        member(fields::ATTEMPT_SPAN_ID.name, Value::StringValue(span_id)),
        member(fields::ATTEMPT_BACKEND_KIND.name, text(&backend.kind)),
        member(fields::ATTEMPT_BACKEND_NAMESPACE.name, text(&backend.object.namespace)),
        member(fields::ATTEMPT_BACKEND_NAME.name, text(&backend.object.name)),
        member(fields::ATTEMPT_BACKEND_PORT.name, Value::IntValue(backend.port.into())),
        member(fields::ATTEMPT_FLAG.name, text(attempt.flag.as_str())),
        member(fields::ATTEMPT_REUSED.name, Value::BoolValue(attempt.reused)),
    ];
    if let Some(endpoint) = attempt.endpoint {
        values.push(member(fields::ATTEMPT_ENDPOINT.name, text(&endpoint.to_string())));
    }
    if let Some(local) = attempt.local {
        values.push(member(fields::ATTEMPT_LOCAL_ADDRESS.name, text(&local.to_string())));
    }
    if let Some(code) = attempt.status {
        values.push(member(fields::ATTEMPT_CODE.name, Value::IntValue(code.into())));
    }
    for (name, time) in [
        (fields::ATTEMPT_CONNECT_SECONDS.name, attempt.connect),
        (fields::ATTEMPT_TLS_SECONDS.name, attempt.tls),
        (fields::ATTEMPT_FIRST_BYTE_SECONDS.name, attempt.first_byte),
        (fields::ATTEMPT_DURATION_SECONDS.name, attempt.total),
    ] {
        if let Some(time) = time {
            values.push(member(name, seconds(time)));
        }
    }
    any(Value::KvlistValue(KeyValueList { values }))
}

fn seconds(time: Duration) -> Value {
    Value::DoubleValue(time.as_secs_f64())
}

fn any(value: Value) -> AnyValue {
    AnyValue { value: Some(value) }
}

fn member(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(any(value)), ..KeyValue::default() }
}
