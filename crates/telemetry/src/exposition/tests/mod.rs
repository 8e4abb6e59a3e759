//! Tests of the exposition: a fully exercised hub, and a small reader of the text formats.

mod closure;
mod formats;
mod planes;
mod reader;
mod series;

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clearway_model::{BackendRef, ListenerRef, ObjectRef, RouteKind, RouteRef, RuleRef, Version};

use super::{BuildInfo, Exposition, Sources};
use crate::accounting::{Accounting, DropReason, Signal};
use crate::config::{ConfigStage, ConfigTelemetry, ObjectCounts, ProblemCounts};
use crate::families::{
    AttemptIdentity, AttemptTelemetry, BYTES_RECEIVED, BYTES_SENT, BackendTelemetry, EndpointCensus,
    ListenerTelemetry, RuleIdentity, RuleTelemetry, SocketIdentity, SocketTelemetry, Switches,
};
use crate::flag::ResponseFlag;
use crate::histogram::Exemplar;
use crate::hub::Telemetry;
use crate::key::{AttemptKey, ConnectOutcome, ConnectionEnd, MirrorOutcome, RequestKey, TlsOutcome};
use crate::runtime::RuntimeTelemetry;
use crate::shard::WorkerId;
use crate::words::{AnsweredBy, MethodLabel, Phase, Protocol};

pub(super) const ALL_ON: Switches = Switches {
    status_code_metrics: true,
    bandwidth_metrics: true,
    upstream_health_metrics: true,
    latency_metrics: true,
    per_consumer: true,
    tcp_metrics: true,
};

/// An exposition, the hub it reads, and the handles that keep its series alive.
pub(super) struct Scene {
    pub(super) exposition: Exposition,
    pub(super) hub: Arc<Telemetry>,
    pub(super) worker: WorkerId,
    runtime: tokio::runtime::Runtime,
    held: Held,
}

#[derive(Default)]
struct Held {
    rules: Vec<Arc<RuleTelemetry>>,
    listeners: Vec<Arc<ListenerTelemetry>>,
    sockets: Vec<Arc<SocketTelemetry>>,
    backends: Vec<Arc<BackendTelemetry>>,
    attempts: Vec<Arc<AttemptTelemetry>>,
}

pub(super) fn listener() -> ListenerRef {
    ListenerRef::new(ObjectRef::new("shop", "edge"), "https")
}

pub(super) fn rule(name: &str, index: u32, rule: Option<&str>) -> RuleRef {
    let route = RouteRef { kind: RouteKind::Http, object: ObjectRef::new("shop", name) };
    RuleRef { route, index, name: rule.map(Into::into) }
}

pub(super) fn identity(rule: RuleRef) -> RuleIdentity {
    RuleIdentity { listener: Some(listener()), rule: Some(rule) }
}

pub(super) fn backend(name: &str) -> BackendRef {
    BackendRef { kind: "Service".into(), object: ObjectRef::new("shop", name), port: 8080 }
}

pub(super) fn get(code: u16) -> RequestKey {
    RequestKey {
        code,
        method: MethodLabel::Get,
        protocol: Protocol::Http11,
        answered_by: AnsweredBy::Upstream,
        flag: ResponseFlag::None,
        grpc_status: None,
    }
}

#[derive(Debug)]
struct Census;

impl EndpointCensus for Census {
    fn count(&self) -> (usize, usize) {
        (3, 1)
    }
}

impl Scene {
    /// Sources without any use of them.
    pub(super) fn idle(switches: Switches) -> Self {
        let hub = Telemetry::new(1, switches);
        hub.set_connection_limit(8192);
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("runtime");
        let sources = Sources {
            hub: Some(hub.clone()),
            control: None,
            xds: None,
            config: Arc::new(ConfigTelemetry::new()),
            runtimes: Arc::new(RuntimeTelemetry::new()),
            accounting: Accounting::new(),
            build: BuildInfo { version: "1.2.3", revision: "0123abc" },
        };
        sources.runtimes.register("0", runtime.handle().clone());
        let worker = hub.worker(0).expect("first time");
        Self { exposition: Exposition::new(sources), hub, worker, runtime, held: Held::default() }
    }

    /// Every series kind of the catalog used at least once, always with the same numbers.
    pub(super) fn exercised(switches: Switches) -> Self {
        let mut scene = Self::idle(switches);
        scene.serve_requests();
        scene.reach_backends();
        scene.accept_connections();
        scene.change_configuration();
        scene.keep_books();
        scene
    }

    pub(super) fn page(&self, accept: &str) -> String {
        String::from_utf8(self.exposition.render(Some(accept), None).body).expect("UTF-8")
    }

    fn serve_requests(&mut self) {
        let (hub, worker) = (&self.hub, &self.worker);
        let named = hub.rule(&identity(rule("cart", 0, Some("checkout"))));
        named.requests.add(worker, get(200).pack(), 41);
        let grpc = RequestKey {
            method: MethodLabel::Post,
            protocol: Protocol::Http2,
            grpc_status: Some(14),
            flag: ResponseFlag::ConnectFailed,
            answered_by: AnsweredBy::Gateway,
            ..get(200)
        };
        named.requests.add(worker, grpc.pack(), 1);
        let at = UNIX_EPOCH + Duration::from_millis(1_700_000_000_250);
        for millis in [3, 4, 90_000] {
            named.durations[2].observe(worker, Duration::from_millis(millis));
        }
        named.durations[2].observe(worker, Duration::from_nanos(100));
        let exemplar = Exemplar { trace_id: [0xab; 16], span_id: [0xcd; 8], seconds: 0.02, at };
        named.durations[2].observe_with_exemplar(worker, Duration::from_millis(20), exemplar);
        named.bytes.add(worker, BYTES_RECEIVED, 1_000);
        named.bytes.add(worker, BYTES_SENT, 2_000_000);
        let taken = hub.listener(&listener());
        taken.in_flight.add(worker, 2);
        for phase in Phase::ALL {
            taken.phases[phase as usize].observe(worker, Duration::from_micros(10 << (phase as u32)));
        }
        let lost = hub.no_listener();
        let not_found =
            RequestKey { answered_by: AnsweredBy::Gateway, flag: ResponseFlag::NoRoute, ..get(404) };
        lost.no_route().requests.add(worker, not_found.pack(), 5);
        hub.mirrors.add(worker, MirrorOutcome::Dropped as u64, 2);
        self.held.rules.push(named);
        self.held.listeners.extend([taken, lost]);
    }

    fn reach_backends(&mut self) {
        let (hub, worker) = (&self.hub, &self.worker);
        let cart = hub.backend(&backend("cart"));
        for (histogram, micros) in
            [(&cart.first_byte, 900), (&cart.connect, 120), (&cart.tls, 700), (&cart.tcp.rtt, 80)]
        {
            histogram.observe(worker, Duration::from_micros(micros));
        }
        for outcome in ConnectOutcome::ALL {
            cart.connects.add(worker, *outcome as u64, 1 + *outcome as u64);
        }
        for (counter, n) in
            [(&cart.open, 4), (&cart.idle, 3), (&cart.reused, 40), (&cart.pending, 1), (&cart.ejections, 6)]
        {
            counter.add(worker, n);
        }
        cart.tcp.retransmits.add(worker, 2);
        *cart.endpoints.lock().expect("lock") = Some(Arc::new(Census));
        let tries = hub
            .attempt(&AttemptIdentity { rule: rule("cart", 0, Some("checkout")), backend: backend("cart") });
        for (code, flag, retry) in [
            (Some(200), ResponseFlag::None, false),
            (None, ResponseFlag::ConnectFailed, false),
            (Some(503), ResponseFlag::RetriedStatus, true),
        ] {
            tries.attempts.add(worker, AttemptKey { code, flag, retry }.pack(), 7);
        }
        self.held.backends.push(cart);
        self.held.attempts.push(tries);
    }

    fn accept_connections(&mut self) {
        let (hub, worker) = (&self.hub, &self.worker);
        for listener in [Some(listener()), None] {
            let socket = hub.socket(&SocketIdentity { listener, port: 10443 });
            socket.accepted.add(worker, 9);
            socket.open.add(worker, 8);
            for end in ConnectionEnd::ALL {
                socket.closed.add(worker, *end as u64, 1);
            }
            for outcome in TlsOutcome::ALL {
                socket.handshakes.add(worker, *outcome as u64, 1);
            }
            socket.handshake_duration.observe(worker, Duration::from_millis(2));
            socket.tcp.rtt.observe(worker, Duration::from_micros(300));
            socket.tcp.retransmits.add(worker, 1);
            self.held.sockets.push(socket);
        }
    }

    fn change_configuration(&self) {
        let config = &self.exposition.sources.config;
        for stage in ConfigStage::ALL {
            config.record_stage(stage, Duration::from_millis(7));
        }
        let problems = ProblemCounts { errors: 0, warnings: 1 };
        let version = Version("00000000000ff123".into());
        config.applied(&version, 1_700_000_000.5, ObjectCounts([1, 2, 3, 4, 5, 6, 7]), problems);
        config.set_certificates([(ObjectRef::new("shop", "edge-tls"), 1_800_000_000)]);
    }

    fn keep_books(&self) {
        for signal in Signal::ALL {
            let books = self.exposition.sources.accounting.books(signal);
            books.producer().count(20);
            books.exported(10);
            for reason in DropReason::ALL {
                books.dropped(reason, 1);
            }
            books.failed("the receiver is away".to_owned());
            books.set_capacity(4096);
        }
        self.runtime.block_on(async {});
    }

    /// Lets go of every handle, as a configuration without these objects does.
    pub(super) fn let_go(&mut self) {
        self.held = Held::default();
    }
}

#[test]
fn times_before_1970_do_not_break_an_exemplar() {
    let scene = Scene::idle(ALL_ON);
    let handle = scene.hub.rule(&identity(rule("cart", 0, None)));
    let at: SystemTime = UNIX_EPOCH - Duration::from_secs(5);
    let exemplar = Exemplar { trace_id: [1; 16], span_id: [1; 8], seconds: 0.1, at };
    handle.durations[2].observe_with_exemplar(&scene.worker, Duration::from_millis(100), exemplar);
    let page = reader::read(&scene.page("application/openmetrics-text"));
    assert!(page.samples.iter().all(|sample| sample.exemplar.is_none()));
    assert!(!scene.exposition.render(Some(formats::PROTOBUF), None).body.is_empty());
}
