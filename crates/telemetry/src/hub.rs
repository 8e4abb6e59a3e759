//! The hub: one for each process. It hands out handles while configuration is compiled and is read when somebody scrapes.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use clearway_model::{BackendRef, ListenerRef, Observability, RuleRef};

use crate::families::{self, GRACE_SCRAPES, Interner};
use crate::families::{
    AttemptIdentity, AttemptTelemetry, BackendTelemetry, ListenerTelemetry, RuleIdentity, RuleTelemetry,
    SocketIdentity, SocketTelemetry, Switches,
};
use crate::policy::RequestPolicy;
use crate::redact::RecordPolicy;
use crate::shard::{KeyedCounters, WorkerId};

/// All series of the data path.
#[derive(Debug)]
pub struct Telemetry {
    workers: usize,
    taken: Mutex<BTreeSet<usize>>,
    connection_limit: OnceLock<u64>,
    record: OnceLock<Arc<RecordPolicy>>,
    /// Which families are kept.
    pub switches: Switches,
    /// Requests by rule.
    pub rules: Interner<RuleIdentity, RuleTelemetry>,
    /// Listeners.
    pub listeners: Interner<Option<ListenerRef>, ListenerTelemetry>,
    /// Ports.
    pub sockets: Interner<SocketIdentity, SocketTelemetry>,
    /// Backends.
    pub backends: Interner<BackendRef, BackendTelemetry>,
    /// Tries by rule and backend.
    pub attempts: Interner<AttemptIdentity, AttemptTelemetry>,
    /// Mirrored requests by outcome: [`crate::key::MirrorOutcome`].
    pub mirrors: KeyedCounters,
}

impl Telemetry {
    /// A hub for so many workers.
    pub fn new(workers: usize, switches: Switches) -> Arc<Self> {
        // The watch over TCP connections is no worker, but it writes a shard like one.
        let workers = workers + usize::from(switches.tcp_metrics);
        Arc::new(Self {
            workers,
            taken: Mutex::new(BTreeSet::new()),
            connection_limit: OnceLock::new(),
            record: OnceLock::new(),
            switches,
            rules: Interner::new(),
            listeners: Interner::new(),
            sockets: Interner::new(),
            backends: Interner::new(),
            attempts: Interner::new(),
            mirrors: KeyedCounters::new(workers),
        })
    }

    /// Number of shards: one for each worker, and one for the watch over TCP connections when it is on.
    pub fn workers(&self) -> usize {
        self.workers
    }

    /// The right to write shard `index`; `None` when it was handed out before or does not exist.
    pub fn worker(&self, index: usize) -> Option<WorkerId> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        (index < self.workers && taken.insert(index)).then(|| WorkerId::new(index))
    }

    /// The right to write the shard of the watch over TCP connections; `None` when it is off or was handed out before.
    pub fn tcp_watcher(&self) -> Option<WorkerId> {
        if self.switches.tcp_metrics { self.worker(self.workers.checked_sub(1)?) } else { None }
    }

    /// Says how many connections from clients may be open, all workers together. The first word holds.
    pub fn set_connection_limit(&self, connections: u64) {
        self.connection_limit.get_or_init(|| connections);
    }

    /// How many connections from clients may be open; `None` before the data path has said it.
    pub fn connection_limit(&self) -> Option<u64> {
        self.connection_limit.get().copied()
    }

    /// Says what of requests the process is told to write: policies of listeners and rules add to it. The first word holds.
    pub fn set_record_policy(&self, record: &Arc<RecordPolicy>) {
        self.record.get_or_init(|| record.clone());
    }

    /// What an ObservabilityPolicy says, over the settings of the process.
    pub fn request_policy(&self, says: &Observability) -> RequestPolicy {
        match self.record.get() {
            Some(record) => RequestPolicy::compile(says, record, self.switches),
            None => RequestPolicy::compile(says, &RecordPolicy::default(), self.switches),
        }
    }

    /// The series of a listener.
    pub fn listener(&self, listener: &ListenerRef) -> Arc<ListenerTelemetry> {
        self.listener_or_none(&Some(listener.clone()))
    }

    /// The series of requests that no listener takes: unknown hosts, heads that cannot be read.
    pub fn no_listener(&self) -> Arc<ListenerTelemetry> {
        self.listener_or_none(&None)
    }

    fn listener_or_none(&self, listener: &Option<ListenerRef>) -> Arc<ListenerTelemetry> {
        let no_route = self.rule(&RuleIdentity { listener: listener.clone(), rule: None });
        self.listeners.get(listener, || families::listener(self.workers, listener.clone(), no_route))
    }

    /// The series of a rule under a listener. A rule with a name keeps its series when it moves within its route.
    pub fn rule(&self, identity: &RuleIdentity) -> Arc<RuleTelemetry> {
        let listener = identity.listener.clone();
        let key = RuleIdentity { listener, rule: identity.rule.as_ref().map(by_label) };
        self.rules.get(&key, || families::rule(self.workers, identity.clone()))
    }

    /// The series of a port.
    pub fn socket(&self, identity: &SocketIdentity) -> Arc<SocketTelemetry> {
        self.sockets.get(identity, || families::socket(self.workers, identity.clone()))
    }

    /// The series of a backend.
    pub fn backend(&self, backend: &BackendRef) -> Arc<BackendTelemetry> {
        self.backends.get(backend, || families::backend(self.workers, backend.clone()))
    }

    /// The series of one rule's tries at one backend.
    pub fn attempt(&self, identity: &AttemptIdentity) -> Arc<AttemptTelemetry> {
        let key = AttemptIdentity { rule: by_label(&identity.rule), backend: identity.backend.clone() };
        self.attempts.get(&key, || AttemptTelemetry {
            identity: identity.clone(),
            attempts: KeyedCounters::new(self.workers),
        })
    }

    /// One scrape's worth of age: series that nobody holds any more die after [`GRACE_SCRAPES`].
    pub fn age(&self) {
        self.listeners.age(GRACE_SCRAPES);
        self.rules.age(GRACE_SCRAPES);
        self.sockets.age(GRACE_SCRAPES);
        self.backends.age(GRACE_SCRAPES);
        self.attempts.age(GRACE_SCRAPES);
    }
}

/// The rule as its labels show it: two that look alike share their series, since a page must not hold a series twice.
fn by_label(rule: &RuleRef) -> RuleRef {
    RuleRef { route: rule.route.clone(), index: 0, name: Some(rule.label().into()) }
}
