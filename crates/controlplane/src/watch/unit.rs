//! The name of one watch: a kind, and where.

use std::fmt;

use clearway_model::ObjectRef;

use super::kinds::Kind;

/// One watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unit {
    /// What it watches.
    pub(crate) kind: &'static Kind,
    /// Which objects of it.
    pub(crate) range: Range,
}

/// The objects of a watch.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Range {
    /// All of them.
    All,
    /// Those of a namespace, where a label selector may pick some.
    Namespace(String, Option<String>),
    /// One.
    Object(ObjectRef),
}

impl Unit {
    /// The namespace that requests name.
    pub(crate) fn namespace(&self) -> Option<&str> {
        match &self.range {
            Range::All => None,
            Range::Namespace(namespace, _) => Some(namespace),
            Range::Object(object) => Some(&object.namespace),
        }
    }
}

impl PartialOrd for Unit {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Unit {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.kind.name, &self.range).cmp(&(other.kind.name, &other.range))
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.range {
            Range::All => write!(f, "{}", self.kind),
            Range::Namespace(namespace, _) => write!(f, "{} in {namespace}", self.kind),
            Range::Object(object) => write!(f, "{} {object}", self.kind),
        }
    }
}
