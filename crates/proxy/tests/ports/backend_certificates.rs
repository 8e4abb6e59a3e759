//! The certificate that a Gateway shows to backends (GEP-3155): its own, on connections of its own.

use clearway_model::{BackendProtocol, Filter, Fraction, Listener, Mirror, Snapshot};
use clearway_testkit::certs::{Authority, ServerCert};
use clearway_testkit::client::HttpClient;
use clearway_testkit::process::ReservedPort;
use clearway_testkit::{Backend, Gate, Reply};
use http::Method;

use crate::support::{Plan, Scene, http, object, service};

const PROTOCOLS: [BackendProtocol; 2] = [BackendProtocol::Http1, BackendProtocol::Http2];

/// A backend that wants certificates of `clients`, with the authority of its own certificate.
fn mutual(clients: &Authority) -> (Authority, Backend) {
    let authority = Authority::new("backend");
    let certificate = authority.issue(&["backend.example"]);
    (authority, Backend::builder("mutual").mutual_tls(&certificate, clients).start())
}

fn showing(secret: &str, listener: Listener) -> Listener {
    Listener { backend_certificate: Some(object(secret)), ..listener }
}

fn shown(backend: &Backend) -> (u64, Vec<u8>) {
    let last = backend.last();
    (last.connection, last.tls.unwrap().client_certificate.unwrap())
}

fn der(certificate: &ServerCert) -> Vec<u8> {
    certificate.der.to_vec()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_gateway_shows_its_own_certificate_on_connections_of_its_own() {
    let clients = Authority::new("clients");
    for protocol in PROTOCOLS {
        let (authority, backend) = mutual(&clients);
        let port = ReservedPort::new();
        let (x, y) = (clients.issue(&["x"]), clients.issue(&["y"]));
        let a = showing("x", http("a", "a.example", 80, &[port.port()]));
        let b = showing("y", http("b", "b.example", 80, &[port.port()]));
        let c = http("c", "c.example", 80, &[port.port()]);
        let plan = Plan::default()
            .secret("x", &x)
            .secret("y", &y)
            .backend("app", backend.address(), protocol, Some(&authority))
            .listener(&a)
            .listener(&b)
            .listener(&c)
            // One route for all three: what is shown is the Gateway's matter, not the route's.
            .route("all", &[&a, &b, &c], "app", Vec::new());
        let scene = Scene::start(&plan.0).await;
        let mut client = HttpClient::h1(port.address()).await.unwrap();
        let mut seen = Vec::new();
        for round in 0..3 {
            for (host, certificate) in [("a.example", &x), ("b.example", &y)] {
                let answer = client.request(Method::GET, "/", &[("host", host)]).await;
                assert_eq!(answer.status, 200, "{protocol:?} {host}: {}", answer.text());
                let (connection, der_shown) = shown(&backend);
                assert_eq!(der_shown, der(certificate), "{protocol:?} {host}");
                seen.push(connection);
            }
            // A Gateway without a certificate gets no further on somebody else's connection.
            let answer = client.request(Method::GET, "/", &[("host", "c.example")]).await;
            assert_eq!(answer.status, 502, "{protocol:?} {round}");
            // The backend's alert, or the reset of its socket when that overtakes the alert.
            let words = answer.text();
            assert!(words.contains("upstream_tls") || words.contains("upstream_reset"), "{words}");
        }
        // One connection each, used three times.
        assert_eq!(seen, [seen[0], seen[1], seen[0], seen[1], seen[0], seen[1]], "{protocol:?}");
        assert_ne!(seen[0], seen[1], "{protocol:?}");
        assert_eq!(backend.count(), 6);
        scene.stop().await;
    }
}

fn rotating(
    port: &ReservedPort,
    authority: &Authority,
    backend: &Backend,
    protocol: BackendProtocol,
    identity: &ServerCert,
) -> Snapshot {
    let a = showing("x", http("a", "*", 80, &[port.port()]));
    Plan::default()
        .secret("x", identity)
        .backend("app", backend.address(), protocol, Some(authority))
        .listener(&a)
        .route("all", &[&a], "app", Vec::new())
        .0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_certificate_is_shown_on_new_connections_and_cuts_no_request_off() {
    let clients = Authority::new("clients");
    for protocol in PROTOCOLS {
        let (authority, backend) = mutual(&clients);
        let port = ReservedPort::new();
        let (old, new) = (clients.issue(&["old"]), clients.issue(&["new"]));
        let gate = Gate::closed();
        backend.on("/slow", Reply::text("begun, ").then_gate(&gate).then("done"));
        let before = rotating(&port, &authority, &backend, protocol, &old);
        let scene = Scene::start(&before).await;
        let mut slow = HttpClient::h1(port.address()).await.unwrap();
        let mut client = HttpClient::h1(port.address()).await.unwrap();
        let under_way = tokio::spawn(async move { slow.get("/slow").await });
        gate.arrived(1).await;
        let (connection, der_shown) = shown(&backend);
        assert_eq!(der_shown, der(&old), "{protocol:?}");
        // The same configuration once more keeps the connections.
        scene.apply(&before.clone()).await;
        scene.apply(&rotating(&port, &authority, &backend, protocol, &new)).await;
        assert_eq!(client.get("/").await.status, 200);
        let (fresh, der_shown) = shown(&backend);
        assert_eq!(der_shown, der(&new), "{protocol:?}");
        assert_ne!(fresh, connection, "{protocol:?}");
        gate.open();
        let answer = under_way.await.unwrap();
        assert_eq!((answer.status, answer.text().as_str()), (200, "begun, done"), "{protocol:?}");
        for _ in 0..3 {
            assert_eq!(client.get("/").await.status, 200);
            assert_eq!(shown(&backend), (fresh, der(&new)), "{protocol:?}");
        }
        scene.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn copies_to_a_tls_backend_carry_the_gateways_certificate_too() {
    let clients = Authority::new("clients");
    let (authority, copies) = mutual(&clients);
    let (app, port, x) = (Backend::start("app"), ReservedPort::new(), clients.issue(&["x"]));
    let a = showing("x", http("a", "*", 80, &[port.port()]));
    let fraction = Fraction { numerator: 1, denominator: 1 };
    let mirror = Filter::Mirror(Mirror { target: Ok(service("copies")), fraction });
    let plan = Plan::default()
        .secret("x", &x)
        .backend("app", app.address(), BackendProtocol::Http1, None)
        .backend("copies", copies.address(), BackendProtocol::Http1, Some(&authority))
        .listener(&a)
        .route("all", &[&a], "app", vec![mirror]);
    let scene = Scene::start(&plan.0).await;
    assert_eq!(HttpClient::h1(port.address()).await.unwrap().get("/copied").await.status, 200);
    let seen = copies.wait_requests("the copy", |all| !all.is_empty()).await;
    assert_eq!(seen[0].tls.as_ref().unwrap().client_certificate, Some(der(&x)));
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_that_is_not_there_fails_tls_backends_and_nothing_else() {
    let clients = Authority::new("clients");
    let (authority, backend) = mutual(&clients);
    let (plain, port) = (Backend::start("plain"), ReservedPort::new());
    let a = showing("absent", http("a", "a.example", 80, &[port.port()]));
    let b = showing("absent", http("b", "b.example", 80, &[port.port()]));
    let plan = Plan::default()
        .backend("app", backend.address(), BackendProtocol::Http1, Some(&authority))
        .backend("plain", plain.address(), BackendProtocol::Http1, None)
        .listener(&a)
        .listener(&b)
        .route("tls", &[&a], "app", Vec::new())
        .route("plain", &[&b], "plain", Vec::new());
    let scene = Scene::start(&plan.0).await;
    let mut client = HttpClient::h1(port.address()).await.unwrap();
    for (host, wanted) in [("a.example", 502), ("b.example", 200)] {
        assert_eq!(client.request(Method::GET, "/", &[("host", host)]).await.status, wanted, "{host}");
    }
    assert_eq!(backend.count(), 0, "nothing goes there without the certificate that was asked for");
    scene.stop().await;
}
