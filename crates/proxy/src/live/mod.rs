//! The live configuration: a snapshot compiled to what a request needs, with its metric handles in place.
//!
//! The data plane compiles it off the path and swaps one pointer; an exchange takes it once and keeps it. Workers make
//! their own thin copies of it (see [`crate::worker`]) so that no request touches a count that another core writes.

mod backends;
mod filters;
mod ports;
mod rules;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use clearway_model::{BackendRef, ObjectRef, Snapshot, Version};
use clearway_telemetry::Telemetry;

pub(crate) use backends::{EndpointHealth, LiveBackend, LiveEndpoint};
pub(crate) use filters::{
    CompiledCors, CompiledEdits, CompiledFilters, CompiledMirror, CompiledRedirect, CompiledRewrite,
};
pub(crate) use ports::{Port, SocketKey};
pub(crate) use rules::{LiveRetry, LiveRule};

/// The compiled configuration.
#[derive(Debug)]
pub struct Live {
    /// The version of the snapshot.
    pub version: Version,
    /// Sockets to listen on, with what answers there.
    pub(crate) ports: BTreeMap<SocketKey, Arc<Port>>,
    /// Backends, in the order of their references.
    pub(crate) backends: Vec<Arc<LiveBackend>>,
    /// The end of each certificate's validity, seconds since 1970.
    pub certificate_expiry: Vec<(ObjectRef, i64)>,
    rules: usize,
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
            rules: 0,
            first_request: FirstRequest::default(),
        }
    }

    /// Compiles a snapshot. `before` lends the health of endpoints and the TLS settings that did not change.
    ///
    /// # Errors
    /// Every problem that was found; nothing is served of a snapshot with problems.
    pub fn compile(
        snapshot: &Snapshot,
        telemetry: &Arc<Telemetry>,
        before: Option<&Live>,
    ) -> Result<Self, Vec<CompileProblem>> {
        let mut problems = Vec::new();
        let known: HashMap<&BackendRef, &Arc<LiveBackend>> = before
            .into_iter()
            .flat_map(|live| &live.backends)
            .map(|backend| (&backend.backend, backend))
            .collect();
        let mut backends = Vec::with_capacity(snapshot.backends.len());
        let mut index = HashMap::new();
        for backend in snapshot.backends.values() {
            let before = known.get(&backend.backend).map(|known| &***known);
            index.insert(backend.backend.clone(), backends.len());
            backends.push(Arc::new(LiveBackend::compile(backend, telemetry, before)));
        }
        let rules = rules::compile(snapshot, telemetry, &index);
        let (ports, certificate_expiry) = ports::compile(snapshot, telemetry, &rules, &mut problems);
        if problems.is_empty() {
            let version = snapshot.version.clone();
            Ok(Self {
                version,
                ports,
                backends,
                certificate_expiry,
                rules: rules.len(),
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

    /// Number of listeners, rules and backends.
    pub fn counts(&self) -> (usize, usize, usize) {
        (self.ports.values().map(|port| port.listeners.len()).sum(), self.rules, self.backends.len())
    }
}
