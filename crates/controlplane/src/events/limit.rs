//! How many Events may be written: a bucket for all, and one for each object. Pure: time comes in as an argument.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use super::Regarding;

/// At once, and then one each [`ALL_EVERY`].
const ALL: f64 = 200.0;
const ALL_EVERY: Duration = Duration::from_millis(100);
/// At once about one object, and then one each [`ONE_EVERY`].
const ONE: f64 = 10.0;
const ONE_EVERY: Duration = Duration::from_secs(60);
/// Most objects that have a bucket; beyond that those that are full again are forgotten.
const MOST: usize = 4096;

/// The buckets.
#[derive(Debug)]
pub(super) struct Limits {
    all: Bucket,
    objects: HashMap<Regarding, Bucket>,
}

#[derive(Debug)]
struct Bucket {
    left: f64,
    at: Instant,
}

impl Limits {
    /// Full buckets.
    pub(super) fn new(now: Instant) -> Self {
        Self { all: Bucket { left: ALL, at: now }, objects: HashMap::new() }
    }

    /// Whether an Event about this object may be written now; takes it from the buckets when it may.
    pub(super) fn allow(&mut self, object: &Regarding, now: Instant) -> bool {
        if self.objects.len() >= MOST && !self.objects.contains_key(object) {
            self.objects.retain(|_, bucket| bucket.filled(ONE, ONE_EVERY, now) < ONE);
            if self.objects.len() >= MOST {
                return false;
            }
        }
        if self.all.filled(ALL, ALL_EVERY, now) < 1.0 {
            return false;
        }
        let bucket = self.objects.entry(object.clone()).or_insert(Bucket { left: ONE, at: now });
        if bucket.filled(ONE, ONE_EVERY, now) < 1.0 {
            return false;
        }
        bucket.left -= 1.0;
        self.all.left -= 1.0;
        true
    }
}

impl Bucket {
    fn filled(&mut self, most: f64, every: Duration, now: Instant) -> f64 {
        let passed = now.saturating_duration_since(self.at).as_secs_f64() / every.as_secs_f64();
        self.left = (self.left + passed).min(most);
        self.at = now;
        self.left
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clearway_model::ObjectRef;

    fn object(name: &str) -> Regarding {
        Regarding {
            api_version: "v1".into(),
            kind: "Gateway".into(),
            object: ObjectRef::new("n", name),
            uid: "u".into(),
        }
    }

    #[test]
    fn an_object_that_flaps_is_told_ten_times_and_then_once_a_minute() {
        let start = Instant::now();
        let mut limits = Limits::new(start);
        let told = (0..100).filter(|_| limits.allow(&object("a"), start)).count();
        assert_eq!(told, 10);
        assert!(limits.allow(&object("b"), start), "others are not hurt");
        assert!(!limits.allow(&object("a"), start + Duration::from_secs(59)));
        assert!(limits.allow(&object("a"), start + Duration::from_secs(61)));
    }

    #[test]
    fn a_cluster_full_of_mistakes_stays_within_the_rate() {
        let start = Instant::now();
        let mut limits = Limits::new(start);
        let told = (0..2000).filter(|n| limits.allow(&object(&n.to_string()), start)).count();
        assert_eq!(told, 200);
        let later = start + Duration::from_secs(1);
        let told = (2000..4000).filter(|n| limits.allow(&object(&n.to_string()), later)).count();
        assert_eq!(told, 10);
    }
}
