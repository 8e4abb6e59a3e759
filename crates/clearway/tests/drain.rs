//! The end of the process and of listeners: what runs is finished, what is new is refused, and nobody else notices.

#[path = "support/running.rs"]
mod support;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use clearway_testkit::Transport;
use clearway_testkit::backend::{Backend, Reply};
use clearway_testkit::certs::Authority;
use clearway_testkit::client::{ClientTls, End, HttpClient, Protocol, RawClient, WsClient};
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
    goaway(&mut two).await;
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

/// Waits until GOAWAY has come: the connection takes no further request.
async fn goaway(client: &mut HttpClient) {
    within("GOAWAY", async { while client.try_request(Method::GET, "/", &[], "").await.is_ok() {} }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_leaves_still_takes_who_comes_and_tells_everybody_to_go() {
    let (backend, gate) = slow_backend();
    let (folder, _port, address) = folder_to(&[backend.address()]);
    let mut gateway = Running::start(folder, &["--drain-delay", "10m"]);
    let (mut used, mut idle, mut silent) = (h1(address).await, h1(address).await, h1(address).await);
    let mut two = HttpClient::h2c(address).await.unwrap();
    for client in [&mut used, &mut idle, &mut silent, &mut two] {
        assert_eq!(client.get("/").await.header("connection"), "");
    }
    let slow = background(&mut two, "GET", "/slow");
    gate.arrived(1).await;

    gateway.terminate();
    gateway
        .until("the gateway not to be ready", async || {
            let answer = h1(gateway.admin).await.get("/readyz?verbose").await;
            (answer.status == 503 && answer.text().contains("draining")).then_some(())
        })
        .await;
    // HTTP/2 is told at once, and loses nothing.
    goaway(&mut two).await;
    assert!(!slow.is_finished());
    gate.open();
    assert_eq!(slow.await.unwrap().unwrap().text(), "slow");
    // HTTP/1 is told by its next answer, old connections and new ones.
    for mut client in [used, h1(address).await, h1(address).await] {
        let answer = client.get("/").await;
        assert_eq!((answer.status, answer.header("connection")), (200, "close"));
        client.closed().await;
    }
    let mut late = HttpClient::h2c(address).await.unwrap();
    assert_eq!(late.get("/").await.status, 200);
    late.closed().await;
    // One that says nothing is not cut off under a request that may be on its way.
    assert_eq!(idle.get("/").await.header("connection"), "close");

    gateway.terminate();
    refused(address).await;
    silent.closed().await;
    gateway.ended(DEADLINE);
    let flags: Vec<_> = gateway.lines().iter().map(|line| line["flag"].clone()).collect();
    assert!(flags.len() >= 10 && flags.iter().all(|flag| flag == "none"), "{flags:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_kernel_has_accepted_is_served_before_a_socket_closes() {
    const REQUEST: &str = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";
    let (backend, _gate) = slow_backend();
    let (folder, _port, address) = folder_to(&[backend.address()]);
    let mut gateway = Running::start(folder, &["--workers", "2"]);
    let (mut asking, mut mute) = (Vec::new(), Vec::new());
    gateway
        .terminate_unheard(async {
            for _ in 0..150 {
                let mut client = RawClient::connect(address).await.unwrap();
                client.send(REQUEST).await.unwrap();
                asking.push(client);
                mute.push(RawClient::connect(address).await.unwrap());
            }
        })
        .await;
    // Half of them ask only now: their connection is accepted, their request on its way.
    for client in &mut mute {
        client.send(REQUEST).await.unwrap();
    }
    for (number, client) in asking.iter_mut().chain(&mut mute).enumerate() {
        let answer = client.response().await.unwrap_or_else(|error| panic!("connection {number}: {error}"));
        assert_eq!((answer.status, answer.header("connection")), (200, "close"));
    }
    gateway.ended(DEADLINE);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handshake_under_way_is_finished_and_its_first_request_served() {
    let (backend, _gate) = slow_backend();
    let authority = Authority::new("test");
    let (port, address) = port();
    let folder = Folder::new();
    folder.service("app", &[backend.address()]);
    folder.route(&Route::http("all").parent("gw").rule(Rule::new().backend("app")));
    folder.secret("cert", &authority.issue(&["a.example"]));
    folder.gateway(&Gateway::new("gw").https("tls", port.port(), "cert"));
    let mut gateway = Running::start(folder, &[]);
    let mut connected = Vec::new();
    gateway
        .terminate_unheard(async {
            for _ in 0..20 {
                connected.push(Transport::connect(address).await.unwrap());
            }
        })
        .await;
    let greet = |transport: Transport| {
        let tls = ClientTls::new(&authority, "a.example").alpn(&["http/1.1"]);
        tokio::spawn(async move {
            let mut client = HttpClient::over(tls.handshake(transport).await?, Protocol::Http1).await?;
            client.try_request(Method::GET, "/", &[], "").await
        })
    };
    let answers: Vec<_> = connected.into_iter().map(greet).collect();
    for answer in answers {
        let answer = answer.await.unwrap().unwrap();
        assert_eq!((answer.status, answer.header("connection")), (200, "close"));
    }
    gateway.ended(DEADLINE);
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
