//! The one place where answers are made: the gateway's own, its refusals, and what backends said.

use std::rc::Rc;

use bytes::Bytes;
use clearway_telemetry::{AnsweredBy, Phase, Protocol, ResponseFlag};
use http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};

use super::exchange::Crossed;
use super::serve::Visit;
use super::{tries, upgrade};
use crate::body::{DownBody, Tail, note_grpc_status};
use crate::door::conn::{Closing, ConnState};
use crate::error::ProxyError;
use crate::wardrobe;
use crate::wardrobe::forwarded::X_REQUEST_ID;
use crate::worker::Worker;

/// The gateway's own answer: a redirect or a preflight.
pub(crate) fn own(
    mut visit: Visit,
    status: StatusCode,
    mut headers: HeaderMap,
    flag: ResponseFlag,
) -> Response<DownBody> {
    let response = &mut visit.entry.response;
    (response.status, response.flag, response.answered_by) = (status.as_u16(), flag, AnsweredBy::Gateway);
    if let Some(id) = visit.entry.request.request_id.clone() {
        headers.insert(X_REQUEST_ID, id);
    }
    finish_own(visit, status, headers, Bytes::new())
}

/// The answer to an error: a status for HTTP, a `grpc-status` for gRPC.
pub(crate) fn refusal(mut visit: Visit, error: &ProxyError) -> Response<DownBody> {
    let mut headers = HeaderMap::new();
    if let Some(id) = visit.entry.request.request_id.clone() {
        headers.insert(X_REQUEST_ID, id);
    }
    visit.entry.response.answered_by = AnsweredBy::Gateway;
    visit.entry.response.flag = error.flag;
    visit.entry.response.detail = Some(error.detail.as_str().into());
    if visit.entry.request.grpc {
        let status = error.grpc_status();
        visit.entry.response.status = StatusCode::OK.as_u16();
        visit.entry.response.grpc_status = Some(status);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        headers.insert("grpc-status", HeaderValue::from(u16::from(status)));
        headers.insert("grpc-message", HeaderValue::from_static(error.flag.as_str()));
        return finish_own(visit, StatusCode::OK, headers, Bytes::new());
    }
    let status = error.status();
    visit.entry.response.status = if error.flag == ResponseFlag::ClientGone { 499 } else { status.as_u16() };
    // The detail names addresses and objects: it is for operators, in the log, not for clients.
    let body = match status.canonical_reason() {
        Some(reason) => Bytes::from(format!("{} {reason}: {}\n", status.as_u16(), error.flag.as_str())),
        None => Bytes::from(format!("{}: {}\n", status.as_u16(), error.flag.as_str())),
    };
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    finish_own(visit, status, headers, body)
}

fn finish_own(mut visit: Visit, status: StatusCode, headers: HeaderMap, body: Bytes) -> Response<DownBody> {
    visit.entry.enter(Phase::Write);
    let head = visit.parts.method == Method::HEAD;
    // A body that nobody read stands in the way of the next request on an HTTP/1 connection.
    let unread = visit.body.as_ref().is_some_and(|body| !hyper::body::Body::is_end_stream(body));
    let http1 = visit.entry.request.protocol != Protocol::Http2;
    let mut response = Response::new(());
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    if !body.is_empty() || status != StatusCode::NO_CONTENT {
        response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    }
    if unread && http1 {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    let body = if head { Bytes::new() } else { body };
    let mut tail = Tail::of(visit.entry);
    tail.bodiless = head;
    response.map(|()| DownBody::own(body, tail))
}

/// A backend's answer, dressed for the client.
pub(crate) fn upstream(mut visit: Visit, mut crossed: Crossed) -> Response<DownBody> {
    if crossed.reached.response.status() == StatusCode::SWITCHING_PROTOCOLS {
        return upgrade::switch(visit, crossed);
    }
    let tries::Reached { response, lease, in_flight } = *crossed.reached;
    let (mut parts, body) = response.into_parts();
    let entry = &mut visit.entry;
    entry.response.status = parts.status.as_u16();
    entry.response.answered_by = AnsweredBy::Upstream;
    entry.response.captured = match entry.policy.as_ref().and_then(|policy| policy.record()) {
        Some(record) => record.capture_response(&parts.headers),
        None => entry.worker().ledger.policy.capture_response(&parts.headers),
    };
    note_grpc_status(entry, &parts.headers);
    let cors = std::mem::take(&mut crossed.cors);
    let request_id = entry.request.request_id.clone();
    if let Some(spot) = &visit.spot {
        wardrobe::response::dress(&mut parts.headers, &spot.rule.rule, crossed.choice, cors, request_id);
    }
    let bodiless = visit.parts.method == Method::HEAD
        || matches!(parts.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    let left = if bodiless { None } else { content_length(&parts.headers) };
    let mut tail = Tail::of(visit.entry);
    (tail.lease, tail.in_flight, tail.upload) = (Some(lease), Some(in_flight), crossed.upload);
    (tail.bodiless, tail.left, tail.deadline) = (bodiless, left, crossed.deadline);
    let mut response = Response::new(DownBody::upstream(body, tail));
    *response.status_mut() = parts.status;
    *response.headers_mut() = parts.headers;
    response
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// The last answer of a connection says so: by a header, or by GOAWAY.
pub(crate) fn farewell(
    worker: &Rc<Worker>,
    conn: &Rc<ConnState>,
    mut response: Response<DownBody>,
) -> Response<DownBody> {
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        return response;
    }
    let leaving = worker.leaving.get();
    if leaving {
        conn.close(Closing::Graceful);
    }
    if (leaving || conn.refused) && !conn.http2.get() {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}
