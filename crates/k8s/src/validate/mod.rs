//! What the CRDs of the Gateway API refuse (OpenAPI patterns and CEL rules), for objects that saw no apiserver.
//!
//! Files call it before anything is served; translation calls it to drop single rules. Pure, and total over
//! whatever can be read. Regular expressions are checked by translation, with the settings they are served with.

mod filter;
mod gateway;
mod observability;
mod policy;
mod route;
mod text;

use std::fmt;

use serde::Serialize;

use crate::conditions::reasons;
use crate::object::Object;
use crate::words::shortened;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It is served, but probably not as meant.
    Warning,
    /// It cannot be served.
    Error,
}

/// A field that is wrong or has no effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// The field, such as `spec.rules[0].matches[0].path.value`.
    pub path: String,
    /// The reason for a condition: `UnsupportedValue`, `IncompatibleFilters` or `Invalid`.
    pub reason: &'static str,
    /// What is wrong, and what to do.
    pub message: String,
    /// How bad it is.
    pub severity: Severity,
}

impl FieldError {
    /// A warning about a field that nobody knows.
    pub fn unknown(path: &str) -> Self {
        Self {
            path: path.to_owned(),
            reason: reasons::UNSUPPORTED_VALUE,
            message: "is no known field and has no effect; check its spelling and place".to_owned(),
            severity: Severity::Warning,
        }
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}

/// Everything that is wrong with an object, in the order of its fields.
pub fn validate(object: &Object) -> Vec<FieldError> {
    match object {
        Object::GatewayClass(class) => validate_gateway_class(class),
        Object::Gateway(gateway) => validate_gateway(gateway),
        Object::ListenerSet(set) => validate_listener_set(set),
        Object::HttpRoute(route) => validate_http_route(route),
        Object::GrpcRoute(route) => validate_grpc_route(route),
        Object::TlsRoute(route) | Object::TcpRoute(route) | Object::UdpRoute(route) => {
            validate_stream_route(route)
        }
        Object::BackendTlsPolicy(policy) => validate_backend_tls_policy(policy),
        Object::Backend(backend) => validate_backend(backend),
        Object::ObservabilityPolicy(policy) => validate_observability_policy(policy),
        Object::Service(service) => policy::service(service),
        Object::EndpointSlice(slice) => policy::slice(slice),
        Object::ReferenceGrant(grant) => policy::grant(grant),
        Object::Secret(_) | Object::ConfigMap(_) | Object::Namespace(_) | Object::Ignored { .. } => {
            Vec::new()
        }
    }
}

/// Whether a text can name a listener: a lower case DNS name of at most 253 characters.
pub fn is_section_name(text: &str) -> bool {
    text::section_name(text).is_none()
}

pub use gateway::{MOST_LISTENERS, validate_gateway, validate_gateway_class, validate_listener_set};
pub(crate) use observability::MOST_HEADERS;
pub use observability::{CREDENTIALS, OBSERVABLE_KINDS, validate_observability_policy};
pub use policy::{validate_backend, validate_backend_tls_policy};
pub use route::{
    MOST_BACKENDS, MOST_HOSTNAMES, MOST_PARENTS, MOST_RULES, validate_grpc_route, validate_http_route,
    validate_stream_route,
};

/// Collects errors.
#[derive(Default)]
pub(crate) struct Findings(Vec<FieldError>);

impl Findings {
    pub(crate) fn into_errors(self) -> Vec<FieldError> {
        self.0
    }

    fn push(&mut self, path: impl Into<String>, message: impl Into<String>, reason: &'static str) {
        let message = shortened(message.into());
        self.0.push(FieldError { path: path.into(), reason, message, severity: Severity::Error });
    }

    /// A value that the API refuses.
    pub(crate) fn refuse(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.push(path, message, reasons::UNSUPPORTED_VALUE);
    }

    /// Filters that do not go together.
    pub(crate) fn clash(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.push(path, message, reasons::INCOMPATIBLE_FILTERS);
    }

    /// Something that has no effect.
    pub(crate) fn warn(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.0.push(FieldError {
            path: path.into(),
            reason: reasons::UNSUPPORTED_VALUE,
            message: shortened(message.into()),
            severity: Severity::Warning,
        });
    }

    /// Refuses when `problem` says something.
    pub(crate) fn check(&mut self, path: impl FnOnce() -> String, problem: Option<String>) {
        if let Some(message) = problem {
            self.refuse(path(), message);
        }
    }

    /// Refuses an enum value that is not known.
    pub(crate) fn known(
        &mut self,
        path: impl FnOnce() -> String,
        unknown: bool,
        value: &str,
        known: &[&str],
    ) {
        if unknown {
            self.refuse(path(), format!("`{value}` is not supported; use one of {}", known.join(", ")));
        }
    }

    /// Refuses port 0.
    pub(crate) fn port(&mut self, path: impl FnOnce() -> String, port: Option<u16>) {
        if port == Some(0) {
            self.refuse(path(), "0 is no port; use 1 to 65535");
        }
    }

    /// Refuses a list that is too long, and gives the part of it that is worth a look: what holds it is refused anyway, and
    /// a million entries must not cost a million looks.
    pub(crate) fn at_most<'l, T>(
        &mut self,
        path: impl FnOnce() -> String,
        list: &'l [T],
        limit: usize,
    ) -> &'l [T] {
        if list.len() > limit {
            self.refuse(path(), format!("holds {} entries; at most {limit} are allowed", list.len()));
        }
        list.get(..limit).unwrap_or(list)
    }
}
