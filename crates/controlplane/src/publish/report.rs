//! What `/config` of the control plane shows: the newest snapshot, and everything that is wrong with what was given.

use std::collections::BTreeMap;

use clearway_admin::{ConfigProblem, ConfigReport};
use clearway_telemetry::config::{ObjectCounts, ObjectKind};

use super::Published;
use crate::readiness::Board;

/// What is told now.
pub(crate) fn report(source: &str, newest: Option<&Published>, board: &Board) -> ConfigReport {
    let watches = board.troubles().into_iter().map(|(unit, reason, message)| ConfigProblem {
        object: unit.to_string(),
        field: String::new(),
        reason: reason.to_owned(),
        message,
    });
    let Some(newest) = newest else {
        let objects = BTreeMap::new();
        return ConfigReport {
            source: source.to_owned(),
            applied: None,
            snapshot: None,
            objects,
            problems: watches.collect(),
        };
    };
    let refused = newest.faults.values().map(|fault| ConfigProblem {
        object: format!("{} {}", fault.kind, fault.name),
        field: String::new(),
        reason: "Refused".to_owned(),
        message: format!("a data plane refuses it: {}", fault.message),
    });
    let translated = newest.translation.problems.iter().map(|problem| ConfigProblem {
        object: problem.object.to_string(),
        field: problem.field.clone(),
        reason: problem.reason.clone(),
        message: problem.message.clone(),
    });
    let counts = ObjectCounts::of(&newest.snapshot);
    let count = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
    ConfigReport {
        source: source.to_owned(),
        applied: Some(newest.at),
        snapshot: Some(newest.snapshot.clone()),
        objects: ObjectKind::ALL
            .iter()
            .zip(counts.0)
            .map(|(kind, n)| (kind.as_str().to_owned(), count(n)))
            .collect(),
        problems: watches.chain(refused).chain(translated).collect(),
    }
}
