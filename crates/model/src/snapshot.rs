//! The whole served configuration at one version.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::backend::Backend;
use crate::listener::{Certificate, Listener};
use crate::refs::{BackendRef, ListenerRef, ObjectRef, RuleRef};
use crate::rule::Rule;

/// The version of a snapshot: a hash of its content, so equal content has equal versions on every machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Version(pub Arc<str>);

impl Version {
    /// The version as text, lower case hexadecimal.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Everything that a data plane serves. Keys repeat the name inside the value; maps keep the bytes stable. Values are
/// shared, so a version costs what differs from the one before, and what did not change is seen by its pointer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// Hash of the rest.
    pub version: Version,
    /// Listeners of all Gateways.
    pub listeners: BTreeMap<ListenerRef, Arc<Listener>>,
    /// Rules of all attached routes.
    pub rules: BTreeMap<RuleRef, Arc<Rule>>,
    /// Backends that rules name.
    pub backends: BTreeMap<BackendRef, Arc<Backend>>,
    /// Certificates that listeners name, towards clients and towards backends.
    pub certificates: BTreeMap<ObjectRef, Arc<Certificate>>,
}
