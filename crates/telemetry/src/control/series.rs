//! Counters and histograms under keys, for what happens a few times a second at most: one lock for each family.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::histogram::{Collected, Histogram};
use crate::shard::WorkerId;

/// Counters under keys.
#[derive(Debug)]
pub(crate) struct Tally<K>(Mutex<BTreeMap<K, u64>>);

impl<K> Default for Tally<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Ord + Clone> Tally<K> {
    /// Counters that show from the start, so that their first rise is seen as one.
    pub(crate) fn starting_with(keys: impl IntoIterator<Item = K>) -> Self {
        Self(Mutex::new(keys.into_iter().map(|key| (key, 0)).collect()))
    }

    pub(crate) fn add(&self, key: K, n: u64) {
        let mut counts = lock(&self.0);
        let count = counts.entry(key).or_default();
        *count = count.saturating_add(n);
    }

    pub(crate) fn read(&self) -> BTreeMap<K, u64> {
        lock(&self.0).clone()
    }
}

/// Histograms under keys.
#[derive(Debug)]
pub(crate) struct Timings<K> {
    bounds: &'static [f64],
    entries: Mutex<(WorkerId, BTreeMap<K, Histogram>)>,
}

impl<K: Ord + Clone> Timings<K> {
    pub(crate) fn new(bounds: &'static [f64]) -> Self {
        Self { bounds, entries: Mutex::new((WorkerId::new(0), BTreeMap::new())) }
    }

    pub(crate) fn observe(&self, key: K, duration: Duration) {
        let mut entries = lock(&self.entries);
        let (writer, histograms) = &mut *entries;
        histograms.entry(key).or_insert_with(|| Histogram::new(1, self.bounds)).observe(writer, duration);
    }

    pub(crate) fn read(&self) -> Vec<(K, Collected)> {
        let entries = lock(&self.entries);
        entries.1.iter().map(|(key, histogram)| (key.clone(), histogram.collect())).collect()
    }
}

/// The value under a lock; a panic elsewhere does not end the telemetry.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
