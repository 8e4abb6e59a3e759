//! A gRPC client with streaming in both directions, on one HTTP/2 connection.

use std::io;
use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::Frame;
use http_body_util::BodyExt;
use http_body_util::channel::{Channel, Sender};
use hyper::body::Incoming;
use prost::Message;

use super::http::HttpClient;
use super::tls::ClientTls;
use crate::client::Protocol;
use crate::grpc::{Deframer, Status, frame};
use crate::wait::within;

/// One HTTP/2 connection for calls.
#[derive(Debug)]
pub struct GrpcClient {
    http: HttpClient,
    authority: String,
}

/// A whole call, once it has ended.
#[derive(Clone, Debug)]
pub struct GrpcReply<M> {
    /// HTTP status.
    pub http_status: u16,
    /// Messages, in order.
    pub messages: Vec<M>,
    /// The status; `None` when the server has sent none, which gRPC does not allow.
    pub status: Option<Status>,
    /// Header fields.
    pub headers: HeaderMap,
    /// Trailer fields.
    pub trailers: HeaderMap,
    /// The status came with the headers.
    pub trailers_only: bool,
}

impl GrpcClient {
    /// Connects in clear text; `authority` goes into `:authority`.
    ///
    /// # Errors
    /// The kernel's.
    pub async fn connect(address: SocketAddr, authority: &str) -> io::Result<Self> {
        Ok(Self { http: HttpClient::h2c(address).await?, authority: authority.to_owned() })
    }

    /// Connects with TLS and ALPN h2.
    ///
    /// # Errors
    /// The kernel's, and those of the handshake.
    pub async fn connect_tls(address: SocketAddr, tls: &ClientTls, authority: &str) -> io::Result<Self> {
        let http = HttpClient::tls(address, tls, Protocol::Http2).await?;
        Ok(Self { http, authority: authority.to_owned() })
    }

    /// Opens a call of `method` (`/package.Service/Method`); messages are sent and received on it in any order.
    pub async fn open(&mut self, method: &str, metadata: &[(&str, &str)]) -> GrpcCall {
        let (sender, body) = Channel::new(16);
        let mut request = Request::builder()
            .method("POST")
            .uri(format!("http://{}{method}", self.authority))
            .header("content-type", "application/grpc")
            .header("te", "trailers");
        for (name, value) in metadata {
            request = request.header(*name, *value);
        }
        let request = request.body(body).unwrap_or_else(|error| panic!("not a call: {method}: {error}"));
        let response = self.http.start(request);
        GrpcCall { sender: Some(sender), response: tokio::spawn(response), answer: None }
    }

    /// Sends one message, reads everything.
    ///
    /// # Errors
    /// The connection's; a status other than 0 is none.
    pub async fn call<Q: Message, M: Message + Default>(
        &mut self,
        method: &str,
        metadata: &[(&str, &str)],
        request: &Q,
    ) -> io::Result<GrpcReply<M>> {
        let mut call = self.open(method, metadata).await;
        call.send(request).await?;
        call.finish();
        call.collect().await
    }
}

#[derive(Debug)]
struct Receiving {
    http_status: u16,
    headers: HeaderMap,
    trailers: HeaderMap,
    body: Incoming,
    deframer: Deframer,
}

/// A call under way. Dropping it cancels it (RST_STREAM).
#[derive(Debug)]
pub struct GrpcCall {
    sender: Option<Sender<Bytes, io::Error>>,
    response: tokio::task::JoinHandle<io::Result<Response<Incoming>>>,
    answer: Option<Receiving>,
}

impl Drop for GrpcCall {
    fn drop(&mut self) {
        self.response.abort();
        if let Some(sender) = self.sender.take() {
            // Without the error the body would end in order, and the server would take the half call for a whole one.
            sender.abort(io::Error::other("the call is cancelled"));
        }
    }
}

impl GrpcCall {
    /// Sends a message.
    ///
    /// # Errors
    /// When the server has ended the call; panics after [`Self::finish`].
    pub async fn send<Q: Message>(&mut self, message: &Q) -> io::Result<()> {
        let Some(sender) = self.sender.as_mut() else { panic!("the call is half-closed already") };
        let sent = within("room for a message", sender.send(Frame::data(frame(message)))).await;
        sent.map_err(|_| io::Error::new(io::ErrorKind::BrokenPipe, "the server has ended the call"))
    }

    /// Says that no message follows.
    pub fn finish(&mut self) {
        self.sender = None;
    }

    async fn receiving(&mut self) -> io::Result<&mut Receiving> {
        if self.answer.is_none() {
            let joined = within("the head of a call's response", &mut self.response).await;
            let (parts, body) = joined.map_err(io::Error::other)??.into_parts();
            self.answer = Some(Receiving {
                http_status: parts.status.as_u16(),
                deframer: Deframer::for_headers(&parts.headers)?,
                headers: parts.headers,
                trailers: HeaderMap::new(),
                body,
            });
        }
        self.answer.as_mut().ok_or_else(|| io::Error::other("no answer"))
    }

    /// The next message; `None` when the server has ended the call.
    ///
    /// # Errors
    /// The connection's, and a reset of the stream.
    pub async fn receive<M: Message + Default>(&mut self) -> io::Result<Option<M>> {
        let answer = self.receiving().await?;
        loop {
            if let Some(message) = answer.deframer.next_message()? {
                return Ok(Some(message));
            }
            let Some(frame) = within("a message", answer.body.frame()).await else { return Ok(None) };
            match frame.map_err(io::Error::other)?.into_data() {
                Ok(data) => answer.deframer.push(&data),
                Err(frame) => answer.trailers = frame.into_trailers().unwrap_or_default(),
            }
        }
    }

    /// Ends the client's side and reads everything that is left.
    ///
    /// # Errors
    /// As [`Self::receive`].
    pub async fn collect<M: Message + Default>(mut self) -> io::Result<GrpcReply<M>> {
        self.finish();
        let mut messages = Vec::new();
        while let Some(message) = self.receive().await? {
            messages.push(message);
        }
        let Some(answer) = self.answer.take() else { return Err(io::Error::other("no answer")) };
        let in_headers = Status::from_headers(&answer.headers);
        Ok(GrpcReply {
            http_status: answer.http_status,
            messages,
            trailers_only: in_headers.is_some(),
            status: Status::from_headers(&answer.trailers).or(in_headers),
            headers: answer.headers,
            trailers: answer.trailers,
        })
    }
}
