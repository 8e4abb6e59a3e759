//! ListenerSets: which Gateway lets them in, their listeners behind the Gateway's own, and their status (GEP-1713).
//!
//! Precedence is the Gateway, then the older set, then the name. What a set refers to is allowed by grants to
//! ListenerSets: it inherits none from its Gateway.

use std::collections::HashMap;

use clearway_k8s::conditions::{reasons, types};
use clearway_k8s::gateway::FromNamespaces;
use clearway_k8s::listener_set::ListenerSet;
use clearway_k8s::validate::validate_listener_set;
use clearway_k8s::{Condition, FieldError, GATEWAY_GROUP, Severity};
use clearway_model::ObjectRef;

use crate::certificates::Referrer;
use crate::gateways::GatewayState;
use crate::listeners::{self, ListenerState, Written};
use crate::problem::{ObjectName, Problems, Refusal};
use crate::status::{ListenerSetStatus, StatusPlan};
use crate::world::{Index, World};

/// A ListenerSet of a Gateway of ours while it is translated.
pub(crate) struct SetState<'w> {
    pub(crate) key: ObjectRef,
    set: &'w ListenerSet,
    /// Index among the sets of its Gateway.
    position: usize,
    /// Why none of its listeners is looked at.
    pub(crate) refusal: Option<Refusal>,
}

impl SetState<'_> {
    fn listeners<'a, 'w>(
        &'a self,
        gateway: &'a GatewayState<'w>,
    ) -> impl Iterator<Item = &'a ListenerState<'w>> + Clone {
        gateway.listeners.iter().filter(|listener| listener.set == Some(self.position))
    }

    /// Whether it counts among the Gateway's `attachedListenerSets`.
    pub(crate) fn is_attached(&self, gateway: &GatewayState<'_>) -> bool {
        self.refusal.is_none()
            && gateway.refusal.is_none()
            && self.listeners(gateway).any(ListenerState::is_served)
    }
}

/// Finds the ListenerSets of each Gateway and adds the listeners of those that are let in.
pub(crate) fn attach<'w>(
    gateways: &mut [GatewayState<'w>],
    world: &'w World,
    index: &Index<'w>,
    problems: &mut Problems,
) {
    let ours: HashMap<ObjectRef, usize> =
        gateways.iter().enumerate().map(|(position, state)| (state.key.clone(), position)).collect();
    let mut sets: Vec<_> = world.listener_sets.iter().collect();
    sets.sort_by_key(|(key, set)| (set.metadata.created(), *key));
    for (key, set) in sets {
        let parent = &set.spec.parent_ref;
        if parent.group != GATEWAY_GROUP || parent.kind != "Gateway" {
            continue;
        }
        let namespace = parent.namespace.as_deref().unwrap_or(&key.namespace);
        let target = ObjectRef::new(namespace, parent.name.as_str());
        let Some(gateway) = ours.get(&target).and_then(|position| gateways.get_mut(*position)) else {
            if !world.gateways.contains_key(&target) {
                let message = format!("Gateway {target} does not exist; add it or correct the name");
                let object = ObjectName::new("ListenerSet", &key.namespace, &key.name);
                problems.error(&object, &Refusal::new(reasons::PENDING, "spec.parentRef", message));
            }
            continue;
        };
        let errors = validate_listener_set(set);
        let position = gateway.sets.len();
        let refusal = refusal(key, gateway, world, &errors);
        if refusal.is_none() {
            let written = Written {
                gateway: &target,
                set: Some((position, key)),
                generation: set.metadata.generation,
                listeners: &set.spec.listeners,
                errors: &errors,
            };
            let referrer = Referrer { kind: "ListenerSet", namespace: &key.namespace, world, index };
            let listeners = listeners::read(&written, &referrer, &gateway.frontend);
            gateway.listeners.extend(listeners);
        }
        gateway.sets.push(SetState { key: key.clone(), set, position, refusal });
    }
}

fn refusal(
    key: &ObjectRef,
    gateway: &GatewayState<'_>,
    world: &World,
    errors: &[FieldError],
) -> Option<Refusal> {
    let allowed = &gateway.gateway.spec.allowed_listeners.namespaces;
    let lets_in = match allowed.from {
        FromNamespaces::All => true,
        FromNamespaces::Same => key.namespace == gateway.key.namespace,
        FromNamespaces::Selector => {
            allowed.selector.as_ref().is_some_and(|selector| world.selects(selector, &key.namespace))
        }
        FromNamespaces::None | FromNamespaces::Unknown(_) => false,
    };
    if !lets_in {
        let message = format!(
            "Gateway {} lets in no ListenerSets of namespace {}; change its spec.allowedListeners",
            gateway.key, key.namespace
        );
        return Some(Refusal::new(reasons::NOT_ALLOWED, "spec.parentRef", message));
    }
    let whole = errors
        .iter()
        .find(|error| error.severity == Severity::Error && !error.path.starts_with("spec.listeners["));
    whole.map(|error| Refusal::new(reasons::INVALID, &error.path, &error.message))
}

/// Writes down the status of ListenerSets and what is wrong with them; their listeners are said elsewhere.
pub(crate) fn plan(gateways: &[GatewayState<'_>], status: &mut StatusPlan, problems: &mut Problems) {
    for gateway in gateways {
        for set in &gateway.sets {
            if let Some(refusal) = &set.refusal {
                let object = ObjectName::new("ListenerSet", &set.key.namespace, &set.key.name);
                problems.error(&object, refusal);
            }
            let listeners = listeners::statuses(set.listeners(gateway), gateway);
            let planned = ListenerSetStatus { conditions: conditions(set, gateway), listeners };
            status.listener_sets.insert(set.key.clone(), planned);
        }
    }
}

fn conditions(set: &SetState<'_>, gateway: &GatewayState<'_>) -> Vec<Condition> {
    let generation = set.set.metadata.generation;
    let both = |holds: (bool, bool), reason: (&str, &str), message: &str| {
        vec![
            Condition::new(types::ACCEPTED, holds.0, reason.0, message, generation),
            Condition::new(types::PROGRAMMED, holds.1, reason.1, message, generation),
        ]
    };
    if let Some(refusal) = &set.refusal {
        let message = format!("{}: {}", refusal.field, refusal.message);
        return both((false, false), (refusal.reason, refusal.reason), &message);
    }
    if gateway.refusal.is_some() {
        let message = format!("Gateway {} is not accepted; mend it first.", gateway.key);
        let reason = (reasons::PARENT_NOT_ACCEPTED, reasons::PARENT_NOT_PROGRAMMED);
        return both((false, false), reason, &message);
    }
    let listeners = set.listeners(gateway);
    let refused: Vec<&str> = listeners
        .clone()
        .filter(|listener| !listener.is_served())
        .map(|listener| listener.spec.name.as_str())
        .collect();
    let not_valid = format!("Listeners that are not served: {}; see their conditions.", refused.join(", "));
    if !listeners.clone().any(ListenerState::is_served) {
        let reason = (reasons::LISTENERS_NOT_VALID, reasons::LISTENERS_NOT_VALID);
        return both((false, false), reason, &not_valid);
    }
    let reachable = listeners.clone().any(ListenerState::is_reachable);
    let programmed = if reachable { reasons::PROGRAMMED } else { reasons::PENDING };
    if refused.is_empty() {
        let message = if reachable { "All listeners are served." } else { "The ports are being set up." };
        both((true, reachable), (reasons::ACCEPTED, programmed), message)
    } else {
        both((true, reachable), (reasons::LISTENERS_NOT_VALID, programmed), &not_valid)
    }
}
