//! Who of several replicas writes: the holder of a `coordination.k8s.io/v1` Lease.
//!
//! `run` starts it once; the writers follow [`Lease::leading`]. What always holds: clocks of machines are never compared. A
//! Lease has run out when this process has not seen it change for its whole duration on its own clock, and a holder that
//! cannot renew stops leading before anybody else may take over.

mod record;

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clearway_k8s::Time;
use clearway_telemetry::control::{ControlTelemetry, LeaseReason, LeaseState, WatchReason};
use kube::Client;
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::options::ControlOptions;
use crate::rest::{Failure, Place, Rest};

use record::{Record, Step};

/// How long a Lease holds without being renewed.
const DURATION: Duration = Duration::from_secs(15);
/// A holder that could not renew for so long stops leading. The rest of [`DURATION`] is for writes on their way.
const DEADLINE: Duration = Duration::from_secs(10);
/// Time between two looks.
const PAUSE: Duration = Duration::from_secs(2);
/// Longest time for one look.
const PATIENCE: Duration = Duration::from_secs(4);

/// The Lease of an installation.
#[derive(Debug)]
pub(crate) struct Lease {
    rest: Rest,
    telemetry: Arc<ControlTelemetry>,
    options: Arc<ControlOptions>,
    /// The pod, and a word of its own: two processes are never one holder.
    identity: String,
    leading: watch::Sender<bool>,
}

/// What is known while it runs.
#[derive(Debug, Default)]
struct Sight {
    record: Option<Record>,
    /// When the request began that last made or kept this process the holder.
    held_since: Option<Instant>,
}

impl Lease {
    /// Holds nothing yet.
    pub(crate) fn new(
        client: Client,
        telemetry: Arc<ControlTelemetry>,
        options: Arc<ControlOptions>,
    ) -> Self {
        let identity = format!("{}_{:016x}", options.pod_name, fastrand::u64(..));
        Self { rest: Rest::new(client), telemetry, options, identity, leading: watch::Sender::new(false) }
    }

    /// Whether this process leads.
    pub(crate) fn leading(&self) -> watch::Receiver<bool> {
        self.leading.subscribe()
    }

    /// Looks until the process ends, and gives the Lease back then.
    pub(crate) async fn run(self, mut shutdown: watch::Receiver<bool>) {
        let mut sight = Sight::default();
        loop {
            let pause = tokio::select! {
                pause = self.look(&mut sight) => pause,
                // Nobody to set it any more means the same.
                _ = shutdown.wait_for(|ends| *ends) => break,
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                _ = shutdown.wait_for(|ends| *ends) => break,
            }
        }
        self.release(&mut sight).await;
    }

    /// One look at the Lease; how long to wait until the next one.
    async fn look(&self, sight: &mut Sight) -> Duration {
        let started = Instant::now();
        let until =
            sight.held_since.map_or(started + PATIENCE, |held| (held + DEADLINE).min(started + PATIENCE));
        let outcome = tokio::time::timeout_at(until, self.step(sight, started)).await;
        match outcome.unwrap_or(Err(Failure::Timeout(PATIENCE))) {
            Ok(Some(reason)) => {
                sight.held_since = Some(started);
                self.lead(reason);
            }
            Ok(None) => {
                sight.held_since = None;
                self.follow(LeaseReason::Lost, "somebody else holds it");
            }
            // Somebody was quicker: look again at once, with what stands there now.
            Err(Failure::Conflict | Failure::Exists) => {
                sight.record = None;
                return Duration::from_millis(50);
            }
            Err(failure) => {
                self.telemetry.lease_error(reason_of(&failure));
                tracing::warn!(lease = %self.options.lease_name, %failure, "The Lease cannot be read or renewed; trying again.");
                sight.record = sight.record.take().map(|record| Record { version: None, ..record });
                if sight.held_since.is_none_or(|held| held.elapsed() >= DEADLINE) {
                    sight.held_since = None;
                    self.follow(LeaseReason::RenewFailed, "it could not be renewed in time");
                }
            }
        }
        let pause = PAUSE.mul_f64(0.8 + fastrand::f64() * 0.4);
        // A holder looks again at its deadline at the latest.
        sight.held_since.map_or(pause, |held| pause.min(DEADLINE.saturating_sub(held.elapsed())))
    }

    /// Reads the Lease unless this process has just written it, and writes it when it should. `Some` is why this process is
    /// the holder now, `None` that somebody else is.
    async fn step(&self, sight: &mut Sight, started: Instant) -> Result<Option<LeaseReason>, Failure> {
        let fresh = sight
            .record
            .as_ref()
            .is_some_and(|record| record.version.is_some() && record.holder == self.identity);
        if !fresh {
            let found = match self.rest.get(&self.place().one(&self.options.lease_name)).await {
                Ok(found) => Some(Record::read(&found, Instant::now(), sight.record.as_ref())),
                Err(Failure::NotFound) => None,
                Err(failure) => return Err(failure),
            };
            sight.record = found;
        }
        let step = record::decide(sight.record.as_ref(), &self.identity, started);
        let (body, reason) = match (&step, &sight.record) {
            (Step::Wait, _) => return Ok(None),
            (Step::Renew, Some(record)) => (record.renewal(&now()), LeaseReason::Acquired),
            (Step::Take, Some(record)) => {
                (record.takeover(&self.identity, DURATION, &now()), LeaseReason::TakenOver)
            }
            (Step::Acquire, Some(record)) => {
                (record.takeover(&self.identity, DURATION, &now()), LeaseReason::Acquired)
            }
            (_, None) => {
                let body = record::fresh(
                    &self.options.namespace,
                    &self.options.lease_name,
                    &self.identity,
                    DURATION,
                    &now(),
                );
                let made = self.rest.create(&self.place().all(), &body).await?;
                sight.record = Some(Record::read(&made, Instant::now(), None));
                return Ok(Some(LeaseReason::Acquired));
            }
        };
        let written = self.rest.patch(&self.place().one(&self.options.lease_name), &body).await?;
        sight.record = Some(Record::read(&written, Instant::now(), None));
        Ok(Some(reason))
    }

    /// Gives the Lease back, so that another replica need not wait.
    async fn release(&self, sight: &mut Sight) {
        let leads = *self.leading.borrow();
        self.leading.send_replace(false);
        let record = sight.record.take().filter(|record| record.holder == self.identity);
        if let Some(record) = record.filter(|_| leads) {
            let path = self.place().one(&self.options.lease_name);
            let body = record.release(&now());
            match tokio::time::timeout(PATIENCE, self.rest.patch(&path, &body)).await {
                Ok(Ok(_)) => tracing::info!(lease = %self.options.lease_name, "The Lease is given back."),
                Ok(Err(failure)) => {
                    tracing::warn!(lease = %self.options.lease_name, %failure, "The Lease is not given back; it runs out.")
                }
                Err(_) => {
                    tracing::warn!(lease = %self.options.lease_name, "The Lease is not given back in time; it runs out.")
                }
            }
        }
        self.telemetry.lease(LeaseState::Following, LeaseReason::Shutdown);
    }

    fn lead(&self, reason: LeaseReason) {
        if !*self.leading.borrow() {
            self.telemetry.lease(LeaseState::Leading, reason);
            tracing::info!(lease = %self.options.lease_name, holder = %self.identity, ?reason, "This replica leads: it writes status and Services.");
            self.leading.send_replace(true);
        }
    }

    fn follow(&self, reason: LeaseReason, words: &str) {
        if *self.leading.borrow() {
            self.leading.send_replace(false);
            self.telemetry.lease(LeaseState::Following, reason);
            tracing::warn!(lease = %self.options.lease_name, holder = %self.identity, words, "This replica leads no more.");
        }
    }

    fn place(&self) -> Place<'_> {
        Place { api_version: "coordination.k8s.io/v1", plural: "leases", namespace: &self.options.namespace }
    }
}

fn reason_of(failure: &Failure) -> WatchReason {
    match failure {
        Failure::Throttled(_) => WatchReason::Throttled,
        Failure::Forbidden(_) => WatchReason::Forbidden,
        Failure::NotFound => WatchReason::NotFound,
        Failure::Timeout(_) => WatchReason::Timeout,
        Failure::Invalid(_) => WatchReason::Malformed,
        Failure::Conflict | Failure::Exists | Failure::Other(_) => WatchReason::Server,
    }
}

/// The time for people, as a `MicroTime`. Nobody decides by it.
fn now() -> String {
    micro_time(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

/// A `MicroTime`: six digits of fraction, always.
pub(crate) fn micro_time(since: Duration) -> String {
    let seconds = Time(i64::try_from(since.as_secs()).unwrap_or_default()).to_string();
    format!("{}.{:06}Z", seconds.trim_end_matches('Z'), since.subsec_micros())
}

/// Reads a text of an object; empty when it is absent.
fn text(value: &Value, path: &str) -> String {
    value.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_micro_time_has_six_digits() {
        assert_eq!(micro_time(Duration::new(1_795_225_440, 7_000)), "2026-11-21T01:44:00.000007Z");
    }

    #[test]
    fn a_holder_stops_before_anybody_else_may_begin() {
        assert!(DEADLINE + PATIENCE < DURATION, "a write on its way ends in time");
    }
}
