//! Statuses as the apiserver last showed them. Watches write them down; the status writer compares its plan with them, so
//! that what stands there already is neither asked for nor written again.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use clearway_model::ObjectRef;
use serde_json::Value;
use tokio::sync::watch;

/// What is remembered of an object that has a status of ours.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Observed {
    /// `apiVersion` in which it is watched.
    pub(crate) api_version: Arc<str>,
    /// For optimistic writes.
    pub(crate) resource_version: String,
    /// Generation of the spec.
    pub(crate) generation: i64,
    /// Identity across deletion and re-creation.
    pub(crate) uid: String,
    /// `status`; `Null` when there is none.
    pub(crate) status: Value,
}

/// The same, packed: thousands of them are kept.
#[derive(Debug, PartialEq)]
struct Packed {
    api_version: Arc<str>,
    resource_version: Box<str>,
    generation: i64,
    uid: Box<str>,
    status: Box<str>,
}

/// All that are remembered.
#[derive(Debug, Default)]
pub(crate) struct Observations {
    state: Mutex<State>,
    ticks: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct State {
    known: BTreeMap<&'static str, HashMap<ObjectRef, Packed>>,
    changed: BTreeSet<(&'static str, ObjectRef)>,
}

impl Observations {
    /// What the apiserver last showed of an object; `None` when it is not there.
    pub(crate) fn get(&self, kind: &str, object: &ObjectRef) -> Option<Arc<Observed>> {
        let state = self.lock();
        let packed = state.known.get(kind)?.get(object)?;
        Some(Arc::new(Observed {
            api_version: packed.api_version.clone(),
            resource_version: packed.resource_version.to_string(),
            generation: packed.generation,
            uid: packed.uid.to_string(),
            // It was written from a value, so it is one.
            status: serde_json::from_str(&packed.status).unwrap_or_default(),
        }))
    }

    /// A number that grows whenever something changes, so that entries of ours that somebody edits are put right.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.ticks.subscribe()
    }

    /// Objects whose status has changed or that are gone, each once since the last call. The status writer alone asks.
    pub(crate) fn take_changed(&self) -> Vec<(&'static str, ObjectRef)> {
        std::mem::take(&mut self.lock().changed).into_iter().collect()
    }

    /// Every object of a kind that is remembered.
    pub(crate) fn names(&self, kind: &str) -> Vec<ObjectRef> {
        self.lock().known.get(kind).map(|objects| objects.keys().cloned().collect()).unwrap_or_default()
    }

    /// Writes down what a watch shows.
    pub(crate) fn put(&self, kind: &'static str, object: &ObjectRef, observed: &Observed) {
        let packed = Packed {
            api_version: observed.api_version.clone(),
            resource_version: observed.resource_version.as_str().into(),
            generation: observed.generation,
            uid: observed.uid.as_str().into(),
            status: observed.status.to_string().into(),
        };
        let mut state = self.lock();
        let text = packed.status.clone();
        let before = state.known.entry(kind).or_default().insert(object.clone(), packed);
        if before.is_none_or(|before| before.status != text) {
            state.changed.insert((kind, object.clone()));
            drop(state);
            self.ticks.send_modify(|ticks| *ticks += 1);
        }
    }

    /// Forgets an object that is gone.
    pub(crate) fn remove(&self, kind: &'static str, object: &ObjectRef) {
        let mut state = self.lock();
        if state.known.get_mut(kind).and_then(|objects| objects.remove(object)).is_some() {
            state.changed.insert((kind, object.clone()));
            drop(state);
            self.ticks.send_modify(|ticks| *ticks += 1);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_a_status_that_changes_wakes_the_writer() {
        let observations = Observations::default();
        let object = ObjectRef::new("n", "a");
        let mut changes = observations.changes();
        let mut seen = Observed {
            api_version: "g/v1".into(),
            resource_version: "1".into(),
            generation: 1,
            uid: "u".into(),
            status: json!({"parents": []}),
        };
        observations.put("HTTPRoute", &object, &seen);
        assert!(changes.has_changed().unwrap());
        changes.mark_unchanged();
        seen.resource_version = "2".into();
        observations.put("HTTPRoute", &object, &seen);
        assert!(!changes.has_changed().unwrap(), "the same status in a newer object");
        assert_eq!(observations.get("HTTPRoute", &object), Some(Arc::new(seen)));
        assert_eq!(observations.take_changed(), [("HTTPRoute", object.clone())]);
        observations.remove("HTTPRoute", &object);
        assert!(changes.has_changed().unwrap() && observations.names("HTTPRoute").is_empty());
        assert_eq!(observations.take_changed().len(), 1, "one that is gone is told too");
        assert!(observations.take_changed().is_empty());
    }
}
