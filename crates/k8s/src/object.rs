//! Any object that is read, from JSON: the one door through which files and watches come in.

use std::fmt;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::backend::Backend;
use crate::core::{ConfigMap, EndpointSlice, Namespace, Secret, Service};
use crate::gateway::{Gateway, GatewayClass};
use crate::grant::ReferenceGrant;
use crate::listener_set::ListenerSet;
use crate::meta::{CLEARWAY_GROUP, GATEWAY_GROUP, ObjectMeta};
use crate::observability::ObservabilityPolicy;
use crate::policy::BackendTlsPolicy;
use crate::route::{GrpcRoute, HttpRoute};
use crate::stream_route::StreamRoute;
use crate::strict;

/// One object of a kind that is read, or the name of a kind that is not.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::large_enum_variant)]
pub enum Object {
    /// `GatewayClass`.
    GatewayClass(GatewayClass),
    /// `Gateway`.
    Gateway(Gateway),
    /// `ListenerSet`.
    ListenerSet(ListenerSet),
    /// `HTTPRoute`.
    HttpRoute(HttpRoute),
    /// `GRPCRoute`.
    GrpcRoute(GrpcRoute),
    /// `TLSRoute`.
    TlsRoute(StreamRoute),
    /// `TCPRoute`.
    TcpRoute(StreamRoute),
    /// `UDPRoute`.
    UdpRoute(StreamRoute),
    /// `ReferenceGrant`.
    ReferenceGrant(ReferenceGrant),
    /// `BackendTLSPolicy`.
    BackendTlsPolicy(BackendTlsPolicy),
    /// `Service`.
    Service(Service),
    /// `EndpointSlice`.
    EndpointSlice(EndpointSlice),
    /// `Secret`.
    Secret(Secret),
    /// `ConfigMap`.
    ConfigMap(ConfigMap),
    /// `Namespace`.
    Namespace(Namespace),
    /// `Backend`.
    Backend(Backend),
    /// `ObservabilityPolicy`.
    ObservabilityPolicy(ObservabilityPolicy),
    /// A kind that is not read.
    Ignored {
        /// Its `apiVersion`.
        api_version: String,
        /// Its `kind`.
        kind: String,
    },
}

/// An object with the fields that nobody knows.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// The object.
    pub object: Object,
    /// Paths of unknown fields, such as `spec.hostnmaes`: probably typing mistakes.
    pub unknown_fields: Vec<String>,
}

/// An object that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ObjectError {
    /// Its `kind`, or empty.
    pub kind: String,
    /// Its namespace, or empty.
    pub namespace: String,
    /// Its name, or empty.
    pub name: String,
    /// The field, such as `spec.rules[0].backendRefs[1].port`; empty for the object as a whole.
    pub path: String,
    /// What is wrong, and what to do.
    pub reason: String,
}

impl fmt::Display for ObjectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.kind.is_empty() { "object" } else { &self.kind };
        write!(f, "{kind}")?;
        match (self.namespace.as_str(), self.name.as_str()) {
            ("", "") => {}
            ("", name) => write!(f, " {name}")?,
            (namespace, name) => write!(f, " {namespace}/{name}")?,
        }
        if !self.path.is_empty() {
            write!(f, ", {}", self.path)?;
        }
        write!(f, ": {}", self.reason)
    }
}

impl Object {
    /// Reads an object of any kind. Files may leave out the namespace: then it is `default`.
    ///
    /// # Errors
    /// When it has no `kind` or name, its version is not served, or a field has the wrong shape.
    pub fn from_value(value: Value) -> Result<Self, ObjectError> {
        Self::read(value).map(|loaded| loaded.object)
    }

    /// Like [`Object::from_value`], and names the fields that nobody knows.
    ///
    /// # Errors
    /// As [`Object::from_value`].
    pub fn read(mut value: Value) -> Result<Loaded, ObjectError> {
        Self::read_in_place(&mut value)
    }

    /// Like [`Object::read`], and leaves the value to the caller, without its `null` entries.
    ///
    /// # Errors
    /// As [`Object::from_value`].
    pub fn read_in_place(value: &mut Value) -> Result<Loaded, ObjectError> {
        strip_nulls(value);
        let value = &*value;
        let api_version = text_at(value, "apiVersion");
        let kind = text_at(value, "kind");
        let error = |path: &str, reason: String| ObjectError {
            kind: kind.clone(),
            namespace: text_at(value.get("metadata").unwrap_or(&Value::Null), "namespace"),
            name: text_at(value.get("metadata").unwrap_or(&Value::Null), "name"),
            path: path.to_owned(),
            reason,
        };
        if kind.is_empty() || api_version.is_empty() {
            let field = if kind.is_empty() { "kind" } else { "apiVersion" };
            return Err(error(field, format!("is missing; every object needs `{field}`")));
        }
        let (group, version) = api_version.split_once('/').unwrap_or(("", &api_version));
        let known = KINDS.iter().find(|known| known.group == group && known.kind == kind);
        let Some(known) = known else {
            return Ok(Loaded { object: Self::Ignored { api_version, kind }, unknown_fields: Vec::new() });
        };
        if !known.versions.contains(&version) {
            let wanted = known.versions.first().map_or_else(String::new, |first| {
                if group.is_empty() { (*first).to_owned() } else { format!("{group}/{first}") }
            });
            return Err(error(
                "apiVersion",
                format!("`{api_version}` is not read for {kind}; write `{wanted}`"),
            ));
        }
        let mut loaded = (known.read)(value).map_err(|(path, reason)| error(&path, reason))?;
        if let Some(meta) = loaded.object.meta_mut() {
            match (known.namespaced, meta.namespace.is_empty()) {
                (true, true) => "default".clone_into(&mut meta.namespace),
                (false, false) => meta.namespace.clear(),
                _ => {}
            }
        }
        Ok(loaded)
    }

    /// The kind, as written in a manifest.
    pub fn kind(&self) -> &str {
        match self {
            Self::GatewayClass(_) => "GatewayClass",
            Self::Gateway(_) => "Gateway",
            Self::ListenerSet(_) => "ListenerSet",
            Self::HttpRoute(_) => "HTTPRoute",
            Self::GrpcRoute(_) => "GRPCRoute",
            Self::TlsRoute(_) => "TLSRoute",
            Self::TcpRoute(_) => "TCPRoute",
            Self::UdpRoute(_) => "UDPRoute",
            Self::ReferenceGrant(_) => "ReferenceGrant",
            Self::BackendTlsPolicy(_) => "BackendTLSPolicy",
            Self::Service(_) => "Service",
            Self::EndpointSlice(_) => "EndpointSlice",
            Self::Secret(_) => "Secret",
            Self::ConfigMap(_) => "ConfigMap",
            Self::Namespace(_) => "Namespace",
            Self::Backend(_) => "Backend",
            Self::ObservabilityPolicy(_) => "ObservabilityPolicy",
            Self::Ignored { kind, .. } => kind,
        }
    }

    /// The metadata; `None` for kinds that are not read.
    pub fn meta(&self) -> Option<&ObjectMeta> {
        Some(match self {
            Self::GatewayClass(object) => &object.metadata,
            Self::Gateway(object) => &object.metadata,
            Self::ListenerSet(object) => &object.metadata,
            Self::HttpRoute(object) => &object.metadata,
            Self::GrpcRoute(object) => &object.metadata,
            Self::TlsRoute(object) | Self::TcpRoute(object) | Self::UdpRoute(object) => &object.metadata,
            Self::ReferenceGrant(object) => &object.metadata,
            Self::BackendTlsPolicy(object) => &object.metadata,
            Self::Service(object) => &object.metadata,
            Self::EndpointSlice(object) => &object.metadata,
            Self::Secret(object) => &object.metadata,
            Self::ConfigMap(object) => &object.metadata,
            Self::Namespace(object) => &object.metadata,
            Self::Backend(object) => &object.metadata,
            Self::ObservabilityPolicy(object) => &object.metadata,
            Self::Ignored { .. } => return None,
        })
    }

    fn meta_mut(&mut self) -> Option<&mut ObjectMeta> {
        Some(match self {
            Self::GatewayClass(object) => &mut object.metadata,
            Self::Gateway(object) => &mut object.metadata,
            Self::ListenerSet(object) => &mut object.metadata,
            Self::HttpRoute(object) => &mut object.metadata,
            Self::GrpcRoute(object) => &mut object.metadata,
            Self::TlsRoute(object) | Self::TcpRoute(object) | Self::UdpRoute(object) => &mut object.metadata,
            Self::ReferenceGrant(object) => &mut object.metadata,
            Self::BackendTlsPolicy(object) => &mut object.metadata,
            Self::Service(object) => &mut object.metadata,
            Self::EndpointSlice(object) => &mut object.metadata,
            Self::Secret(object) => &mut object.metadata,
            Self::ConfigMap(object) => &mut object.metadata,
            Self::Namespace(object) => &mut object.metadata,
            Self::Backend(object) => &mut object.metadata,
            Self::ObservabilityPolicy(object) => &mut object.metadata,
            Self::Ignored { .. } => return None,
        })
    }
}

/// `(path, reason)` of a failure.
type ReadFailure = (String, String);

/// A kind that is read.
struct Known {
    group: &'static str,
    kind: &'static str,
    versions: &'static [&'static str],
    namespaced: bool,
    read: fn(&Value) -> Result<Loaded, ReadFailure>,
}

macro_rules! known {
    ($group:expr, $kind:literal, $versions:expr, $namespaced:literal, $variant:ident) => {
        Known {
            group: $group,
            kind: $kind,
            versions: &$versions,
            namespaced: $namespaced,
            read: |value| read_as($kind, value, Object::$variant),
        }
    };
}

const KINDS: &[Known] = &[
    known!(GATEWAY_GROUP, "GatewayClass", ["v1", "v1beta1"], false, GatewayClass),
    known!(GATEWAY_GROUP, "Gateway", ["v1", "v1beta1"], true, Gateway),
    known!(GATEWAY_GROUP, "ListenerSet", ["v1"], true, ListenerSet),
    known!(GATEWAY_GROUP, "HTTPRoute", ["v1", "v1beta1"], true, HttpRoute),
    known!(GATEWAY_GROUP, "GRPCRoute", ["v1"], true, GrpcRoute),
    known!(GATEWAY_GROUP, "TLSRoute", ["v1", "v1alpha3", "v1alpha2"], true, TlsRoute),
    known!(GATEWAY_GROUP, "TCPRoute", ["v1", "v1alpha2"], true, TcpRoute),
    known!(GATEWAY_GROUP, "UDPRoute", ["v1", "v1alpha2"], true, UdpRoute),
    known!(GATEWAY_GROUP, "ReferenceGrant", ["v1", "v1beta1"], true, ReferenceGrant),
    known!(GATEWAY_GROUP, "BackendTLSPolicy", ["v1"], true, BackendTlsPolicy),
    known!("", "Service", ["v1"], true, Service),
    known!("discovery.k8s.io", "EndpointSlice", ["v1"], true, EndpointSlice),
    known!("", "Secret", ["v1"], true, Secret),
    known!("", "ConfigMap", ["v1"], true, ConfigMap),
    known!("", "Namespace", ["v1"], false, Namespace),
    known!(CLEARWAY_GROUP, "Backend", ["v1alpha1"], true, Backend),
    known!(CLEARWAY_GROUP, "ObservabilityPolicy", ["v1alpha1"], true, ObservabilityPolicy),
];

fn read_as<T: DeserializeOwned>(
    kind: &str,
    value: &Value,
    wrap: fn(T) -> Object,
) -> Result<Loaded, ReadFailure> {
    let (object, unknown_fields) = strict::read::<T>(kind, value)?;
    Ok(Loaded { object: wrap(object), unknown_fields })
}

fn text_at(value: &Value, key: &str) -> String {
    value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// Removes `null` entries of maps: the apiserver reads them as absent.
fn strip_nulls(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, entry| !entry.is_null());
            map.values_mut().for_each(strip_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(strip_nulls),
        _ => {}
    }
}
