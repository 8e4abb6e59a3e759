//! The end of the process and of listeners: what runs is finished, what is new is refused, and nobody else notices.

#[path = "support/running.rs"]
mod support;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use clearway_testkit::backend::{Backend, Reply};
use clearway_testkit::client::{End, HttpClient, RawClient, WsClient};
use clearway_testkit::manifest::{Folder, Gateway, Route, Rule};
use clearway_testkit::wait::{DEADLINE, Gate, within};
use http::Method;
use support::{CLOSED, REQUESTS, Running, background, folder_to, h1, port};
use tokio::net::TcpStream;

/// A backend whose `/slow` waits for the gate.
fn slow_backend() -> (Backend, Gate) {
    let (backend, gate) = (Backend::start("app"), Gate::closed());
    backend.on("/slow", Reply::text("slow").gate(&gate));
    backend.on("/half", Reply::text("first").then_gate(&gate).then("second"));
    (backend, gate)
}

/// Waits until connects to the address are refused.
async fn refused(address: SocketAddr) {
    within("connects to be refused", async {
        while TcpStream::connect(address).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_under_way_are_finished_and_new_connections_refused() {
    let (backend, gate) = slow_backend();
    let (folder, _port, address) = folder_to(&[backend.address()]);
    let mut gateway = Running::start(folder, &["--workers", "2"]);
    let (mut one, mut two) = (h1(address).await, HttpClient::h2c(address).await.unwrap());
    let (mut half, mut idle) = (h1(address).await, h1(address).await);
    assert_eq!(idle.get("/").await.header("connection"), "");
    let mut never = RawClient::connect(address).await.unwrap();
    let slow_h1 = background(&mut one, "GET", "/slow");
    let slow_h2 = background(&mut two, "GET", "/slow");
    let halved = background(&mut half, "GET", "/half");
    gate.arrived(3).await;

    gateway.terminate();
    refused(address).await;
    idle.closed().await;
    assert_eq!(never.closed().await, End::Close);
    // GOAWAY has come: the connection takes no further request, while its stream goes on.
    within("GOAWAY", async { while two.try_request(Method::GET, "/", &[], "").await.is_ok() {} }).await;
    assert!(!slow_h2.is_finished() && !slow_h1.is_finished());

    gate.open();
    let answer = slow_h1.await.unwrap().unwrap();
    assert_eq!((answer.status, answer.text().as_str(), answer.header("connection")), (200, "slow", "close"));
    assert_eq!(slow_h2.await.unwrap().unwrap().text(), "slow");
    assert_eq!(halved.await.unwrap().unwrap().text(), "firstsecond");
    one.closed().await;
    half.closed().await;
    let opened = Instant::now();
    gateway.ended(DEADLINE);
    assert!(opened.elapsed() < Duration::from_secs(10), "nothing was left to wait for");
    let flags: Vec<_> = gateway.lines().iter().map(|line| line["flag"].clone()).collect();
    assert!(
        flags.len() >= 4 && flags.iter().all(|flag| flag == "none"),
        "every request is written as served: {flags:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_left_at_the_deadline_is_cut_off_as_drained() {
    let (backend, gate) = slow_backend();
    let (folder, _port, address) = folder_to(&[backend.address()]);
    let mut gateway = Running::start(folder, &["--drain-timeout", "1s"]);
    let mut tunnel = WsClient::connect(address, "/socket", &[]).await.unwrap();
    tunnel.send_text("hello").await.unwrap();
    assert!(tunnel.receive().await.unwrap().is_some());
    let (mut one, mut two) = (h1(address).await, HttpClient::h2c(address).await.unwrap());
    let stuck_h1 = background(&mut one, "GET", "/slow");
    let stuck_h2 = background(&mut two, "GET", "/slow");
    gate.arrived(2).await;

    gateway.terminate();
    let asked = Instant::now();
    tunnel.send_text("still here").await.unwrap();
    assert!(tunnel.receive().await.unwrap().is_some(), "a tunnel lives until the deadline");
    assert!(!matches!(tunnel.receive().await, Ok(Some(_))), "and not longer");
    assert!(stuck_h1.await.unwrap().is_err());
    assert!(stuck_h2.await.unwrap().is_err());
    gateway.ended(DEADLINE);
    let took = asked.elapsed();
    assert!(took >= Duration::from_secs(1) && took < Duration::from_secs(8), "{took:?}");

    let lines = gateway.lines();
    assert_eq!(lines.len(), 3, "{lines:?}");
    for line in &lines {
        assert_eq!((&line["flag"], &line["side"]), (&"drained".into(), &"gateway".into()), "{line}");
    }
    let socket = lines.iter().find(|line| line["path"] == "/socket").expect("the tunnel's line");
    assert_eq!((&socket["code"], &socket["upgraded"]), (&101.into(), &true.into()));
}

/// Two listeners, `a` and `b`, to one backend.
fn two_listeners(folder: &Folder, a: u16, b: u16) {
    folder.gateway(&Gateway::new("gw").http("a", a).http("b", b));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listener_that_moves_disturbs_no_connection_of_another() {
    let (backend, gate) = slow_backend();
    let ((port_a, a), (port_b, b), (port_c, c)) = (port(), port(), port());
    let folder = Folder::new();
    folder.service("app", &[backend.address()]);
    folder.route(&Route::http("all").parent("gw").rule(Rule::new().backend("app")));
    two_listeners(&folder, port_a.port(), port_b.port());
    let gateway = Running::start(folder, &["--workers", "2"]);
    let (mut on_a, mut on_b, mut idle_b) = (h1(a).await, h1(b).await, h1(b).await);
    let mut h2_a = HttpClient::h2c(a).await.unwrap();
    assert_eq!(idle_b.get("/").await.status, 200);
    assert_eq!(h2_a.get("/").await.status, 200);
    let slow_a = background(&mut on_a, "GET", "/slow");
    let slow_b = background(&mut on_b, "GET", "/slow");
    gate.arrived(2).await;

    two_listeners(&gateway.folder, port_a.port(), port_c.port());
    gateway.until("the new port", async || TcpStream::connect(c).await.ok()).await;
    refused(b).await;
    idle_b.closed().await;
    gate.open();
    // The listener that went finishes what runs there; the other one goes on as if nothing had happened.
    let answer = slow_b.await.unwrap().unwrap();
    assert_eq!((answer.status, answer.text().as_str()), (200, "slow"));
    on_b.closed().await;
    let answer = slow_a.await.unwrap().unwrap();
    assert_eq!((answer.status, answer.header("connection")), (200, ""));
    assert_eq!(on_a.get("/again").await.status, 200);
    assert_eq!(h2_a.get("/again").await.status, 200);
    assert_eq!(h1(c).await.get("/").await.status, 200);
    assert_eq!(gateway.total(CLOSED, &[("listener", "a")]).await, 0);
    gateway.counted(CLOSED, &[("port", &port_b.port().to_string()), ("reason", "drained")], 2).await;
    gateway.counted(REQUESTS, &[("reason", "none"), ("code", "200")], 7).await;
    gateway.counted(REQUESTS, &[], 7).await;
    gateway.stop();
}
