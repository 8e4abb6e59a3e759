//! Both ends in one process: the real xDS server, and a data plane with a real proxy.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use clearway_dataplane::{Applier, ConfigState, XdsOptions, XdsSource, XdsStatus};
use clearway_model::{
    ForwardedTrust, Hostname, Listener, ListenerProtocol, ListenerRef, ListenerTls, ObjectRef, Snapshot,
    TraceTrust, Version,
};
use clearway_proxy::{LedgerOptions, Options, Proxy};
use clearway_telemetry::accounting::Accounting;
use clearway_telemetry::config::ConfigTelemetry;
use clearway_telemetry::control::XdsTelemetry;
use clearway_telemetry::exposition::{BuildInfo, Exposition, Sources};
use clearway_telemetry::redact::{RecordOptions, RecordPolicy};
use clearway_telemetry::runtime::RuntimeTelemetry;
use clearway_telemetry::trace::Propagation;
use clearway_telemetry::{Switches, Telemetry};
use clearway_xds::{
    Backoff, ClientOptions, Hub, NodeEvent, NodeEventKind, Resources, ServerOptions, ServerTls, serve,
};
use tokio::net::TcpListener;
use tokio::sync::{broadcast, oneshot, watch};
use tokio::task::JoinHandle;

pub(crate) const FLEET: &str = "clearway-dataplane";
/// Longer than anything here takes, unless it hangs.
const HANG: Duration = Duration::from_secs(30);

pub(crate) async fn soon<T>(what: &str, work: impl Future<Output = T>) -> T {
    tokio::time::timeout(HANG, work).await.unwrap_or_else(|_| panic!("{what}: not within {HANG:?}"))
}

/// Looks again and again until it is so.
pub(crate) async fn until(what: &str, mut test: impl FnMut() -> bool) {
    soon(what, async {
        while !test() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

/// A control plane's xDS port.
pub(crate) struct Control {
    pub(crate) address: SocketAddr,
    pub(crate) hub: Hub,
    pub(crate) events: broadcast::Receiver<NodeEvent>,
    pub(crate) stop: oneshot::Sender<()>,
    pub(crate) task: JoinHandle<()>,
}

impl Control {
    pub(crate) async fn start(address: &str, tls: Option<watch::Receiver<ServerTls>>) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let hub = Hub::new();
        hub.open_gate();
        let (stop, stopped) = oneshot::channel();
        let events = hub.events();
        let serving = serve(listener, tls, hub.clone(), ServerOptions::new("control-plane-0"), async {
            stopped.await.ok();
        });
        Self { address, hub, events, stop, task: tokio::spawn(serving) }
    }

    pub(crate) fn publish(&self, snapshot: &Snapshot) {
        let previous = self.hub.published(FLEET);
        let resources = Resources::encode(Arc::new(snapshot.clone()), previous.as_deref());
        assert!(self.hub.publish(FLEET, Arc::new(resources)));
    }

    /// The next answer: the version, and the names of what is refused.
    pub(crate) async fn answer(&mut self) -> (String, Option<Vec<String>>) {
        soon("an answer", async {
            loop {
                match self.events.recv().await.unwrap().kind {
                    NodeEventKind::Acked { version, .. } => return (version.to_string(), None),
                    NodeEventKind::Nacked(rejection) => {
                        let names =
                            rejection.faults.iter().map(|fault| format!("{} {}", fault.kind, fault.name));
                        return (rejection.version.to_string(), Some(names.collect()));
                    }
                    _ => {}
                }
            }
        })
        .await
    }

    pub(crate) async fn stop(self) {
        self.stop.send(()).unwrap();
        soon("the end of the server", self.task).await.unwrap();
    }
}

/// A data plane with a real proxy.
pub(crate) struct DataPlane {
    pub(crate) state: Arc<ConfigState>,
    pub(crate) status: Arc<XdsStatus>,
    pub(crate) proxy: Arc<Proxy>,
    pub(crate) exposition: Exposition,
    pub(crate) stop: watch::Sender<bool>,
    pub(crate) task: JoinHandle<()>,
}

pub(crate) fn options(control: SocketAddr, folder: &Path) -> XdsOptions {
    let mut client = ClientOptions::new(control.ip().to_string(), control.port(), "pod-a", FLEET);
    client.backoff = Backoff { first: Duration::from_millis(10), longest: Duration::from_millis(50) };
    XdsOptions {
        client,
        tls: None,
        last_good: Some(folder.to_owned()),
        last_good_after: Duration::from_millis(50),
        dns_interval: Duration::from_secs(30),
    }
}

impl DataPlane {
    pub(crate) fn start(options: XdsOptions) -> Self {
        let hub = Telemetry::new(1, Switches::default());
        let ledger = LedgerOptions {
            sampler: None,
            propagation: Propagation::default(),
            policy: RecordPolicy::new(&RecordOptions::default()).unwrap(),
            access_log: None,
            spans: None,
            logs: None,
        };
        let proxy_options = Options { workers: 1, drain: Duration::from_secs(5), ..Options::default() };
        let proxy = Arc::new(Proxy::start(proxy_options, &ledger, &hub).unwrap());
        let (config, state) = (Arc::new(ConfigTelemetry::new()), Arc::new(ConfigState::default()));
        let telemetry = XdsTelemetry::new();
        let exposition = Exposition::new(Sources {
            hub: Some(hub.clone()),
            control: None,
            xds: Some(telemetry.clone()),
            config: config.clone(),
            runtimes: Arc::new(RuntimeTelemetry::new()),
            accounting: Accounting::new(),
            build: BuildInfo { version: "0", revision: "test" },
        });
        let applier = Applier::new(proxy.clone(), hub, config);
        let source = XdsSource::new(options, applier, state.clone(), telemetry);
        let (status, stop) = (source.status(), watch::Sender::new(false));
        let task = tokio::spawn(source.run(stop.subscribe()));
        Self { state, status, proxy, exposition, stop, task }
    }

    pub(crate) fn version(&self) -> Option<String> {
        self.state.served().map(|served| served.snapshot.version.to_string())
    }

    pub(crate) async fn serves(&self, version: &str) {
        until(&format!("serving {version}"), || self.version().as_deref() == Some(version)).await;
    }

    /// The value of a series as it stands on the page.
    pub(crate) fn metric(&self, series: &str) -> Option<String> {
        let page = String::from_utf8(self.exposition.render(None, None).body).unwrap();
        page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')).map(str::to_owned)
    }

    pub(crate) async fn shows(&self, series: &str, value: &str) {
        until(&format!("{series} {value}"), || self.metric(series).as_deref() == Some(value)).await;
    }

    pub(crate) async fn stop(self) {
        self.stop.send_replace(true);
        soon("the end of the source", self.task).await.unwrap();
        soon("the drain", self.proxy.drain()).await;
    }
}

pub(crate) fn listener(name: &str, port: u16, protocol: ListenerProtocol) -> Listener {
    Listener {
        listener: ListenerRef::new(ObjectRef::new("infra", "edge"), name),
        address: Some([127, 0, 0, 1].into()),
        port,
        binds: vec![port],
        protocol,
        hostname: Hostname::Any,
        tls: None,
        client_validation: None,
        backend_certificate: None,
        forwarded: ForwardedTrust::Replace,
        trace: TraceTrust::Accept,
        observability: None,
    }
}

pub(crate) fn snapshot(version: &str, listeners: &[Listener]) -> Snapshot {
    Snapshot {
        version: Version(version.into()),
        listeners: listeners.iter().map(|one| (one.listener.clone(), one.clone().into())).collect(),
        ..Snapshot::default()
    }
}

pub(crate) fn good(version: &str, port: u16) -> Snapshot {
    snapshot(version, &[listener("web", port, ListenerProtocol::Http)])
}

/// HTTP and HTTPS on one port: whole on the wire, but nothing that can be served.
pub(crate) fn broken(version: &str, port: u16) -> Snapshot {
    let mut secure = listener("secure", port, ListenerProtocol::Https);
    secure.tls = Some(ListenerTls { certificates: vec![ObjectRef::new("infra", "none")] });
    snapshot(version, &[listener("web", port, ListenerProtocol::Http), secure])
}

/// HTTPS without a word of certificates: it cannot even be read.
pub(crate) fn unreadable(version: &str, port: u16) -> Snapshot {
    snapshot(version, &[listener("secure", port, ListenerProtocol::Https)])
}

/// The status line of an answer; no rule takes the request, so it is the gateway's own.
pub(crate) fn get(port: u16) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("the port is open");
    stream.set_read_timeout(Some(HANG)).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text.lines().next().unwrap_or_default().to_owned()
}
