//! The stream under a connection from a client: plain or TLS, with what was read ahead, and a watch on when a head began.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// What the sweeper and the exchanges need to know of reads. One thread uses it; it is atomic because a connection
/// that may be upgraded must be `Send`.
#[derive(Debug, Default)]
pub(crate) struct ReadWatch {
    /// Nanoseconds after [`BEGINNING`] when the first byte since the last head came; zero when none did.
    head_started: AtomicU64,
    /// Whether bytes are the beginning of a head: not while a body is on its way.
    expects_head: AtomicBool,
}

static BEGINNING: LazyLock<Instant> = LazyLock::new(Instant::now);

impl ReadWatch {
    /// Whether the next bytes begin a head.
    pub(crate) fn expect_head(&self, expects: bool) {
        self.expects_head.store(expects, Relaxed);
    }

    /// When the first byte of a head came that no request was made of yet.
    pub(crate) fn head_started(&self) -> Option<Instant> {
        let nanos = self.head_started.load(Relaxed);
        (nanos != 0).then(|| *BEGINNING + Duration::from_nanos(nanos))
    }

    /// As [`ReadWatch::head_started`], and forgets it: a request is made of it.
    pub(crate) fn take_head(&self) -> Option<Instant> {
        let started = self.head_started();
        self.head_started.store(0, Relaxed);
        started
    }

    fn saw_bytes(&self) {
        if self.expects_head.load(Relaxed) && self.head_started.load(Relaxed) == 0 {
            let nanos = Instant::now().saturating_duration_since(*BEGINNING).as_nanos();
            self.head_started.store(u64::try_from(nanos).unwrap_or(u64::MAX).max(1), Relaxed);
        }
    }
}

/// A client's stream.
pub(crate) struct Conduit {
    stream: Stream,
    ahead: Vec<u8>,
    given: usize,
    watch: Arc<ReadWatch>,
}

pub(crate) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Conduit {
    /// A stream whose first bytes `ahead` were already read.
    pub(crate) fn new(stream: Stream, ahead: Vec<u8>, watch: Arc<ReadWatch>) -> Self {
        Self { stream, ahead, given: 0, watch }
    }
}

impl AsyncRead for Conduit {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if let Some(rest) = this.ahead.get(this.given..).filter(|rest| !rest.is_empty()) {
            let n = rest.len().min(buf.remaining());
            buf.put_slice(rest.get(..n).unwrap_or_default());
            this.given += n;
            if this.given == this.ahead.len() {
                (this.ahead, this.given) = (Vec::new(), 0);
            }
            this.watch.saw_bytes();
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        let polled = match &mut this.stream {
            Stream::Plain(tcp) => Pin::new(tcp).poll_read(cx, buf),
            Stream::Tls(tls) => Pin::new(tls).poll_read(cx, buf),
        };
        if polled.is_ready() && buf.filled().len() > before {
            this.watch.saw_bytes();
        }
        polled
    }
}

impl AsyncWrite for Conduit {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.stream {
            Stream::Plain(tcp) => Pin::new(tcp).poll_write(cx, buf),
            Stream::Tls(tls) => Pin::new(tls).poll_write(cx, buf),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(tcp) => Pin::new(tcp).poll_flush(cx),
            Stream::Tls(tls) => Pin::new(tls).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Stream::Tls(tls) => Pin::new(tls).poll_shutdown(cx),
        }
    }
}
