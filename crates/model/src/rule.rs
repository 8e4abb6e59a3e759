//! Rules: which requests, and what becomes of them.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::filter::Filter;
use crate::observability::Observability;
use crate::refs::{BackendRef, Hostname, ListenerRef, RuleRef};

/// One rule of one HTTPRoute or GRPCRoute.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    /// Its name.
    #[serde(rename = "ref")]
    pub rule: RuleRef,
    /// Seconds since 1970 of the route's creation; older routes win ties.
    pub created: i64,
    /// The listeners it is attached to, each with the hostnames common to both.
    pub parents: Vec<RuleParent>,
    /// Alternatives: the rule applies when one of them does. Never empty (no match means prefix `/`).
    pub matches: Vec<Match>,
    /// Applied in order to every request of the rule.
    pub filters: Vec<Filter>,
    /// Where requests go, by weight. Empty without a redirect answers 500.
    pub backends: Vec<WeightedBackend>,
    /// Time limits.
    pub timeouts: Timeouts,
    /// What is tried again.
    pub retry: Option<Retry>,
    /// What ObservabilityPolicies of its route say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observability: Option<Arc<Observability>>,
}

/// An attachment of a rule to a listener.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RuleParent {
    /// The listener.
    pub listener: ListenerRef,
    /// Hostnames of the route within the listener's; never empty.
    pub hostnames: Vec<Hostname>,
}

/// One alternative of a rule: all of its conditions hold together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Match {
    /// `HTTPRouteMatch`.
    Http {
        /// Condition on the path.
        path: PathMatch,
        /// Conditions on headers; all hold.
        headers: Vec<HeaderMatch>,
        /// Conditions on query parameters; all hold.
        query: Vec<QueryMatch>,
        /// The method, upper case as registered (RFC 9110 section 9).
        method: Option<Arc<str>>,
    },
    /// `GRPCRouteMatch`.
    Grpc {
        /// Condition on service and method; `None` covers every call.
        method: Option<GrpcMethodMatch>,
        /// Conditions on metadata; all hold.
        headers: Vec<HeaderMatch>,
    },
}

/// Condition on the path of a request, compared case-sensitively without decoding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PathMatch {
    /// The whole path.
    Exact(Arc<str>),
    /// Whole segments from the left; a trailing `/` does not count.
    Prefix(Arc<str>),
    /// A regular expression (RE2 syntax) that covers the whole path.
    Regex(Arc<str>),
}

/// Condition on a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TextMatch {
    /// Equal, byte for byte.
    Exact(Arc<str>),
    /// A regular expression (RE2 syntax) that covers the whole text.
    Regex(Arc<str>),
}

/// Condition on a header; several fields of one name are joined with `,` (RFC 9110 section 5.3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeaderMatch {
    /// Lower case field name.
    pub name: Arc<str>,
    /// Condition on its value.
    pub value: TextMatch,
}

/// Condition on the first query parameter of a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueryMatch {
    /// Name of the parameter, compared after percent-decoding.
    pub name: Arc<str>,
    /// Condition on its decoded value.
    pub value: TextMatch,
}

/// Condition on a gRPC call (`GRPCMethodMatch`); at least one of the two is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrpcMethodMatch {
    /// Fully qualified service, `package.Service`.
    pub service: Option<TextMatch>,
    /// Method name.
    pub method: Option<TextMatch>,
}

/// A backend with its share of the traffic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WeightedBackend {
    /// The backend, or why there is none: its share is answered 500 (`RefNotPermitted` and the like).
    pub target: Result<BackendRef, BackendFault>,
    /// Share: `weight / sum of weights`.
    pub weight: u32,
    /// Filters of `backendRefs[].filters`, after those of the rule.
    pub filters: Vec<Filter>,
}

/// Why a backend reference leads nowhere; the words are Gateway API `ResolvedRefs` reasons.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackendFault {
    /// `InvalidKind`, `BackendNotFound`, `RefNotPermitted`, `UnsupportedProtocol`.
    pub reason: Arc<str>,
    /// The sentence for operators; it names the object.
    pub message: Arc<str>,
}

/// Time limits of a rule; `None` is no limit (`0s` in the route).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timeouts {
    /// From the request's arrival to the end of the response: the budget of all tries together.
    pub request: Option<Duration>,
    /// Of each try.
    pub backend_request: Option<Duration>,
}

/// What is tried again (GEP-1731).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retry {
    /// Tries after the first.
    pub attempts: u32,
    /// Status codes of a backend that are tried again; connect errors and resets before a response always are.
    pub codes: Vec<u16>,
    /// Least wait between tries.
    pub backoff: Option<Duration>,
}
