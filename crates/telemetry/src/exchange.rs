//! The one record of a request's life. The data path fills it in as it goes; the ledger closes it exactly once, and
//! metrics, access-log line and spans are all written from it, so that they cannot disagree.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{HeaderValue, Method, Uri};
use smallvec::SmallVec;

use crate::families::{AttemptTelemetry, BackendTelemetry, ListenerTelemetry, RuleTelemetry};
use crate::flag::ResponseFlag;
use crate::policy::RequestPolicy;
use crate::redact::RecordPolicy;
use crate::trace::{SpanId, TraceContext};
use crate::words::{AnsweredBy, Phase, Protocol};

/// A series handle as a worker holds it: the inner count is shared by all workers, the outer one is its own, so that
/// taking a handle for a request touches no line that another core writes.
pub type Held<T> = Rc<Arc<T>>;

/// One request with its response, from the first byte of the one to the last byte of the other.
#[derive(Debug)]
pub struct Exchange {
    /// When it began, by the monotonic clock.
    pub started: Instant,
    /// What was asked, by whom.
    pub request: RequestFacts,
    /// What was answered.
    pub response: ResponseFacts,
    /// The listener that took it.
    pub listener: Held<ListenerTelemetry>,
    /// The rule that took it; before one is found, the listener's "no route".
    pub rule: Held<RuleTelemetry>,
    /// What ObservabilityPolicies say of it: of its listener first, then of its rule.
    pub policy: Option<Held<RequestPolicy>>,
    /// Every try to reach a backend, in order.
    pub attempts: SmallVec<[Attempt; 1]>,
    /// Its place in a trace.
    pub trace: TraceContext,
    /// The version of the configuration that served it.
    pub version: Option<Held<str>>,
    /// Request body bytes taken from the client.
    pub bytes_received: u64,
    /// Response body bytes given to the client.
    pub bytes_sent: u64,
    clock: PhaseClock,
}

/// What was asked. Nothing of it becomes a label but the method, by [`crate::MethodLabel`].
#[derive(Clone, Debug)]
pub struct RequestFacts {
    /// Method as sent.
    pub method: Method,
    /// Target as sent.
    pub uri: Uri,
    /// Host as sent: `Host`, or `:authority`.
    pub host: Option<HeaderValue>,
    /// What the client speaks.
    pub protocol: Protocol,
    /// TLS towards the client.
    pub tls: bool,
    /// The peer of the connection.
    pub peer: SocketAddr,
    /// The client as far as `Forwarded` is trusted; else the peer's address.
    pub client: Option<HeaderValue>,
    /// The gateway's end of the connection.
    pub local: SocketAddr,
    /// `User-Agent`.
    pub user_agent: Option<HeaderValue>,
    /// The id that goes to the backend and back to the client.
    pub request_id: Option<HeaderValue>,
    /// Whether it is a gRPC call by its content type.
    pub grpc: bool,
    /// Request headers that the access log asks for: index in its allow-list, value.
    pub captured: Vec<(u8, HeaderValue)>,
}

/// What was answered.
#[derive(Clone, Debug, Default)]
pub struct ResponseFacts {
    /// Status code that the client got; 499 when it left before one, 0 never.
    pub status: u16,
    /// What became of it.
    pub flag: ResponseFlag,
    /// Who made it.
    pub answered_by: AnsweredBy,
    /// gRPC status number, from trailers or headers; only for gRPC calls.
    pub grpc_status: Option<u8>,
    /// Whether the connection was upgraded (101).
    pub upgraded: bool,
    /// Why the gateway refused, in a sentence for operators: it names addresses and objects, never what a client sent.
    pub detail: Option<Box<str>>,
    /// Response headers that the access log asks for: index in its allow-list, value.
    pub captured: Vec<(u8, HeaderValue)>,
}

/// One try to get an answer from one endpoint.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// The backend.
    pub backend: Held<BackendTelemetry>,
    /// Its series under the rule.
    pub series: Held<AttemptTelemetry>,
    /// The endpoint, `address:port`; `None` when none could be chosen.
    pub endpoint: Option<SocketAddr>,
    /// The gateway's end of the connection.
    pub local: Option<SocketAddr>,
    /// Whether the backend is spoken to over TLS.
    pub scheme_tls: bool,
    /// The request's target as sent, after rewrites; only for sampled requests, and only when it came to sending.
    pub target: Option<Uri>,
    /// `Host` as sent, beside [`Attempt::target`]; over HTTP/2 the target has it.
    pub host: Option<HeaderValue>,
    /// The CLIENT span.
    pub span_id: SpanId,
    /// When it began.
    pub started: Instant,
    /// Opening the connection; `None` when one was at hand.
    pub connect: Option<Duration>,
    /// TLS on it.
    pub tls: Option<Duration>,
    /// From the start to the head of the response.
    pub first_byte: Option<Duration>,
    /// From the start to its end: the head of a response that was dropped, or the end of the body.
    pub total: Option<Duration>,
    /// Status code that came.
    pub status: Option<u16>,
    /// What became of it.
    pub flag: ResponseFlag,
    /// Whether the connection had served before.
    pub reused: bool,
}

#[derive(Clone, Debug)]
struct PhaseClock {
    spent: [Duration; Phase::COUNT],
    current: Phase,
    since: Instant,
}

impl Exchange {
    /// Opens the record. `times` are the first byte of the head and now; the phase is [`Phase::Route`] from now.
    /// `no_route` is whose request it is until a rule is found.
    pub fn open(
        (started, now): (Instant, Instant),
        request: RequestFacts,
        listener: Held<ListenerTelemetry>,
        no_route: Held<RuleTelemetry>,
    ) -> Self {
        let mut spent = [Duration::ZERO; Phase::COUNT];
        spent[Phase::Read as usize] = now.saturating_duration_since(started);
        Self {
            started,
            request,
            response: ResponseFacts::default(),
            listener,
            rule: no_route,
            policy: None,
            attempts: SmallVec::new(),
            trace: TraceContext::default(),
            version: None,
            bytes_received: 0,
            bytes_sent: 0,
            clock: PhaseClock { spent, current: Phase::Route, since: now },
        }
    }

    /// What of it may be written, where the process writes `own`.
    pub(crate) fn record<'a>(&'a self, own: &'a RecordPolicy) -> &'a RecordPolicy {
        self.policy.as_ref().and_then(|policy| policy.record()).unwrap_or(own)
    }

    /// Ends the current phase and begins another; returns the moment, so that callers need not read the clock again.
    pub fn enter(&mut self, phase: Phase) -> Instant {
        let now = Instant::now();
        self.enter_at(phase, now);
        now
    }

    /// As [`Exchange::enter`], at a moment already read.
    pub fn enter_at(&mut self, phase: Phase, now: Instant) {
        let clock = &mut self.clock;
        clock.spent[clock.current as usize] += now.saturating_duration_since(clock.since);
        clock.current = phase;
        clock.since = now;
    }

    /// The phase that runs.
    pub fn phase(&self) -> Phase {
        self.clock.current
    }

    /// Time spent in a phase so far.
    pub fn spent(&self, phase: Phase) -> Duration {
        self.clock.spent[phase as usize]
    }

    /// All the time so far: the sum of the phases, by construction.
    pub fn total(&self) -> Duration {
        self.clock.spent.iter().sum()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn facts(method: &str, uri: &str) -> RequestFacts {
        RequestFacts {
            method: method.parse().expect("method"),
            uri: uri.parse().expect("uri"),
            host: Some(HeaderValue::from_static("shop.example")),
            protocol: Protocol::Http11,
            tls: false,
            peer: ([192, 0, 2, 7], 4711).into(),
            client: None,
            local: ([127, 0, 0, 1], 10080).into(),
            user_agent: None,
            request_id: None,
            grpc: false,
            captured: Vec::new(),
        }
    }

    #[test]
    fn phases_add_up_to_the_total() {
        let hub = crate::Telemetry::new(1, crate::Switches::default());
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let listener = hub.listener(&crate::families::tests::listener_ref());
        let no_route = Rc::new(listener.no_route().clone());
        let mut exchange = Exchange::open((start, at(3)), facts("GET", "/"), Rc::new(listener), no_route);
        exchange.enter_at(Phase::Upstream, at(10));
        exchange.enter_at(Phase::Body, at(30));
        exchange.enter_at(Phase::Write, at(31));
        exchange.enter_at(Phase::Body, at(35));
        assert_eq!(exchange.total(), Duration::from_millis(35));
        assert_eq!(exchange.spent(Phase::Read), Duration::from_millis(3));
        assert_eq!(exchange.spent(Phase::Route), Duration::from_millis(7));
        assert_eq!(exchange.spent(Phase::Write), Duration::from_millis(4));
    }
}
