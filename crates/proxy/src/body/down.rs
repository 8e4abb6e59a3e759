//! The response body as the client's connection sees it. The exchange ends with it: at its last byte, or when hyper
//! drops it because the client is gone.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use clearway_telemetry::{Phase, ResponseFlag};
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::Sleep;

use super::{BodyError, Upload};
use crate::bridge::Lease;
use crate::ledger::Entry;
use crate::switchyard::InFlight;

/// A response body on its way to the client, with everything that must be settled at its end.
pub(crate) struct DownBody {
    content: Content,
    tail: Option<Box<Tail>>,
}

enum Content {
    /// The gateway's own answer.
    Full(Option<Bytes>),
    /// A backend's.
    Upstream(Incoming),
}

/// What is settled when the body ends.
pub(crate) struct Tail {
    pub(crate) entry: Entry,
    /// The connection, given back when everything on it is done.
    pub(crate) lease: Option<Lease>,
    pub(crate) in_flight: Option<InFlight>,
    /// Bytes still to come, when the head said how many.
    pub(crate) left: Option<u64>,
    /// Whether a body follows the head at all: not after HEAD, 204 and 304.
    pub(crate) bodiless: bool,
    /// The end of the rule's request timeout.
    pub(crate) deadline: Option<Pin<Box<Sleep>>>,
    /// The request's body: its bytes are noted, and a connection serves again only when all of it was sent.
    pub(crate) upload: Upload,
}

impl Tail {
    /// A tail that settles the exchange alone.
    pub(crate) fn of(entry: Entry) -> Self {
        Self {
            entry,
            lease: None,
            in_flight: None,
            left: None,
            bodiless: false,
            deadline: None,
            upload: Upload::None,
        }
    }

    fn note_received(&mut self) {
        self.entry.bytes_received = self.upload.received();
    }

    fn end(mut self: Box<Self>, now: Instant) {
        self.entry.complete(now);
        if let Some(attempt) = self.entry.attempts.last_mut() {
            attempt.total = Some(now.saturating_duration_since(attempt.started));
        }
        if self.upload.is_done()
            && let Some(lease) = self.lease.take()
        {
            lease.give_back();
        }
        // Dropping the entry writes it: it is complete.
    }

    fn fail(&mut self, flag: ResponseFlag) {
        self.note_received();
        if let Some(attempt) = self.entry.attempts.last_mut() {
            attempt.total = Some(attempt.started.elapsed());
            attempt.flag = flag;
        }
        self.entry.response.flag = flag;
    }
}

impl Drop for Tail {
    fn drop(&mut self) {
        self.note_received();
    }
}

impl DownBody {
    /// The gateway's own answer.
    pub(crate) fn own(bytes: Bytes, mut tail: Tail) -> Self {
        tail.left = Some(bytes.len() as u64);
        Self { content: Content::Full((!bytes.is_empty()).then_some(bytes)), tail: Some(Box::new(tail)) }
            .settled()
    }

    /// No body and nothing to settle: the exchange lives on elsewhere.
    pub(crate) fn nothing() -> Self {
        Self { content: Content::Full(None), tail: None }
    }

    /// A backend's answer.
    pub(crate) fn upstream(body: Incoming, tail: Tail) -> Self {
        Self { content: Content::Upstream(body), tail: Some(Box::new(tail)) }.settled()
    }

    /// Settles at once what has no body: hyper would not ask for one.
    fn settled(mut self) -> Self {
        let over = match &self.content {
            Content::Full(bytes) => bytes.is_none(),
            Content::Upstream(body) => body.is_end_stream(),
        };
        if over || self.tail.as_ref().is_some_and(|tail| tail.bodiless) {
            self.finish(None);
        }
        self
    }

    fn finish(&mut self, now: Option<Instant>) {
        if let Some(tail) = self.tail.take() {
            tail.end(now.unwrap_or_else(Instant::now));
        }
    }

    /// Ends the wait for the backend, if there was one; the moment, where the clock was read.
    fn stop_waiting(&mut self) -> Option<Instant> {
        let tail = self.tail.as_mut()?;
        (tail.entry.phase() != Phase::Write).then(|| tail.entry.enter(Phase::Write))
    }

    /// Bookkeeping for one frame; true when it was the last.
    fn account(&mut self, frame: &Frame<Bytes>) -> bool {
        let Some(tail) = &mut self.tail else { return false };
        if let Some(data) = frame.data_ref() {
            tail.entry.bytes_sent += data.len() as u64;
            tail.left = tail.left.map(|left| left.saturating_sub(data.len() as u64));
            return tail.left == Some(0)
                || matches!(&self.content, Content::Upstream(body) if body.is_end_stream());
        }
        if let Some(trailers) = frame.trailers_ref() {
            note_grpc_status(&mut tail.entry, trailers);
            return true;
        }
        false
    }
}

/// Reads the gRPC status of a call from trailers, or from the head of a response without a body.
pub(crate) fn note_grpc_status(entry: &mut Entry, fields: &HeaderMap) {
    if entry.request.grpc
        && let Some(status) = fields.get("grpc-status")
    {
        let number = status.to_str().ok().and_then(|text| text.parse().ok());
        entry.response.grpc_status = Some(number.unwrap_or(clearway_telemetry::key::LAST_GRPC));
    }
}

impl Body for DownBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        let polled = match &mut this.content {
            Content::Full(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Content::Upstream(body) => Pin::new(body).poll_frame(cx),
        };
        match polled {
            Poll::Ready(Some(Ok(frame))) => {
                let now = this.stop_waiting();
                if this.account(&frame) {
                    this.finish(now);
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(None) => {
                this.finish(None);
                Poll::Ready(None)
            }
            Poll::Ready(Some(Err(_))) => {
                if let Some(tail) = &mut this.tail {
                    tail.fail(ResponseFlag::UpstreamTruncated);
                }
                this.tail = None;
                Poll::Ready(Some(Err(BodyError::Upstream)))
            }
            Poll::Pending => {
                let Some(tail) = &mut this.tail else { return Poll::Pending };
                if tail.entry.phase() != Phase::Body {
                    tail.entry.enter_at(Phase::Body, Instant::now());
                }
                let late =
                    tail.deadline.as_mut().is_some_and(|deadline| deadline.as_mut().poll(cx).is_ready());
                if !late {
                    return Poll::Pending;
                }
                tail.fail(ResponseFlag::RequestTimeout);
                this.tail = None;
                Poll::Ready(Some(Err(BodyError::Timeout)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Full(bytes) => bytes.is_none(),
            Content::Upstream(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Full(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Content::Upstream(body) => body.size_hint(),
        }
    }
}
