//! The sink's server: accept, read one export, treat it by the mode, answer in the protocol it came in.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsPartialSuccess, ExportLogsServiceRequest, ExportLogsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use prost::Message;
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, oneshot};

use super::{Export, LogRecord, Mode, Shared, Signal, Span, records};
use crate::grpc::{Deframer, Status, code, gunzip};

type Answer = Response<UnsyncBoxBody<Bytes, io::Error>>;

pub(super) async fn run(listener: std::net::TcpListener, shared: Arc<Shared>, stop: oneshot::Receiver<()>) {
    let listener = TcpListener::from_std(listener);
    let listener = listener.unwrap_or_else(|error| panic!("cannot register an OTLP sink: {error}"));
    let accepting = async {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, Arc::clone(&shared)));
        }
    };
    tokio::select! {
        () = accepting => {}
        // Sent or dropped, either way it is the end.
        _ = stop => {}
    }
}

/// A socket that can be told to end with a reset.
async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    let reset = Arc::new(Notify::new());
    // A second handle on the same socket, because the server owns the first one.
    let Ok(stream) = stream.into_std() else { return };
    let Ok(handle) = stream.try_clone() else { return };
    let Ok(stream) = TcpStream::from_std(stream) else { return };
    let service = service_fn({
        let reset = Arc::clone(&reset);
        move |request| receive(request, Arc::clone(&shared), Arc::clone(&reset))
    });
    let builder = auto::Builder::new(TokioExecutor::new());
    tokio::select! {
        // How a client ends its connection is its own business.
        _ = builder.serve_connection(TokioIo::new(stream), service) => {}
        () = reset.notified() => {
            // On a socket that the peer has closed there is nothing left to reset.
            SockRef::from(&handle).set_linger(Some(Duration::ZERO)).ok();
        }
    }
}

/// What an export holds.
enum Batch {
    Spans(Vec<Span>),
    Logs(Vec<LogRecord>),
    Metrics,
}

async fn receive(request: Request<Incoming>, shared: Arc<Shared>, reset: Arc<Notify>) -> io::Result<Answer> {
    let (parts, body) = request.into_parts();
    let content_type = parts.headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    let grpc = content_type.starts_with(b"application/grpc");
    let path = parts.uri.path().to_owned();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let signal = signal_of(&path);
    let payload =
        if grpc { unframe(&parts.headers, &body) } else { unpack(&parts.headers, content_type, &body) };
    let batch = match payload.and_then(|payload| decode(signal, payload)) {
        Ok(batch) => batch,
        Err(error) => {
            shared.kept().errors.push(format!("{path}: {error}"));
            shared.changed.send_replace(());
            return Ok(refused(grpc, 400));
        }
    };
    shared.arrived.send_modify(|arrived| *arrived += 1);
    let mut modes = shared.mode.subscribe();
    let mode = match modes.wait_for(|mode| *mode != Mode::Stall).await {
        Ok(mode) => *mode,
        Err(_) => return Err(io::Error::other("the sink has ended")),
    };
    let rejected = match mode {
        Mode::Partial(rejected) => Some(rejected),
        _ => None,
    };
    let accepted = matches!(mode, Mode::Accept | Mode::Partial(_));
    keep(&shared, batch, Export { signal, path, grpc, headers: parts.headers, records: 0, accepted });
    match mode {
        Mode::Refuse(status) => Ok(refused(grpc, status)),
        Mode::Reset => {
            reset.notify_one();
            std::future::pending().await
        }
        _ => Ok(accepted_answer(grpc, signal, rejected)),
    }
}

fn signal_of(path: &str) -> Signal {
    let path = path.to_ascii_lowercase();
    if path.contains("log") {
        Signal::Logs
    } else if path.contains("metric") {
        Signal::Metrics
    } else {
        Signal::Traces
    }
}

fn keep(shared: &Shared, batch: Batch, mut export: Export) {
    let mut kept = shared.kept();
    let accepted = export.accepted;
    match batch {
        Batch::Spans(spans) => {
            export.records = spans.len();
            kept.spans.extend(spans.into_iter().filter(|_| accepted));
        }
        Batch::Logs(logs) => {
            export.records = logs.len();
            kept.logs.extend(logs.into_iter().filter(|_| accepted));
        }
        Batch::Metrics => {}
    }
    kept.exports.push(export);
    drop(kept);
    shared.changed.send_replace(());
}

/// The one message of a unary call.
fn unframe(headers: &HeaderMap, body: &[u8]) -> io::Result<Bytes> {
    let mut deframer = Deframer::for_headers(headers)?;
    deframer.push(body);
    let message = deframer.next_bytes()?;
    match message {
        Some(message) if deframer.pending() == 0 => Ok(message),
        _ => Err(io::Error::other("a unary call wants exactly one message")),
    }
}

fn unpack(headers: &HeaderMap, content_type: &[u8], body: &Bytes) -> io::Result<Bytes> {
    if content_type != b"application/x-protobuf" {
        let content_type = String::from_utf8_lossy(content_type);
        return Err(io::Error::other(format!("Content-Type {content_type:?}, not application/x-protobuf")));
    }
    match headers.get(CONTENT_ENCODING).map(HeaderValue::as_bytes) {
        None | Some(b"identity") => Ok(body.clone()),
        Some(b"gzip") => gunzip(body),
        Some(other) => Err(io::Error::other(format!("Content-Encoding {}", String::from_utf8_lossy(other)))),
    }
}

fn decode(signal: Signal, payload: Bytes) -> io::Result<Batch> {
    Ok(match signal {
        Signal::Traces => Batch::Spans(records::spans(
            ExportTraceServiceRequest::decode(payload).map_err(io::Error::other)?,
        )),
        Signal::Logs => {
            Batch::Logs(records::logs(ExportLogsServiceRequest::decode(payload).map_err(io::Error::other)?))
        }
        Signal::Metrics => Batch::Metrics,
    })
}

fn accepted_answer(grpc: bool, signal: Signal, rejected: Option<i64>) -> Answer {
    let error_message = "the test rejects them".to_owned();
    let payload = match (signal, rejected) {
        (Signal::Logs, Some(rejected_log_records)) => {
            let partial_success = Some(ExportLogsPartialSuccess { rejected_log_records, error_message });
            ExportLogsServiceResponse { partial_success }.encode_to_vec()
        }
        (Signal::Traces, Some(rejected_spans)) => {
            let partial_success = Some(ExportTracePartialSuccess { rejected_spans, error_message });
            ExportTraceServiceResponse { partial_success }.encode_to_vec()
        }
        // Every response message without a field is empty on the wire.
        _ => Vec::new(),
    };
    if !grpc {
        return with_type("application/x-protobuf", full(payload));
    }
    let mut framed = vec![0];
    framed.extend(u32::try_from(payload.len()).unwrap_or_default().to_be_bytes());
    framed.extend(payload);
    let mut trailers = HeaderMap::new();
    Status::new(code::OK, "").write(&mut trailers);
    let frames = [Ok(Frame::data(framed.into())), Ok(Frame::trailers(trailers))];
    with_type("application/grpc", StreamBody::new(stream::iter(frames)).boxed_unsync())
}

fn refused(grpc: bool, status: u16) -> Answer {
    let mut answer = with_type(if grpc { "application/grpc" } else { "text/plain" }, full(Vec::new()));
    if grpc {
        let code = match status {
            429 | 502 | 503 | 504 => code::UNAVAILABLE,
            400 => code::INVALID_ARGUMENT,
            _ => code::INTERNAL,
        };
        Status::new(code, "the test refuses it").write(answer.headers_mut());
        return answer;
    }
    *answer.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if matches!(status, 429 | 503) {
        answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("0"));
    }
    answer
}

fn full(payload: Vec<u8>) -> UnsyncBoxBody<Bytes, io::Error> {
    Full::new(Bytes::from(payload)).map_err(|never| match never {}).boxed_unsync()
}

fn with_type(content_type: &'static str, body: UnsyncBoxBody<Bytes, io::Error>) -> Answer {
    let mut answer = Response::new(body);
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer
}
