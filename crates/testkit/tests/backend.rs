//! The scripted backend seen by the kit's own clients.

use clearway_testkit::backend::{After, Backend, Fault, Outcome, RawBackend, Recorded};
use clearway_testkit::certs::Authority;
use clearway_testkit::client::{ClientTls, End, Frame, HttpClient, Protocol, RawClient, WsClient};
use clearway_testkit::{Gate, Reply, within};
use http::{Method, Request, Version};
use http_body_util::{BodyExt, Full};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

fn empty() -> impl http_body::Body<Data = bytes::Bytes, Error = std::io::Error> + Send + 'static {
    Full::new(bytes::Bytes::new()).map_err(|never| match never {})
}

#[tokio::test]
async fn it_echoes_the_request_over_both_protocols_on_one_port() {
    let backend = Backend::start("one");
    let mut h1 = HttpClient::h1(backend.address()).await.unwrap();
    let mut h2 = HttpClient::h2c(backend.address()).await.unwrap();
    let headers = [("host", "shop.example"), ("x-thing", "1"), ("x-thing", "2")];
    for (client, version, protocol) in
        [(&mut h1, Version::HTTP_11, "HTTP/1.1"), (&mut h2, Version::HTTP_2, "HTTP/2.0")]
    {
        let answer = client.try_request(Method::PUT, "/a?b=c", &headers, "hello").await.unwrap();
        assert_eq!((answer.status, answer.version), (200, version));
        let echo = answer.echo();
        assert_eq!((echo.method(), echo.path(), echo.host()), ("PUT", "/a?b=c", "shop.example"));
        assert_eq!((echo.backend(), echo.protocol()), ("one", protocol));
        assert_eq!(echo.header("X-THING"), ["1", "2"]);
        let last = backend.last();
        assert_eq!((&last.body[..], last.body_bytes, last.body_complete), (&b"hello"[..], 5, true));
    }
    assert_eq!((backend.accepted(), backend.count(), backend.open()), (2, 2, 2));
}

#[tokio::test]
async fn tls_settles_the_protocol_by_alpn_and_records_the_server_name() {
    let authority = Authority::new("test ca");
    let cert = authority.issue(&["a.example", "127.0.0.1"]);
    let backend = Backend::builder("tls").tls(&cert).start();
    let tls = ClientTls::new(&authority, "a.example");
    for (protocol, alpn) in [(Protocol::Http1, "http/1.1"), (Protocol::Http2, "h2")] {
        let mut client = HttpClient::tls(backend.address(), &tls, protocol).await.unwrap();
        let json = client.get("/").await.json();
        assert_eq!(json["tls"]["serverName"], "a.example");
        assert_eq!(json["tls"]["negotiatedProtocol"], alpn);
        assert_eq!(json["sni"], "a.example");
    }
    let seen = tls.clone().tls12().connect(backend.address()).await.unwrap();
    assert_eq!(seen.peer_certificate().unwrap(), cert.der);
    let mut nameless =
        HttpClient::tls(backend.address(), &tls.clone().no_sni(), Protocol::Http1).await.unwrap();
    assert_eq!(nameless.get("/").await.json()["sni"], "");
    let stranger = ClientTls::new(&Authority::new("other"), "a.example").connect(backend.address()).await;
    assert!(stranger.is_err());
    let other_name = ClientTls::new(&authority, "b.example").connect(backend.address()).await;
    assert!(other_name.is_err());
    ClientTls::unverified("b.example").connect(backend.address()).await.unwrap();
}

#[tokio::test]
async fn a_gate_holds_the_head_or_the_middle_of_a_body() {
    let backend = Backend::start("gate");
    let (head, middle) = (Gate::closed(), Gate::closed());
    backend.next(Reply::status(201).gate(&head).then("one").then_gate(&middle).then("two"));
    let mut client = RawClient::connect(backend.address()).await.unwrap();
    client.send(GET).await.unwrap();
    head.arrived(1).await;
    assert_eq!(backend.last().outcome, Outcome::Open);
    head.open();
    middle.arrived(1).await;
    middle.open();
    let response = client.response().await.unwrap();
    assert_eq!(
        (response.status, response.text().as_str(), response.header("content-length")),
        (201, "onetwo", "6")
    );
    backend.wait_requests("the exchange to end", |seen| seen[0].outcome == Outcome::Sent).await;
}

#[tokio::test]
async fn faults_before_the_head_close_or_reset() {
    let backend = Backend::start("faults");
    for (fault, end) in [(Fault::Close, End::Close), (Fault::Reset, End::Reset), (Fault::Abort, End::Close)] {
        backend.next(Reply::fault(fault));
        let mut client = RawClient::connect(backend.address()).await.unwrap();
        client.send(GET).await.unwrap();
        assert_eq!(client.closed().await, end, "{fault:?}");
        backend.wait_open(0).await;
        let faulted = |seen: &[Recorded]| seen.last().is_some_and(|last| last.outcome == Outcome::Faulted);
        backend.wait_requests("the fault's record", faulted).await;
    }
}

#[tokio::test]
async fn faults_in_a_body_come_after_what_was_sent_before() {
    let backend = Backend::start("faults");
    for (fault, end) in
        [(Fault::Close, "UnexpectedEof"), (Fault::Reset, "ConnectionReset"), (Fault::Abort, "UnexpectedEof")]
    {
        backend.next(Reply::text("first").then_fault(fault).then("never"));
        let mut client = RawClient::connect(backend.address()).await.unwrap();
        client.send(GET).await.unwrap();
        let error = client.response().await.unwrap_err();
        assert_eq!(format!("{:?}", error.kind()), end, "{fault:?}: {error}");
    }
    // The head and the first half arrive before the break, on both protocols.
    for h2 in [false, true] {
        backend.next(Reply::text("first").then_fault(Fault::Reset).then("never"));
        let mut client = if h2 {
            HttpClient::h2c(backend.address()).await
        } else {
            HttpClient::h1(backend.address()).await
        }
        .unwrap();
        let mut response = client.send(Request::new(empty())).await.unwrap();
        let first = within("the first half", response.body_mut().frame()).await.unwrap().unwrap();
        assert_eq!(first.into_data().unwrap(), "first");
        assert!(within("the break", response.body_mut().frame()).await.unwrap().is_err());
    }
}

#[tokio::test]
async fn an_abort_on_http2_ends_the_stream_and_not_the_connection() {
    let backend = Backend::start("abort");
    let mut client = HttpClient::h2c(backend.address()).await.unwrap();
    backend.next(Reply::fault(Fault::Abort));
    assert!(client.try_request(Method::GET, "/", &[], "").await.is_err());
    backend.next(Reply::text("half").then_fault(Fault::Abort));
    assert!(client.try_request(Method::GET, "/", &[], "").await.is_err());
    assert_eq!(client.get("/").await.status, 200);
    assert_eq!(backend.accepted(), 1);
}

#[tokio::test]
async fn trailers_and_chunks() {
    let backend = Backend::start("trailers");
    backend.on("/t", Reply::text("body").then_trailers(&[("x-sum", "42")]));
    let mut raw = RawClient::connect(backend.address()).await.unwrap();
    raw.send("GET /t HTTP/1.1\r\nHost: a\r\nTE: trailers\r\n\r\n").await.unwrap();
    let response = raw.response().await.unwrap();
    assert_eq!((response.text().as_str(), response.header("transfer-encoding")), ("body", "chunked"));
    assert_eq!(response.trailers["x-sum"], "42");
    let mut h2 = HttpClient::h2c(backend.address()).await.unwrap();
    assert_eq!(h2.get("/t").await.trailers.unwrap()["x-sum"], "42");
    raw.send("GET /bytes/3 HTTP/1.1\r\nHost: a\r\nx-framing: chunked\r\n\r\n").await.unwrap();
    let response = raw.response().await.unwrap();
    assert_eq!((response.text().as_str(), response.header("content-length")), ("xxx", ""));
}

#[tokio::test]
async fn headers_and_paths_ask_for_behaviour() {
    let backend = Backend::start("asked");
    let mut client = HttpClient::h1(backend.address()).await.unwrap();
    assert_eq!(client.get("/status/503").await.status, 503);
    assert_eq!(client.get("/status/204").await.body.len(), 0);
    assert_eq!(client.get("/bytes/200000").await.body.len(), 200_000);
    assert_eq!(client.get("/delay/1").await.status, 200);
    let headers =
        [("x-status", "418"), ("x-body-bytes", "7"), ("x-set-header", "x-a: b"), ("x-delay-ms", "1")];
    let answer = client.request(Method::GET, "/", &headers).await;
    assert_eq!((answer.status, answer.body.len(), answer.header("x-a")), (418, 7, "b"));
    let slow = client.request(Method::GET, "/", &[("x-body-bytes", "9"), ("x-body-delay-ms", "1")]).await;
    assert_eq!(slow.body.len(), 9);
    assert_eq!(client.request(Method::GET, "/", &[("x-status", "abc")]).await.status, 400);
    assert_eq!(client.request(Method::HEAD, "/bytes/5", &[]).await.header("content-length"), "5");
    let mirrored = client.try_request(Method::POST, "/mirror", &[], "there and back").await.unwrap();
    assert_eq!(mirrored.text(), "there and back");
    let broken = client.try_request(Method::GET, "/", &[("x-fault", "reset-body")], "").await;
    assert!(broken.is_err());
}

#[tokio::test]
async fn keep_alive_ends_loudly_or_silently() {
    let backend = Backend::start("close");
    for (reply, said) in
        [(Reply::text("x").close_after(), "close"), (Reply::text("x").close_after_silently(), "")]
    {
        backend.next(reply);
        let mut client = RawClient::connect(backend.address()).await.unwrap();
        client.send(GET).await.unwrap();
        assert_eq!(client.response().await.unwrap().header("connection"), said);
        assert_eq!(client.closed().await, End::Close);
    }
    backend.set_keep_alive(false);
    let mut client = RawClient::connect(backend.address()).await.unwrap();
    client.send(GET).await.unwrap();
    assert_eq!(client.response().await.unwrap().header("connection"), "close");
    assert_eq!(client.closed().await, End::Close);
}

#[tokio::test]
async fn idle_connections_close_on_command_and_busy_ones_stay() {
    let backend = Backend::start("stale");
    let gate = Gate::closed();
    let mut idle = HttpClient::h1(backend.address()).await.unwrap();
    idle.get("/").await;
    backend.on("/busy", Reply::text("x").gate(&gate));
    let mut busy = RawClient::connect(backend.address()).await.unwrap();
    busy.send("GET /busy HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    gate.arrived(1).await;
    backend.wait_requests("the idle exchange to end", |seen| seen[0].outcome == Outcome::Sent).await;
    assert_eq!(backend.close_idle(), 1);
    idle.closed().await;
    backend.wait_open(1).await;
    gate.open();
    assert_eq!(busy.response().await.unwrap().status, 200);
}

#[tokio::test]
async fn a_client_that_goes_away_is_recorded() {
    let backend = Backend::start("gone");
    let gate = Gate::closed();
    backend.next(Reply::text("x").gate(&gate));
    let mut client = RawClient::connect(backend.address()).await.unwrap();
    client.send(GET).await.unwrap();
    gate.arrived(1).await;
    client.reset();
    backend.wait_requests("the cancellation", |seen| seen[0].outcome == Outcome::Cancelled).await;
}

#[tokio::test]
async fn it_stops_in_order_and_comes_back_on_its_port() {
    let backend = Backend::start("stop");
    let mut h1 = HttpClient::h1(backend.address()).await.unwrap();
    let mut h2 = HttpClient::h2c(backend.address()).await.unwrap();
    h1.get("/").await;
    h2.get("/").await;
    let address = backend.stop().await;
    h1.closed().await;
    h2.closed().await;
    assert!(HttpClient::h1(address).await.is_err());
    let again = Backend::builder("again").address(address).start();
    assert_eq!(HttpClient::h1(again.address()).await.unwrap().get("/").await.echo().backend(), "again");
}

#[tokio::test]
async fn websockets_and_other_upgrades_echo() {
    let backend = Backend::start("ws");
    let mut socket =
        WsClient::connect(backend.address(), "/chat", &[("sec-websocket-protocol", "v1, v2")]).await.unwrap();
    assert_eq!(socket.headers["sec-websocket-protocol"], "v1");
    socket.send_text("hello").await.unwrap();
    assert_eq!(socket.receive().await.unwrap(), Some(Frame::Text("hello".to_owned())));
    socket.send_binary(vec![0, 255]).await.unwrap();
    assert_eq!(socket.receive().await.unwrap(), Some(Frame::Binary(vec![0, 255])));
    socket.ping().await.unwrap();
    assert_eq!(socket.receive().await.unwrap(), Some(Frame::Pong));
    socket.close().await.unwrap();
    let mut reset = WsClient::connect(backend.address(), "/", &[]).await.unwrap();
    reset.send_text("reset").await.unwrap();
    assert!(reset.receive().await.is_err());
    backend.next(Reply::status(403));
    let refused = WsClient::connect(backend.address(), "/", &[]).await.unwrap_err();
    assert_eq!(refused.to_string(), "status 403");

    let mut raw = RawClient::connect(backend.address()).await.unwrap();
    raw.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n").await.unwrap();
    assert_eq!(raw.response().await.unwrap().status, 101);
    raw.send("any bytes").await.unwrap();
    raw.half_close().await.unwrap();
    assert_eq!(raw.rest().await.unwrap(), "any bytes");
}

#[tokio::test]
async fn a_raw_backend_sends_what_no_library_would() {
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab";
    let backend = RawBackend::start(answer, After::KeepOpen);
    let mut client = RawClient::connect(backend.address()).await.unwrap();
    client.send(GET).await.unwrap();
    let error = client.response().await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidData);
    assert_eq!(backend.heads(), [GET]);
}

#[tokio::test]
async fn the_raw_client_refuses_what_rfc_9112_forbids_and_reads_what_it_allows() {
    let bad = [
        "HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\nx",
        "HTTP/1.1 200 OK\r\nA: b\r\n folded\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0x1\r\na\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n",
        "HTTP/2 200 OK\r\nContent-Length: 0\r\n\r\n",
    ];
    for answer in bad {
        let backend = RawBackend::start(answer, After::Close);
        let mut client = RawClient::connect(backend.address()).await.unwrap();
        client.send(GET).await.unwrap();
        let kind = client.response().await.unwrap_err().kind();
        assert_eq!(kind, std::io::ErrorKind::InvalidData, "{answer:?}");
    }
    let good = "HTTP/1.1 100 \r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\nX-T: 1\r\n\r\n\
                HTTP/1.0 404 No\r\n\r\nrest";
    let backend = RawBackend::start(good, After::Close);
    let mut client = RawClient::connect(backend.address()).await.unwrap();
    client.send(GET).await.unwrap();
    assert_eq!(client.response().await.unwrap().status, 100);
    let chunked = client.response().await.unwrap();
    assert_eq!(
        (chunked.text().as_str(), &chunked.trailers["x-t"]),
        ("abc", &http::HeaderValue::from_static("1"))
    );
    let last = client.response().await.unwrap();
    assert_eq!((last.minor, last.status, last.text().as_str(), last.until_close), (0, 404, "rest", true));
}
