//! A response body made of steps. It owns the exchange, so that the exchange ends when the body does.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::stream::{self, Stream};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::Incoming;

use super::exchange::Exchange;
use super::reply::{Fault, Step};

/// How often a pause lets the connection's task run first. One turn hands frames over, the next one writes them.
const FLUSH_TURNS: usize = 32;

type Inner = UnsyncBoxBody<Bytes, io::Error>;

pub(super) struct ReplyBody {
    inner: Inner,
    /// `None` when the steps own it, because one of them is a fault.
    exchange: Option<Exchange>,
    /// Bytes that the announced length still wants; a server does not ask a body for its end when there are none.
    left: Option<u64>,
}

impl ReplyBody {
    /// The steps as a body; `length` is the Content-Length that the head announces.
    pub(super) fn steps(exchange: Exchange, steps: Vec<Step>, length: Option<u64>) -> Self {
        if let [] | [Step::Data(_)] = steps.as_slice() {
            let data = steps.into_iter().next().map_or_else(Bytes::new, |step| match step {
                Step::Data(data) => data,
                _ => Bytes::new(),
            });
            let inner = if length.is_some() {
                Full::new(data).map_err(|never| match never {}).boxed_unsync()
            } else {
                // Without a size hint HTTP/1.1 sends chunks.
                let frames = (!data.is_empty()).then(|| Ok(Frame::data(data)));
                StreamBody::new(stream::iter(frames)).boxed_unsync()
            };
            return Self { inner, exchange: Some(exchange), left: length };
        }
        let faulty = steps.iter().any(|step| matches!(step, Step::Fault(_)));
        let (inside, outside) = if faulty { (Some(exchange), None) } else { (None, Some(exchange)) };
        let inner = StreamBody::new(frames(inside, steps.into())).boxed_unsync();
        Self { inner, exchange: outside, left: length }
    }

    /// The request's body, streamed back.
    pub(super) fn mirror(exchange: Exchange, body: Incoming) -> Self {
        Self { inner: body.map_err(io::Error::other).boxed_unsync(), exchange: Some(exchange), left: None }
    }

    /// Frames from a stream.
    pub(super) fn stream(
        exchange: Exchange,
        frames: impl Stream<Item = io::Result<Frame<Bytes>>> + Send + 'static,
    ) -> Self {
        Self { inner: StreamBody::new(frames).boxed_unsync(), exchange: Some(exchange), left: None }
    }

    /// Nothing, and no exchange that ends with it.
    pub(super) fn empty() -> Self {
        let inner = Full::new(Bytes::new()).map_err(|never| match never {}).boxed_unsync();
        Self { inner, exchange: None, left: Some(0) }
    }

    /// Of a response that has no body by its nature: sent with its head.
    pub(super) fn none(mut exchange: Exchange) -> Self {
        exchange.sent();
        Self::steps(exchange, Vec::new(), Some(0))
    }
}

/// The steps' frames; a fault breaks off, everything else takes its turn.
fn frames(
    exchange: Option<Exchange>,
    steps: VecDeque<Step>,
) -> impl Stream<Item = io::Result<Frame<Bytes>>> + Send + 'static {
    stream::unfold((exchange, steps), async |(mut exchange, mut steps)| {
        loop {
            match steps.pop_front()? {
                Step::Data(data) => return Some((Ok(Frame::data(data)), (exchange, steps))),
                Step::Trailers(trailers) => return Some((Ok(Frame::trailers(trailers)), (exchange, steps))),
                Step::Pause(pause) => pause.pass().await,
                Step::Fault(fault) => {
                    flush().await;
                    if let Some(exchange) = exchange.as_mut() {
                        exchange.fault(fault).await;
                    }
                    debug_assert_eq!(fault, Fault::Abort);
                    let error = io::Error::other("the script aborts the exchange");
                    return Some((Err(error), (exchange, VecDeque::new())));
                }
            }
        }
    })
}

/// Lets the connection write what it was given, before a fault throws away what it still holds.
pub(super) async fn flush() {
    for _ in 0..FLUSH_TURNS {
        tokio::task::yield_now().await;
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = self.get_mut();
        let frame = ready!(Pin::new(&mut this.inner).poll_frame(cx));
        let data = frame.as_ref().and_then(|frame| frame.as_ref().ok()).and_then(Frame::data_ref);
        if let (Some(left), Some(data)) = (this.left.as_mut(), data) {
            *left = left.saturating_sub(data.len() as u64);
        }
        let trailers = matches!(&frame, Some(Ok(frame)) if frame.is_trailers());
        if (frame.is_none() || trailers || this.left == Some(0))
            && let Some(exchange) = this.exchange.as_mut()
        {
            exchange.sent();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl Drop for ReplyBody {
    fn drop(&mut self) {
        if self.left == Some(0)
            && let Some(exchange) = self.exchange.as_mut()
        {
            exchange.sent();
        }
    }
}
