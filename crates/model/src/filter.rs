//! Filters: what is changed on the way, in the words of the Gateway API.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::refs::BackendRef;
use crate::rule::BackendFault;

/// One filter of a rule or of a backend reference.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Filter {
    /// Edit request headers.
    RequestHeaders(HeaderModifier),
    /// Edit response headers.
    ResponseHeaders(HeaderModifier),
    /// Answer with a redirect; nothing is sent to a backend.
    Redirect(Redirect),
    /// Change host or path before the backend sees them.
    Rewrite(UrlRewrite),
    /// Send a copy elsewhere; its answer is ignored.
    Mirror(Mirror),
    /// Cross-origin resource sharing (Fetch standard, section 3.3).
    Cors(Cors),
    /// A filter that is not known here: every request of the rule is answered 500 rather than served unfiltered.
    Unsupported {
        /// Its `type` as written.
        kind: Arc<str>,
    },
}

/// `HTTPHeaderFilter`: `set`, then `add`, then `remove`; names are compared case-insensitively.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeaderModifier {
    /// Replaces all fields of the name.
    pub set: Vec<HeaderEdit>,
    /// Appends a field.
    pub add: Vec<HeaderEdit>,
    /// Lower case names of fields to remove.
    pub remove: Vec<Arc<str>>,
}

/// A field to write.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeaderEdit {
    /// Lower case field name.
    pub name: Arc<str>,
    /// Its value.
    pub value: Arc<str>,
}

/// `HTTPRequestRedirectFilter`; what is `None` is taken from the request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redirect {
    /// `http` or `https`.
    pub scheme: Option<Arc<str>>,
    /// Host of the `Location`.
    pub hostname: Option<Arc<str>>,
    /// Path of the `Location`.
    pub path: Option<PathRewrite>,
    /// Port of the `Location`; without one: the scheme's well-known port if a scheme is given, else the listener's.
    pub port: Option<u16>,
    /// 301, 302, 303, 307 or 308.
    pub status: u16,
}

/// `HTTPURLRewriteFilter`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UrlRewrite {
    /// New `Host`.
    pub hostname: Option<Arc<str>>,
    /// New path.
    pub path: Option<PathRewrite>,
}

/// `HTTPPathModifier`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PathRewrite {
    /// The whole path.
    Full(Arc<str>),
    /// The matched prefix; the rest of the path is kept.
    Prefix(Arc<str>),
}

/// `HTTPRequestMirrorFilter`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mirror {
    /// Where copies go, or why there are none.
    pub target: Result<BackendRef, BackendFault>,
    /// Share of the requests that are copied.
    pub fraction: Fraction,
}

/// `numerator / denominator`, at most one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fraction {
    /// Above the line.
    pub numerator: u32,
    /// Below the line; never zero.
    pub denominator: u32,
}

/// `HTTPCORSFilter` (GEP-1767).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cors {
    /// Origins that are let in.
    pub allow_origins: Vec<CorsOrigin>,
    /// Whether credentials are allowed; then `*` is never sent.
    pub allow_credentials: bool,
    /// Methods, upper case; `*` is all.
    pub allow_methods: Vec<Arc<str>>,
    /// Header names; `*` is all.
    pub allow_headers: Vec<Arc<str>>,
    /// Response headers that scripts may read.
    pub expose_headers: Vec<Arc<str>>,
    /// Seconds that a preflight may be cached.
    pub max_age_seconds: u32,
}

/// An allowed origin: `*`, `https://shop.example`, or `https://*.shop.example:8443`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CorsOrigin {
    /// Every origin.
    Any,
    /// Exactly this serialised origin, lower case.
    Exact(Arc<str>),
    /// Scheme with `://`, then one or more labels, then this suffix with its dot and perhaps a port.
    Wildcard {
        /// `https://`.
        scheme: Arc<str>,
        /// `.shop.example` or `.shop.example:8443`.
        suffix: Arc<str>,
    },
}
