//! Filters of routes and of backend references, for both kinds of route.

use serde::Deserialize;

use crate::open_enum::open_enum;
use crate::route::service_kind;

/// One filter: its type, and the one setting that belongs to it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RouteFilter {
    /// Which filter.
    #[serde(rename = "type")]
    pub kind: FilterType,
    /// Of `RequestHeaderModifier`.
    #[serde(default)]
    pub request_header_modifier: Option<HeaderModifier>,
    /// Of `ResponseHeaderModifier`.
    #[serde(default)]
    pub response_header_modifier: Option<HeaderModifier>,
    /// Of `RequestMirror`.
    #[serde(default)]
    pub request_mirror: Option<RequestMirror>,
    /// Of `RequestRedirect`.
    #[serde(default)]
    pub request_redirect: Option<RequestRedirect>,
    /// Of `URLRewrite`.
    #[serde(default)]
    pub url_rewrite: Option<UrlRewrite>,
    /// Of `CORS`.
    #[serde(default)]
    pub cors: Option<CorsFilter>,
    /// Of `ExtensionRef`.
    #[serde(default)]
    pub extension_ref: Option<LocalObjectReference>,
}

open_enum! {
    /// Which filter. `ExternalAuth` (experimental) is not known here.
    FilterType {
        /// Edit request headers.
        RequestHeaderModifier = "RequestHeaderModifier",
        /// Edit response headers.
        ResponseHeaderModifier = "ResponseHeaderModifier",
        /// Send a copy elsewhere.
        RequestMirror = "RequestMirror",
        /// Answer with a redirect.
        RequestRedirect = "RequestRedirect",
        /// Change host or path.
        UrlRewrite = "URLRewrite",
        /// Cross-origin resource sharing.
        Cors = "CORS",
        /// An object of another API.
        ExtensionRef = "ExtensionRef",
    }
}

/// `HTTPHeaderFilter`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct HeaderModifier {
    /// Replace.
    #[serde(default)]
    pub set: Vec<HttpHeader>,
    /// Append.
    #[serde(default)]
    pub add: Vec<HttpHeader>,
    /// Remove.
    #[serde(default)]
    pub remove: Vec<String>,
}

/// A header to write.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct HttpHeader {
    /// Name, in any case.
    pub name: String,
    /// Value.
    pub value: String,
}

/// `HTTPRequestMirrorFilter`; at most one of `percent` and `fraction`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestMirror {
    /// Where copies go.
    pub backend_ref: BackendObject,
    /// Share in percent.
    #[serde(default)]
    pub percent: Option<u32>,
    /// Share as a fraction.
    #[serde(default)]
    pub fraction: Option<Fraction>,
}

/// A fraction, at most one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct Fraction {
    /// Above the line.
    pub numerator: u32,
    /// Below the line.
    #[serde(default = "hundred")]
    pub denominator: u32,
}

fn hundred() -> u32 {
    100
}

/// `BackendObjectReference`: an object that takes requests.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
pub struct BackendObject {
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
}

/// `HTTPRequestRedirectFilter`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestRedirect {
    /// `http` or `https`.
    #[serde(default)]
    pub scheme: Option<String>,
    /// Host of the `Location`.
    #[serde(default)]
    pub hostname: Option<String>,
    /// Path of the `Location`.
    #[serde(default)]
    pub path: Option<PathModifier>,
    /// Port of the `Location`.
    #[serde(default)]
    pub port: Option<u16>,
    /// 301, 302, 303, 307 or 308.
    #[serde(default = "found")]
    pub status_code: u16,
}

fn found() -> u16 {
    302
}

/// `HTTPURLRewriteFilter`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct UrlRewrite {
    /// New host.
    #[serde(default)]
    pub hostname: Option<String>,
    /// New path.
    #[serde(default)]
    pub path: Option<PathModifier>,
}

/// `HTTPPathModifier`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PathModifier {
    /// What is replaced.
    #[serde(rename = "type")]
    pub kind: PathModifierType,
    /// Of `ReplaceFullPath`.
    #[serde(default)]
    pub replace_full_path: Option<String>,
    /// Of `ReplacePrefixMatch`.
    #[serde(default)]
    pub replace_prefix_match: Option<String>,
}

open_enum! {
    /// What a path modifier replaces.
    PathModifierType {
        /// The whole path.
        ReplaceFullPath = "ReplaceFullPath",
        /// The matched prefix.
        ReplacePrefixMatch = "ReplacePrefixMatch",
    }
}

/// `HTTPCORSFilter`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CorsFilter {
    /// Origins that are let in.
    #[serde(default)]
    pub allow_origins: Vec<String>,
    /// Whether credentials are allowed.
    #[serde(default)]
    pub allow_credentials: bool,
    /// Methods.
    #[serde(default)]
    pub allow_methods: Vec<String>,
    /// Request headers.
    #[serde(default)]
    pub allow_headers: Vec<String>,
    /// Response headers that scripts may read.
    #[serde(default)]
    pub expose_headers: Vec<String>,
    /// Seconds that a preflight may be cached.
    #[serde(default = "five")]
    pub max_age: u32,
}

fn five() -> u32 {
    5
}

/// A reference within the namespace.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct LocalObjectReference {
    /// API group; empty is core.
    #[serde(default)]
    pub group: String,
    /// Kind.
    pub kind: String,
    /// Name.
    pub name: String,
}
