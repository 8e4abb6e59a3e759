//! One exchange end to end: time limits and retries, what is forwarded and what is not, bodies, trailers, and TLS to backends.

#[path = "support/running.rs"]
mod support;

use std::net::SocketAddr;
use std::time::Duration;

use clearway_testkit::backend::{After, Backend, RawBackend, Reply};
use clearway_testkit::certs::Authority;
use clearway_testkit::client::{HttpClient, RawClient};
use clearway_testkit::manifest::{Route, Rule};
use clearway_testkit::process::{Program, ReservedPort, TempDir, tool};
use clearway_testkit::wait::Gate;
use http::{HeaderMap, Method};
use support::{ATTEMPTS, REQUESTS, Running, background, folder, folder_to, h1};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn time_limits_end_in_504() {
    let (app, gate) = (Backend::start("app"), Gate::closed());
    for path in ["/request", "/backend", "/tries"] {
        app.on(path, Reply::text("late").gate(&gate));
    }
    let (folder, _port, address) = folder_to(&[app.address()]);
    let rule = |path, yaml| Rule::new().prefix(path).backend("app").yaml(yaml);
    let route = Route::http("timed")
        .parent("gw")
        .rule(rule("/request", "timeouts: {request: 200ms}"))
        .rule(rule("/backend", "timeouts: {backendRequest: 200ms}"))
        .rule(rule(
            "/tries",
            "timeouts: {backendRequest: 100ms}\nretry: {attempts: 2, backoff: 10ms, codes: [504]}",
        ))
        .rule(rule("/body", "timeouts: {request: 300ms}"));
    folder.route(&route);
    let gateway = Running::start(folder, &["--eject-after-failures", "0"]);
    let mut client = h1(address).await;
    for (path, word, tries) in [
        ("/request", "request_timeout", 1),
        ("/backend", "backend_request_timeout", 1),
        ("/tries", "backend_request_timeout", 3),
    ] {
        assert_eq!(client.get(path).await.status, 504, "{path}");
        let line = gateway.line_of(path).await;
        assert_eq!(
            (&line["flag"], &line["code"], &line["side"]),
            (&word.into(), &504.into(), &"upstream".into())
        );
        assert_eq!(line["attempts"].as_array().map(Vec::len), Some(tries), "{line}");
    }
    gateway.counted(REQUESTS, &[("reason", "request_timeout"), ("code", "504")], 1).await;
    gateway.counted(REQUESTS, &[("reason", "backend_request_timeout"), ("code", "504")], 2).await;
    gateway.counted(ATTEMPTS, &[("reason", "backend_request_timeout"), ("retry", "true")], 2).await;
    // The time of the request includes its body: what is late is cut.
    app.on("/body", Reply::text("first").then_gate(&gate).then("second"));
    assert!(client.try_request(Method::GET, "/body", &[], "").await.is_err());
    let line = gateway.line_of("/body").await;
    assert_eq!((&line["flag"], &line["code"]), (&"request_timeout".into(), &200.into()));
    gateway.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn retries_follow_the_policy_and_are_counted() {
    let app = Backend::start("app");
    let (folder, _port, address) = folder_to(&[app.address()]);
    let rule =
        Rule::new().prefix("/r").backend("app").yaml("retry: {attempts: 2, backoff: 10ms, codes: [503]}");
    folder.route(&Route::http("retried").parent("gw").rule(rule));
    let gateway = Running::start(folder, &["--max-retry-body-bytes", "1KiB"]);
    let mut client = h1(address).await;
    app.next(Reply::status(503));
    app.next(Reply::status(503));
    let answer = client.try_request(Method::POST, "/r/third", &[], "the body").await.unwrap();
    assert_eq!((answer.status, app.count()), (200, 3));
    assert!(
        app.requests().iter().all(|one| one.body.as_ref() == b"the body"),
        "every try has the whole body"
    );
    let line = gateway.line_of("/r/third").await;
    let flags: Vec<_> = line["attempts"].as_array().unwrap().iter().map(|one| one["flag"].clone()).collect();
    assert_eq!(
        (flags, &line["flag"]),
        (vec!["retried_status".into(), "retried_status".into(), "none".into()], &"none".into())
    );
    gateway.counted(ATTEMPTS, &[("reason", "retried_status"), ("code", "503")], 2).await;
    gateway.counted(ATTEMPTS, &[("retry", "true")], 2).await;
    gateway.counted(REQUESTS, &[("code", "200"), ("reason", "none")], 1).await;
    // Never more than the policy says; what the last try said is the answer.
    let status = |path: &'static str, status: &'static str| (path, [("x-status", status)]);
    for (path, headers, tries, code) in [
        {
            let (path, headers) = status("/r/always", "503");
            (path, headers, 3, 503)
        },
        {
            let (path, headers) = status("/r/other", "502");
            (path, headers, 1, 502)
        },
        {
            let (path, headers) = status("/plain", "503");
            (path, headers, 1, 503)
        },
    ] {
        let before = app.count();
        assert_eq!(client.request(Method::GET, path, &headers).await.status, code, "{path}");
        assert_eq!(app.count() - before, tries, "{path}");
    }
    // A body that is too large to be kept is sent once.
    let before = app.count();
    let large = "b".repeat(100_000);
    let answer = client.try_request(Method::POST, "/r/large", &[("x-status", "503")], large).await.unwrap();
    assert_eq!((answer.status, app.count() - before), (503, 1));
    gateway.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_that_refuses_connections_fails_no_request() {
    let (app, dead) = (Backend::start("app"), ReservedPort::new());
    let (folder, _port, address) = folder_to(&[app.address(), dead.address()]);
    let gateway = Running::start(folder, &["--eject-after-failures", "0"]);
    let mut client = h1(address).await;
    for _ in 0..10 {
        assert_eq!(client.try_request(Method::POST, "/x", &[], "body").await.unwrap().status, 200);
    }
    gateway.counted(REQUESTS, &[("code", "200"), ("reason", "none")], 10).await;
    gateway.counted(REQUESTS, &[], 10).await;
    let refused = gateway.total(ATTEMPTS, &[("reason", "connect_failed"), ("code", "none")]).await;
    assert_eq!(gateway.total(ATTEMPTS, &[]).await, 10 + refused);
    assert_eq!(gateway.total("clearway_upstream_connects_total", &[("outcome", "refused")]).await, refused);
    // With nobody left it is said.
    gateway.folder.service("app", &[dead.address()]);
    let failed = gateway
        .until("a refusal", async || {
            Some(h1(address).await.get("/dead").await).filter(|answer| answer.status != 200)
        })
        .await;
    assert_eq!(failed.status, 503);
    assert_eq!(gateway.line_flagged("connect_failed").await["code"], 503);
    gateway.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forwarding_fields_ids_and_traces_are_passed_on_as_settled() {
    let app = Backend::start("app");
    let (folder, _port, address) = folder_to(&[app.address()]);
    let gateway = Running::start(folder, &[]);
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let parent = format!("00-{trace}-00f067aa0ba902b7-01");
    let headers = [
        ("host", "a.example"),
        ("x-forwarded-for", "192.0.2.9"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-port", "1"),
        ("forwarded", "for=192.0.2.9"),
        ("x-request-id", "mine"),
        ("traceparent", &parent),
        ("tracestate", "vendor=1"),
    ];
    let answer = h1(address).await.request(Method::GET, "/id", &headers).await;
    let echo = answer.echo();
    assert_eq!(echo.header("x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!(echo.header("x-forwarded-proto"), ["http"]);
    assert_eq!(echo.header("x-forwarded-host"), ["a.example"]);
    assert!(echo.header("x-forwarded-port").is_empty() && echo.header("forwarded").is_empty());
    let id = answer.header("x-request-id");
    assert_eq!((echo.header("x-request-id"), id.len()), (vec![id], 36));
    let line = gateway.line_of("/id").await;
    assert_eq!((&line["request_id"], &line["trace_id"]), (&id.into(), &trace.into()));
    // The parent that the backend sees is the span of the try, in the client's trace.
    let span = line["attempts"][0]["span_id"].as_str().unwrap().to_owned();
    assert_eq!(echo.header("traceparent"), [format!("00-{trace}-{span}-01")]);
    assert_ne!(line["span_id"], span.as_str());
    assert_eq!(echo.header("tracestate"), ["vendor=1"]);
    gateway.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trusted_proxy_in_front_is_appended_to() {
    let app = Backend::start("app");
    let (folder, _port, address) = folder_to(&[app.address()]);
    let gateway = Running::start(folder, &["--forwarded-trust", "append"]);
    let headers =
        [("x-forwarded-for", "192.0.2.9"), ("x-forwarded-proto", "https"), ("x-request-id", "mine")];
    let answer = h1(address).await.request(Method::GET, "/t", &headers).await;
    let echo = answer.echo();
    assert_eq!(echo.header("x-forwarded-for"), ["192.0.2.9, 127.0.0.1"]);
    assert_eq!(echo.header("x-forwarded-proto"), ["https"]);
    assert_eq!((echo.header("x-request-id"), answer.header("x-request-id")), (vec!["mine"], "mine"));
    assert_eq!(gateway.line_of("/t").await["client_address"], "192.0.2.9");
    gateway.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fields_of_one_hop_stay_on_it() {
    let answer = "HTTP/1.1 200 OK\r\nConnection: keep-alive, X-Out\r\nX-Out: 1\r\nKeep-Alive: timeout=5\r\n\
                  Content-Length: 2\r\n\r\nok";
    let app = RawBackend::start(answer, After::KeepOpen);
    let (folder, _port, address) = folder_to(&[app.address()]);
    let gateway = Running::start(folder, &[]);
    let mut client = RawClient::connect(address).await.unwrap();
    let request = "GET / HTTP/1.1\r\nHost: a.example\r\nConnection: X-In, keep-alive\r\nX-In: 1\r\nKeep-Alive: 5\r\n\
                   Proxy-Connection: x\r\nProxy-Authorization: Basic eA==\r\nTE: gzip, trailers\r\nUpgrade: h2c\r\nX-Kept: 1\r\n\r\n";
    client.send(request).await.unwrap();
    let answer = client.response().await.unwrap();
    assert_eq!((answer.status, answer.text().as_str()), (200, "ok"));
    assert!(
        ["connection", "keep-alive", "x-out"].iter().all(|name| answer.header(name).is_empty()),
        "{answer:?}"
    );
    let head = String::from_utf8_lossy(&app.heads()[0]).to_lowercase();
    for gone in ["x-in:", "keep-alive:", "proxy-connection:", "proxy-authorization:", "upgrade:", "gzip"] {
        assert!(!head.contains(gone), "{gone} in {head}");
    }
    assert!(head.contains("x-kept: 1") && head.contains("te: trailers"), "{head}");
    gateway.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cookies_of_http2_are_one_field_for_http1() {
    let app = Backend::start("app");
    let (folder, _port, address) = folder_to(&[app.address()]);
    let gateway = Running::start(folder, &[]);
    let crumbs = [("cookie", "a=1"), ("cookie", "b=2"), ("cookie", "c=3")];
    let echo = HttpClient::h2c(address).await.unwrap().request(Method::GET, "/", &crumbs).await.echo();
    // RFC 9113 section 8.2.3: joined before they reach anything that is not HTTP/2.
    assert_eq!((echo.protocol(), echo.header("cookie")), ("HTTP/1.1", vec!["a=1; b=2; c=3"]));
    gateway.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn curl_waits_for_100_continue_and_gets_it() {
    let app = Backend::start("app");
    let (folder, _port, address) = folder_to(&[app.address()]);
    let gateway = Running::start(folder, &[]);
    let temp = TempDir::new("upload");
    let file = temp.join("body");
    std::fs::write(&file, vec![b'u'; 3_000_000]).unwrap();
    let body = format!("@{}", file.display());
    let program = Program::new(tool("curl"))
        .args(["-sS", "-v", "--http1.1", "--expect100-timeout", "60", "-H", "Expect: 100-continue"])
        .args(["--data-binary", &body, &format!("http://{address}/upload")]);
    let out =
        tokio::task::spawn_blocking(move || program.run(Duration::from_secs(30))).await.unwrap().success();
    assert!(out.stderr.contains("< HTTP/1.1 100 Continue"), "{}", out.stderr);
    assert!(out.stdout.contains("\"bodyBytes\":3000000"), "{}", out.stdout);
    assert_eq!(gateway.line_of("/upload").await["bytes_received"], 3_000_000);
    gateway.counted("clearway_request_body_bytes_total", &[("route_name", "all")], 3_000_000).await;
    gateway.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_of_every_kind_arrive_whole() {
    let app = Backend::start("app");
    let (folder, _port, address) = folder_to(&[app.address()]);
    let gateway = Running::start(folder, &[]);
    let mut client = RawClient::connect(address).await.unwrap();
    // Chunks up and down, with trailer fields both ways.
    client
        .send("POST /mirror HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n")
        .await
        .unwrap();
    let answer = client.response().await.unwrap();
    assert_eq!((answer.status, answer.text().as_str(), answer.until_close), (200, "hello world", false));
    assert_eq!(answer.header("transfer-encoding"), "chunked");
    client
        .send("GET /t HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nX-Framing: chunked\r\nX-Trailer: x-sum: 42\r\n\r\n")
        .await
        .unwrap();
    let answer = client.response().await.unwrap();
    assert_eq!(
        (answer.status, answer.trailers.get("x-sum").map(|sum| sum.as_bytes())),
        (200, Some(&b"42"[..]))
    );
    // The same connection goes on after HEAD, 204 and 304, which have no body.
    client.send("HEAD /bytes/1000 HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let answer = client.response_to_head().await.unwrap();
    assert_eq!((answer.status, answer.header("content-length"), answer.body.len()), (200, "1000", 0));
    for status in ["204", "304"] {
        client.send(format!("GET /status/{status} HTTP/1.1\r\nHost: a\r\n\r\n")).await.unwrap();
        let answer = client.response().await.unwrap();
        assert_eq!((answer.status.to_string(), answer.body.len()), (status.to_owned(), 0));
    }
    client.send("GET /bytes/1000000 HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    assert_eq!(client.response().await.unwrap().body.len(), 1_000_000);
    assert_eq!(gateway.line_of("/bytes/1000").await["bytes_sent"], 0);
    assert_eq!(gateway.line_of("/bytes/1000000").await["bytes_sent"], 1_000_000);
    gateway.counted(REQUESTS, &[("reason", "none")], 6).await;
    gateway.counted(REQUESTS, &[], 6).await;
    assert_eq!(app.accepted(), 1, "one connection serves them all");
    gateway.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn trailers_pass_over_http2_on_both_sides() {
    let app = Backend::start("app");
    let (folder, _port, address) = folder();
    folder.service_with_protocol("app", &[app.address()], Some("kubernetes.io/h2c"));
    folder.route(&Route::http("all").parent("gw").rule(Rule::new().backend("app")));
    let gateway = Running::start(folder, &[]);
    let mut client = HttpClient::h2c(address).await.unwrap();
    let answer = client.request(Method::GET, "/t", &[("x-trailer", "x-sum: 42"), ("te", "trailers")]).await;
    let sum = |trailers: Option<HeaderMap>| trailers.and_then(|all| all.get("x-sum").cloned());
    assert_eq!(sum(answer.trailers).unwrap(), "42");
    let streams: Vec<_> = (0..20).map(|_| background(&mut client, "GET", "/bytes/50000")).collect();
    for stream in streams {
        assert_eq!(stream.await.unwrap().unwrap().body.len(), 50_000);
    }
    assert_eq!((app.last().version, app.accepted()), (http::Version::HTTP_2, 1));
    gateway.counted(REQUESTS, &[("code", "200"), ("reason", "none")], 21).await;
    gateway.stop();
}

/// An object of the kind `Backend` that is verified against the ConfigMap `ca`.
fn backend_object(name: &str, protocol: &str, address: SocketAddr) -> String {
    format!(
        "apiVersion: clearway.dev/v1alpha1\nkind: Backend\nmetadata: {{name: {name}, namespace: default}}\nspec:\n  \
         protocol: {protocol}\n  endpoints: [{{ip: {}, port: {}}}]\n  tls:\n    hostname: inner.example\n    \
         caCertificateRef: {{group: \"\", kind: ConfigMap, name: ca}}\n",
        address.ip(),
        address.port()
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn backends_are_reached_over_tls_and_verified() {
    let (authority, other) = (Authority::new("ca"), Authority::new("other"));
    let app = Backend::builder("app").tls(&authority.issue(&["inner.example"])).start();
    let plain =
        Backend::builder("one").tls_with_alpn(&authority.issue(&["inner.example"]), &["http/1.1"]).start();
    let false_one = Backend::builder("other").tls(&other.issue(&["inner.example"])).start();
    let (folder, _port, address) = folder();
    let pem: String = authority.pem().lines().map(|line| format!("    {line}\n")).collect();
    folder.write("ca.yaml", &format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: ca, namespace: default}}\ndata:\n  ca.crt: |\n{pem}"));
    let mut route = Route::http("tls").parent("gw");
    for (name, protocol, backend) in [
        ("h2", "h2", &app),
        ("https", "https", &app),
        ("one", "https", &plain),
        ("other", "https", &false_one),
    ] {
        folder.write(&format!("backend-{name}.yaml"), &backend_object(name, protocol, backend.address()));
        let reference = format!("group: clearway.dev\nkind: Backend\nname: {name}");
        route = route.rule(Rule::new().prefix(&format!("/{name}")).backend_yaml(&reference));
    }
    folder.route(&route);
    let gateway = Running::start(folder, &[]);
    let mut client = h1(address).await;
    for (path, protocols) in
        [("/h2", &["HTTP/2.0"][..]), ("/https", &["HTTP/1.1", "HTTP/2.0"]), ("/one", &["HTTP/1.1"])]
    {
        for _ in 0..2 {
            let answer = client.request(Method::POST, path, &[("host", "a.example")]).await;
            let echo = answer.echo();
            assert!(protocols.contains(&echo.protocol()), "{path}: {}", echo.protocol());
            assert_eq!((echo.0["sni"].as_str(), echo.host()), (Some("inner.example"), "a.example"), "{path}");
        }
    }
    assert_eq!(client.get("/other").await.status, 502);
    gateway.counted(REQUESTS, &[("reason", "upstream_tls_failed"), ("code", "502")], 1).await;
    assert_eq!(false_one.count(), 0);
    let line = gateway.line_of("/one").await;
    assert!(line["attempts"][0]["tls_seconds"].as_f64() > Some(0.0), "{line}");
    gateway.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connect_is_refused() {
    let app = Backend::start("app");
    let (folder, _port, address) = folder_to(&[app.address()]);
    let gateway = Running::start(folder, &[]);
    let mut client = RawClient::connect(address).await.unwrap();
    client.send("CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n").await.unwrap();
    assert_eq!(client.response().await.unwrap().status, 405);
    gateway
        .counted(REQUESTS, &[("reason", "method_refused"), ("code", "405"), ("method", "CONNECT")], 1)
        .await;
    assert_eq!(gateway.line_flagged("method_refused").await["method"], "CONNECT");
    assert_eq!(app.count(), 0);
    gateway.stop();
}
