//! Journeys as traces: one for each published version, closed when every data plane that was there has answered.
//!
//! The publisher opens them, the follower of data planes tells what is answered. What always holds: at most [`OPEN`] are
//! open and each has at most [`ANSWERS`] answers of its own; none is open for much longer than [`PATIENCE`]; without a
//! collector nothing is kept.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use clearway_model::Version;
use clearway_telemetry::control::MAX_NAMED;
use clearway_telemetry::spans::{Answer, Change, ChangeIds, Refusal, SpanPipeline};
use clearway_telemetry::trace::Sampler;
use clearway_xds::{Hub, Node, Rejection};

use super::Journey;

/// Traces that wait for answers. More close the oldest: their data planes went on to newer versions.
const OPEN: usize = 64;
/// Answers of one trace that have a span; more are only counted.
const ANSWERS: usize = MAX_NAMED;
/// Resources that a refusal names.
const RESOURCES: usize = 16;
/// A trace is closed after so long, whoever has not answered.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where journeys go as traces.
#[derive(Clone, Debug)]
pub struct Tracing {
    /// The way out.
    pub spans: Arc<SpanPipeline>,
    /// Which of them go.
    pub sampler: Sampler,
}

/// A trace that waits for answers.
#[derive(Debug)]
struct Open {
    since: Instant,
    change: Change,
    /// Streams that have not answered.
    awaited: BTreeSet<u64>,
    /// Streams that have: a version that was refused may be tried again, and only the first answer counts.
    answered: BTreeSet<u64>,
    /// Whether the publication is over: an answer may be quicker.
    published: bool,
}

/// The traces of the newest versions.
#[derive(Debug, Default)]
pub(crate) struct Traces {
    tracing: Option<Tracing>,
    open: Mutex<VecDeque<Open>>,
}

impl Traces {
    /// Traces that go this way; nowhere when there is none.
    pub(crate) fn new(tracing: Option<Tracing>) -> Self {
        Self { tracing, open: Mutex::default() }
    }

    /// A version is about to be published to a fleet. Gives the trace id, unless nothing is traced.
    pub(crate) fn begin(
        &self,
        (fleet, hub): (&str, &Hub),
        version: &Version,
        journey: &Journey,
        problems: usize,
    ) -> Option<String> {
        let tracing = self.tracing.as_ref()?;
        let ids = ChangeIds::sampled(&tracing.sampler, &mut fastrand::Rng::new())?;
        let of_fleet = hub.nodes().into_iter().map(|status| status.node).filter(|node| &*node.fleet == fleet);
        let change = Change {
            ids,
            fleet: fleet.into(),
            version: version.clone(),
            began: journey.began,
            watch: journey.gather,
            translate: journey.translate,
            encode: journey.encode,
            until_publish: journey.published.saturating_duration_since(journey.seen),
            publish: Duration::ZERO,
            changes: journey.changes,
            objects: journey.objects.texts(),
            problems,
            encoded: journey.encoded,
            answers: Vec::new(),
            more: [0, 0],
            superseded: 0,
            unanswered: 0,
            ended: journey.began,
        };
        let awaited = of_fleet.map(|node| node.session).collect();
        let mut open = self.lock();
        if open.len() == OPEN
            && let Some(oldest) = open.pop_front()
        {
            self.close(oldest);
        }
        let answered = BTreeSet::new();
        open.push_back(Open { since: Instant::now(), change, awaited, answered, published: false });
        Some(ids.trace_id())
    }

    /// It is published. What was not begun, since nothing changed, is not there.
    pub(crate) fn published(&self, version: &Version, took: Duration) {
        let mut open = self.lock();
        let unpublished = |one: &&mut Open| one.change.version == *version && !one.published;
        if let Some(one) = open.iter_mut().rev().find(unpublished) {
            one.change.publish = took;
            one.change.ended = one.change.ended.max(one.change.began + one.change.until_publish + took);
            one.published = true;
        }
        self.close_answered(&mut open);
    }

    /// A data plane serves a version, which it could have had for so long.
    pub(crate) fn acked(&self, node: &Node, version: &Version, lag: Duration) {
        let began = SystemTime::now().checked_sub(lag);
        self.answered(node, version, began, None);
    }

    /// A data plane refuses a version.
    pub(crate) fn nacked(&self, node: &Node, rejection: &Rejection) {
        let faults = rejection.faults.iter().take(RESOURCES);
        let refusal = Refusal {
            resources: faults.map(|fault| format!("{} {}", fault.kind, fault.name)).collect(),
            message: rejection.message.clone(),
        };
        self.answered(node, &rejection.version, None, Some(refusal));
    }

    fn answered(&self, node: &Node, version: &Version, began: Option<SystemTime>, refusal: Option<Refusal>) {
        let mut open = self.lock();
        let Some(at) = open.iter().rposition(|one| one.change.version == *version) else { return };
        // What was published before this version it will never be sent.
        for one in open.range_mut(..at) {
            one.change.superseded += usize::from(one.awaited.remove(&node.session));
        }
        if let Some(one) = open.get_mut(at) {
            one.answer(node, began, refusal);
        }
        self.close_answered(&mut open);
    }

    /// A stream of a data plane ended: nothing is awaited of it.
    pub(crate) fn gone(&self, session: u64) {
        let mut open = self.lock();
        for one in open.iter_mut() {
            one.awaited.remove(&session);
        }
        self.close_answered(&mut open);
    }

    /// Closes what has waited for too long, and what was answered without a word: a data plane that has a version
    /// already is not sent it again.
    pub(crate) fn look(&self, hub: &Hub) {
        let mut open = self.lock();
        if open.is_empty() {
            return;
        }
        let nodes = hub.nodes();
        for one in open.iter_mut() {
            let awaited = std::mem::take(&mut one.awaited);
            for session in awaited {
                let Some(status) = nodes.iter().find(|status| status.node.session == session) else {
                    continue;
                };
                if status.acked.as_ref() == Some(&one.change.version) {
                    one.change.superseded += 1;
                } else {
                    one.awaited.insert(session);
                }
            }
        }
        self.close_answered(&mut open);
        self.close_late(&mut open);
    }

    /// Closes everything: the process ends.
    pub(crate) fn end(&self) {
        self.lock().drain(..).for_each(|one| self.close(one));
    }

    fn close_late(&self, open: &mut VecDeque<Open>) {
        while open.front().is_some_and(|one| one.since.elapsed() >= PATIENCE) {
            open.pop_front().into_iter().for_each(|one| self.close(one));
        }
    }

    fn close_answered(&self, open: &mut VecDeque<Open>) {
        while let Some(at) = open.iter().position(|one| one.published && one.awaited.is_empty()) {
            open.remove(at).into_iter().for_each(|one| self.close(one));
        }
    }

    fn close(&self, mut one: Open) {
        one.change.unanswered = one.awaited.len();
        if one.change.unanswered > 0 {
            one.change.ended = SystemTime::now();
        }
        if let Some(tracing) = &self.tracing {
            tracing.spans.change(&one.change);
        }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    fn answer(&mut self, node: &Node, began: Option<SystemTime>, refusal: Option<Refusal>) {
        self.awaited.remove(&node.session);
        if !self.answered.insert(node.session) {
            return;
        }
        let ended = SystemTime::now();
        let change = &mut self.change;
        change.ended = ended;
        if change.answers.len() >= ANSWERS {
            change.more[usize::from(refusal.is_some())] += 1;
            return;
        }
        let published = change.began + change.until_publish;
        let began = began.unwrap_or(published).max(published);
        let (dataplane, peer) = (node.id.clone(), node.peer);
        change.answers.push(Answer { dataplane, peer, began, ended, refusal });
    }
}

#[cfg(test)]
mod tests {
    use clearway_telemetry::accounting::{Accounting, Signal};
    use clearway_telemetry::otlp::{OtlpOptions, OtlpProtocol, Resource};
    use clearway_testkit::otlp::Sink;

    use super::*;
    use crate::journey::Named;

    fn traces() -> (Traces, Sink, Arc<Accounting>) {
        let (sink, accounting) = (Sink::start(), Accounting::new());
        let options = OtlpOptions::new(sink.endpoint(), OtlpProtocol::Grpc);
        let spans = Arc::new(SpanPipeline::start(&options, &Resource::default(), &accounting).unwrap());
        (Traces::new(Some(Tracing { spans, sampler: Sampler::new(1.0) })), sink, accounting)
    }

    fn journey() -> Journey {
        Journey {
            began: SystemTime::now(),
            seen: Instant::now(),
            changes: 1,
            objects: Named::default(),
            gather: Duration::ZERO,
            translate: Duration::ZERO,
            encode: Duration::ZERO,
            encoded: 0,
            published: Instant::now(),
        }
    }

    /// Publishes a version to a data plane that says nothing.
    fn open(traces: &Traces, version: usize) {
        let version = Version(version.to_string().into());
        let trace_id = traces.begin(("edge", &Hub::new()), &version, &journey(), 0);
        assert_eq!(trace_id.map(|id| id.len()), Some(32));
        traces.lock().back_mut().unwrap().awaited.insert(7);
        traces.published(&version, Duration::ZERO);
    }

    #[test]
    fn no_more_than_so_many_wait_and_the_oldest_goes_first() {
        let (traces, sink, accounting) = traces();
        (0..OPEN + 3).for_each(|version| open(&traces, version));
        assert_eq!(traces.lock().len(), OPEN);
        assert_eq!(traces.lock()[0].change.version, Version("3".into()));
        // Root, four stages, and what became of the data plane.
        assert_eq!(accounting.read(Signal::Spans).produced, 3 * 6);
        traces.end();
        assert_eq!(
            accounting.read(Signal::Spans).produced,
            (OPEN as u64 + 3) * 6,
            "all are closed at the end"
        );
        drop(sink);
    }

    #[test]
    fn who_does_not_answer_is_waited_for_but_not_for_ever() {
        let (traces, _sink, accounting) = traces();
        open(&traces, 0);
        traces.lock()[0].awaited.insert(8);
        traces.close_late(&mut traces.lock());
        traces.gone(8);
        assert_eq!((traces.lock().len(), accounting.read(Signal::Spans).produced), (1, 0));
        let long_ago = Instant::now().checked_sub(PATIENCE).expect("the machine runs longer");
        traces.lock()[0].since = long_ago;
        traces.close_late(&mut traces.lock());
        assert_eq!((traces.lock().len(), accounting.read(Signal::Spans).produced), (0, 6));
        open(&traces, 1);
        traces.gone(7);
        assert!(traces.lock().is_empty(), "a data plane that has gone is not waited for");
        open(&traces, 2);
        traces.look(&Hub::new());
        assert!(traces.lock().is_empty(), "nor one whose end was not heard of");
    }

    #[test]
    fn without_a_collector_nothing_is_kept() {
        let traces = Traces::new(None);
        let version = Version("1".into());
        assert_eq!(traces.begin(("edge", &Hub::new()), &version, &journey(), 0), None);
        assert!(traces.lock().is_empty());
    }
}
