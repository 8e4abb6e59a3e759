//! The server: a listening port, connections with time limits, and an orderly end.
//!
//! It runs on the caller's runtime, which is not a worker's: a scrape cannot delay a request of a user, and a slow
//! client cannot delay a scrape.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::io::DeadlineStream;
use crate::options::AdminOptions;
use crate::parts::Parts;
use crate::routes::{self, Peer};
use crate::surface::PATHS;

/// Larger heads are answered 431.
const HEAD_BYTES: usize = 16 * 1024;

/// After a connection could not be accepted, usually for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/plain; charset=utf-8\r\n\
    content-length: 52\r\nconnection: close\r\n\r\ntoo many admin connections are open; try again soon\n";

/// Why the server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The port is taken, or the address is not of this machine.
    #[error(
        "the admin server cannot listen on {address}: {source}; choose another address, or find who listens there \
         with: ss -ltnp"
    )]
    Bind {
        /// As configured.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// An open path that does not exist.
    #[error("'{path}' is configured as an open admin path and is none; known are {}", known_paths())]
    UnknownPath {
        /// As configured.
        path: String,
    },
}

fn known_paths() -> String {
    PATHS.iter().map(|known| known.path).collect::<Vec<_>>().join(", ")
}

/// A bound admin server: clients may connect, and are answered once [`AdminServer::serve`] runs.
#[derive(Debug)]
pub struct AdminServer {
    listener: TcpListener,
    address: SocketAddr,
    options: AdminOptions,
    router: Router,
}

impl AdminServer {
    /// Binds the address.
    ///
    /// # Errors
    /// When the address cannot be bound, or an open path does not exist.
    pub async fn bind(options: AdminOptions, parts: Parts) -> Result<Self, AdminError> {
        if let Some(path) =
            options.open.iter().find(|open| PATHS.iter().all(|known| known.path != open.as_str()))
        {
            return Err(AdminError::UnknownPath { path: path.clone() });
        }
        let failed = |source| AdminError::Bind { address: options.address, source };
        let listener = TcpListener::bind(options.address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let router = routes::router(&options, parts);
        Ok(Self { listener, address, options, router })
    }

    /// Where it listens, with the port that the system chose for port 0.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `shutdown` is ready, then finishes answers in progress within the drain timeout.
    pub async fn serve(self, shutdown: impl Future<Output = ()>) {
        let (ending, ended) = watch::channel(());
        let mut connections = JoinSet::new();
        let mut shutdown = pin!(shutdown);
        loop {
            tokio::select! {
                biased;
                () = &mut shutdown => break,
                Some(_) = connections.join_next() => {}
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, _)) if connections.len() >= self.options.max_connections => turn_away(stream),
                    Ok((stream, peer)) => {
                        let router = self.router.clone().layer(Extension(Peer(peer)));
                        connections.spawn(converse(stream, router, self.options.clone(), ended.clone()));
                    }
                    // The peer may be gone already, or descriptors may be short: neither ends the server.
                    Err(_) => sleep(ACCEPT_PAUSE).await,
                },
            }
        }
        drop((self.listener, ending));
        let drained = async { while connections.join_next().await.is_some() {} };
        if timeout(self.options.drain_timeout, drained).await.is_err() {
            connections.shutdown().await;
        }
    }
}

/// One connection until it ends, fails or is told to end. Its errors are the client's.
async fn converse(stream: TcpStream, router: Router, options: AdminOptions, mut ended: watch::Receiver<()>) {
    let io = TokioIo::new(DeadlineStream::new(stream, options.write_timeout));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(options.read_timeout)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(io, TowerToHyperService::new(router));
    let mut connection = pin!(connection);
    let finished = tokio::select! {
        finished = connection.as_mut() => Some(finished),
        // The sender is dropped, never used.
        _ = ended.changed() => None,
    };
    if finished.is_none() {
        connection.as_mut().graceful_shutdown();
        // Whether the client took the rest is its affair; the caller limits the time.
        drop(connection.await);
    }
}

/// Says why, if the socket takes it at once; nobody waits for this client.
fn turn_away(stream: TcpStream) {
    if let Ok(mut stream) = stream.into_std() {
        // A client that is gone already needs no answer.
        stream.write_all(FULL).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_of_the_short_answer_is_right() {
        let text = std::str::from_utf8(FULL).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("content-length: {}", body.len())), "{}", body.len());
    }
}
