//! A connection to one of the control plane's addresses: resolve, connect, shake hands, speak HTTP/2.

use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tonic::body::Body;

use super::ClientOptions;
use crate::tls::ClientTls;

/// Bytes that may be under way: a first snapshot comes in one go.
const WINDOW: u32 = 4 << 20;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectError {
    #[error("cannot resolve {host}: {error}")]
    Resolve { host: String, error: io::Error },
    #[error("{host} has no address")]
    NoAddress { host: String },
    #[error("cannot connect to {address}: {error}")]
    Connect { address: SocketAddr, error: io::Error },
    #[error("TLS with {address} failed: {error}")]
    Tls { address: SocketAddr, error: io::Error },
    #[error("HTTP/2 with {address} failed: {error}")]
    Http { address: SocketAddr, error: hyper::Error },
}

/// Makes connections.
#[derive(Debug)]
pub(super) struct Connector {
    host: String,
    port: u16,
    tls: Option<watch::Receiver<ClientTls>>,
    limit: Duration,
    keepalive: Duration,
}

impl Connector {
    pub(super) fn new(options: &ClientOptions) -> Self {
        Self {
            host: options.host.clone(),
            port: options.port,
            tls: options.tls.clone(),
            limit: options.connect,
            keepalive: options.keepalive,
        }
    }

    /// Tries the addresses of the name in a random order, so that data planes spread over replicas; gives the last
    /// error when none will do.
    pub(super) async fn connect(&self) -> Result<Connection, ConnectError> {
        let found = tokio::net::lookup_host((self.host.as_str(), self.port)).await;
        let found = found.map_err(|error| ConnectError::Resolve { host: self.host.clone(), error })?;
        let mut addresses: Vec<SocketAddr> = found.collect();
        fastrand::shuffle(&mut addresses);
        let mut failed = ConnectError::NoAddress { host: self.host.clone() };
        for address in addresses {
            match self.reach(address).await {
                Ok(connection) => return Ok(connection),
                Err(error) => failed = error,
            }
        }
        Err(failed)
    }

    async fn reach(&self, address: SocketAddr) -> Result<Connection, ConnectError> {
        let connect = async {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            Ok(stream)
        };
        let stream = within(self.limit, connect).await;
        let stream = stream.map_err(|error| ConnectError::Connect { address, error })?;
        let Some(tls) = &self.tls else { return self.speak(address, stream).await };
        let ClientTls { config, server_name } = tls.borrow().clone();
        let stream = within(self.limit, TlsConnector::from(config).connect(server_name, stream)).await;
        self.speak(address, stream.map_err(|error| ConnectError::Tls { address, error })?).await
    }

    async fn speak(
        &self,
        peer: SocketAddr,
        io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    ) -> Result<Connection, ConnectError> {
        let mut builder = Builder::new(TokioExecutor::new());
        builder
            .timer(TokioTimer::new())
            .initial_stream_window_size(WINDOW)
            .initial_connection_window_size(WINDOW)
            .keep_alive_interval(self.keepalive)
            .keep_alive_timeout(self.keepalive)
            .keep_alive_while_idle(true);
        let (sender, driver) = builder
            .handshake(TokioIo::new(io))
            .await
            .map_err(|error| ConnectError::Http { address: peer, error })?;
        // Its error reaches the stream as well.
        let driver = tokio::spawn(async move { drop(driver.await) });
        Ok(Connection { channel: Channel(sender), peer, driver })
    }
}

async fn within<T>(limit: Duration, work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    let late = |_| io::Error::new(io::ErrorKind::TimedOut, format!("no answer within {limit:?}"));
    tokio::time::timeout(limit, work).await.map_err(late)?
}

/// A connection; dropping it closes it.
#[derive(Debug)]
pub(super) struct Connection {
    channel: Channel,
    peer: SocketAddr,
    driver: JoinHandle<()>,
}

impl Connection {
    pub(super) fn peer(&self) -> SocketAddr {
        self.peer
    }

    pub(super) fn channel(&self) -> Channel {
        self.channel.clone()
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// The connection as the generated client wants it.
#[derive(Clone, Debug)]
pub(super) struct Channel(SendRequest<Body>);

impl tower_service::Service<http::Request<Body>> for Channel {
    type Response = http::Response<Incoming>;
    type Error = hyper::Error;
    type Future = std::pin::Pin<Box<dyn Future<Output = hyper::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<hyper::Result<()>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(self.0.send_request(request))
    }
}
