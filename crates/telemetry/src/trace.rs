//! Trace context: reading, continuing and writing it, and the decision whether spans are recorded.
//!
//! The data path calls [`TraceContext::begin`] once for each request and [`Propagation::inject`] once for each try.
//! Ids are always made, also when nothing is exported: the log line and the backend have them. An unsampled request
//! still sends a valid, unsampled `traceparent`.

mod b3;
mod hex;
#[cfg(test)]
mod tests;
mod w3c;

use clearway_model::TraceTrust;
use http::{HeaderMap, HeaderName, HeaderValue};

pub use b3::B3;
pub use hex::{span_id_hex, trace_id_hex};

/// Sixteen bytes, never all zero.
pub type TraceId = [u8; 16];
/// Eight bytes, never all zero.
pub type SpanId = [u8; 8];

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

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
    /// Whether the low 56 bits of the trace id are random: always for own ids, as the client says for joined ones.
    pub random: bool,
    /// The client's `tracestate`, passed on as it came when its context was joined.
    pub tracestate: Option<HeaderValue>,
    /// The client's context when it was only linked.
    pub link: Option<(TraceId, SpanId)>,
}

impl TraceContext {
    /// Finds the request's place: joins, links or ignores the client's context as the listener trusts it.
    ///
    /// What cannot be parsed counts as absent (W3C Trace Context section 3.2): a new trace starts.
    pub fn begin(
        headers: &HeaderMap,
        trust: TraceTrust,
        propagation: Propagation,
        sampler: &Sampler,
        rng: &mut fastrand::Rng,
    ) -> Self {
        let client = match trust {
            TraceTrust::Ignore => Extraction::default(),
            TraceTrust::Accept | TraceTrust::Link => propagation.extract(headers),
        };
        let span_id = new_span_id(rng);
        if let (TraceTrust::Accept, Some(remote)) = (trust, client.remote) {
            return Self {
                trace_id: remote.trace_id,
                span_id,
                parent: Some(remote.span_id),
                sampled: client.sampled.unwrap_or_else(|| sampler.decide(&remote.trace_id)),
                random: remote.random,
                tracestate: if remote.w3c { w3c::tracestate(headers) } else { None },
                link: None,
            };
        }
        let trace_id = new_trace_id(rng);
        let decided = if trust == TraceTrust::Accept { client.sampled } else { None };
        Self {
            trace_id,
            span_id,
            parent: None,
            sampled: decided.unwrap_or_else(|| sampler.decide(&trace_id)),
            random: true,
            tracestate: None,
            link: client.remote.map(|remote| (remote.trace_id, remote.span_id)),
        }
    }

    /// The flags byte of `traceparent`: bit 0 sampled, bit 1 random trace id (level 2).
    pub fn flags(&self) -> u8 {
        u8::from(self.sampled) | u8::from(self.random) << 1
    }
}

/// What a client said of its trace.
#[derive(Clone, Copy, Debug, Default)]
struct Extraction {
    remote: Option<Remote>,
    /// Its decision; `None` when it left the decision to us.
    sampled: Option<bool>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Remote {
    trace_id: TraceId,
    span_id: SpanId,
    random: bool,
    w3c: bool,
}

/// Which headers carry the context: W3C Trace Context always, B3 when asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Propagation {
    /// B3: read when there is no valid `traceparent`, and written beside it.
    pub b3: B3,
}

impl Propagation {
    fn extract(self, headers: &HeaderMap) -> Extraction {
        if let Some((remote, sampled)) = w3c::traceparent(headers) {
            return Extraction { remote: Some(remote), sampled: Some(sampled) };
        }
        if self.b3 == B3::Off { Extraction::default() } else { b3::extract(headers) }
    }

    /// Writes the context into the headers of one try; `span` is the try's CLIENT span. What the client sent is
    /// replaced, or removed when its context was not joined.
    pub fn inject(self, context: &TraceContext, span: &SpanId, headers: &mut HeaderMap) {
        if let Ok(value) = HeaderValue::from_bytes(&traceparent(context, span)) {
            headers.insert(TRACEPARENT, value);
        }
        match &context.tracestate {
            Some(state) => drop(headers.insert(TRACESTATE, state.clone())),
            None => drop(headers.remove(TRACESTATE)),
        }
        if self.b3 != B3::Off {
            b3::inject(self.b3, context, span, headers);
        }
    }
}

/// The decision for traces that start here.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampler {
    ratio: f64,
    /// Trace ids whose low 56 bits are below it are sampled.
    threshold: u64,
}

const RANDOM_BITS: u64 = 1 << 56;

impl Sampler {
    /// Samples `ratio` of the traces: 0 none at all, 1 every one. Values outside are taken as the nearer of the two.
    pub fn new(ratio: f64) -> Self {
        let ratio = if ratio.is_nan() { 0.0 } else { ratio.clamp(0.0, 1.0) };
        // Exact at both ends: 0 and 2^56 are floating-point numbers.
        Self { ratio, threshold: (ratio * RANDOM_BITS as f64) as u64 }
    }

    /// The ratio.
    pub fn ratio(&self) -> f64 {
        self.ratio
    }

    /// Whether a trace that starts here is sampled. Depends on the id alone, so that all gateways agree.
    pub fn decide(&self, trace_id: &TraceId) -> bool {
        let [.., a, b, c, d, e, f, g] = *trace_id;
        u64::from_be_bytes([0, a, b, c, d, e, f, g]) < self.threshold
    }
}

impl Default for Sampler {
    fn default() -> Self {
        Self::new(0.0)
    }
}

/// A span id, never all zero.
pub fn new_span_id(rng: &mut fastrand::Rng) -> SpanId {
    rng.u64(1..).to_be_bytes()
}

pub(crate) fn new_trace_id(rng: &mut fastrand::Rng) -> TraceId {
    rng.u128(1..).to_be_bytes()
}

/// The `traceparent` of a try: version 00, no allocation.
pub fn traceparent(context: &TraceContext, span: &SpanId) -> [u8; 55] {
    let mut out = [b'-'; 55];
    out[0] = b'0';
    out[1] = b'0';
    hex::write(&context.trace_id, &mut out[3..35]);
    hex::write(span, &mut out[36..52]);
    hex::write(&[context.flags()], &mut out[53..55]);
    out
}
