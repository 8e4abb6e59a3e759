//! What data planes answer: who is there, who serves which version, who refuses what.

use std::sync::Arc;
use std::time::Duration;

use clearway_telemetry::config::ConfigStage;
use clearway_telemetry::control::{ResourceType, SentRound};
use clearway_xds::{Hub, NodeEvent, NodeEventKind, Rejection};
use tokio::sync::broadcast::error::RecvError;
use tokio::time::MissedTickBehavior;

use super::{Publisher, resource_type};
use crate::journey::Journey;

/// How often traces are looked for that nobody will answer any more.
const LOOK: Duration = Duration::from_secs(1);

/// Follows what happens to data planes until the hub is gone.
pub(crate) async fn follow_nodes(hub: Hub, publisher: Arc<Publisher>) {
    let mut events = hub.events();
    let mut look = tokio::time::interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let event = tokio::select! {
            event = events.recv() => event,
            _ = look.tick() => {
                publisher.traces.look(&hub);
                continue;
            }
        };
        match event {
            Ok(event) => publisher.heard(event),
            Err(RecvError::Lagged(missed)) => {
                tracing::warn!(missed, "Answers of data planes came faster than they could be noted.");
                publisher.catch_up(&hub);
            }
            Err(RecvError::Closed) => return,
        }
    }
}

impl Publisher {
    fn heard(&self, event: NodeEvent) {
        let NodeEvent { node, kind } = event;
        let (id, fleet, session) = (&node.id, &node.fleet, node.session);
        match kind {
            NodeEventKind::Connected => {
                tracing::info!(node = %id, %fleet, peer = %node.peer, session, "A data plane connected.");
                if self.hub.is_open() {
                    self.telemetry.dataplane_connected(fleet, id);
                } else {
                    self.telemetry.dataplane_waiting(fleet, id);
                }
            }
            NodeEventKind::Sent { version, resources, removed, bytes } => {
                tracing::debug!(node = %id, %version, resources, removed, bytes, "A version was sent.");
                let [resources, removed, bytes] = [resources, removed, bytes].map(|count| count as u64);
                self.telemetry.sent(fleet, SentRound { resources, removed, bytes });
            }
            NodeEventKind::Acked { version, lag, answer } => {
                let journey = self.journeys.of(&version);
                let whole = journey.as_ref().map(|journey| journey.until_served(lag));
                if let Some(journey) = &journey {
                    let Journey { began, changes, gather, translate, encode, encoded, .. } = &**journey;
                    tracing::debug!(%version, ?began, changes, ?gather, ?translate, ?encode, encoded, "Its journey.");
                }
                tracing::debug!(node = %id, %version, ?lag, ?answer, ?whole, "A version is served.");
                self.traces.acked(&node, &version, lag);
                self.telemetry.dataplane_acked(fleet, id, &version);
                self.telemetry.config.record_stage(ConfigStage::Ack, lag);
                if let Some(whole) = whole {
                    self.telemetry.config.record_stage(ConfigStage::Served, whole);
                }
                self.refuses(session, &[]);
            }
            NodeEventKind::Nacked(rejection) => {
                self.traces.nacked(&node, &rejection);
                let Rejection { version, faults, message } = rejection;
                let resources: Vec<String> = faults.iter().map(ToString::to_string).collect();
                tracing::error!(
                    node = %id, %version, %message, resources = resources.join("; "),
                    "A data plane refuses a version and serves what it served before."
                );
                let mut types: Vec<ResourceType> =
                    faults.iter().map(|fault| resource_type(fault.kind)).collect();
                types.sort_unstable();
                types.dedup();
                self.telemetry.dataplane_nacked(fleet, id, &types);
                self.refuses(session, &faults);
            }
            NodeEventKind::Disconnected { reason } => {
                tracing::info!(node = %id, session, %reason, "A data plane disconnected.");
                // One that came back is there already, by another stream.
                let back = self.hub.nodes().iter().any(|status| status.node.id == *id);
                if !back {
                    self.telemetry.dataplane_disconnected(fleet, id);
                }
                self.refuses(session, &[]);
                self.traces.gone(session);
            }
        }
    }

    /// Streams that waited are served now.
    pub(crate) fn gate_opened(&self) {
        for status in self.hub.nodes() {
            self.telemetry.dataplane_connected(&status.node.fleet, &status.node.id);
        }
    }

    /// Events were lost: how things stand is asked for.
    fn catch_up(&self, hub: &Hub) {
        let nodes = hub.nodes();
        let gone: Vec<u64> = self
            .refused()
            .keys()
            .copied()
            .filter(|session| nodes.iter().all(|status| status.node.session != *session))
            .collect();
        for session in gone {
            self.refuses(session, &[]);
        }
        for status in nodes {
            let faults = status.rejected.map(|rejection| rejection.faults.to_vec()).unwrap_or_default();
            self.refuses(status.node.session, &faults);
        }
    }
}
