//! Counters and histograms that a worker writes without a lock, a read-modify-write instruction or a shared line.
//!
//! Every value has one cell for each worker; only that worker writes it, with a plain relaxed load and store. The
//! exposition sums the cells on another thread. What makes this sound as arithmetic is the one-writer rule: a
//! [`WorkerId`] exists once for each worker and is neither `Clone` nor `Sync`.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed, Ordering::Release};

/// The right to write one shard of everything. Handed out once for each worker by the hub.
#[derive(Debug)]
pub struct WorkerId {
    index: usize,
    one_thread: PhantomData<Cell<()>>,
}

impl WorkerId {
    pub(crate) const fn new(index: usize) -> Self {
        Self { index, one_thread: PhantomData }
    }

    /// Position among the workers, from zero.
    pub const fn index(&self) -> usize {
        self.index
    }
}

fn add(cell: &AtomicU64, n: u64) {
    cell.store(cell.load(Relaxed).wrapping_add(n), Relaxed);
}

/// One counter with a cell for each worker, apart from other counters' cells.
#[derive(Debug)]
pub struct Counter {
    cells: Box<[Padded]>,
}

#[derive(Debug, Default)]
#[repr(align(64))]
struct Padded(AtomicU64);

impl Counter {
    /// A counter at zero.
    pub fn new(workers: usize) -> Self {
        Self { cells: (0..workers).map(|_| Padded::default()).collect() }
    }

    /// Adds `n`.
    pub fn add(&self, worker: &WorkerId, n: u64) {
        if let Some(cell) = self.cells.get(worker.index) {
            add(&cell.0, n);
        }
    }

    /// Takes `n` away: for values that go up and down. The sum over workers stays right though one cell may wrap.
    pub fn sub(&self, worker: &WorkerId, n: u64) {
        self.add(worker, n.wrapping_neg());
    }

    /// The sum over all workers.
    pub fn get(&self) -> u64 {
        self.cells.iter().fold(0, |sum, cell| sum.wrapping_add(cell.0.load(Relaxed)))
    }
}

const BLOCK: usize = 7;

/// Counters under small keys that are not known beforehand but few: status code, method, flag packed in a number.
///
/// A worker finds its cell by a short scan; a new key takes the next free cell of its shard.
#[derive(Debug)]
pub struct KeyedCounters {
    shards: Box<[OnceLock<Box<Block>>]>,
}

/// Seven keys with their values; 128 bytes with the link.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Block {
    keys: [AtomicU64; BLOCK],
    values: [AtomicU64; BLOCK],
    next: OnceLock<Box<Block>>,
}

impl KeyedCounters {
    /// No counters yet, and no memory for them.
    pub fn new(workers: usize) -> Self {
        Self { shards: (0..workers).map(|_| OnceLock::new()).collect() }
    }

    /// Adds `n` to the counter of `key`.
    pub fn add(&self, worker: &WorkerId, key: u64, n: u64) {
        let Some(shard) = self.shards.get(worker.index) else { return };
        let stored = key.wrapping_add(1);
        let mut block = shard.get_or_init(Box::default);
        loop {
            for (slot, value) in block.keys.iter().zip(&block.values) {
                let found = slot.load(Relaxed);
                if found == stored {
                    return add(value, n);
                }
                if found == 0 {
                    value.store(n, Relaxed);
                    return slot.store(stored, Release);
                }
            }
            block = block.next.get_or_init(Box::default);
        }
    }

    /// All counters, summed over the workers.
    pub fn collect(&self) -> BTreeMap<u64, u64> {
        let mut sums = BTreeMap::new();
        for shard in &self.shards {
            let mut next = shard.get();
            while let Some(block) = next {
                for (slot, value) in block.keys.iter().zip(&block.values) {
                    let stored = slot.load(std::sync::atomic::Ordering::Acquire);
                    if stored != 0 {
                        *sums.entry(stored.wrapping_sub(1)).or_insert(0) += value.load(Relaxed);
                    }
                }
                next = block.next.get();
            }
        }
        sums
    }
}

#[cfg(test)]
mod tests {
    use super::{Counter, KeyedCounters, WorkerId};

    #[test]
    fn keyed_counters_sum_over_workers_and_overflow_into_more_blocks() {
        let counters = KeyedCounters::new(2);
        let (a, b) = (WorkerId::new(0), WorkerId::new(1));
        for round in 1..=3 {
            for key in 0..40 {
                counters.add(&a, key, round);
                counters.add(&b, key, 10);
            }
        }
        let sums = counters.collect();
        assert_eq!(sums.len(), 40);
        assert!(sums.values().all(|&v| v == 6 + 30), "{sums:?}");
    }

    #[test]
    fn a_gauge_that_rises_on_one_worker_and_falls_on_another_sums_right() {
        let gauge = Counter::new(2);
        let (a, b) = (WorkerId::new(0), WorkerId::new(1));
        gauge.add(&a, 5);
        gauge.sub(&b, 3);
        assert_eq!(gauge.get(), 2);
    }
}
