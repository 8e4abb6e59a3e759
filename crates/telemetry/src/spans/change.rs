//! The trace of a published change: from the change of the objects to the last answer of a data plane.
//!
//! The control plane closes one [`Change`] for each version that it publishes. What always holds: a trace is bounded,
//! however many objects changed and however many data planes answer; what is left out is counted in it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use clearway_model::Version;
use opentelemetry::trace::{SpanContext, Status, TraceFlags, TraceState};
use opentelemetry::{InstrumentationScope, SpanId as OtelSpanId, TraceId as OtelTraceId};
use opentelemetry_sdk::trace::SpanData;

use super::attributes::{Attributes, list};
use super::build::span;
use crate::catalog::span_attributes as names;
use crate::trace::{Sampler, SpanId, TraceId, new_span_id, new_trace_id, trace_id_hex};

/// Sampled, with a random trace id (W3C Trace Context level 2).
const FLAGS: u8 = 0b11;

/// The place of a change in a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChangeIds {
    trace: TraceId,
    root: SpanId,
}

impl ChangeIds {
    /// New ones; `None` when the sampler leaves this change out.
    pub fn sampled(sampler: &Sampler, rng: &mut fastrand::Rng) -> Option<Self> {
        let trace = new_trace_id(rng);
        sampler.decide(&trace).then(|| Self { trace, root: new_span_id(rng) })
    }

    /// The trace id, 32 hexadecimal digits.
    pub fn trace_id(&self) -> String {
        String::from_utf8_lossy(&trace_id_hex(&self.trace)).into_owned()
    }
}

/// A published change and what became of it.
#[derive(Clone, Debug)]
pub struct Change {
    /// Its place in a trace.
    pub ids: ChangeIds,
    /// The fleet that it is for.
    pub fleet: Arc<str>,
    /// The version that it led to.
    pub version: Version,
    /// When the first of the objects was seen to change.
    pub began: SystemTime,
    /// From there to the begin of the translation.
    pub watch: Duration,
    /// How long the translation took.
    pub translate: Duration,
    /// How long encoding took.
    pub encode: Duration,
    /// From `began` to the begin of the publication.
    pub until_publish: Duration,
    /// How long publishing took.
    pub publish: Duration,
    /// How many changes of objects it took in.
    pub changes: usize,
    /// The first few of these objects: kind, namespace and name.
    pub objects: Vec<Arc<str>>,
    /// Problems that the translation found.
    pub problems: usize,
    /// Resources that were encoded.
    pub encoded: usize,
    /// What data planes answered, as far as each has a span of its own.
    pub answers: Vec<Answer>,
    /// ACKs and NACKs beyond those.
    pub more: [usize; 2],
    /// Data planes that went on to a newer version, or had this one already.
    pub superseded: usize,
    /// Data planes that had not answered when the trace was closed.
    pub unanswered: usize,
    /// When the last of them answered, or waiting for more ended.
    pub ended: SystemTime,
}

/// What a data plane answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its name.
    pub dataplane: Arc<str>,
    /// Its end of the connection.
    pub peer: SocketAddr,
    /// When it could have the version.
    pub began: SystemTime,
    /// When it answered.
    pub ended: SystemTime,
    /// Why it does not serve the version; `None` when it does.
    pub refusal: Option<Refusal>,
}

/// Why a data plane does not serve a version.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// The resources that it names.
    pub resources: Vec<String>,
    /// Its sentence.
    pub message: Arc<str>,
}

impl Change {
    fn count(&self, refused: bool) -> usize {
        let own = self.answers.iter().filter(|answer| answer.refusal.is_some() == refused).count();
        own + self.more[usize::from(refused)]
    }

    /// The word of `error.type`, and the sentence of the status; `None` when all went well.
    fn trouble(&self) -> Option<(&'static str, String)> {
        if self.count(true) > 0 {
            let refusal = self.answers.iter().find_map(|answer| answer.refusal.as_ref());
            return Some((
                "refused",
                refusal.map_or_else(String::new, |refusal| refusal.message.to_string()),
            ));
        }
        (self.unanswered > 0)
            .then(|| ("unanswered", format!("{} data planes have not answered", self.unanswered)))
    }
}

/// Gives the root span, then one for each stage and answer, to `take`.
pub(super) fn spans(change: &Change, scope: &InstrumentationScope, mut take: impl FnMut(SpanData)) {
    let mut rng = fastrand::Rng::new();
    take(root(change, scope));
    let mut child = |name: &'static str, (from, to): (SystemTime, SystemTime)| {
        let own = context(&change.ids, new_span_id(&mut rng));
        let parent = OtelSpanId::from_bytes(change.ids.root);
        let mut span = span(own, parent, (from, to.max(from)), scope.clone());
        span.name = name.into();
        let mut out = common(change);
        out.add(names::CONFIG_STAGE, name);
        (span, out)
    };
    let at = |offset: Duration| change.began + offset;
    let translated = at(change.watch + change.translate);
    let published = at(change.until_publish + change.publish);
    for (name, times) in [
        ("watch", (change.began, at(change.watch))),
        ("translate", (at(change.watch), translated)),
        ("encode", (translated, translated + change.encode)),
        ("publish", (at(change.until_publish), published)),
    ] {
        let (mut span, out) = child(name, times);
        span.attributes = out.0;
        take(span);
    }
    for answer in &change.answers {
        let name = if answer.refusal.is_some() { "nack" } else { "ack" };
        let (span, out) = child(name, (answer.began, answer.ended));
        take(answered(answer, span, out));
    }
    if change.count(false) + change.count(true) + change.superseded + change.unanswered > 0 {
        let (span, out) = child("served", (published, change.ended));
        take(served(change, span, out));
    }
}

fn root(change: &Change, scope: &InstrumentationScope) -> SpanData {
    let own = context(&change.ids, change.ids.root);
    let ended = change.ended.max(change.began);
    let mut span = span(own, OtelSpanId::INVALID, (change.began, ended), scope.clone());
    span.name = "config.change".into();
    let mut out = common(change);
    out.count(names::CONFIG_CHANGES, change.changes);
    if !change.objects.is_empty() {
        out.add(names::CONFIG_OBJECTS, list(change.objects.iter().map(|object| object.to_string())));
    }
    out.count(names::CONFIG_PROBLEMS, change.problems);
    out.count(names::CONFIG_ENCODED, change.encoded);
    fail(&mut span, &mut out, change.trouble());
    span.attributes = out.0;
    span
}

fn answered(answer: &Answer, mut span: SpanData, mut out: Attributes) -> SpanData {
    out.name(names::DATAPLANE_NAME, &answer.dataplane);
    out.socket((names::NETWORK_PEER_ADDRESS, names::NETWORK_PEER_PORT), answer.peer);
    if let Some(Refusal { resources, message }) = &answer.refusal {
        if !resources.is_empty() {
            out.add(names::REFUSED_RESOURCES, list(resources.iter().cloned()));
        }
        fail(&mut span, &mut out, Some(("refused", message.to_string())));
    }
    span.attributes = out.0;
    span
}

fn served(change: &Change, mut span: SpanData, mut out: Attributes) -> SpanData {
    out.count(names::DATAPLANES_ACKED, change.count(false));
    out.count(names::DATAPLANES_REFUSED, change.count(true));
    out.count(names::DATAPLANES_SUPERSEDED, change.superseded);
    out.count(names::DATAPLANES_UNANSWERED, change.unanswered);
    fail(&mut span, &mut out, change.trouble());
    span.attributes = out.0;
    span
}

fn common(change: &Change) -> Attributes {
    let mut out = Attributes(Vec::with_capacity(8));
    out.name(names::CONFIG_VERSION, &change.version.0);
    out.name(names::FLEET, &change.fleet);
    out
}

fn fail(span: &mut SpanData, out: &mut Attributes, trouble: Option<(&'static str, String)>) {
    if let Some((word, sentence)) = trouble {
        out.add(names::ERROR_TYPE, word);
        span.status = Status::error(sentence);
    }
}

fn context(ids: &ChangeIds, span: SpanId) -> SpanContext {
    SpanContext::new(
        OtelTraceId::from_bytes(ids.trace),
        OtelSpanId::from_bytes(span),
        TraceFlags::new(FLAGS),
        false,
        TraceState::NONE,
    )
}
