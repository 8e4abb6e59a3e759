//! B3 propagation, in one header or in several (openzipkin/b3-propagation).

use http::{HeaderMap, HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};

use super::{Extraction, Remote, SpanId, TraceContext, TraceId, hex};

const SINGLE: HeaderName = HeaderName::from_static("b3");
const TRACE: HeaderName = HeaderName::from_static("x-b3-traceid");
const SPAN: HeaderName = HeaderName::from_static("x-b3-spanid");
const PARENT: HeaderName = HeaderName::from_static("x-b3-parentspanid");
const SAMPLED: HeaderName = HeaderName::from_static("x-b3-sampled");
const FLAGS: HeaderName = HeaderName::from_static("x-b3-flags");

/// Whether B3 is spoken, and in which form it is written. Both forms are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum B3 {
    /// Not at all; the headers pass like any others.
    #[default]
    Off,
    /// Written as `b3`.
    Single,
    /// Written as `X-B3-TraceId`, `X-B3-SpanId`, `X-B3-Sampled`.
    Multi,
}

/// The client's context; the single header wins when it is valid.
pub(super) fn extract(headers: &HeaderMap) -> Extraction {
    if let Some(found) = headers.get(SINGLE).and_then(|value| single(value.as_bytes())) {
        return found;
    }
    let text = |name| headers.get(name).map(HeaderValue::as_bytes);
    let debug = text(FLAGS) == Some(b"1");
    let sampled = if debug { Some(true) } else { text(SAMPLED).and_then(decision) };
    let remote = text(TRACE).zip(text(SPAN)).and_then(|(trace, span)| remote(trace, span));
    Extraction { remote, sampled }
}

/// `{trace}-{span}[-{decision}[-{parent}]]`, or a decision alone.
fn single(text: &[u8]) -> Option<Extraction> {
    if let Some(sampled) = decision(text) {
        return Some(Extraction { remote: None, sampled: Some(sampled) });
    }
    let mut parts = text.split(|&byte| byte == b'-');
    let (trace, span) = (parts.next()?, parts.next()?);
    let sampled = match parts.next() {
        Some(word) => Some(decision(word)?),
        None => None,
    };
    Some(Extraction { remote: Some(remote(trace, span)?), sampled })
}

fn decision(text: &[u8]) -> Option<bool> {
    match text {
        b"1" | b"d" | b"true" => Some(true),
        b"0" | b"false" => Some(false),
        _ => None,
    }
}

fn remote(trace: &[u8], span: &[u8]) -> Option<Remote> {
    Some(Remote { trace_id: trace_id(trace)?, span_id: hex::read_id(span)?, random: false, w3c: false })
}

/// 128 bits, or 64 that are padded on the left.
fn trace_id(text: &[u8]) -> Option<TraceId> {
    if text.len() != 16 {
        return hex::read_id(text);
    }
    let low = hex::read_id::<8>(text)?;
    let mut id = [0; 16];
    id[8..].copy_from_slice(&low);
    Some(id)
}

/// Writes the configured form and removes the other.
pub(super) fn inject(form: B3, context: &TraceContext, span: &SpanId, headers: &mut HeaderMap) {
    for name in [SINGLE, TRACE, SPAN, PARENT, SAMPLED, FLAGS] {
        headers.remove(name);
    }
    let trace = hex::trace_id_hex(&context.trace_id);
    let span = hex::span_id_hex(span);
    let sampled = if context.sampled { "1" } else { "0" };
    if form == B3::Multi {
        for (name, digits) in [(TRACE, trace.as_slice()), (SPAN, span.as_slice())] {
            if let Ok(value) = HeaderValue::from_bytes(digits) {
                headers.insert(name, value);
            }
        }
        headers.insert(SAMPLED, HeaderValue::from_static(sampled));
        return;
    }
    let mut text = [b'-'; 51];
    text[..32].copy_from_slice(&trace);
    text[33..49].copy_from_slice(&span);
    text[50] = sampled.as_bytes()[0];
    if let Ok(value) = HeaderValue::from_bytes(&text) {
        headers.insert(SINGLE, value);
    }
}
