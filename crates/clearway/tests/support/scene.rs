//! A gateway with something of everything behind it: what dashboards, rules and runbooks are tried on.
//!
//! Two Gateways, HTTP and HTTPS, retries, a redirect, a mirror, gRPC, a backend behind TLS, one with a dead endpoint and one
//! without any. Always holds: it is ready and every object is attached when [`Scene::start`] returns.
#![allow(dead_code, reason = "every test file uses a part of it")]

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use clearway_testkit::Backend;
use clearway_testkit::certs::{Authority, Leaf};
use clearway_testkit::manifest::{Folder, Gateway, Route, Rule};
use clearway_testkit::otlp::Sink;
use clearway_testkit::process::{ReservedPort, TempDir};

use super::running::{Running, port};

/// The name that clients ask for on HTTPS.
pub(crate) const HOST: &str = "shop.example";

/// The gateway and all that it talks to.
pub(crate) struct Scene {
    pub(crate) gateway: Running,
    /// Listener `http` of the Gateway `edge`.
    pub(crate) http: SocketAddr,
    /// Listener `https` of the Gateway `edge`.
    pub(crate) https: SocketAddr,
    /// Listener `http` of the Gateway `internal`.
    pub(crate) internal: SocketAddr,
    /// Listener `rpc` of the Gateway `internal`: gRPC and HTTP cannot share a host.
    pub(crate) rpc: SocketAddr,
    /// Whom clients trust.
    pub(crate) authority: Authority,
    /// Where spans and log records go.
    pub(crate) sink: Sink,
    /// Behind `/checkout`, which takes directives in headers.
    pub(crate) checkout: Backend,
    _catalog: [Backend; 2],
    _vault: Backend,
    _greeter: Backend,
    /// Nobody listens here.
    _dead: ReservedPort,
    _ports: [ReservedPort; 4],
    _files: TempDir,
}

impl Scene {
    /// With two workers; every trace is sampled, so that there are exemplars.
    pub(crate) fn start() -> Self {
        let [(p1, http), (p2, https), (p3, internal), (p4, rpc)] = [port(), port(), port(), port()];
        let (authority, sink, files) = (Authority::new("ca"), Sink::start(), TempDir::new("scene"));
        let catalog = [Backend::builder("catalog-a"), Backend::builder("catalog-b")];
        let catalog = catalog.map(|builder| builder.keep_requests(16).start());
        let checkout = Backend::builder("checkout").keep_requests(16).start();
        let vault =
            Backend::builder("vault").keep_requests(16).tls(&authority.issue(&["inner.example"])).start();
        let greeter = Backend::builder("greeter").keep_requests(16).start();
        let dead = ReservedPort::new();
        let folder = Folder::new();
        folder.gateway(&Gateway::new("edge").http("http", http.port()).https("https", https.port(), "shop"));
        folder.gateway(&Gateway::new("internal").http("http", internal.port()).http("rpc", rpc.port()));
        let months = SystemTime::now() + Duration::from_secs(75 * 24 * 3600);
        folder.secret("shop", &authority.issue_leaf(&Leaf::new(&[HOST]).not_after(months)));
        folder.service("catalog", &[catalog[0].address(), catalog[1].address()]);
        folder.service("checkout", &[checkout.address()]);
        folder.service("fragile", &[checkout.address(), dead.address()]);
        folder.service("empty", &[]);
        folder.service_with_protocol("greeter", &[greeter.address()], Some("kubernetes.io/h2c"));
        tls_backend(&folder, &authority, vault.address());
        routes(&folder);
        let endpoint = sink.endpoint();
        let flags = [
            "--workers",
            "2",
            "--tcp-metrics",
            "on",
            "--trace-sample-ratio",
            "1",
            "--otlp-traces-endpoint",
            &endpoint,
        ];
        let gateway = Running::start(folder, &flags);
        let (_catalog, _vault, _greeter, _dead) = (catalog, vault, greeter, dead);
        let (_ports, _files) = ([p1, p2, p3, p4], files);
        Self {
            gateway,
            http,
            https,
            internal,
            rpc,
            authority,
            sink,
            checkout,
            _catalog,
            _vault,
            _greeter,
            _dead,
            _ports,
            _files,
        }
    }

    /// A change that is right, and served.
    pub(crate) fn change(&self, number: usize) {
        let rule = Rule::new().name("added").exact(&format!("/added/{number}")).backend("catalog");
        self.gateway.folder.route(&Route::http("added").parent("edge").rule(rule));
    }

    /// A change that is refused: the last good configuration stays.
    pub(crate) fn break_configuration(&self) {
        let rule = Rule::new().prefix("no slash").backend("catalog");
        self.gateway.folder.route(&Route::http("broken").parent("edge").rule(rule));
    }

    /// Takes back what [`Scene::break_configuration`] did.
    pub(crate) fn mend_configuration(&self) {
        self.gateway.folder.remove("route-broken.yaml");
    }
}

fn routes(folder: &Folder) {
    let rule = |name: &str| Rule::new().name(name).prefix(&format!("/{name}"));
    let retry = "retry:\n  attempts: 2\n  codes: [503]\n  backoff: 5ms";
    let moved = "type: RequestRedirect\nrequestRedirect:\n  statusCode: 301\n  hostname: new.example";
    let copy = "type: RequestMirror\nrequestMirror:\n  backendRef:\n    name: catalog\n    port: 80";
    let storefront = Route::http("storefront")
        .parent("edge")
        .rule(rule("catalog").backend("catalog"))
        .rule(rule("moved").filter(moved))
        .rule(rule("copied").filter(copy).backend("catalog"))
        .rule(rule("empty").backend("empty"));
    let checkout = Route::http("checkout")
        .parent("edge")
        .rule(rule("checkout").backend("checkout").yaml(retry))
        .rule(rule("fragile").backend("fragile").yaml(retry))
        .rule(rule("late").backend("checkout").yaml("timeouts:\n  request: 100ms"));
    let vault = "group: clearway.dev\nkind: Backend\nname: vault";
    folder.route(&storefront).route(&checkout);
    folder.route(&Route::http("vault").parent("edge").rule(rule("vault").backend_yaml(vault)));
    folder.route(
        &Route::http("reports").parent_section("internal", "http").rule(rule("reports").backend("catalog")),
    );
    let call = Rule::new().name("unary").grpc_method("echo.Echo", "Unary").backend("greeter");
    folder.route(&Route::grpc("greeter").parent_section("internal", "rpc").rule(call));
}

fn tls_backend(folder: &Folder, authority: &Authority, address: SocketAddr) {
    let pem: String = authority.pem().lines().map(|line| format!("    {line}\n")).collect();
    folder.write(
        "ca.yaml",
        &format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: ca, namespace: default}}\ndata:\n  ca.crt: |\n{pem}"),
    );
    let backend = format!(
        "apiVersion: clearway.dev/v1alpha1\nkind: Backend\nmetadata: {{name: vault, namespace: default}}\nspec:\n  \
         protocol: https\n  endpoints: [{{ip: {}, port: {}}}]\n  tls:\n    hostname: inner.example\n    \
         caCertificateRef: {{group: \"\", kind: ConfigMap, name: ca}}\n",
        address.ip(),
        address.port()
    );
    folder.write("backend-vault.yaml", &backend);
}
