//! Data planes: who is connected, what they were sent, how far behind they are.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use clearway_model::Version;

use super::series::{Tally, Timings, lock};
use super::{ControlTelemetry, FleetState, ResourceChange, ResourceType, StreamRefusal};
use crate::catalog::metrics;
use crate::config::version_number;

/// Data planes that have series of their own. More are counted in the gauge of their fleet only: names of pods come
/// and go, and none of them may cost without bound.
pub const MAX_NAMED: usize = 200;

/// Size of one type of resource in a snapshot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SnapshotSize {
    /// How many.
    pub resources: u64,
    /// Their encoded bytes.
    pub bytes: u64,
}

/// What one round of responses told one data plane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SentRound {
    /// Resources that were sent.
    pub resources: u64,
    /// Resources that were named as gone.
    pub removed: u64,
    /// Bytes of the resources.
    pub bytes: u64,
}

#[derive(Debug, Default)]
struct Fleet {
    sizes: BTreeMap<ResourceType, SnapshotSize>,
    newest: Option<Version>,
    nodes: BTreeMap<Arc<str>, DataPlane>,
}

#[derive(Debug)]
struct DataPlane {
    connected: Instant,
    /// Streams that are open: one that reconnects has two for a moment.
    streams: u32,
    waiting: bool,
    refusing: bool,
    acked: Option<Version>,
    /// Since when it has not had the newest version.
    behind: Option<Instant>,
    first_acked: bool,
}

/// A fleet at the moment of a scrape.
#[derive(Clone, Debug, Default)]
pub(crate) struct FleetView {
    pub(crate) sizes: BTreeMap<ResourceType, SnapshotSize>,
    pub(crate) states: [u64; FleetState::ALL.len()],
    /// Name, acknowledged version as a number, lag.
    pub(crate) nodes: Vec<(Arc<str>, Option<u64>, Duration)>,
}

#[derive(Debug)]
pub(crate) struct Fleets {
    fleets: Mutex<BTreeMap<Arc<str>, Fleet>>,
    pub(crate) first_push: OnceLock<Duration>,
    pub(crate) stream_first_push: Timings<Arc<str>>,
    pub(crate) sent: Tally<(Arc<str>, ResourceChange)>,
    pub(crate) sent_bytes: Tally<Arc<str>>,
    pub(crate) nacks: Tally<(Arc<str>, ResourceType)>,
    pub(crate) refusals: Tally<StreamRefusal>,
}

impl Default for Fleets {
    fn default() -> Self {
        Self {
            fleets: Mutex::default(),
            first_push: OnceLock::new(),
            stream_first_push: Timings::new(metrics::STREAM_FIRST_PUSH.buckets),
            sent: Tally::default(),
            sent_bytes: Tally::default(),
            nacks: Tally::default(),
            refusals: Tally::starting_with(StreamRefusal::ALL),
        }
    }
}

impl DataPlane {
    fn new(connected: Instant) -> Self {
        Self {
            connected,
            streams: 0,
            waiting: false,
            refusing: false,
            acked: None,
            behind: Some(connected),
            first_acked: false,
        }
    }

    fn state(&self) -> FleetState {
        match self {
            Self { waiting: true, .. } => FleetState::Waiting,
            Self { refusing: true, .. } => FleetState::Refusing,
            Self { behind: Some(_), .. } => FleetState::Behind,
            _ => FleetState::Current,
        }
    }
}

impl Fleets {
    pub(crate) fn read(&self) -> Vec<(Arc<str>, FleetView)> {
        let fleets = lock(&self.fleets);
        let mut room = MAX_NAMED;
        fleets.iter().map(|(name, fleet)| (name.clone(), fleet.view(&mut room))).collect()
    }

    fn with<T>(&self, name: &str, change: impl FnOnce(&Arc<str>, &mut Fleet) -> T) -> T {
        let mut fleets = lock(&self.fleets);
        if let Some((name, _)) = fleets.get_key_value(name) {
            let name = name.clone();
            return change(&name, fleets.entry(name.clone()).or_default());
        }
        let name: Arc<str> = name.into();
        // Counters of the fleet show from now on, so that their first rise is seen as one.
        ResourceType::ALL.into_iter().for_each(|kind| self.nacks.add((name.clone(), kind), 0));
        ResourceChange::ALL.into_iter().for_each(|kind| self.sent.add((name.clone(), kind), 0));
        self.sent_bytes.add(name.clone(), 0);
        change(&name, fleets.entry(name.clone()).or_default())
    }
}

impl Fleet {
    fn view(&self, room: &mut usize) -> FleetView {
        let mut view = FleetView { sizes: self.sizes.clone(), ..FleetView::default() };
        for (name, node) in &self.nodes {
            view.states[node.state() as usize] += 1;
            if *room > 0 {
                *room -= 1;
                let lag = node.behind.map_or(Duration::ZERO, |since| since.elapsed());
                view.nodes.push((name.clone(), node.acked.as_ref().map(version_number), lag));
            }
        }
        view
    }

    fn node(&mut self, name: &str) -> &mut DataPlane {
        self.nodes.entry(name.into()).or_insert_with(|| DataPlane::new(Instant::now()))
    }
}

impl ControlTelemetry {
    /// The sizes of a fleet's newest snapshot: they replace those that were said before.
    pub fn snapshot(&self, fleet: &str, sizes: &[(ResourceType, SnapshotSize)]) {
        self.fleets.with(fleet, |_, fleet| {
            let size =
                |kind| sizes.iter().find(|(of, _)| *of == kind).map(|(_, size)| *size).unwrap_or_default();
            fleet.sizes = ResourceType::ALL.into_iter().map(|kind| (kind, size(kind))).collect();
        });
    }

    /// A version has been published to a fleet since `at`: whoever has another one is behind from then on.
    pub fn published(&self, fleet: &str, version: &Version, at: Instant) {
        self.fleets.with(fleet, |_, fleet| {
            fleet.newest = Some(version.clone());
            for node in fleet.nodes.values_mut() {
                node.behind =
                    if node.acked.as_ref() == Some(version) { None } else { node.behind.or(Some(at)) };
            }
        });
    }

    /// A data plane's stream is held, since nothing may be sent yet.
    pub fn dataplane_waiting(&self, fleet: &str, name: &str) {
        self.fleets.with(fleet, |_, fleet| fleet.node(name).waiting = true);
    }

    /// A data plane has a stream that is served: it is new, or held no longer.
    pub fn dataplane_connected(&self, fleet: &str, name: &str) {
        self.fleets.with(fleet, |_, fleet| {
            let node = fleet.node(name);
            node.waiting = false;
            node.streams += 1;
            node.connected = Instant::now();
            node.first_acked = false;
        });
    }

    /// A data plane serves a version.
    pub fn dataplane_acked(&self, fleet: &str, name: &str, version: &Version) {
        self.fleets.with(fleet, |key, fleet| {
            let is_newest = fleet.newest.as_ref() == Some(version);
            let node = fleet.node(name);
            (node.waiting, node.refusing) = (false, false);
            node.acked = Some(version.clone());
            if is_newest {
                node.behind = None;
            }
            if !std::mem::replace(&mut node.first_acked, true) {
                self.fleets.stream_first_push.observe(key.clone(), node.connected.elapsed());
                self.fleets.first_push.get_or_init(|| self.started.elapsed());
            }
        });
    }

    /// A data plane refused a version, because of resources of these types; none named counts as the whole.
    pub fn dataplane_nacked(&self, fleet: &str, name: &str, types: &[ResourceType]) {
        self.fleets.with(fleet, |key, fleet| {
            let node = fleet.node(name);
            (node.waiting, node.refusing) = (false, true);
            let types: BTreeSet<_> =
                if types.is_empty() { &[ResourceType::Manifest] } else { types }.iter().collect();
            types.into_iter().for_each(|kind| self.fleets.nacks.add((key.clone(), *kind), 1));
        });
    }

    /// A stream of a data plane ended; with the last one its series end.
    pub fn dataplane_disconnected(&self, fleet: &str, name: &str) {
        self.fleets.with(fleet, |_, fleet| {
            let Some(node) = fleet.nodes.get_mut(name) else { return };
            node.streams = node.streams.saturating_sub(1);
            if node.streams == 0 {
                fleet.nodes.remove(name);
            }
        });
    }

    /// A round of responses was sent to one data plane.
    pub fn sent(&self, fleet: &str, round: SentRound) {
        self.fleets.with(fleet, |key, _| {
            self.fleets.sent.add((key.clone(), ResourceChange::Changed), round.resources);
            self.fleets.sent.add((key.clone(), ResourceChange::Removed), round.removed);
            self.fleets.sent_bytes.add(key.clone(), round.bytes);
        });
    }

    /// A stream or connection of a data plane was refused.
    pub fn stream_refused(&self, reason: StreamRefusal) {
        self.fleets.refusals.add(reason, 1);
    }
}
