//! The features of the Gateway API that are claimed in `GatewayClass.status.supportedFeatures`.

use crate::Exposure;
use crate::world::InstalledApi;

/// Names of features as the conformance suite v1.6.3 has them, sorted. A name is here only when the data path does it.
pub const SUPPORTED_FEATURES: &[&str] = &[
    "BackendTLSPolicy",
    "BackendTLSPolicySANValidation",
    "GRPCRoute",
    "GRPCRouteNamedRouteRule",
    "Gateway",
    "GatewayAddressEmpty",
    "GatewayBackendClientCertificate",
    "GatewayFrontendClientCertificateValidation",
    "GatewayFrontendClientCertificateValidationInsecureFallback",
    "GatewayHTTPListenerIsolation",
    "GatewayHTTPSListenerDetectMisdirectedRequests",
    "GatewayInfrastructure",
    "GatewayPort8080",
    "GatewayStaticAddresses",
    "HTTPRoute",
    "HTTPRoute303RedirectStatusCode",
    "HTTPRoute307RedirectStatusCode",
    "HTTPRoute308RedirectStatusCode",
    "HTTPRouteBackendProtocolH2C",
    "HTTPRouteBackendProtocolWebSocket",
    "HTTPRouteBackendRequestHeaderModification",
    "HTTPRouteBackendTimeout",
    "HTTPRouteCORS",
    "HTTPRouteDestinationPortMatching",
    "HTTPRouteHostRewrite",
    "HTTPRouteMethodMatching",
    "HTTPRouteNamedRouteRule",
    "HTTPRouteParentRefPort",
    "HTTPRoutePathRedirect",
    "HTTPRoutePathRewrite",
    "HTTPRoutePortRedirect",
    "HTTPRouteQueryParamMatching",
    "HTTPRouteRequestMirror",
    "HTTPRouteRequestMultipleMirrors",
    "HTTPRouteRequestPercentageMirror",
    "HTTPRouteRequestTimeout",
    "HTTPRouteResponseHeaderModification",
    "HTTPRouteRetry",
    "HTTPRouteRetryBackendTimeout",
    "HTTPRouteRetryConnectionError",
    "HTTPRouteSchemeRedirect",
    "ListenerSet",
    "ReferenceGrant",
];

/// Features whose fields only the CRDs of the experimental channel have.
const EXPERIMENTAL: &[&str] =
    &["HTTPRouteRetry", "HTTPRouteRetryBackendTimeout", "HTTPRouteRetryConnectionError"];

/// Features that need a kind, by the beginning of their name. The names of kinds are no prefixes of each other.
const NEEDS_KIND: &[&str] = &["BackendTLSPolicy", "GRPCRoute", "HTTPRoute", "ListenerSet", "ReferenceGrant"];

/// Features of a cluster: on one machine nobody gives addresses and nothing is generated.
const CLUSTER: &[&str] = &["GatewayAddressEmpty", "GatewayInfrastructure", "GatewayStaticAddresses"];

/// The features that can be had with the CRDs that are installed and in the way that listeners are exposed.
pub(crate) fn available(api: Option<&InstalledApi>, exposure: Exposure) -> Vec<&'static str> {
    let expressible = |name: &str| {
        api.is_none_or(|api| {
            let kind = NEEDS_KIND.iter().find(|kind| name.starts_with(*kind));
            let served = kind.is_none_or(|kind| api.kinds.contains(*kind));
            served && (api.experimental || !EXPERIMENTAL.contains(&name))
        })
    };
    let here = |name: &str| exposure == Exposure::Cluster || !CLUSTER.contains(&name);
    SUPPORTED_FEATURES.iter().copied().filter(|name| expressible(name) && here(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::{CLUSTER, EXPERIMENTAL, NEEDS_KIND, SUPPORTED_FEATURES, available};
    use crate::{Exposure, InstalledApi};

    #[test]
    fn only_what_the_installed_crds_can_express_is_claimed() {
        assert_eq!(available(None, Exposure::Cluster), SUPPORTED_FEATURES);
        let direct = available(None, Exposure::Direct);
        assert!(CLUSTER.iter().all(|name| SUPPORTED_FEATURES.contains(name) && !direct.contains(name)));
        let kinds = NEEDS_KIND.iter().filter(|kind| **kind != "ListenerSet").map(|kind| (*kind).to_owned());
        let standard =
            InstalledApi { bundle_version: "v1.6.3".into(), experimental: false, kinds: kinds.collect() };
        let have = available(Some(&standard), Exposure::Cluster);
        assert_eq!(have.len(), SUPPORTED_FEATURES.len() - EXPERIMENTAL.len() - 1);
        assert!(!have.contains(&"ListenerSet") && have.contains(&"HTTPRouteCORS"));
    }

    #[test]
    fn features_are_sorted_and_stand_once() {
        assert!(SUPPORTED_FEATURES.windows(2).all(|pair| pair[0] < pair[1]));
    }
}
