//! Traffic of every kind at once on a [`Scene`], with its share of failures, until a given time.
//!
//! How a request ends is not asserted here: the panels and alerts that are looked at afterwards say it.
#![allow(dead_code, reason = "every test file uses a part of it")]

use std::io;
use std::time::{Duration, Instant};

use clearway_testkit::client::{ClientTls, GrpcClient, HttpClient, Protocol, RawClient};
use clearway_testkit::grpc::{EchoRequest, EchoResponse};
use http::Method;

use super::scene::{HOST, Scene};

/// Sends until `end`. Everything goes on side by side; a client whose connection ends begins again.
pub(crate) async fn until(scene: &Scene, end: Instant) {
    tokio::join!(
        again(end, || browse(scene, end, 7)),
        again(end, || browse(scene, end, 11)),
        again(end, || buy(scene, end)),
        again(end, || visit(scene, end)),
        again(end, || call(scene, end)),
        again(end, || wander(scene, end)),
        again(end, || leave(scene, end)),
        again(end, || report(scene, end)),
    );
}

/// Starts a client again until the time is over.
async fn again<F: Future<Output = io::Result<()>>>(end: Instant, mut client: impl FnMut() -> F) {
    while Instant::now() < end {
        if client().await.is_err() {
            pace(20).await;
        }
    }
}

/// The time between two requests of a person.
async fn pace(millis: u64) {
    tokio::time::sleep(Duration::from_millis(millis)).await;
}

/// HTTP/1.1 on a connection that is kept; answers of different sizes and times.
async fn browse(scene: &Scene, end: Instant, step: u64) -> io::Result<()> {
    let mut client = HttpClient::h1(scene.http).await?;
    for turn in (0..).map(|turn: u64| turn * step).take_while(|_| Instant::now() < end) {
        let (delay, size) = ((turn % 40).to_string(), (200 + turn % 97 * 90).to_string());
        let fields = [("x-delay-ms", delay.as_str()), ("x-body-bytes", size.as_str())];
        let path = ["/catalog/list", "/catalog/item", "/copied/item"][turn as usize % 3];
        client.try_request(Method::GET, path, &fields, "").await?;
        pace(8).await;
    }
    Ok(())
}

/// HTTP/2: uploads, some of which the backend answers with an error, some of them tried again.
async fn buy(scene: &Scene, end: Instant) -> io::Result<()> {
    let mut client = HttpClient::h2c(scene.http).await?;
    for turn in (0_u32..).take_while(|_| Instant::now() < end) {
        let status = match turn % 50 {
            7 => "500",
            20 | 21 => "503",
            30 => "429",
            _ => "200",
        };
        let fields = [("x-status", status), ("x-delay-ms", "6")];
        // Only what may be repeated is tried again.
        let method = if turn % 50 == 20 { Method::PUT } else { Method::POST };
        client.try_request(method, "/checkout/order", &fields, "x".repeat(400)).await?;
        // Now and then the vault ends the connection, so that there are handshakes with it.
        let (path, fields) = match turn % 8 {
            0 | 4 => ("/fragile/stock", &[][..]),
            1 => ("/vault/key", &[("x-keep-alive", "close")][..]),
            _ => ("/vault/key", &[][..]),
        };
        client.try_request(Method::GET, path, fields, "").await?;
        pace(25).await;
    }
    Ok(())
}

/// HTTPS: a connection for each visit; some without a name that is served, or of old clients.
async fn visit(scene: &Scene, end: Instant) -> io::Result<()> {
    let tls = ClientTls::new(&scene.authority, HOST).alpn(&["http/1.1"]);
    for turn in (0_u32..).take_while(|_| Instant::now() < end) {
        let tls = if turn % 5 == 0 { tls.clone().tls12() } else { tls.clone() };
        let mut client = HttpClient::tls(scene.https, &tls, Protocol::Http1).await?;
        client.try_request(Method::GET, "/catalog/item", &[("host", HOST)], "").await?;
        if turn % 6 == 0 {
            let mut noise = RawClient::connect(scene.https).await?;
            noise.send("this is no TLS\r\n\r\n").await?;
            noise.rest().await?;
        }
        pace(80).await;
    }
    Ok(())
}

/// gRPC: most calls are well, some end with a status, some are for nobody.
async fn call(scene: &Scene, end: Instant) -> io::Result<()> {
    let mut client = GrpcClient::connect(scene.rpc, HOST).await?;
    for turn in (0_i32..).take_while(|_| Instant::now() < end) {
        let code = match turn % 20 {
            5 => 14,
            9 => 5,
            _ => 0,
        };
        let request = EchoRequest { code, ..EchoRequest::new("hello") };
        client.call::<_, EchoResponse>("/echo.Echo/Unary", &[], &request).await?;
        pace(40).await;
    }
    Ok(())
}

/// What nobody serves, redirects, malformed requests, a backend without endpoint, a backend that is late.
async fn wander(scene: &Scene, end: Instant) -> io::Result<()> {
    while Instant::now() < end {
        let mut client = HttpClient::h1(scene.http).await?;
        for path in ["/moved/a", "/nowhere", "/empty/a"] {
            client.try_request(Method::GET, path, &[], "").await?;
        }
        client.try_request(Method::GET, "/late/a", &[("x-delay-ms", "5000")], "").await?;
        client.try_request(Method::POST, "/checkout/order", &[("x-fault", "reset")], "x").await?;
        let mut raw = RawClient::connect(scene.http).await?;
        raw.send("GET /a HTTP/1.1\r\nno colon\r\n\r\n").await?;
        raw.response().await?;
        let mut old = RawClient::connect(scene.http).await?;
        old.send(format!("GET /catalog/old HTTP/1.0\r\nhost: {HOST}\r\n\r\n")).await?;
        old.response().await?;
        pace(700).await;
    }
    Ok(())
}

/// Clients that leave while the backend works.
async fn leave(scene: &Scene, end: Instant) -> io::Result<()> {
    while Instant::now() < end {
        let mut client = RawClient::connect(scene.http).await?;
        client
            .send(format!("GET /catalog/slow HTTP/1.1\r\nhost: {HOST}\r\nx-delay-ms: 2000\r\n\r\n"))
            .await?;
        pace(120).await;
        client.reset();
        pace(600).await;
    }
    Ok(())
}

/// The other Gateway.
async fn report(scene: &Scene, end: Instant) -> io::Result<()> {
    let mut client = HttpClient::h1(scene.internal).await?;
    while Instant::now() < end {
        client
            .try_request(
                Method::GET,
                "/reports/daily",
                &[("x-body-bytes", "40000"), ("x-delay-ms", "60")],
                "",
            )
            .await?;
        pace(100).await;
    }
    Ok(())
}
