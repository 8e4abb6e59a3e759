//! The request body as a connection to a backend sees it.

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::{BodyError, Source, Tee};

/// A request body on its way to a backend.
pub(crate) enum UpBody {
    /// None.
    Empty,
    /// The client's, straight through.
    Direct { inner: Incoming, progress: Rc<Progress> },
    /// The client's, shared with later tries or mirrors.
    Shared { source: Rc<RefCell<Source>>, at: usize, hint: SizeHint },
    /// A mirror's copy.
    Copy { tee: Tee, expected: Option<u64>, sent: u64 },
}

/// How far a request's body has got.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    received: Cell<u64>,
    done: Cell<bool>,
}

/// The request's body as the end of the exchange looks back at it.
#[derive(Clone)]
pub(crate) enum Upload {
    /// There was none.
    None,
    /// It went straight through.
    Direct(Rc<Progress>),
    /// It was shared.
    Shared(Rc<RefCell<Source>>),
}

impl Upload {
    /// Bytes taken from the client.
    pub(crate) fn received(&self) -> u64 {
        match self {
            Self::None => 0,
            Self::Direct(progress) => progress.received.get(),
            Self::Shared(source) => source.borrow().received(),
        }
    }

    /// Whether it was read to its end.
    pub(crate) fn is_done(&self) -> bool {
        match self {
            Self::None => true,
            Self::Direct(progress) => progress.done.get(),
            Self::Shared(source) => source.borrow().is_done(),
        }
    }
}

impl Body for UpBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match &mut *self {
            Self::Empty => Poll::Ready(None),
            Self::Direct { inner, progress } => {
                let polled = std::task::ready!(Pin::new(&mut *inner).poll_frame(cx));
                if let Some(Ok(Some(data))) = polled.as_ref().map(|frame| frame.as_ref().map(Frame::data_ref))
                {
                    progress.received.set(progress.received.get() + data.len() as u64);
                }
                if polled.is_none() || inner.is_end_stream() {
                    progress.done.set(true);
                }
                Poll::Ready(polled.map(|frame| frame.map_err(|_| BodyError::Client)))
            }
            Self::Shared { source, at, .. } => source.borrow_mut().poll_frame(at, cx),
            Self::Copy { tee, expected, sent } => match std::task::ready!(tee.poll_recv(cx)) {
                Some(frame) => {
                    *sent += frame.data_ref().map_or(0, |data| data.len() as u64);
                    Poll::Ready(Some(Ok(frame)))
                }
                // The original ended, or the copy fell behind and was cut off.
                None if expected.is_some_and(|expected| expected != *sent) => {
                    Poll::Ready(Some(Err(BodyError::Behind)))
                }
                None => Poll::Ready(None),
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Direct { inner, .. } => inner.is_end_stream(),
            Self::Shared { source, at, .. } => source.borrow().is_end(*at),
            Self::Copy { .. } => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Direct { inner, .. } => inner.size_hint(),
            Self::Shared { hint, .. } => *hint,
            Self::Copy { expected: Some(expected), .. } => SizeHint::with_exact(*expected),
            Self::Copy { .. } => SizeHint::default(),
        }
    }
}
