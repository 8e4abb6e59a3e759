//! The gRPC service of `proto/echo.proto`, answered under every service name: the method's own name chooses.
//!
//! Directives before the head (`x-delay-ms`, `x-fault`) hold for calls too, as metadata.

use std::collections::BTreeMap;
use std::io;

use bytes::Bytes;
use futures_util::stream;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{HeaderMap, Request, Response};
use http_body::Frame;
use http_body_util::BodyExt;
use hyper::body::Incoming;

use super::body::ReplyBody;
use super::exchange::Exchange;
use super::reply::Reply;
use super::serve::before_head;
use crate::grpc::{Deframer, EchoRequest, EchoResponse, Status, code, frame};

pub(super) fn is_grpc(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"))
}

/// The client's messages, one by one.
struct Calls {
    body: Incoming,
    deframer: Deframer,
}

impl Calls {
    /// The next message; `None` at the end of the stream.
    async fn next(&mut self) -> io::Result<Option<EchoRequest>> {
        loop {
            if let Some(message) = self.deframer.next_message()? {
                return Ok(Some(message));
            }
            match self.body.frame().await {
                Some(frame) => {
                    if let Ok(data) = frame.map_err(io::Error::other)?.into_data() {
                        self.deframer.push(&data);
                    }
                }
                None if self.deframer.pending() == 0 => return Ok(None),
                None => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "a message is cut short")),
            }
        }
    }
}

pub(super) async fn answer(
    request: Request<Incoming>,
    mut exchange: Exchange,
    directed: &Reply,
) -> io::Result<Response<ReplyBody>> {
    before_head(directed, &mut exchange).await?;
    let method = request.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
    let (parts, body) = request.into_parts();
    let deframer = match Deframer::for_headers(&parts.headers) {
        Ok(deframer) => deframer,
        Err(error) => return Ok(only(exchange, &Status::new(code::UNIMPLEMENTED, error.to_string()))),
    };
    let mut calls = Calls { body, deframer };
    let echo = Echo { backend: exchange.shared.name().to_owned(), headers: metadata(&parts.headers) };
    match method.as_str() {
        "Unary" => match calls.next().await? {
            Some(first) => Ok(echo.finite(exchange, &first, 1)),
            None => Ok(only(exchange, &Status::new(code::INTERNAL, "a unary call without a message"))),
        },
        "ServerStream" => match calls.next().await? {
            Some(first) => Ok(echo.finite(exchange, &first, first.count)),
            None => Ok(only(exchange, &Status::new(code::INTERNAL, "a call without a message"))),
        },
        "ClientStream" => {
            let mut last = EchoRequest::default();
            let mut words = Vec::new();
            while let Some(call) = calls.next().await? {
                words.push(call.message.clone());
                last = call;
            }
            last.message = words.join(" ");
            Ok(echo.finite(exchange, &last, 1))
        }
        "BidiStream" => Ok(echo.duplex(exchange, calls)),
        _ => Ok(only(exchange, &Status::new(code::UNIMPLEMENTED, format!("no method {method}")))),
    }
}

struct Echo {
    backend: String,
    headers: BTreeMap<String, String>,
}

impl Echo {
    fn response(&self, call: &EchoRequest, index: i32) -> EchoResponse {
        let size = usize::try_from(call.payload_bytes).unwrap_or_default();
        EchoResponse {
            message: call.message.clone(),
            backend: self.backend.clone(),
            headers: self.headers.clone(),
            index,
            payload: Bytes::from(vec![b'x'; size]),
        }
    }

    /// So many responses, then the status that the call asks for.
    fn finite(self, exchange: Exchange, call: &EchoRequest, count: i32) -> Response<ReplyBody> {
        let status = Status::new(call.code, call.status_message.clone());
        if call.trailers_only {
            return only(exchange, &status);
        }
        let call = call.clone();
        let messages = (0..count).map(move |index| Ok(Frame::data(frame(&self.response(&call, index)))));
        let end = std::iter::once(Ok(Frame::trailers(trailers(&status))));
        head(ReplyBody::stream(exchange, stream::iter(messages.chain(end))))
    }

    /// A response to each message as it comes; a message with a `code` ends the call with it.
    fn duplex(self, exchange: Exchange, calls: Calls) -> Response<ReplyBody> {
        let state = Some((self, calls, 0));
        let frames = stream::unfold(state, async |state| {
            let (echo, mut calls, index) = state?;
            let status = match calls.next().await {
                Ok(Some(call)) if call.code == code::OK => {
                    let message = Frame::data(frame(&echo.response(&call, index)));
                    return Some((Ok(message), Some((echo, calls, index + 1))));
                }
                Ok(Some(call)) => Status::new(call.code, call.status_message),
                Ok(None) => Status::new(code::OK, ""),
                Err(error) => return Some((Err(error), None)),
            };
            Some((Ok(Frame::trailers(trailers(&status))), None))
        });
        head(ReplyBody::stream(exchange, frames))
    }
}

fn trailers(status: &Status) -> HeaderMap {
    let mut trailers = HeaderMap::new();
    status.write(&mut trailers);
    trailers
}

fn head(body: ReplyBody) -> Response<ReplyBody> {
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    response
}

/// A "trailers-only" response: the status in the one header block.
fn only(exchange: Exchange, status: &Status) -> Response<ReplyBody> {
    let mut response = head(ReplyBody::none(exchange));
    status.write(response.headers_mut());
    response
}

fn metadata(headers: &HeaderMap) -> BTreeMap<String, String> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect()
}
