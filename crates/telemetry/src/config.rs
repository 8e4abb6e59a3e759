//! The life of the configuration in numbers: what was read, what became of it, how long each stage took.
//!
//! The part of the process that loads configuration writes here, a few times for each change; the exposition reads.
//! What happens here is rare, so one lock guards it all; requests never come near it, save the first one that is
//! served by a new version.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use clearway_model::{ObjectRef, Snapshot, Version};

use crate::histogram::{Collected, Histogram};
use crate::shard::WorkerId;
use crate::words::vocabulary;

/// Bounds of the classic buckets of stages, seconds.
pub const STAGE_BUCKETS: &[f64] = &[0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0];

vocabulary! {
    /// Stages of a change on its way to the first request.
    ConfigStage {
        /// Control plane: from the event of a change to the begin of the translation that takes it in.
        Watch = "watch",
        /// Reading and parsing files, or decoding what the control plane sent.
        Read = "read",
        /// From Gateway API objects to a snapshot.
        Translate = "translate",
        /// Control plane: from the end of the translation to the moment that data planes can get it.
        Publish = "publish",
        /// From the snapshot to what workers serve.
        Compile = "compile",
        /// Opening and closing listening sockets.
        Bind = "bind",
        /// Handing it to all workers.
        Swap = "swap",
        /// From the swap to the first request served with it.
        FirstRequest = "first_request",
        /// Control plane: from the publication to the ACK of a data plane, once for each.
        Ack = "ack",
        /// Control plane: the whole way, from the event of a change to the ACK of a data plane that serves it.
        Served = "served",
    }
}

vocabulary! {
    /// How a change ended.
    ChangeOutcome {
        /// It is served.
        Applied = "applied",
        /// It means the same as what is served.
        Unchanged = "unchanged",
        /// It is broken; the last good one is served.
        Refused = "refused",
    }
}

vocabulary! {
    /// How bad a problem is.
    Severity {
        /// An object cannot be served as written.
        Error = "error",
        /// It is served, but perhaps not as meant.
        Warning = "warning",
    }
}

vocabulary! {
    /// Kinds of things in a configuration.
    ObjectKind {
        /// Gateways.
        Gateway = "gateway",
        /// Listeners.
        Listener = "listener",
        /// Routes.
        Route = "route",
        /// Rules of routes.
        Rule = "rule",
        /// Backend ports.
        Backend = "backend",
        /// Endpoints of backends, before names are resolved.
        Endpoint = "endpoint",
        /// Certificates.
        Certificate = "certificate",
    }
}

/// Things in a configuration, by [`ObjectKind`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ObjectCounts(pub [u64; ObjectKind::ALL.len()]);

impl ObjectCounts {
    /// Counts a snapshot.
    pub fn of(snapshot: &Snapshot) -> Self {
        let gateways: BTreeSet<_> = snapshot.listeners.keys().map(|listener| &listener.gateway).collect();
        let mut routes = 0;
        let mut last = None;
        for rule in snapshot.rules.keys() {
            // Rules are sorted by route.
            routes += usize::from(last.replace(&rule.route) != Some(&rule.route));
        }
        let endpoints: usize = snapshot.backends.values().map(|backend| backend.endpoints.len()).sum();
        let count = |kind| match kind {
            ObjectKind::Gateway => gateways.len(),
            ObjectKind::Listener => snapshot.listeners.len(),
            ObjectKind::Route => routes,
            ObjectKind::Rule => snapshot.rules.len(),
            ObjectKind::Backend => snapshot.backends.len(),
            ObjectKind::Endpoint => endpoints,
            ObjectKind::Certificate => snapshot.certificates.len(),
        };
        Self(ObjectKind::ALL.map(|kind| count(kind) as u64))
    }
}

/// Problems found in a configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProblemCounts {
    /// [`Severity::Error`].
    pub errors: u64,
    /// [`Severity::Warning`].
    pub warnings: u64,
}

/// What is known of the configuration.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ConfigStatus {
    /// The version that is served and when it was applied, seconds since 1970; `None` before the first.
    pub served: Option<(Version, f64)>,
    /// Things in it.
    pub objects: ObjectCounts,
    /// Whether it is also the newest that was read.
    pub valid: bool,
    /// Problems in the newest.
    pub problems: ProblemCounts,
    /// Changes by [`ChangeOutcome`].
    pub changes: [u64; ChangeOutcome::ALL.len()],
    /// Expiry of certificates, seconds since 1970.
    pub certificates: BTreeMap<ObjectRef, i64>,
}

/// The record of configuration changes.
#[derive(Debug)]
pub struct ConfigTelemetry {
    status: Mutex<ConfigStatus>,
    writer: Mutex<WorkerId>,
    stages: [Histogram; ConfigStage::ALL.len()],
}

impl Default for ConfigTelemetry {
    fn default() -> Self {
        Self {
            status: Mutex::default(),
            writer: Mutex::new(WorkerId::new(0)),
            stages: std::array::from_fn(|_| Histogram::new(1, STAGE_BUCKETS)),
        }
    }
}

impl ConfigTelemetry {
    /// An empty record.
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts the time of one stage of one change.
    pub fn record_stage(&self, stage: ConfigStage, duration: Duration) {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        self.stages[stage as usize].observe(&writer, duration);
    }

    /// A new version is served since `unix_seconds`; `problems` are those that did not keep it from being served.
    pub fn applied(
        &self,
        version: &Version,
        unix_seconds: f64,
        objects: ObjectCounts,
        problems: ProblemCounts,
    ) {
        let mut status = self.lock();
        status.served = Some((version.clone(), unix_seconds));
        status.objects = objects;
        status.close(ChangeOutcome::Applied, problems);
    }

    /// A change was seen that means the same as what is served.
    pub fn unchanged(&self, problems: ProblemCounts) {
        self.lock().close(ChangeOutcome::Unchanged, problems);
    }

    /// A change was refused; the last good configuration stays.
    pub fn refused(&self, problems: ProblemCounts) {
        self.lock().close(ChangeOutcome::Refused, problems);
    }

    /// The certificates that are served, each with the end of its validity in seconds since 1970.
    pub fn set_certificates(&self, certificates: impl IntoIterator<Item = (ObjectRef, i64)>) {
        self.lock().certificates = certificates.into_iter().collect();
    }

    /// What is known now.
    pub fn status(&self) -> ConfigStatus {
        self.lock().clone()
    }

    /// Times of a stage.
    pub fn stage(&self, stage: ConfigStage) -> Collected {
        self.stages[stage as usize].collect()
    }

    fn lock(&self) -> MutexGuard<'_, ConfigStatus> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ConfigStatus {
    fn close(&mut self, outcome: ChangeOutcome, problems: ProblemCounts) {
        self.changes[outcome as usize] += 1;
        self.valid = outcome != ChangeOutcome::Refused;
        self.problems = problems;
    }
}

/// A version as a number: its first 52 bits, which a 64-bit float holds exactly. Zero when it is not hexadecimal.
pub fn version_number(version: &Version) -> u64 {
    let text = version.as_str();
    text.get(..13).or(Some(text)).and_then(|head| u64::from_str_radix(head, 16).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_change_keeps_the_served_version_until_a_good_one_comes() {
        let config = ConfigTelemetry::new();
        assert!(!config.status().valid, "nothing is served yet");
        let version = Version("deadbeefcafe0123".into());
        config.applied(&version, 5.0, ObjectCounts::default(), ProblemCounts { errors: 0, warnings: 2 });
        config.refused(ProblemCounts { errors: 3, warnings: 0 });
        let status = config.status();
        assert_eq!(status.served, Some((version, 5.0)));
        assert!(!status.valid);
        assert_eq!(status.problems, ProblemCounts { errors: 3, warnings: 0 });
        config.unchanged(ProblemCounts::default());
        assert!(config.status().valid, "the newest means what is served");
        assert_eq!(config.status().changes, [1, 1, 1]);
    }

    #[test]
    fn a_version_is_its_first_52_bits_and_exact_in_a_float() {
        for (text, want) in [("fffffffffffff999", 0xf_ffff_ffff_ffff), ("0a", 10), ("", 0), ("v1", 0)] {
            let number = version_number(&Version(text.into()));
            assert_eq!(number, want, "{text}");
            assert_eq!(number as f64 as u64, number, "{text}");
        }
    }
}
