//! Opening a connection to an endpoint: TCP, TLS, and the protocol's own set-up, each under a limit of time.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use clearway_model::BackendProtocol;
use clearway_telemetry::ResponseFlag;
use clearway_telemetry::key::ConnectOutcome;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::pool::{MultiplexedConnection, Sender};
use crate::body::UpBody;
use crate::door::drive::LocalExecutor;
use crate::error::{ProxyError, Result};
use crate::ledger::GaugeGuard;
use crate::switchyard::{WorkerBackend, WorkerEndpoint};
use crate::worker::Worker;

/// How long the steps took.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Timing {
    pub(crate) connect: Option<Duration>,
    pub(crate) tls: Option<Duration>,
}

/// A new connection.
pub(crate) struct Fresh {
    pub(crate) sender: Sender,
    pub(crate) local: Option<SocketAddr>,
    pub(crate) timing: Timing,
}

/// Counts an open connection for as long as its task lives.
struct OpenGuard {
    endpoint: Rc<WorkerEndpoint>,
    _count: GaugeGuard,
}

impl OpenGuard {
    fn new(worker: &Rc<Worker>, backend: &WorkerBackend, endpoint: &Rc<WorkerEndpoint>) -> Self {
        endpoint.open.set(endpoint.open.get() + 1);
        Self { endpoint: endpoint.clone(), _count: worker.clone().upstream_open(&backend.telemetry) }
    }
}

impl Drop for OpenGuard {
    fn drop(&mut self) {
        self.endpoint.open.set(self.endpoint.open.get().saturating_sub(1));
        self.endpoint.wake_one();
    }
}

/// Opens a connection.
///
/// # Errors
/// `connect_failed`, `connect_timeout` or `upstream_tls_failed`; nothing of a request was sent.
pub(crate) async fn open(
    worker: &Rc<Worker>,
    backend: &Rc<WorkerBackend>,
    endpoint: &Rc<WorkerEndpoint>,
) -> Result<Fresh> {
    let guard = OpenGuard::new(worker, backend, endpoint);
    let opened = open_counted(worker, backend, endpoint, guard).await;
    let outcome = match &opened {
        Ok(_) => ConnectOutcome::Ok,
        Err((_, outcome)) => *outcome,
    };
    let timing = opened.as_ref().map(|fresh| fresh.timing).unwrap_or_default();
    worker.ledger.upstream_connected(&backend.telemetry, outcome, timing);
    opened.map_err(|(error, _)| error)
}

type Counted<T> = std::result::Result<T, (ProxyError, ConnectOutcome)>;

async fn open_counted(
    worker: &Rc<Worker>,
    backend: &Rc<WorkerBackend>,
    endpoint: &Rc<WorkerEndpoint>,
    guard: OpenGuard,
) -> Counted<Fresh> {
    let timeouts = &worker.options.timeouts;
    let started = Instant::now();
    let tcp = match tokio::time::timeout(timeouts.connect, TcpStream::connect(endpoint.address)).await {
        Ok(Ok(tcp)) => tcp,
        Ok(Err(error)) => return Err(connect_failed(endpoint.address, &error)),
        Err(_) => {
            let detail = format!("{} did not accept within {:?}", endpoint.address, timeouts.connect);
            return Err((ProxyError::unsent(ResponseFlag::ConnectTimeout, detail), ConnectOutcome::Timeout));
        }
    };
    let connect = Some(started.elapsed());
    tcp.set_nodelay(true).map_err(|error| connect_failed(endpoint.address, &error))?;
    let local = tcp.local_addr().ok();
    let late = |_| {
        let detail = format!(
            "{} did not finish its handshake within {:?}",
            endpoint.address, timeouts.upstream_handshake
        );
        (ProxyError::unsent(ResponseFlag::ConnectTimeout, detail), ConnectOutcome::Timeout)
    };
    let Some(tls) = &backend.backend.tls else {
        let set_up = set_up(tcp, backend.backend.protocol == BackendProtocol::Http2, guard);
        let sender = tokio::time::timeout(timeouts.upstream_handshake, set_up).await.map_err(late)??;
        return Ok(Fresh { sender, local, timing: Timing { connect, tls: None } });
    };
    let tls = tls.as_ref().map_err(|reason| tls_failed(endpoint.address, reason))?;
    let started = Instant::now();
    let connector = TlsConnector::from(tls.config.clone());
    let handshake = connector.connect(tls.name.clone(), tcp);
    let stream = tokio::time::timeout(timeouts.upstream_handshake, handshake)
        .await
        .map_err(late)?
        .map_err(|error| tls_failed(endpoint.address, &error))?;
    let timing = Timing { connect, tls: Some(started.elapsed()) };
    let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2")
        || backend.backend.protocol == BackendProtocol::Http2;
    let sender = tokio::time::timeout(timeouts.upstream_handshake, set_up(stream, http2, guard))
        .await
        .map_err(late)??;
    Ok(Fresh { sender, local, timing })
}

/// Sets the protocol up and leaves a task that drives the connection.
async fn set_up<S>(stream: S, http2: bool, guard: OpenGuard) -> Counted<Sender>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let address = guard.endpoint.address;
    let failed = |error: hyper::Error| {
        let detail = format!("{address} did not speak HTTP: {error}");
        (ProxyError::unsent(ResponseFlag::ConnectFailed, detail), ConnectOutcome::Error)
    };
    if http2 {
        let (sender, connection) = http2::Builder::new(LocalExecutor)
            .timer(TokioTimer::new())
            .initial_stream_window_size(1 << 20)
            .initial_connection_window_size(4 << 20)
            .handshake::<_, UpBody>(TokioIo::new(stream))
            .await
            .map_err(failed)?;
        tokio::task::spawn_local(async move {
            // How it ended shows in the requests on it.
            connection.await.ok();
            drop(guard);
        });
        return Ok(Sender::Http2(MultiplexedConnection::new(sender)));
    }
    // A head is one piece of memory: a plain write costs the kernel less than a gathering one.
    let (sender, connection) = http1::Builder::new()
        .writev(false)
        .handshake::<_, UpBody>(TokioIo::new(stream))
        .await
        .map_err(failed)?;
    tokio::task::spawn_local(async move {
        connection.with_upgrades().await.ok();
        drop(guard);
    });
    Ok(Sender::Http1(sender))
}

fn connect_failed(address: SocketAddr, error: &io::Error) -> (ProxyError, ConnectOutcome) {
    let outcome = match error.kind() {
        io::ErrorKind::ConnectionRefused => ConnectOutcome::Refused,
        io::ErrorKind::TimedOut => ConnectOutcome::Timeout,
        _ => ConnectOutcome::Error,
    };
    (ProxyError::unsent(ResponseFlag::ConnectFailed, format!("{address}: {error}")), outcome)
}

fn tls_failed(address: SocketAddr, error: &dyn std::fmt::Display) -> (ProxyError, ConnectOutcome) {
    let detail = format!("TLS with {address}: {error}; check its BackendTLSPolicy against its certificate");
    (ProxyError::unsent(ResponseFlag::UpstreamTls, detail), ConnectOutcome::TlsFailed)
}
