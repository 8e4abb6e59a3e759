//! `HTTPRoute` and `GRPCRoute` (Gateway API v1). Defaults of the API are filled in while reading.

use serde::{Deserialize, Serialize};

use crate::filter::{BackendObject, RouteFilter};
use crate::gateway::{gateway_group, present};
use crate::meta::ObjectMeta;
use crate::open_enum::open_enum;
use crate::validate::is_section_name;

/// Routes HTTP requests.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct HttpRoute {
    /// Metadata.
    pub metadata: ObjectMeta,
    /// What is wanted.
    pub spec: HttpRouteSpec,
}

/// `HTTPRoute.spec`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpRouteSpec {
    /// Gateways to attach to.
    #[serde(default)]
    pub parent_refs: Vec<ParentReference>,
    /// Hosts; empty is all of the listener's.
    #[serde(default)]
    pub hostnames: Vec<String>,
    /// Rules; absent is one rule that takes everything.
    #[serde(default = "one_http_rule")]
    pub rules: Vec<HttpRouteRule>,
}

/// `parentRefs[]`. Its text is copied into the status word for word.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ParentReference {
    /// API group.
    #[serde(default = "gateway_group")]
    pub group: String,
    /// Kind: `Gateway` or `ListenerSet`.
    #[serde(default = "gateway_kind")]
    pub kind: String,
    /// Namespace; the route's when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Name.
    pub name: String,
    /// Name of one listener; all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub section_name: Option<String>,
    /// Port of the listeners; all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
}

impl ParentReference {
    /// The reference as a status may hold it: a listener's name that is none and port 0 are left out, because an apiserver
    /// would refuse the whole status for their sake.
    pub fn for_status(&self) -> Self {
        let section_name = self.section_name.clone().filter(|name| is_section_name(name));
        Self { section_name, port: self.port.filter(|port| *port > 0), ..self.clone() }
    }
}

pub(crate) fn gateway_kind() -> String {
    "Gateway".to_owned()
}

/// `HTTPRoute.spec.rules[]`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpRouteRule {
    /// Name, unique in the route.
    #[serde(default)]
    pub name: Option<String>,
    /// Alternatives; empty is prefix `/`.
    #[serde(default)]
    pub matches: Vec<HttpRouteMatch>,
    /// What is changed on the way.
    #[serde(default)]
    pub filters: Vec<RouteFilter>,
    /// Where requests go.
    #[serde(default)]
    pub backend_refs: Vec<BackendReference>,
    /// Time limits.
    #[serde(default)]
    pub timeouts: Option<RouteTimeouts>,
    /// What is tried again.
    #[serde(default)]
    pub retry: Option<RouteRetry>,
    /// Whether `sessionPersistence` is given: it is not done here, and said so.
    #[serde(default, rename = "sessionPersistence", deserialize_with = "present")]
    pub has_session_persistence: bool,
}

fn one_http_rule() -> Vec<HttpRouteRule> {
    vec![HttpRouteRule::default()]
}

/// `rules[].timeouts`; the texts are GEP-2257 durations.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RouteTimeouts {
    /// Of the whole exchange.
    #[serde(default)]
    pub request: Option<String>,
    /// Of one try.
    #[serde(default)]
    pub backend_request: Option<String>,
}

/// `rules[].retry`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct RouteRetry {
    /// Status codes, 400 to 599.
    #[serde(default)]
    pub codes: Vec<u16>,
    /// Tries after the first; 0 switches off.
    #[serde(default = "one")]
    pub attempts: u32,
    /// Base interval between tries, a GEP-2257 duration.
    #[serde(default)]
    pub backoff: Option<String>,
}

/// `HTTPRoute.spec.rules[].matches[]`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpRouteMatch {
    /// Condition on the path.
    #[serde(default)]
    pub path: HttpPathMatch,
    /// Conditions on headers.
    #[serde(default)]
    pub headers: Vec<ValueMatch>,
    /// Conditions on query parameters.
    #[serde(default)]
    pub query_params: Vec<ValueMatch>,
    /// The method.
    #[serde(default)]
    pub method: Option<HttpMethod>,
}

/// Condition on the path.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct HttpPathMatch {
    /// How `value` is compared.
    #[serde(default, rename = "type")]
    pub kind: PathMatchType,
    /// Path, prefix or expression.
    #[serde(default = "root_path")]
    pub value: String,
}

fn root_path() -> String {
    "/".to_owned()
}

impl Default for HttpPathMatch {
    fn default() -> Self {
        Self { kind: PathMatchType::default(), value: root_path() }
    }
}

open_enum! {
    /// How a path is compared.
    #[derive(Default)]
    PathMatchType {
        /// The whole path.
        Exact = "Exact",
        /// Whole segments from the left.
        #[default]
        PathPrefix = "PathPrefix",
        /// A regular expression.
        RegularExpression = "RegularExpression",
    }
}

/// Condition on a header, a query parameter or gRPC metadata.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct ValueMatch {
    /// How `value` is compared.
    #[serde(default, rename = "type")]
    pub kind: TextMatchType,
    /// Name.
    pub name: String,
    /// Value or expression.
    pub value: String,
}

open_enum! {
    /// How a text is compared.
    #[derive(Default)]
    TextMatchType {
        /// Equal.
        #[default]
        Exact = "Exact",
        /// A regular expression.
        RegularExpression = "RegularExpression",
    }
}

open_enum! {
    /// Methods that a match may name (RFC 9110 and PATCH).
    HttpMethod {
        /// GET.
        Get = "GET",
        /// HEAD.
        Head = "HEAD",
        /// POST.
        Post = "POST",
        /// PUT.
        Put = "PUT",
        /// DELETE.
        Delete = "DELETE",
        /// CONNECT.
        Connect = "CONNECT",
        /// OPTIONS.
        Options = "OPTIONS",
        /// TRACE.
        Trace = "TRACE",
        /// PATCH.
        Patch = "PATCH",
    }
}

/// `backendRefs[]` of both kinds of route.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct BackendReference {
    /// API group; empty is core.
    #[serde(default)]
    pub group: String,
    /// Kind.
    #[serde(default = "service_kind")]
    pub kind: String,
    /// Name.
    pub name: String,
    /// Namespace; the route's when absent.
    #[serde(default)]
    pub namespace: Option<String>,
    /// Port; a Service needs one.
    #[serde(default)]
    pub port: Option<u16>,
    /// Share of the traffic, 0 to 1000000.
    #[serde(default = "one")]
    pub weight: u32,
    /// What is changed on the way to this backend only.
    #[serde(default)]
    pub filters: Vec<RouteFilter>,
}

impl BackendReference {
    /// The object that is named.
    pub fn object(&self) -> BackendObject {
        BackendObject {
            group: self.group.clone(),
            kind: self.kind.clone(),
            name: self.name.clone(),
            namespace: self.namespace.clone(),
            port: self.port,
        }
    }
}

pub(crate) fn service_kind() -> String {
    "Service".to_owned()
}

fn one() -> u32 {
    1
}

/// Routes gRPC calls.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct GrpcRoute {
    /// Metadata.
    pub metadata: ObjectMeta,
    /// What is wanted.
    #[serde(default)]
    pub spec: GrpcRouteSpec,
}

/// `GRPCRoute.spec`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GrpcRouteSpec {
    /// Gateways to attach to.
    #[serde(default)]
    pub parent_refs: Vec<ParentReference>,
    /// Hosts; empty is all of the listener's.
    #[serde(default)]
    pub hostnames: Vec<String>,
    /// Rules.
    #[serde(default)]
    pub rules: Vec<GrpcRouteRule>,
}

/// `GRPCRoute.spec.rules[]`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GrpcRouteRule {
    /// Name, unique in the route.
    #[serde(default)]
    pub name: Option<String>,
    /// Alternatives; empty is every call.
    #[serde(default)]
    pub matches: Vec<GrpcRouteMatch>,
    /// What is changed on the way.
    #[serde(default)]
    pub filters: Vec<RouteFilter>,
    /// Where calls go.
    #[serde(default)]
    pub backend_refs: Vec<BackendReference>,
    /// Whether `sessionPersistence` is given: it is not done here, and said so.
    #[serde(default, rename = "sessionPersistence", deserialize_with = "present")]
    pub has_session_persistence: bool,
}

/// `GRPCRoute.spec.rules[].matches[]`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct GrpcRouteMatch {
    /// Condition on service and method.
    #[serde(default)]
    pub method: Option<GrpcMethodMatch>,
    /// Conditions on metadata.
    #[serde(default)]
    pub headers: Vec<ValueMatch>,
}

/// `GRPCMethodMatch`; at least one of the two names is there.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct GrpcMethodMatch {
    /// How the names are compared.
    #[serde(default, rename = "type")]
    pub kind: TextMatchType,
    /// `package.Service`.
    #[serde(default)]
    pub service: Option<String>,
    /// Method.
    #[serde(default)]
    pub method: Option<String>,
}
