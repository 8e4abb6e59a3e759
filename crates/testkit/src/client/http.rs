//! One HTTP/1.1 or HTTP/2 connection that is kept alive.

use std::future::Future;
use std::io;
use std::net::SocketAddr;

use bytes::Bytes;
use http::header::HOST;
use http::{HeaderMap, HeaderValue, Method, Request, Response, Uri, Version};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;
use tokio::task::JoinHandle;

use super::tls::ClientTls;
use crate::transport::Transport;
use crate::wait::within;

/// A request body of any kind.
pub(super) type AnyBody = UnsyncBoxBody<Bytes, io::Error>;

/// What to speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2, by prior knowledge in clear text and by ALPN over TLS.
    Http2,
}

#[derive(Debug)]
enum Sender {
    Http1(http1::SendRequest<AnyBody>),
    Http2(http2::SendRequest<AnyBody>),
}

/// One connection. Dropping it closes it, and with it cancels every response that is still being read.
#[derive(Debug)]
pub struct HttpClient {
    sender: Sender,
    address: SocketAddr,
    scheme: &'static str,
    driver: JoinHandle<()>,
}

impl HttpClient {
    /// HTTP/1.1 in clear text.
    ///
    /// # Errors
    /// The kernel's.
    pub async fn h1(address: SocketAddr) -> io::Result<Self> {
        let transport = within("a connection", Transport::connect(address)).await?;
        Self::over(transport, Protocol::Http1).await
    }

    /// HTTP/2 in clear text by prior knowledge.
    ///
    /// # Errors
    /// The kernel's, and a failed preface.
    pub async fn h2c(address: SocketAddr) -> io::Result<Self> {
        let transport = within("a connection", Transport::connect(address)).await?;
        Self::over(transport, Protocol::Http2).await
    }

    /// Over TLS; what to speak is offered by ALPN, unless `tls` offers something itself, and must be what was chosen.
    ///
    /// # Errors
    /// The kernel's, those of the handshake, and another ALPN protocol than wanted.
    pub async fn tls(address: SocketAddr, tls: &ClientTls, protocol: Protocol) -> io::Result<Self> {
        let wanted = match protocol {
            Protocol::Http1 => "http/1.1",
            Protocol::Http2 => "h2",
        };
        let tls = if tls.has_alpn() { tls.clone() } else { tls.clone().alpn(&[wanted]) };
        let transport = within("a TLS connection", tls.connect(address)).await?;
        match transport.alpn() {
            Some(chosen) if chosen != wanted => {
                Err(io::Error::other(format!("ALPN chose {chosen}, not {wanted}")))
            }
            None if protocol == Protocol::Http2 => {
                Err(io::Error::other("ALPN chose nothing, and h2 needs it"))
            }
            _ => Self::over(transport, protocol).await,
        }
    }

    /// On an open connection.
    ///
    /// # Errors
    /// A failed HTTP/2 preface.
    pub async fn over(transport: Transport, protocol: Protocol) -> io::Result<Self> {
        let address = transport.tcp().peer_addr()?;
        let scheme = if matches!(transport, Transport::Tls(_)) { "https" } else { "http" };
        let stream = TokioIo::new(transport);
        let (sender, driver) = match protocol {
            Protocol::Http1 => {
                let (sender, driver) = http1::handshake(stream).await.map_err(io::Error::other)?;
                (Sender::Http1(sender), drive(driver.with_upgrades()))
            }
            Protocol::Http2 => {
                let handshake = http2::handshake(TokioExecutor::new(), stream).await;
                let (sender, driver) = handshake.map_err(io::Error::other)?;
                (Sender::Http2(sender), drive(driver))
            }
        };
        Ok(Self { sender, address, scheme, driver })
    }

    /// `GET target` with the peer's address as host; panics when there is no answer.
    pub async fn get(&mut self, target: &str) -> Answer {
        self.request(Method::GET, target, &[]).await
    }

    /// A request without a body; a `host` field replaces the peer's address. Panics when there is no answer.
    pub async fn request(&mut self, method: Method, target: &str, headers: &[(&str, &str)]) -> Answer {
        let answer = self.try_request(method, target, headers, "").await;
        answer.unwrap_or_else(|error| panic!("no answer from {} to {target}: {error}", self.address))
    }

    /// A request with a body, and its whole answer.
    ///
    /// # Errors
    /// When the connection fails before the answer's end. The source tells how (reset, incomplete message, GOAWAY).
    pub async fn try_request(
        &mut self,
        method: Method,
        target: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> io::Result<Answer> {
        let mut request = Request::builder().method(method).uri(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = Full::new(body.into()).map_err(|never| match never {}).boxed_unsync();
        let request = request.body(body).unwrap_or_else(|error| panic!("not a request: {target}: {error}"));
        let response = self.send(request).await?;
        within("the end of a response", Answer::collect(response)).await
    }

    /// Sends a request whose body may be a stream; resolves with the response's head.
    ///
    /// The URI may be path and query alone. Where there is no Host field, the URI's authority or else the peer's address is
    /// taken; HTTP/2 carries it as `:authority`.
    ///
    /// # Errors
    /// When the connection fails before the head.
    pub async fn send<B>(&mut self, request: Request<B>) -> io::Result<Response<Incoming>>
    where
        B: http_body::Body<Data = Bytes, Error = io::Error> + Send + 'static,
    {
        // The end of the last response may be read before the connection is free for the next request.
        self.ready().await?;
        let response = self.start(request);
        within("the head of a response", response).await
    }

    /// As [`Self::send`], without a deadline and detached from the client: for several requests at once on HTTP/2, and
    /// for requests that are to be cancelled by dropping the future.
    pub fn start<B>(
        &mut self,
        request: Request<B>,
    ) -> impl Future<Output = io::Result<Response<Incoming>>> + Send + use<B>
    where
        B: http_body::Body<Data = Bytes, Error = io::Error> + Send + 'static,
    {
        let request = self.addressed(request.map(BodyExt::boxed_unsync));
        let (one, two) = match &mut self.sender {
            Sender::Http1(sender) => (Some(sender.send_request(request)), None),
            Sender::Http2(sender) => (None, Some(sender.send_request(request))),
        };
        async move {
            let response = match (one, two) {
                (Some(response), _) => response.await,
                (_, Some(response)) => response.await,
                _ => unreachable!("one of the two was made above"),
            };
            response.map_err(io::Error::other)
        }
    }

    /// Waits until the connection can take a request; an error when it is closed.
    ///
    /// # Errors
    /// When the peer has closed the connection, or has said GOAWAY.
    pub async fn ready(&mut self) -> io::Result<()> {
        let ready = async {
            match &mut self.sender {
                Sender::Http1(sender) => sender.ready().await,
                Sender::Http2(sender) => sender.ready().await,
            }
        };
        within("a connection to be ready", ready).await.map_err(io::Error::other)
    }

    /// Waits until the peer has ended the connection.
    pub async fn closed(&mut self) {
        // The driver cannot be cancelled while `self` lives, and it does not panic.
        within("the peer to close", &mut self.driver).await.ok();
    }

    fn addressed(&self, mut request: Request<AnyBody>) -> Request<AnyBody> {
        let from_uri = request.uri().authority().map(|authority| authority.as_str().to_owned());
        let from_field = request.headers().get(HOST).and_then(|host| host.to_str().ok()).map(str::to_owned);
        let host = from_field.or(from_uri).unwrap_or_else(|| self.address.to_string());
        let target = request.uri().path_and_query().map_or("/", |target| target.as_str()).to_owned();
        match self.sender {
            Sender::Http1(_) => {
                *request.version_mut() = Version::HTTP_11;
                if request.method() != Method::CONNECT {
                    *request.uri_mut() = uri(target.parse::<Uri>());
                }
                let host = HeaderValue::from_str(&host);
                request.headers_mut().insert(HOST, host.unwrap_or_else(|_| panic!("not a host")));
            }
            Sender::Http2(_) => {
                *request.version_mut() = Version::HTTP_2;
                request.headers_mut().remove(HOST);
                let built = Uri::builder().scheme(self.scheme).authority(host).path_and_query(target).build();
                if request.method() != Method::CONNECT {
                    *request.uri_mut() = uri(built);
                }
            }
        }
        request
    }
}

impl Drop for HttpClient {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

fn uri<E: std::fmt::Display>(built: Result<Uri, E>) -> Uri {
    built.unwrap_or_else(|error| panic!("not a request target: {error}"))
}

/// The connection's own task. Its errors reach the requests, so nothing is lost here.
fn drive<F, E>(driver: F) -> JoinHandle<()>
where
    F: Future<Output = Result<(), E>> + Send + 'static,
    E: Send + 'static,
{
    tokio::spawn(async move { driver.await.unwrap_or_default() })
}

/// A whole response.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// HTTP version.
    pub version: Version,
    /// Header fields.
    pub headers: HeaderMap,
    /// Body.
    pub body: Bytes,
    /// Trailer fields.
    pub trailers: Option<HeaderMap>,
}

impl Answer {
    /// Reads a response to its end.
    ///
    /// # Errors
    /// When the body breaks off.
    pub async fn collect(response: Response<Incoming>) -> io::Result<Self> {
        let (parts, body) = response.into_parts();
        let collected = body.collect().await.map_err(io::Error::other)?;
        Ok(Self {
            status: parts.status.as_u16(),
            version: parts.version,
            headers: parts.headers,
            trailers: collected.trailers().cloned(),
            body: collected.to_bytes(),
        })
    }

    /// A header's first value; empty when it is absent.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; panics when it is not.
    pub fn json(&self) -> Value {
        let parsed = serde_json::from_slice(&self.body);
        parsed.unwrap_or_else(|error| panic!("status {}, not JSON ({error}): {}", self.status, self.text()))
    }

    /// The body as a backend's echo; panics when it is not.
    pub fn echo(&self) -> EchoAnswer {
        EchoAnswer(self.json())
    }
}

/// What a backend says of the request that reached it.
#[derive(Clone, Debug)]
pub struct EchoAnswer(pub Value);

impl EchoAnswer {
    fn text(&self, name: &str) -> &str {
        self.0.get(name).and_then(Value::as_str).unwrap_or_else(|| panic!("no {name} in {}", self.0))
    }

    /// The backend's name.
    pub fn backend(&self) -> &str {
        self.text("backend")
    }

    /// Path and query.
    pub fn path(&self) -> &str {
        self.text("path")
    }

    /// Host.
    pub fn host(&self) -> &str {
        self.text("host")
    }

    /// Method.
    pub fn method(&self) -> &str {
        self.text("method")
    }

    /// `HTTP/1.1` or `HTTP/2.0`.
    pub fn protocol(&self) -> &str {
        self.text("proto")
    }

    /// The values of a request header, by its name in any case; empty when it did not arrive.
    pub fn header(&self, name: &str) -> Vec<&str> {
        let headers = self.0.get("headers").and_then(Value::as_object);
        let found = headers.into_iter().flatten().find(|(key, _)| key.eq_ignore_ascii_case(name));
        let values = found.and_then(|(_, values)| values.as_array());
        values.into_iter().flatten().filter_map(Value::as_str).collect()
    }
}
