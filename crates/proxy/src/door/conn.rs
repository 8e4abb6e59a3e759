//! The state of one connection from a client: what the sweeper looks at, and how it is asked to end.

use std::cell::{Cell, OnceCell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

use clearway_model::ClientValidation;
use clearway_telemetry::key::ConnectionEnd;
use http::HeaderValue;

use crate::conduit::ReadWatch;
use crate::live::SocketKey;
use crate::tls::PortTls;

/// A connection that was used a moment ago may be used again, and a new one brings its first request: so long a drain waits for
/// it, since closing under a request that is on its way would lose that.
const LAST_WORD: Duration = Duration::from_millis(500);

/// How a connection is asked to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Closing {
    /// Finish what runs, take nothing new: `Connection: close`, GOAWAY.
    Graceful,
    /// The head of a request took too long: answer 408 and close.
    HeaderTimeout,
    /// Now.
    Now(ConnectionEnd),
}

/// What TLS was set up for.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    /// The server name that was asked for, lower case.
    pub(crate) server_name: Option<Box<str>>,
    /// What the client has proved by its certificate.
    pub(crate) proof: Option<ClientValidation>,
}

/// One connection.
#[derive(Debug)]
pub(crate) struct ConnState {
    pub(crate) socket: SocketKey,
    pub(crate) peer: SocketAddr,
    pub(crate) local: SocketAddr,
    /// TLS server name that was asked for; `None` without TLS or without SNI.
    pub(crate) server_name: Option<Box<str>>,
    pub(crate) tls: bool,
    /// What the client has proved by its certificate.
    proof: Option<ClientValidation>,
    /// Refuse mode: one connection too many. Its requests are answered 503.
    pub(crate) refused: bool,
    /// Many requests at a time, and frames that belong to none.
    pub(crate) http2: Cell<bool>,
    pub(crate) watch: Arc<ReadWatch>,
    /// Requests that are being served.
    pub(crate) active: Cell<u32>,
    /// Since when it has been without a request.
    pub(crate) idle_since: Cell<Instant>,
    closing: Cell<Option<Closing>>,
    /// When it is cut off, since it may not go on.
    revoked: Cell<Option<Instant>>,
    waker: RefCell<Option<Waker>>,
    peer_text: OnceCell<HeaderValue>,
}

impl ConnState {
    pub(crate) fn new(
        socket: SocketKey,
        (peer, local): (SocketAddr, SocketAddr),
        session: Option<Session>,
        refused: bool,
    ) -> Rc<Self> {
        let tls = session.is_some();
        let (server_name, proof) =
            session.map_or((None, None), |session| (session.server_name, session.proof));
        let watch = Arc::new(ReadWatch::default());
        watch.expect_head(true);
        Rc::new(Self {
            socket,
            peer,
            local,
            server_name,
            tls,
            proof,
            refused,
            http2: Cell::new(false),
            watch,
            active: Cell::new(0),
            idle_since: Cell::new(Instant::now()),
            closing: Cell::new(None),
            revoked: Cell::new(None),
            waker: RefCell::new(None),
            peer_text: OnceCell::new(),
        })
    }

    /// The peer's address as a header value, made once.
    pub(crate) fn peer_text(&self) -> HeaderValue {
        let text = || HeaderValue::from_str(&self.peer.ip().to_string());
        self.peer_text.get_or_init(|| text().unwrap_or(HeaderValue::from_static("unknown"))).clone()
    }

    /// Asks the connection to end. A harder wish replaces a softer one.
    pub(crate) fn close(&self, how: Closing) {
        let softer = matches!(self.closing.get(), None | Some(Closing::Graceful));
        if softer && self.closing.get() != Some(how) {
            self.closing.set(Some(how));
            if let Some(waker) = self.waker.borrow_mut().take() {
                waker.wake();
            }
        }
    }

    /// The wish to end, if there is one; otherwise `waker` is woken when there is.
    pub(crate) fn closing(&self, waker: &Waker) -> Option<Closing> {
        let mut slot = self.waker.borrow_mut();
        if !slot.as_ref().is_some_and(|known| known.will_wake(waker)) {
            *slot = Some(waker.clone());
        }
        self.closing.get()
    }

    /// Whether it may go on, on a port with these settings. One in clear text may not where TLS has been set up since.
    pub(crate) fn is_admitted(&self, tls: Option<&PortTls>) -> bool {
        tls.is_none_or(|tls| self.tls && tls.admits(self.server_name.as_deref(), self.proof.as_ref()))
    }

    /// It may not go on: it is asked to finish what runs, and cut off at `deadline`.
    pub(crate) fn revoke(&self, deadline: Instant) {
        if self.revoked.get().is_none() {
            self.revoked.set(Some(deadline));
            self.close(Closing::Graceful);
        }
    }

    /// Whether it may not go on.
    pub(crate) fn is_revoked(&self) -> bool {
        self.revoked.get().is_some()
    }

    /// Whether it should have ended by now.
    pub(crate) fn is_overdue(&self, now: Instant) -> bool {
        self.revoked.get().is_some_and(|deadline| now >= deadline)
    }

    /// Whether a drain may end it: HTTP/2 says goodbye without losing anything, HTTP/1 once nothing runs and nothing is
    /// likely to come.
    pub(crate) fn is_done(&self, now: Instant) -> bool {
        let runs = self.active.get() > 0 || self.watch.head_started().is_some();
        self.http2.get() || (!runs && now.saturating_duration_since(self.idle_since.get()) >= LAST_WORD)
    }

    /// A request begins.
    pub(crate) fn begin(&self) {
        self.active.set(self.active.get() + 1);
    }

    /// A request and its response are done, about `now`.
    pub(crate) fn end(&self, now: Instant) {
        let left = self.active.get().saturating_sub(1);
        self.active.set(left);
        if left == 0 {
            self.idle_since.set(now);
            self.watch.expect_head(!self.http2.get());
        }
    }
}
