//! The served configuration as plain data: what a data plane needs to know, nothing of how it was learned.
//!
//! `translate` makes a [`Snapshot`] from Kubernetes objects, `xds` carries it, `proxy` compiles and serves it.
//! Nothing here does IO, reads a clock or knows Kubernetes types. One HTTPRoute rule is one [`Rule`], and children
//! point up to their parents, so that a one-field edit of a user's object changes one resource.

mod address;
mod backend;
mod differences;
mod filter;
mod listener;
mod observability;
mod refs;
mod rule;
mod snapshot;

pub use address::is_special_address;
pub use backend::{
    Backend, BackendProtocol, BackendTls, Endpoint, EndpointAddress, SubjectAltName, TrustedRoots,
};
pub use differences::{Difference, differences};
pub use filter::{
    Cors, CorsOrigin, Filter, Fraction, HeaderEdit, HeaderModifier, Mirror, PathRewrite, Redirect, UrlRewrite,
};
pub use listener::{
    Certificate, ClientValidation, ClientValidationMode, ForwardedTrust, Listener, ListenerProtocol,
    ListenerTls, TraceTrust,
};
pub use observability::{LogFilter, Observability};
pub use refs::{BackendRef, Hostname, ListenerRef, ObjectRef, RouteKind, RouteRef, RuleRef};
pub use rule::{
    BackendFault, GrpcMethodMatch, HeaderMatch, Match, PathMatch, QueryMatch, Retry, Rule, RuleParent,
    TextMatch, Timeouts, WeightedBackend,
};
pub use snapshot::{Snapshot, Version};
