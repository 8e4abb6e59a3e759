//! The status that every object of ours should have. The control plane writes it; `clearway check` prints it.
//!
//! Addresses, `lastTransitionTime` and entries of other controllers are the writer's part.

use std::collections::BTreeMap;

use clearway_k8s::Condition;
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
    /// Routes with at least one parent of ours.
    pub routes: BTreeMap<RouteRef, RouteStatus>,
    /// BackendTLSPolicies for Services that our routes use.
    pub tls_policies: BTreeMap<ObjectRef, PolicyStatus>,
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

/// `Gateway.status` without addresses.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GatewayStatus {
    /// Conditions.
    pub conditions: Vec<Condition>,
    /// One entry per listener, in the order of the spec.
    pub listeners: Vec<ListenerStatus>,
}

/// `Gateway.status.listeners[]`.
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

/// `HTTPRoute.status` and `GRPCRoute.status`: only our entries.
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

/// `BackendTLSPolicy.status`: only our entries.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyStatus {
    /// One entry per Gateway whose routes use the target; at most 16.
    pub ancestors: Vec<PolicyAncestorStatus>,
}

/// `status.ancestors[]`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyAncestorStatus {
    /// The Gateway.
    pub ancestor_ref: ParentReference,
    /// Our name.
    pub controller_name: String,
    /// Conditions.
    pub conditions: Vec<Condition>,
}
