//! A trickle of demo traffic, so that a fresh gateway has something to show: several kinds of requests, a few per second.
//!
//! Called by the page of `clearway run` when the demo is on. Always holds: one request at a time, each with a deadline; a
//! gateway that does not answer is asked again at the next turn.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::header::{HOST, HeaderValue, USER_AGENT};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::MissedTickBehavior;

/// A request takes at most so long.
const DEADLINE: Duration = Duration::from_secs(5);

/// The kinds of requests, each as often as it stands here: mostly ordinary ones, some redirects, rewrites and writes, now and
/// then a missing page, a slow answer or a failure.
const KINDS: [(Method, &str, &str); 20] = [
    (Method::GET, "/", ""),
    (Method::GET, "/", ""),
    (Method::GET, "/products", ""),
    (Method::GET, "/products", ""),
    (Method::GET, "/products/42", ""),
    (Method::GET, "/products/42?color=green", ""),
    (Method::GET, "/cart", ""),
    (Method::GET, "/cart", ""),
    (Method::GET, "/bytes/20000", ""),
    (Method::GET, "/headers/a", ""),
    (Method::GET, "/headers/b", ""),
    (Method::GET, "/rewrite/a", ""),
    (Method::GET, "/redirect/a", ""),
    (Method::GET, "/careful", ""),
    (Method::POST, "/orders", "{\"product\":42}"),
    (Method::POST, "/orders", "{\"product\":7}"),
    (Method::DELETE, "/cart/42", ""),
    (Method::GET, "/status/404", ""),
    (Method::GET, "/delay/300", ""),
    (Method::GET, "/status/503", ""),
];

/// What became of the requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Answered, whatever the status.
    pub(crate) answered: u64,
    /// Not answered: refused, reset or too late.
    pub(crate) failed: u64,
}

/// Sends about `rate` requests per second (0.1 to 100), in turn to each gateway, until `shutdown` resolves.
///
/// Connections are kept alive and opened again when they end. No addresses: waits for the shutdown.
pub(crate) async fn trickle(
    addresses: Vec<SocketAddr>,
    rate: f64,
    shutdown: impl Future<Output = ()>,
) -> Tally {
    let mut tally = Tally::default();
    let mut gateways: Vec<Gateway> = addresses.into_iter().map(Gateway::new).collect();
    let mut shutdown = std::pin::pin!(shutdown);
    let mut ticks = tokio::time::interval(Duration::from_secs_f64(1.0 / rate.clamp(0.1, 100.0)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        for gateway in &mut gateways {
            let turn = async {
                ticks.tick().await;
                tokio::time::timeout(DEADLINE, gateway.ask()).await
            };
            let answer = tokio::select! {
                () = shutdown.as_mut() => return tally,
                answer = turn => answer,
            };
            match answer {
                Ok(Ok(_)) => tally.answered += 1,
                Ok(Err(_)) | Err(_) => {
                    tally.failed += 1;
                    // A connection that has failed, or still owes an answer, is of no more use.
                    gateway.sender = None;
                }
            }
        }
        if gateways.is_empty() {
            shutdown.await;
            return tally;
        }
    }
}

/// One gateway and the connection to it.
struct Gateway {
    address: SocketAddr,
    sender: Option<http1::SendRequest<Full<Bytes>>>,
}

impl Gateway {
    fn new(address: SocketAddr) -> Self {
        Self { address, sender: None }
    }

    /// Sends one request of a random kind and reads the answer to its end.
    async fn ask(&mut self) -> io::Result<StatusCode> {
        let (method, target, body) = fastrand::choice(&KINDS).unwrap_or(&KINDS[0]);
        let mut request = Request::new(Full::new(Bytes::from_static(body.as_bytes())));
        *request.method_mut() = method.clone();
        *request.uri_mut() = http::Uri::from_static(target);
        let host = HeaderValue::from_str(&self.address.to_string()).map_err(io::Error::other)?;
        request.headers_mut().insert(HOST, host);
        request.headers_mut().insert(USER_AGENT, HeaderValue::from_static("clearway-demo"));
        let mut sender = self.connected().await?;
        let response = sender.send_request(request).await.map_err(io::Error::other)?;
        let (head, body) = response.into_parts();
        body.collect().await.map_err(io::Error::other)?;
        self.sender = Some(sender);
        Ok(head.status)
    }

    /// The open connection when it is still good, else a new one.
    async fn connected(&mut self) -> io::Result<http1::SendRequest<Full<Bytes>>> {
        if let Some(mut sender) = self.sender.take()
            && sender.ready().await.is_ok()
        {
            return Ok(sender);
        }
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        tokio::spawn(async move {
            // Its error reaches the request that it fails.
            connection.await.ok();
        });
        Ok(sender)
    }
}

#[cfg(test)]
mod tests {
    use clearway_testkit::backend::{Backend, Fault};
    use clearway_testkit::process::ReservedPort;
    use clearway_testkit::{Reply, within};
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn it_sends_mixed_requests_over_kept_connections_until_told_to_end() {
        let backend = Backend::start("gateway");
        let (stop, stopped) = oneshot::channel::<()>();
        let traffic = trickle(vec![backend.address()], 100.0, async { stopped.await.unwrap_or_default() });
        let traffic = tokio::spawn(traffic);
        let seen = backend
            .wait_requests("a POST and a GET", |seen| {
                seen.iter().any(|request| request.method == Method::POST)
                    && seen.iter().any(|request| request.method == Method::GET)
            })
            .await;
        stop.send(()).unwrap();
        let tally = within("the traffic's end", traffic).await.unwrap();
        assert_eq!(tally.failed, 0);
        assert!(tally.answered + 1 >= seen.len() as u64, "{tally:?}, {} seen", seen.len());
        assert_eq!(backend.accepted(), 1);
    }

    #[tokio::test]
    async fn a_gateway_that_fails_is_asked_again() {
        let backend = Backend::start("gateway");
        backend.next(Reply::fault(Fault::Reset));
        let dead = ReservedPort::new();
        let (stop, stopped) = oneshot::channel::<()>();
        let addresses = vec![dead.address(), backend.address()];
        let traffic = tokio::spawn(trickle(addresses, 100.0, async { stopped.await.unwrap_or_default() }));
        backend.wait_count(4).await;
        stop.send(()).unwrap();
        let tally = within("the traffic's end", traffic).await.unwrap();
        assert!(tally.failed >= 4 && tally.answered >= 2, "{tally:?}");
    }

    #[tokio::test]
    async fn without_addresses_it_waits_for_its_end() {
        assert_eq!(trickle(Vec::new(), 1.0, std::future::ready(())).await, Tally::default());
    }
}
