//! What can be asked for: the catalog's series by their names in Prometheus, those of recording rules, and others'.

use std::collections::BTreeMap;

use clearway_telemetry::catalog::{self, Kind, Metric, Unit, Values};

use super::external::{self, TARGET_LABELS};
use super::flow;
use super::units::{self, Measure};
use crate::query::Query;

/// What the values of a series are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shape {
    /// Rises only: wants `rate` or `increase`.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Always 1.
    Info,
    /// `_bucket` of a histogram; its label `le` has these bounds.
    Bucket(&'static [f64]),
    /// `_sum` of a histogram.
    Sum,
    /// `_count` of a histogram.
    Count,
    /// A histogram as a whole, when it is scraped native.
    Histogram,
}

impl Shape {
    /// Whether it rises only.
    pub fn is_rising(self) -> bool {
        !matches!(self, Self::Gauge | Self::Info)
    }
}

/// Which values a label has.
#[derive(Clone, Debug, PartialEq)]
pub enum Words {
    /// Names that nobody knows beforehand.
    Any,
    /// These.
    OneOf(Vec<String>),
    /// A status code, or `none`.
    StatusCode,
}

/// A label that a series has.
#[derive(Clone, Debug, PartialEq)]
pub struct KnownLabel {
    /// Its name.
    pub name: String,
    /// Its values.
    pub words: Words,
}

impl KnownLabel {
    /// A label whose values nobody knows beforehand.
    pub fn any(name: &str) -> Self {
        Self { name: name.to_owned(), words: Words::Any }
    }
}

/// Something that Prometheus can be asked for.
#[derive(Clone, Debug)]
pub struct Series {
    /// What its values are.
    pub shape: Shape,
    /// What they count; `None` for what rules record.
    pub unit: Option<Unit>,
    /// What values that rules record count.
    pub measure: Measure,
    /// Its labels, without those of the target.
    pub labels: Vec<KnownLabel>,
    /// The metric of the catalog that it belongs to.
    pub metric: Option<&'static Metric>,
}

impl Series {
    /// Its labels and those that the scrape gives to all series of a target.
    pub fn all_labels(&self) -> Vec<KnownLabel> {
        let target = TARGET_LABELS.iter().map(|name| KnownLabel::any(name));
        self.labels.iter().cloned().chain(target).collect()
    }
}

/// All that can be asked for.
#[derive(Clone, Debug)]
pub struct Vocabulary {
    series: BTreeMap<String, Series>,
    recorded: BTreeMap<String, Vec<KnownLabel>>,
}

impl Vocabulary {
    /// The catalog, and what Prometheus and the Collector say of themselves.
    pub fn of_catalog() -> Self {
        let mut series = external::series();
        for metric in catalog::all() {
            series.extend(series_of(metric));
        }
        Self { series, recorded: BTreeMap::new() }
    }

    /// Adds what a recording rule makes. Its labels are those that its expression leaves, and the rule's own.
    pub fn record(&mut self, name: &str, query: &Query, own: &[&str]) {
        let mut labels = flow::labels(self, query.expr()).unwrap_or_default();
        labels.extend(own.iter().map(|name| KnownLabel::any(name)));
        if let Some(known) = self.recorded.get_mut(name) {
            known.extend(labels);
            return;
        }
        let (shape, measure) = (flow::shape(self, query.expr()), units::measure(self, query.expr()));
        self.series
            .insert(name.to_owned(), Series { shape, unit: None, measure, labels: Vec::new(), metric: None });
        self.recorded.insert(name.to_owned(), labels);
    }

    /// Adds a series that operators make, with these labels.
    pub fn declare(&mut self, name: &str, labels: &[&str]) {
        let labels: Vec<KnownLabel> = labels.iter().map(|name| KnownLabel::any(name)).collect();
        let (shape, measure) = (Shape::Gauge, Measure::THINGS);
        let series = Series { shape, unit: None, measure, labels: Vec::new(), metric: None };
        self.series.insert(name.to_owned(), series);
        self.recorded.insert(name.to_owned(), labels);
    }

    /// The same without a metric of the catalog, as if it had been removed.
    pub fn without(mut self, metric: &str) -> Self {
        self.series.retain(|_, series| series.metric.is_none_or(|known| known.name != metric));
        self
    }

    /// The series of this name.
    pub fn get(&self, name: &str) -> Option<&Series> {
        self.series.get(name)
    }

    /// The labels that series of this name can have.
    pub fn labels(&self, name: &str) -> Option<Vec<KnownLabel>> {
        self.recorded.get(name).cloned().or_else(|| Some(self.get(name)?.all_labels()))
    }

    /// The metrics of the catalog.
    pub fn metrics(&self) -> impl Iterator<Item = &'static Metric> {
        let metrics = self.series.values().filter_map(|series| series.metric);
        let by_name: BTreeMap<&str, &'static Metric> = metrics.map(|metric| (metric.name, metric)).collect();
        by_name.into_values()
    }

    /// Every name.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.series.keys().map(String::as_str)
    }
}

fn series_of(metric: &'static Metric) -> Vec<(String, Series)> {
    let labels: Vec<KnownLabel> = metric.labels.iter().map(known).collect();
    let make = |suffix: &str, shape, unit| {
        let (measure, labels) = (Measure::of(unit), labels.clone());
        let series = Series { shape, unit: Some(unit), measure, labels, metric: Some(metric) };
        (format!("{}{suffix}", metric.name), series)
    };
    match metric.kind {
        Kind::Counter => vec![make("", Shape::Counter, metric.unit)],
        Kind::Gauge => vec![make("", Shape::Gauge, metric.unit)],
        Kind::Info => vec![make("", Shape::Info, metric.unit)],
        Kind::Histogram => {
            let mut bucket = make("_bucket", Shape::Bucket(metric.buckets), metric.unit);
            bucket.1.labels.push(KnownLabel { name: "le".to_owned(), words: Words::OneOf(bounds(metric)) });
            let (sum, count) =
                (make("_sum", Shape::Sum, metric.unit), make("_count", Shape::Count, Unit::One));
            vec![bucket, sum, count, make("", Shape::Histogram, metric.unit)]
        }
    }
}

fn known(label: &catalog::Label) -> KnownLabel {
    let words = match label.values {
        Values::OneOf(words) => Words::OneOf(words().into_iter().map(str::to_owned).collect()),
        Values::StatusCode => Words::StatusCode,
        Values::Configured | Values::Api | Values::Process => Words::Any,
    };
    KnownLabel { name: label.name.to_owned(), words }
}

/// Bounds as Prometheus stores them: always with a fraction.
fn bounds(metric: &Metric) -> Vec<String> {
    metric.buckets.iter().map(|bound| format!("{bound:?}")).chain(["+Inf".to_owned()]).collect()
}
