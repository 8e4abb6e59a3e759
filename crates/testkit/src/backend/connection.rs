//! One accepted connection: its fate, told from outside, and the socket that carries the fate out when it is dropped.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::shared::Shared;

/// What a TLS handshake settled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsInfo {
    /// Server name that the client asked for.
    pub sni: Option<String>,
    /// Protocol chosen by ALPN.
    pub alpn: Option<String>,
    /// `TLSv1_2` or `TLSv1_3`.
    pub version: String,
    /// Cipher suite, by its IANA name.
    pub cipher: String,
    /// The certificate that the client has shown, DER.
    pub client_certificate: Option<Vec<u8>>,
}

/// What is to become of a connection, from the mildest to the hardest; it never gets milder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fate {
    Live,
    /// Finish what is under way, then close: GOAWAY, or no more keep-alive.
    Finish,
    /// Close now (FIN).
    Close,
    /// Close now with a reset (RST).
    Reset,
}

#[derive(Debug)]
pub(super) struct Connection {
    pub(super) id: u64,
    pub(super) peer: SocketAddr,
    fate: watch::Sender<Fate>,
    exchanges: AtomicU64,
    busy: AtomicUsize,
}

impl Connection {
    pub(super) fn new(id: u64, peer: SocketAddr) -> Self {
        Self {
            id,
            peer,
            fate: watch::channel(Fate::Live).0,
            exchanges: AtomicU64::new(0),
            busy: AtomicUsize::new(0),
        }
    }

    pub(super) fn end(&self, fate: Fate) {
        self.fate.send_if_modified(|now| {
            let harder = fate > *now;
            *now = fate.max(*now);
            harder
        });
    }

    pub(super) fn fate(&self) -> watch::Receiver<Fate> {
        self.fate.subscribe()
    }

    /// Resolves when the connection is to be dropped.
    pub(super) async fn ended(&self) {
        // The sender lives in `self`.
        self.fate().wait_for(|fate| *fate >= Fate::Close).await.ok();
    }

    pub(super) fn is_idle(&self) -> bool {
        self.busy.load(Ordering::Relaxed) == 0
    }

    /// An exchange begins; its number on this connection, from 1.
    pub(super) fn exchange_opened(&self) -> u64 {
        self.busy.fetch_add(1, Ordering::Relaxed);
        self.exchanges.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(super) fn exchange_closed(&self) {
        self.busy.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The socket; wherever it is dropped (a finished server, an upgraded stream), the connection counts as closed.
#[derive(Debug)]
pub(super) struct Wire {
    stream: TcpStream,
    connection: Arc<Connection>,
    shared: Arc<Shared>,
}

impl Wire {
    pub(super) fn new(stream: TcpStream, connection: Arc<Connection>, shared: Arc<Shared>) -> Self {
        Self { stream, connection, shared }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        if *self.connection.fate.borrow() == Fate::Reset {
            // On a socket that the peer has closed there is nothing left to reset.
            SockRef::from(&self.stream).set_linger(Some(Duration::ZERO)).ok();
        }
        self.shared.connection_closed(self.connection.id);
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
