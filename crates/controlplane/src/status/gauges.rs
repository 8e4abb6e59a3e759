//! How many objects of ours there are and what is said of them: every replica counts, whoever writes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use clearway_k8s::Condition;
use clearway_model::ObjectRef;
use clearway_telemetry::control::{ConditionCount, ControlTelemetry, GatewayCondition, KubeKind};
use clearway_translate::StatusPlan;

use crate::publish::Newest;

/// Time between two counts: scrapes are rarer than changes.
const PAUSE: Duration = Duration::from_millis(250);

/// What is counted.
#[derive(Debug, Default)]
pub(super) struct Count {
    objects: BTreeMap<KubeKind, u64>,
    conditions: BTreeMap<(KubeKind, String, &'static str, String), u64>,
    gateways: Vec<GatewayCondition>,
}

/// Counts whenever something new is published.
pub(super) async fn follow(mut published: Newest, telemetry: Arc<ControlTelemetry>) {
    loop {
        let translation = published.borrow_and_update().as_ref().map(|newest| newest.translation.clone());
        if let Some(translation) = translation {
            let count = Count::of(&translation.status);
            let objects: Vec<(KubeKind, u64)> = count.objects.into_iter().collect();
            telemetry.objects(&objects);
            telemetry.gateway_conditions(count.gateways);
            let conditions =
                count.conditions.into_iter().map(|((kind, condition, status, reason), objects)| {
                    ConditionCount {
                        kind,
                        condition: condition.into(),
                        status: status.into(),
                        reason: reason.into(),
                        objects,
                    }
                });
            telemetry.conditions(conditions.collect());
        }
        tokio::time::sleep(PAUSE).await;
        if published.changed().await.is_err() {
            // Nothing will be published any more: the process ends.
            std::future::pending::<()>().await;
        }
    }
}

impl Count {
    /// Counts a plan. A route or policy with several parents counts once as an object, and each parent's conditions count.
    pub(super) fn of(plan: &StatusPlan) -> Self {
        let mut count = Self::default();
        for kind in [
            KubeKind::GatewayClass,
            KubeKind::Gateway,
            KubeKind::Listener,
            KubeKind::ListenerSet,
            KubeKind::HttpRoute,
            KubeKind::GrpcRoute,
            KubeKind::TlsRoute,
            KubeKind::TcpRoute,
            KubeKind::UdpRoute,
            KubeKind::BackendTlsPolicy,
            KubeKind::ObservabilityPolicy,
        ] {
            count.objects.insert(kind, 0);
        }
        for class in plan.classes.values() {
            count.object(KubeKind::GatewayClass, &class.conditions);
        }
        for (key, gateway) in &plan.gateways {
            count.object(KubeKind::Gateway, &gateway.conditions);
            count.gateways.extend(gateway.conditions.iter().map(|condition| of_gateway(key, condition)));
            gateway
                .listeners
                .iter()
                .for_each(|listener| count.object(KubeKind::Listener, &listener.conditions));
        }
        for set in plan.listener_sets.values() {
            count.object(KubeKind::ListenerSet, &set.conditions);
            set.listeners.iter().for_each(|listener| count.object(KubeKind::Listener, &listener.conditions));
        }
        for (route, status) in &plan.routes {
            let kind = KubeKind::named(route.kind.as_str());
            count.object(kind, &[]);
            status.parents.iter().for_each(|parent| count.conditions(kind, &parent.conditions));
        }
        let tls = plan.tls_policies.values().map(|policy| (KubeKind::BackendTlsPolicy, policy));
        let observability =
            plan.observability_policies.values().map(|policy| (KubeKind::ObservabilityPolicy, policy));
        for (kind, policy) in tls.chain(observability) {
            count.object(kind, &[]);
            policy.ancestors.iter().for_each(|ancestor| count.conditions(kind, &ancestor.conditions));
        }
        count
    }

    fn object(&mut self, kind: KubeKind, conditions: &[Condition]) {
        *self.objects.entry(kind).or_default() += 1;
        self.conditions(kind, conditions);
    }

    fn conditions(&mut self, kind: KubeKind, conditions: &[Condition]) {
        for condition in conditions {
            let key = (kind, condition.kind.clone(), status(condition), condition.reason.clone());
            *self.conditions.entry(key).or_default() += 1;
        }
    }
}

fn of_gateway(gateway: &ObjectRef, condition: &Condition) -> GatewayCondition {
    GatewayCondition {
        gateway: gateway.clone(),
        condition: condition.kind.as_str().into(),
        status: status(condition).into(),
        reason: condition.reason.as_str().into(),
    }
}

fn status(condition: &Condition) -> &'static str {
    match condition.status {
        clearway_k8s::ConditionStatus::True => "True",
        clearway_k8s::ConditionStatus::False => "False",
        clearway_k8s::ConditionStatus::Unknown => "Unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clearway_model::{RouteKind, RouteRef};
    use clearway_translate::status::{GatewayStatus, ListenerStatus, RouteParentStatus, RouteStatus};

    #[test]
    fn objects_count_once_and_conditions_for_each_parent() {
        let accepted = || vec![Condition::new("Accepted", true, "Accepted", "", 1)];
        let parent = || RouteParentStatus {
            parent_ref: serde_json::from_str(r#"{"name": "edge"}"#).unwrap(),
            controller_name: "c".into(),
            conditions: accepted(),
        };
        let listener = ListenerStatus {
            name: "web".into(),
            supported_kinds: vec![],
            attached_routes: 1,
            conditions: accepted(),
        };
        let gateway = GatewayStatus {
            addresses: vec![],
            attached_listener_sets: 0,
            conditions: accepted(),
            listeners: vec![listener.clone(), listener],
        };
        let mut plan = StatusPlan::default();
        plan.gateways.insert(ObjectRef::new("n", "edge"), gateway);
        let route = RouteRef { kind: RouteKind::Http, object: ObjectRef::new("n", "r") };
        plan.routes.insert(route, RouteStatus { parents: vec![parent(), parent()] }.into());
        let count = Count::of(&plan);
        let objects = |kind| count.objects[&kind];
        assert_eq!((objects(KubeKind::Gateway), objects(KubeKind::Listener)), (1, 2));
        assert_eq!((objects(KubeKind::HttpRoute), objects(KubeKind::GrpcRoute)), (1, 0));
        let of = |kind| count.conditions[&(kind, "Accepted".to_owned(), "True", "Accepted".to_owned())];
        assert_eq!((of(KubeKind::HttpRoute), of(KubeKind::Listener), of(KubeKind::Gateway)), (2, 2, 1));
        assert_eq!(count.gateways.len(), 1);
    }
}
