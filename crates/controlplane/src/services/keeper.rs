//! One Gateway at a time: do what has to be done for its Service, and say at the Gateway what cannot be done.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use clearway_model::ObjectRef;
use clearway_telemetry::control::{ControlTelemetry, KubeKind, ReconcileResult};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::Instant;

use super::plan::{Action, Kind, Wanted};
use super::service::Wish;
use super::{Refusal, Refusals, ports};
use crate::events::{Notice, Notices, Regarding};
use crate::rest::{Failure, Place, Rest};
use crate::status::Queue;

/// Waiting time after an answer that does not change by itself soon.
const REFUSED: Duration = Duration::from_secs(10);

/// Does the work of one Gateway after the other.
#[derive(Clone, Debug)]
pub(super) struct Keeper {
    pub(super) rest: Rest,
    pub(super) telemetry: Arc<ControlTelemetry>,
    pub(super) notices: Notices,
    pub(super) controller: String,
    pub(super) refusing: Arc<watch::Sender<Arc<Refusals>>>,
    pub(super) wanted: Arc<Mutex<Arc<Wanted>>>,
}

impl Keeper {
    /// Works until it is dropped.
    pub(super) async fn work(self, queue: Arc<Queue<ObjectRef>>) {
        loop {
            let gateway = queue.next().await;
            let started = Instant::now();
            let wanted = self.wanted();
            let result = match self.settle(&gateway, &wanted).await {
                Ok(changed) => {
                    queue.done(&gateway);
                    if changed { ReconcileResult::Changed } else { ReconcileResult::Unchanged }
                }
                Err(failure) => {
                    let at_least = match &failure {
                        Failure::Throttled(pause) => *pause,
                        Failure::Exists | Failure::Invalid(_) | Failure::Forbidden(_) => REFUSED,
                        _ => Duration::ZERO,
                    };
                    let wait = queue.retry(&gateway, at_least);
                    tracing::warn!(%gateway, %failure, ?wait, "The Service of a Gateway is not as it should be; trying again.");
                    ReconcileResult::Failed
                }
            };
            self.telemetry.reconciled(KubeKind::Service, result, started.elapsed());
        }
    }

    /// Does what has to be done for a Gateway; true when something was written.
    async fn settle(&self, gateway: &ObjectRef, wanted: &Wanted) -> Result<bool, Failure> {
        let Some(wish) = wanted.wishes.get(gateway) else {
            if !wanted.left_behind().contains(gateway) || !self.is_given_up(gateway).await? {
                return Ok(false);
            }
            for action in wanted.removals(gateway) {
                self.act(&action, None).await?;
            }
            self.refuse(gateway, None);
            return Ok(true);
        };
        let actions = wanted.actions(gateway);
        for action in &actions {
            if let Err(failure) = self.act(action, Some(wish)).await {
                self.refuse(gateway, refusal(&failure, action));
                return Err(failure);
            }
        }
        self.refuse(gateway, no_port(wish));
        Ok(!actions.is_empty())
    }

    async fn act(&self, action: &Action, wish: Option<&Wish>) -> Result<(), Failure> {
        match action {
            Action::Create(kind, body) => {
                let text = |key: &str| {
                    body.pointer(&format!("/metadata/{key}")).and_then(Value::as_str).unwrap_or_default()
                };
                let (namespace, name) = (text("namespace"), text("name"));
                match self.rest.create(&place(*kind, namespace).all(), body).await {
                    Err(Failure::Exists) => self.adopt(*kind, &ObjectRef::new(namespace, name), wish).await,
                    Err(failure) => Err(failure),
                    Ok(_) => {
                        self.tell(*kind, name, wish);
                        Ok(())
                    }
                }
            }
            Action::Patch(kind, object, change) => {
                let path = place(*kind, &object.namespace).one(&object.name);
                match self.rest.patch(&path, change).await {
                    // It changed or went meanwhile: the watch shows how, and then it is looked at again.
                    Ok(_) | Err(Failure::Conflict | Failure::NotFound) => Ok(()),
                    Err(failure) => Err(failure),
                }
            }
            Action::Delete(kind, object, existing) => {
                let path = place(*kind, &object.namespace).one(&object.name);
                let uid = existing.pointer("/metadata/uid").cloned().unwrap_or_default();
                let options =
                    json!({"kind": "DeleteOptions", "apiVersion": "v1", "preconditions": {"uid": uid}});
                match self.rest.delete(&path, &options).await {
                    Ok(_) | Err(Failure::Conflict | Failure::NotFound) => Ok(()),
                    Err(failure) => Err(failure),
                }
            }
        }
    }

    /// There is one of this name: ours that the watch has not shown yet, or somebody else's, which stays as it is.
    async fn adopt(&self, kind: Kind, object: &ObjectRef, wish: Option<&Wish>) -> Result<(), Failure> {
        match self.rest.get(&place(kind, &object.namespace).one(&object.name)).await {
            Ok(existing) if wish.is_some_and(|wish| wish.is_made_for(&existing)) => Ok(()),
            Ok(_) => Err(Failure::Exists),
            // It went meanwhile: make it at the next try.
            Err(Failure::NotFound) => Err(Failure::Conflict),
            Err(failure) => Err(failure),
        }
    }

    /// Whether a Gateway is gone, or belongs to the class of another controller. A Gateway that cannot be read and one
    /// whose class is missing keep what they have: an address that is given back is lost.
    async fn is_given_up(&self, gateway: &ObjectRef) -> Result<bool, Failure> {
        let version = format!("{}/v1", clearway_k8s::GATEWAY_GROUP);
        let gateways = Place { api_version: &version, plural: "gateways", namespace: &gateway.namespace };
        let object = match self.rest.get(&gateways.one(&gateway.name)).await {
            Err(Failure::NotFound) => return Ok(true),
            other => other?,
        };
        let class = object.pointer("/spec/gatewayClassName").and_then(Value::as_str).unwrap_or_default();
        let classes = Place { api_version: &version, plural: "gatewayclasses", namespace: "" };
        match self.rest.get(&classes.one(class)).await {
            Err(Failure::NotFound) => Ok(false),
            Err(failure) => Err(failure),
            Ok(class) => {
                let controller = class.pointer("/spec/controllerName").and_then(Value::as_str);
                Ok(controller.is_some_and(|controller| controller != self.controller))
            }
        }
    }

    fn tell(&self, kind: Kind, name: &str, wish: Option<&Wish>) {
        let (Kind::Service, Some(wish)) = (kind, wish) else { return };
        self.notices.tell(Notice {
            regarding: Regarding {
                api_version: format!("{}/v1", clearway_k8s::GATEWAY_GROUP),
                kind: "Gateway".to_owned(),
                object: wish.gateway.clone(),
                uid: wish.plan.owner_uid.clone(),
            },
            warning: false,
            action: "MakeService",
            reason: "ServiceCreated".to_owned(),
            note: format!(
                "Made Service {}/{name}; its load balancer gives the address.",
                wish.gateway.namespace
            ),
        });
    }

    fn refuse(&self, gateway: &ObjectRef, refusal: Option<Refusal>) {
        self.refusing.send_if_modified(|refusals| {
            if refusals.get(gateway) == refusal.as_ref() {
                return false;
            }
            let all = Arc::make_mut(refusals);
            match refusal {
                Some(refusal) => all.insert(gateway.clone(), refusal),
                None => all.remove(gateway),
            };
            true
        });
    }

    /// Says which Gateways have a port that leads nowhere because no private port is free, and forgets Gateways that are
    /// gone.
    pub(super) fn refuse_full(&self) {
        let wanted = self.wanted();
        let known: Vec<ObjectRef> = self.refusing.borrow().keys().cloned().collect();
        for gateway in known.iter().filter(|gateway| !wanted.wishes.contains_key(gateway)) {
            self.refuse(gateway, None);
        }
        for wish in wanted.wishes.values() {
            if let Some(refusal) = no_port(wish) {
                self.refuse(&wish.gateway, Some(refusal));
            }
        }
    }

    /// Takes over what is wanted now.
    pub(super) fn want(&self, wanted: Wanted) {
        *self.wanted.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(wanted);
    }

    fn wanted(&self) -> Arc<Wanted> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn place(kind: Kind, namespace: &str) -> Place<'_> {
    let (api_version, plural) = kind.resource();
    Place { api_version, plural, namespace }
}

fn no_port(wish: &Wish) -> Option<Refusal> {
    let missing: Vec<String> =
        wish.plan.ports.iter().filter(|port| !wish.ports.contains_key(port)).map(u16::to_string).collect();
    (!missing.is_empty()).then(|| Refusal {
        reason: "NoResources",
        message: format!(
            "No private port is free for port {}: the range {}-{} is used up. Remove listeners that nobody needs.",
            missing.join(", "),
            ports::RANGE.start(),
            ports::RANGE.end()
        ),
    })
}

/// What the Gateway's status says about a failure; `None` for those that pass.
fn refusal(failure: &Failure, action: &Action) -> Option<Refusal> {
    let (kind, name) = match action {
        Action::Create(kind, body) => {
            let name = body.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
            (kind, name)
        }
        Action::Patch(kind, object, _) | Action::Delete(kind, object, _) => (kind, &*object.name),
    };
    let what = format!("{} {name}", kind.as_str());
    let message = match failure {
        Failure::Exists => format!(
            "{what} exists and was not made by this installation, so it stays as it is. Delete or rename it, or give the Gateway another name."
        ),
        Failure::Invalid(why) => format!("The apiserver does not take {what}: {why}"),
        Failure::Forbidden(why) => {
            format!("The control plane may not write {what}: {why}. Add it to its role.")
        }
        _ => return None,
    };
    Some(Refusal { reason: "NoResources", message })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_failures_that_last_are_said_at_the_gateway() {
        let action = Action::Create(Kind::Service, json!({"metadata": {"name": "web-edge"}}));
        let said = |failure: Failure| refusal(&failure, &action).map(|refusal| refusal.message);
        assert!(
            said(Failure::Exists)
                .unwrap()
                .starts_with("Service web-edge exists and was not made by this installation")
        );
        assert!(said(Failure::Invalid("bad label".into())).unwrap().ends_with("bad label"));
        assert!(said(Failure::Forbidden("no".into())).unwrap().contains("role"));
        assert_eq!(said(Failure::Conflict), None);
        assert_eq!(said(Failure::Timeout(Duration::from_secs(1))), None);
    }
}
