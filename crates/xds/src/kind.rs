//! The types of resources, and the order in which they travel.

use std::fmt;

/// Type URL of the completeness digest, which closes each round of responses.
pub const MANIFEST_URL: &str = "type.googleapis.com/clearway.config.v1.Manifest";

/// A type of resource that makes up a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A certificate with its key.
    Certificate,
    /// A port of a backend object with its endpoints.
    Backend,
    /// A listener.
    Listener,
    /// A rule of a route.
    Rule,
}

impl Kind {
    /// All, in the order of sending: what is named comes before what names it.
    pub const ALL: [Self; 4] = [Self::Certificate, Self::Backend, Self::Listener, Self::Rule];

    /// The word for logs and labels.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Certificate => "Certificate",
            Self::Backend => "Backend",
            Self::Listener => "Listener",
            Self::Rule => "Rule",
        }
    }

    /// The type URL on the wire.
    pub const fn type_url(self) -> &'static str {
        match self {
            Self::Certificate => "type.googleapis.com/clearway.config.v1.Certificate",
            Self::Backend => "type.googleapis.com/clearway.config.v1.Backend",
            Self::Listener => "type.googleapis.com/clearway.config.v1.Listener",
            Self::Rule => "type.googleapis.com/clearway.config.v1.Rule",
        }
    }

    /// The type of a URL; `None` when it is not one of these.
    pub fn from_type_url(url: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.type_url() == url)
    }

    /// Its place in [`Kind::ALL`].
    pub(crate) const fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
