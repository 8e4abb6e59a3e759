//! Both sides of the protocol in one process, on loopback; each test uses a part of it.
#![allow(dead_code, reason = "each test is a program of its own and uses a part of this")]
#![expect(clippy::unwrap_used, reason = "a test may panic, and so may its kit")]

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use clearway_model::{
    Backend, BackendProtocol, BackendRef, Certificate, Endpoint, EndpointAddress, ForwardedTrust, Hostname,
    Listener, ListenerProtocol, ListenerRef, ListenerTls, Match, ObjectRef, PathMatch, RouteKind, RouteRef,
    Rule, RuleParent, RuleRef, Snapshot, Timeouts, TraceTrust, Version, WeightedBackend,
};
use clearway_xds::{
    Backoff, Client, ClientOptions, ClientState, ClientTls, Hub, NodeEvent, NodeEventKind, OnRefusal,
    ResourceFault, Resources, ServerOptions, ServerTls, Sink, StreamRefusal, serve,
};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, broadcast, mpsc, oneshot, watch};
use tokio::task::JoinHandle;

/// The fleet of all tests.
pub(crate) const FLEET: &str = "clearway-dataplane";

/// Longer than anything here takes, unless it hangs.
const HANG: Duration = Duration::from_secs(30);

/// Waits, but not for ever.
pub(crate) async fn soon<T>(what: &str, work: impl Future<Output = T>) -> T {
    tokio::time::timeout(HANG, work).await.unwrap_or_else(|_| panic!("{what}: not within {HANG:?}"))
}

type Refusals = Arc<Mutex<Vec<StreamRefusal>>>;

/// A server on a port of its own.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    refusals: Refusals,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Server {
    pub(crate) async fn start(hub: &Hub, tls: Option<watch::Receiver<ServerTls>>) -> Self {
        Self::start_on("127.0.0.1:0".parse().unwrap(), hub, tls).await
    }

    pub(crate) async fn start_on(
        address: SocketAddr,
        hub: &Hub,
        tls: Option<watch::Receiver<ServerTls>>,
    ) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let mut options = ServerOptions::new("control-plane-0");
        options.keepalive = Duration::from_millis(500);
        let refusals = Refusals::default();
        let told = refusals.clone();
        options.on_refusal = OnRefusal::tell(move |why| told.lock().unwrap().push(why));
        let shutdown = async { drop(stopped.await) };
        let task = tokio::spawn(serve(listener, tls, hub.clone(), options, shutdown));
        Self { address, refusals, stop, task }
    }

    /// Waits until so many were refused, and gives all.
    pub(crate) async fn refused(&self, at_least: usize) -> Vec<StreamRefusal> {
        soon("a refusal", async {
            loop {
                let refused = self.refusals.lock().unwrap().clone();
                if refused.len() >= at_least {
                    return refused;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await
    }

    /// The first refusal.
    pub(crate) async fn refused_first(&self) -> StreamRefusal {
        self.refused(1).await[0]
    }

    /// All refusals, to be looked at when the server has ended.
    pub(crate) fn refusals(&self) -> Refusals {
        self.refusals.clone()
    }

    /// Shuts it down and waits for it.
    pub(crate) async fn stop(self) {
        self.stop.send(()).unwrap();
        soon("shutdown", self.task).await.unwrap();
    }
}

type Verdict = Box<dyn FnMut(&Snapshot) -> Result<(), Vec<ResourceFault>> + Send>;

/// A sink that shows what it got, and judges as it is told.
struct Recorder {
    seen: mpsc::UnboundedSender<Snapshot>,
    verdict: Arc<Mutex<Verdict>>,
    permits: Arc<Semaphore>,
}

impl Sink for Recorder {
    async fn apply(&mut self, snapshot: Snapshot) -> Result<(), Vec<ResourceFault>> {
        self.seen.send(snapshot.clone()).unwrap();
        self.permits.acquire().await.unwrap().forget();
        (self.verdict.lock().unwrap())(&snapshot)
    }
}

/// A data plane: the client and what its sink got.
pub(crate) struct DataPlane {
    pub(crate) state: watch::Receiver<ClientState>,
    pub(crate) seen: mpsc::UnboundedReceiver<Snapshot>,
    pub(crate) permits: Arc<Semaphore>,
    verdict: Arc<Mutex<Verdict>>,
    task: JoinHandle<()>,
}

impl Drop for DataPlane {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl DataPlane {
    /// One that applies whatever comes.
    pub(crate) fn start(id: &str, address: SocketAddr) -> Self {
        Self::start_with(id, address, None, Semaphore::MAX_PERMITS)
    }

    pub(crate) fn start_tls(address: SocketAddr, tls: watch::Receiver<ClientTls>) -> Self {
        Self::start_with("node", address, Some(tls), Semaphore::MAX_PERMITS)
    }

    /// One whose sink may apply so many times.
    pub(crate) fn start_with(
        id: &str,
        address: SocketAddr,
        tls: Option<watch::Receiver<ClientTls>>,
        permits: usize,
    ) -> Self {
        let mut options = ClientOptions::new(address.ip().to_string(), address.port(), id, FLEET);
        options.tls = tls;
        options.keepalive = Duration::from_millis(500);
        options.backoff = Backoff { first: Duration::from_millis(10), longest: Duration::from_millis(50) };
        let (client, state) = Client::new(options);
        let (sender, seen) = mpsc::unbounded_channel();
        let verdict: Arc<Mutex<Verdict>> = Arc::new(Mutex::new(Box::new(|_| Ok(()))));
        let permits = Arc::new(Semaphore::new(permits));
        let sink = Recorder { seen: sender, verdict: verdict.clone(), permits: permits.clone() };
        let task = tokio::spawn(async move {
            client.run(sink).await;
        });
        Self { state, seen, permits, verdict, task }
    }

    pub(crate) fn judge(
        &self,
        verdict: impl FnMut(&Snapshot) -> Result<(), Vec<ResourceFault>> + Send + 'static,
    ) {
        *self.verdict.lock().unwrap() = Box::new(verdict);
    }

    /// Waits until the state is so.
    pub(crate) async fn until(&self, what: &str, test: impl FnMut(&ClientState) -> bool) -> ClientState {
        let mut state = self.state.clone();
        soon(what, state.wait_for(test)).await.unwrap().clone()
    }

    /// Waits until this version is applied, and gives what the sink got last.
    pub(crate) async fn applied(&mut self, version: &str) -> Snapshot {
        self.until(version, |state| state.applied.as_ref().is_some_and(|it| it.as_str() == version)).await;
        let mut last = None;
        while let Ok(snapshot) = self.seen.try_recv() {
            last = Some(snapshot);
        }
        last.expect("nothing was applied since the last look")
    }
}

/// Waits for the first event that `pick` takes.
pub(crate) async fn event<T>(
    events: &mut broadcast::Receiver<NodeEvent>,
    what: &str,
    mut pick: impl FnMut(&NodeEvent) -> Option<T>,
) -> T {
    soon(what, async {
        loop {
            if let Some(found) = pick(&events.recv().await.unwrap()) {
                return found;
            }
        }
    })
    .await
}

/// Waits until a round is sent; gives its resources, removals and bytes.
pub(crate) async fn sent(events: &mut broadcast::Receiver<NodeEvent>, of: &str) -> (usize, usize, usize) {
    event(events, "sent", |event| match &event.kind {
        NodeEventKind::Sent { version, resources, removed, bytes } if version.as_str() == of => {
            Some((*resources, *removed, *bytes))
        }
        _ => None,
    })
    .await
}

/// Waits until a version is acknowledged.
pub(crate) async fn acked(events: &mut broadcast::Receiver<NodeEvent>, of: &str) {
    event(events, "acked", |event| match &event.kind {
        NodeEventKind::Acked { version, .. } if version.as_str() == of => Some(()),
        _ => None,
    })
    .await;
}

/// Encodes and publishes what changed.
pub(crate) fn publish(hub: &Hub, snapshot: &Snapshot) -> bool {
    let previous = hub.published(FLEET);
    hub.publish(FLEET, Arc::new(Resources::encode(Arc::new(snapshot.clone()), previous.as_deref())))
}

/// A hub whose gate is open, with this published.
pub(crate) fn open_hub(snapshot: &Snapshot) -> Hub {
    let hub = Hub::new();
    hub.open_gate();
    assert!(publish(&hub, snapshot));
    hub
}

/// A snapshot with two listeners, a certificate, so many rules, and a backend for each.
pub(crate) fn snapshot(version: &str, rules: u16) -> Snapshot {
    let mut snapshot = Snapshot { version: Version(version.into()), ..Snapshot::default() };
    let secret = ObjectRef::new("infra", "tls");
    let certificate = Certificate {
        secret: secret.clone(),
        chain_pem: b"chain".as_slice().into(),
        key_pem: b"key".as_slice().into(),
    };
    snapshot.certificates.insert(secret.clone(), certificate.into());
    for (name, port, tls) in
        [("web", 80, None), ("secure", 443, Some(ListenerTls { certificates: vec![secret] }))]
    {
        let listener = listener(name, port, tls);
        snapshot.listeners.insert(listener.listener.clone(), listener.into());
    }
    for index in 0..rules {
        let (rule, backend) = rule(index);
        snapshot.backends.insert(backend.backend.clone(), backend.into());
        snapshot.rules.insert(rule.rule.clone(), rule.into());
    }
    snapshot
}

fn listener(name: &str, port: u16, tls: Option<ListenerTls>) -> Listener {
    Listener {
        listener: ListenerRef::new(ObjectRef::new("infra", "edge"), name),
        address: None,
        port,
        binds: vec![port + 10_000],
        protocol: if tls.is_some() { ListenerProtocol::Https } else { ListenerProtocol::Http },
        hostname: Hostname::Any,
        tls,
        client_validation: None,
        backend_certificate: None,
        forwarded: ForwardedTrust::Replace,
        trace: TraceTrust::Accept,
        observability: None,
    }
}

/// The name of a rule of [`snapshot`].
pub(crate) fn rule_ref(index: u16) -> RuleRef {
    let object = ObjectRef::new("shop", format!("route-{index}"));
    RuleRef { route: RouteRef { kind: RouteKind::Http, object }, index: 0, name: None }
}

fn rule(index: u16) -> (Rule, Backend) {
    let object = ObjectRef::new("shop", format!("cart-{index}"));
    let backend = BackendRef { kind: "Service".into(), object, port: 8080 };
    let hostnames = vec![Hostname::parse(&format!("h{index}.example"))];
    let listener = ListenerRef::new(ObjectRef::new("infra", "edge"), "web");
    let matches = vec![Match::Http {
        path: PathMatch::Prefix("/".into()),
        headers: Vec::new(),
        query: Vec::new(),
        method: None,
    }];
    let rule = Rule {
        rule: rule_ref(index),
        created: 1_700_000_000,
        parents: vec![RuleParent { listener, hostnames }],
        matches,
        filters: Vec::new(),
        backends: vec![WeightedBackend { target: Ok(backend.clone()), weight: 1, filters: Vec::new() }],
        timeouts: Timeouts::default(),
        retry: None,
        observability: None,
    };
    let [high, low] = index.to_be_bytes();
    let endpoint = Endpoint { address: EndpointAddress::Ip([10, 1, high, low].into()), port: 8080 };
    (rule, Backend { backend, protocol: BackendProtocol::Http1, tls: None, endpoints: vec![endpoint] })
}
