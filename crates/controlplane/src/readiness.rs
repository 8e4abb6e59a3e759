//! How far the control plane has come, in three named layers, and what each watch is doing.
//!
//! Watches and the pipeline write it; the admin server, the gate of the xDS port and the pipeline itself read it. What
//! always holds: the gate opens once, after the first whole translation has been published, and never before every watch
//! was in step; a fault after that never closes it, since streams that are served must go on.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use clearway_admin::{Check, Readiness};
use clearway_telemetry::control::{ControlTelemetry, KubeKind, Layer, ReadinessReason, WatchReason};
use tokio::sync::watch;

use crate::watch::{Failure, Kind, Unit};

mod checks;

/// Parts that must be up before anything else counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Component {
    /// The admin servers listen.
    Admin,
    /// The xDS port has its certificates.
    Certificates,
    /// The xDS port listens.
    Xds,
}

impl Component {
    const ALL: [Self; 3] = [Self::Admin, Self::Certificates, Self::Xds];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin server",
            Self::Certificates => "xDS certificates",
            Self::Xds => "xDS port",
        }
    }
}

/// One watch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct WatchState {
    /// Why the kind is not watched; it counts as empty.
    pub(crate) absent: Option<Arc<str>>,
    /// Objects at the last listing.
    pub(crate) objects: usize,
    /// When all that was there at the beginning had been listed, since the start of the watch.
    pub(crate) listed: Option<Duration>,
    /// When the world had taken all of it in.
    pub(crate) in_step: Option<Duration>,
    /// What went wrong last, while it has not been mended.
    pub(crate) failure: Option<Failure>,
    /// The time that it was given, when it was not in step by then.
    pub(crate) timed_out: Option<Duration>,
}

#[derive(Debug)]
struct State {
    components: BTreeMap<Component, Option<String>>,
    watches: BTreeMap<Unit, (Instant, WatchState)>,
    /// Whether every watch of a kind is in step, as it was told last.
    kinds: BTreeMap<&'static str, bool>,
    published: bool,
    draining: bool,
    broken: Option<String>,
    stuck: Option<String>,
    ready: bool,
}

/// The record of readiness.
#[derive(Debug)]
pub(crate) struct Board {
    telemetry: Arc<ControlTelemetry>,
    state: Mutex<State>,
    gate: watch::Sender<bool>,
}

impl Board {
    /// Nothing is up.
    pub(crate) fn new(telemetry: Arc<ControlTelemetry>) -> Self {
        let missing = |component: Component| (component, Some("is being started".to_owned()));
        let state = State {
            components: Component::ALL.into_iter().map(missing).collect(),
            watches: BTreeMap::new(),
            kinds: BTreeMap::new(),
            published: false,
            draining: false,
            broken: None,
            stuck: None,
            ready: false,
        };
        let board = Self { telemetry, state: Mutex::new(state), gate: watch::Sender::new(false) };
        board.change(|_| ());
        board
    }

    /// Opens when the first whole translation has been published.
    pub(crate) fn gate(&self) -> watch::Receiver<bool> {
        self.gate.subscribe()
    }

    /// A component is up.
    pub(crate) fn up(&self, component: Component) {
        self.change(|state| {
            state.components.insert(component, None);
        });
    }

    /// A component is not up, and why.
    pub(crate) fn down(&self, component: Component, reason: String) {
        self.change(|state| {
            state.components.insert(component, Some(reason));
        });
    }

    /// A watch is about to begin.
    pub(crate) fn expect(&self, unit: &Unit) {
        self.change(|state| {
            state.watches.entry(unit.clone()).or_insert_with(|| (Instant::now(), WatchState::default()));
            self.tell_kind(state, unit.kind);
        });
    }

    /// A watch has ended for good.
    pub(crate) fn forget(&self, unit: &Unit) {
        self.change(|state| {
            state.watches.remove(unit);
            self.tell_kind(state, unit.kind);
        });
    }

    /// The apiserver says that the kind is not there.
    pub(crate) fn absent(&self, unit: &Unit, reason: &Arc<str>) {
        tracing::warn!(kind = unit.kind.name, %reason, "A kind is not watched: it counts as empty.");
        self.watch(unit, |_, watch| {
            watch.absent = Some(reason.clone());
            watch.failure = None;
        });
    }

    /// The kind is there and is being listed.
    pub(crate) fn watching(&self, unit: &Unit) {
        self.watch(unit, |_, watch| watch.absent = None);
    }

    /// All that is there has been listed.
    pub(crate) fn listed(&self, unit: &Unit, objects: usize) {
        self.watch(unit, |began, watch| {
            watch.objects = objects;
            watch.failure = None;
            watch.listed.get_or_insert(began.elapsed());
        });
    }

    /// How many objects a watch knows now.
    pub(crate) fn objects(&self, unit: &Unit, objects: usize) {
        let mut state = self.lock();
        if let Some((_, watch)) = state.watches.get_mut(unit) {
            watch.objects = objects;
        }
        self.tell_objects(&state, unit.kind);
    }

    /// The world has taken all of it in.
    pub(crate) fn in_step(&self, unit: &Unit) {
        self.watch(unit, |began, watch| {
            watch.in_step.get_or_insert(began.elapsed());
            watch.timed_out = None;
        });
        let objects = self.lock().watches.get(unit).map_or(0, |(_, watch)| watch.objects);
        self.telemetry.initial_events(KubeKind::named(unit.kind.name), objects as u64);
    }

    /// A watch failed, and will be taken up again.
    pub(crate) fn failed(&self, unit: &Unit, failure: &Failure) {
        tracing::warn!(watch = %unit, reason = failure.reason.as_str(), %failure, "A watch failed; it is taken up again.");
        let (kind, reason) = (KubeKind::named(unit.kind.name), WatchReason::named(failure.reason.as_str()));
        self.telemetry.watch_error(kind, reason);
        self.telemetry.watch_restarted(kind, reason);
        self.watch(unit, |_, watch| watch.failure = Some(failure.clone()));
    }

    /// The apiserver ended a watch in good order, as it does from time to time.
    pub(crate) fn closed(&self, unit: &Unit) {
        self.telemetry.watch_restarted(KubeKind::named(unit.kind.name), WatchReason::Closed);
    }

    /// An object cannot be read.
    pub(crate) fn malformed(&self, unit: &Unit) {
        self.telemetry.malformed_object(KubeKind::named(unit.kind.name));
    }

    /// Watches were not in step within the time that they are given: said, counted, and shown until they are.
    pub(crate) fn timed_out(&self, given: Duration) {
        let mut behind = Vec::new();
        self.change(|state| {
            for (unit, (_, watch)) in
                state.watches.iter_mut().filter(|(_, (_, watch))| watch.in_step.is_none())
            {
                watch.timed_out = Some(given);
                behind.push(unit.clone());
            }
        });
        let missing: Vec<String> = behind.iter().map(ToString::to_string).collect();
        tracing::warn!(
            ?given,
            missing = missing.join(", "),
            "Some watches are not in step in time; they go on being tried."
        );
        behind.iter().for_each(|unit| self.telemetry.sync_timeout(KubeKind::named(unit.kind.name)));
    }

    /// Something broke off that nothing takes up again.
    pub(crate) fn broken(&self, what: &str) {
        self.change(|state| state.broken = Some(what.to_owned()));
    }

    /// A translation broke off: what is served stays, so nobody is taken out for it.
    pub(crate) fn stuck(&self, what: &str) {
        tracing::error!(
            what,
            "This is a defect of Clearway: please report it with the objects that changed last."
        );
        self.change(|state| state.stuck = Some(what.to_owned()));
    }

    /// A translation of the whole world has been published.
    pub(crate) fn published(&self) {
        self.change(|state| (state.published, state.stuck) = (true, None));
        self.gate.send_if_modified(|open| !std::mem::replace(open, true));
    }

    /// The process is about to end.
    pub(crate) fn drain(&self) {
        self.change(|state| state.draining = true);
    }

    /// Watches that are not in step yet. Empty means that the whole world is known.
    pub(crate) fn behind(&self) -> Vec<Unit> {
        let state = self.lock();
        let behind = state.watches.iter().filter(|(_, (_, watch))| watch.in_step.is_none());
        behind.map(|(unit, _)| unit.clone()).collect()
    }

    /// Every watch.
    #[cfg(test)]
    pub(crate) fn watches(&self) -> Vec<(Unit, WatchState)> {
        self.lock().watches.iter().map(|(unit, (_, watch))| (unit.clone(), watch.clone())).collect()
    }

    /// Kinds that are missing and watches that fail, each as a sentence.
    pub(crate) fn troubles(&self) -> Vec<(Unit, &'static str, String)> {
        let state = self.lock();
        let mut troubles = Vec::new();
        for (unit, (_, watch)) in &state.watches {
            if let Some(reason) = &watch.absent {
                troubles.push((unit.clone(), "NotInstalled", reason.to_string()));
            }
            if let Some(failure) = &watch.failure {
                troubles.push((unit.clone(), "WatchFailed", failure.to_string()));
            }
        }
        troubles
    }

    fn watch(&self, unit: &Unit, change: impl FnOnce(Instant, &mut WatchState)) {
        self.change(|state| {
            if let Some((began, watch)) = state.watches.get_mut(unit) {
                change(*began, watch);
            }
            self.tell_kind(state, unit.kind);
        });
    }

    /// Counts when all watches of a kind come into step, or do not any more.
    fn tell_kind(&self, state: &mut State, kind: &'static Kind) {
        let name = KubeKind::named(kind.name);
        let mut watches = state.watches.iter().filter(|(unit, _)| unit.kind.name == kind.name).peekable();
        if watches.peek().is_none() {
            if state.kinds.remove(kind.name).is_some() {
                self.telemetry.cache_gone(name);
            }
            return;
        }
        let in_step = watches.all(|(_, (_, watch))| watch.in_step.is_some());
        match (state.kinds.insert(kind.name, in_step), in_step) {
            (Some(before), now) if before == now => {}
            (_, true) => self.telemetry.cache_synced(name),
            (None, false) => self.telemetry.cache_expected(name),
            (Some(_), false) => self.telemetry.cache_lost(name),
        }
        self.tell_objects(state, kind);
    }

    fn tell_objects(&self, state: &State, kind: &'static Kind) {
        let watches = state.watches.iter().filter(|(unit, _)| unit.kind.name == kind.name);
        let objects: usize = watches.map(|(_, (_, watch))| watch.objects).sum();
        self.telemetry.cache_objects(KubeKind::named(kind.name), objects as u64);
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.lock();
        change(&mut state);
        let checks = state.checks();
        let reason = state.reason();
        for (layer, check) in [Layer::Components, Layer::Synced, Layer::Published].into_iter().zip(&checks) {
            self.telemetry.layer(
                layer,
                check.ready,
                if check.ready { ReadinessReason::Reached } else { reason },
            );
        }
        let ready = checks.iter().all(|check| check.ready);
        self.telemetry.ready(ready, if ready { ReadinessReason::Reached } else { reason });
        if state.ready != ready {
            state.ready = ready;
            let missing: Vec<String> = checks
                .into_iter()
                .filter(|check| !check.ready)
                .map(|check| format!("{}: {}", check.name, check.detail.unwrap_or_default()))
                .collect();
            if ready {
                tracing::info!("Ready.");
            } else {
                tracing::warn!(missing = missing.join("; "), "Not ready any more.");
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Readiness for Board {
    fn checks(&self) -> Vec<Check> {
        self.lock().checks()
    }
}

#[cfg(test)]
#[path = "readiness_tests.rs"]
mod tests;
