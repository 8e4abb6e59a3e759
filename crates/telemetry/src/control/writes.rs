//! What the control plane writes to the API server: status, Events, the lease.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use super::series::{Tally, Timings, lock};
use super::{
    ControlTelemetry, EventResult, KubeKind, LeaseReason, LeaseState, ReconcileResult, StatusDrop,
    WatchReason, WriteResult,
};
use crate::catalog::metrics;

#[derive(Debug)]
pub(crate) struct Writes {
    pub(crate) reconciles: Tally<(KubeKind, ReconcileResult)>,
    pub(crate) reconcile_duration: Timings<(KubeKind, ReconcileResult)>,
    pub(crate) queue: AtomicU64,
    pub(crate) capacity: AtomicU64,
    pub(crate) dropped: Tally<StatusDrop>,
    pub(crate) writes: Tally<(KubeKind, WriteResult)>,
    pub(crate) write_duration: Timings<(KubeKind, WriteResult)>,
    pub(crate) events: Tally<EventResult>,
    lease: Mutex<LeaseState>,
    pub(crate) lease_transitions: Tally<(LeaseState, LeaseReason)>,
    pub(crate) lease_errors: Tally<WatchReason>,
}

impl Default for Writes {
    fn default() -> Self {
        Self {
            reconciles: Tally::default(),
            reconcile_duration: Timings::new(metrics::RECONCILE_DURATION.buckets),
            queue: AtomicU64::new(0),
            capacity: AtomicU64::new(0),
            dropped: Tally::starting_with(StatusDrop::ALL),
            writes: Tally::default(),
            write_duration: Timings::new(metrics::STATUS_WRITE_DURATION.buckets),
            events: Tally::starting_with(EventResult::ALL),
            lease: Mutex::new(LeaseState::Following),
            lease_transitions: Tally::default(),
            lease_errors: Tally::default(),
        }
    }
}

impl Writes {
    pub(crate) fn lease(&self) -> LeaseState {
        *lock(&self.lease)
    }
}

impl ControlTelemetry {
    /// A pass over one object ended.
    pub fn reconciled(&self, kind: KubeKind, result: ReconcileResult, duration: Duration) {
        self.writes.reconciles.add((kind, result), 1);
        self.writes.reconcile_duration.observe((kind, result), duration);
    }

    /// Objects whose status waits to be written.
    pub fn status_queue(&self, depth: u64) {
        self.writes.queue.store(depth, Relaxed);
    }

    /// Objects that the queue holds at most.
    pub fn status_queue_capacity(&self, objects: u64) {
        self.writes.capacity.store(objects, Relaxed);
    }

    /// So many writes were given up.
    pub fn status_dropped(&self, reason: StatusDrop, n: u64) {
        self.writes.dropped.add(reason, n);
    }

    /// A call that writes a status ended. A pass may need several.
    pub fn status_written(&self, kind: KubeKind, result: WriteResult, duration: Duration) {
        self.writes.writes.add((kind, result), 1);
        self.writes.write_duration.observe((kind, result), duration);
    }

    /// What became of a Kubernetes Event.
    pub fn event_recorded(&self, result: EventResult) {
        self.writes.events.add(result, 1);
    }

    /// Says what this replica is, and why. Said again, it changes nothing: only a change counts. It begins as follower.
    pub fn lease(&self, state: LeaseState, reason: LeaseReason) {
        let before = std::mem::replace(&mut *lock(&self.writes.lease), state);
        if before != state {
            self.writes.lease_transitions.add((state, reason), 1);
        }
    }

    /// A call for the lease failed.
    pub fn lease_error(&self, reason: WatchReason) {
        self.writes.lease_errors.add(reason, 1);
    }
}
