//! An open exchange. Whoever holds the entry holds the duty to close it; dropping it closes it too.

use std::ops::{Deref, DerefMut};
use std::rc::Rc;
use std::time::Instant;

use clearway_telemetry::families::{ListenerTelemetry, RuleTelemetry};
use clearway_telemetry::trace::TraceContext;
use clearway_telemetry::{Exchange, Held, Protocol, RequestFacts, ResponseFlag};
use http::{Method, Uri};

use crate::door::conn::ConnState;
use crate::worker::Worker;

/// The status of a request whose client left before a response (nginx's 499, known to every operator).
const CLIENT_CLOSED_REQUEST: u16 = 499;

/// An open exchange of a connection.
pub(crate) struct Entry {
    exchange: Box<Exchange>,
    worker: Rc<Worker>,
    conn: Rc<ConnState>,
    closed: bool,
    /// When the whole response was handed over: a drop after that is the ordinary end.
    complete: Option<Instant>,
}

impl Entry {
    /// Opens an exchange: it is in flight from now.
    pub(crate) fn open(
        worker: &Rc<Worker>,
        conn: &Rc<ConnState>,
        times: (Instant, Instant),
        request: RequestFacts,
        (listener, no_route): (Held<ListenerTelemetry>, Held<RuleTelemetry>),
    ) -> Self {
        conn.begin();
        worker.ledger.exchange_opened(&listener);
        let exchange = Box::new(Exchange::open(times, request, listener, no_route));
        Self { exchange, worker: worker.clone(), conn: conn.clone(), closed: false, complete: None }
    }

    pub(super) fn headless(
        worker: &Rc<Worker>,
        conn: &Rc<ConnState>,
        times: (Instant, Instant),
        protocol: Protocol,
    ) -> Self {
        let live = worker.live();
        let only = live.port(conn.socket).and_then(|port| match &*port.listeners {
            [only] => Some((only.telemetry.clone(), only.no_route.clone())),
            _ => None,
        });
        let handles = only.unwrap_or_else(|| (live.nobody.clone(), live.nobodys_rule.clone()));
        let request = RequestFacts {
            method: Method::from_bytes(b"_").unwrap_or_default(),
            uri: Uri::default(),
            host: None,
            protocol,
            tls: conn.tls,
            peer: conn.peer,
            client: None,
            local: conn.local,
            user_agent: None,
            request_id: None,
            grpc: false,
            captured: Vec::new(),
        };
        let mut entry = Self::open(worker, conn, times, request, handles);
        let rng = &mut worker.rng.borrow_mut();
        let (trust, ledger) = (worker.options.trace, &worker.ledger);
        entry.trace =
            TraceContext::begin(&http::HeaderMap::new(), trust, ledger.propagation, &ledger.sampler, rng);
        entry.version = Some(live.version.clone());
        entry
    }

    pub(crate) fn worker(&self) -> &Rc<Worker> {
        &self.worker
    }

    pub(crate) fn conn(&self) -> &Rc<ConnState> {
        &self.conn
    }

    /// The whole response was handed over.
    pub(crate) fn complete(&mut self, now: Instant) {
        self.complete = Some(now);
    }

    /// The end: written now.
    pub(crate) fn finish(mut self) {
        self.close();
    }

    fn close(&mut self) {
        if !std::mem::replace(&mut self.closed, true) {
            let now = self.complete.unwrap_or_else(Instant::now);
            self.worker.ledger.close(&mut self.exchange, now);
            self.conn.end(now);
        }
    }

    fn abandoned(&mut self) {
        let cut_off = self.worker.cut_off.get();
        let response = &mut self.exchange.response;
        if response.flag == ResponseFlag::None {
            response.flag = if cut_off { ResponseFlag::Drained } else { ResponseFlag::ClientGone };
        }
        if response.status == 0 {
            response.status = CLIENT_CLOSED_REQUEST;
        }
        for attempt in self.exchange.attempts.iter_mut().filter(|attempt| attempt.total.is_none()) {
            attempt.total = Some(attempt.started.elapsed());
            if attempt.flag == ResponseFlag::None {
                attempt.flag = self.exchange.response.flag;
            }
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if !self.closed {
            if self.complete.is_none() {
                self.abandoned();
            }
            self.close();
        }
    }
}

impl Deref for Entry {
    type Target = Exchange;

    fn deref(&self) -> &Exchange {
        &self.exchange
    }
}

impl DerefMut for Entry {
    fn deref_mut(&mut self) -> &mut Exchange {
        &mut self.exchange
    }
}
