//! The journey of a change: seen by a watch, gathered with others, translated, published, acknowledged. One record for
//! each version, kept until newer ones push it out; `traces` makes traces of them.

mod traces;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use clearway_model::{ObjectRef, Version};

pub(crate) use traces::Traces;
pub use traces::Tracing;

/// Versions that are remembered: an answer to an older one is too late to mean anything.
const REMEMBERED: usize = 64;

/// Objects that a journey names; more are only counted.
const NAMED: usize = 8;

/// Names of the first objects of a batch.
#[derive(Clone, Debug, Default)]
pub(crate) struct Named(Vec<(&'static str, ObjectRef)>);

impl Named {
    /// Whether another name is wanted.
    pub(crate) fn has_room(&self) -> bool {
        self.0.len() < NAMED
    }

    /// Adds an object that changed, unless it stands there.
    pub(crate) fn add(&mut self, object: (&'static str, ObjectRef)) {
        if self.has_room() && !self.0.contains(&object) {
            self.0.push(object);
        }
    }

    /// Kind, namespace and name of each.
    pub(crate) fn texts(&self) -> Vec<Arc<str>> {
        self.0.iter().map(|(kind, object)| format!("{kind} {object}").into()).collect()
    }
}

/// One journey, as far as it is the control plane's.
#[derive(Clone, Debug)]
pub(crate) struct Journey {
    /// When the first change of it was seen, by the clock on the wall.
    pub(crate) began: SystemTime,
    /// When the first change of it was seen.
    pub(crate) seen: Instant,
    /// How many changes were gathered.
    pub(crate) changes: usize,
    /// The first objects of them.
    pub(crate) objects: Named,
    /// From the first change until the translation began.
    pub(crate) gather: Duration,
    /// How long the translation took.
    pub(crate) translate: Duration,
    /// How long encoding took.
    pub(crate) encode: Duration,
    /// Resources that were encoded.
    pub(crate) encoded: usize,
    /// When it was published.
    pub(crate) published: Instant,
}

impl Journey {
    /// From the first change until a data plane served it, `lag` after it was published or the data plane had connected: one
    /// that comes back to a version of last week did not need a week for it.
    pub(crate) fn until_served(&self, lag: Duration) -> Duration {
        self.published.saturating_duration_since(self.seen) + lag
    }
}

/// Journeys of the newest versions.
#[derive(Debug, Default)]
pub(crate) struct Journeys {
    recent: Mutex<VecDeque<(Version, Arc<Journey>)>>,
}

impl Journeys {
    /// Remembers a journey.
    pub(crate) fn note(&self, version: Version, journey: Arc<Journey>) {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if recent.len() == REMEMBERED {
            recent.pop_front();
        }
        recent.push_back((version, journey));
    }

    /// The newest journey of a version.
    pub(crate) fn of(&self, version: &Version) -> Option<Arc<Journey>> {
        let recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.iter().rev().find(|(known, _)| known == version).map(|(_, journey)| journey.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn journey(changes: usize, seen: Instant, published: Instant) -> Journey {
        Journey {
            began: SystemTime::now(),
            seen,
            changes,
            objects: Named::default(),
            gather: Duration::ZERO,
            translate: Duration::ZERO,
            encode: Duration::ZERO,
            encoded: 0,
            published,
        }
    }

    #[test]
    fn a_data_plane_that_comes_back_to_an_old_version_was_served_as_fast_as_it_answered() {
        let seen = Instant::now();
        let journey = journey(1, seen, seen + Duration::from_millis(10));
        assert_eq!(journey.until_served(Duration::from_millis(5)), Duration::from_millis(15));
    }

    #[test]
    fn the_newest_journeys_are_kept() {
        let journeys = Journeys::default();
        let now = Instant::now();
        for number in 0..=REMEMBERED {
            journeys.note(Version(number.to_string().into()), Arc::new(journey(number, now, now)));
        }
        assert!(journeys.of(&Version("0".into())).is_none());
        assert_eq!(journeys.of(&Version(REMEMBERED.to_string().into())).unwrap().changes, REMEMBERED);
    }

    #[test]
    fn a_few_objects_are_named_each_once() {
        let mut named = Named::default();
        for number in 0..2 * NAMED {
            named.add(("HTTPRoute", ObjectRef::new("shop", format!("r{}", number / 2))));
        }
        assert!(!named.has_room());
        named.add(("Gateway", ObjectRef::new("shop", "web")));
        let texts = named.texts();
        assert_eq!((texts.len(), &*texts[0]), (NAMED, "HTTPRoute shop/r0"));
    }
}
