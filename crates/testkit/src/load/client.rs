//! One client: a connection at a time, a request at a time.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, HOST};
use http::{Request, Response, Version};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::{TrySendError, http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::Shared;
use crate::client::Protocol;

type Body = Empty<Bytes>;

enum Sender {
    Http1(http1::SendRequest<Body>),
    Http2(http2::SendRequest<Body>),
}

/// An open connection. Dropping it closes it.
struct Line {
    sender: Sender,
    /// Gives whether it ended in good order.
    driver: JoinHandle<bool>,
    /// Answers that it has brought.
    served: u32,
    /// Between which addresses.
    name: String,
}

impl Drop for Line {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// What a request failed by: a word and the story.
type Failure = (String, String);

/// How one sending ended.
enum Sent {
    Answer(Response<Incoming>),
    /// The connection had ended before anything was on its way; in good order or not.
    Unsent(bool),
    /// The connection ended under it without an answer, or the server says that it has not begun.
    Unanswered(hyper::Error),
}

/// Sends what is due until the load is stopped.
pub(super) async fn run(shared: Arc<Shared>, protocol: Protocol, number: usize, start: Instant) {
    let mut client = Client { shared, protocol, ends_itself: number % 2 == 1, line: None };
    loop {
        let ticket = client.shared.given.fetch_add(1, Relaxed);
        let due =
            start + Duration::from_nanos(ticket * 1_000_000_000 / u64::from(client.shared.options.rate));
        tokio::time::sleep_until(due).await;
        if client.shared.stopped.load(Relaxed) {
            return;
        }
        let limit = client.shared.options.timeout;
        let outcome = tokio::time::timeout(limit, client.request(ticket)).await;
        let outcome =
            outcome.unwrap_or_else(|_| Err(("timeout".to_owned(), format!("no answer within {limit:?}"))));
        match outcome {
            Ok(()) => client.shared.tally().succeed(due.elapsed()),
            Err((what, story)) => {
                let line = client.line.take();
                let at = || {
                    format!(
                        "{story} (request {ticket}, {})",
                        line.map_or_else(String::new, |line| line.name.clone())
                    )
                };
                client.shared.tally().fail(what, at);
            }
        }
    }
}

struct Client {
    shared: Arc<Shared>,
    protocol: Protocol,
    /// Takes a new connection from time to time.
    ends_itself: bool,
    line: Option<Line>,
}

impl Client {
    /// One request to the end of its answer.
    async fn request(&mut self, ticket: u64) -> Result<(), Failure> {
        let mut repeated = false;
        loop {
            let line = self.line().await?;
            let (served, name) = (line.served, line.name.clone());
            match self.send(ticket).await {
                Sent::Answer(response) => return self.receive(response).await,
                // A new connection that brings nothing is none that was kept alive too long. HTTP/2 may say goodbye at any time.
                Sent::Unsent(in_order) if served == 0 && !(in_order && self.protocol == Protocol::Http2) => {
                    return Err((
                        "reset".to_owned(),
                        format!("a new connection ended before its first request, {name}"),
                    ));
                }
                Sent::Unsent(_) => self.told(),
                // GET may be repeated by itself when the connection had been of use and ended: the server may have closed it before
                // the request came. Once: what fails again is a failure.
                Sent::Unanswered(error) if !repeated && (served > 0 || is_refused(&error)) => {
                    repeated = true;
                    self.shared.tally().repeated += 1;
                    self.told();
                }
                Sent::Unanswered(error) => {
                    let what = if repeated { "repeated in vain" } else { "reset" };
                    return Err((
                        what.to_owned(),
                        format!("{} after {served} answers, {name}", chain(&error)),
                    ));
                }
            }
        }
    }

    /// The connection, a new one when there is none any more.
    async fn line(&mut self) -> Result<&mut Line, Failure> {
        let gone = self.line.as_ref().is_some_and(|line| match &line.sender {
            Sender::Http1(sender) => sender.is_closed(),
            Sender::Http2(sender) => sender.is_closed(),
        });
        if gone {
            self.told();
        }
        if self.line.is_none() {
            let line = self.connect().await.map_err(|error| ("connect".to_owned(), chain(&error)))?;
            self.shared.tally().connections += 1;
            self.line = Some(line);
        }
        self.line.as_mut().ok_or_else(|| ("connect".to_owned(), "no connection".to_owned()))
    }

    async fn connect(&self) -> io::Result<Line> {
        let stream = TcpStream::connect(self.shared.options.address).await?;
        stream.set_nodelay(true)?;
        let name = format!("{} to {}", stream.local_addr()?, stream.peer_addr()?);
        let io = TokioIo::new(stream);
        let (sender, driver) = match self.protocol {
            Protocol::Http1 => {
                let (sender, driver) = http1::handshake(io).await.map_err(io::Error::other)?;
                // Its errors reach the requests.
                (Sender::Http1(sender), tokio::spawn(async move { driver.await.is_ok() }))
            }
            Protocol::Http2 => {
                let (sender, driver) =
                    http2::handshake(TokioExecutor::new(), io).await.map_err(io::Error::other)?;
                (Sender::Http2(sender), tokio::spawn(async move { driver.await.is_ok() }))
            }
        };
        Ok(Line { sender, driver, served: 0, name })
    }

    async fn send(&mut self, ticket: u64) -> Sent {
        let request = self.made(ticket);
        let Some(line) = &mut self.line else { return Sent::Unsent(true) };
        let sent = match &mut line.sender {
            Sender::Http1(sender) => match sender.ready().await {
                Ok(()) => Some(sender.try_send_request(request).await.map_err(written)),
                Err(_) => None,
            },
            Sender::Http2(sender) => match sender.ready().await {
                Ok(()) => Some(sender.try_send_request(request).await.map_err(written)),
                Err(_) => None,
            },
        };
        match sent {
            Some(Ok(response)) => return Sent::Answer(response),
            Some(Err(Some(error))) => return Sent::Unanswered(error),
            Some(Err(None)) | None => {}
        }
        Sent::Unsent((&mut line.driver).await.unwrap_or(false))
    }

    fn made(&self, ticket: u64) -> Request<Body> {
        let targets = &self.shared.options.targets;
        let at = usize::try_from(ticket).unwrap_or_default() % targets.len();
        let Some((host, path)) = targets.get(at) else {
            unreachable!("one is there, and the number is within")
        };
        let request = match self.protocol {
            Protocol::Http1 => Request::builder().uri(path).header(HOST, host),
            Protocol::Http2 => {
                Request::builder().uri(format!("http://{host}{path}")).version(Version::HTTP_2)
            }
        };
        request.body(Empty::new()).unwrap_or_else(|error| panic!("not a request: {host}{path}: {error}"))
    }

    async fn receive(&mut self, response: Response<Incoming>) -> Result<(), Failure> {
        let status = response.status().as_u16();
        let last = response
            .headers()
            .get(CONNECTION)
            .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"close"));
        let body =
            response.into_body().collect().await.map_err(|error| ("body".to_owned(), chain(&error)))?;
        let lifetime = self.shared.options.lifetime;
        let served = self.line.as_mut().map_or(0, |line| {
            line.served += 1;
            line.served
        });
        if last {
            self.told();
        } else if self.ends_itself && lifetime > 0 && served >= lifetime {
            self.line = None;
        }
        if status == 200 {
            return Ok(());
        }
        Err((format!("status {status}"), String::from_utf8_lossy(&body.to_bytes()).into_owned()))
    }

    /// The server has ended the connection in good order.
    fn told(&mut self) {
        self.line = None;
        self.shared.tally().told += 1;
    }
}

/// The error of a request of which something was written; hyper gives back one of which nothing was.
fn written(mut error: TrySendError<Request<Body>>) -> Option<hyper::Error> {
    error.take_message().is_none().then(|| error.into_error())
}

/// Whether the server has said that it did not begin the request: GOAWAY with an earlier stream, or REFUSED_STREAM.
fn is_refused(error: &hyper::Error) -> bool {
    let story = chain(error);
    story.contains("not a result of an error") || story.contains("refused stream")
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text = format!("{text}: {next}");
        cause = next.source();
    }
    text
}
