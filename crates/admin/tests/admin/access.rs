//! Who may ask what, over real connections. A client that is not of this machine connects to an address of the machine
//! that is not loopback; the matrix of peers and headers stands beside the code.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};

use clearway_admin::surface::PATHS;
use clearway_admin::{AdminError, AdminOptions, AdminServer, Token};

use crate::client::{ask, get};
use crate::site::Site;

const TOKEN: &str = "0123456789abcdef";

#[tokio::test]
async fn a_token_opens_what_is_closed_to_others() {
    let site = Site::start(|options| {
        options.token = Some(Token::new(TOKEN).unwrap());
        options.open = vec!["/livez".to_owned()];
    })
    .await;
    let elsewhere = "host: admin.example";
    let good = format!("authorization: Bearer {TOKEN}");
    for path in PATHS.iter().map(|known| known.path).filter(|path| !path.starts_with("/debug")) {
        let line = format!("GET {path}");
        let expected = if path == "/livez" { 200 } else { 403 };
        assert_eq!(ask(site.address, &line, &[elsewhere], "").await.status, expected, "{path}");
        assert_eq!(ask(site.address, &line, &[elsewhere, &good], "").await.status, 200, "{path}");
    }
    let wrong =
        ask(site.address, "GET /config", &["host: localhost", "authorization: Bearer wrong"], "").await;
    assert_eq!((wrong.status, wrong.header("www-authenticate").is_some()), (401, true));
    assert!(!wrong.text().contains(TOKEN));
}

#[tokio::test]
async fn a_page_that_rebinds_its_name_gets_nothing() {
    let site = Site::start(|_| ()).await;
    for headers in [
        vec!["host: evil.example"],
        vec!["host: localhost", "origin: http://evil.example"],
        vec!["host: localhost", "sec-fetch-site: cross-site"],
        vec!["host: localhost", "x-forwarded-for: 192.0.2.1"],
    ] {
        let answer = ask(site.address, "PUT /log-level?level=debug", &headers, "").await;
        assert_eq!(answer.status, 403, "{headers:?}");
    }
    assert_eq!(get(site.address, "/log-level").await.json()["level"], "info");
    assert_eq!(ask(site.address, "GET /metrics", &["host: evil.example"], "").await.status, 200);
}

#[tokio::test]
async fn another_machine_gets_metrics_and_probes_only() {
    let site = Site::start(|options| options.address = "0.0.0.0:0".parse().unwrap()).await;
    let outer = SocketAddr::new(own_address(), site.address.port());
    for known in PATHS {
        let answer = ask(outer, &format!("GET {}", known.path), &["host: localhost"], "").await;
        assert_eq!(answer.status, if known.open { 200 } else { 403 }, "{}", known.path);
    }
    assert_eq!(ask(outer, "GET /", &["host: localhost"], "").await.status, 200);
}

/// An address of this machine other than loopback. Nothing is sent: connecting a datagram socket only asks the routes.
fn own_address() -> IpAddr {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
    socket
        .connect((Ipv4Addr::new(192, 0, 2, 1), 9))
        .expect("this test needs a machine with a network address");
    socket.local_addr().unwrap().ip()
}

#[tokio::test]
async fn an_open_path_must_exist_and_an_address_be_free() {
    let site = Site::start(|_| ()).await;
    let bind = |change: fn(&mut AdminOptions)| {
        let mut options = AdminOptions::new(site.address);
        change(&mut options);
        AdminServer::bind(options, crate::site::parts())
    };
    let taken = bind(|_| ()).await.unwrap_err();
    assert!(matches!(taken, AdminError::Bind { .. }) && taken.to_string().contains("ss -ltnp"), "{taken}");
    let unknown = bind(|options| options.open.push("/metric".to_owned())).await.unwrap_err();
    assert!(
        unknown.to_string().contains("'/metric'") && unknown.to_string().contains("/readyz"),
        "{unknown}"
    );
}
