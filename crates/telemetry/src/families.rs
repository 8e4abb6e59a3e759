//! The live series: one handle for each thing that is configured, made when the configuration is compiled.
//!
//! The data path holds the handles and writes through them; the catalog reads them when somebody scrapes. A handle is
//! found by the configured name it stands for, so a reload continues the series of what stays. A series dies a few
//! scrapes after the last holder of its handle let go: the configuration, or a request that is still running.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use clearway_model::{BackendRef, ListenerRef, RuleRef};

use crate::buckets;
use crate::histogram::Histogram;
use crate::shard::{Counter, KeyedCounters};
use crate::words::Phase;

/// Whose requests a series counts.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RuleIdentity {
    /// The listener; `None` when a request could not be given to one.
    pub listener: Option<ListenerRef>,
    /// The rule; `None` when no rule took the request.
    pub rule: Option<RuleRef>,
}

/// Series of one rule under one listener.
#[derive(Debug)]
pub struct RuleTelemetry {
    /// Whose they are.
    pub identity: RuleIdentity,
    /// The identity as members of a JSON object, ready to be copied into a log line: `"gateway_name":"x",...`.
    pub json: Box<str>,
    /// Requests by [`crate::key::RequestKey`].
    pub requests: KeyedCounters,
    /// Durations by class of status code: `durations[code / 100]`, index 0 for codes below 100.
    pub durations: [Histogram; 6],
    /// Body bytes: [`BYTES_RECEIVED`] and [`BYTES_SENT`].
    pub bytes: KeyedCounters,
}

/// Key in [`RuleTelemetry::bytes`]: request bodies.
pub const BYTES_RECEIVED: u64 = 0;
/// Key in [`RuleTelemetry::bytes`]: response bodies.
pub const BYTES_SENT: u64 = 1;

/// Series of one listener.
#[derive(Debug)]
pub struct ListenerTelemetry {
    /// Its name; `None` for requests that no listener takes.
    pub listener: Option<ListenerRef>,
    /// Requests that are being served.
    pub in_flight: Counter,
    /// Time by phase, in the order of [`Phase::ALL`].
    pub phases: [Histogram; Phase::COUNT],
    no_route: Arc<RuleTelemetry>,
}

impl ListenerTelemetry {
    /// The series of requests that no rule takes.
    pub fn no_route(&self) -> &Arc<RuleTelemetry> {
        &self.no_route
    }
}

/// Whose connections a series counts: a port, and its listener when exactly one can be meant.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SocketIdentity {
    /// The listener, when it is the only one of the port.
    pub listener: Option<ListenerRef>,
    /// The port.
    pub port: u16,
}

/// Series of connections that come in.
#[derive(Debug)]
pub struct SocketTelemetry {
    /// Whose they are.
    pub identity: SocketIdentity,
    /// Connections that are open.
    pub open: Counter,
    /// Connections that were accepted.
    pub accepted: Counter,
    /// Connections that ended, by [`crate::key::ConnectionEnd`].
    pub closed: KeyedCounters,
    /// TLS handshakes by [`crate::key::TlsOutcome`] and version.
    pub handshakes: KeyedCounters,
    /// Time of finished TLS handshakes.
    pub handshake_duration: Histogram,
    /// What the kernel says of them.
    pub tcp: TcpTelemetry,
}

/// What the kernel shows of open connections (`struct tcp_info`, Linux tcp(7)), asked every few seconds.
#[derive(Debug)]
pub struct TcpTelemetry {
    /// Smoothed round-trip time.
    pub rtt: Histogram,
    /// Segments sent again.
    pub retransmits: Counter,
}

/// Series of one backend port.
#[derive(Debug)]
pub struct BackendTelemetry {
    /// Its name.
    pub backend: BackendRef,
    /// Time of tries, from their start to the head of the response.
    pub first_byte: Histogram,
    /// Time to open a connection.
    pub connect: Histogram,
    /// Time of TLS on it.
    pub tls: Histogram,
    /// Connections opened, by outcome: [`crate::key::ConnectOutcome`].
    pub connects: KeyedCounters,
    /// Connections that are open.
    pub open: Counter,
    /// Connections that lie idle in the pools.
    pub idle: Counter,
    /// Requests sent on a connection that had served before.
    pub reused: Counter,
    /// Requests that wait for a connection.
    pub pending: Counter,
    /// Endpoints taken out for a while.
    pub ejections: Counter,
    /// Health of the endpoints: written by the configuration, read by the exposition.
    pub endpoints: Mutex<Option<Arc<dyn EndpointCensus>>>,
    /// What the kernel says of the connections.
    pub tcp: TcpTelemetry,
}

/// Counts endpoints at the moment of a scrape.
pub trait EndpointCensus: Send + Sync + std::fmt::Debug {
    /// `(configured, ejected)`.
    fn count(&self) -> (usize, usize);
}

/// Which rule's tries at which backend a series counts.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AttemptIdentity {
    /// The rule.
    pub rule: RuleRef,
    /// The backend.
    pub backend: BackendRef,
}

/// Series of one rule's tries at one backend.
#[derive(Debug)]
pub struct AttemptTelemetry {
    /// Whose they are.
    pub identity: AttemptIdentity,
    /// Tries by [`crate::key::AttemptKey`].
    pub attempts: KeyedCounters,
}

/// Which families are kept. A family that is off has no series and costs nothing (S004-9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Switches {
    /// `clearway_requests_total` and attempts by status code.
    pub status_code_metrics: bool,
    /// Body bytes.
    pub bandwidth_metrics: bool,
    /// Endpoints, pools, connects.
    pub upstream_health_metrics: bool,
    /// Durations and phases.
    pub latency_metrics: bool,
    /// Requests by consumer; takes effect once consumers are known (no authentication filter exists yet).
    pub per_consumer: bool,
    /// What the kernel says of TCP connections: a thread of its own asks every few seconds.
    pub tcp_metrics: bool,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            status_code_metrics: true,
            bandwidth_metrics: true,
            upstream_health_metrics: true,
            latency_metrics: true,
            per_consumer: true,
            tcp_metrics: false,
        }
    }
}

impl Switches {
    /// Everything off: for races against programs that measure nothing.
    pub const OFF: Self = Self {
        status_code_metrics: false,
        bandwidth_metrics: false,
        upstream_health_metrics: false,
        latency_metrics: false,
        per_consumer: false,
        tcp_metrics: false,
    };
}

/// Scrapes that a series outlives the last holder of its handle.
pub const GRACE_SCRAPES: u32 = 3;

/// Handles by the name they stand for.
#[derive(Debug)]
pub struct Interner<K, V> {
    entries: Mutex<HashMap<K, Entry<V>>>,
}

#[derive(Debug)]
struct Entry<V> {
    handle: Arc<V>,
    idle_scrapes: u32,
}

impl<K: Hash + Eq + Clone, V> Interner<K, V> {
    pub(crate) fn new() -> Self {
        Self { entries: Mutex::new(HashMap::new()) }
    }

    pub(crate) fn get(&self, key: &K, make: impl FnOnce() -> V) -> Arc<V> {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = entries.get_mut(key) {
            entry.idle_scrapes = 0;
            return entry.handle.clone();
        }
        let handle = Arc::new(make());
        entries.insert(key.clone(), Entry { handle: handle.clone(), idle_scrapes: 0 });
        handle
    }

    /// All handles, in no order. The lock is not held while they are used.
    pub fn all(&self) -> Vec<Arc<V>> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.values().map(|entry| entry.handle.clone()).collect()
    }

    /// Number of handles.
    pub fn len(&self) -> usize {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Ages handles that only the interner holds, and lets go of those that outlived `grace` calls.
    pub fn age(&self, grace: u32) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.retain(|_, entry| {
            entry.idle_scrapes =
                if Arc::strong_count(&entry.handle) > 1 { 0 } else { entry.idle_scrapes + 1 };
            entry.idle_scrapes <= grace
        });
        if entries.capacity() > 4 * entries.len() + 64 {
            entries.shrink_to_fit();
        }
    }
}

pub(crate) fn rule(workers: usize, identity: RuleIdentity) -> RuleTelemetry {
    RuleTelemetry {
        json: identity_json(&identity).into(),
        identity,
        requests: KeyedCounters::new(workers),
        durations: std::array::from_fn(|_| Histogram::new(workers, buckets::REQUEST)),
        bytes: KeyedCounters::new(workers),
    }
}

pub(crate) fn listener(
    workers: usize,
    listener: Option<ListenerRef>,
    no_route: Arc<RuleTelemetry>,
) -> ListenerTelemetry {
    ListenerTelemetry {
        listener,
        in_flight: Counter::new(workers),
        phases: std::array::from_fn(|_| Histogram::new(workers, buckets::PHASE)),
        no_route,
    }
}

pub(crate) fn tcp(workers: usize) -> TcpTelemetry {
    TcpTelemetry { rtt: Histogram::new(workers, buckets::CONNECT), retransmits: Counter::new(workers) }
}

pub(crate) fn socket(workers: usize, identity: SocketIdentity) -> SocketTelemetry {
    SocketTelemetry {
        identity,
        open: Counter::new(workers),
        accepted: Counter::new(workers),
        closed: KeyedCounters::new(workers),
        handshakes: KeyedCounters::new(workers),
        handshake_duration: Histogram::new(workers, buckets::CONNECT),
        tcp: tcp(workers),
    }
}

pub(crate) fn backend(workers: usize, backend: BackendRef) -> BackendTelemetry {
    BackendTelemetry {
        backend,
        first_byte: Histogram::new(workers, buckets::REQUEST),
        connect: Histogram::new(workers, buckets::CONNECT),
        tls: Histogram::new(workers, buckets::CONNECT),
        connects: KeyedCounters::new(workers),
        open: Counter::new(workers),
        idle: Counter::new(workers),
        reused: Counter::new(workers),
        pending: Counter::new(workers),
        ejections: Counter::new(workers),
        endpoints: Mutex::new(None),
        tcp: tcp(workers),
    }
}

fn identity_json(identity: &RuleIdentity) -> String {
    let mut text = String::new();
    let mut member = |name: &str, value: &str| {
        if !text.is_empty() {
            text.push(',');
        }
        // Kubernetes names hold nothing that JSON escapes, but files may say anything.
        text.push_str(&format!("{:?}:{}", name, crate::json::quoted(value)));
    };
    if let Some(listener) = &identity.listener {
        member("gateway_namespace", &listener.gateway.namespace);
        member("gateway_name", &listener.gateway.name);
        member("listener", &listener.name);
    }
    if let Some(rule) = &identity.rule {
        member("route_kind", rule.route.kind.as_str());
        member("route_namespace", &rule.route.object.namespace);
        member("route_name", &rule.route.object.name);
        member("route_rule", &rule.label());
    }
    text
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use clearway_model::ObjectRef;

    pub(crate) fn listener_ref() -> ListenerRef {
        ListenerRef::new(ObjectRef::new("default", "demo"), "http")
    }

    #[test]
    fn a_series_outlives_its_last_holder_by_a_few_scrapes_and_is_found_again_by_name() {
        let hub = crate::Telemetry::new(1, Switches::default());
        let worker = hub.worker(0).expect("first time");
        let held = hub.listener(&listener_ref());
        held.in_flight.add(&worker, 7);
        for _ in 0..10 {
            hub.age();
        }
        drop(held);
        hub.age();
        assert_eq!(hub.listener(&listener_ref()).in_flight.get(), 7, "a reload continues the series");
        for _ in 0..=GRACE_SCRAPES {
            hub.age();
        }
        assert_eq!(hub.listener(&listener_ref()).in_flight.get(), 0, "it died and began anew");
    }
}
