//! What the collectors write on: families of the catalog with their samples, whatever the format.

use std::borrow::Cow;

use smallvec::SmallVec;

use super::sink::{PART, Sink};
use crate::catalog::{Label, Metric, Plane};
use crate::families::Switches;
use crate::histogram::Collected;

/// A value of a counter or gauge.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Number {
    /// A whole number: counters stay exact.
    Whole(u64),
    /// Seconds, limits.
    Float(f64),
}

/// The labels of one series, in the order of the catalog. What is not added is absent.
#[derive(Clone, Debug, Default)]
pub(super) struct Labels<'a>(SmallVec<[(&'static str, Cow<'a, str>); 14]>);

impl<'a> Labels<'a> {
    /// No labels.
    pub(super) fn none() -> Self {
        Self::default()
    }

    /// Adds a label.
    pub(super) fn add(&mut self, label: &Label, value: impl Into<Cow<'a, str>>) -> &mut Self {
        self.0.push((label.name, value.into()));
        self
    }

    /// One label.
    pub(super) fn one(label: &Label, value: impl Into<Cow<'a, str>>) -> Self {
        let mut labels = Self::none();
        labels.add(label, value);
        labels
    }

    /// Forgets all labels but the first `keep`.
    pub(super) fn truncate(&mut self, keep: usize) {
        self.0.truncate(keep);
    }

    /// Number of labels.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Names and values.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.iter().map(|(name, value)| (*name, value.as_ref()))
    }
}

/// A format: told of a family, then of its samples.
pub(super) trait Writer {
    /// A family begins. It is shown only if a sample follows.
    fn family(&mut self, metric: &'static Metric);
    /// A sample of a counter, gauge or info.
    fn number(&mut self, labels: &Labels<'_>, value: Number);
    /// A sample of a histogram.
    fn histogram(&mut self, labels: &Labels<'_>, value: &Collected);
    /// The end of the page.
    fn finish(&mut self);
    /// What is finished so far and was not taken out yet.
    fn finished(&mut self) -> &mut Vec<u8>;
}

/// The exposition in the making: keeps switched-off families and those of other planes out, and counts series.
pub(super) struct Page<'w> {
    writer: &'w mut dyn Writer,
    sink: &'w mut Sink,
    switches: Switches,
    planes: Vec<Plane>,
    counts: Vec<(&'static str, u64)>,
}

impl<'w> Page<'w> {
    /// An empty page.
    pub(super) fn new(
        writer: &'w mut dyn Writer,
        sink: &'w mut Sink,
        switches: Switches,
        planes: Vec<Plane>,
    ) -> Self {
        Self { writer, sink, switches, planes, counts: Vec::new() }
    }

    /// The end of the page.
    pub(super) fn finish(self) {
        self.writer.finish();
        self.sink.take(self.writer.finished());
    }

    /// Writes a family, unless it is switched off or another plane's: then `fill` is not called.
    pub(super) fn family(&mut self, metric: &'static Metric, fill: impl FnOnce(&mut Samples<'_>)) {
        if !metric.is_kept(&self.switches) || !self.planes.contains(&metric.plane) {
            return;
        }
        self.writer.family(metric);
        let mut samples = Samples { writer: &mut *self.writer, sink: &mut *self.sink, count: 0 };
        fill(&mut samples);
        let count = samples.count;
        if count > 0 {
            self.counts.push((metric.name, count));
        }
    }

    /// Series by family so far.
    pub(super) fn counts(&self) -> &[(&'static str, u64)] {
        &self.counts
    }
}

/// The samples of one family.
pub(super) struct Samples<'p> {
    writer: &'p mut dyn Writer,
    sink: &'p mut Sink,
    count: u64,
}

impl Samples<'_> {
    /// A whole number.
    pub(super) fn whole(&mut self, labels: &Labels<'_>, value: u64) {
        self.number(labels, Number::Whole(value));
    }

    fn number(&mut self, labels: &Labels<'_>, value: Number) {
        self.writer.number(labels, value);
        self.written();
    }

    fn written(&mut self) {
        self.count += 1;
        let finished = self.writer.finished();
        if finished.len() >= PART {
            self.sink.take(finished);
        }
    }

    /// A sharded gauge: a scrape may see the fall on one worker before the rise on another.
    pub(super) fn gauge(&mut self, labels: &Labels<'_>, value: u64) {
        self.whole(labels, if value > u64::MAX / 2 { 0 } else { value });
    }

    /// A number with a fraction.
    pub(super) fn float(&mut self, labels: &Labels<'_>, value: f64) {
        self.number(labels, Number::Float(value));
    }

    /// A histogram; without an observation it has no series.
    pub(super) fn histogram(&mut self, labels: &Labels<'_>, value: &Collected) {
        if value.count > 0 {
            self.writer.histogram(labels, value);
            self.written();
        }
    }
}
