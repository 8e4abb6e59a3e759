//! Real clients: curl, h2load, grpcurl, a WebSocket client and TLS clients, over every protocol that listeners speak.

#[path = "support/running.rs"]
mod support;

use std::net::SocketAddr;
use std::time::Duration;

use clearway_testkit::backend::Backend;
use clearway_testkit::certs::Authority;
use clearway_testkit::client::{ClientTls, Frame, GrpcClient, GrpcReply, HttpClient, Protocol, WsClient};
use clearway_testkit::grpc::{EchoRequest, EchoResponse, Status, code};
use clearway_testkit::manifest::{Folder, Gateway, Route, Rule};
use clearway_testkit::process::{Finished, Program, ReservedPort, TempDir, repository, tool};
use http::Method;
use support::{REQUESTS, Running, folder, folder_to, h1, port};

const HANDSHAKES: &str = "clearway_tls_handshakes_total";

async fn run(program: Program) -> Finished {
    tokio::task::spawn_blocking(move || program.run(Duration::from_secs(60)))
        .await
        .expect("the program's end")
}

/// curl's body, and its `status version`.
async fn curl(args: &[&str]) -> (String, String) {
    let program = Program::new(tool("curl")).args(["-sS", "-w", "\n%{http_code} %{http_version}"]).args(args);
    let out = run(program).await.success().stdout;
    let (body, last) = out.trim_end().rsplit_once('\n').expect("curl's last line");
    (body.to_owned(), last.to_owned())
}

/// An HTTPS listener for `a.example` and one for `*.b.example` on one port, each with a certificate of its own.
fn tls_folder(authority: &Authority, app: &Backend) -> (Folder, ReservedPort, SocketAddr) {
    let (reserved, address) = port();
    let folder = Folder::new();
    folder.secret("cert-a", &authority.issue(&["a.example"]));
    folder.secret("cert-b", &authority.issue(&["*.b.example"]));
    let gateway = Gateway::new("gw").https_for("a", reserved.port(), "a.example", "cert-a");
    folder.gateway(&gateway.https_for("b", reserved.port(), "*.b.example", "cert-b"));
    folder.service("app", &[app.address()]);
    folder.route(&Route::http("all").parent("gw").rule(Rule::new().backend("app")));
    (folder, reserved, address)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn curl_speaks_every_protocol() {
    let (authority, app) = (Authority::new("ca"), Backend::start("app"));
    let (folder, _port, tls) = tls_folder(&authority, &app);
    let (plain, clear) = port();
    folder.gateway(&Gateway::new("clear").http("web", plain.port()));
    folder.route(&Route::http("clear").parent("clear").rule(Rule::new().backend("app")));
    let gateway = Running::start(folder, &["--workers", "2"]);
    let temp = TempDir::new("curl");
    let ca = temp.join("ca.pem");
    std::fs::write(&ca, authority.pem()).unwrap();
    let ca = ca.to_string_lossy().into_owned();
    let clear_url = format!("http://{clear}/curl");
    let tls_url = format!("https://a.example:{}/curl", tls.port());
    let resolve = format!("a.example:{}:127.0.0.1", tls.port());
    let secure = ["--cacert", &ca, "--resolve", &resolve, &tls_url];
    for (args, wanted, protocol, scheme) in [
        (vec!["--http1.1", &clear_url], "200 1.1", "HTTP/1.1", "http"),
        (vec!["--http1.0", &clear_url], "200 1", "HTTP/1.0", "http"),
        (vec!["--http2-prior-knowledge", &clear_url], "200 2", "HTTP/2", "http"),
        ([&["--http1.1"], &secure[..]].concat(), "200 1.1", "HTTP/1.1", "https"),
        ([&["--http2"], &secure[..]].concat(), "200 2", "HTTP/2", "https"),
        ([&["--tls-max", "1.2", "--http2"], &secure[..]].concat(), "200 2", "HTTP/2", "https"),
    ] {
        let (body, last) = curl(&args).await;
        assert_eq!(last, wanted, "{args:?}");
        assert!(body.contains(&format!("\"X-Forwarded-Proto\":[\"{scheme}\"]")), "{args:?}: {body}");
        let what = format!("of {args:?}");
        gateway.line(&what, |line| line["protocol"] == protocol && line["scheme"] == scheme).await;
    }
    gateway.counted(REQUESTS, &[("code", "200"), ("protocol", "HTTP/2")], 3).await;
    gateway.counted(REQUESTS, &[("code", "200"), ("protocol", "HTTP/1.1")], 2).await;
    gateway.counted(REQUESTS, &[("code", "200"), ("protocol", "HTTP/1.0")], 1).await;
    gateway.counted(HANDSHAKES, &[("outcome", "tls13")], 2).await;
    gateway.counted(HANDSHAKES, &[("outcome", "tls12")], 1).await;
    gateway.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h2load_gets_only_2xx_and_every_request_is_counted() {
    let (authority, app) = (Authority::new("ca"), Backend::start("app"));
    let (folder, _port, tls) = tls_folder(&authority, &app);
    let (plain, clear) = port();
    folder.gateway(&Gateway::new("clear").http("web", plain.port()));
    folder.route(&Route::http("clear").parent("clear").rule(Rule::new().backend("app")));
    let gateway = Running::start(folder, &["--workers", "2"]);
    let load = ["-n", "2000", "-c", "8", "-m", "16"];
    let clear_url = format!("http://{clear}/load");
    let tls_url = format!("https://a.example:{}/load", tls.port());
    let connect_to = format!("--connect-to={tls}");
    let over_tls = [connect_to.as_str(), &tls_url];
    for (args, listener) in [(&[clear_url.as_str()][..], "web"), (&over_tls[..], "a")] {
        let out = run(Program::new(tool("h2load")).args(load).args(args)).await.success().stdout;
        assert!(out.contains("2000 succeeded, 0 failed, 0 errored, 0 timeout"), "{out}");
        assert!(out.contains("status codes: 2000 2xx"), "{out}");
        gateway
            .counted(REQUESTS, &[("listener", listener), ("code", "200"), ("protocol", "HTTP/2")], 2000)
            .await;
    }
    gateway.counted(REQUESTS, &[], 4000).await;
    gateway.line("4,000th", |_| gateway.lines().len() == 4000).await;
    assert_eq!(app.count(), 4000);
    gateway.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn websocket_messages_pass_both_ways_and_count_once() {
    let app = Backend::start("app");
    let (folder, _port, address) = folder_to(&[app.address()]);
    let gateway = Running::start(folder, &[]);
    let headers = [("sec-websocket-protocol", "chat, other")];
    let mut socket = WsClient::connect(address, "/socket?room=1", &headers).await.unwrap();
    assert_eq!(socket.headers["sec-websocket-protocol"], "chat");
    socket.send_text("hello").await.unwrap();
    assert_eq!(socket.receive().await.unwrap(), Some(Frame::Text("hello".into())));
    let bytes: Vec<u8> = (0..200_000_u32).map(|n| n as u8).collect();
    socket.send_binary(bytes.clone()).await.unwrap();
    assert_eq!(socket.receive().await.unwrap(), Some(Frame::Binary(bytes)));
    gateway.counted("clearway_requests_in_flight", &[], 1).await;
    gateway.counted(REQUESTS, &[], 0).await;
    socket.close().await.unwrap();
    gateway.counted(REQUESTS, &[("code", "101"), ("reason", "none"), ("code_class", "1xx")], 1).await;
    gateway.counted(REQUESTS, &[], 1).await;
    let line = gateway.line_of("/socket").await;
    assert_eq!(
        (&line["code"], &line["upgraded"], &line["flag"]),
        (&101.into(), &true.into(), &"none".into())
    );
    assert!(
        line["bytes_sent"].as_u64() > Some(200_000) && line["bytes_received"].as_u64() > Some(200_000),
        "{line}"
    );
    // What the backend ends is ended for the client.
    let mut socket = WsClient::connect(address, "/reset", &[]).await.unwrap();
    socket.send_text("reset").await.unwrap();
    assert!(!matches!(socket.receive().await, Ok(Some(_))));
    gateway.counted(REQUESTS, &[("code", "101")], 2).await;
    gateway.counted("clearway_requests_in_flight", &[], 0).await;
    gateway.stop();
}

/// An h2c backend behind a GRPCRoute that takes two methods of the echo service.
fn grpc_folder(app: &Backend) -> (Folder, ReservedPort, SocketAddr) {
    let (folder, reserved, address) = folder();
    folder.service_with_protocol("app", &[app.address()], Some("kubernetes.io/h2c"));
    let service = "clearway.testkit.v1.Echo";
    let rule = Rule::new().grpc_method(service, "Unary").grpc_method(service, "BidiStream").backend("app");
    folder.route(&Route::grpc("calls").parent("gw").rule(rule));
    (folder, reserved, address)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn grpc_calls_stream_both_ways_and_keep_their_status() {
    let app = Backend::start("app");
    let (folder, _port, address) = grpc_folder(&app);
    let gateway = Running::start(folder, &[]);
    let mut client = GrpcClient::connect(address, "svc.example").await.unwrap();
    let mut call = client.open("/clearway.testkit.v1.Echo/BidiStream", &[("x-team", "a")]).await;
    // One message at a time: neither side is held back until the other has ended.
    for text in ["one", "two", "three"] {
        call.send(&EchoRequest::new(text)).await.unwrap();
        let back: EchoResponse = call.receive().await.unwrap().unwrap();
        assert_eq!((back.message.as_str(), back.backend.as_str()), (text, "app"));
    }
    let reply: GrpcReply<EchoResponse> = call.collect().await.unwrap();
    assert_eq!((reply.http_status, reply.status), (200, Some(Status::new(code::OK, ""))));
    let failing =
        EchoRequest {
            code: code::INVALID_ARGUMENT, status_message: "50% ü".into(), ..EchoRequest::new("x")
        };
    let unary = "/clearway.testkit.v1.Echo/Unary";
    let reply: GrpcReply<EchoResponse> = client.call(unary, &[], &failing).await.unwrap();
    assert_eq!(reply.status, Some(Status::new(code::INVALID_ARGUMENT, "50% ü")));
    let reply: GrpcReply<EchoResponse> =
        client.call("/clearway.testkit.v1.Echo/ServerStream", &[], &EchoRequest::new("x")).await.unwrap();
    assert_eq!((reply.http_status, reply.status.map(|status| status.code)), (200, Some(code::UNIMPLEMENTED)));
    assert_eq!(app.requests()[0].version, http::Version::HTTP_2);
    let of = |status| [("grpc_status", status), ("code", "200"), ("route_kind", "GRPCRoute")];
    gateway.counted(REQUESTS, &of("OK"), 1).await;
    gateway.counted(REQUESTS, &of("INVALID_ARGUMENT"), 1).await;
    gateway.counted(REQUESTS, &[("grpc_status", "UNIMPLEMENTED"), ("reason", "no_route")], 1).await;
    let line = gateway.line_flagged("no_route").await;
    assert_eq!((&line["grpc_status"], &line["code"]), (&"UNIMPLEMENTED".into(), &200.into()));
    gateway.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn grpcurl_calls_through_the_gateway() {
    let app = Backend::start("app");
    let (folder, _port, address) = grpc_folder(&app);
    let gateway = Running::start(folder, &[]);
    let protos = repository().join("crates/testkit/proto");
    let call = |method: &str, data: &str| {
        Program::new(tool("grpcurl"))
            .args(["-plaintext", "-proto", "echo.proto", "-import-path"])
            .arg(&protos)
            .args(["-d", data, &address.to_string(), &format!("clearway.testkit.v1.Echo/{method}")])
    };
    let out = run(call("Unary", r#"{"message":"hi"}"#)).await.success();
    assert!(
        out.stdout.contains(r#""message": "hi""#) && out.stdout.contains(r#""backend": "app""#),
        "{out:?}"
    );
    let out = run(call("BidiStream", r#"{"message":"a"} {"message":"b"}"#)).await.success();
    assert_eq!(out.stdout.matches(r#""backend": "app""#).count(), 2, "{out:?}");
    // grpcurl exits with 64 and the status of the call.
    let out = run(call("Unary", r#"{"code":14,"status_message":"later"}"#)).await;
    assert_eq!(out.status.code(), Some(64 + 14), "{out:?}");
    assert!(out.stderr.contains("later"), "{out:?}");
    let out = run(call("ClientStream", r#"{"message":"a"}"#)).await;
    assert_eq!(out.status.code(), Some(64 + 12), "{out:?}");
    gateway.counted(REQUESTS, &[("grpc_status", "OK")], 2).await;
    gateway.counted(REQUESTS, &[("grpc_status", "UNAVAILABLE"), ("reason", "none")], 1).await;
    gateway.counted(REQUESTS, &[("grpc_status", "UNIMPLEMENTED")], 1).await;
    gateway.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn server_names_choose_certificates_and_bind_hosts_to_listeners() {
    let (authority, app) = (Authority::new("ca"), Backend::start("app"));
    let (folder, _port, address) = tls_folder(&authority, &app);
    let gateway = Running::start(folder, &[]);
    let tls = |name: &str| ClientTls::new(&authority, name);
    for name in ["a.example", "x.b.example"] {
        let mut client = HttpClient::tls(address, &tls(name), Protocol::Http2).await.unwrap();
        let answer = client.request(Method::GET, "/right", &[("host", name)]).await;
        assert_eq!((answer.status, answer.echo().host()), (200, name));
        // The other listener's host on this connection: RFC 9110 section 15.5.20.
        let other = if name == "a.example" { "x.b.example" } else { "a.example" };
        assert_eq!(client.request(Method::GET, "/wrong", &[("host", other)]).await.status, 421, "{name}");
        assert_eq!(
            client.request(Method::GET, "/nobody", &[("host", "c.example")]).await.status,
            404,
            "{name}"
        );
    }
    // HTTP/1.1 is held to the same.
    let mut client = HttpClient::tls(address, &tls("a.example"), Protocol::Http1).await.unwrap();
    assert_eq!(client.request(Method::GET, "/wrong", &[("host", "x.b.example")]).await.status, 421);
    gateway.counted(REQUESTS, &[("reason", "misdirected_request"), ("code", "421")], 3).await;
    assert_eq!(gateway.line_of("/wrong").await["flag"], "misdirected_request");
    for unknown in ["c.example", "b.example", "a.b.b.example.evil"] {
        let refused = ClientTls::unverified(unknown).connect(address).await;
        assert!(refused.is_err(), "{unknown}");
    }
    gateway.counted(HANDSHAKES, &[("outcome", "unknown_server_name")], 3).await;
    gateway.counted(HANDSHAKES, &[("outcome", "tls13")], 3).await;
    // Without a name the host alone chooses the listener.
    let nameless = ClientTls::unverified("a.example").no_sni();
    let mut client = HttpClient::tls(address, &nameless, Protocol::Http1).await.unwrap();
    for host in ["a.example", "x.b.example"] {
        assert_eq!(client.request(Method::GET, "/nameless", &[("host", host)]).await.status, 200, "{host}");
    }
    assert_eq!(client.request(Method::GET, "/nameless", &[("host", "c.example")]).await.status, 404);
    gateway.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listener_for_every_host_serves_clients_without_sni() {
    let (authority, app) = (Authority::new("ca"), Backend::start("app"));
    let (reserved, address) = port();
    let folder = Folder::new();
    folder.secret("cert", &authority.issue(&["a.example"]));
    folder.gateway(&Gateway::new("gw").https("tls", reserved.port(), "cert"));
    folder.service("app", &[app.address()]);
    folder.route(&Route::http("all").parent("gw").rule(Rule::new().backend("app")));
    let gateway = Running::start(folder, &[]);
    for tls in [ClientTls::new(&authority, "a.example"), ClientTls::new(&authority, "a.example").no_sni()] {
        for tls in [tls.clone().tls12(), tls.tls13()] {
            let mut client = HttpClient::tls(address, &tls, Protocol::Http2).await.unwrap();
            assert_eq!(client.request(Method::GET, "/", &[("host", "a.example")]).await.status, 200);
        }
    }
    gateway.counted(HANDSHAKES, &[("outcome", "tls12")], 2).await;
    gateway.counted(HANDSHAKES, &[("outcome", "tls13")], 2).await;
    gateway.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_certificate_is_shown_without_ending_connections() {
    let (authority, app) = (Authority::new("ca"), Backend::start("app"));
    let (folder, _port, address) = tls_folder(&authority, &app);
    let gateway = Running::start(folder, &[]);
    let tls = ClientTls::new(&authority, "a.example");
    let shown =
        async || tls.connect(address).await.expect("a handshake").peer_certificate().expect("a certificate");
    let (before, mut kept) = (shown().await, HttpClient::tls(address, &tls, Protocol::Http2).await.unwrap());
    assert_eq!(kept.request(Method::GET, "/", &[("host", "a.example")]).await.status, 200);
    let renewed = authority.issue(&["a.example"]);
    gateway.folder.secret("cert-a", &renewed);
    let after =
        gateway.until("the new certificate", async || Some(shown().await).filter(|now| *now != before)).await;
    assert_eq!(after, renewed.der);
    assert_eq!(kept.request(Method::GET, "/", &[("host", "a.example")]).await.status, 200);
    // A Secret that is broken changes nothing.
    gateway.folder.write("secret-cert-a.yaml", "kind: [");
    gateway
        .until("the fault is named", async || gateway.stderr().contains("secret-cert-a").then_some(()))
        .await;
    assert_eq!(shown().await, renewed.der);
    gateway.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clear_text_client_on_a_tls_port_is_refused() {
    let (authority, app) = (Authority::new("ca"), Backend::start("app"));
    let (folder, _port, address) = tls_folder(&authority, &app);
    let gateway = Running::start(folder, &[]);
    let answer = h1(address).await.try_request(Method::GET, "/", &[], "").await;
    assert!(answer.is_err());
    gateway.counted(HANDSHAKES, &[("outcome", "failed")], 1).await;
    gateway.counted(REQUESTS, &[], 0).await;
    gateway.stop();
}
