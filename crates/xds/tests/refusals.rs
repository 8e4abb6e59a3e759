//! Who is turned away, for which reason, and that each is told once.
#![allow(clippy::unwrap_used, reason = "a test may fail anywhere")]

mod kit;

use std::sync::Arc;

use clearway_testkit::certs::{Authority, Leaf};
use clearway_testkit::client::GrpcClient;
use clearway_xds::{ClientTls, Hub, ServerTls, StreamRefusal};
use kit::{DataPlane, FLEET, Server, open_hub, snapshot, soon};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

const NAME: &str = "clearway-controlplane.clearway-system.svc";
const METHOD: &str = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources";

/// As much of `DeltaDiscoveryRequest` as a stranger needs.
#[derive(Clone, PartialEq, prost::Message)]
struct Asking {
    #[prost(message, optional, tag = "1")]
    node: Option<Node>,
    #[prost(string, tag = "2")]
    type_url: String,
    #[prost(string, repeated, tag = "3")]
    named: Vec<String>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Node {
    #[prost(string, tag = "1")]
    id: String,
    #[prost(string, tag = "2")]
    cluster: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Anything {}

async fn secured(authority: &Authority) -> (Hub, Server) {
    let own = authority.issue(&[NAME]);
    let tls =
        ServerTls::from_pem(authority.pem().as_bytes(), own.cert_pem.as_bytes(), own.key_pem.as_bytes());
    let hub = open_hub(&snapshot("v1", 3));
    let server = Server::start(&hub, Some(watch::channel(tls.unwrap()).1)).await;
    (hub, server)
}

fn client_tls(authority: &Authority, names: &[&str]) -> watch::Receiver<ClientTls> {
    let leaf = authority.issue_leaf(&Leaf::new(names));
    let (chain, key) = (leaf.cert_pem.as_bytes(), leaf.key_pem.as_bytes());
    watch::channel(ClientTls::from_pem(authority.pem().as_bytes(), chain, key, NAME).unwrap()).1
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_of_the_authority_that_does_not_bear_the_fleet_gets_nothing() {
    let authority = Authority::new("planes");
    let (hub, server) = secured(&authority).await;
    let stranger = DataPlane::start_tls(server.address, client_tls(&authority, &["shop.example"]));
    let state = stranger.until("refused", |state| state.last_error.is_some()).await;
    let said = state.last_error.unwrap();
    assert!(said.contains("not one of the fleet") && said.contains("shop.example"), "{said}");
    assert_eq!((state.offered, hub.nodes().len()), (None, 0));
    assert_eq!(server.refused_first().await, StreamRefusal::Identity);
    drop(stranger);
    let mut node = DataPlane::start_tls(server.address, client_tls(&authority, &["other", FLEET]));
    node.applied("v1").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_say_who_it_is_or_asks_for_strange_things_is_refused_and_told_why() {
    let hub = open_hub(&snapshot("v1", 3));
    let server = Server::start(&hub, None).await;
    let listener = "type.googleapis.com/clearway.config.v1.Listener";
    let node = || Some(Node { id: "stranger".into(), cluster: FLEET.into() });
    let cases = [
        (Asking { node: None, ..Asking::default() }, StreamRefusal::Identity, "node.id"),
        (
            Asking { node: node(), type_url: "type.googleapis.com/x".into(), named: vec![] },
            StreamRefusal::Protocol,
            "no type of resource",
        ),
        (
            Asking { node: node(), type_url: listener.into(), named: vec!["one".into()] },
            StreamRefusal::Protocol,
            "by type, not by name",
        ),
    ];
    for (number, (asking, wanted, words)) in cases.into_iter().enumerate() {
        let mut client = GrpcClient::connect(server.address, "control-plane").await.unwrap();
        let reply = soon("an answer", client.call::<_, Anything>(METHOD, &[], &asking)).await.unwrap();
        let status = reply.status.unwrap();
        assert!(status.message.contains(words), "{status:?}");
        assert!(reply.messages.is_empty());
        assert_eq!(server.refused(number + 1).await[number], wanted);
    }
    soon("the end of their sessions", async {
        while !hub.nodes().is_empty() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_comes_while_the_server_ends_is_refused() {
    let authority = Authority::new("planes");
    let (hub, server) = secured(&authority).await;
    // Accepted, but not through TLS, when the end begins: whoever comes after it in the queue is served already.
    let late = TcpStream::connect(server.address).await.unwrap();
    let mut node = DataPlane::start_tls(server.address, client_tls(&authority, &[FLEET]));
    node.applied("v1").await;
    let refusals = server.refusals();
    let ended = tokio::spawn(server.stop());
    node.until("the end of the stream", |state| state.last_error.is_some()).await;
    let name = ServerName::try_from(NAME).unwrap();
    let shaken = TlsConnector::from(Arc::new(by_hand(&authority))).connect(name, late).await;
    soon("the end", ended).await.unwrap();
    drop(shaken);
    assert_eq!(*refusals.lock().unwrap(), [StreamRefusal::Draining]);
    assert!(hub.nodes().is_empty());
}

/// What `ClientTls` holds, for a connection that is made before.
fn by_hand(authority: &Authority) -> ClientConfig {
    let leaf = authority.issue_leaf(&Leaf::new(&[FLEET]));
    let chain = CertificateDer::pem_slice_iter(leaf.cert_pem.as_bytes()).map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_slice(leaf.key_pem.as_bytes()).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(authority.der().clone()).unwrap();
    ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)
        .unwrap()
}
