//! The books of every signal that leaves the process: what was produced, exported, dropped and why.
//!
//! The exporters write them, the exposition and the tests read them. At every moment
//! produced = exported + dropped + queued holds, since what is queued is the rest. What a policy leaves out is never made:
//! it is counted as filtered, beside what was produced. Producers count in cells of their own; everything else is counted
//! once for each batch, off the path of requests.

mod lane;

use std::cell::Cell;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

pub(crate) use lane::{Lane, Parcel, Taken};

/// A kind of record that leaves the process by an own way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Signal {
    /// Spans sent by OTLP.
    Spans,
    /// Lines of the access log.
    AccessLog,
    /// Records of the access log sent by OTLP.
    OtlpLogs,
}

impl Signal {
    /// Every signal, in the order of its number.
    pub const ALL: [Self; 3] = [Self::Spans, Self::AccessLog, Self::OtlpLogs];

    /// The value of the `signal` label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Spans => "spans",
            Self::AccessLog => "access_log",
            Self::OtlpLogs => "otlp_logs",
        }
    }
}

/// Why a record was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum DropReason {
    /// The queue was full: the receiver is slower than the traffic, or stands still.
    QueueFull,
    /// The receiver could not be reached or refused the batch until the time for retries was over.
    ExportFailed,
    /// The receiver took the batch without this record (OTLP `partial_success`).
    Rejected,
    /// The file or stream could not be written.
    WriteError,
    /// The process ended first.
    Shutdown,
}

impl DropReason {
    /// Number of reasons.
    pub const COUNT: usize = 5;
    /// Every reason, in the order of its number.
    pub const ALL: [Self; Self::COUNT] =
        [Self::QueueFull, Self::ExportFailed, Self::Rejected, Self::WriteError, Self::Shutdown];

    /// The value of the `reason` label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::QueueFull => "queue_full",
            Self::ExportFailed => "export_failed",
            Self::Rejected => "rejected",
            Self::WriteError => "write_error",
            Self::Shutdown => "shutdown",
        }
    }
}

/// The books of all signals. One for each process.
#[derive(Debug, Default)]
pub struct Accounting {
    signals: [Arc<Books>; Signal::ALL.len()],
}

impl Accounting {
    /// Empty books.
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// The books of a signal.
    pub fn books(&self, signal: Signal) -> &Arc<Books> {
        &self.signals[signal as usize]
    }

    /// What the books of a signal say now.
    pub fn read(&self, signal: Signal) -> Reading {
        self.books(signal).read()
    }
}

/// The books of one signal.
#[derive(Debug, Default)]
pub struct Books {
    producers: Mutex<Vec<Arc<OwnLine>>>,
    exported: AtomicU64,
    dropped: [AtomicU64; DropReason::COUNT],
    failures: AtomicU64,
    capacity: AtomicU64,
    last_failure: Mutex<Option<Failure>>,
}

/// A failed attempt to export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// When it failed.
    pub at: SystemTime,
    /// What failed, where, and why; holds no credentials.
    pub message: String,
}

/// Cells on a cache line of their own.
#[derive(Debug, Default)]
#[repr(align(64))]
struct OwnLine {
    produced: AtomicU64,
    filtered: AtomicU64,
}

/// The right to count what one thread produces: a plain load and store, since nobody else writes the cells.
#[derive(Debug)]
pub(crate) struct Producer {
    cell: Arc<OwnLine>,
    one_thread: PhantomData<Cell<()>>,
}

impl Producer {
    pub(crate) fn count(&self, n: u64) {
        Self::add(&self.cell.produced, n);
    }

    /// Counts a record that a policy leaves out.
    pub(crate) fn leave_out(&self) {
        Self::add(&self.cell.filtered, 1);
    }

    fn add(cell: &AtomicU64, n: u64) {
        cell.store(cell.load(Ordering::Relaxed).wrapping_add(n), Ordering::Relaxed);
    }
}

impl Books {
    pub(crate) fn producer(&self) -> Producer {
        let cell = Arc::new(OwnLine::default());
        self.producers.lock().unwrap_or_else(PoisonError::into_inner).push(cell.clone());
        Producer { cell, one_thread: PhantomData }
    }

    pub(crate) fn exported(&self, n: u64) {
        self.exported.fetch_add(n, Ordering::Release);
    }

    pub(crate) fn dropped(&self, reason: DropReason, n: u64) {
        self.dropped[reason as usize].fetch_add(n, Ordering::Release);
    }

    /// One attempt to export that failed, whatever became of its records.
    pub(crate) fn failed(&self, message: String) {
        self.failures.fetch_add(1, Ordering::Relaxed);
        let failure = Failure { at: SystemTime::now(), message };
        *self.last_failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure);
    }

    /// The attempt that failed last.
    pub fn last_failure(&self) -> Option<Failure> {
        self.last_failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_capacity(&self, capacity: usize) {
        self.capacity.store(capacity as u64, Ordering::Relaxed);
    }

    /// What they say now. Outcomes are read before what was produced, so that the rest is never below zero.
    pub fn read(&self) -> Reading {
        let exported = self.exported.load(Ordering::Acquire);
        let dropped = std::array::from_fn(|reason| self.dropped[reason].load(Ordering::Acquire));
        let producers = self.producers.lock().unwrap_or_else(PoisonError::into_inner);
        let sum = |of: fn(&OwnLine) -> &AtomicU64| -> u64 {
            producers.iter().map(|cell| of(cell).load(Ordering::Relaxed)).sum()
        };
        Reading {
            produced: sum(|cell| &cell.produced),
            filtered: sum(|cell| &cell.filtered),
            exported,
            dropped,
            failures: self.failures.load(Ordering::Relaxed),
            capacity: self.capacity.load(Ordering::Relaxed),
        }
    }
}

/// The books of one signal at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Records that were made.
    pub produced: u64,
    /// Records that were not made because a policy leaves them out.
    pub filtered: u64,
    /// Records that their receiver took.
    pub exported: u64,
    /// Records that were given up, by [`DropReason`] in the order of its number.
    pub dropped: [u64; DropReason::COUNT],
    /// Attempts to write or to send that failed; a batch may fail several times and arrive in the end.
    pub failures: u64,
    /// What the queue holds at most: bytes for the access log, records else; 0 when the signal is off.
    pub capacity: u64,
}

impl Reading {
    /// Records given up for one reason.
    pub fn dropped_for(&self, reason: DropReason) -> u64 {
        self.dropped[reason as usize]
    }

    /// Records given up for any reason.
    pub fn dropped_total(&self) -> u64 {
        self.dropped.iter().sum()
    }

    /// Records that are neither exported nor dropped: in a worker's buffer, in the queue, or on their way.
    pub fn queued(&self) -> u64 {
        self.produced.wrapping_sub(self.exported).wrapping_sub(self.dropped_total())
    }
}
