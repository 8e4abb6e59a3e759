//! Publishing: what a translation came to goes to the hub, from there to data planes, and to everybody in this process
//! who works from it. What always holds: the hub sees a snapshot only of a whole world.

mod nodes;
mod report;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};

use clearway_k8s::Severity;
use clearway_model::Snapshot;
use clearway_telemetry::config::{ConfigStage, ObjectCounts, ProblemCounts};
use clearway_telemetry::control::{ControlTelemetry, ResourceType, SnapshotSize};
use clearway_translate::Translation;
use clearway_xds::{Hub, Kind, ResourceFault, Resources};
use tokio::sync::watch;

use crate::journey::{Journey, Journeys, Traces, Tracing};
use crate::world::View;

pub(crate) use nodes::follow_nodes;
pub(crate) use report::report;

/// Resources that some data plane refuses, by name.
pub(crate) type Faults = BTreeMap<String, ResourceFault>;

/// What those who write status, Services and reports work from.
#[derive(Clone, Debug)]
pub(crate) struct Published {
    /// Counts translations.
    pub(crate) generation: u64,
    /// What the translation came to. Its snapshot was taken out and is beside it.
    pub(crate) translation: Arc<Translation>,
    /// What is served.
    pub(crate) snapshot: Arc<Snapshot>,
    /// What belongs to our Gateways.
    pub(crate) view: View,
    /// Resources that some data plane refuses now.
    pub(crate) faults: Arc<Faults>,
    /// When the snapshot was published.
    pub(crate) at: SystemTime,
}

/// What the pipeline hands over.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) translation: Translation,
    pub(crate) resources: Arc<Resources>,
    pub(crate) view: View,
    pub(crate) journey: Journey,
}

/// Newest publication; `None` before the first.
pub(crate) type Newest = watch::Receiver<Option<Arc<Published>>>;

/// Hands translations on.
#[derive(Debug)]
pub(crate) struct Publisher {
    fleet: String,
    telemetry: Arc<ControlTelemetry>,
    hub: Hub,
    newest: watch::Sender<Option<Arc<Published>>>,
    /// What each data plane refuses, by the number of its stream.
    refused: Mutex<BTreeMap<u64, Vec<ResourceFault>>>,
    journeys: Journeys,
    traces: Traces,
}

impl Publisher {
    /// Publishes for one fleet.
    pub(crate) fn new(fleet: &str, hub: Hub, telemetry: Arc<ControlTelemetry>) -> Self {
        Self {
            fleet: fleet.to_owned(),
            telemetry,
            hub,
            newest: watch::Sender::new(None),
            refused: Mutex::default(),
            journeys: Journeys::default(),
            traces: Traces::default(),
        }
    }

    /// The same with journeys that go out as traces.
    pub(crate) fn traced(self, tracing: Option<Tracing>) -> Self {
        Self { traces: Traces::new(tracing), ..self }
    }

    /// Closes the traces that wait for data planes: the process ends.
    pub(crate) fn end_traces(&self) {
        self.traces.end();
    }

    /// Where it is counted.
    pub(crate) fn telemetry(&self) -> &Arc<ControlTelemetry> {
        &self.telemetry
    }

    /// Follows what is published.
    pub(crate) fn newest(&self) -> Newest {
        self.newest.subscribe()
    }

    /// What is encoded now: whatever has not changed is taken from it.
    pub(crate) fn resources(&self) -> Option<Arc<Resources>> {
        self.hub.published(&self.fleet)
    }

    /// Publishes a translation of a whole world; true when what is served changes.
    pub(crate) fn publish(&self, outcome: Outcome) -> bool {
        let Outcome { translation, resources, view, journey } = outcome;
        let snapshot = resources.snapshot().clone();
        let began = journey.published;
        // Only this publisher publishes to its fleet, so what differs now is a change in a moment.
        if self.resources().is_none_or(|before| before.version() != &snapshot.version) {
            let problems = translation.problems.len();
            let trace_id = self.traces.begin((&self.fleet, &self.hub), &snapshot.version, &journey, problems);
            tracing::debug!(version = %snapshot.version, trace_id, "Publishing.");
        }
        self.journeys.note(snapshot.version.clone(), Arc::new(journey));
        let changed = self.hub.publish(&self.fleet, resources.clone());
        self.traces.published(&snapshot.version, began.elapsed());
        self.count(&translation, &resources, changed, began);
        let before = self.newest.borrow().clone();
        let at = before.as_ref().filter(|_| !changed).map_or_else(SystemTime::now, |before| before.at);
        self.newest.send_replace(Some(Arc::new(Published {
            generation: before.map_or(1, |before| before.generation + 1),
            translation: Arc::new(translation),
            snapshot,
            view,
            faults: Arc::new(self.faults()),
            at,
        })));
        changed
    }

    fn count(&self, translation: &Translation, resources: &Resources, changed: bool, began: Instant) {
        let errors = translation.problems.iter().filter(|one| one.severity == Severity::Error).count() as u64;
        let warnings = translation.problems.len() as u64 - errors;
        let (config, problems) = (&self.telemetry.config, ProblemCounts { errors, warnings });
        if !changed {
            config.unchanged(problems);
            return;
        }
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let counts = ObjectCounts::of(resources.snapshot());
        config.applied(resources.version(), now.as_secs_f64(), counts, problems);
        config.record_stage(ConfigStage::Publish, began.elapsed());
        self.telemetry.published(&self.fleet, resources.version(), Instant::now());
        let size = |resources: usize, bytes: usize| SnapshotSize {
            resources: resources as u64,
            bytes: bytes as u64,
        };
        let sizes: Vec<(ResourceType, SnapshotSize)> = Kind::ALL
            .iter()
            .map(|kind| (resource_type(*kind), size(resources.count(*kind), resources.bytes(*kind))))
            .collect();
        self.telemetry.snapshot(&self.fleet, &sizes);
    }

    /// A data plane refuses resources, or none any more.
    fn refuses(&self, session: u64, faults: &[ResourceFault]) {
        {
            let mut refused = self.refused();
            let before = if faults.is_empty() {
                refused.remove(&session)
            } else {
                refused.insert(session, faults.to_vec())
            };
            if before.unwrap_or_default() == faults {
                return;
            }
        }
        let faults = Arc::new(self.faults());
        self.newest.send_if_modified(|newest| {
            let Some(before) = newest.as_ref().filter(|before| before.faults != faults) else { return false };
            *newest = Some(Arc::new(Published { faults, ..Published::clone(before) }));
            true
        });
    }

    /// What is refused by anybody. Of several who refuse the same the first one is quoted.
    fn faults(&self) -> Faults {
        let mut faults = Faults::new();
        for fault in self.refused().values().flatten() {
            faults.entry(fault.name.to_string()).or_insert_with(|| fault.clone());
        }
        faults
    }

    fn refused(&self) -> MutexGuard<'_, BTreeMap<u64, Vec<ResourceFault>>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The label of a kind of resource.
fn resource_type(kind: Kind) -> ResourceType {
    match kind {
        Kind::Certificate => ResourceType::Certificate,
        Kind::Backend => ResourceType::Backend,
        Kind::Listener => ResourceType::Listener,
        Kind::Rule => ResourceType::Rule,
    }
}
