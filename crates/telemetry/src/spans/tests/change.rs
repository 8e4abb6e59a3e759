//! The trace of a change: its spans, what they say, and its bounds.

use std::time::{Duration, SystemTime};

use clearway_model::Version;
use opentelemetry::trace::Status;
use opentelemetry::{SpanId, Value};
use opentelemetry_sdk::trace::SpanData;

use super::super::change::{Answer, Change, ChangeIds, Refusal, spans};
use super::{get, text};
use crate::trace::Sampler;

const MS: Duration = Duration::from_millis(1);

fn answer(dataplane: &str, from: u32, to: u32, refusal: Option<Refusal>) -> Answer {
    let began = SystemTime::UNIX_EPOCH;
    let peer = ([10, 0, 0, 7], 4321).into();
    Answer { dataplane: dataplane.into(), peer, began: began + MS * from, ended: began + MS * to, refusal }
}

/// A change that one data plane serves and another refuses: 10 ms of gathering, 20 of translation, 5 of encoding, a gap
/// of 1, and 2 of publication.
pub(super) fn change() -> Change {
    let refusal = Refusal { resources: vec!["Rule shop/cart/0".into()], message: "no such port".into() };
    Change {
        ids: ChangeIds::sampled(&Sampler::new(1.0), &mut fastrand::Rng::new()).expect("all are sampled"),
        fleet: "edge-dataplane".into(),
        version: Version("abc".into()),
        began: SystemTime::UNIX_EPOCH,
        watch: MS * 10,
        translate: MS * 20,
        encode: MS * 5,
        until_publish: MS * 36,
        publish: MS * 2,
        changes: 40,
        objects: vec!["HTTPRoute shop/cart".into(), "Service shop/cart".into()],
        problems: 1,
        encoded: 2,
        answers: vec![answer("pod-a", 38, 50, None), answer("pod-b", 38, 60, Some(refusal))],
        more: [0, 0],
        superseded: 1,
        unanswered: 0,
        ended: SystemTime::UNIX_EPOCH + MS * 60,
    }
}

fn built(change: &Change) -> Vec<SpanData> {
    let mut built = Vec::new();
    spans(change, &super::super::scope(), |span| built.push(span));
    built
}

fn number(span: &SpanData, name: &str) -> Option<i64> {
    match get(span, name) {
        Some(Value::I64(number)) => Some(*number),
        _ => None,
    }
}

#[test]
fn one_trace_from_the_change_to_the_last_answer() {
    let change = change();
    let spans = built(&change);
    let times = |span: &SpanData| {
        [span.start_time, span.end_time]
            .map(|at| at.duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_millis())
    };
    let got: Vec<_> = spans.iter().map(|span| (&*span.name, times(span))).collect();
    assert_eq!(
        got,
        [
            ("config.change", [0, 60]),
            ("watch", [0, 10]),
            ("translate", [10, 30]),
            ("encode", [30, 35]),
            ("publish", [36, 38]),
            ("ack", [38, 50]),
            ("nack", [38, 60]),
            ("served", [38, 60]),
        ]
    );
    let root = &spans[0];
    assert_eq!(root.parent_span_id, SpanId::INVALID);
    for child in &spans[1..] {
        assert_eq!(child.parent_span_id, root.span_context.span_id(), "{}", child.name);
        assert_eq!(child.span_context.trace_id(), root.span_context.trace_id());
        assert_eq!(text(child, "clearway.config.stage").as_deref(), Some(&*child.name));
    }
    assert_eq!(root.span_context.trace_id().to_string(), change.ids.trace_id());
    assert!(spans.iter().all(|span| text(span, "clearway.config.version").as_deref() == Some("abc")));
}

#[test]
fn it_says_what_changed_who_answered_and_what_was_refused() {
    let spans = built(&change());
    let of = |name: &str| spans.iter().find(|span| span.name == name).expect(name);
    let (root, ack, nack, served) = (of("config.change"), of("ack"), of("nack"), of("served"));
    assert_eq!(number(root, "clearway.config.changes"), Some(40));
    let objects = get(root, "clearway.config.objects").expect("objects").to_string();
    assert_eq!(objects, "[\"HTTPRoute shop/cart\",\"Service shop/cart\"]");
    assert_eq!(text(ack, "clearway.dataplane.name").as_deref(), Some("pod-a"));
    assert_eq!((&ack.status, number(ack, "network.peer.port")), (&Status::Unset, Some(4321)));
    assert_eq!(nack.status, Status::error("no such port"));
    let refused = get(nack, "clearway.refused_resources").expect("resources").to_string();
    assert_eq!(refused, "[\"Rule shop/cart/0\"]");
    for span in [root, nack, served] {
        assert_eq!(text(span, "error.type").as_deref(), Some("refused"), "{}", span.name);
        assert_eq!(span.status, Status::error("no such port"), "{}", span.name);
    }
    for (what, count) in [("acked", 1), ("refused", 1), ("superseded", 1), ("unanswered", 0)] {
        assert_eq!(number(served, &format!("clearway.dataplanes.{what}")), Some(count), "{what}");
    }
}

#[test]
fn answers_beyond_the_bound_are_counted_and_silence_is_an_error() {
    let mut change = change();
    change.answers.truncate(1);
    (change.more, change.unanswered) = ([300, 0], 2);
    let spans = built(&change);
    let served = spans.last().expect("served");
    assert_eq!(spans.len(), 7);
    assert_eq!(number(served, "clearway.dataplanes.acked"), Some(301));
    assert_eq!(text(served, "error.type").as_deref(), Some("unanswered"));
    assert_eq!(served.status, Status::error("2 data planes have not answered"));
    // Nobody is there: nobody serves it.
    change.answers.clear();
    (change.more, change.superseded, change.unanswered) = ([0, 0], 0, 0);
    let spans = built(&change);
    assert_eq!(spans.last().map(|span| &*span.name), Some("publish"));
    assert!(spans.iter().all(|span| span.status == Status::Unset));
}

#[test]
fn the_sampler_leaves_changes_out() {
    let mut rng = fastrand::Rng::new();
    assert!((0..100).all(|_| ChangeIds::sampled(&Sampler::new(0.0), &mut rng).is_none()));
}
