//! The data plane's side: its stream to a control plane, and the last good configuration on its disk.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use clearway_model::Version;

use super::series::{Tally, lock};
use super::{LoadResult, StreamEnd, XdsAnswer};

/// What is known of the connection and of the disk.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct XdsStatus {
    pub(crate) connected: bool,
    pub(crate) streams: u64,
    pub(crate) received: Option<Version>,
    pub(crate) applied: Option<Version>,
    pub(crate) first_apply: Option<Duration>,
    pub(crate) last_good_in_use: bool,
    /// Seconds since 1970.
    pub(crate) saved: Option<f64>,
}

/// Everything that a data plane counts about where its configuration comes from. One for a process.
#[derive(Debug)]
pub struct XdsTelemetry {
    started: Instant,
    status: Mutex<XdsStatus>,
    pub(crate) ends: Tally<StreamEnd>,
    pub(crate) answers: Tally<XdsAnswer>,
    /// By whether it was written; `true` sorts last and is shown first.
    pub(crate) saves: Tally<bool>,
    pub(crate) loads: Tally<LoadResult>,
}

impl XdsTelemetry {
    /// An empty record. Times "since the start of the process" begin here.
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            started: Instant::now(),
            status: Mutex::default(),
            ends: Tally::starting_with(StreamEnd::ALL),
            answers: Tally::starting_with(XdsAnswer::ALL),
            saves: Tally::starting_with([false, true]),
            loads: Tally::default(),
        })
    }

    /// A stream was opened. Said again while it is open, it changes nothing.
    pub fn connected(&self) {
        let mut status = lock(&self.status);
        if !std::mem::replace(&mut status.connected, true) {
            status.streams += 1;
        }
    }

    /// Whether a stream is open.
    pub fn is_connected(&self) -> bool {
        lock(&self.status).connected
    }

    /// A stream, or an attempt to open one, ended.
    pub fn disconnected(&self, reason: StreamEnd) {
        lock(&self.status).connected = false;
        self.ends.add(reason, 1);
    }

    /// A whole version was received.
    pub fn received(&self, version: &Version) {
        lock(&self.status).received = Some(version.clone());
    }

    /// A version from a control plane is served, and acknowledged.
    pub fn acked(&self, version: &Version) {
        self.applied(version, false);
        self.answers.add(XdsAnswer::Ack, 1);
    }

    /// A version was refused; what was served before still is.
    pub fn nacked(&self) {
        self.answers.add(XdsAnswer::Nack, 1);
    }

    /// The last good version from disk is served.
    pub fn serves_last_good(&self, version: &Version) {
        self.applied(version, true);
    }

    fn applied(&self, version: &Version, last_good: bool) {
        let mut status = lock(&self.status);
        status.applied = Some(version.clone());
        status.last_good_in_use = last_good;
        status.first_apply.get_or_insert_with(|| self.started.elapsed());
    }

    /// What was found on disk at the start; `saved` is when it was written, seconds since 1970.
    pub fn loaded(&self, result: LoadResult, saved: Option<f64>) {
        self.loads.add(result, 1);
        if result == LoadResult::Served {
            lock(&self.status).saved = saved;
        }
    }

    /// The configuration was written to disk at `saved`, seconds since 1970; `None` when that failed.
    pub fn saved(&self, saved: Option<f64>) {
        self.saves.add(saved.is_some(), 1);
        if saved.is_some() {
            lock(&self.status).saved = saved;
        }
    }

    /// What is known now.
    pub(crate) fn status(&self) -> XdsStatus {
        lock(&self.status).clone()
    }
}
