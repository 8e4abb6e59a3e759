//! Reception: hyper hands over a request; its record is opened with the live configuration that it will keep.

use std::convert::Infallible;
use std::rc::Rc;
use std::time::Instant;

use clearway_telemetry::{Protocol, RequestFacts};
use http::header::{CONTENT_TYPE, HOST, USER_AGENT};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Request, Response};
use hyper::body::{Body, Incoming};

use super::{exchange, respond};
use crate::body::DownBody;
use crate::door::conn::ConnState;
use crate::ledger::Entry;
use crate::wardrobe::forwarded;
use crate::worker::{Worker, WorkerLive};
use crate::{gate, signpost};

/// One request as the rooms pass it on.
pub(crate) struct Visit {
    /// The configuration that serves it.
    pub(crate) live: Rc<WorkerLive>,
    /// Its head, as it will go to the backend.
    pub(crate) parts: Parts,
    /// Its body; taken once.
    pub(crate) body: Option<Incoming>,
    /// Its record.
    pub(crate) entry: Entry,
    /// The listener that takes its host.
    pub(crate) at: Option<signpost::At>,
    /// Where the signpost sent it.
    pub(crate) spot: Option<signpost::Spot>,
}

/// Serves one request of a connection.
pub(crate) async fn request(
    worker: Rc<Worker>,
    conn: Rc<ConnState>,
    request: Request<Incoming>,
) -> Result<Response<DownBody>, Infallible> {
    let now = Instant::now();
    let started = conn.watch.take_head().unwrap_or(now);
    let live = worker.live();
    if !live.served.replace(true) {
        live.live.first_served();
    }
    let (parts, body) = request.into_parts();
    if !body.is_end_stream() {
        conn.watch.expect_head(false);
    }
    let facts = facts(&worker, &conn, &parts);
    let signpost::Opened { mut entry, at, trust } =
        signpost::open(&worker, &conn, &live, (started, now), facts);
    let trace_trust = trust.map_or(worker.options.trace, |trust| trust.trace);
    entry.trace = signpost::begin_trace(&worker, &parts.headers, trace_trust, entry.policy.as_ref());
    let exchange = &mut *entry;
    if let Some(record) = exchange.policy.as_ref().and_then(|policy| policy.record()) {
        record.capture_more(&parts.headers, &mut exchange.request.captured);
    }
    let size = gate::size(&parts.headers, &worker.options.limits);
    let mut visit = Visit { live, parts, body: Some(body), entry, at, spot: None };
    forwarded::request_id(&mut visit, trust.map_or(worker.options.forwarded, |trust| trust.forwarded));
    let answer = match size {
        Ok(()) => exchange::corridor(&mut visit).await,
        Err(error) => Err(error),
    };
    let response = match answer {
        Ok(answer) => answer.into_response(visit),
        Err(error) => respond::refusal(visit, &error),
    };
    Ok(respond::farewell(&worker, &conn, response))
}

fn facts(worker: &Worker, conn: &ConnState, parts: &Parts) -> RequestFacts {
    let headers = &parts.headers;
    let host = headers.get(HOST).cloned().or_else(|| {
        parts.uri.authority().and_then(|authority| HeaderValue::from_str(authority.as_str()).ok())
    });
    RequestFacts {
        method: parts.method.clone(),
        uri: parts.uri.clone(),
        host,
        protocol: Protocol::of(parts.version),
        tls: conn.tls,
        peer: conn.peer,
        client: None,
        local: conn.local,
        user_agent: headers.get(USER_AGENT).cloned(),
        request_id: headers.get(forwarded::X_REQUEST_ID).cloned(),
        grpc: is_grpc(headers),
        captured: worker.ledger.policy.capture_request(headers),
    }
}

fn is_grpc(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"))
}
