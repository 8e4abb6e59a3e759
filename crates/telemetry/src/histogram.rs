//! Latency histograms: classic buckets and a sparse native histogram from one observation, one writer for each shard.
//!
//! Native buckets follow Prometheus schema 3 (eight buckets for each power of two, at most 9 % wide). Pages of sixteen
//! buckets are allocated when first touched, so an idle route costs nothing and a busy one a few hundred bytes.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, SystemTime};

use crate::shard::WorkerId;

/// The schema of the native buckets: `2^(2^-3)` from bound to bound.
pub const NATIVE_SCHEMA: i32 = 3;
/// Index of the first native bucket that is kept: everything below one microsecond goes there (2^-20 s).
const FIRST_INDEX: i32 = -20 * 8;
/// Native buckets up to this index lie under [`ZERO_THRESHOLD`]: they are the zero bucket of the exposition.
pub const ZERO_INDEX: i32 = FIRST_INDEX;
/// Durations up to this, in seconds, count as zero in the native histogram: 2^-20, about one microsecond.
pub const ZERO_THRESHOLD: f64 = 1.0 / 1_048_576.0;
const PAGES: usize = 20;
const PAGE: usize = 16;
/// Upper bounds of the eighths of a power of two, as fractions of 2^52: `2^(k/8) - 1`.
const EIGHTHS: [f64; 8] = [
    1.0,
    1.090_507_732_665_257_7,
    1.189_207_115_002_721,
    1.296_839_554_651_009_6,
    std::f64::consts::SQRT_2,
    1.542_210_825_407_940_7,
    1.681_792_830_507_429,
    1.834_008_086_409_342_4,
];

/// A trace that shows what a bucket means.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Exemplar {
    /// Its trace id.
    pub trace_id: [u8; 16],
    /// The SERVER span.
    pub span_id: [u8; 8],
    /// The observed value, seconds.
    pub seconds: f64,
    /// When it was observed.
    pub at: SystemTime,
}

/// A histogram of durations with a shard for each worker.
#[derive(Debug)]
pub struct Histogram {
    bounds: &'static [f64],
    shards: Box<[OnceLock<Box<Shard>>]>,
    exemplars: OnceLock<Box<[Mutex<Option<Exemplar>>]>>,
}

#[derive(Debug)]
#[repr(align(64))]
struct Shard {
    sum_nanos: AtomicU64,
    classic: Box<[AtomicU64]>,
    pages: [OnceLock<Box<[AtomicU64; PAGE]>>; PAGES],
}

/// A histogram summed over its shards.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Collected {
    /// Upper bounds of the classic buckets, without `+Inf`.
    pub bounds: Vec<f64>,
    /// Observations in each classic bucket, not cumulative; one more than `bounds`.
    pub classic: Vec<u64>,
    /// Native buckets `(index, count)` in rising order; bucket `i` ends at `2^(i/8)`.
    pub native: Vec<(i32, u64)>,
    /// Sum of the observations, seconds.
    pub sum: f64,
    /// Number of observations: the sum of `classic`.
    pub count: u64,
    /// Exemplars by classic bucket.
    pub exemplars: Vec<Option<Exemplar>>,
}

impl Histogram {
    /// An empty histogram; `bounds` rise strictly.
    pub fn new(workers: usize, bounds: &'static [f64]) -> Self {
        Self { bounds, shards: (0..workers).map(|_| OnceLock::new()).collect(), exemplars: OnceLock::new() }
    }

    /// Counts one duration.
    pub fn observe(&self, worker: &WorkerId, duration: Duration) -> usize {
        let seconds = duration.as_secs_f64();
        let bucket = self.bounds.iter().position(|bound| seconds <= *bound).unwrap_or(self.bounds.len());
        let Some(slot) = self.shards.get(worker.index()) else { return bucket };
        let shard = slot.get_or_init(|| Box::new(Shard::new(self.bounds.len())));
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        bump(&shard.sum_nanos, nanos);
        if let Some(cell) = shard.classic.get(bucket) {
            bump(cell, 1);
        }
        let place = usize::try_from(native_index(seconds) - FIRST_INDEX).unwrap_or(0).min(PAGES * PAGE - 1);
        if let Some(page) = shard.pages.get(place / PAGE) {
            let page = page.get_or_init(Box::default);
            bump(&page[place % PAGE], 1);
        }
        bucket
    }

    /// Counts one duration of a sampled trace and remembers the trace for its bucket.
    ///
    /// The slot is only tried: when the exposition reads it at this moment, the older exemplar stays.
    pub fn observe_with_exemplar(&self, worker: &WorkerId, duration: Duration, exemplar: Exemplar) {
        let bucket = self.observe(worker, duration);
        let slots =
            self.exemplars.get_or_init(|| (0..=self.bounds.len()).map(|_| Mutex::new(None)).collect());
        if let Some(mut slot) = slots.get(bucket).and_then(|slot| slot.try_lock().ok()) {
            *slot = Some(exemplar);
        }
    }

    /// Whether nothing was observed yet.
    pub fn is_empty(&self) -> bool {
        self.shards.iter().all(|shard| shard.get().is_none())
    }

    /// The sum over all workers.
    pub fn collect(&self) -> Collected {
        let mut classic = vec![0; self.bounds.len() + 1];
        let mut native = vec![0_u64; PAGES * PAGE];
        let mut nanos = 0_u64;
        for shard in self.shards.iter().filter_map(OnceLock::get) {
            nanos = nanos.wrapping_add(shard.sum_nanos.load(Relaxed));
            for (sum, cell) in classic.iter_mut().zip(&shard.classic) {
                *sum += cell.load(Relaxed);
            }
            for (sums, page) in native.chunks_mut(PAGE).zip(&shard.pages) {
                for (sum, cell) in sums.iter_mut().zip(page.get().into_iter().flat_map(|page| page.iter())) {
                    *sum += cell.load(Relaxed);
                }
            }
        }
        let native = (FIRST_INDEX..).zip(native).filter(|(_, count)| *count > 0).collect();
        let exemplars = self.exemplars.get().map_or_else(Vec::new, |slots| {
            slots.iter().map(|slot| slot.lock().map_or(None, |guard| *guard)).collect()
        });
        let count = classic.iter().sum();
        Collected { bounds: self.bounds.to_vec(), classic, native, sum: nanos as f64 / 1e9, count, exemplars }
    }
}

impl Shard {
    fn new(bounds: usize) -> Self {
        Self {
            sum_nanos: AtomicU64::new(0),
            classic: (0..=bounds).map(|_| AtomicU64::new(0)).collect(),
            pages: [const { OnceLock::new() }; PAGES],
        }
    }
}

fn bump(cell: &AtomicU64, n: u64) {
    cell.store(cell.load(Relaxed).wrapping_add(n), Relaxed);
}

/// The native bucket of a value: the least `i` with `value <= 2^(i/8)`.
fn native_index(seconds: f64) -> i32 {
    if seconds <= 0.0 {
        return FIRST_INDEX;
    }
    let bits = seconds.to_bits();
    let exponent = i32::try_from((bits >> 52) & 0x7ff).unwrap_or(0) - 1023;
    let mantissa = f64::from_bits((bits & 0x000f_ffff_ffff_ffff) | 0x3ff0_0000_0000_0000);
    let eighths = EIGHTHS.iter().take_while(|bound| **bound < mantissa).count();
    exponent * 8 + i32::try_from(eighths).unwrap_or(8)
}

#[cfg(test)]
mod tests {
    use super::{Histogram, native_index};
    use crate::shard::WorkerId;
    use std::time::Duration;

    #[test]
    fn native_indices_hold_their_bounds() {
        for step in 1..200_000_u32 {
            let seconds = f64::from(step) * 3.7e-5;
            let index = native_index(seconds);
            let (upper, lower) = (2_f64.powf(f64::from(index) / 8.0), 2_f64.powf(f64::from(index - 1) / 8.0));
            assert!(
                seconds <= upper * (1.0 + 1e-12) && seconds > lower * (1.0 - 1e-12),
                "{seconds} in {index}"
            );
        }
    }

    #[test]
    fn classic_native_and_count_agree() {
        let histogram = Histogram::new(2, &[0.001, 0.1, 1.0]);
        for (worker, millis) in [(0, 1), (0, 2), (1, 100), (1, 101), (0, 5_000)] {
            histogram.observe(&WorkerId::new(worker), Duration::from_millis(millis));
        }
        let sum = histogram.collect();
        assert_eq!(sum.classic, [1, 2, 1, 1]);
        assert_eq!(sum.count, 5);
        assert_eq!(sum.native.iter().map(|(_, n)| n).sum::<u64>(), 5);
        assert!((sum.sum - 5.204).abs() < 1e-9);
    }
}
