//! What is written where: the kinds that have a status of ours, and what a plan says of one object.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use clearway_model::{ObjectRef, RouteKind, RouteRef, differences};
use clearway_translate::StatusPlan;
use serde::Serialize;
use serde_json::{Value, json};

use super::merge::{ANCESTORS, PARENTS, Shape};

/// A kind with a status of ours: its name, its resource, the shape of its status.
type KindOfStatus = (&'static str, &'static str, Shape);

/// All of them. Classes and Gateways come first: people wait for them.
const KINDS: &[KindOfStatus] = &[
    ("GatewayClass", "gatewayclasses", Shape::Whole),
    ("Gateway", "gateways", Shape::Whole),
    ("ListenerSet", "listenersets", Shape::Whole),
    ("HTTPRoute", "httproutes", PARENTS),
    ("GRPCRoute", "grpcroutes", PARENTS),
    ("TLSRoute", "tlsroutes", PARENTS),
    ("TCPRoute", "tcproutes", PARENTS),
    ("UDPRoute", "udproutes", PARENTS),
    ("BackendTLSPolicy", "backendtlspolicies", ANCESTORS),
    ("ObservabilityPolicy", "observabilitypolicies", ANCESTORS),
];

/// An object whose status is ours to write.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Target {
    at: usize,
    /// Its namespace, empty for GatewayClasses, and its name.
    pub(crate) object: ObjectRef,
}

impl Target {
    /// A target by its kind; `None` when the kind has no status of ours.
    pub(crate) fn new(kind: &str, object: ObjectRef) -> Option<Self> {
        let at = KINDS.iter().position(|(known, ..)| *known == kind)?;
        Some(Self { at, object })
    }

    /// A route.
    pub(crate) fn route(route: &RouteRef) -> Option<Self> {
        Self::new(route.kind.as_str(), route.object.clone())
    }

    /// Every kind with a status of ours.
    pub(crate) fn kinds() -> impl Iterator<Item = &'static str> {
        KINDS.iter().map(|(kind, ..)| *kind)
    }

    /// Its kind.
    pub(crate) fn kind(&self) -> &'static str {
        KINDS.get(self.at).map_or("", |(kind, ..)| kind)
    }

    /// Its resource.
    pub(crate) fn plural(&self) -> &'static str {
        KINDS.get(self.at).map_or("", |(_, plural, _)| plural)
    }

    /// The shape of its status.
    pub(crate) fn shape(&self) -> Shape {
        KINDS.get(self.at).map_or(Shape::Whole, |(.., shape)| *shape)
    }

    /// What a plan says of it, as JSON without times; `None` when nothing of ours should stand there.
    pub(crate) fn planned(&self, plan: &StatusPlan) -> Option<Value> {
        let object = &self.object;
        match self.kind() {
            "GatewayClass" => plan.classes.get(&*object.name).map(|class| {
                let mut value = value_of(class);
                let features = class.supported_features.iter().map(|name| json!({ "name": name }));
                value["supportedFeatures"] = features.collect();
                value
            }),
            "Gateway" => plan.gateways.get(object).map(value_of),
            "ListenerSet" => plan.listener_sets.get(object).map(value_of),
            "BackendTLSPolicy" => plan.tls_policies.get(object).map(value_of),
            "ObservabilityPolicy" => plan.observability_policies.get(object).map(value_of),
            kind => {
                let kind = ROUTES.iter().find(|known| known.as_str() == kind)?;
                plan.routes.get(&RouteRef { kind: *kind, object: object.clone() }).map(value_of)
            }
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.object.namespace.is_empty() {
            write!(f, "{} {}", self.kind(), self.object.name)
        } else {
            write!(f, "{} {}", self.kind(), self.object)
        }
    }
}

const ROUTES: [RouteKind; 5] =
    [RouteKind::Http, RouteKind::Grpc, RouteKind::Tls, RouteKind::Tcp, RouteKind::Udp];

/// Plans are plain data with text keys: they always become JSON.
fn value_of(plan: &impl Serialize) -> Value {
    serde_json::to_value(plan).unwrap_or_default()
}

/// Targets about which two plans differ. The first plan of a leader differs in everything.
pub(crate) fn changed(before: Option<&StatusPlan>, now: &StatusPlan) -> BTreeSet<Target> {
    let empty = StatusPlan::default();
    let before = before.unwrap_or(&empty);
    let mut targets = BTreeSet::new();
    differ(&before.classes, &now.classes, |name| {
        targets.extend(Target::new("GatewayClass", ObjectRef::new("", name.as_str())));
    });
    differ(&before.gateways, &now.gateways, |key| targets.extend(Target::new("Gateway", key.clone())));
    differ(&before.listener_sets, &now.listener_sets, |key| {
        targets.extend(Target::new("ListenerSet", key.clone()));
    });
    differences(&before.routes, &now.routes, |found| targets.extend(Target::route(found.key)));
    differ(&before.tls_policies, &now.tls_policies, |key| {
        targets.extend(Target::new("BackendTLSPolicy", key.clone()));
    });
    differ(&before.observability_policies, &now.observability_policies, |key| {
        targets.extend(Target::new("ObservabilityPolicy", key.clone()));
    });
    targets
}

/// Calls `found` for each key that is new, gone or has another value. Both maps are sorted: one walk.
fn differ<K: Ord, V: PartialEq>(before: &BTreeMap<K, V>, now: &BTreeMap<K, V>, mut found: impl FnMut(&K)) {
    let mut old = before.iter().peekable();
    for (key, value) in now {
        while let Some((gone, _)) = old.next_if(|(other, _)| *other < key) {
            found(gone);
        }
        match old.next_if(|(other, _)| *other == key) {
            Some((_, same)) if same == value => {}
            _ => found(key),
        }
    }
    old.for_each(|(gone, _)| found(gone));
}

#[cfg(test)]
mod tests {
    use super::*;
    use clearway_translate::status::{ClassStatus, RouteStatus};

    #[test]
    fn a_walk_over_two_maps_finds_what_is_new_gone_and_changed() {
        let map = |text: &str| text.chars().map(|c| (c.to_ascii_lowercase(), c)).collect::<BTreeMap<_, _>>();
        let cases = [
            ("", "ab", "ab"),
            ("ab", "", "ab"),
            ("ab", "ab", ""),
            ("abd", "aBce", "bcde"),
            ("c", "ad", "acd"),
        ];
        for (before, now, want) in cases {
            let mut found = String::new();
            differ(&map(before), &map(now), |key| found.push(*key));
            assert_eq!(found, want, "{before} {now}");
        }
    }

    #[test]
    fn every_kind_of_a_plan_has_its_target() {
        let mut plan = StatusPlan::default();
        plan.classes.insert(
            "edge".into(),
            ClassStatus { conditions: vec![], supported_features: vec!["Gateway", "HTTPRoute"] },
        );
        for kind in ROUTES {
            plan.routes
                .insert(RouteRef { kind, object: ObjectRef::new("n", "r") }, RouteStatus::default().into());
        }
        let targets = changed(None, &plan);
        assert_eq!(targets.len(), 6);
        assert!(targets.iter().all(|target| target.planned(&plan).is_some()), "{targets:?}");
        assert!(changed(Some(&plan), &plan).is_empty());
        let class = targets.iter().next().unwrap();
        assert_eq!(
            class.planned(&plan).unwrap()["supportedFeatures"],
            json!([{"name": "Gateway"}, {"name": "HTTPRoute"}])
        );
        assert_eq!(class.to_string(), "GatewayClass edge");
        assert_eq!(Target::new("Pod", ObjectRef::new("n", "p")), None);
    }
}
