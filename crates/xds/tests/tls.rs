//! Mutual TLS between the planes: who gets in, who gets nothing, and rotation.
#![allow(clippy::unwrap_used, reason = "a test may fail anywhere")]

mod kit;

use std::sync::Arc;

use clearway_testkit::certs::{Authority, Leaf};
use clearway_xds::{ClientTls, Hub, ServerTls, StreamRefusal, TlsError};
use kit::{DataPlane, Server, open_hub, publish, snapshot, soon};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

const NAME: &str = "clearway-controlplane.clearway-system.svc";

fn server_tls(authority: &Authority) -> ServerTls {
    let own = authority.issue(&[NAME]);
    ServerTls::from_pem(authority.pem().as_bytes(), own.cert_pem.as_bytes(), own.key_pem.as_bytes()).unwrap()
}

/// A client that trusts `trusted` and shows a certificate of `own`.
fn client_tls(trusted: &Authority, own: &Authority) -> ClientTls {
    let leaf = own.issue(&[kit::FLEET]);
    ClientTls::from_pem(trusted.pem().as_bytes(), leaf.cert_pem.as_bytes(), leaf.key_pem.as_bytes(), NAME)
        .unwrap()
}

async fn secured(authority: &Authority) -> (Hub, Server, watch::Sender<ServerTls>) {
    let hub = open_hub(&snapshot("v1", 3));
    let (tls, source) = watch::channel(server_tls(authority));
    let server = Server::start(&hub, Some(source)).await;
    (hub, server, tls)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_with_a_certificate_is_served_and_known_by_it() {
    let authority = Authority::new("planes");
    let (hub, server, _tls) = secured(&authority).await;
    let (_client, source) = watch::channel(client_tls(&authority, &authority));
    let mut node = DataPlane::start_tls(server.address, source);
    assert_eq!(node.applied("v1").await, snapshot("v1", 3));
    assert_eq!(*hub.nodes()[0].node.identity, [kit::FLEET.to_owned()]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_without_a_certificate_gets_nothing() {
    let authority = Authority::new("planes");
    let (hub, server, _tls) = secured(&authority).await;
    let mut roots = RootCertStore::empty();
    roots.add(authority.der().clone()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(server.address).await.unwrap();
    let name = ServerName::try_from(NAME).unwrap();
    let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
    // The client's half of a TLS 1.3 handshake is over before the server has judged; the verdict comes with the read.
    let wrote = stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    let mut answer = Vec::new();
    let read = soon("verdict", stream.read_to_end(&mut answer)).await;
    assert!(wrote.is_err() || read.is_err(), "{wrote:?}, {read:?}");
    assert!(answer.is_empty(), "{answer:?}");
    assert!(hub.nodes().is_empty());
    assert_eq!(server.refused(1).await, [StreamRefusal::Tls]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clear_text_gets_nothing() {
    let authority = Authority::new("planes");
    let (hub, server, _tls) = secured(&authority).await;
    let mut node = DataPlane::start("plain", server.address);
    let state = node.until("refused", |state| state.last_error.is_some()).await;
    assert_eq!((state.offered, state.applied), (None, None));
    assert!(node.seen.try_recv().is_err());
    assert!(hub.nodes().is_empty());
    assert_eq!(server.refused_first().await, StreamRefusal::Tls);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_of_another_authority_or_out_of_date_get_nothing() {
    let (authority, stranger) = (Authority::new("planes"), Authority::new("stranger"));
    let (hub, server, _tls) = secured(&authority).await;
    let day = std::time::Duration::from_secs(86_400);
    let now = std::time::SystemTime::now();
    let old =
        authority.issue_leaf(&Leaf::new(&["old.example"]).not_before(now - 3 * day).not_after(now - day));
    let expired = ClientTls::from_pem(
        authority.pem().as_bytes(),
        old.cert_pem.as_bytes(),
        old.key_pem.as_bytes(),
        NAME,
    );
    for tls in [client_tls(&authority, &stranger), expired.unwrap(), client_tls(&stranger, &authority)] {
        let (_client, source) = watch::channel(tls);
        let mut node = DataPlane::start_tls(server.address, source);
        let state = node.until("refused", |state| state.last_error.is_some()).await;
        println!("{}", state.last_error.unwrap());
        assert_eq!((state.offered, state.applied), (None, None));
        assert!(node.seen.try_recv().is_err());
    }
    assert!(hub.nodes().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_authority_takes_over_without_a_restart() {
    let (old, new) = (Authority::new("old"), Authority::new("new"));
    let (hub, server, server_source) = secured(&old).await;
    let (client_source, source) = watch::channel(client_tls(&old, &old));
    let mut node = DataPlane::start_tls(server.address, source);
    node.applied("v1").await;

    // Connections that stand go on; the next is made with the new certificates on both sides.
    server_source.send_replace(server_tls(&new));
    publish(&hub, &snapshot("v2", 3));
    node.applied("v2").await;
    let (_stale, source) = watch::channel(client_tls(&old, &old));
    let stale = DataPlane::start_tls(server.address, source);
    let state = stale.until("refused", |state| state.last_error.is_some()).await;
    assert_eq!(state.offered, None);
    drop(stale);

    client_source.send_replace(client_tls(&new, &new));
    let address = server.address;
    server.stop().await;
    let _server = Server::start_on(address, &hub, Some(server_source.subscribe())).await;
    publish(&hub, &snapshot("v3", 3));
    node.applied("v3").await;
}

#[test]
fn what_is_no_configuration_says_why() {
    let authority = Authority::new("planes");
    let (one, other) = (authority.issue(&[NAME]), authority.issue(&[NAME]));
    let ca = authority.pem().as_bytes();
    let error = ServerTls::from_pem(b"", one.cert_pem.as_bytes(), one.key_pem.as_bytes()).unwrap_err();
    assert_eq!(error.to_string(), "the authority's certificate cannot be read: it holds no certificate");
    let error = ServerTls::from_pem(ca, one.cert_pem.as_bytes(), b"").unwrap_err();
    assert!(error.to_string().starts_with("the private key cannot be read: "), "{error}");
    let error = ServerTls::from_pem(ca, one.cert_pem.as_bytes(), other.key_pem.as_bytes()).unwrap_err();
    assert!(matches!(error, TlsError::Refused(_)), "{error}");
    let error =
        ClientTls::from_pem(ca, one.cert_pem.as_bytes(), one.key_pem.as_bytes(), "no name").unwrap_err();
    assert!(matches!(error, TlsError::ServerName { .. }), "{error}");
}
