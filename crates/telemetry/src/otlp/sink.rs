//! A collector for tests: real sockets, HTTP/1.1 and gRPC over clear-text HTTP/2, and faults on demand.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceResponse,
};
use prost::Message as _;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::{OtlpOptions, OtlpProtocol};

/// What to answer.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Answer {
    /// Taken.
    Ok,
    /// Taken but for so many.
    Partial(i64),
    /// An HTTP status, or a gRPC status number.
    Status(u16),
    /// Never.
    Stall,
}

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    /// Without the gRPC frame.
    pub(crate) message: Bytes,
}

type Script = Arc<dyn Fn(usize) -> Answer + Send + Sync>;

pub(crate) struct Collector {
    address: SocketAddr,
    protocol: OtlpProtocol,
    seen: Arc<Mutex<Vec<Seen>>>,
    _stop: oneshot::Sender<()>,
}

impl Collector {
    /// Starts one; `script` answers the request with this number, from zero.
    pub(crate) fn start(
        protocol: OtlpProtocol,
        script: impl Fn(usize) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let (stop, stopped) = oneshot::channel();
        let (tell, told) = std::sync::mpsc::channel();
        let state = State { protocol, script: Arc::new(script), seen: seen.clone() };
        std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
            runtime.block_on(async move {
                let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
                tell.send(listener.local_addr().expect("address")).expect("told");
                tokio::select! {
                    () = accept(listener, state) => {}
                    _ = stopped => {}
                }
            });
        });
        Self { address: told.recv().expect("listening"), protocol, seen, _stop: stop }
    }

    /// Options that lead here, without waiting: small batches, short pauses.
    pub(crate) fn options(&self, path: &str) -> OtlpOptions {
        let mut options = OtlpOptions::new(format!("http://{}{path}", self.address), self.protocol);
        options.delay = std::time::Duration::from_millis(5);
        options
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[derive(Clone)]
struct State {
    protocol: OtlpProtocol,
    script: Script,
    seen: Arc<Mutex<Vec<Seen>>>,
}

async fn accept(listener: TcpListener, state: State) {
    while let Ok((stream, _)) = listener.accept().await {
        let state = state.clone();
        let grpc = state.protocol == OtlpProtocol::Grpc;
        let service = hyper::service::service_fn(move |request| answer(request, state.clone()));
        tokio::spawn(async move {
            let io = TokioIo::new(stream);
            // A client that goes away ends the connection with an error: nothing to do about it.
            if grpc {
                let served = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                drop(served.serve_connection(io, service).await);
            } else {
                drop(hyper::server::conn::http1::Builder::new().serve_connection(io, service).await);
            }
        });
    }
}

type Body = BoxBody<Bytes, Infallible>;

async fn answer(request: Request<Incoming>, state: State) -> Result<Response<Body>, hyper::Error> {
    let (head, body) = request.into_parts();
    let grpc = state.protocol == OtlpProtocol::Grpc;
    let body = body.collect().await?.to_bytes();
    let message = if grpc { body.slice(5..) } else { body };
    let number = {
        let mut seen = state.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.push(Seen { path: head.uri.path().to_owned(), headers: head.headers, message });
        seen.len() - 1
    };
    let partial = |rejected_spans| ExportTraceServiceResponse {
        partial_success: Some(ExportTracePartialSuccess { rejected_spans, error_message: "too old".into() }),
    };
    let (status, message) = match (state.script)(number) {
        Answer::Ok => (0, ExportTraceServiceResponse::default()),
        Answer::Partial(rejected) => (0, partial(rejected)),
        Answer::Status(status) => (status, ExportTraceServiceResponse::default()),
        Answer::Stall => std::future::pending().await,
    };
    Ok(if grpc { grpc_response(status, &message) } else { http_response(status, &message) })
}

fn http_response(status: u16, message: &ExportTraceServiceResponse) -> Response<Body> {
    let mut response = Response::new(Full::from(message.encode_to_vec()).boxed());
    if status != 0 {
        *response.status_mut() = status.try_into().expect("status");
    }
    response
}

fn grpc_response(status: u16, message: &ExportTraceServiceResponse) -> Response<Body> {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", status.into());
    if status != 0 {
        let mut response = Response::new(Empty::new().boxed());
        *response.headers_mut() = trailers;
        return response;
    }
    let encoded = message.encode_to_vec();
    let mut framed = BytesMut::new();
    framed.put_u8(0);
    framed.put_u32(u32::try_from(encoded.len()).expect("small"));
    framed.extend_from_slice(&encoded);
    let body = Full::from(framed.freeze()).with_trailers(async move { Some(Ok(trailers)) }).boxed();
    let mut response = Response::new(body);
    response.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc"));
    response
}
