//! Attributes of spans and OTLP log records, under the names of the catalog.

use std::net::SocketAddr;
use std::sync::Arc;

use http::{HeaderValue, Uri};
use opentelemetry::{Array, KeyValue, StringValue, Value};

use crate::access_log::grpc_name;
use crate::catalog::{Field, span_attributes as names};
use crate::exchange::{Attempt, Exchange, RequestFacts};
use crate::flag::ResponseFlag;
use crate::redact::{Client, RecordPolicy, host};
use crate::words::{MethodLabel, Phase};

/// Bytes of a path, a query or a header value that are kept: as in the access log.
const TEXT_CAP: usize = 2048;

/// Attributes in the order in which they are added.
pub(super) struct Attributes(pub(super) Vec<KeyValue>);

impl Attributes {
    pub(super) fn add(&mut self, field: Field, value: impl Into<Value>) {
        self.0.push(KeyValue::new(field.name, value));
    }

    fn text(&mut self, field: Field, bytes: &[u8]) {
        self.add(field, text(bytes));
    }

    pub(super) fn count(&mut self, field: Field, count: usize) {
        self.add(field, i64::try_from(count).unwrap_or(i64::MAX));
    }

    pub(super) fn socket(&mut self, fields: (Field, Field), socket: SocketAddr) {
        self.add(fields.0, socket.ip().to_string());
        self.add(fields.1, i64::from(socket.port()));
    }

    pub(super) fn name(&mut self, field: Field, name: &Arc<str>) {
        self.add(field, StringValue::from(name.clone()));
    }
}

/// Bytes as text: U+FFFD for what is not UTF-8, and not too long.
fn text(bytes: &[u8]) -> String {
    let mut text = String::from_utf8_lossy(bytes.get(..TEXT_CAP).unwrap_or(bytes)).into_owned();
    text.truncate(text.floor_char_boundary(TEXT_CAP));
    text
}

/// `http.route`: the rule, as configuration names it. The record does not hold the rule's path, and the path of the
/// request may not stand here.
pub(super) fn route(exchange: &Exchange) -> Option<String> {
    let rule = exchange.rule.identity.rule.as_ref()?;
    Some(format!("{}/{}/{}", rule.route.object.namespace, rule.route.object.name, rule.label()))
}

/// Attributes of the SERVER span.
pub(crate) fn server(exchange: &Exchange, policy: &RecordPolicy) -> Vec<KeyValue> {
    let mut out = Attributes(Vec::with_capacity(48));
    request(&mut out, &exchange.request, policy);
    addresses(&mut out, &exchange.request, policy);
    response(&mut out, exchange, policy);
    identity(&mut out, exchange);
    for (phase, field) in Phase::ALL.into_iter().zip(PHASES) {
        let spent = exchange.spent(phase);
        if !spent.is_zero() {
            out.add(field, spent.as_secs_f64());
        }
    }
    out.0
}

/// In the order of [`Phase::ALL`].
const PHASES: [Field; Phase::COUNT] = [
    names::PHASE_READ,
    names::PHASE_ROUTE,
    names::PHASE_POLICY,
    names::PHASE_QUEUE,
    names::PHASE_CONNECT,
    names::PHASE_TLS,
    names::PHASE_UPSTREAM,
    names::PHASE_BODY,
    names::PHASE_WRITE,
];

fn method(out: &mut Attributes, request: &RequestFacts) {
    let label = MethodLabel::of(&request.method);
    out.add(names::HTTP_REQUEST_METHOD, label.as_str());
    if label == MethodLabel::Other {
        out.text(names::HTTP_REQUEST_METHOD_ORIGINAL, request.method.as_str().as_bytes());
    }
}

fn request(out: &mut Attributes, request: &RequestFacts, policy: &RecordPolicy) {
    method(out, request);
    out.add(names::URL_SCHEME, if request.tls { "https" } else { "http" });
    out.text(names::URL_PATH, request.uri.path().as_bytes());
    if let Some(query) = policy.query(request.uri.query()) {
        out.text(names::URL_QUERY, query.as_bytes());
    }
    if let Some(value) = &request.host {
        let host = text(host(value.as_bytes()));
        match host.parse::<http::uri::Authority>() {
            Ok(authority) => {
                out.add(names::SERVER_ADDRESS, authority.host().to_owned());
                if let Some(port) = authority.port_u16() {
                    out.add(names::SERVER_PORT, i64::from(port));
                }
            }
            Err(_) => out.add(names::SERVER_ADDRESS, host),
        }
    }
    out.add(names::NETWORK_PROTOCOL_VERSION, request.protocol.version());
    if let Some(agent) = &request.user_agent {
        out.text(names::USER_AGENT_ORIGINAL, agent.as_bytes());
    }
    if let Some(id) = &request.request_id {
        out.add(names::REQUEST_ID, list([text(id.as_bytes())]));
    }
    for (index, value) in &request.captured {
        let header =
            policy.request_header(*index).map(|header| format!("http.request.header.{}", header.name));
        if let Some(key) = header.filter(|key| key != names::REQUEST_ID.name) {
            out.0.push(KeyValue::new(key, list([text(policy.header_value(value).as_bytes())])));
        }
    }
}

/// A list of texts.
pub(super) fn list(texts: impl IntoIterator<Item = String>) -> Value {
    Value::Array(Array::String(texts.into_iter().map(StringValue::from).collect()))
}

fn addresses(out: &mut Attributes, request: &RequestFacts, policy: &RecordPolicy) {
    match policy.client(request) {
        Some(Client::Named(name)) => out.text(names::CLIENT_ADDRESS, name),
        Some(Client::Address(ip)) => out.add(names::CLIENT_ADDRESS, ip.to_string()),
        None => {}
    }
    if let Some((ip, port)) = policy.peer(request.peer) {
        out.add(names::NETWORK_PEER_ADDRESS, ip.to_string());
        if let Some(port) = port {
            out.add(names::NETWORK_PEER_PORT, i64::from(port));
        }
    }
    out.socket((names::NETWORK_LOCAL_ADDRESS, names::NETWORK_LOCAL_PORT), request.local);
}

fn response(out: &mut Attributes, exchange: &Exchange, policy: &RecordPolicy) {
    let response = &exchange.response;
    // 499 stands for a client that got no status.
    if response.status != 0 && response.flag != ResponseFlag::ClientGone {
        out.add(names::HTTP_RESPONSE_STATUS_CODE, i64::from(response.status));
    }
    if response.flag.is_failure() {
        out.add(names::ERROR_TYPE, response.flag.as_str());
    } else if response.status >= 500 {
        out.add(names::ERROR_TYPE, response.status.to_string());
    }
    out.add(names::HTTP_REQUEST_BODY_SIZE, count(exchange.bytes_received));
    out.add(names::HTTP_RESPONSE_BODY_SIZE, count(exchange.bytes_sent));
    if exchange.request.grpc {
        out.add(names::RPC_SYSTEM_NAME, "grpc");
    }
    if let Some(status) = response.grpc_status {
        out.add(names::RPC_STATUS_CODE, grpc_name(status));
    }
    for (index, value) in &response.captured {
        if let Some(header) = policy.response_header(*index) {
            let key = format!("http.response.header.{}", header.name);
            out.0.push(KeyValue::new(key, list([text(policy.header_value(value).as_bytes())])));
        }
    }
    out.add(names::FLAG, response.flag.as_str());
    out.add(names::ANSWERED_BY, response.answered_by.as_str());
}

fn count(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

fn identity(out: &mut Attributes, exchange: &Exchange) {
    let identity = &exchange.rule.identity;
    if let Some(listener) = &identity.listener {
        out.name(names::GATEWAY_NAMESPACE, &listener.gateway.namespace);
        out.name(names::GATEWAY_NAME, &listener.gateway.name);
        out.name(names::LISTENER, &listener.name);
    }
    if let Some(rule) = &identity.rule {
        out.add(names::ROUTE_KIND, rule.route.kind.as_str());
        out.name(names::ROUTE_NAMESPACE, &rule.route.object.namespace);
        out.name(names::ROUTE_NAME, &rule.route.object.name);
        out.add(names::ROUTE_RULE, rule.label());
    }
    if let Some(route) = route(exchange) {
        out.add(names::HTTP_ROUTE, route);
    }
    if let Some(version) = &exchange.version {
        out.name(names::CONFIG_VERSION, version);
    }
}

/// Attributes of the CLIENT span of the try with this number, from zero.
pub(super) fn client(
    exchange: &Exchange,
    number: usize,
    attempt: &Attempt,
    policy: &RecordPolicy,
) -> Vec<KeyValue> {
    let mut out = Attributes(Vec::with_capacity(20));
    let backend = &attempt.backend.backend;
    method(&mut out, &exchange.request);
    match attempt.endpoint {
        Some(endpoint) => {
            out.socket((names::SERVER_ADDRESS, names::SERVER_PORT), endpoint);
            out.socket((names::NETWORK_PEER_ADDRESS, names::NETWORK_PEER_PORT), endpoint);
        }
        None => {
            out.add(names::SERVER_ADDRESS, format!("{}.{}", backend.object.name, backend.object.namespace));
            out.add(names::SERVER_PORT, i64::from(backend.port));
        }
    }
    if let Some(local) = attempt.local {
        out.socket((names::NETWORK_LOCAL_ADDRESS, names::NETWORK_LOCAL_PORT), local);
    }
    out.add(names::URL_FULL, url(exchange, attempt, policy));
    if let Some(code) = attempt.status {
        out.add(names::HTTP_RESPONSE_STATUS_CODE, i64::from(code));
    }
    if attempt.flag.is_failure() {
        out.add(names::ERROR_TYPE, attempt.flag.as_str());
    } else if let Some(code) = attempt.status.filter(|code| *code >= 400) {
        out.add(names::ERROR_TYPE, code.to_string());
    }
    if number > 0 {
        out.add(names::HTTP_REQUEST_RESEND_COUNT, i64::try_from(number).unwrap_or(i64::MAX));
    }
    out.name(names::BACKEND_KIND, &backend.kind);
    out.name(names::BACKEND_NAMESPACE, &backend.object.namespace);
    out.name(names::BACKEND_NAME, &backend.object.name);
    out.add(names::BACKEND_PORT, i64::from(backend.port));
    out.add(names::CONNECTION_REUSED, attempt.reused);
    out.add(names::FLAG, attempt.flag.as_str());
    for (field, time) in [
        (names::CONNECT_SECONDS, attempt.connect),
        (names::TLS_SECONDS, attempt.tls),
        (names::FIRST_BYTE_SECONDS, attempt.first_byte),
    ] {
        if let Some(time) = time {
            out.add(field, time.as_secs_f64());
        }
    }
    out.0
}

/// The URL of a try as the backend saw it: scheme of the connection, host as sent, path and query after rewrites. Of a
/// try that ended before it could send, the endpoint and what the client asked for.
fn url(exchange: &Exchange, attempt: &Attempt, policy: &RecordPolicy) -> String {
    let scheme = if attempt.scheme_tls { "https" } else { "http" };
    let uri = attempt.target.as_ref().unwrap_or(&exchange.request.uri);
    let sent =
        attempt.target.as_ref().and_then(Uri::authority).map(|authority| authority.as_str().as_bytes());
    let authority = match (sent.or(attempt.host.as_ref().map(HeaderValue::as_bytes)), attempt.endpoint) {
        (Some(sent), _) => text(host(sent)),
        (None, Some(endpoint)) => endpoint.to_string(),
        (None, None) => {
            let backend = &attempt.backend.backend;
            format!("{}.{}:{}", backend.object.name, backend.object.namespace, backend.port)
        }
    };
    let path = text(uri.path().as_bytes());
    match policy.query(uri.query()) {
        Some(query) => format!("{scheme}://{authority}{path}?{}", text(query.as_bytes())),
        None => format!("{scheme}://{authority}{path}"),
    }
}
