//! What a Lease says and what follows from it. Pure: time comes in as an argument.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::text;

/// A Lease as this process has seen it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    /// Who holds it; empty when it was given back.
    pub(super) holder: String,
    /// Changes with each renewal; only compared with itself.
    pub(super) renewed: String,
    /// How often it changed hands.
    pub(super) transitions: i64,
    /// How long the holder may be silent.
    pub(super) duration: Duration,
    /// `resourceVersion`; `None` when a write may or may not have come through.
    pub(super) version: Option<String>,
    /// When this process first saw it say so, on its own clock.
    pub(super) seen: Instant,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// There is none, or nobody holds it.
    Acquire,
    /// This process holds it.
    Renew,
    /// Its holder has been silent for too long.
    Take,
    /// Somebody else holds it.
    Wait,
}

impl Record {
    /// Reads a Lease. One that says the same as before was seen before.
    pub(super) fn read(lease: &Value, now: Instant, before: Option<&Self>) -> Self {
        let number = |path: &str| lease.pointer(path).and_then(Value::as_i64).unwrap_or_default();
        let seconds = u64::try_from(number("/spec/leaseDurationSeconds")).unwrap_or_default();
        let mut record = Self {
            holder: text(lease, "/spec/holderIdentity"),
            renewed: text(lease, "/spec/renewTime"),
            transitions: number("/spec/leaseTransitions"),
            duration: Duration::from_secs(seconds),
            version: Some(text(lease, "/metadata/resourceVersion")),
            seen: now,
        };
        if let Some(before) =
            before.filter(|before| before.holder == record.holder && before.renewed == record.renewed)
        {
            record.seen = before.seen;
        }
        record
    }

    /// Written by the holder.
    pub(super) fn renewal(&self, now: &str) -> Value {
        json!({ "metadata": self.metadata(), "spec": { "renewTime": now } })
    }

    /// Written by a new holder.
    pub(super) fn takeover(&self, identity: &str, duration: Duration, now: &str) -> Value {
        json!({
            "metadata": self.metadata(),
            "spec": {
                "holderIdentity": identity, "leaseDurationSeconds": duration.as_secs(), "acquireTime": now,
                "renewTime": now, "leaseTransitions": self.transitions + 1,
            },
        })
    }

    /// Written by a holder that ends.
    pub(super) fn release(&self, now: &str) -> Value {
        json!({
            "metadata": self.metadata(),
            "spec": { "holderIdentity": "", "leaseDurationSeconds": 1, "renewTime": now },
        })
    }

    fn metadata(&self) -> Value {
        json!({ "resourceVersion": self.version })
    }
}

/// A Lease that is not there yet.
pub(super) fn fresh(namespace: &str, name: &str, identity: &str, duration: Duration, now: &str) -> Value {
    json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": { "name": name, "namespace": namespace },
        "spec": {
            "holderIdentity": identity, "leaseDurationSeconds": duration.as_secs(), "acquireTime": now,
            "renewTime": now, "leaseTransitions": 0,
        },
    })
}

/// What to do about a Lease at a moment.
pub(super) fn decide(record: Option<&Record>, identity: &str, now: Instant) -> Step {
    match record {
        None => Step::Acquire,
        Some(record) if record.holder.is_empty() => Step::Acquire,
        Some(record) if record.holder == identity => Step::Renew,
        Some(record) if now.saturating_duration_since(record.seen) > record.duration => Step::Take,
        Some(_) => Step::Wait,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease(holder: &str, renewed: &str) -> Value {
        json!({
            "metadata": {"resourceVersion": "5"},
            "spec": {"holderIdentity": holder, "renewTime": renewed, "leaseDurationSeconds": 15, "leaseTransitions": 3},
        })
    }

    #[test]
    fn a_lease_runs_out_on_our_own_clock_whatever_its_times_say() {
        let start = Instant::now();
        let later = |seconds| start + Duration::from_secs(seconds);
        // The holder's clock is years behind ours: its times say nothing.
        let first = Record::read(&lease("other", "1999-01-01T00:00:00.000000Z"), start, None);
        assert_eq!(decide(Some(&first), "me", start), Step::Wait);
        let same = Record::read(&lease("other", "1999-01-01T00:00:00.000000Z"), later(10), Some(&first));
        assert_eq!(decide(Some(&same), "me", later(15)), Step::Wait);
        assert_eq!(decide(Some(&same), "me", later(16)), Step::Take);
        // It goes on renewing, so it goes on holding.
        let renewed = Record::read(&lease("other", "1999-01-01T00:00:10.000000Z"), later(14), Some(&first));
        assert_eq!(decide(Some(&renewed), "me", later(16)), Step::Wait);
    }

    #[test]
    fn who_holds_decides_the_step() {
        let now = Instant::now();
        assert_eq!(decide(None, "me", now), Step::Acquire);
        assert_eq!(decide(Some(&Record::read(&lease("", "x"), now, None)), "me", now), Step::Acquire);
        assert_eq!(decide(Some(&Record::read(&lease("me", "x"), now, None)), "me", now), Step::Renew);
        assert_eq!(
            decide(Some(&Record::read(&json!({}), now, None)), "me", now),
            Step::Acquire,
            "an empty one is nobody's"
        );
    }

    #[test]
    fn every_write_holds_for_one_version_only_and_counts_hands() {
        let record = Record::read(&lease("other", "x"), Instant::now(), None);
        let duration = Duration::from_secs(15);
        for body in [record.renewal("t"), record.takeover("me", duration, "t"), record.release("t")] {
            assert_eq!(body["metadata"]["resourceVersion"], "5");
        }
        assert_eq!(record.takeover("me", duration, "t")["spec"]["leaseTransitions"], 4);
        assert_eq!(record.renewal("t")["spec"], json!({"renewTime": "t"}), "a renewal changes nothing else");
        assert_eq!(record.release("t")["spec"]["holderIdentity"], "");
    }
}
