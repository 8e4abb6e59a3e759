//! An OTLP receiver in the test's process: HTTP/protobuf on any path and gRPC, on one port.
//!
//! It decodes and keeps spans and log records; on command it stalls, refuses or resets. It answers on a thread of its own.
//! A signal is recognised by gRPC service, and on HTTP by the path: one that contains `log` is logs, `metric` is metrics
//! (counted, not decoded), any other is traces, so that a path such as `/api/v1/otel/trace` needs no configuration.

mod receive;
mod records;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::HeaderMap;
use tokio::sync::watch;

pub use records::{LogRecord, Span, SpanKind, plain};

use crate::room::Room;
use crate::wait::within;

/// How the sink treats exports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Takes them.
    Accept,
    /// Reads them and answers only when the mode changes, then by the new mode.
    Stall,
    /// HTTP: this status, with `Retry-After: 0` for 429 and 503. gRPC: UNAVAILABLE for 429, 502, 503 and 504, else INTERNAL.
    Refuse(u16),
    /// Resets the connection (RST) once a request has been read.
    Reset,
    /// Answers success and says that so many records were rejected (`partial_success`); keeps all of them.
    Partial(i64),
}

/// Which kind of data an export carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Spans.
    Traces,
    /// Log records.
    Logs,
    /// Metrics: counted, not decoded.
    Metrics,
}

/// One export request, taken or not.
#[derive(Clone, Debug)]
pub struct Export {
    /// What it carried.
    pub signal: Signal,
    /// Path of the request.
    pub path: String,
    /// It came over gRPC.
    pub grpc: bool,
    /// Header fields.
    pub headers: HeaderMap,
    /// Spans or log records in it.
    pub records: usize,
    /// It was answered with success.
    pub accepted: bool,
}

#[derive(Debug, Default)]
struct Kept {
    spans: Vec<Span>,
    logs: Vec<LogRecord>,
    exports: Vec<Export>,
    errors: Vec<String>,
}

#[derive(Debug)]
struct Shared {
    mode: watch::Sender<Mode>,
    kept: Mutex<Kept>,
    changed: watch::Sender<()>,
    arrived: watch::Sender<u64>,
}

impl Shared {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A running receiver; dropping it closes everything at once.
#[derive(Debug)]
pub struct Sink {
    address: SocketAddr,
    shared: Arc<Shared>,
    _room: Room,
}

impl Sink {
    /// Starts on a free port of 127.0.0.1.
    pub fn start() -> Self {
        Self::start_at(SocketAddr::from(([127, 0, 0, 1], 0)))
    }

    /// Starts there: to come back after being dropped. Panics when the address is taken.
    pub fn start_at(address: SocketAddr) -> Self {
        let bound = std::net::TcpListener::bind(address).and_then(|listener| {
            listener.set_nonblocking(true)?;
            Ok((listener.local_addr()?, listener))
        });
        let (address, listener) =
            bound.unwrap_or_else(|error| panic!("cannot bind an OTLP sink at {address}: {error}"));
        let shared = Arc::new(Shared {
            mode: watch::channel(Mode::Accept).0,
            kept: Mutex::default(),
            changed: watch::channel(()).0,
            arrived: watch::channel(0).0,
        });
        let room = Room::open("otlp sink", {
            let shared = Arc::clone(&shared);
            move |stop| receive::run(listener, shared, stop)
        });
        Self { address, shared, _room: room }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://` and the address, for gRPC and as the base of an HTTP endpoint.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Changes how exports are treated, those that stall included.
    pub fn set_mode(&self, mode: Mode) {
        self.shared.mode.send_replace(mode);
    }

    /// The spans that were accepted, in order of arrival.
    pub fn spans(&self) -> Vec<Span> {
        self.shared.kept().spans.clone()
    }

    /// The log records that were accepted, in order of arrival.
    pub fn logs(&self) -> Vec<LogRecord> {
        self.shared.kept().logs.clone()
    }

    /// Every export request that was answered.
    pub fn exports(&self) -> Vec<Export> {
        self.shared.kept().exports.clone()
    }

    /// Requests that were no OTLP at all, and why. A test ends with this empty.
    pub fn errors(&self) -> Vec<String> {
        self.shared.kept().errors.clone()
    }

    /// Forgets what was kept.
    pub fn clear(&self) {
        *self.shared.kept() = Kept::default();
    }

    /// Export requests that have arrived so far, answered or not.
    pub fn arrivals(&self) -> u64 {
        *self.shared.arrived.borrow()
    }

    /// Waits until `count` export requests have arrived, answered or not: the way to know that one stalls.
    pub async fn wait_arrivals(&self, count: u64) {
        let mut arrived = self.shared.arrived.subscribe();
        let arrived = async move { arrived.wait_for(|arrived| *arrived >= count).await.is_ok() };
        within(&format!("{count} OTLP exports to arrive"), arrived).await;
    }

    /// Waits until the accepted spans satisfy `done`, and gives them.
    pub async fn wait_spans(&self, what: &str, done: impl Fn(&[Span]) -> bool) -> Vec<Span> {
        self.wait(what, |kept| done(&kept.spans)).await;
        self.spans()
    }

    /// Waits until the accepted log records satisfy `done`, and gives them.
    pub async fn wait_logs(&self, what: &str, done: impl Fn(&[LogRecord]) -> bool) -> Vec<LogRecord> {
        self.wait(what, |kept| done(&kept.logs)).await;
        self.logs()
    }

    /// Waits until the answered exports satisfy `done`, and gives them.
    pub async fn wait_exports(&self, what: &str, done: impl Fn(&[Export]) -> bool) -> Vec<Export> {
        self.wait(what, |kept| done(&kept.exports)).await;
        self.exports()
    }

    async fn wait(&self, what: &str, done: impl Fn(&Kept) -> bool) {
        let mut changes = self.shared.changed.subscribe();
        // The sender lives in `self`, so waiting cannot end before the condition holds.
        within(what, changes.wait_for(|()| done(&self.shared.kept()))).await.ok();
    }
}
