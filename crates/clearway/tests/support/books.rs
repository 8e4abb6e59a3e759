//! Both sides of the sums: what the clients know happened ([`Tally`]), and what the gateway's three records say ([`Books`]).

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::time::{Duration, Instant};

use clearway_testkit::prom::Exposition;
use clearway_testkit::wait::DEADLINE;
use serde::Deserialize;

use super::otel::{CLIENT, Files, SERVER};
use super::running::{ATTEMPTS, REQUESTS, Running};

/// Requests, or tries, by code and reason. A try without a response has the code 0.
pub(crate) type Outcomes = BTreeMap<(u16, String), u64>;

/// What the clients know: how often each code and reason must have been counted.
#[derive(Debug, Default)]
pub(crate) struct Tally(pub(crate) Outcomes);

impl Tally {
    pub(crate) fn add(&mut self, code: u16, reason: &str, count: u64) {
        *self.0.entry((code, reason.to_owned())).or_default() += count;
    }

    pub(crate) fn total(&self) -> u64 {
        self.0.values().sum()
    }
}

/// What an access log says.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    pub(crate) count: u64,
    pub(crate) requests: Outcomes,
    pub(crate) attempts: Outcomes,
    pub(crate) server_ids: BTreeSet<String>,
    pub(crate) client_ids: BTreeSet<String>,
}

#[derive(Deserialize)]
struct Line {
    code: u16,
    flag: String,
    span_id: String,
    #[serde(default)]
    attempts: Vec<Attempt>,
}

#[derive(Deserialize)]
struct Attempt {
    #[serde(default)]
    code: u16,
    flag: String,
    span_id: String,
}

impl Lines {
    /// Reads a file; every line must be JSON and end.
    pub(crate) fn read(path: &Path) -> Self {
        Self::from(BufReader::with_capacity(1 << 20, File::open(path).expect("the access log")))
    }

    /// Reads lines from anywhere.
    pub(crate) fn from(reader: impl BufRead) -> Self {
        let mut all = Self::default();
        for line in reader.lines() {
            let line = line.expect("lines are UTF-8");
            let parsed = serde_json::from_str(&line);
            all.take(parsed.unwrap_or_else(|error| panic!("{error}: {line}")));
        }
        all
    }

    fn take(&mut self, line: Line) {
        self.count += 1;
        *self.requests.entry((line.code, line.flag)).or_default() += 1;
        assert!(self.server_ids.insert(line.span_id), "two lines of one span");
        for attempt in line.attempts {
            *self.attempts.entry((attempt.code, attempt.flag)).or_default() += 1;
            assert!(self.client_ids.insert(attempt.span_id), "two tries of one span");
        }
    }
}

/// Distinct spans in files of collectors. A batch may arrive twice when its answer was lost, so ids are counted.
#[derive(Debug, Default)]
pub(crate) struct Spans {
    pub(crate) server_ids: BTreeSet<String>,
    pub(crate) client_ids: BTreeSet<String>,
    pub(crate) twice: u64,
}

impl Spans {
    pub(crate) fn add(&mut self, files: &Files) {
        files.each_span(|span| {
            let ids = match span.kind {
                SERVER => &mut self.server_ids,
                CLIENT => &mut self.client_ids,
                other => panic!("a span of kind {other}"),
            };
            self.twice += u64::from(!ids.insert(span.id.clone()));
            assert_eq!((span.trace.len(), span.parent.is_empty()), (32, span.kind == SERVER), "{}", span.id);
        });
    }

    pub(crate) fn total(&self) -> u64 {
        (self.server_ids.len() + self.client_ids.len()) as u64
    }
}

/// The books of one signal in one scrape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Signal {
    pub(crate) produced: u64,
    pub(crate) exported: u64,
    pub(crate) dropped: u64,
    pub(crate) queued: u64,
}

impl Signal {
    /// Reads them; panics unless produced = exported + dropped + queued.
    pub(crate) fn read(scrape: &Exposition, name: &str) -> Self {
        let records = || scrape.metric("clearway_telemetry_records_total").label("signal", name);
        let outcome = |outcome: &str| records().label("outcome", outcome).total();
        let books = Self {
            produced: outcome("produced"),
            exported: outcome("exported"),
            dropped: outcome("dropped"),
            queued: scrape.metric("clearway_telemetry_queued_records").label("signal", name).total(),
        };
        assert_eq!(books.produced, books.exported + books.dropped + books.queued, "{name}: {books:?}");
        books
    }
}

/// All signals.
pub(crate) const SIGNALS: [&str; 3] = ["access_log", "spans", "otlp_logs"];

/// What the metrics say.
#[derive(Debug)]
pub(crate) struct Books {
    pub(crate) requests: Outcomes,
    pub(crate) attempts: Outcomes,
    pub(crate) in_flight: u64,
    pub(crate) log: Signal,
    pub(crate) spans: Signal,
}

impl Books {
    pub(crate) fn of(scrape: &Exposition) -> Self {
        let outcomes = |name: &str| {
            let mut all = Outcomes::new();
            for sample in scrape.metric(name).samples() {
                let code = sample.label("code").parse().unwrap_or(0);
                let count = sample.value as u64;
                if count > 0 {
                    *all.entry((code, sample.label("reason").to_owned())).or_default() += count;
                }
            }
            all
        };
        Self {
            requests: outcomes(REQUESTS),
            attempts: outcomes(ATTEMPTS),
            in_flight: scrape.metric("clearway_requests_in_flight").total(),
            log: Signal::read(scrape, "access_log"),
            spans: Signal::read(scrape, "spans"),
        }
    }

    pub(crate) fn total(&self) -> u64 {
        self.requests.values().sum()
    }

    pub(crate) fn tries(&self) -> u64 {
        self.attempts.values().sum()
    }

    /// Polls until nothing is in flight, `wanted` requests are counted and `settled` holds; panics with what is missing.
    pub(crate) async fn settle(gateway: &Running, wanted: u64, settled: impl Fn(&Self) -> bool) -> Self {
        let end = Instant::now() + 3 * DEADLINE;
        loop {
            let books = Self::of(&gateway.metrics().await);
            if books.total() >= wanted && books.in_flight == 0 && settled(&books) {
                return books;
            }
            assert!(Instant::now() < end, "{wanted} requests, but: {books:#?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}
