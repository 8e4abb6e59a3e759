//! `ListenerSet` (Gateway API v1, GEP-1713): more listeners for a Gateway, perhaps from another namespace.

use serde::Deserialize;

use crate::gateway::{GatewayListener, gateway_group};
use crate::meta::ObjectMeta;
use crate::route::gateway_kind;

/// Listeners that are added to a Gateway.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct ListenerSet {
    /// Metadata.
    pub metadata: ObjectMeta,
    /// What is wanted.
    pub spec: ListenerSetSpec,
}

/// `ListenerSet.spec`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListenerSetSpec {
    /// The Gateway.
    pub parent_ref: ParentGateway,
    /// Listeners; names are unique in the set.
    #[serde(default)]
    pub listeners: Vec<GatewayListener>,
}

/// `ListenerSet.spec.parentRef`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ParentGateway {
    /// API group.
    #[serde(default = "gateway_group")]
    pub group: String,
    /// Kind: `Gateway`.
    #[serde(default = "gateway_kind")]
    pub kind: String,
    /// Name.
    pub name: String,
    /// Namespace; the set's when absent.
    #[serde(default)]
    pub namespace: Option<String>,
}
