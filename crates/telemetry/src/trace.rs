//! Trace context: reading, continuing and writing `traceparent` (W3C Trace Context level 1, with the level 2 random flag).

use http::HeaderValue;

/// Sixteen bytes, never all zero.
pub type TraceId = [u8; 16];
/// Eight bytes, never all zero.
pub type SpanId = [u8; 8];

/// A request's place in a trace.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TraceContext {
    /// The trace.
    pub trace_id: TraceId,
    /// The gateway's SERVER span.
    pub span_id: SpanId,
    /// The client's span, when its context was joined.
    pub parent: Option<SpanId>,
    /// Whether spans are recorded.
    pub sampled: bool,
    /// The client's `tracestate`, passed on as it came when its context was joined.
    pub tracestate: Option<HeaderValue>,
    /// The client's context when it was only linked.
    pub link: Option<(TraceId, SpanId)>,
}
