//! One line. Its members stand in the order of the catalog, whose names are made into keys when this is compiled.
//!
//! Every value that comes from outside has a cap, so that the members which are always there stay far below
//! [`MAX_LINE`]; each further one is taken back when it would make the line too long, and the line says so.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::HeaderValue;

use super::clock::Clock;
use super::out::{push_ip, push_number, push_seconds, push_socket, push_text};
use super::{MAX_LINE, is_error};
use crate::catalog::log_fields as fields;
use crate::exchange::{Attempt, Exchange, RequestFacts};
use crate::flag::{ResponseFlag, Side};
use crate::redact::{Client, Header, RecordPolicy, host};
use crate::trace::{span_id_hex, trace_id_hex};
use crate::words::{GRPC_STATUS, Phase};

/// Bytes of paths and queries, user agents, and other texts that are kept.
const PATH_CAP: usize = 2048;
const AGENT_CAP: usize = 512;
const DETAIL_CAP: usize = 512;
const TEXT_CAP: usize = 256;
const HEADER_CAP: usize = 1024;
/// Kubernetes names are 253 bytes at most, so only files can name things beyond it.
const IDENTITY_CAP: usize = 3072;

/// Room for the end of the line: `,"truncated":true}` and the end of line.
const TAIL: usize = 32;

/// `,"name":` as bytes, made by the compiler from a name of the catalog.
macro_rules! key {
    ($field:expr) => {{
        const NAME: &str = $field.name;
        const KEY: [u8; NAME.len() + 4] = key_bytes(NAME);
        &KEY
    }};
}

const fn key_bytes<const N: usize>(name: &str) -> [u8; N] {
    let mut out = [b'"'; N];
    let bytes = name.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        out[at + 2] = bytes[at];
        at += 1;
    }
    out[0] = b',';
    out[N - 1] = b':';
    out
}

/// Makes lines for one worker.
#[derive(Debug)]
pub(super) struct LineFormat {
    policy: Arc<RecordPolicy>,
    clock: Clock,
}

impl LineFormat {
    pub(super) fn new(policy: Arc<RecordPolicy>) -> Self {
        Self { policy, clock: Clock::new() }
    }

    /// Appends one line with its end of line, at most [`MAX_LINE`] bytes.
    pub(super) fn push(&mut self, out: &mut Vec<u8>, exchange: &Exchange, ended: SystemTime) {
        let limit = out.len() + MAX_LINE - TAIL;
        out.push(b'{');
        out.extend_from_slice(&key!(fields::TIMESTAMP)[1..]);
        out.push(b'"');
        self.clock.push(out, ended);
        out.push(b'"');
        let mut line = Line { out, limit, cut: false };
        let policy = exchange.record(&self.policy);
        line.ids(exchange);
        line.request(&exchange.request, policy);
        line.response(exchange);
        line.addresses(&exchange.request, policy);
        line.work(exchange);
        line.attempts(&exchange.attempts);
        if exchange.response.upgraded {
            line.raw(key!(fields::UPGRADED), b"true");
        }
        line.headers(
            key!(fields::REQUEST_HEADERS),
            &exchange.request.captured,
            policy,
            RecordPolicy::request_header,
        );
        line.headers(
            key!(fields::RESPONSE_HEADERS),
            &exchange.response.captured,
            policy,
            RecordPolicy::response_header,
        );
        line.end();
    }
}

struct Line<'a> {
    out: &'a mut Vec<u8>,
    /// Length of the buffer that members may reach.
    limit: usize,
    cut: bool,
}

impl Line<'_> {
    fn raw(&mut self, key: &[u8], value: &[u8]) {
        self.out.extend_from_slice(key);
        self.out.extend_from_slice(value);
    }

    /// A word of ours, which needs no escapes.
    fn word(&mut self, key: &[u8], word: &[u8]) {
        self.out.extend_from_slice(key);
        self.out.push(b'"');
        self.out.extend_from_slice(word);
        self.out.push(b'"');
    }

    fn text(&mut self, key: &[u8], text: &[u8], cap: usize) {
        self.out.extend_from_slice(key);
        self.cut |= push_text(self.out, text, cap);
    }

    fn number(&mut self, key: &[u8], n: u64) {
        self.out.extend_from_slice(key);
        push_number(self.out, n);
    }

    fn seconds(&mut self, key: &[u8], time: Duration) {
        self.out.extend_from_slice(key);
        push_seconds(self.out, time);
    }

    fn time(&mut self, key: &[u8], time: Option<Duration>) {
        if let Some(time) = time {
            self.seconds(key, time);
        }
    }

    fn socket(&mut self, key: &[u8], socket: std::net::SocketAddr) {
        self.out.extend_from_slice(key);
        self.out.push(b'"');
        push_socket(self.out, socket);
        self.out.push(b'"');
    }

    /// Keeps what was written since `mark`, or takes it back when the line is too long with it.
    fn fits(&mut self, mark: usize) -> bool {
        let fits = self.out.len() <= self.limit;
        if !fits {
            self.out.truncate(mark);
            self.cut = true;
        }
        fits
    }

    fn ids(&mut self, exchange: &Exchange) {
        let trace = &exchange.trace;
        let error = is_error(exchange);
        self.word(key!(fields::LEVEL), if error { b"error" } else { b"info" });
        self.word(key!(fields::EVENT), fields::EVENT_NAME.as_bytes());
        self.number(key!(fields::SCHEMA), fields::SCHEMA_VERSION.into());
        self.word(key!(fields::TRACE_ID), &trace_id_hex(&trace.trace_id));
        self.word(key!(fields::SPAN_ID), &span_id_hex(&trace.span_id));
        self.word(key!(fields::TRACE_FLAGS), &[b'0', b'0' + trace.flags()]);
        if let Some(id) = &exchange.request.request_id {
            self.text(key!(fields::REQUEST_ID), id.as_bytes(), TEXT_CAP);
        }
        let version = exchange.version.as_ref().map_or(&[][..], |version| version.as_bytes());
        self.text(key!(fields::CONFIG_VERSION), version, TEXT_CAP);
        let identity = exchange.rule.json.as_bytes();
        if identity.len() > IDENTITY_CAP {
            self.cut = true;
        } else if !identity.is_empty() {
            self.raw(b",", identity);
        }
    }

    fn request(&mut self, request: &RequestFacts, policy: &RecordPolicy) {
        self.text(key!(fields::METHOD), request.method.as_str().as_bytes(), TEXT_CAP);
        self.word(key!(fields::SCHEME), if request.tls { b"https" } else { b"http" });
        if let Some(value) = &request.host {
            self.text(key!(fields::HOST), host(value.as_bytes()), TEXT_CAP);
        }
        self.text(key!(fields::PATH), request.uri.path().as_bytes(), PATH_CAP);
        if let Some(query) = policy.query(request.uri.query()) {
            self.text(key!(fields::QUERY), query.as_bytes(), PATH_CAP);
        }
        self.word(key!(fields::PROTOCOL), request.protocol.as_str().as_bytes());
    }

    fn response(&mut self, exchange: &Exchange) {
        let response = &exchange.response;
        self.number(key!(fields::CODE), response.status.into());
        self.flag(key!(fields::FLAG), response.flag);
        let side = response.flag.side();
        if side != Side::None {
            self.word(key!(fields::SIDE), side.as_str().as_bytes());
        }
        self.word(key!(fields::ANSWERED_BY), response.answered_by.as_str().as_bytes());
        if let Some(status) = response.grpc_status {
            self.word(key!(fields::GRPC_STATUS), grpc_name(status).as_bytes());
        }
        if let Some(detail) = &response.detail {
            self.text(key!(fields::DETAIL), detail.as_bytes(), DETAIL_CAP);
        }
    }

    fn flag(&mut self, key: &[u8], flag: ResponseFlag) {
        self.word(key, flag.as_str().as_bytes());
    }

    fn addresses(&mut self, request: &RequestFacts, policy: &RecordPolicy) {
        match policy.client(request) {
            Some(Client::Named(name)) => self.text(key!(fields::CLIENT_ADDRESS), name, TEXT_CAP),
            Some(Client::Address(ip)) => {
                self.out.extend_from_slice(key!(fields::CLIENT_ADDRESS));
                self.out.push(b'"');
                push_ip(self.out, ip);
                self.out.push(b'"');
            }
            None => {}
        }
        match policy.peer(request.peer) {
            Some((_, Some(_))) => self.socket(key!(fields::PEER_ADDRESS), request.peer),
            Some((ip, None)) => {
                self.out.extend_from_slice(key!(fields::PEER_ADDRESS));
                self.out.push(b'"');
                push_ip(self.out, ip);
                self.out.push(b'"');
            }
            None => {}
        }
        self.socket(key!(fields::LOCAL_ADDRESS), request.local);
        if let Some(agent) = &request.user_agent {
            self.text(key!(fields::USER_AGENT), agent.as_bytes(), AGENT_CAP);
        }
    }

    fn work(&mut self, exchange: &Exchange) {
        self.number(key!(fields::BYTES_RECEIVED), exchange.bytes_received);
        self.number(key!(fields::BYTES_SENT), exchange.bytes_sent);
        self.seconds(key!(fields::DURATION_SECONDS), exchange.total());
        self.out.extend_from_slice(key!(fields::PHASES));
        let mut open = b'{';
        for phase in Phase::ALL {
            let spent = exchange.spent(phase);
            if !spent.is_zero() {
                self.out.extend_from_slice(&[open, b'"']);
                self.out.extend_from_slice(phase.as_str().as_bytes());
                self.out.extend_from_slice(b"\":");
                push_seconds(self.out, spent);
                open = b',';
            }
        }
        self.out.extend_from_slice(if open == b'{' { b"{}" } else { b"}" });
    }

    fn attempts(&mut self, attempts: &[Attempt]) {
        if attempts.is_empty() {
            return;
        }
        self.out.extend_from_slice(key!(fields::ATTEMPTS));
        let mut open = b'[';
        for attempt in attempts {
            let mark = self.out.len();
            self.out.push(open);
            self.attempt(attempt);
            if !self.fits(mark) {
                break;
            }
            open = b',';
        }
        self.out.extend_from_slice(if open == b'[' { b"[]" } else { b"]" });
    }

    fn attempt(&mut self, attempt: &Attempt) {
        self.out.push(b'{');
        self.out.extend_from_slice(&key!(fields::ATTEMPT_SPAN_ID)[1..]);
        self.out.push(b'"');
        self.out.extend_from_slice(&span_id_hex(&attempt.span_id));
        self.out.push(b'"');
        let backend = &attempt.backend.backend;
        self.text(key!(fields::ATTEMPT_BACKEND_KIND), backend.kind.as_bytes(), TEXT_CAP);
        self.text(key!(fields::ATTEMPT_BACKEND_NAMESPACE), backend.object.namespace.as_bytes(), TEXT_CAP);
        self.text(key!(fields::ATTEMPT_BACKEND_NAME), backend.object.name.as_bytes(), TEXT_CAP);
        self.number(key!(fields::ATTEMPT_BACKEND_PORT), backend.port.into());
        if let Some(endpoint) = attempt.endpoint {
            self.socket(key!(fields::ATTEMPT_ENDPOINT), endpoint);
        }
        if let Some(local) = attempt.local {
            self.socket(key!(fields::ATTEMPT_LOCAL_ADDRESS), local);
        }
        if let Some(code) = attempt.status {
            self.number(key!(fields::ATTEMPT_CODE), code.into());
        }
        self.flag(key!(fields::ATTEMPT_FLAG), attempt.flag);
        self.raw(key!(fields::ATTEMPT_REUSED), if attempt.reused { b"true" } else { b"false" });
        self.time(key!(fields::ATTEMPT_CONNECT_SECONDS), attempt.connect);
        self.time(key!(fields::ATTEMPT_TLS_SECONDS), attempt.tls);
        self.time(key!(fields::ATTEMPT_FIRST_BYTE_SECONDS), attempt.first_byte);
        self.time(key!(fields::ATTEMPT_DURATION_SECONDS), attempt.total);
        self.out.push(b'}');
    }

    fn headers(
        &mut self,
        key: &[u8],
        captured: &[(u8, HeaderValue)],
        policy: &RecordPolicy,
        list: impl Fn(&RecordPolicy, u8) -> Option<&Header>,
    ) {
        let start = self.out.len();
        let mut open = b'{';
        self.out.extend_from_slice(key);
        for (at, (index, value)) in captured.iter().enumerate() {
            let repeated = captured.iter().take(at).any(|(earlier, _)| earlier == index);
            let Some(header) = list(policy, *index).filter(|_| !repeated) else { continue };
            let mark = self.out.len();
            self.out.push(open);
            self.text(&header.json_key, policy.header_value(value).as_bytes(), HEADER_CAP);
            if self.fits(mark) {
                open = b',';
            }
        }
        if open == b'{' { self.out.truncate(start) } else { self.out.push(b'}') }
    }

    fn end(self) {
        if self.cut {
            self.out.extend_from_slice(key!(fields::TRUNCATED));
            self.out.extend_from_slice(b"true");
        }
        self.out.extend_from_slice(b"}\n");
    }
}

/// The name of a gRPC status number.
pub(crate) fn grpc_name(status: u8) -> &'static str {
    GRPC_STATUS.get(usize::from(status)).copied().unwrap_or("_OTHER")
}
