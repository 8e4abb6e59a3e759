//! Spans by hand from the record: no tracer, no context, nothing looked up.

use std::borrow::Cow;
use std::str::FromStr;
use std::time::SystemTime;

use opentelemetry::trace::{Link, SpanContext, SpanKind, Status, TraceFlags, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue, SpanId, TraceId};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};

use super::attributes;
use crate::exchange::{Attempt, Exchange};
use crate::flag::Side;
use crate::redact::RecordPolicy;
use crate::trace::TraceContext;
use crate::words::MethodLabel;

/// gRPC statuses that are the server's fault (semantic conventions for RPC): UNKNOWN, DEADLINE_EXCEEDED, UNIMPLEMENTED,
/// INTERNAL, UNAVAILABLE, DATA_LOSS.
const GRPC_SERVER_FAULTS: [u8; 6] = [2, 4, 12, 13, 14, 15];

/// Gives the SERVER span and then the CLIENT spans to `take`.
pub(super) fn spans(
    exchange: &Exchange,
    ended: SystemTime,
    policy: &RecordPolicy,
    scope: &InstrumentationScope,
    mut take: impl FnMut(SpanData),
) {
    let state = state(&exchange.trace);
    let started = ended.checked_sub(exchange.total()).unwrap_or(ended);
    take(server(exchange, (started, ended), policy, (scope, &state)));
    for (number, attempt) in exchange.attempts.iter().enumerate() {
        let begun = started + attempt.started.saturating_duration_since(exchange.started);
        let end = attempt.total.map_or(ended, |total| begun + total).max(begun);
        take(client(exchange, (number, attempt), (begun, end), policy, (scope, &state)));
    }
}

fn server(
    exchange: &Exchange,
    times: (SystemTime, SystemTime),
    policy: &RecordPolicy,
    common: (&InstrumentationScope, &TraceState),
) -> SpanData {
    let trace = &exchange.trace;
    let own = context(trace, trace.span_id, common.1);
    let parent = trace.parent.map_or(SpanId::INVALID, SpanId::from_bytes);
    let mut span = span(own, parent, times, common.0.clone());
    span.parent_span_is_remote = trace.parent.is_some();
    span.span_kind = SpanKind::Server;
    span.name = name(exchange);
    span.attributes = attributes::server(exchange, policy);
    if is_server_error(exchange) {
        span.status = Status::error("");
    }
    if let Some((trace_id, span_id)) = trace.link {
        let remote = SpanContext::new(
            TraceId::from_bytes(trace_id),
            SpanId::from_bytes(span_id),
            TraceFlags::default(),
            true,
            TraceState::NONE,
        );
        span.links.links.push(Link::new(remote, Vec::new(), 0));
    }
    span
}

fn client(
    exchange: &Exchange,
    attempt: (usize, &Attempt),
    times: (SystemTime, SystemTime),
    policy: &RecordPolicy,
    common: (&InstrumentationScope, &TraceState),
) -> SpanData {
    let trace = &exchange.trace;
    let own = context(trace, attempt.1.span_id, common.1);
    let mut span = span(own, SpanId::from_bytes(trace.span_id), times, common.0.clone());
    span.span_kind = SpanKind::Client;
    span.name = method_name(exchange).into();
    span.attributes = attributes::client(exchange, attempt.0, attempt.1, policy);
    if attempt.1.flag.is_failure() || attempt.1.status.is_some_and(|code| code >= 400) {
        span.status = Status::error("");
    }
    span
}

pub(super) fn span(
    span_context: SpanContext,
    parent_span_id: SpanId,
    (start_time, end_time): (SystemTime, SystemTime),
    instrumentation_scope: InstrumentationScope,
) -> SpanData {
    SpanData {
        span_context,
        parent_span_id,
        parent_span_is_remote: false,
        span_kind: SpanKind::Internal,
        name: Cow::Borrowed(""),
        start_time,
        end_time,
        attributes: Vec::<KeyValue>::new(),
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: Status::Unset,
        instrumentation_scope,
    }
}

fn state(trace: &TraceContext) -> TraceState {
    let text = trace.tracestate.as_ref().and_then(|value| value.to_str().ok());
    text.and_then(|text| TraceState::from_str(text).ok()).unwrap_or_default()
}

fn context(trace: &TraceContext, span_id: [u8; 8], state: &TraceState) -> SpanContext {
    SpanContext::new(
        TraceId::from_bytes(trace.trace_id),
        SpanId::from_bytes(span_id),
        TraceFlags::new(trace.flags()),
        false,
        state.clone(),
    )
}

/// The method of a span's name: `HTTP` when it is not registered.
fn method_name(exchange: &Exchange) -> &'static str {
    match MethodLabel::of(&exchange.request.method) {
        MethodLabel::Other => "HTTP",
        known => known.as_str(),
    }
}

/// `{method} {http.route}`, or the method alone when no rule took the request: never anything that the client chose.
fn name(exchange: &Exchange) -> Cow<'static, str> {
    let method = method_name(exchange);
    match attributes::route(exchange) {
        Some(route) => format!("{method} {route}").into(),
        None => method.into(),
    }
}

/// 5xx and failures that are not the client's are errors of the SERVER span; 4xx are not (semantic conventions for HTTP).
fn is_server_error(exchange: &Exchange) -> bool {
    let response = &exchange.response;
    response.status >= 500
        || matches!(response.flag.side(), Side::Upstream | Side::Internal)
        || response.grpc_status.is_some_and(|status| GRPC_SERVER_FAULTS.contains(&status))
}
