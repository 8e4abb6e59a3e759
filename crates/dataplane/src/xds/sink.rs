//! What the client hands snapshots to: applies them, says what became of them, passes them on to be kept.

use std::sync::Arc;

use clearway_model::Snapshot;
use clearway_telemetry::config::ProblemCounts;
use clearway_telemetry::control::XdsTelemetry;
use clearway_translate::Report;
use clearway_xds::{ResourceFault, ResourceRef, Sink};
use tokio::sync::{Mutex, watch};

use super::status::{Origin, XdsStatus};
use crate::apply::{Applier, ApplyOutcome};
use crate::state::{ConfigState, Fault};

/// Applies what the client received.
#[derive(Debug)]
pub(super) struct Applying {
    pub(super) applier: Arc<Mutex<Applier>>,
    pub(super) state: Arc<ConfigState>,
    pub(super) status: Arc<XdsStatus>,
    pub(super) telemetry: Arc<XdsTelemetry>,
    /// What is to be kept on disk.
    pub(super) served: watch::Sender<Option<Arc<Snapshot>>>,
}

impl Sink for Applying {
    async fn apply(&mut self, snapshot: Snapshot) -> Result<(), Vec<ResourceFault>> {
        let (version, names) = (snapshot.version.clone(), Names::of(&snapshot));
        let report = report_of(&snapshot);
        self.telemetry.received(&version);
        let mut applier = self.applier.lock().await;
        match applier.apply(snapshot, ProblemCounts::default()).await {
            ApplyOutcome::Applied => {
                tracing::info!(%version, "Configuration applied.");
                if let Some(served) = applier.served() {
                    self.state.applied(served.clone(), report);
                }
            }
            ApplyOutcome::Unchanged => self.state.unchanged(report),
            ApplyOutcome::Refused(faults) => {
                self.telemetry.nacked();
                for fault in &faults {
                    tracing::error!(%version, "{fault}");
                }
                tracing::error!(%version, "Configuration refused; what was served before still is.");
                let named = names.faults(&faults);
                self.status.refuses(&version);
                self.state.refused(faults);
                return Err(named);
            }
        }
        self.status.serves(Origin::ControlPlane);
        self.telemetry.acked(&version);
        self.served.send_replace(applier.served().cloned());
        Ok(())
    }
}

/// A control plane tells users itself what became of their objects; here only the version is known.
pub(super) fn report_of(snapshot: &Snapshot) -> Report {
    Report {
        version: snapshot.version.to_string(),
        listeners: Vec::new(),
        routes: Vec::new(),
        policies: Vec::new(),
        not_ours: Vec::new(),
        problems: Vec::new(),
    }
}

/// The resources of a snapshot, as the faults of this side name them.
struct Names(Vec<(String, ResourceRef)>);

impl Names {
    fn of(snapshot: &Snapshot) -> Self {
        let listeners = snapshot.listeners.keys().cloned().map(ResourceRef::Listener);
        Self(listeners.map(|listener| (display(&listener), listener)).collect())
    }

    /// The faults of single resources. A fault that is no single one's is that of all listeners, for a NACK without
    /// names would not say anything.
    fn faults(&self, faults: &[Fault]) -> Vec<ResourceFault> {
        let mut named = Vec::new();
        for fault in faults {
            let blamed: Vec<_> = self.0.iter().filter(|(name, _)| *name == fault.object).collect();
            let blamed = if blamed.is_empty() { self.0.iter().collect() } else { blamed };
            named.extend(
                blamed.into_iter().map(|(_, resource)| ResourceFault::new(resource, fault.message.as_str())),
            );
        }
        named
    }
}

fn display(resource: &ResourceRef) -> String {
    match resource {
        ResourceRef::Listener(listener) => listener.to_string(),
        other => other.to_string(),
    }
}
