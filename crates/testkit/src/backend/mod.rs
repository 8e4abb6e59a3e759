//! A scripted backend on 127.0.0.1: HTTP/1.1, h2c by prior knowledge, TLS with ALPN, WebSocket and gRPC echo on one port.
//!
//! Tests start it, tell it how to behave and ask it what arrived. Without a script it answers 200 with the JSON of the
//! Gateway API's echo-basic server; request headers and paths change that (see [`Reply::directed`]), so that curl and h2load
//! can ask for behaviour too. Order: one-shot replies ([`Backend::next`]), replies by path ([`Backend::on`]), the handler
//! ([`Backend::handle`]), upgrades and gRPC, directives, echo. It runs on a thread of its own.

mod body;
mod connection;
mod directives;
mod echo;
mod exchange;
mod grpc;
mod raw;
mod recorded;
mod reply;
mod serve;
mod shared;
mod upgrade;

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::oneshot;

pub use connection::TlsInfo;
pub use raw::{After, RawBackend};
pub use recorded::{Outcome, Recorded};
pub use reply::{Fault, Pause, Reply, Step};

use crate::certs::{Authority, ServerCert};
use crate::room::Room;
use crate::wait::within;
use connection::Fate;
use shared::Shared;

/// What a backend is to be, before it starts.
#[derive(Debug)]
pub struct Builder {
    name: String,
    address: SocketAddr,
    tls: Option<Arc<tokio_rustls::rustls::ServerConfig>>,
    max_streams: Option<u32>,
    keep_requests: usize,
}

impl Builder {
    /// Serves TLS with this certificate, h2 and http/1.1 by ALPN.
    pub fn tls(self, cert: &ServerCert) -> Self {
        self.tls_with_alpn(cert, &["h2", "http/1.1"])
    }

    /// Serves TLS with this certificate and these ALPN protocols (none: no ALPN).
    pub fn tls_with_alpn(self, cert: &ServerCert, alpn: &[&str]) -> Self {
        Self { tls: Some(cert.server_config(alpn)), ..self }
    }

    /// Serves TLS with this certificate to clients that show one of `clients`; h2 and http/1.1 by ALPN.
    pub fn mutual_tls(self, cert: &ServerCert, clients: &Authority) -> Self {
        Self { tls: Some(cert.server_config_for(&["h2", "http/1.1"], Some(clients))), ..self }
    }

    /// Listens there instead of on a free port of 127.0.0.1: to come back after [`Backend::stop`].
    pub fn address(self, address: SocketAddr) -> Self {
        Self { address, ..self }
    }

    /// SETTINGS_MAX_CONCURRENT_STREAMS for HTTP/2.
    pub fn max_streams(self, max: u32) -> Self {
        Self { max_streams: Some(max), ..self }
    }

    /// Keeps at most this many requests (default 10,000), the first ones; all are counted.
    pub fn keep_requests(self, keep: usize) -> Self {
        Self { keep_requests: keep, ..self }
    }

    /// Binds and serves; panics when the address is taken.
    pub fn start(self) -> Backend {
        let listener = std::net::TcpListener::bind(self.address).and_then(|listener| {
            listener.set_nonblocking(true)?;
            Ok((listener.local_addr()?, listener))
        });
        let (address, listener) = match listener {
            Ok(bound) => bound,
            Err(error) => panic!("backend {}: cannot bind {}: {error}", self.name, self.address),
        };
        let shared = Arc::new(Shared::new(&self.name, address, self.keep_requests));
        let options = serve::Options { tls: self.tls, max_streams: self.max_streams };
        let room = Room::open(&self.name, {
            let shared = Arc::clone(&shared);
            move |stop| run(listener, shared, options, stop)
        });
        Backend { shared, room }
    }
}

async fn run(
    listener: std::net::TcpListener,
    shared: Arc<Shared>,
    options: serve::Options,
    stop: oneshot::Receiver<()>,
) {
    let listener = match TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => panic!("backend {}: cannot register its listener: {error}", shared.name()),
    };
    let accepting = tokio::spawn(serve::accept(listener, shared, options));
    // Sent or dropped, either way it is the end.
    stop.await.ok();
    accepting.abort();
}

/// A running backend; dropping it closes every connection at once.
#[derive(Debug)]
pub struct Backend {
    shared: Arc<Shared>,
    room: Room,
}

impl Backend {
    /// Starts a clear-text backend (HTTP/1.1 and h2c) on a free port.
    pub fn start(name: &str) -> Self {
        Self::builder(name).start()
    }

    /// A backend to be configured and started.
    pub fn builder(name: &str) -> Builder {
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        Builder { name: name.to_owned(), address, tls: None, max_streams: None, keep_requests: 10_000 }
    }

    /// Its name, which echo answers carry.
    pub fn name(&self) -> &str {
        self.shared.name()
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.shared.address()
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.address().port()
    }

    // --- script ---

    /// Answers the next request that has no earlier one-shot reply with this.
    pub fn next(&self, reply: Reply) {
        self.shared.script().next.push_back(reply);
    }

    /// Answers every request for exactly this path with this.
    pub fn on(&self, path: &str, reply: Reply) {
        self.shared.script().paths.insert(path.to_owned(), reply);
    }

    /// Asks this function about every request that has no other scripted reply; `None` leaves it to the default.
    pub fn handle(&self, handler: impl Fn(&Recorded) -> Option<Reply> + Send + Sync + 'static) {
        self.shared.script().handler = Some(Arc::new(handler));
    }

    /// Forgets the whole script.
    pub fn clear_script(&self) {
        *self.shared.script() = shared::Script::default();
    }

    /// False: every HTTP/1.1 response says `Connection: close` and the connection ends after it.
    pub fn set_keep_alive(&self, keep_alive: bool) {
        self.shared.set_keep_alive(keep_alive);
    }

    // --- connections ---

    /// Closes every connection that has no exchange under way, without a word: what a client's pool holds goes stale.
    ///
    /// Returns how many. Wait for [`Self::wait_open`] to know that the kernel has sent the FINs.
    pub fn close_idle(&self) -> usize {
        self.shared.end_connections(Fate::Close, true)
    }

    /// Resets (RST) every connection.
    pub fn reset_all(&self) -> usize {
        self.shared.end_connections(Fate::Reset, false)
    }

    /// Lets every connection finish its exchanges and close: GOAWAY on HTTP/2.
    pub fn drain_connections(&self) -> usize {
        self.shared.end_connections(Fate::Finish, false)
    }

    /// Connections accepted so far.
    pub fn accepted(&self) -> u64 {
        self.shared.accepted()
    }

    /// Connections that are open now.
    pub fn open(&self) -> usize {
        self.shared.open()
    }

    /// Waits until exactly `count` connections are open; panics after the deadline.
    pub async fn wait_open(&self, count: usize) {
        let what = format!("{count} open connections at backend {}", self.name());
        self.wait(&what, |shared| shared.open() == count).await;
    }

    // --- requests ---

    /// Requests seen so far, recorded or not.
    pub fn count(&self) -> u64 {
        self.shared.count()
    }

    /// The recorded requests, in order of arrival.
    pub fn requests(&self) -> Vec<Recorded> {
        self.shared.requests()
    }

    /// The newest recorded request; panics when there is none.
    pub fn last(&self) -> Recorded {
        let last = self.requests().pop();
        last.unwrap_or_else(|| panic!("backend {} has seen no request", self.name()))
    }

    /// Forgets the recorded requests; counts go on.
    pub fn forget(&self) {
        self.shared.forget();
    }

    /// Waits until `count` requests have been seen in all.
    pub async fn wait_count(&self, count: u64) {
        let what = format!("{count} requests at backend {}", self.name());
        self.wait(&what, |shared| shared.count() >= count).await;
    }

    /// Waits until the recorded requests satisfy `done`, and gives them.
    pub async fn wait_requests(&self, what: &str, done: impl Fn(&[Recorded]) -> bool) -> Vec<Recorded> {
        self.wait(what, |shared| done(&shared.requests())).await;
        self.requests()
    }

    async fn wait(&self, what: &str, done: impl Fn(&Shared) -> bool) {
        let mut changes = self.shared.changes();
        // The sender lives in `shared`, so waiting cannot end before the condition holds.
        within(what, changes.wait_for(|_| done(&self.shared))).await.ok();
    }

    // --- end ---

    /// Stops accepting, lets exchanges finish and ends; panics when they take longer than the deadline.
    pub async fn stop(mut self) -> SocketAddr {
        let address = self.address();
        self.shared.stop_accepting();
        self.shared.end_connections(Fate::Finish, false);
        let what = format!("the last connection of backend {} to end", self.name());
        self.wait(&what, |shared| shared.open() == 0 && shared.listener_closed()).await;
        self.room.close();
        address
    }

    /// Closes the listener and every connection at once, as a killed process does.
    pub fn kill(self) -> SocketAddr {
        self.address()
    }
}
