//! Objects that cannot be read: each is a problem with its field, and `Accepted=False` where its status can be addressed.
//!
//! What was known of an object before goes on being served and keeps its other conditions: a newer version that nobody can
//! read takes nothing away. It is not kept anywhere, so a control plane that starts anew does without, and the message says so.

use std::sync::Arc;

use clearway_k8s::conditions::{reasons, types};
use clearway_k8s::{Condition, Unreadable};
use clearway_model::{ObjectRef, RouteKind, RouteRef};

use crate::Options;
use crate::attach::Parents;
use crate::gateways::GatewayState;
use crate::observability;
use crate::policies::{self, Policies};
use crate::problem::{ObjectName, Problems, Refusal};
use crate::status::{
    ClassStatus, GatewayStatus, ListenerSetStatus, PolicyStatus, RouteParentStatus, RouteStatus, StatusPlan,
};
use crate::world::World;

/// What the status of unreadable objects is made from.
pub(crate) struct Scene<'a, 'w> {
    pub(crate) world: &'w World,
    pub(crate) options: &'a Options,
    pub(crate) gateways: &'a [GatewayState<'w>],
    pub(crate) policies: &'a Policies<'w>,
    pub(crate) observability: &'a observability::Scene<'a, 'w>,
}

/// Writes down what is wrong with objects that cannot be read.
pub(crate) fn plan(scene: &Scene<'_, '_>, status: &mut StatusPlan, problems: &mut Problems) {
    let parents = Parents::of(scene.gateways);
    for (object, unreadable) in &scene.world.unreadable {
        let refusal = refusal(object, unreadable, scene.world);
        problems.error(object, &refusal);
        let refused = Refused { unreadable, refusal };
        let key = ObjectRef::new(object.namespace.as_str(), object.name.as_str());
        match object.kind.as_str() {
            "GatewayClass" => refused.class(&object.name, scene.options, status),
            "Gateway" => refused.gateway(key, status),
            "ListenerSet" => refused.listener_set(key, &parents, status),
            "BackendTLSPolicy" => refused.policy(key, scene, status),
            "ObservabilityPolicy" => refused.observability_policy(key, scene, status),
            kind => {
                if let Some(kind) = ROUTES.iter().find(|route| route.as_str() == kind) {
                    refused.route(RouteRef { kind: *kind, object: key }, &parents, scene.options, status);
                }
            }
        }
    }
}

const ROUTES: [RouteKind; 5] =
    [RouteKind::Http, RouteKind::Grpc, RouteKind::Tls, RouteKind::Tcp, RouteKind::Udp];

fn refusal(object: &ObjectName, unreadable: &Unreadable, world: &World) -> Refusal {
    let error = &unreadable.error;
    let reason = match object.kind.as_str() {
        "GatewayClass" if error.path.starts_with("spec.parametersRef") => reasons::INVALID_PARAMETERS,
        "GatewayClass" => reasons::UNSUPPORTED,
        kind if kind.ends_with("Route") => reasons::UNSUPPORTED_VALUE,
        _ => reasons::INVALID,
    };
    let served = match world.generation(object) {
        Some(0) => {
            "; what was known of it before goes on being served until the control plane restarts".to_owned()
        }
        Some(generation) => format!(
            "; generation {generation}, which could be read, goes on being served until the control plane restarts"
        ),
        None => "; nothing of the object is served".to_owned(),
    };
    let message = format!("cannot be read: {}; correct the field{served}", error.reason);
    Refusal::new(reason, error.path.as_str(), message)
}

/// One object, and what is said of it.
struct Refused<'a> {
    unreadable: &'a Unreadable,
    refusal: Refusal,
}

impl Refused<'_> {
    fn condition(&self, kind: &str) -> Condition {
        let Refusal { reason, field, message } = &self.refusal;
        let field = if field.is_empty() { "the object" } else { field };
        Condition::new(kind, false, reason, format!("{field}: {message}"), self.unreadable.generation)
    }

    /// Of the version that is served all but `Accepted` stays true, with the generation that it speaks of.
    fn accept_no_more(&self, conditions: &mut Vec<Condition>) {
        conditions.retain(|condition| condition.kind != types::ACCEPTED);
        conditions.insert(0, self.condition(types::ACCEPTED));
    }

    fn neither(&self) -> Vec<Condition> {
        vec![self.condition(types::ACCEPTED), self.condition(types::PROGRAMMED)]
    }

    fn class(&self, name: &str, options: &Options, status: &mut StatusPlan) {
        if let Some(known) = status.classes.get_mut(name) {
            self.accept_no_more(&mut known.conditions);
        } else if self.unreadable.controller.as_deref() == Some(options.controller_name.as_str()) {
            let conditions = vec![self.condition(types::ACCEPTED)];
            status
                .classes
                .insert(name.to_owned(), ClassStatus { conditions, supported_features: Vec::new() });
        }
    }

    fn gateway(&self, key: ObjectRef, status: &mut StatusPlan) {
        if let Some(known) = status.gateways.get_mut(&key) {
            self.accept_no_more(&mut known.conditions);
        } else if self.unreadable.class.as_ref().is_some_and(|class| status.classes.contains_key(class)) {
            let planned = GatewayStatus {
                addresses: Vec::new(),
                attached_listener_sets: 0,
                conditions: self.neither(),
                listeners: Vec::new(),
            };
            status.gateways.insert(key, planned);
        }
    }

    fn listener_set(&self, key: ObjectRef, parents: &Parents<'_, '_>, status: &mut StatusPlan) {
        if let Some(known) = status.listener_sets.get_mut(&key) {
            self.accept_no_more(&mut known.conditions);
        } else if self
            .unreadable
            .parents
            .iter()
            .any(|parent| parent.kind == "Gateway" && parents.follow(parent, &key.namespace).is_some())
        {
            let planned = ListenerSetStatus { conditions: self.neither(), listeners: Vec::new() };
            status.listener_sets.insert(key, planned);
        }
    }

    /// An entry for each parent of ours that the object names now; those it had before when it names none that can be read.
    fn route(&self, key: RouteRef, parents: &Parents<'_, '_>, options: &Options, status: &mut StatusPlan) {
        let known = status.routes.remove(&key).unwrap_or_default();
        let mut before = Arc::unwrap_or_clone(known).parents;
        let namespace = &key.object.namespace;
        let ours = self.unreadable.parents.iter().filter(|one| parents.follow(one, namespace).is_some());
        let named: Vec<RouteParentStatus> = ours
            .map(|parent| {
                let at = before.iter().position(|entry| entry.parent_ref == parent.for_status());
                at.map_or_else(|| self.parent(parent, options), |at| before.swap_remove(at))
            })
            .collect();
        let mut entries = if self.unreadable.parents.is_empty() { before } else { named };
        entries.iter_mut().for_each(|entry| self.accept_no_more(&mut entry.conditions));
        if !entries.is_empty() {
            status.routes.insert(key, Arc::new(RouteStatus { parents: entries }));
        }
    }

    fn parent(&self, parent: &clearway_k8s::route::ParentReference, options: &Options) -> RouteParentStatus {
        RouteParentStatus {
            parent_ref: parent.for_status(),
            controller_name: options.controller_name.clone(),
            conditions: Vec::new(),
        }
    }

    fn policy(&self, key: ObjectRef, scene: &Scene<'_, '_>, status: &mut StatusPlan) {
        if let Some(known) = status.tls_policies.get_mut(&key) {
            known.ancestors.iter_mut().for_each(|ancestor| self.accept_no_more(&mut ancestor.conditions));
            return;
        }
        let users = policies::users(&key.namespace, &self.unreadable.targets, scene.policies);
        let conditions = vec![self.condition(types::ACCEPTED)];
        let ancestors = policies::ancestors(&users, scene.options, &conditions);
        status.tls_policies.insert(key, PolicyStatus { ancestors });
    }

    fn observability_policy(&self, key: ObjectRef, scene: &Scene<'_, '_>, status: &mut StatusPlan) {
        if let Some(known) = status.observability_policies.get_mut(&key) {
            known.ancestors.iter_mut().for_each(|ancestor| self.accept_no_more(&mut ancestor.conditions));
            return;
        }
        let conditions = [self.condition(types::ACCEPTED)];
        let targets = &self.unreadable.targets;
        let ancestors = scene.observability.entries(&key.namespace, targets, &conditions);
        status.observability_policies.insert(key, PolicyStatus { ancestors });
    }
}
