//! Watches and what they keep in memory; translations of it.

use std::collections::BTreeMap;
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use super::series::{Tally, Timings, lock};
use super::{ControlTelemetry, KubeKind, TranslationOutcome, WatchReason};
use crate::catalog::metrics;

/// What is known of the cache of a kind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CacheView {
    began: Instant,
    pub(crate) synced: bool,
    pub(crate) objects: u64,
}

#[derive(Debug)]
pub(crate) struct Caches {
    caches: Mutex<BTreeMap<KubeKind, CacheView>>,
    pub(crate) sync: Timings<KubeKind>,
    pub(crate) initial_events: Tally<KubeKind>,
    pub(crate) timeouts: Tally<KubeKind>,
    pub(crate) errors: Tally<(KubeKind, WatchReason)>,
    pub(crate) restarts: Tally<(KubeKind, WatchReason)>,
    pub(crate) malformed: Tally<KubeKind>,
    pub(crate) translations: Timings<TranslationOutcome>,
    pub(crate) translated: Tally<TranslationOutcome>,
    pub(crate) first_translation: OnceLock<Duration>,
}

impl Default for Caches {
    fn default() -> Self {
        Self {
            caches: Mutex::default(),
            sync: Timings::new(metrics::CACHE_SYNC_DURATION.buckets),
            initial_events: Tally::default(),
            timeouts: Tally::default(),
            errors: Tally::default(),
            restarts: Tally::default(),
            malformed: Tally::default(),
            translations: Timings::new(metrics::TRANSLATION_DURATION.buckets),
            translated: Tally::starting_with(TranslationOutcome::ALL),
            first_translation: OnceLock::new(),
        }
    }
}

impl Caches {
    pub(crate) fn read(&self) -> BTreeMap<KubeKind, CacheView> {
        lock(&self.caches).clone()
    }
}

impl ControlTelemetry {
    /// A kind is about to be watched: it is not in step, and the clock of its sync starts. Its counters show from now.
    pub fn cache_expected(&self, kind: KubeKind) {
        for tally in [&self.caches.initial_events, &self.caches.timeouts, &self.caches.malformed] {
            tally.add(kind, 0);
        }
        let mut caches = lock(&self.caches.caches);
        let cache =
            caches.entry(kind).or_insert(CacheView { began: Instant::now(), synced: false, objects: 0 });
        (cache.began, cache.synced) = (Instant::now(), false);
    }

    /// Everything that the first listing named has been taken in. Said again, it changes nothing.
    pub fn cache_synced(&self, kind: KubeKind) {
        let mut caches = lock(&self.caches.caches);
        if let Some(cache) = caches.get_mut(&kind).filter(|cache| !cache.synced) {
            cache.synced = true;
            self.caches.sync.observe(kind, cache.began.elapsed());
        }
    }

    /// The kind is not in step any more; a new sync begins.
    pub fn cache_lost(&self, kind: KubeKind) {
        let mut caches = lock(&self.caches.caches);
        if let Some(cache) = caches.get_mut(&kind).filter(|cache| cache.synced) {
            (cache.began, cache.synced) = (Instant::now(), false);
        }
    }

    /// The kind is not watched any more.
    pub fn cache_gone(&self, kind: KubeKind) {
        lock(&self.caches.caches).remove(&kind);
    }

    /// Objects that are held of a kind.
    pub fn cache_objects(&self, kind: KubeKind, objects: u64) {
        if let Some(cache) = lock(&self.caches.caches).get_mut(&kind) {
            cache.objects = objects;
        }
    }

    /// So many objects of a first listing have been taken in.
    pub fn initial_events(&self, kind: KubeKind, n: u64) {
        self.caches.initial_events.add(kind, n);
    }

    /// A cache did not come in step within the time that it is given.
    pub fn sync_timeout(&self, kind: KubeKind) {
        self.caches.timeouts.add(kind, 1);
    }

    /// A watch failed.
    pub fn watch_error(&self, kind: KubeKind, reason: WatchReason) {
        self.caches.errors.add((kind, reason), 1);
    }

    /// A watch was begun again.
    pub fn watch_restarted(&self, kind: KubeKind, reason: WatchReason) {
        self.caches.restarts.add((kind, reason), 1);
    }

    /// An object could not be read.
    pub fn malformed_object(&self, kind: KubeKind) {
        self.caches.malformed.add(kind, 1);
    }

    /// The world was translated. The first that is published is remembered.
    pub fn translated(&self, duration: Duration, outcome: TranslationOutcome) {
        self.caches.translations.observe(outcome, duration);
        self.caches.translated.add(outcome, 1);
        if outcome == TranslationOutcome::Published {
            self.caches.first_translation.get_or_init(|| self.started.elapsed());
        }
    }
}
