//! The kinds that are watched, and in which versions they are read.

use std::fmt;

use clearway_k8s::{CLEARWAY_GROUP, GATEWAY_GROUP};

/// A kind that is watched.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Kind {
    /// As in a manifest.
    pub(crate) name: &'static str,
    /// API group; empty is core.
    pub(crate) group: &'static str,
    /// Resource, as in a URL.
    pub(crate) plural: &'static str,
    /// Versions that are read, the best first.
    pub(crate) versions: &'static [&'static str],
    /// Which objects.
    pub(crate) reach: Reach,
    /// Whether it has a status that we write, so that what stands there now is remembered.
    pub(crate) has_status: bool,
}

/// Which objects of a kind are watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// The kind has no namespaces.
    Cluster,
    /// Those of all namespaces, or of the ones that are configured.
    Namespaces,
    /// Pods of the fleet, in the control plane's own namespace.
    Fleet,
    /// Only objects that another one names.
    Referenced,
}

impl Kind {
    /// Whether the kind comes from a custom resource definition, so that it may be missing.
    pub(crate) fn is_custom(&self) -> bool {
        matches!(self.group, GATEWAY_GROUP | CLEARWAY_GROUP)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

const fn gateway(name: &'static str, plural: &'static str, versions: &'static [&'static str]) -> Kind {
    Kind { name, group: GATEWAY_GROUP, plural, versions, reach: Reach::Namespaces, has_status: true }
}

const fn core(name: &'static str, plural: &'static str, reach: Reach) -> Kind {
    Kind { name, group: "", plural, versions: &["v1"], reach, has_status: false }
}

/// Secrets: certificates and keys.
pub(crate) const SECRET: &Kind = &core("Secret", "secrets", Reach::Referenced);
/// ConfigMaps: certificate authorities.
pub(crate) const CONFIG_MAP: &Kind = &core("ConfigMap", "configmaps", Reach::Referenced);

/// Every kind that has a watch of its own from the start.
pub(crate) const KINDS: &[Kind] = &[
    Kind { reach: Reach::Cluster, ..gateway("GatewayClass", "gatewayclasses", &["v1", "v1beta1"]) },
    gateway("Gateway", "gateways", &["v1", "v1beta1"]),
    gateway("ListenerSet", "listenersets", &["v1"]),
    gateway("HTTPRoute", "httproutes", &["v1", "v1beta1"]),
    gateway("GRPCRoute", "grpcroutes", &["v1"]),
    gateway("TLSRoute", "tlsroutes", &["v1", "v1alpha3", "v1alpha2"]),
    gateway("TCPRoute", "tcproutes", &["v1", "v1alpha2"]),
    gateway("UDPRoute", "udproutes", &["v1", "v1alpha2"]),
    Kind { has_status: false, ..gateway("ReferenceGrant", "referencegrants", &["v1", "v1beta1"]) },
    gateway("BackendTLSPolicy", "backendtlspolicies", &["v1"]),
    Kind {
        name: "Backend",
        group: CLEARWAY_GROUP,
        plural: "backends",
        versions: &["v1alpha1"],
        reach: Reach::Namespaces,
        has_status: false,
    },
    Kind {
        name: "ObservabilityPolicy",
        group: CLEARWAY_GROUP,
        plural: "observabilitypolicies",
        versions: &["v1alpha1"],
        reach: Reach::Namespaces,
        has_status: true,
    },
    core("Service", "services", Reach::Namespaces),
    Kind { group: "discovery.k8s.io", ..core("EndpointSlice", "endpointslices", Reach::Namespaces) },
    core("Namespace", "namespaces", Reach::Cluster),
    core("Pod", "pods", Reach::Fleet),
];
