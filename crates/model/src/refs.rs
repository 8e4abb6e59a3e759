//! Names of things: every reference is made of configuration, never of request bytes, so it may become a label.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A namespaced object of a kind known from the context (a Gateway, a Secret).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ObjectRef {
    /// Namespace of the object.
    pub namespace: Arc<str>,
    /// Name of the object.
    pub name: Arc<str>,
}

impl ObjectRef {
    /// A reference from its two names.
    pub fn new(namespace: impl Into<Arc<str>>, name: impl Into<Arc<str>>) -> Self {
        Self { namespace: namespace.into(), name: name.into() }
    }
}

impl fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// One listener of one Gateway, be it written in the Gateway or in a ListenerSet of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ListenerRef {
    /// The Gateway.
    pub gateway: ObjectRef,
    /// The ListenerSet that the listener is written in; `None` is the Gateway itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set: Option<ObjectRef>,
    /// `spec.listeners[].name`.
    pub name: Arc<str>,
}

impl ListenerRef {
    /// A listener that is written in the Gateway itself.
    pub fn new(gateway: ObjectRef, name: impl Into<Arc<str>>) -> Self {
        Self { gateway, set: None, name: name.into() }
    }

    /// The value of the `listener` label: the name, or `<set namespace>/<set name>/<name>`. Names hold no `/`, so two
    /// listeners of a Gateway never share a label.
    pub fn label(&self) -> Cow<'_, str> {
        match &self.set {
            None => Cow::Borrowed(&self.name),
            Some(set) => Cow::Owned(format!("{set}/{}", self.name)),
        }
    }
}

impl fmt::Display for ListenerRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.set {
            None => write!(f, "{}/{}", self.gateway, self.name),
            Some(set) => write!(f, "{}/{set}/{}", self.gateway, self.name),
        }
    }
}

/// The kinds of route that are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum RouteKind {
    /// `gateway.networking.k8s.io` HTTPRoute.
    #[serde(rename = "HTTPRoute")]
    Http,
    /// `gateway.networking.k8s.io` GRPCRoute.
    #[serde(rename = "GRPCRoute")]
    Grpc,
    /// `gateway.networking.k8s.io` TLSRoute; it has a status, and no rule of it is served.
    #[serde(rename = "TLSRoute")]
    Tls,
    /// `gateway.networking.k8s.io` TCPRoute; it has a status, and no rule of it is served.
    #[serde(rename = "TCPRoute")]
    Tcp,
    /// `gateway.networking.k8s.io` UDPRoute; it has a status, and no rule of it is served.
    #[serde(rename = "UDPRoute")]
    Udp,
}

impl RouteKind {
    /// The Kubernetes kind, as written in a label or a message.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "HTTPRoute",
            Self::Grpc => "GRPCRoute",
            Self::Tls => "TLSRoute",
            Self::Tcp => "TCPRoute",
            Self::Udp => "UDPRoute",
        }
    }
}

/// One route object.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RouteRef {
    /// Its kind.
    pub kind: RouteKind,
    /// Its namespace and name.
    pub object: ObjectRef,
}

impl fmt::Display for RouteRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind.as_str(), self.object)
    }
}

/// One rule of one route.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RuleRef {
    /// The route.
    pub route: RouteRef,
    /// Index of the rule in `spec.rules`.
    pub index: u32,
    /// `spec.rules[].name`, when the user gave one.
    pub name: Option<Arc<str>>,
}

impl RuleRef {
    /// The value of the `route_rule` label: the rule's name, else its index.
    pub fn label(&self) -> String {
        self.name.as_deref().map_or_else(|| self.index.to_string(), str::to_owned)
    }
}

impl fmt::Display for RuleRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{} rule {name}", self.route),
            None => write!(f, "{} rule {}", self.route, self.index),
        }
    }
}

/// One port of one backend object.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct BackendRef {
    /// Kind of the object: `Service` or `Backend`.
    pub kind: Arc<str>,
    /// Its namespace and name.
    pub object: ObjectRef,
    /// The port that routes name.
    pub port: u16,
}

impl fmt::Display for BackendRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}:{}", self.kind, self.object, self.port)
    }
}

/// A hostname of a listener or a route: exact (`shop.example`), wildcard (`*.example`), or any.
///
/// Always lower case. A wildcard covers one or more leading labels (Gateway API `Hostname`).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Hostname {
    /// Any host.
    Any,
    /// Hosts that end in `.suffix`; the suffix holds no leading `*.`.
    Wildcard(Arc<str>),
    /// Just this host.
    Exact(Arc<str>),
}

impl Hostname {
    /// Reads `""`, `*`, `*.suffix` or a host name; upper case is folded.
    pub fn parse(text: &str) -> Self {
        let lower = text.to_ascii_lowercase();
        if lower.is_empty() || lower == "*" {
            return Self::Any;
        }
        match lower.strip_prefix("*.") {
            Some(suffix) => Self::Wildcard(suffix.into()),
            None => Self::Exact(lower.into()),
        }
    }

    /// Whether `host` (lower case, without a port) falls under this hostname.
    pub fn covers(&self, host: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Exact(name) => **name == *host,
            Self::Wildcard(suffix) => ends_in_label(host, suffix),
        }
    }

    /// The hosts common to both, `None` when there are none (Gateway API: listener and route hostnames intersect).
    pub fn intersect(&self, other: &Self) -> Option<Self> {
        match (self, other) {
            (Self::Any, one) | (one, Self::Any) => Some(one.clone()),
            (Self::Exact(name), set) | (set, Self::Exact(name)) => {
                set.covers(name).then(|| Self::Exact(name.clone()))
            }
            (Self::Wildcard(a), Self::Wildcard(b)) => {
                if a == b || ends_in_label(a, b) {
                    Some(self.clone())
                } else {
                    ends_in_label(b, a).then(|| other.clone())
                }
            }
        }
    }
}

fn ends_in_label(host: &str, suffix: &str) -> bool {
    host.strip_suffix(suffix).and_then(|head| head.strip_suffix('.')).is_some_and(|label| !label.is_empty())
}

impl fmt::Display for Hostname {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::Wildcard(suffix) => write!(f, "*.{suffix}"),
            Self::Exact(name) => f.write_str(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Hostname, ListenerRef, ObjectRef};

    #[test]
    fn the_label_of_a_listener_says_which_set_it_comes_from() {
        let own = ListenerRef::new(ObjectRef::new("infra", "edge"), "web");
        let set = ListenerRef { set: Some(ObjectRef::new("shop", "more")), ..own.clone() };
        assert_eq!((&*own.label(), &*set.label()), ("web", "shop/more/web"));
        assert_eq!(
            (own.to_string(), set.to_string()),
            ("infra/edge/web".into(), "infra/edge/shop/more/web".into())
        );
    }

    #[test]
    fn a_wildcard_covers_one_or_more_labels_and_never_the_bare_suffix() {
        let wildcard = Hostname::parse("*.Example.com");
        assert!(wildcard.covers("a.example.com"));
        assert!(wildcard.covers("a.b.example.com"));
        assert!(!wildcard.covers("example.com"));
        assert!(!wildcard.covers("badexample.com"));
    }

    #[test]
    fn intersections_keep_the_narrower_side() {
        let cases = [
            ("*", "a.example", Some("a.example")),
            ("*.example", "a.example", Some("a.example")),
            ("*.example", "*.a.example", Some("*.a.example")),
            ("*.a.example", "*.example", Some("*.a.example")),
            ("*.example", "example", None),
            ("a.example", "b.example", None),
            ("*.a.example", "*.b.example", None),
            ("", "*", Some("*")),
        ];
        for (a, b, want) in cases {
            let got = Hostname::parse(a).intersect(&Hostname::parse(b)).map(|h| h.to_string());
            assert_eq!(got.as_deref(), want, "{a} with {b}");
        }
    }
}
