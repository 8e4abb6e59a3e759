//! The live configuration: a snapshot compiled to what a request needs, with its metric handles in place.
//!
//! The data plane compiles it off the path and swaps one pointer; an exchange takes it once and keeps it. Workers make
//! their own thin copies of it (see [`crate::worker`]) so that no request touches a count that another core writes.

mod backends;
mod filters;
mod index;
mod policies;
mod ports;
mod rules;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use clearway_model::{ObjectRef, Snapshot, Version};
use clearway_telemetry::Telemetry;

pub(crate) use backends::{EndpointHealth, LiveBackend, LiveEndpoint, PoolKey};
pub(crate) use filters::{
    CompiledCors, CompiledEdits, CompiledFilters, CompiledMirror, CompiledRedirect, CompiledRewrite,
};
pub(crate) use ports::{Port, SocketKey};
pub(crate) use rules::{LiveRetry, LiveRule};

use crate::tls::Certificates;
use index::BackendIndex;
use rules::Rules;

/// The compiled configuration.
#[derive(Debug)]
pub struct Live {
    /// The version of the snapshot.
    pub version: Version,
    /// Sockets to listen on, with what answers there.
    pub(crate) ports: BTreeMap<SocketKey, Arc<Port>>,
    /// Backends, in the order of their references; behind them those that are reached with a Gateway's certificate.
    pub(crate) backends: Vec<Arc<LiveBackend>>,
    /// The end of each certificate's validity, seconds since 1970.
    pub certificate_expiry: Vec<(ObjectRef, i64)>,
    certificates: Certificates,
    /// What it was compiled from: the next one takes over what did not change.
    snapshot: Arc<Snapshot>,
    /// Where the backends are.
    index: Arc<BackendIndex>,
    first_request: FirstRequest,
}

/// Runs once, when the first request is served by a configuration.
type Hook = Box<dyn Fn() + Send + Sync>;

#[derive(Default)]
struct FirstRequest {
    seen: AtomicBool,
    hook: Option<Hook>,
}

impl std::fmt::Debug for FirstRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FirstRequest").field("seen", &self.seen).finish_non_exhaustive()
    }
}

/// Something of a snapshot that cannot be served. The rest of the snapshot is not served either: the last good
/// configuration stays.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{object}: {reason}")]
pub struct CompileProblem {
    /// The object, as an operator names it.
    pub object: String,
    /// What is wrong with it and what to do.
    pub reason: String,
}

impl Live {
    /// A configuration without listeners, for before the first snapshot.
    pub fn empty() -> Self {
        Self {
            version: Version::default(),
            ports: BTreeMap::new(),
            backends: Vec::new(),
            certificate_expiry: Vec::new(),
            certificates: Certificates::default(),
            snapshot: Arc::default(),
            index: Arc::default(),
            first_request: FirstRequest::default(),
        }
    }

    /// Compiles a snapshot. `before` lends everything that did not change: rules, listeners, backends with the health of
    /// their endpoints, TLS settings.
    ///
    /// # Errors
    /// Every problem that was found; nothing is served of a snapshot with problems.
    pub fn compile(
        snapshot: &Arc<Snapshot>,
        telemetry: &Arc<Telemetry>,
        before: Option<&Live>,
    ) -> Result<Self, Vec<CompileProblem>> {
        let mut problems = Vec::new();
        let nothing = Self::empty();
        let before = before.unwrap_or(&nothing);
        let certificates =
            Certificates::load(&snapshot.certificates, Some(&before.certificates), &mut problems);
        let (index, backends) = index::compile(snapshot, &certificates, telemetry, before);
        let rules = Rules::new(telemetry, &index, Arc::ptr_eq(&index, &before.index));
        let parts = ports::Parts { telemetry, certificates: &certificates, before: &before.ports };
        let ports = ports::compile(snapshot, &parts, rules, &mut problems);
        if problems.is_empty() {
            let version = snapshot.version.clone();
            Ok(Self {
                version,
                ports,
                backends,
                certificate_expiry: certificates.expiry(),
                certificates,
                snapshot: snapshot.clone(),
                index,
                first_request: FirstRequest::default(),
            })
        } else {
            Err(problems)
        }
    }

    /// Has `hook` run when the first request is served by this configuration.
    pub fn when_first_served(&mut self, hook: impl Fn() + Send + Sync + 'static) {
        self.first_request.hook = Some(Box::new(hook));
    }

    /// A worker serves its first request by this configuration.
    pub(crate) fn first_served(&self) {
        if !self.first_request.seen.swap(true, Relaxed)
            && let Some(hook) = &self.first_request.hook
        {
            hook();
        }
    }

    /// Lets the exposition count the endpoints of this configuration.
    pub(crate) fn announce(&self) {
        self.backends
            .iter()
            .filter(|backend| backend.identity.is_none())
            .for_each(|backend| backend.announce());
    }

    /// Number of listeners, rules and backends.
    pub fn counts(&self) -> (usize, usize, usize) {
        let listeners = self.ports.values().flat_map(|port| &port.listeners);
        let distinct: BTreeSet<_> = listeners.map(|listener| &listener.listener.listener).collect();
        let backends = self.backends.iter().filter(|backend| backend.identity.is_none());
        (distinct.len(), self.snapshot.rules.len(), backends.count())
    }
}

#[cfg(test)]
mod tests;
