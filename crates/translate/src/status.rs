//! The status that every object of ours should have. The control plane writes it; `clearway check` prints it.
//!
//! `lastTransitionTime` and entries of other controllers are the writer's part.

use std::collections::BTreeMap;
use std::sync::Arc;

use clearway_k8s::Condition;
use clearway_k8s::conditions::types;
use clearway_k8s::gateway::RouteGroupKind;
use clearway_k8s::route::ParentReference;
use clearway_model::{ObjectRef, RouteRef};
use serde::Serialize;

/// Status of all objects.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StatusPlan {
    /// GatewayClasses of our controller, by name.
    pub classes: BTreeMap<String, ClassStatus>,
    /// Gateways of those classes.
    pub gateways: BTreeMap<ObjectRef, GatewayStatus>,
    /// ListenerSets of those Gateways, attached or refused.
    pub listener_sets: BTreeMap<ObjectRef, ListenerSetStatus>,
    /// Routes of all kinds with at least one parent of ours.
    pub routes: BTreeMap<RouteRef, Arc<RouteStatus>>,
    /// BackendTLSPolicies for Services that our routes use.
    pub tls_policies: BTreeMap<ObjectRef, PolicyStatus>,
    /// ObservabilityPolicies for objects of ours, and for such that nobody has.
    pub observability_policies: BTreeMap<ObjectRef, PolicyStatus>,
}

/// `GatewayClass.status`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClassStatus {
    /// Conditions.
    pub conditions: Vec<Condition>,
    /// Names of features, sorted.
    pub supported_features: Vec<&'static str>,
}

/// Types of conditions that are ours to write on GatewayClasses, Gateways, ListenerSets and listeners: one of these that a
/// plan does not name is stale and goes; all others belong to somebody else and stay.
pub const OWN_CONDITIONS: &[&str] = &[
    types::ACCEPTED,
    types::PROGRAMMED,
    types::RESOLVED_REFS,
    types::CONFLICTED,
    types::PARTIALLY_INVALID,
    types::INSECURE_FRONTEND_VALIDATION_MODE,
    types::SUPPORTED_VERSION,
];

/// `Gateway.status`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GatewayStatus {
    /// Addresses that lead to the Gateway.
    pub addresses: Vec<StatusAddress>,
    /// ListenerSets that are attached and accepted.
    pub attached_listener_sets: u32,
    /// Conditions.
    pub conditions: Vec<Condition>,
    /// One entry per listener, in the order of the spec.
    pub listeners: Vec<ListenerStatus>,
}

/// `Gateway.status.addresses[]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StatusAddress {
    /// `IPAddress` or `Hostname`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The address.
    pub value: String,
}

/// `ListenerSet.status`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListenerSetStatus {
    /// Conditions.
    pub conditions: Vec<Condition>,
    /// One entry per listener, in the order of the spec; none while the Gateway does not let the set in.
    pub listeners: Vec<ListenerStatus>,
}

/// `status.listeners[]` of a Gateway or a ListenerSet.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListenerStatus {
    /// Name of the listener.
    pub name: String,
    /// Kinds of route that may attach.
    pub supported_kinds: Vec<RouteGroupKind>,
    /// Accepted routes that are attached.
    pub attached_routes: u32,
    /// Conditions.
    pub conditions: Vec<Condition>,
}

/// `status` of a route of any kind: only our entries.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RouteStatus {
    /// One entry per parent reference that leads to a Gateway of ours.
    pub parents: Vec<RouteParentStatus>,
}

/// `status.parents[]`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RouteParentStatus {
    /// The reference, word for word.
    pub parent_ref: ParentReference,
    /// Our name.
    pub controller_name: String,
    /// Conditions.
    pub conditions: Vec<Condition>,
}

/// `status` of a policy: only our entries.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyStatus {
    /// One entry per ancestor, a Gateway most often; at most 16.
    pub ancestors: Vec<PolicyAncestorStatus>,
}

/// `status.ancestors[]`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyAncestorStatus {
    /// The Gateway, or what else the policy is for.
    pub ancestor_ref: ParentReference,
    /// Our name.
    pub controller_name: String,
    /// Conditions.
    pub conditions: Vec<Condition>,
}
