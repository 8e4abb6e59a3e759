//! Spans and log records, each with its resource and scope beside it, as tests like to look at them.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::logs::v1 as logs;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1 as trace;

/// Span kinds, by their numbers in the protocol.
pub use opentelemetry_proto::tonic::trace::v1::span::SpanKind;

/// A span.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    /// Resource attributes.
    pub resource: BTreeMap<String, String>,
    /// Name of the instrumentation scope.
    pub scope: String,
    /// 32 hexadecimal digits.
    pub trace_id: String,
    /// 16 hexadecimal digits.
    pub span_id: String,
    /// 16 hexadecimal digits; empty for a root.
    pub parent_id: String,
    /// Attributes, as text.
    pub attributes: BTreeMap<String, String>,
    /// The whole span as it came.
    pub proto: trace::Span,
}

impl Span {
    /// Name.
    pub fn name(&self) -> &str {
        &self.proto.name
    }

    /// Kind.
    pub fn kind(&self) -> SpanKind {
        self.proto.kind()
    }

    /// An attribute as text; `None` when the span has none of this name.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).map(String::as_str)
    }

    /// 0 unset, 1 ok, 2 error.
    pub fn status_code(&self) -> i32 {
        self.proto.status.as_ref().map_or(0, |status| status.code)
    }
}

/// A log record.
#[derive(Clone, Debug, PartialEq)]
pub struct LogRecord {
    /// Resource attributes.
    pub resource: BTreeMap<String, String>,
    /// Name of the instrumentation scope.
    pub scope: String,
    /// 32 hexadecimal digits; empty without a trace.
    pub trace_id: String,
    /// 16 hexadecimal digits; empty without a trace.
    pub span_id: String,
    /// Body, as text.
    pub body: String,
    /// Attributes, as text.
    pub attributes: BTreeMap<String, String>,
    /// The whole record as it came.
    pub proto: logs::LogRecord,
}

impl LogRecord {
    /// An attribute as text; `None` when the record has none of this name.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).map(String::as_str)
    }
}

/// A value as text: strings as they are, numbers and booleans in decimal and words, bytes in hexadecimal, lists in
/// brackets, maps in braces, nothing as the empty text.
pub fn plain(value: &AnyValue) -> String {
    let list = |values: Vec<String>| values.join(", ");
    match &value.value {
        None => String::new(),
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::BoolValue(truth)) => truth.to_string(),
        Some(Value::IntValue(number)) => number.to_string(),
        Some(Value::DoubleValue(number)) => number.to_string(),
        Some(Value::BytesValue(bytes)) => hex(bytes),
        Some(Value::ArrayValue(array)) => format!("[{}]", list(array.values.iter().map(plain).collect())),
        Some(Value::KvlistValue(map)) => {
            let pairs = attributes(&map.values).into_iter().map(|(key, value)| format!("{key}={value}"));
            format!("{{{}}}", list(pairs.collect()))
        }
        Some(Value::StringValueStrindex(index)) => format!("string {index} of the dictionary"),
    }
}

fn attributes(pairs: &[KeyValue]) -> BTreeMap<String, String> {
    let text = |pair: &KeyValue| pair.value.as_ref().map(plain).unwrap_or_default();
    pairs.iter().map(|pair| (pair.key.clone(), text(pair))).collect()
}

fn resource(resource: Option<&Resource>) -> BTreeMap<String, String> {
    resource.map(|resource| attributes(&resource.attributes)).unwrap_or_default()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn spans(request: ExportTraceServiceRequest) -> Vec<Span> {
    let mut spans = Vec::new();
    for group in request.resource_spans {
        let resource = resource(group.resource.as_ref());
        for scoped in group.scope_spans {
            let scope = scoped.scope.map(|scope| scope.name).unwrap_or_default();
            spans.extend(scoped.spans.into_iter().map(|proto| Span {
                resource: resource.clone(),
                scope: scope.clone(),
                trace_id: hex(&proto.trace_id),
                span_id: hex(&proto.span_id),
                parent_id: hex(&proto.parent_span_id),
                attributes: attributes(&proto.attributes),
                proto,
            }));
        }
    }
    spans
}

pub(super) fn logs(request: ExportLogsServiceRequest) -> Vec<LogRecord> {
    let mut records = Vec::new();
    for group in request.resource_logs {
        let resource = resource(group.resource.as_ref());
        for scoped in group.scope_logs {
            let scope = scoped.scope.map(|scope| scope.name).unwrap_or_default();
            records.extend(scoped.log_records.into_iter().map(|proto| LogRecord {
                resource: resource.clone(),
                scope: scope.clone(),
                trace_id: hex(&proto.trace_id),
                span_id: hex(&proto.span_id),
                body: proto.body.as_ref().map(plain).unwrap_or_default(),
                attributes: attributes(&proto.attributes),
                proto,
            }));
        }
    }
    records
}
