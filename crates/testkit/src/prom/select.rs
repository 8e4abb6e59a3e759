//! Selections of samples, by name and labels, and what can be asked of them.

use std::collections::{BTreeMap, BTreeSet};

use super::{Exemplar, Exposition, Sample};

/// Samples of one metric name.
#[derive(Clone, Debug)]
pub struct Selection<'a> {
    /// For messages.
    what: String,
    exposition: &'a Exposition,
    samples: Vec<&'a Sample>,
}

impl<'a> Selection<'a> {
    pub(super) fn new(exposition: &'a Exposition, name: &str) -> Self {
        let samples = exposition.samples.iter().filter(|sample| sample.name == name).collect();
        Self { what: name.to_owned(), exposition, samples }
    }

    /// Those whose label has this value; a missing label counts as empty, as in PromQL.
    pub fn label(self, name: &str, value: &str) -> Self {
        let what = format!("{}{{{name}={value:?}}}", self.what);
        let kept = Self { what, ..self };
        kept.filter(|sample| sample.label(name) == value)
    }

    /// Those whose label has another value.
    pub fn label_not(self, name: &str, value: &str) -> Self {
        let what = format!("{}{{{name}!={value:?}}}", self.what);
        let kept = Self { what, ..self };
        kept.filter(|sample| sample.label(name) != value)
    }

    /// Those that satisfy `keep`.
    pub fn filter(mut self, keep: impl Fn(&Sample) -> bool) -> Self {
        self.samples.retain(|sample| keep(sample));
        self
    }

    /// The samples.
    pub fn samples(&self) -> &[&'a Sample] {
        &self.samples
    }

    /// How many series.
    pub fn count(&self) -> usize {
        self.samples.len()
    }

    /// The sum of the values; 0 for none.
    pub fn sum(&self) -> f64 {
        self.samples.iter().map(|sample| sample.value).sum()
    }

    /// The sum, as a count; panics when it is not a whole number from 0.
    pub fn total(&self) -> u64 {
        let sum = self.sum();
        assert!(sum >= 0.0 && sum.fract() == 0.0 && sum < 9e15, "{} is not a count: {sum}", self.what);
        sum as u64
    }

    /// The value of the one sample; panics when there is none or more than one.
    pub fn value(&self) -> f64 {
        match self.samples.as_slice() {
            [one] => one.value,
            all => {
                let named =
                    self.exposition.samples.iter().filter(|sample| self.what.starts_with(&sample.name));
                let named: Vec<_> =
                    named.map(|sample| format!("  {} {:?}", sample.name, sample.labels)).collect();
                panic!("{}: {} samples, expected one. There are:\n{}", self.what, all.len(), named.join("\n"))
            }
        }
    }

    /// The different values of a label.
    pub fn values_of(&self, label: &str) -> BTreeSet<String> {
        self.samples.iter().map(|sample| sample.label(label).to_owned()).collect()
    }

    /// Sums by the values of a label.
    pub fn sum_by(&self, label: &str) -> BTreeMap<String, f64> {
        let mut sums = BTreeMap::new();
        for sample in &self.samples {
            *sums.entry(sample.label(label).to_owned()).or_default() += sample.value;
        }
        sums
    }

    /// The exemplars.
    pub fn exemplars(&self) -> Vec<&'a Exemplar> {
        self.samples.iter().filter_map(|sample| sample.exemplar.as_ref()).collect()
    }

    /// The selection as one histogram, merged over all its series; select by the `_bucket` name.
    pub fn histogram(&self) -> Histogram {
        let mut buckets: Vec<(f64, f64)> = Vec::new();
        for sample in &self.samples {
            let bound = sample.label("le").parse().unwrap_or(f64::NAN);
            assert!(!bound.is_nan(), "{}: a sample without a numeric le: {:?}", self.what, sample.labels);
            match buckets.iter_mut().find(|(le, _)| *le == bound) {
                Some((_, count)) => *count += sample.value,
                None => buckets.push((bound, sample.value)),
            }
        }
        buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        Histogram { buckets }
    }
}

/// A histogram: cumulative counts by upper bound.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    /// Upper bound and cumulative count, in rising order; the last bound is infinite.
    pub buckets: Vec<(f64, f64)>,
}

impl Histogram {
    /// Observations in all.
    pub fn count(&self) -> f64 {
        self.buckets.last().map_or(0.0, |(_, count)| *count)
    }

    /// Observations of at most `bound`, which must be a bucket's; panics when it is none.
    pub fn at_most(&self, bound: f64) -> f64 {
        let found = self.buckets.iter().find(|(le, _)| *le == bound);
        found.unwrap_or_else(|| panic!("no bucket {bound} in {:?}", self.buckets)).1
    }
}
