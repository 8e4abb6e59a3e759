//! What watches tell the world.

use std::sync::Arc;
use std::time::Instant;

use clearway_k8s::{Loaded, Unreadable};
use clearway_model::ObjectRef;
use clearway_translate::InstalledApi;
use serde_json::Value;

use super::kinds::Kind;
use super::unit::Unit;

/// One thing that a watch saw. What means nothing to us is not told.
#[derive(Debug)]
pub(crate) struct Change {
    /// When the watch saw it.
    pub(crate) seen: Instant,
    /// What it saw.
    pub(crate) what: What,
}

/// What a watch saw.
pub(crate) enum What {
    /// An object as it is now.
    Applied {
        /// Its kind.
        kind: &'static Kind,
        /// Its name.
        key: ObjectRef,
        /// What could be read of it.
        content: Content,
    },
    /// An object is gone.
    Gone {
        /// Its kind.
        kind: &'static Kind,
        /// Its name.
        key: ObjectRef,
    },
    /// Which custom resource definitions there are. It comes before anything of their kinds.
    Installed(InstalledApi),
    /// Everything that was there when the watch began has been told, and what went away meanwhile too.
    InStep(Unit),
}

impl What {
    /// The object that it is about, with its kind.
    pub(crate) fn object(&self) -> Option<(&'static str, &ObjectRef)> {
        match self {
            Self::Applied { kind, key, .. } | Self::Gone { kind, key } => Some((kind.name, key)),
            Self::Installed(_) | Self::InStep(_) => None,
        }
    }
}

/// What could be read of an object.
pub(crate) enum Content {
    /// An object that translation knows, with its JSON where the writers of the leader need it.
    Object(Box<Loaded>, Option<Arc<Value>>),
    /// An object that only the control plane itself looks at.
    Json(Arc<Value>),
    /// It cannot be read.
    Unreadable(Box<Unreadable>),
}

impl std::fmt::Debug for What {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Applied { kind, key, .. } => write!(f, "Applied({kind} {key})"),
            Self::Gone { kind, key } => write!(f, "Gone({kind} {key})"),
            Self::Installed(api) => write!(f, "Installed({})", api.bundle_version),
            Self::InStep(unit) => write!(f, "InStep({unit})"),
        }
    }
}
