//! Accepting: one task for each socket of a worker.
//!
//! Always holds: a connection that the kernel has taken on is served, also when the socket is about to be closed.

use std::rc::Rc;
use std::time::Duration;

use clearway_telemetry::key::ConnectionEnd;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use super::conn::ConnState;
use super::{drive, handshake, preface};
use crate::conduit::{Conduit, Stream};
use crate::live::SocketKey;
use crate::worker::{Worker, WorkerPort};

/// Accepts until `stop` resolves, then what has arrived by then; the socket is closed when this returns.
pub(crate) async fn accept_loop(
    worker: &Rc<Worker>,
    listener: TcpListener,
    key: SocketKey,
    mut stop: oneshot::Receiver<()>,
) {
    loop {
        let accepted = tokio::select! {
            biased;
            _ = &mut stop => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => admit(worker, stream, key),
            // Out of file descriptors or memory: the next attempt would fail at once too.
            Err(error) if is_exhaustion(&error) => tokio::time::sleep(Duration::from_millis(50)).await,
            // The client left before it was accepted.
            Err(_) => {}
        }
    }
    accept_rest(worker, listener, key);
}

/// Takes what the kernel has accepted already: closing the socket would reset it.
fn accept_rest(worker: &Rc<Worker>, listener: TcpListener, key: SocketKey) {
    // Asked directly: the runtime may not have heard of the last connections yet.
    let Ok(listener) = listener.into_std() else { return };
    loop {
        let accepted = listener.accept().and_then(|(stream, _)| {
            stream.set_nonblocking(true)?;
            TcpStream::from_std(stream)
        });
        match accepted {
            Ok(stream) => admit(worker, stream, key),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock || is_exhaustion(&error) => return,
            // The client left before it was accepted.
            Err(_) => {}
        }
    }
}

/// Counted from here on, so that a drain waits for it.
fn admit(worker: &Rc<Worker>, stream: TcpStream, key: SocketKey) {
    worker.open.set(worker.open.get() + 1);
    let worker = worker.clone();
    tokio::task::spawn_local(async move {
        greet(&worker, stream, key).await;
        worker.open.set(worker.open.get().saturating_sub(1));
    });
}

fn is_exhaustion(error: &std::io::Error) -> bool {
    // EMFILE, ENFILE, ENOBUFS, ENOMEM: see accept(2).
    matches!(error.raw_os_error(), Some(24 | 23 | 105 | 12))
}

/// One connection, from accept to close.
async fn greet(worker: &Rc<Worker>, stream: TcpStream, key: SocketKey) {
    let live = worker.live();
    let Some(port) = live.port(key).cloned() else { return };
    drop(live);
    let ledger = &worker.ledger;
    ledger.connection_opened(&port.telemetry);
    let end = serve(worker, stream, &port).await;
    ledger.connection_closed(&port.telemetry, end);
}

async fn serve(worker: &Rc<Worker>, stream: TcpStream, port: &Rc<WorkerPort>) -> ConnectionEnd {
    let (Ok(peer), Ok(local)) = (stream.peer_addr(), stream.local_addr()) else {
        return ConnectionEnd::TransportError;
    };
    let (peer, local) = (canonical(peer), canonical(local));
    if stream.set_nodelay(true).is_err() {
        return ConnectionEnd::TransportError;
    }
    let open = worker.open.get() + worker.tunnels.get();
    let refused = open > worker.options.limits.connections;
    // A refused connection still gets its 503, but not without end.
    if open > worker.options.limits.connections.saturating_mul(2) {
        return ConnectionEnd::ConnectionLimit;
    }
    let key = port.port.key;
    let Some(settings) = port.port.tls.clone() else {
        let state = ConnState::new(key, (peer, local), None, refused);
        return serve_plain(worker, stream, state).await;
    };
    let Some((tls, session)) = handshake::greet(worker, stream, port, &settings).await else {
        return ConnectionEnd::TlsFailed;
    };
    let http2 = tls.get_ref().1.alpn_protocol() == Some(b"h2");
    let state = ConnState::new(key, (peer, local), Some(session), refused);
    // The settings may have changed while the client made up its mind.
    let admitted = worker.live().port(key).is_none_or(|port| state.is_admitted(port.port.tls.as_deref()));
    if !admitted {
        return ConnectionEnd::Drained;
    }
    let conduit = Conduit::new(Stream::Tls(tls), Vec::new(), state.watch.clone());
    drive::connection(worker, conduit, state, http2).await
}

async fn serve_plain(worker: &Rc<Worker>, mut stream: TcpStream, state: Rc<ConnState>) -> ConnectionEnd {
    let slot = worker.conns.borrow_mut().insert(state.clone());
    let first = tokio::select! {
        biased;
        first = preface::is_http2(&mut stream, worker.options.timeouts.header_read) => Some(first),
        () = drive::wish_to_end(&state) => None,
    };
    worker.conns.borrow_mut().try_remove(slot);
    match first {
        None if worker.draining.get() || state.is_revoked() => ConnectionEnd::Drained,
        None => ConnectionEnd::IdleTimeout,
        Some(Err(error)) if error.kind() == std::io::ErrorKind::TimedOut => ConnectionEnd::HeaderTimeout,
        Some(Err(_)) => ConnectionEnd::TransportError,
        Some(Ok((_, seen))) if seen.is_empty() => ConnectionEnd::Done,
        Some(Ok((http2, seen))) => {
            let conduit = Conduit::new(Stream::Plain(stream), seen, state.watch.clone());
            drive::connection(worker, conduit, state, http2).await
        }
    }
}

/// IPv4 clients of an IPv6 socket are shown as the IPv4 addresses that they have.
fn canonical(address: std::net::SocketAddr) -> std::net::SocketAddr {
    std::net::SocketAddr::new(address.ip().to_canonical(), address.port())
}
