//! The gRPC service and client, against each other and against grpcurl with the shipped proto file.

use std::io::Write;
use std::process::{Command, Stdio};

use clearway_testkit::backend::{Backend, Outcome};
use clearway_testkit::certs::Authority;
use clearway_testkit::client::{ClientTls, GrpcClient, GrpcReply};
use clearway_testkit::grpc::{EchoRequest, EchoResponse, Status, code};
use clearway_testkit::process::{repository, tool};

async fn call(client: &mut GrpcClient, method: &str, request: &EchoRequest) -> GrpcReply<EchoResponse> {
    client.call(&format!("/any.Service/{method}"), &[("x-team", "a")], request).await.expect("the call ends")
}

#[tokio::test]
async fn unary_and_server_streaming_calls_end_with_their_status() {
    let backend = Backend::start("grpc");
    let mut client = GrpcClient::connect(backend.address(), "svc.example").await.unwrap();
    let reply =
        call(&mut client, "Unary", &EchoRequest { payload_bytes: 70_000, ..EchoRequest::new("hi") }).await;
    assert_eq!(reply.status, Some(Status::new(code::OK, "")));
    assert!(!reply.trailers_only);
    let message = &reply.messages[0];
    assert_eq!(
        (message.message.as_str(), message.backend.as_str(), message.payload.len()),
        ("hi", "grpc", 70_000)
    );
    assert_eq!(message.headers["x-team"], "a");
    assert_eq!(backend.last().host, "svc.example");

    let streamed = EchoRequest {
        count: 3,
        code: code::INTERNAL,
        status_message: "50% bad".into(),
        ..EchoRequest::new("s")
    };
    let reply = call(&mut client, "ServerStream", &streamed).await;
    assert_eq!(reply.messages.iter().map(|message| message.index).collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!(reply.status, Some(Status::new(code::INTERNAL, "50% bad")));
    assert_eq!(reply.trailers["grpc-status"], "13");
}

#[tokio::test]
async fn errors_can_come_in_one_header_block() {
    let backend = Backend::start("grpc");
    let mut client = GrpcClient::connect(backend.address(), "a").await.unwrap();
    let request = EchoRequest { code: code::UNAVAILABLE, trailers_only: true, ..EchoRequest::new("x") };
    let reply = call(&mut client, "Unary", &request).await;
    assert_eq!(
        (reply.status.unwrap().code, reply.trailers_only, reply.messages.len()),
        (code::UNAVAILABLE, true, 0)
    );
    let reply = call(&mut client, "Nothing", &EchoRequest::new("x")).await;
    assert_eq!((reply.status.unwrap().code, reply.trailers_only), (code::UNIMPLEMENTED, true));
}

#[tokio::test]
async fn streams_go_both_ways_at_once() {
    let authority = Authority::new("ca");
    let backend = Backend::builder("grpc").tls(&authority.issue(&["a.example"])).start();
    let tls = ClientTls::new(&authority, "a.example");
    let mut client = GrpcClient::connect_tls(backend.address(), &tls, "a.example").await.unwrap();
    let mut talk = client.open("/x.Y/BidiStream", &[]).await;
    for word in ["one", "two"] {
        talk.send(&EchoRequest::new(word)).await.unwrap();
        let answer: EchoResponse = talk.receive().await.unwrap().unwrap();
        assert_eq!(answer.message, word);
    }
    let reply: GrpcReply<EchoResponse> = talk.collect().await.unwrap();
    assert_eq!((reply.messages.len(), reply.status), (0, Some(Status::new(code::OK, ""))));

    let mut upload = client.open("/x.Y/ClientStream", &[]).await;
    for word in ["three", "four"] {
        upload.send(&EchoRequest::new(word)).await.unwrap();
    }
    let reply: GrpcReply<EchoResponse> = upload.collect().await.unwrap();
    assert_eq!(reply.messages[0].message, "three four");
}

#[tokio::test]
async fn a_dropped_call_is_cancelled() {
    let backend = Backend::start("grpc");
    let mut client = GrpcClient::connect(backend.address(), "a").await.unwrap();
    let mut talk = client.open("/x.Y/BidiStream", &[]).await;
    talk.send(&EchoRequest::new("one")).await.unwrap();
    talk.receive::<EchoResponse>().await.unwrap();
    drop(talk);
    backend.wait_requests("the cancellation", |seen| seen[0].outcome == Outcome::Cancelled).await;
}

/// Runs grpcurl with messages on its input; exit code, standard output, standard error.
fn grpcurl(backend: &Backend, method: &str, input: &str) -> (i32, String, String) {
    let mut child = Command::new(tool("grpcurl"))
        .current_dir(repository().join("crates/testkit/proto"))
        .args(["-plaintext", "-v", "-emit-defaults", "-import-path", ".", "-proto", "echo.proto", "-d", "@"])
        .args([&backend.address().to_string(), &format!("clearway.testkit.v1.Echo/{method}")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("grpcurl starts");
    let mut stdin = child.stdin.take().expect("its input is a pipe");
    stdin.write_all(input.as_bytes()).expect("grpcurl reads its input");
    drop(stdin);
    let output = child.wait_with_output().expect("grpcurl ends");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (output.status.code().expect("an exit code"), text(output.stdout), text(output.stderr))
}

#[test]
fn grpcurl_understands_every_method_and_the_status() {
    let backend = Backend::start("curled");
    let (exit, out, err) = grpcurl(&backend, "Unary", r#"{"message": "hi", "payload_bytes": 3}"#);
    assert_eq!(exit, 0, "{out}{err}");
    for wanted in [
        r#""message": "hi""#,
        r#""backend": "curled""#,
        r#""payload": "eHh4""#,
        r#""content-type": "application/grpc""#,
    ] {
        assert!(out.contains(wanted), "{wanted} is not in {out}");
    }
    let (exit, out, err) = grpcurl(&backend, "ServerStream", r#"{"message": "s", "count": 3}"#);
    assert_eq!((exit, out.matches(r#""message": "s""#).count()), (0, 3), "{out}{err}");
    let (exit, out, err) = grpcurl(&backend, "BidiStream", r#"{"message": "a"} {"message": "b"}"#);
    assert!(exit == 0 && out.contains(r#""message": "a""#) && out.contains(r#""index": 1"#), "{out}{err}");
    let (exit, out, err) = grpcurl(&backend, "ClientStream", r#"{"message": "a"} {"message": "b"}"#);
    assert!(exit == 0 && out.contains(r#""message": "a b""#), "{out}{err}");
    // grpcurl exits with 64 + the status.
    let refused = r#"{"code": 14, "status_message": "come back", "trailers_only": true}"#;
    let (exit, out, err) = grpcurl(&backend, "Unary", refused);
    assert!(exit == 78 && err.contains("come back"), "{exit}: {out}{err}");
}
