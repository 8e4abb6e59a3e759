//! Names of resources: what a person reads in a NACK, and what leads back to the user's object.
//!
//! Names of Kubernetes objects hold no `/`, so the parts of a name can be told apart again, and no two references share
//! a name.

use std::fmt;
use std::sync::Arc;

use clearway_model::{BackendRef, ListenerRef, ObjectRef, RouteKind, RouteRef, RuleRef};

use crate::kind::Kind;

/// The object that a resource stands for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ResourceRef {
    /// The Secret of a certificate.
    Certificate(ObjectRef),
    /// A port of a backend object.
    Backend(BackendRef),
    /// A listener.
    Listener(ListenerRef),
    /// A rule.
    Rule(RuleRef),
}

impl ResourceRef {
    /// The kind of the resource.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Certificate(_) => Kind::Certificate,
            Self::Backend(_) => Kind::Backend,
            Self::Listener(_) => Kind::Listener,
            Self::Rule(_) => Kind::Rule,
        }
    }

    /// The name of the resource on the wire.
    pub fn name(&self) -> String {
        match self {
            Self::Certificate(secret) => object(secret),
            Self::Backend(backend) => backend_name(backend),
            Self::Listener(listener) => listener_name(listener),
            Self::Rule(rule) => rule_name(rule),
        }
    }

    /// The object of a name; `None` when the name is not one that [`ResourceRef::name`] gives.
    pub fn parse(kind: Kind, name: &str) -> Option<Self> {
        let parts: Vec<&str> = name.split('/').collect();
        let found = match (kind, parts.as_slice()) {
            (Kind::Certificate, [namespace, name]) => Self::Certificate(ObjectRef::new(*namespace, *name)),
            (Kind::Backend, [kind, namespace, name, port]) => Self::Backend(BackendRef {
                kind: (*kind).into(),
                object: ObjectRef::new(*namespace, *name),
                port: port.parse().ok()?,
            }),
            (Kind::Listener, [namespace, gateway, listener]) => {
                Self::Listener(ListenerRef::new(ObjectRef::new(*namespace, *gateway), *listener))
            }
            (Kind::Listener, [namespace, gateway, set_namespace, set, listener]) => {
                Self::Listener(ListenerRef {
                    set: Some(ObjectRef::new(*set_namespace, *set)),
                    ..ListenerRef::new(ObjectRef::new(*namespace, *gateway), *listener)
                })
            }
            (Kind::Rule, [kind, namespace, route, index, rest @ ..]) => Self::Rule(RuleRef {
                route: RouteRef { kind: route_kind(kind)?, object: ObjectRef::new(*namespace, *route) },
                index: index.parse().ok()?,
                name: match rest {
                    [] => None,
                    [name] => Some((*name).into()),
                    _ => return None,
                },
            }),
            _ => return None,
        };
        // `080` and `80` are one port, but not one name.
        (found.name() == name).then_some(found)
    }
}

impl fmt::Display for ResourceRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind(), self.name())
    }
}

/// Why one resource is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceFault {
    /// Its kind.
    pub kind: Kind,
    /// Its name on the wire.
    pub name: Arc<str>,
    /// What is wrong with it, and what to do.
    pub message: Arc<str>,
}

impl ResourceFault {
    /// A fault of the resource of an object.
    pub fn new(resource: &ResourceRef, message: impl Into<Arc<str>>) -> Self {
        Self { kind: resource.kind(), name: resource.name().into(), message: message.into() }
    }

    /// The object of the resource; `None` when the resource's name is not one of ours.
    pub fn resource(&self) -> Option<ResourceRef> {
        ResourceRef::parse(self.kind, &self.name)
    }
}

impl fmt::Display for ResourceFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.kind, self.name, self.message)
    }
}

pub(crate) fn object(object: &ObjectRef) -> String {
    format!("{}/{}", object.namespace, object.name)
}

pub(crate) fn backend_name(backend: &BackendRef) -> String {
    format!("{}/{}/{}/{}", backend.kind, backend.object.namespace, backend.object.name, backend.port)
}

pub(crate) fn listener_name(listener: &ListenerRef) -> String {
    let ListenerRef { gateway, set, name } = listener;
    match set {
        None => format!("{gateway}/{name}"),
        Some(set) => format!("{gateway}/{set}/{name}"),
    }
}

pub(crate) fn rule_name(rule: &RuleRef) -> String {
    let RuleRef { route: RouteRef { kind, object }, index, name } = rule;
    match name {
        None => format!("{}/{object}/{index}", kind.as_str()),
        Some(name) => format!("{}/{object}/{index}/{name}", kind.as_str()),
    }
}

fn route_kind(text: &str) -> Option<RouteKind> {
    let all = [RouteKind::Http, RouteKind::Grpc, RouteKind::Tls, RouteKind::Tcp, RouteKind::Udp];
    all.into_iter().find(|kind| kind.as_str() == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_back_to_its_object() {
        let cases = [
            (Kind::Certificate, "infra/tls"),
            (Kind::Backend, "Service/shop/cart/8080"),
            (Kind::Listener, "infra/edge/web"),
            (Kind::Listener, "infra/edge/shop/more/web"),
            (Kind::Rule, "HTTPRoute/shop/cart/0"),
            (Kind::Rule, "GRPCRoute/shop/cart/3/pay"),
        ];
        for (kind, name) in cases {
            let found = ResourceRef::parse(kind, name).unwrap_or_else(|| panic!("{name}"));
            assert_eq!((found.kind(), found.name().as_str()), (kind, name));
            assert_eq!(ResourceFault::new(&found, "x").resource(), Some(found));
        }
    }

    #[test]
    fn what_is_no_name_is_none() {
        let cases = [
            (Kind::Certificate, "tls"),
            (Kind::Backend, "Service/shop/cart/080"),
            (Kind::Backend, "Service/shop/cart/80000"),
            (Kind::Listener, "infra/edge/more/web"),
            (Kind::Rule, "Route/shop/cart/0"),
            (Kind::Rule, "HTTPRoute/shop/cart/0/a/b"),
        ];
        for (kind, name) in cases {
            assert_eq!(ResourceRef::parse(kind, name), None, "{name}");
        }
    }
}
