//! `TLSRoute`, `TCPRoute` and `UDPRoute` (Gateway API v1): the three routes of byte streams and datagrams share a shape.

use serde::Deserialize;

use crate::meta::ObjectMeta;
use crate::route::{BackendReference, ParentReference};

/// A route of streams or datagrams.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct StreamRoute {
    /// Metadata.
    pub metadata: ObjectMeta,
    /// What is wanted.
    #[serde(default)]
    pub spec: StreamRouteSpec,
}

/// `spec` of the three kinds.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StreamRouteSpec {
    /// Gateways and ListenerSets to attach to.
    #[serde(default)]
    pub parent_refs: Vec<ParentReference>,
    /// Server names; only TLSRoutes have them.
    #[serde(default)]
    pub hostnames: Vec<String>,
    /// Rules.
    #[serde(default)]
    pub rules: Vec<StreamRouteRule>,
}

/// `spec.rules[]` of the three kinds.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StreamRouteRule {
    /// Name, unique in the route.
    #[serde(default)]
    pub name: Option<String>,
    /// Where connections or datagrams go.
    #[serde(default)]
    pub backend_refs: Vec<BackendReference>,
}
