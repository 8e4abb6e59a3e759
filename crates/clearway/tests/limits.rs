//! Limits and failures on the wire: what is over a limit, malformed, late, gone or broken is answered with the right
//! status and counted once under the right word.

#[path = "support/running.rs"]
mod support;

use std::net::SocketAddr;

use clearway_testkit::backend::{After, Backend, Fault, RawBackend, Reply};
use clearway_testkit::certs::Authority;
use clearway_testkit::client::{End, HttpClient, RawClient, RawResponse};
use clearway_testkit::manifest::{Folder, Gateway, Route, Rule};
use clearway_testkit::wait::Gate;
use http::Method;
use support::{ATTEMPTS, CLOSED, REQUESTS, Running, background, bare, folder_to, h1, port};

async fn raw(address: SocketAddr, bytes: impl AsRef<[u8]>) -> RawResponse {
    let mut client = RawClient::connect(address).await.expect("the gateway accepts");
    client.send(bytes).await.expect("the request is sent");
    client.response().await.expect("an answer")
}

/// A request with so many fields (Host among them), one of them so long.
fn with_fields(path: &str, count: usize, bytes: usize) -> String {
    let mut text = format!("GET {path} HTTP/1.1\r\nHost: a.example\r\nx-long: {}\r\n", "v".repeat(bytes));
    for number in 2..count {
        text.push_str(&format!("x-f{number}: 1\r\n"));
    }
    text + "\r\n"
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn headers_over_a_limit_are_answered_431_and_counted() {
    let backend = Backend::start("app");
    let (folder, _port, address) = folder_to(&[backend.address()]);
    let gateway = Running::start(folder, &["--max-header-bytes", "4KiB", "--max-header-count", "20"]);
    // The limit counts what the client sent, not what the gateway adds.
    assert_eq!(raw(address, with_fields("/at-limit", 20, 100)).await.status, 200);
    assert_eq!(raw(address, with_fields("/bytes", 3, 5000)).await.status, 431);
    assert_eq!(raw(address, with_fields("/count", 21, 10)).await.status, 431);
    // So much that the head is never read to its end: answered before there is a request.
    assert_eq!(raw(address, with_fields("/huge", 3, 40_000)).await.status, 431);
    let too_large = [("reason", "request_headers_too_large"), ("code", "431"), ("answered_by", "gateway")];
    gateway.counted(REQUESTS, &too_large, 3).await;
    gateway.counted(REQUESTS, &[], 4).await;
    let line = gateway.line_of("/bytes").await;
    assert_eq!(
        (&line["code"], &line["flag"], &line["side"]),
        (&431.into(), &"request_headers_too_large".into(), &"client".into())
    );
    assert_eq!(backend.count(), 1);
    gateway.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn headers_over_a_limit_are_refused_on_http2_too() {
    let backend = Backend::start("app");
    let (folder, _port, address) = folder_to(&[backend.address()]);
    let gateway = Running::start(folder, &["--max-header-bytes", "4KiB"]);
    let mut client = HttpClient::h2c(address).await.unwrap();
    let long = "v".repeat(5000);
    assert_eq!(client.request(Method::GET, "/long", &[("x-long", &long)]).await.status, 431);
    assert_eq!(client.get("/fine").await.status, 200);
    gateway.counted(REQUESTS, &[("reason", "request_headers_too_large"), ("protocol", "HTTP/2")], 1).await;
    assert_eq!(gateway.line_of("/long").await["flag"], "request_headers_too_large");
    gateway.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn malformed_requests_are_answered_400_and_counted() {
    let backend = Backend::start("app");
    let (folder, _port, address) = folder_to(&[backend.address()]);
    let gateway = Running::start(folder, &[]);
    let cases = [
        "\u{1}\u{2}garbage\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: user@a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nx-folded: a\r\n b\r\n\r\n",
        "GET / HTTP/9.9\r\nHost: a\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: three\r\n\r\nabc",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\nabc",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\nabc",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ];
    for case in cases {
        assert_eq!(raw(address, case).await.status, 400, "{case:?}");
    }
    let malformed = [("reason", "request_malformed"), ("code", "400"), ("code_class", "4xx")];
    gateway.counted(REQUESTS, &malformed, cases.len() as u64).await;
    gateway.counted(REQUESTS, &[], cases.len() as u64).await;
    let line = gateway.line_flagged("request_malformed").await;
    assert_eq!((&line["code"], &line["side"]), (&400.into(), &"client".into()));
    assert_eq!(backend.count(), 0, "nothing malformed reaches a backend");
    gateway.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn length_and_chunks_in_one_request_cannot_smuggle_a_second_one() {
    let backend = Backend::start("app");
    let (folder, _port, address) = folder_to(&[backend.address()]);
    let gateway = Running::start(folder, &[]);
    for fields in [
        "Content-Length: 46\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 46",
    ] {
        let mut client = RawClient::connect(address).await.unwrap();
        let smuggled = "0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a.example\r\n\r\n";
        client
            .send(format!("POST /outer HTTP/1.1\r\nHost: a.example\r\n{fields}\r\n\r\n{smuggled}"))
            .await
            .unwrap();
        // RFC 9112 section 6.1: refused, or read as chunked alone and the connection closed after it.
        let answer = client.response().await.unwrap();
        assert!(answer.status == 400 || answer.status == 200, "{fields}: {}", answer.status);
        assert!(client.response().await.is_err(), "{fields}: the connection must end");
    }
    for request in backend.requests() {
        assert_eq!(request.uri.path(), "/outer");
        assert!(!request.headers.contains_key("content-length"), "{:?}", request.headers);
        assert_eq!(request.body_bytes, 0);
    }
    gateway.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_that_does_not_arrive_is_answered_408_and_counted() {
    let backend = Backend::start("app");
    let (folder, _port, address) = folder_to(&[backend.address()]);
    let gateway = Running::start(folder, &["--header-read-timeout", "300ms"]);
    let mut client = RawClient::connect(address).await.unwrap();
    client.send("GET / HTTP/1.1\r\nHost: a").await.unwrap();
    let answer = client.response().await.unwrap();
    assert_eq!((answer.status, answer.header("connection")), (408, "close"));
    assert_eq!(client.closed().await, End::Close);
    gateway.counted(REQUESTS, &[("reason", "request_header_timeout"), ("code", "408")], 1).await;
    // `P` could be the beginning of the HTTP/2 preface as well as of POST: nobody knows how to answer.
    for part in ["P", "PRI * HTTP/2.0\r\n"] {
        let mut client = RawClient::connect(address).await.unwrap();
        client.send(part).await.unwrap();
        client.rest().await.ok();
    }
    gateway.counted(CLOSED, &[("reason", "header_timeout")], 3).await;
    assert_eq!(gateway.line_flagged("request_header_timeout").await["code"], 408);
    // A connection that has served is held to the same time.
    let mut client = RawClient::connect(address).await.unwrap();
    client.send("GET /first HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    assert_eq!(client.response().await.unwrap().status, 200);
    client.send("GET /sec").await.unwrap();
    assert_eq!(client.response().await.unwrap().status, 408);
    gateway.counted(REQUESTS, &[("code", "408")], 2).await;
    gateway.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idle_connections_are_closed() {
    let backend = Backend::start("app");
    let (folder, _port, address) = folder_to(&[backend.address()]);
    let gateway = Running::start(folder, &["--idle-timeout", "500ms", "--header-read-timeout", "2s"]);
    let mut silent = RawClient::connect(address).await.unwrap();
    let mut one = h1(address).await;
    assert_eq!(one.get("/").await.status, 200);
    let mut two = HttpClient::h2c(address).await.unwrap();
    assert_eq!(two.get("/").await.status, 200);
    // An HTTP/2 client that answers nothing, not even the PING of a graceful end.
    let mut mute = RawClient::connect(address).await.unwrap();
    mute.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00").await.unwrap();
    one.closed().await;
    two.closed().await;
    assert_eq!(silent.closed().await, End::Close);
    mute.rest().await.unwrap();
    let ended = async || gateway.total("clearway_downstream_connections", &[]).await;
    gateway.until("no open connection", async || (ended().await == 0).then_some(())).await;
    assert!(gateway.total(CLOSED, &[("reason", "idle_timeout")]).await >= 2);
    gateway.counted(REQUESTS, &[("code", "200")], 2).await;
    gateway.counted(REQUESTS, &[], 2).await;
    gateway.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_connection_too_many_is_answered_503() {
    let backend = Backend::start("app");
    let (folder, _port, address) = folder_to(&[backend.address()]);
    let gateway = Running::start(folder, &["--max-connections", "1"]);
    assert_eq!(gateway.total("clearway_downstream_connections_limit", &[]).await, 1);
    let mut first = h1(address).await;
    assert_eq!(first.get("/").await.status, 200);
    let refused = h1(address).await.get("/over").await;
    assert_eq!((refused.status, refused.header("connection")), (503, "close"));
    assert_eq!(first.get("/").await.status, 200);
    gateway.counted(REQUESTS, &[("reason", "connection_limit"), ("code", "503")], 1).await;
    assert_eq!(gateway.line_of("/over").await["flag"], "connection_limit");
    gateway.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_over_the_pending_limit_are_answered_503() {
    let backend = Backend::start("app");
    let gate = Gate::closed();
    backend.on("/slow", Reply::text("slow").gate(&gate));
    let (folder, _port, address) = folder_to(&[backend.address()]);
    let gateway = Running::start(folder, &["--max-endpoint-connections", "1", "--max-pending-requests", "1"]);
    let (mut one, mut two) = (h1(address).await, h1(address).await);
    let served = background(&mut one, "GET", "/slow");
    gate.arrived(1).await;
    let waiting = background(&mut two, "GET", "/waits");
    gateway.counted("clearway_upstream_pending_requests", &[("backend_name", "app")], 1).await;
    assert_eq!(h1(address).await.get("/over").await.status, 503);
    gate.open();
    assert_eq!(served.await.unwrap().unwrap().status, 200);
    assert_eq!(waiting.await.unwrap().unwrap().status, 200);
    gateway.counted(REQUESTS, &[("reason", "pending_limit"), ("code", "503")], 1).await;
    gateway.counted("clearway_upstream_pending_requests", &[("backend_name", "app")], 0).await;
    assert_eq!(gateway.line_of("/over").await["flag"], "pending_limit");
    assert_eq!(backend.accepted(), 1, "the waiting request takes the connection that became free");
    gateway.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tls_handshake_that_does_not_come_is_given_up() {
    let authority = Authority::new("ca");
    let (reserved, address) = port();
    let folder = Folder::new();
    folder.secret("cert", &authority.issue(&["a.example"]));
    folder.gateway(&Gateway::new("gw").https("tls", reserved.port(), "cert"));
    folder.route(&Route::http("all").parent("gw").rule(Rule::new().backend("app")));
    folder.service("app", &[]);
    let gateway = Running::start(folder, &["--handshake-timeout", "300ms"]);
    let mut silent = RawClient::connect(address).await.unwrap();
    assert_eq!(silent.closed().await, End::Close);
    gateway.counted("clearway_tls_handshakes_total", &[("outcome", "timeout")], 1).await;
    gateway.counted(CLOSED, &[("reason", "tls_failed")], 1).await;
    gateway.counted(REQUESTS, &[], 0).await;
    gateway.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_leaves_is_counted_499() {
    let backend = Backend::start("app");
    let gate = Gate::closed();
    backend.on("/slow", Reply::text("slow").gate(&gate));
    backend.on("/half", Reply::text("first").then_gate(&gate).then("second"));
    let (folder, _port, address) = folder_to(&[backend.address()]);
    let gateway = Running::start(folder, &[]);
    let mut client = RawClient::connect(address).await.unwrap();
    client.send("GET /slow HTTP/1.1\r\nHost: a.example\r\n\r\n").await.unwrap();
    gate.arrived(1).await;
    client.reset();
    gateway.counted(REQUESTS, &[("reason", "client_gone"), ("code", "499")], 1).await;
    let line = gateway.line_of("/slow").await;
    assert_eq!((&line["flag"], &line["attempts"][0]["flag"]), (&"client_gone".into(), &"client_gone".into()));
    // In the middle of the body the status was said already.
    let mut client = h1(address).await;
    let response = client.send(bare("GET", "/half")).await.unwrap();
    drop((response, client));
    gateway.counted(REQUESTS, &[("reason", "client_gone"), ("code", "200")], 1).await;
    // A stream that is reset alone.
    let mut client = HttpClient::h2c(address).await.unwrap();
    let abandoned = background(&mut client, "GET", "/slow");
    gate.arrived(3).await;
    abandoned.abort();
    gateway.counted(REQUESTS, &[("reason", "client_gone"), ("code", "499"), ("protocol", "HTTP/2")], 1).await;
    gateway.counted("clearway_requests_in_flight", &[], 0).await;
    backend.wait_open(0).await;
    gateway.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_backend_breaks_is_told_apart() {
    let backend = Backend::start("app");
    let odd = RawBackend::start("SMTP ready\r\n\r\n", After::Close);
    let (folder, _port, address) = folder_to(&[backend.address()]);
    folder.service("odd", &[odd.address()]);
    folder.route(&Route::http("odd").parent("gw").rule(Rule::new().prefix("/odd").backend("odd")));
    let gateway = Running::start(folder, &["--eject-after-failures", "0"]);
    let mut client = h1(address).await;
    for fault in ["reset", "close"] {
        let answer = client.request(Method::GET, "/broken", &[("x-fault", fault)]).await;
        assert_eq!(answer.status, 502, "{fault}: {}", answer.text());
    }
    assert_eq!(client.get("/odd").await.status, 502);
    for fault in ["reset-body", "close-body"] {
        let mut client = h1(address).await;
        let cut = client.try_request(Method::GET, "/cut", &[("x-fault", fault)], "").await;
        assert!(cut.is_err(), "{fault}: the client must not take half a body for a whole one");
    }
    gateway.counted(REQUESTS, &[("reason", "upstream_reset"), ("code", "502")], 2).await;
    gateway.counted(REQUESTS, &[("reason", "upstream_malformed"), ("code", "502")], 1).await;
    gateway.counted(REQUESTS, &[("reason", "upstream_truncated"), ("code", "200")], 2).await;
    gateway.counted(ATTEMPTS, &[("reason", "upstream_truncated"), ("retry", "false")], 2).await;
    let line = gateway.line_of("/cut").await;
    assert_eq!((&line["flag"], &line["side"]), (&"upstream_truncated".into(), &"upstream".into()));
    gateway.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stale_connection_costs_one_more_try_and_no_error() {
    let backend = Backend::start("app");
    let (folder, _port, address) = folder_to(&[backend.address()]);
    let gateway = Running::start(folder, &[]);
    let mut client = h1(address).await;
    assert_eq!(client.get("/").await.status, 200);
    // Closed while it lay idle: whether the gateway has seen that yet or not, the client sees nothing.
    assert_eq!(backend.close_idle(), 1);
    assert_eq!(client.get("/").await.status, 200);
    // Closed as the request arrives: the gateway cannot have known.
    backend.next(Reply::fault(Fault::Close));
    assert_eq!(client.get("/stale").await.status, 200);
    let line = gateway.line_of("/stale").await;
    let tries = line["attempts"].as_array().unwrap();
    assert_eq!((tries.len(), &line["code"], &line["flag"]), (2, &200.into(), &"none".into()), "{line}");
    assert_eq!((&tries[0]["flag"], &tries[0]["reused"]), (&"upstream_reset".into(), &true.into()));
    assert_eq!((&tries[1]["flag"], &tries[1]["code"]), (&"none".into(), &200.into()));
    assert!(gateway.total(ATTEMPTS, &[("retry", "true"), ("code", "200")]).await >= 1);
    // What must not be repeated is not.
    backend.next(Reply::fault(Fault::Close));
    let before = backend.count();
    assert_eq!(client.request(Method::POST, "/once", &[]).await.status, 502);
    assert_eq!(backend.count(), before + 1);
    gateway.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backend_that_closes_without_a_word_fails_no_request() {
    let backend = Backend::start("app");
    let (folder, _port, address) = folder_to(&[backend.address()]);
    let gateway = Running::start(folder, &[]);
    let mut client = h1(address).await;
    // Each response is followed by a FIN that nothing announced: the next request meets it in every stage.
    for number in 0..500 {
        let answer = client.request(Method::GET, "/", &[("x-keep-alive", "silent")]).await;
        assert_eq!(answer.status, 200, "request {number}");
    }
    gateway.counted(REQUESTS, &[("code", "200")], 500).await;
    gateway.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_that_fails_is_taken_out_and_traffic_avoids_it() {
    let (good, bad) = (Backend::start("good"), Backend::start("bad"));
    bad.handle(|_| Some(Reply::fault(Fault::Reset)));
    let (folder, _port, address) = folder_to(&[good.address(), bad.address()]);
    let gateway = Running::start(folder, &["--eject-after-failures", "3", "--ejection-time", "1m"]);
    let mut client = h1(address).await;
    let mut failed = 0;
    for _ in 0..400 {
        failed += u64::from(client.request(Method::POST, "/", &[]).await.status == 502);
        if failed == 3 {
            break;
        }
    }
    assert_eq!((failed, bad.count()), (3, 3));
    gateway.counted("clearway_upstream_ejections_total", &[("backend_name", "app")], 1).await;
    gateway.counted("clearway_upstream_endpoints", &[("state", "ejected")], 1).await;
    gateway.counted("clearway_upstream_endpoints", &[("state", "configured")], 2).await;
    for _ in 0..50 {
        assert_eq!(client.request(Method::POST, "/", &[]).await.status, 200);
    }
    assert_eq!(bad.count(), 3);
    gateway.stop();
}
