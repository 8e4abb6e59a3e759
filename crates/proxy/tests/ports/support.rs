//! A running data path, the configuration that it serves, and real clients for it.
//!
//! Always holds: ports are reserved before they are bound; a configuration is served when [`Scene::apply`] returns; the
//! workers have ended when [`Scene::stop`] returns.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clearway_model::{
    Backend, BackendProtocol, BackendRef, BackendTls, Certificate, Endpoint, EndpointAddress, Filter,
    ForwardedTrust, Hostname, Listener, ListenerProtocol, ListenerRef, ListenerTls, Match, ObjectRef,
    PathMatch, RouteKind, RouteRef, Rule, RuleParent, RuleRef, Snapshot, Timeouts, TraceTrust, TrustedRoots,
    WeightedBackend,
};
use clearway_proxy::{LedgerOptions, Live, Options, Proxy};
use clearway_telemetry::accounting::Accounting;
use clearway_telemetry::config::ConfigTelemetry;
use clearway_telemetry::exposition::{BuildInfo, Exposition, Sources};
use clearway_telemetry::redact::{RecordOptions, RecordPolicy};
use clearway_telemetry::runtime::RuntimeTelemetry;
use clearway_telemetry::trace::Propagation;
use clearway_telemetry::{Switches, Telemetry};
use clearway_testkit::DEADLINE;
use clearway_testkit::certs::{Authority, ServerCert};
use clearway_testkit::process::{Finished, Program, TempDir, tool};
use clearway_testkit::prom;

/// Handshakes by outcome.
pub(crate) const HANDSHAKES: &str = "clearway_tls_handshakes_total";

/// The data path with two workers.
pub(crate) struct Scene {
    proxy: Proxy,
    telemetry: Arc<Telemetry>,
    exposition: Exposition,
}

impl Scene {
    /// Starts it on a configuration.
    pub(crate) async fn start(snapshot: &Snapshot) -> Self {
        let telemetry = Telemetry::new(2, Switches::default());
        let ledger = LedgerOptions {
            sampler: None,
            propagation: Propagation::default(),
            policy: RecordPolicy::new(&RecordOptions::default()).unwrap(),
            access_log: None,
            spans: None,
            logs: None,
        };
        let options = Options { workers: 2, drain: Duration::from_secs(5), ..Options::default() };
        let proxy = Proxy::start(options, &ledger, &telemetry).unwrap();
        let exposition = Exposition::new(Sources {
            hub: Some(telemetry.clone()),
            control: None,
            xds: None,
            config: Arc::new(ConfigTelemetry::new()),
            runtimes: Arc::new(RuntimeTelemetry::new()),
            accounting: Accounting::new(),
            build: BuildInfo { version: "0", revision: "test" },
        });
        let scene = Self { proxy, telemetry, exposition };
        scene.apply(snapshot).await;
        scene
    }

    /// Serves another configuration.
    pub(crate) async fn apply(&self, snapshot: &Snapshot) {
        let live =
            Live::compile(&Arc::new(snapshot.clone()), &self.telemetry, Some(&self.proxy.live())).unwrap();
        self.proxy.apply(live).await.unwrap();
    }

    /// Why a configuration is refused.
    pub(crate) fn refusal(&self, snapshot: &Snapshot) -> String {
        let problems = Live::compile(&Arc::new(snapshot.clone()), &self.telemetry, None).unwrap_err();
        problems.iter().map(|problem| format!("{problem}\n")).collect()
    }

    /// Waits until the sum of a counter with these labels is exactly `wanted`.
    pub(crate) async fn counted(&self, name: &str, labels: &[(&str, &str)], wanted: u64) {
        let end = Instant::now() + DEADLINE;
        loop {
            let text = String::from_utf8(self.exposition.render(None, None).body).unwrap();
            let parsed = prom::Exposition::parse(&text, prom::Format::Text).unwrap();
            let selection =
                labels.iter().fold(parsed.metric(name), |all, (label, value)| all.label(label, value));
            let got = selection.total();
            if got == wanted {
                return;
            }
            let lines: String =
                text.lines().filter(|line| line.starts_with(name)).map(|line| format!("\n{line}")).collect();
            assert!(Instant::now() < end && got < wanted, "{labels:?} is {got}, not {wanted}:{lines}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Ends it.
    pub(crate) async fn stop(self) {
        self.proxy.drain().await;
    }
}

/// The Secret or Gateway of this name.
pub(crate) fn object(name: &str) -> ObjectRef {
    ObjectRef::new("default", name)
}

/// An HTTP listener; `port` is the spec's.
pub(crate) fn http(gateway: &str, hostname: &str, port: u16, binds: &[u16]) -> Listener {
    let mut binds = binds.to_vec();
    binds.sort_unstable();
    Listener {
        listener: ListenerRef::new(object(gateway), format!("l-{port}-{hostname}")),
        address: None,
        port,
        binds,
        protocol: ListenerProtocol::Http,
        hostname: Hostname::parse(hostname),
        tls: None,
        client_validation: None,
        backend_certificate: None,
        forwarded: ForwardedTrust::default(),
        trace: TraceTrust::default(),
        observability: None,
    }
}

/// An HTTPS listener with the certificate of the Secret `server`.
pub(crate) fn https(gateway: &str, hostname: &str, port: u16, binds: &[u16]) -> Listener {
    let tls = Some(ListenerTls { certificates: vec![object("server")] });
    Listener { protocol: ListenerProtocol::Https, tls, ..http(gateway, hostname, port, binds) }
}

/// A Service of this name on port 80.
pub(crate) fn service(name: &str) -> BackendRef {
    BackendRef { kind: "Service".into(), object: object(name), port: 80 }
}

/// A configuration in the making.
#[derive(Clone, Default)]
pub(crate) struct Plan(pub(crate) Snapshot);

impl Plan {
    /// Adds the Secret.
    pub(crate) fn secret(mut self, name: &str, certificate: &ServerCert) -> Self {
        let certificate = Certificate {
            secret: object(name),
            chain_pem: certificate.cert_pem.as_bytes().into(),
            key_pem: certificate.key_pem.as_bytes().into(),
        };
        self.0.certificates.insert(object(name), certificate.into());
        self
    }

    /// Adds a backend in clear text, or with TLS by an authority for the name `backend.example`.
    pub(crate) fn backend(
        mut self,
        name: &str,
        address: SocketAddr,
        protocol: BackendProtocol,
        trusted: Option<&Authority>,
    ) -> Self {
        let tls = trusted.map(|authority| BackendTls {
            hostname: "backend.example".into(),
            subject_alt_names: Vec::new(),
            roots: TrustedRoots::Pem(authority.pem().as_bytes().into()),
        });
        let endpoint = Endpoint { address: EndpointAddress::Ip(address.ip()), port: address.port() };
        let backend = Backend { backend: service(name), protocol, tls, endpoints: vec![endpoint] };
        self.0.backends.insert(service(name), backend.into());
        self
    }

    /// Adds a listener.
    pub(crate) fn listener(mut self, listener: &Listener) -> Self {
        self.0.listeners.insert(listener.listener.clone(), listener.clone().into());
        self
    }

    /// Adds a route of one rule for every path that leads the hosts of these listeners to a backend.
    pub(crate) fn route(
        mut self,
        name: &str,
        listeners: &[&Listener],
        backend: &str,
        filters: Vec<Filter>,
    ) -> Self {
        let route = RouteRef { kind: RouteKind::Http, object: object(name) };
        let rule = RuleRef { route, index: 0, name: None };
        let parents = listeners.iter().map(|listener| RuleParent {
            listener: listener.listener.clone(),
            hostnames: vec![listener.hostname.clone()],
        });
        let path = PathMatch::Prefix("/".into());
        let rule = Rule {
            rule: rule.clone(),
            created: 0,
            parents: parents.collect(),
            matches: vec![Match::Http { path, headers: Vec::new(), query: Vec::new(), method: None }],
            filters,
            backends: vec![WeightedBackend { target: Ok(service(backend)), weight: 1, filters: Vec::new() }],
            timeouts: Timeouts::default(),
            retry: None,
            observability: None,
        };
        self.0.rules.insert(rule.rule.clone(), rule.into());
        self
    }
}

/// Files of certificates and authorities for programs.
pub(crate) struct Files(TempDir);

impl Files {
    pub(crate) fn new() -> Self {
        Self(TempDir::new("ports"))
    }

    /// A place for a file.
    pub(crate) fn place(&self, name: &str) -> String {
        self.0.join(name).to_string_lossy().into_owned()
    }

    /// Writes a text and says where.
    pub(crate) fn write(&self, name: &str, text: &str) -> String {
        std::fs::write(self.0.join(name), text).unwrap();
        self.place(name)
    }

    /// A certificate with its key in one file, as curl and openssl take it.
    pub(crate) fn identity(&self, name: &str, certificate: &ServerCert) -> String {
        self.write(name, &format!("{}{}", certificate.cert_pem, certificate.key_pem))
    }
}

/// Runs a program to its end.
pub(crate) async fn run(program: Program) -> Finished {
    tokio::task::spawn_blocking(move || program.run(DEADLINE)).await.unwrap()
}

/// curl to `https://<host>:<port>/` on 127.0.0.1: the status, or curl's own words when there is none.
pub(crate) async fn curl(host: &str, port: u16, args: &[&str]) -> Result<String, String> {
    let resolve = format!("{host}:{port}:127.0.0.1");
    let program = Program::new(tool("curl"))
        .args(["-sS", "-o", "/dev/null", "-w", "%{http_code}", "--resolve", &resolve])
        .args(args)
        .arg(format!("https://{host}:{port}/"));
    let finished = run(program).await;
    if finished.status.success() { Ok(finished.stdout.trim_end().to_owned()) } else { Err(finished.stderr) }
}

/// `openssl s_client` that sends one request and reads to the end; everything it says.
pub(crate) async fn s_client(port: u16, host: &str, args: &[&str]) -> String {
    let request = format!("GET / HTTP/1.1\\r\\nHost: {host}\\r\\nConnection: close\\r\\n\\r\\n");
    let openssl = tool("openssl");
    let args = args.join(" ");
    let script = format!(
        "printf '{request}' | '{}' s_client -ign_eof -connect 127.0.0.1:{port} -servername {host} {args} 2>&1",
        openssl.display()
    );
    run(Program::new("/bin/sh").args(["-c", &script])).await.stdout
}
