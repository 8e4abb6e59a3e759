//! What became of the requests.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

/// Failures of which the whole story is kept.
const STORIES: usize = 20;

/// Counts of one span of time.
#[derive(Clone, Debug)]
pub struct Tally {
    since: Instant,
    /// Whole answers with status 200.
    pub good: u64,
    /// Everything else, by what it was: `connect`, `timeout`, `reset`, `body`, `status 503`, ...
    pub failures: BTreeMap<String, u64>,
    /// The first failures, in full.
    pub stories: Vec<String>,
    /// Requests that were sent a second time since a connection in use ended without a byte of an answer, or since the server
    /// said that it had not begun them: what RFC 9110 section 9.2.2 and RFC 9113 section 8.7 let a client do by itself.
    pub repeated: u64,
    /// Connections that were made.
    pub connections: u64,
    /// Connections that ended since the server said so: `Connection: close`, GOAWAY, or the end of one that was idle.
    pub told: u64,
    /// From the moment a request was due to the end of its answer, in microseconds.
    latencies: Vec<u32>,
}

impl Tally {
    pub(super) fn new() -> Self {
        Self {
            since: Instant::now(),
            good: 0,
            failures: BTreeMap::new(),
            stories: Vec::new(),
            repeated: 0,
            connections: 0,
            told: 0,
            latencies: Vec::new(),
        }
    }

    pub(super) fn succeed(&mut self, latency: Duration) {
        self.good += 1;
        self.latencies.push(u32::try_from(latency.as_micros()).unwrap_or(u32::MAX));
    }

    pub(super) fn fail(&mut self, what: String, story: impl FnOnce() -> String) {
        if self.stories.len() < STORIES {
            self.stories.push(format!("{:.3} s: {what}: {}", self.since.elapsed().as_secs_f64(), story()));
        }
        *self.failures.entry(what).or_default() += 1;
    }

    /// Requests that failed.
    pub fn failed(&self) -> u64 {
        self.failures.values().sum()
    }

    /// All requests.
    pub fn requests(&self) -> u64 {
        self.good + self.failed()
    }

    /// Requests each second since counting began.
    pub fn rate(&self) -> f64 {
        self.requests() as f64 / self.since.elapsed().as_secs_f64()
    }

    /// The latency that this share of the good requests did not exceed.
    pub fn latency(&self, share: f64) -> Duration {
        let mut sorted = self.latencies.clone();
        sorted.sort_unstable();
        let at = (sorted.len() as f64 * share) as usize;
        let found = sorted.get(at.min(sorted.len().saturating_sub(1)));
        Duration::from_micros(found.copied().unwrap_or_default().into())
    }

    /// Adds another span of time that followed this one.
    pub fn add(&mut self, later: &Self) {
        let Self { since: _, good, failures, stories, repeated, connections, told, latencies } = later;
        self.good += good;
        for (what, count) in failures {
            *self.failures.entry(what.clone()).or_default() += count;
        }
        self.stories.extend(stories.iter().cloned());
        self.repeated += repeated;
        self.connections += connections;
        self.told += told;
        self.latencies.extend_from_slice(latencies);
    }

    /// Itself; panics with the whole story when a request failed.
    pub fn lossless(self, what: &str) -> Self {
        assert!(self.failed() == 0, "{what}: requests were lost: {self}\n{}", self.stories.join("\n"));
        self
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.since.elapsed().as_secs_f64();
        write!(
            f,
            "{} requests in {seconds:.1} s ({:.0}/s), {} failed {:?}, {} repeated, {} connections, {} told to go; p50 {:?}, p99 {:?}, max {:?}",
            self.requests(),
            self.rate(),
            self.failed(),
            self.failures,
            self.repeated,
            self.connections,
            self.told,
            self.latency(0.5),
            self.latency(0.99),
            self.latency(1.0),
        )
    }
}
