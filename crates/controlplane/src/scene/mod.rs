//! A whole control plane in one process: an apiserver in memory, real sockets, mutual TLS, a data plane that does as it is
//! told. `metrics` moves every number of the catalog, `traces` follows changes to a collector, `live` does so with real programs.

mod apiserver;
mod live;
mod metrics;
mod traces;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clearway_admin::LevelControl;
use clearway_model::Snapshot;
use clearway_telemetry::accounting::{Accounting, Reading, Signal};
use clearway_telemetry::control::ControlTelemetry;
use clearway_telemetry::exposition::{BuildInfo, Exposition, Sources};
use clearway_telemetry::otlp::{OtlpOptions, OtlpProtocol, Resource, ResourceOptions};
use clearway_telemetry::runtime::RuntimeTelemetry;
use clearway_telemetry::spans::SpanPipeline;
use clearway_telemetry::trace::Sampler;
use clearway_testkit::certs::{Authority, Leaf};
use clearway_testkit::client::HttpClient;
use clearway_testkit::process::{ReservedPort, TempDir};
use clearway_testkit::prom::{self, Format};
use clearway_testkit::{DEADLINE, Gate, within};
use clearway_xds::{Backoff, Client, ClientOptions, ClientTls, ResourceFault, ResourceRef, Sink};
use serde_json::{Value, json};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use crate::journey::Tracing;
use crate::options::{ControlOptions, XdsSecurity};
use crate::run::{Metrics, RunError, Surroundings, run_with};

const FLEET: &str = "edge-dataplane";
/// The name that the control plane's certificate bears.
const NAME: &str = "edge-controlplane";

/// A control plane that runs.
struct Scene {
    authority: Authority,
    ports: [ReservedPort; 3],
    /// The page of a control plane that has done nothing yet.
    idle: prom::Exposition,
    spans: Arc<SpanPipeline>,
    accounting: Arc<Accounting>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), RunError>>,
    _files: TempDir,
}

impl Scene {
    /// Starts one for this apiserver, which sends its traces there.
    fn start(client: kube::Client, sync_timeout: Duration, collector: &str) -> Self {
        let (authority, files) = (Authority::new("planes"), TempDir::new("scene"));
        let ports = [ReservedPort::new(), ReservedPort::new(), ReservedPort::new()];
        let options = options(&authority, &files, &ports, sync_timeout);
        let accounting = Accounting::new();
        let mut otlp = OtlpOptions::new(collector, OtlpProtocol::Grpc);
        otlp.delay = Duration::from_millis(10);
        let resource = Resource::new(&ResourceOptions::default(), |_| None);
        let spans = Arc::new(SpanPipeline::start(&otlp, &resource, &accounting).unwrap());
        let telemetry = ControlTelemetry::new();
        let exposition = Exposition::new(Sources {
            hub: None,
            control: Some(telemetry.clone()),
            xds: None,
            config: telemetry.config.clone(),
            runtimes: Arc::new(RuntimeTelemetry::new()),
            accounting: accounting.clone(),
            build: BuildInfo { version: "0", revision: "test" },
        });
        let page = exposition.render(Some(Format::Text.accept()), None);
        let idle = prom::Exposition::parse(&String::from_utf8(page.body).unwrap(), Format::Text).unwrap();
        let surroundings = Surroundings {
            telemetry,
            metrics: Metrics(Arc::new(move |accept, encoding| exposition.render(accept, encoding))),
            log_level: LevelControl::new("info", |_| Ok(())),
            admin_token: None,
            tracing: Some(Tracing { spans: spans.clone(), sampler: Sampler::new(1.0) }),
        };
        let (stop, stopped) = oneshot::channel::<()>();
        let shutdown = async { drop(stopped.await) };
        let task = tokio::spawn(async move { run_with(client, options, surroundings, shutdown).await });
        Self { authority, ports, idle, spans, accounting, stop, task, _files: files }
    }

    fn xds(&self) -> SocketAddr {
        self.ports[0].address()
    }

    /// Waits until the port answers, and gives what it says.
    async fn get(&self, path: &str) -> String {
        let address = self.ports[2].address();
        let mut client = within("the metrics port", async {
            loop {
                if let Ok(client) = HttpClient::h1(address).await {
                    return client;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
        client.get(path).await.text()
    }

    async fn page(&self) -> prom::Exposition {
        prom::Exposition::parse(&self.get("/metrics").await, Format::Text).unwrap()
    }

    /// Waits until `/readyz?verbose` holds these words.
    async fn says(&self, words: &str) {
        let end = tokio::time::Instant::now() + DEADLINE;
        loop {
            let said = self.get("/readyz?verbose").await;
            if said.contains(words) {
                return;
            }
            assert!(tokio::time::Instant::now() < end, "never said: {words}; {said}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// A data plane of the fleet.
    fn dataplane(&self, id: &str) -> DataPlane {
        let leaf = self.authority.issue_leaf(&Leaf::new(&[FLEET]));
        let (chain, key) = (leaf.cert_pem.as_bytes(), leaf.key_pem.as_bytes());
        let tls = ClientTls::from_pem(self.authority.pem().as_bytes(), chain, key, NAME).unwrap();
        let mut options = ClientOptions::new("127.0.0.1", self.xds().port(), id, FLEET);
        options.tls = Some(watch::channel(tls).1);
        options.backoff = Backoff { first: Duration::from_millis(10), longest: Duration::from_millis(50) };
        let (applying, refusing) = (Gate::closed(), Arc::new(AtomicBool::new(false)));
        let sink = Told { applying: applying.clone(), refusing: refusing.clone() };
        let (client, _) = Client::new(options);
        let task = tokio::spawn(async move { match client.run(sink).await {} });
        DataPlane { applying, refusing, task }
    }

    /// Ends it and gives what the books of spans say when all have been sent.
    async fn stop(self) -> Reading {
        self.stop.send(()).unwrap();
        within("the end of the control plane", self.task).await.unwrap().unwrap();
        let spans = self.spans;
        let finish = move || spans.finish(std::time::Instant::now() + DEADLINE);
        assert_eq!(tokio::task::spawn_blocking(finish).await.unwrap(), 0);
        self.accounting.read(Signal::Spans)
    }
}

fn options(
    authority: &Authority,
    files: &TempDir,
    ports: &[ReservedPort; 3],
    sync_timeout: Duration,
) -> ControlOptions {
    let own = authority.issue(&[NAME]);
    let write = |name: &str, text: &str| {
        let path = files.join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    ControlOptions {
        xds_address: ports[0].address(),
        admin_address: ports[1].address(),
        metrics_address: ports[2].address(),
        sync_timeout,
        xds_security: XdsSecurity::Files {
            certificate: write("tls.crt", &own.cert_pem),
            key: write("tls.key", &own.key_pem),
            client_ca: write("ca.crt", authority.pem()),
        },
        ..ControlOptions::new("edge", "infra")
    }
}

/// A data plane: it applies when its gate is open, and refuses when it is told to.
struct DataPlane {
    applying: Gate,
    refusing: Arc<AtomicBool>,
    task: JoinHandle<()>,
}

impl DataPlane {
    fn refuse(&self, refuse: bool) {
        self.refusing.store(refuse, Ordering::SeqCst);
    }
}

impl Drop for DataPlane {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Told {
    applying: Gate,
    refusing: Arc<AtomicBool>,
}

impl Sink for Told {
    async fn apply(&mut self, snapshot: Snapshot) -> Result<(), Vec<ResourceFault>> {
        self.applying.pass().await;
        if !self.refusing.load(Ordering::SeqCst) {
            return Ok(());
        }
        let rule = snapshot.rules.into_keys().next().expect("a rule");
        Err(vec![ResourceFault::new(&ResourceRef::Rule(rule), "it cannot be compiled")])
    }
}

/// Waits until so many data planes serve the newest version.
async fn current(scene: &Scene, wanted: f64) {
    let count = async || {
        let page = scene.page().await;
        page.metric("clearway_controlplane_dataplanes").label("state", "current").sum()
    };
    let wait = async {
        while count().await != wanted {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    within(&format!("{wanted} data planes are current"), wait).await;
}

fn class() -> Value {
    json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass", "metadata": {"name": "edge"},
        "spec": {"controllerName": "gateway.networking.k8s.io/edge"},
    })
}

fn gateway() -> Value {
    json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"gatewayClassName": "edge", "listeners": [{"name": "web", "port": 80, "protocol": "HTTP"}]},
    })
}

/// A route whose backend does not exist; `hostname` makes it differ.
fn route(name: &str, hostname: &str) -> Value {
    json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {
            "parentRefs": [{"name": "web"}], "hostnames": [hostname],
            "rules": [{"backendRefs": [{"name": "none", "port": 80}]}],
        },
    })
}
