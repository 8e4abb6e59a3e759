//! Objects that are ours to serve, and their conditions: a picture that is replaced as a whole.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use clearway_model::ObjectRef;

use super::series::lock;
use super::{ControlTelemetry, KubeKind};

/// How many objects of a kind have a condition with this status and reason. All words are those of conditions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConditionCount {
    /// The kind.
    pub kind: KubeKind,
    /// Type of the condition.
    pub condition: Arc<str>,
    /// `True`, `False` or `Unknown`.
    pub status: Arc<str>,
    /// Its reason.
    pub reason: Arc<str>,
    /// How many.
    pub objects: u64,
}

/// A condition that a Gateway has.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct GatewayCondition {
    /// The Gateway.
    pub gateway: ObjectRef,
    /// Type of the condition.
    pub condition: Arc<str>,
    /// `True`, `False` or `Unknown`.
    pub status: Arc<str>,
    /// Its reason.
    pub reason: Arc<str>,
}

/// Kind, type, status, reason.
type ConditionKey = (KubeKind, Arc<str>, Arc<str>, Arc<str>);

#[derive(Debug, Default)]
pub(crate) struct Objects {
    objects: Mutex<BTreeMap<KubeKind, u64>>,
    conditions: Mutex<BTreeMap<ConditionKey, u64>>,
    gateways: Mutex<Vec<GatewayCondition>>,
}

impl Objects {
    pub(crate) fn objects(&self) -> BTreeMap<KubeKind, u64> {
        lock(&self.objects).clone()
    }

    pub(crate) fn conditions(&self) -> BTreeMap<ConditionKey, u64> {
        lock(&self.conditions).clone()
    }

    pub(crate) fn gateways(&self) -> Vec<GatewayCondition> {
        lock(&self.gateways).clone()
    }
}

impl ControlTelemetry {
    /// Objects that are ours to serve, by kind: they replace what was said before.
    pub fn objects(&self, objects: &[(KubeKind, u64)]) {
        *lock(&self.objects.objects) = objects.iter().copied().collect();
    }

    /// Conditions of all kinds: they replace what was said before. Entries that say the same thing add up.
    pub fn conditions(&self, conditions: Vec<ConditionCount>) {
        let mut counts = BTreeMap::new();
        for ConditionCount { kind, condition, status, reason, objects } in conditions {
            *counts.entry((kind, condition, status, reason)).or_default() += objects;
        }
        *lock(&self.objects.conditions) = counts;
    }

    /// Conditions of each Gateway: they replace what was said before.
    pub fn gateway_conditions(&self, mut conditions: Vec<GatewayCondition>) {
        conditions.sort_unstable();
        conditions.dedup();
        *lock(&self.objects.gateways) = conditions;
    }
}
