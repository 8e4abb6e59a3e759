//! The objects of users of the base release: a Gateway, backends beside the cluster, and a route for each fault of routes.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use clearway_e2e::Cluster;
use clearway_e2e::objects::{GATEWAY_API, http_route, namespace};
use clearway_testkit::Backend;
use clearway_testkit::certs::{Authority, Leaf};
use clearway_testkit::client::HttpClient;
use http::Method;
use serde_json::{Value, json};

use super::stage::{BASE, NODE, PATIENCE};

/// Where the objects are.
pub(crate) const SPACE: &str = "shop";
/// A listener's host with a certificate.
pub(crate) const SECURE: &str = "secure.example";
const DAY: Duration = Duration::from_secs(24 * 3600);

/// Who is there.
pub(crate) struct Users {
    /// Does what the path says.
    pub(crate) backend: Backend,
    pub(crate) authority: Authority,
    /// Listener `http`.
    pub(crate) http: SocketAddr,
    /// Listener `https`.
    pub(crate) https: SocketAddr,
}

impl Users {
    /// Applies the objects and waits for the Gateway's address.
    pub(crate) fn start(cluster: &Cluster) -> Self {
        let backend = Backend::builder("users").address(SocketAddr::new(NODE, 0)).keep_requests(16).start();
        let authority = Authority::new("ca");
        let certificate = authority.issue_leaf(&Leaf::new(&[SECURE]).not_after(SystemTime::now() + 75 * DAY));
        let listener = |name: &str, port: u16, extra: Value| {
            let mut listener = json!({
                "name": name, "port": port, "protocol": "HTTP", "allowedRoutes": {"namespaces": {"from": "All"}},
            });
            listener
                .as_object_mut()
                .into_iter()
                .for_each(|all| all.extend(extra.as_object().cloned().unwrap_or_default()));
            listener
        };
        let https = json!({
            "protocol": "HTTPS", "hostname": SECURE, "tls": {"certificateRefs": [{"name": "secure"}]},
        });
        let edge = json!({
            "apiVersion": GATEWAY_API, "kind": "Gateway", "metadata": {"namespace": SPACE, "name": "edge"},
            "spec": {"gatewayClassName": BASE, "listeners": [listener("http", 80, json!({})), listener("https", 443, https)]},
        });
        let mut objects = vec![namespace(SPACE), edge, secret("secure", &certificate)];
        objects.extend(service("app", &[backend.address()]));
        objects.push(route("calm", "app"));
        objects.push(http_route(SPACE, "secure", "edge", SECURE, &forward("app")));
        cluster.apply(&objects);
        let http = cluster.gateway_address(SPACE, "edge", 80);
        let users = Self { backend, authority, http, https: SocketAddr::new(http.ip(), 443) };
        users.until_code(cluster, "calm", 200);
        users
    }

    /// Waits until a route's `/` is answered with this code.
    fn until_code(&self, cluster: &Cluster, name: &str, code: u16) {
        let host = host(name);
        cluster.until(&format!("{host} is answered {code}"), PATIENCE, || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
            let asked = async {
                let mut client = HttpClient::h1(self.http).await.ok()?;
                client.try_request(Method::GET, "/", &[("host", &host)], "").await.ok()
            };
            (runtime.block_on(asked)?.status == code).then_some(())
        });
    }

    /// Applies a route, or what it needs, and waits until its `/` is answered with this code.
    pub(crate) fn serve(&self, cluster: &Cluster, name: &str, objects: &[Value], code: u16) {
        cluster.apply(objects);
        self.until_code(cluster, name, code);
    }
}

/// The host of a fault's route.
pub(crate) fn host(name: &str) -> String {
    format!("{name}.example")
}

/// A route to a Service, for a host of its own.
pub(crate) fn route(name: &str, service: &str) -> Value {
    http_route(SPACE, name, "edge", &host(name), &forward(service))
}

fn forward(service: &str) -> Value {
    json!([{"name": "all", "backendRefs": [{"name": service, "port": 80}]}])
}

/// A Service whose endpoints are these addresses.
pub(crate) fn service(name: &str, endpoints: &[SocketAddr]) -> Vec<Value> {
    let mut objects = vec![json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"namespace": SPACE, "name": name},
        "spec": {"ports": [{"name": "http", "port": 80}]},
    })];
    // One slice has one port.
    objects.extend(endpoints.iter().enumerate().map(|(number, address)| {
        json!({
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
            "metadata": {
                "namespace": SPACE, "name": format!("{name}-{number}"), "labels": {"kubernetes.io/service-name": name},
            },
            "ports": [{"name": "http", "port": address.port(), "protocol": "TCP"}],
            "endpoints": [{"addresses": [address.ip().to_string()], "conditions": {"ready": true}}],
        })
    }));
    objects
}

/// A Secret with a certificate.
pub(crate) fn secret(name: &str, certificate: &clearway_testkit::certs::ServerCert) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls", "metadata": {"namespace": SPACE, "name": name},
        "stringData": {"tls.crt": certificate.cert_pem, "tls.key": certificate.key_pem},
    })
}
