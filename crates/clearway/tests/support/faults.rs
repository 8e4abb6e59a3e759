//! Requests that go wrong, one by one, each with the code and reason that it must be counted with.
//!
//! Always holds: a client goes away only after the scripted backend has said that it has the request's head, so the gateway
//! has had all of the head and the request counts.

use std::io;
use std::net::SocketAddr;

use bytes::Bytes;
use clearway_testkit::backend::Fault;
use clearway_testkit::client::{GrpcClient, HttpClient, RawClient, WsClient};
use clearway_testkit::grpc::{EchoRequest, EchoResponse};
use clearway_testkit::wait::within;
use clearway_testkit::{Backend, Gate, Reply};
use http::{Method, Request};
use http_body_util::{BodyExt, Empty};

use super::books::Tally;

/// A gateway, and the backend behind `/fault`, `/late`, `/slow`, `/ws` and `/echo.Echo`, which nobody else uses.
pub(crate) struct Faults<'a> {
    pub(crate) gateway: SocketAddr,
    pub(crate) backend: &'a Backend,
    /// What `/fault/held` waits at.
    held: Gate,
}

const HEAD_LIMIT: usize = 64 * 1024;

impl<'a> Faults<'a> {
    pub(crate) fn new(gateway: SocketAddr, backend: &'a Backend) -> Self {
        let held = Gate::closed();
        backend.on("/fault/held", Reply::text("late").gate(&held));
        backend.on("/fault/half", Reply::bytes(1000).then_gate(&held).then(vec![b'y'; 1000]));
        backend.on("/late/held", Reply::text("late").gate(&held));
        backend.on("/slow/held", Reply::text("late").gate(&held));
        Self { gateway, backend, held }
    }

    /// One of each kind.
    pub(crate) async fn round(&self, tally: &mut Tally) -> io::Result<()> {
        self.client_leaves_mid_request(tally).await?;
        self.client_leaves_while_waiting(tally).await?;
        self.client_leaves_mid_response(tally).await?;
        self.upstream_breaks(tally).await?;
        self.upstream_resets_mid_response(tally).await?;
        self.too_late(tally).await?;
        self.malformed(tally).await?;
        self.too_large(tally).await?;
        self.other_protocols(tally).await?;
        self.odd_but_fine(tally).await
    }

    /// Waits until the backend has had one request more than `before`.
    async fn reached(&self, before: u64) {
        self.backend.wait_count(before + 1).await;
    }

    async fn client_leaves_mid_request(&self, tally: &mut Tally) -> io::Result<()> {
        for (path, orderly) in [("/fault/upload", false), ("/careful/upload", false), ("/fault/upload", true)]
        {
            let before = self.backend.count();
            let mut client = RawClient::connect(self.gateway).await?;
            let head = format!("POST {path} HTTP/1.1\r\nhost: a\r\ncontent-length: 1000\r\n\r\nhalf");
            client.send(head).await?;
            self.reached(before).await;
            if orderly {
                drop(client)
            } else {
                client.reset()
            }
            tally.add(499, "client_gone", 1);
        }
        Ok(())
    }

    async fn client_leaves_while_waiting(&self, tally: &mut Tally) -> io::Result<()> {
        let before = self.backend.count();
        let mut client = RawClient::connect(self.gateway).await?;
        client.send("GET /fault/held HTTP/1.1\r\nhost: a\r\n\r\n").await?;
        self.reached(before).await;
        client.reset();
        tally.add(499, "client_gone", 1);
        let before = self.backend.count();
        let mut client = HttpClient::h2c(self.gateway).await?;
        let waiting = tokio::spawn(client.start(empty("/fault/held")));
        self.reached(before).await;
        waiting.abort();
        waiting.await.expect_err("the request is cancelled: RST_STREAM");
        tally.add(499, "client_gone", 1);
        // The connection goes on.
        assert_eq!(client.get("/fault/fine").await.status, 200);
        tally.add(200, "none", 1);
        Ok(())
    }

    async fn client_leaves_mid_response(&self, tally: &mut Tally) -> io::Result<()> {
        for http2 in [false, true] {
            let mut client = if http2 {
                HttpClient::h2c(self.gateway).await?
            } else {
                HttpClient::h1(self.gateway).await?
            };
            let mut response = client.send(empty("/fault/half")).await?;
            let some = within("half of a body", response.body_mut().frame()).await;
            assert!(some.is_some_and(|frame| frame.is_ok()), "half of the body comes");
            drop(response);
            drop(client);
            tally.add(200, "client_gone", 1);
        }
        Ok(())
    }

    async fn upstream_breaks(&self, tally: &mut Tally) -> io::Result<()> {
        for fault in ["reset", "close", "abort"] {
            let mut client = HttpClient::h1(self.gateway).await?;
            let answer = client.request(Method::POST, "/fault/before", &[("x-fault", fault)]).await;
            assert_eq!(answer.status, 502, "{fault}");
            tally.add(502, "upstream_reset", 1);
        }
        for (fault, http2) in [("close-body", true), ("abort-body", false)] {
            let mut client = if http2 {
                HttpClient::h2c(self.gateway).await?
            } else {
                HttpClient::h1(self.gateway).await?
            };
            let answer = client.try_request(Method::GET, "/fault/mid", &[("x-fault", fault)], "").await;
            assert!(answer.is_err(), "{fault}: a broken body does not look whole");
            tally.add(200, "upstream_truncated", 1);
        }
        Ok(())
    }

    /// The backend resets once the client has half of the body.
    async fn upstream_resets_mid_response(&self, tally: &mut Tally) -> io::Result<()> {
        let half = Gate::closed();
        let cut = Reply::bytes(1000).then_gate(&half).then_fault(Fault::Reset).then(vec![b'y'; 1000]);
        self.backend.on("/fault/cut", cut);
        let mut client = HttpClient::h1(self.gateway).await?;
        let mut response = client.send(empty("/fault/cut")).await?;
        let first = within("half of a body", response.body_mut().frame()).await;
        assert!(first.is_some_and(|frame| frame.is_ok()), "half of the body comes");
        half.open();
        let rest = within("the end of a body", response.body_mut().collect()).await;
        assert!(rest.is_err(), "a broken body does not look whole");
        tally.add(200, "upstream_truncated", 1);
        Ok(())
    }

    async fn too_late(&self, tally: &mut Tally) -> io::Result<()> {
        let mut client = HttpClient::h1(self.gateway).await?;
        for (path, reason) in [("/late/held", "request_timeout"), ("/slow/held", "backend_request_timeout")] {
            client.ready().await?;
            assert_eq!(client.get(path).await.status, 504, "{path}");
            tally.add(504, reason, 1);
        }
        let mut client = HttpClient::h2c(self.gateway).await?;
        assert_eq!(client.get("/late/held").await.status, 504);
        tally.add(504, "request_timeout", 1);
        Ok(())
    }

    async fn malformed(&self, tally: &mut Tally) -> io::Result<()> {
        let wrong: [(&str, u16, &str); 6] = [
            ("GET /app HTTP/1.1\r\nno colon\r\n\r\n", 400, "request_malformed"),
            ("GET /app HTTP/1.1\r\n\r\n", 400, "request_malformed"),
            ("GET /app HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n", 400, "request_malformed"),
            ("POST /app HTTP/1.1\r\nhost: a\r\ncontent-length: x\r\n\r\n", 400, "request_malformed"),
            ("GET /app HTTP/7.9\r\nhost: a\r\n\r\n", 400, "request_malformed"),
            ("CONNECT a:443 HTTP/1.1\r\nhost: a:443\r\n\r\n", 405, "method_refused"),
        ];
        for (request, code, reason) in wrong {
            let mut client = RawClient::connect(self.gateway).await?;
            client.send(request).await?;
            let answer = client.response().await;
            let answer = answer.unwrap_or_else(|error| panic!("{request:?}: {error}"));
            assert_eq!(answer.status, code, "{request:?}");
            tally.add(code, reason, 1);
        }
        // Half a head is no request: nothing is counted.
        let mut client = RawClient::connect(self.gateway).await?;
        client.send("GET /app HTTP/1.1\r\nhost:").await?;
        client.reset();
        Ok(())
    }

    async fn too_large(&self, tally: &mut Tally) -> io::Result<()> {
        let long =
            |size: usize| format!("GET /app HTTP/1.1\r\nhost: a\r\nx-long: {}\r\n\r\n", "x".repeat(size));
        let many = format!("GET /app HTTP/1.1\r\nhost: a\r\n{}\r\n", "x-a: b\r\n".repeat(150));
        for request in [long(HEAD_LIMIT + 100), many] {
            let mut client = RawClient::connect(self.gateway).await?;
            client.send(&request).await?;
            assert_eq!(client.response().await?.status, 431, "{} bytes", request.len());
            tally.add(431, "request_headers_too_large", 1);
        }
        // Of a head twice as long as allowed a part is never read, so the answer may be lost in a reset; it counts.
        let mut client = RawClient::connect(self.gateway).await?;
        client.send(long(2 * HEAD_LIMIT)).await.ok();
        if let Ok(answer) = client.response().await {
            assert_eq!(answer.status, 431);
        }
        tally.add(431, "request_headers_too_large", 1);
        Ok(())
    }

    async fn other_protocols(&self, tally: &mut Tally) -> io::Result<()> {
        let mut socket = WsClient::connect(self.gateway, "/ws", &[]).await?;
        socket.send_text("hello").await?;
        socket.receive().await?;
        socket.close().await?;
        tally.add(101, "none", 1);
        let mut socket = WsClient::connect(self.gateway, "/ws", &[]).await?;
        socket.send_text("hello").await?;
        socket.receive().await?;
        socket.reset();
        tally.add(101, "none", 1);
        let mut client = GrpcClient::connect(self.gateway, "a").await?;
        let answer = client.call::<_, EchoResponse>("/echo.Echo/Unary", &[], &EchoRequest::new("x")).await?;
        assert_eq!(answer.status.map(|status| status.code), Some(0));
        tally.add(200, "none", 1);
        let mut call = client.open("/echo.Echo/BidiStream", &[]).await;
        call.send(&EchoRequest::new("x")).await?;
        assert!(call.receive::<EchoResponse>().await?.is_some());
        drop(call);
        tally.add(200, "client_gone", 1);
        // Answered before its message comes, so not by a client that insists on sending one.
        let mut client = HttpClient::h2c(self.gateway).await?;
        let fields = [("content-type", "application/grpc"), ("te", "trailers")];
        let answer = client.request(Method::POST, "/nobody.Here/Unary", &fields).await;
        assert_eq!((answer.status, answer.header("grpc-status")), (200, "12"));
        tally.add(200, "no_route", 1);
        Ok(())
    }

    async fn odd_but_fine(&self, tally: &mut Tally) -> io::Result<()> {
        let mut client = RawClient::connect(self.gateway).await?;
        client.send("GET /fault/a HTTP/1.1\r\nhost: a\r\n\r\n".repeat(5)).await?;
        for _ in 0..5 {
            assert_eq!(client.response().await?.status, 200, "pipelined");
        }
        client.send("GET /fault/a HTTP/1.1\r\nhost: a\r\n\r\nbroken\r\n\r\n").await?;
        assert_eq!((client.response().await?.status, client.response().await?.status), (200, 400));
        tally.add(200, "none", 6);
        tally.add(400, "request_malformed", 1);
        let mut client = RawClient::connect(self.gateway).await?;
        client.send("GET /fault/a HTTP/1.0\r\nhost: a\r\n\r\n").await?;
        assert_eq!(client.response().await?.status, 200, "HTTP/1.0");
        tally.add(200, "none", 1);
        let mut client = RawClient::connect(self.gateway).await?;
        client.send("POST /nothing HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\nbody").await?;
        assert_eq!(client.response().await?.status, 404, "its body is never read");
        tally.add(404, "no_route", 1);
        let mut client = HttpClient::h1(self.gateway).await?;
        let answer = client.request(Method::GET, "/fault/a", &[("x-status", "204")]).await;
        assert_eq!(answer.status, 204);
        tally.add(204, "none", 1);
        Ok(())
    }
}

impl Drop for Faults<'_> {
    fn drop(&mut self) {
        self.held.open();
    }
}

fn empty(path: &str) -> Request<impl http_body::Body<Data = Bytes, Error = io::Error> + Send + 'static> {
    let body = Empty::<Bytes>::new().map_err(|never| match never {});
    Request::builder().uri(path).body(body).expect("a request")
}
