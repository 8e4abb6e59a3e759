//! A request body that is needed more than once: kept in a bounded buffer for another try, copied to mirrors.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::sync::mpsc;

use super::BodyError;

/// Frames that a mirror may lie behind the original before it is given up.
const TEE_FRAMES: usize = 64;

/// A shared request body.
pub(crate) struct Source {
    inner: Option<Incoming>,
    hint: SizeHint,
    /// Data frames read so far, while all of them fit.
    kept: Vec<Bytes>,
    kept_bytes: usize,
    limit: usize,
    /// Whether everything read so far is kept.
    whole: bool,
    trailers: Option<HeaderMap>,
    ended: bool,
    failed: bool,
    tees: Vec<mpsc::Sender<Frame<Bytes>>>,
    received: u64,
}

/// The receiving end of a copy.
pub(crate) type Tee = mpsc::Receiver<Frame<Bytes>>;

impl Source {
    /// A body that keeps up to `limit` bytes for another try.
    pub(crate) fn new(inner: Incoming, limit: usize) -> Rc<RefCell<Self>> {
        Rc::new(RefCell::new(Self {
            hint: inner.size_hint(),
            inner: Some(inner),
            kept: Vec::new(),
            kept_bytes: 0,
            limit,
            whole: true,
            trailers: None,
            ended: false,
            failed: false,
            tees: Vec::new(),
            received: 0,
        }))
    }

    /// A copy of everything that will be read.
    pub(crate) fn tee(&mut self) -> Tee {
        let (sender, receiver) = mpsc::channel(TEE_FRAMES);
        self.tees.push(sender);
        receiver
    }

    /// Whether the body can be read from its beginning once more.
    pub(crate) fn is_repeatable(&self) -> bool {
        self.whole && !self.failed
    }

    /// Bytes taken from the client.
    pub(crate) fn received(&self) -> u64 {
        self.received
    }

    /// Frame number `at`, as some reader has got that far.
    pub(crate) fn poll_frame(
        &mut self,
        at: &mut usize,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Some(kept) = self.kept.get(*at) {
            *at += 1;
            return Poll::Ready(Some(Ok(Frame::data(kept.clone()))));
        }
        if self.failed {
            return Poll::Ready(Some(Err(BodyError::Client)));
        }
        if self.ended && *at == self.kept.len() && self.whole {
            *at += 1;
            return Poll::Ready(self.trailers.clone().map(|trailers| Ok(Frame::trailers(trailers))));
        }
        let Some(inner) = &mut self.inner else { return Poll::Ready(None) };
        match std::task::ready!(Pin::new(inner).poll_frame(cx)) {
            Some(Ok(frame)) => {
                *at += 1;
                self.keep(&frame);
                Poll::Ready(Some(Ok(frame)))
            }
            Some(Err(_)) => {
                self.failed = true;
                self.inner = None;
                self.tees.clear();
                Poll::Ready(Some(Err(BodyError::Client)))
            }
            None => {
                self.finish();
                Poll::Ready(None)
            }
        }
    }

    fn keep(&mut self, frame: &Frame<Bytes>) {
        if let Some(data) = frame.data_ref() {
            self.received += data.len() as u64;
            if self.whole && self.kept_bytes + data.len() <= self.limit {
                self.kept_bytes += data.len();
                self.kept.push(data.clone());
            } else {
                // Too large to send twice: nothing is kept from here on.
                self.whole = false;
                self.kept = Vec::new();
            }
            self.tees.retain(|tee| tee.try_send(Frame::data(data.clone())).is_ok());
        } else if let Some(trailers) = frame.trailers_ref() {
            self.trailers = Some(trailers.clone());
            self.finish();
        }
    }

    fn finish(&mut self) {
        self.ended = true;
        self.inner = None;
        if let Some(trailers) = &self.trailers {
            self.tees.retain(|tee| tee.try_send(Frame::trailers(trailers.clone())).is_ok());
        }
        self.tees.clear();
    }

    /// How much the client said it would send.
    pub(crate) fn size_hint(&self) -> SizeHint {
        self.hint
    }

    /// Whether it was read to its end.
    pub(crate) fn is_done(&self) -> bool {
        self.ended || self.inner.as_ref().is_some_and(Body::is_end_stream)
    }

    pub(crate) fn is_end(&self, at: usize) -> bool {
        self.ended && at >= self.kept.len() && self.trailers.is_none()
            || self.inner.as_ref().is_some_and(|inner| at >= self.kept.len() && inner.is_end_stream())
    }
}
