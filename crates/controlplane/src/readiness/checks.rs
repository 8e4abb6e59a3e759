//! What `/readyz` says of each layer: whether it holds, what is missing, and what an operator should know besides.

use std::collections::BTreeSet;

use clearway_admin::Check;
use clearway_telemetry::control::ReadinessReason;

use super::{State, WatchState};
use crate::watch::Unit;

impl State {
    /// Why something is not ready.
    pub(super) fn reason(&self) -> ReadinessReason {
        if self.draining {
            ReadinessReason::Draining
        } else if self.broken.is_some() || self.stuck.is_some() {
            ReadinessReason::Broken
        } else {
            ReadinessReason::Waiting
        }
    }

    pub(super) fn checks(&self) -> Vec<Check> {
        let published = match (self.published, &self.broken, &self.stuck) {
            _ if self.draining => Check::missing("published", "draining: the process is about to end"),
            (_, Some(broken), _) => Check::missing("published", format!("{broken}; restart")),
            (true, _, None) => Check::ok("published"),
            (true, _, Some(stuck)) => Check::ok_but("published", stuck),
            (false, _, Some(stuck)) => Check::missing("published", stuck),
            (false, _, None) => Check::missing("published", "the first translation has not been published"),
        };
        vec![self.components(), self.synced(), published]
    }

    fn components(&self) -> Check {
        let missing: Vec<String> = self
            .components
            .iter()
            .filter_map(|(component, reason)| Some(format!("{} {}", component.as_str(), reason.as_ref()?)))
            .collect();
        if missing.is_empty() {
            Check::ok("components")
        } else {
            Check::missing("components", missing.join("; "))
        }
    }

    /// Once everything was in step a failing watch is a fault to tell of, not a reason to take the process out.
    fn synced(&self) -> Check {
        let behind = self.watches.iter().filter(|(_, (_, watch))| watch.in_step.is_none());
        let behind: Vec<String> = behind.map(|(unit, (_, watch))| awaited(unit, watch)).collect();
        if (self.watches.is_empty() || !behind.is_empty()) && !self.published {
            let detail = if behind.is_empty() { "no watch has begun".to_owned() } else { behind.join(", ") };
            return Check::missing("synced", detail);
        }
        let absent: BTreeSet<&str> =
            self.watches.iter().filter(|(_, (_, w))| w.absent.is_some()).map(|(u, _)| u.kind.name).collect();
        let failing: Vec<String> = self
            .watches
            .iter()
            .filter_map(|(unit, (_, watch))| Some(format!("{unit} fails: {}", watch.failure.as_ref()?)))
            .collect();
        let mut notes = failing;
        if !absent.is_empty() {
            notes.push(format!("not installed: {}", absent.into_iter().collect::<Vec<_>>().join(", ")));
        }
        if notes.is_empty() { Check::ok("synced") } else { Check::ok_but("synced", notes.join("; ")) }
    }
}

/// A watch that is not in step: why, as far as it is known, and whether its time is over.
fn awaited(unit: &Unit, watch: &WatchState) -> String {
    let why = match (&watch.failure, watch.listed) {
        (Some(failure), _) => Some(failure.to_string()),
        (None, Some(_)) => Some("being taken in".to_owned()),
        (None, None) => None,
    };
    match (watch.timed_out, why) {
        (Some(given), Some(why)) => format!("{unit} (timed out after {given:?}: {why})"),
        (Some(given), None) => format!("{unit} (timed out after {given:?}: no answer)"),
        (None, Some(why)) => format!("{unit} ({why})"),
        (None, None) => unit.to_string(),
    }
}
