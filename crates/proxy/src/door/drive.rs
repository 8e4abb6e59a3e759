//! Driving a connection: hyper does the protocol; this watches for the wish to end and says how it ended.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;

use clearway_telemetry::key::ConnectionEnd;
use clearway_telemetry::{Protocol, ResponseFlag};
use hyper::rt::Executor;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::AsyncWriteExt;

use super::conn::{Closing, ConnState};
use crate::conduit::Conduit;
use crate::http::serve;
use crate::worker::Worker;

/// Runs HTTP/2 streams as tasks of this worker's thread.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LocalExecutor;

impl<F: Future + 'static> Executor<F> for LocalExecutor {
    fn execute(&self, future: F) {
        tokio::task::spawn_local(async move {
            future.await;
        });
    }
}

/// Resolves when the connection is asked to end in whatever way.
pub(crate) async fn wish_to_end(state: &ConnState) {
    poll_fn(|cx| if state.closing(cx.waker()).is_some() { Poll::Ready(()) } else { Poll::Pending }).await;
}

/// Serves a connection to its end.
pub(crate) async fn connection(
    worker: &Rc<Worker>,
    conduit: Conduit,
    state: Rc<ConnState>,
    is_http2: bool,
) -> ConnectionEnd {
    let slot = worker.conns.borrow_mut().insert(state.clone());
    // Frames of HTTP/2 need not be the beginning of a request, so nothing is read from their arrival.
    state.http2.set(is_http2);
    if is_http2 {
        state.watch.expect_head(false);
        state.watch.take_head();
    }
    let end = if is_http2 {
        drive_http2(worker, conduit, &state).await
    } else {
        drive_http1(worker, conduit, &state).await
    };
    worker.conns.borrow_mut().try_remove(slot);
    end
}

/// Polls a connection to its end, or until it is asked to end at once. Also says whether it was told to finish.
async fn until_end<C: Future + Unpin>(
    state: &ConnState,
    connection: &mut C,
    finish: impl Fn(Pin<&mut C>),
) -> (Result<C::Output, Closing>, bool) {
    let mut told = false;
    let outcome = poll_fn(|cx| {
        match state.closing(cx.waker()) {
            Some(Closing::Graceful) if !told => {
                told = true;
                finish(Pin::new(connection));
            }
            None | Some(Closing::Graceful) => {}
            Some(now) => return Poll::Ready(Err(now)),
        }
        Pin::new(&mut *connection).poll(cx).map(Ok)
    })
    .await;
    (outcome, told)
}

async fn drive_http1(worker: &Rc<Worker>, conduit: Conduit, state: &Rc<ConnState>) -> ConnectionEnd {
    let limits = &worker.options.limits;
    let service = service_fn(|request| serve::request(worker.clone(), state.clone(), request));
    let mut builder = http1::Builder::new();
    // Not `pipeline_flush`: it holds answers back while anything unread is buffered, and so the answer to a head that cannot be
    // read, or to a request behind which only half of the next one came. Without `writev` head and body go in one write.
    builder.half_close(false).writev(false).max_buf_size(limits.header_bytes.max(8192) + 8192);
    // hyper keeps its default of a hundred on the stack and anything else on the heap, for every request.
    if limits.header_count > 100 {
        builder.max_headers(limits.header_count);
    }
    let mut connection = builder.serve_connection(TokioIo::new(conduit), service).with_upgrades();
    let (outcome, told) =
        until_end(state, &mut connection, |connection| connection.graceful_shutdown()).await;
    match outcome {
        Ok(Ok(())) if told => ConnectionEnd::Drained,
        Ok(Ok(())) => ConnectionEnd::Done,
        Ok(Err(error)) => ended_by(worker, state, &error),
        Err(Closing::HeaderTimeout) => {
            if let Some(parts) = connection.into_parts() {
                say_408(parts.io.into_inner()).await;
                worker.ledger.headless(worker, state, (408, ResponseFlag::HeaderTimeout), Protocol::Http11);
            }
            ConnectionEnd::HeaderTimeout
        }
        Err(Closing::Now(end)) => end,
        Err(Closing::Graceful) => ConnectionEnd::Drained,
    }
}

async fn say_408(mut conduit: Conduit) {
    const ANSWER: &[u8] = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    // The client may be gone; it was its turn, and the count is kept all the same.
    if conduit.write_all(ANSWER).await.is_ok() {
        conduit.shutdown().await.ok();
    }
}

async fn drive_http2(worker: &Rc<Worker>, conduit: Conduit, state: &Rc<ConnState>) -> ConnectionEnd {
    let limits = &worker.options.limits;
    let service = service_fn(|request| serve::request(worker.clone(), state.clone(), request));
    let header_list = u32::try_from(limits.header_bytes.saturating_mul(2)).unwrap_or(u32::MAX);
    let mut connection = http2::Builder::new(LocalExecutor)
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams)
        .max_header_list_size(header_list)
        .initial_stream_window_size(1 << 20)
        .initial_connection_window_size(4 << 20)
        .serve_connection(TokioIo::new(conduit), service);
    let (outcome, told) =
        until_end(state, &mut connection, |connection| connection.graceful_shutdown()).await;
    match outcome {
        Ok(Ok(())) if told && (worker.leaving.get() || state.is_revoked()) => ConnectionEnd::Drained,
        Ok(Ok(())) if told => ConnectionEnd::IdleTimeout,
        Ok(Ok(())) => ConnectionEnd::Done,
        Ok(Err(_)) => ConnectionEnd::ProtocolError,
        Err(Closing::Now(end)) => end,
        Err(Closing::HeaderTimeout | Closing::Graceful) => ConnectionEnd::Drained,
    }
}

/// hyper answers heads that it cannot read by itself; the client got a response, so a request is counted.
fn ended_by(worker: &Rc<Worker>, state: &Rc<ConnState>, error: &hyper::Error) -> ConnectionEnd {
    if !error.is_parse() {
        return if error.is_incomplete_message() {
            ConnectionEnd::Done
        } else {
            ConnectionEnd::TransportError
        };
    }
    let (status, flag) = if error.to_string().contains("URI") {
        (414, ResponseFlag::HeadersTooLarge)
    } else if error.is_parse_too_large() {
        (431, ResponseFlag::HeadersTooLarge)
    } else {
        (400, ResponseFlag::RequestMalformed)
    };
    worker.ledger.headless(worker, state, (status, flag), Protocol::Http11);
    ConnectionEnd::ProtocolError
}
