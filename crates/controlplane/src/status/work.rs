//! One object at a time: look up what is wanted now, merge, write by `resourceVersion`, and say what became of it.

use std::sync::Arc;
use std::time::Duration;

use clearway_k8s::Time;
use clearway_telemetry::control::{ControlTelemetry, KubeKind, ReconcileResult, StatusDrop, WriteResult};
use clearway_translate::{StatusPlan, Translation};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::Instant;

use super::merge::{Scene, is_behind, merge};
use super::notes::{self, Notes};
use super::queue::Queue;
use super::target::Target;
use super::transition::transitions;
use crate::events::{Notice, Notices, Regarding};
use crate::rest::{Failure, Place, Rest};
use crate::world::{Observations, Observed};

/// So often an object is read again in one go when somebody else keeps writing it.
const CONFLICTS: usize = 5;
/// Waiting time when the apiserver does not take a status or the role does not allow it: neither ends by itself soon.
const REFUSED: Duration = Duration::from_secs(30);

/// What is wanted now.
pub(super) struct Wanted {
    pub(super) translation: Arc<Translation>,
    pub(super) notes: Notes,
}

impl Wanted {
    pub(super) fn plan(&self) -> &StatusPlan {
        &self.translation.status
    }

    fn of(&self, target: &Target) -> Option<Value> {
        let mut planned = target.planned(self.plan())?;
        if let Some(list) = self.notes.get(target) {
            notes::apply(&mut planned, target.shape(), list);
        }
        Some(planned)
    }
}

/// Takes objects out of the queue, one after the other.
pub(super) struct Worker {
    pub(super) rest: Rest,
    pub(super) telemetry: Arc<ControlTelemetry>,
    pub(super) notices: Notices,
    pub(super) controller: String,
    pub(super) observed: Arc<Observations>,
    pub(super) queue: Arc<Queue<Target>>,
    pub(super) wanted: watch::Receiver<Option<Arc<Wanted>>>,
}

/// What became of an object.
enum Outcome {
    /// Nothing was to be written.
    Unchanged,
    /// It was written.
    Written,
    /// There is no such object any more.
    Gone,
    /// Try again, not before this time.
    Again(Failure, Duration),
}

impl Worker {
    /// Works until it is dropped.
    pub(super) async fn run(self) {
        loop {
            let target = self.queue.next().await;
            let started = Instant::now();
            let outcome = self.settle(&target).await;
            let result = self.close(&target, outcome);
            self.telemetry.reconciled(KubeKind::named(target.kind()), result, started.elapsed());
            self.telemetry.status_queue(self.queue.depth() as u64);
        }
    }

    fn close(&self, target: &Target, outcome: Outcome) -> ReconcileResult {
        match outcome {
            Outcome::Unchanged => {
                self.queue.done(target);
                ReconcileResult::Unchanged
            }
            Outcome::Written => {
                self.queue.done(target);
                ReconcileResult::Changed
            }
            Outcome::Gone => {
                self.queue.done(target);
                self.telemetry.status_dropped(StatusDrop::Gone, 1);
                ReconcileResult::Unchanged
            }
            Outcome::Again(failure, at_least) => {
                let wait = self.queue.retry(target, at_least);
                let busy = matches!(failure, Failure::Conflict | Failure::Throttled(_));
                if busy {
                    tracing::debug!(object = %target, %failure, ?wait, "A status is written later.");
                    return ReconcileResult::Requeued;
                }
                tracing::warn!(object = %target, %failure, ?wait, "A status cannot be written; trying again.");
                ReconcileResult::Failed
            }
        }
    }

    async fn settle(&self, target: &Target) -> Outcome {
        let Some(mut observed) = self.observed.get(target.kind(), &target.object) else {
            return Outcome::Unchanged;
        };
        for _ in 0..CONFLICTS {
            let Some(wanted) = self.wanted.borrow().clone() else { return Outcome::Unchanged };
            let planned = wanted.of(target);
            let now = now();
            let scene = Scene {
                shape: target.shape(),
                controller: &self.controller,
                namespace: &target.object.namespace,
                now: &now,
            };
            let behind = planned
                .as_ref()
                .is_some_and(|planned| is_behind(&observed.status, planned, observed.generation, scene));
            if behind {
                return Outcome::Unchanged;
            }
            let Some(status) = merge(&observed.status, planned.as_ref(), scene) else {
                return Outcome::Unchanged;
            };
            match self.write(target, &observed, &status).await {
                Ok(()) => {
                    self.tell(target, &observed, &status, scene);
                    return Outcome::Written;
                }
                Err(Failure::Conflict) => match self.read(target, &observed.api_version).await {
                    Ok(fresh) => observed = Arc::new(fresh),
                    Err(Failure::NotFound) => return Outcome::Gone,
                    Err(failure) => return again(failure),
                },
                Err(Failure::NotFound) => return Outcome::Gone,
                Err(failure) => return again(failure),
            }
        }
        Outcome::Again(Failure::Conflict, Duration::ZERO)
    }

    async fn write(&self, target: &Target, observed: &Observed, status: &Value) -> Result<(), Failure> {
        let body = body(target, observed, status);
        let started = Instant::now();
        let outcome =
            self.rest.replace(&place(target, &observed.api_version).status(&target.object.name), &body).await;
        let result = match &outcome {
            Ok(_) => WriteResult::Written,
            Err(failure) => result_of(failure),
        };
        self.telemetry.status_written(KubeKind::named(target.kind()), result, started.elapsed());
        outcome.map(drop)
    }

    async fn read(&self, target: &Target, api_version: &Arc<str>) -> Result<Observed, Failure> {
        let object = self.rest.get(&place(target, api_version).one(&target.object.name)).await?;
        let text = |path: &str| object.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
        Ok(Observed {
            api_version: api_version.clone(),
            resource_version: text("/metadata/resourceVersion"),
            generation: object.pointer("/metadata/generation").and_then(Value::as_i64).unwrap_or_default(),
            uid: text("/metadata/uid"),
            status: object.get("status").cloned().unwrap_or_default(),
        })
    }

    /// Hands changes that people should hear of to the recorder of Events.
    fn tell(&self, target: &Target, observed: &Observed, status: &Value, scene: Scene<'_>) {
        for transition in transitions(&observed.status, status, scene) {
            self.notices.tell(Notice {
                regarding: Regarding {
                    api_version: observed.api_version.to_string(),
                    kind: target.kind().to_owned(),
                    object: target.object.clone(),
                    uid: observed.uid.clone(),
                },
                warning: transition.refused,
                action: "Translate",
                reason: transition.reason,
                note: transition.note,
            });
        }
    }
}

fn again(failure: Failure) -> Outcome {
    let at_least = match &failure {
        Failure::Throttled(pause) => *pause,
        Failure::Invalid(_) | Failure::Forbidden(_) => REFUSED,
        _ => Duration::ZERO,
    };
    Outcome::Again(failure, at_least)
}

/// The status subresource takes the status only; `uid` keeps it from an object that was made anew under the same name.
fn body(target: &Target, observed: &Observed, status: &Value) -> Value {
    let mut metadata = json!({
        "name": &*target.object.name, "uid": observed.uid, "resourceVersion": observed.resource_version,
    });
    if !target.object.namespace.is_empty() {
        metadata["namespace"] = (*target.object.namespace).into();
    }
    json!({ "apiVersion": &*observed.api_version, "kind": target.kind(), "metadata": metadata, "status": status })
}

fn place<'a>(target: &'a Target, api_version: &'a str) -> Place<'a> {
    Place { api_version, plural: target.plural(), namespace: &target.object.namespace }
}

fn result_of(failure: &Failure) -> WriteResult {
    match failure {
        Failure::Conflict | Failure::Exists => WriteResult::Conflict,
        Failure::NotFound => WriteResult::NotFound,
        Failure::Throttled(_) => WriteResult::Throttled,
        Failure::Invalid(_) => WriteResult::Rejected,
        Failure::Forbidden(_) => WriteResult::Forbidden,
        Failure::Timeout(_) => WriteResult::Timeout,
        Failure::Other(_) => WriteResult::Failed,
    }
}

/// The time, as conditions hold it.
fn now() -> String {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Time(i64::try_from(since.as_secs()).unwrap_or_default()).to_string()
}
