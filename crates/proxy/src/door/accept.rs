//! Accepting: one task for each socket of a worker.

use std::rc::Rc;
use std::time::Duration;

use clearway_telemetry::key::{ConnectionEnd, TlsOutcome};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

use super::conn::ConnState;
use super::{drive, preface};
use crate::conduit::{Conduit, Stream};
use crate::live::SocketKey;
use crate::worker::{Worker, WorkerPort};

/// Accepts until `stop` resolves; the socket is closed when this returns.
pub(crate) async fn accept_loop(
    worker: Rc<Worker>,
    listener: TcpListener,
    key: SocketKey,
    mut stop: oneshot::Receiver<()>,
) {
    loop {
        let accepted = tokio::select! {
            biased;
            _ = &mut stop => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                tokio::task::spawn_local(greet(worker.clone(), stream, key));
            }
            // Out of file descriptors or memory: the next attempt would fail at once too.
            Err(error) if is_exhaustion(&error) => tokio::time::sleep(Duration::from_millis(50)).await,
            // The client left before it was accepted.
            Err(_) => {}
        }
    }
}

fn is_exhaustion(error: &std::io::Error) -> bool {
    // EMFILE, ENFILE, ENOBUFS, ENOMEM: see accept(2).
    matches!(error.raw_os_error(), Some(24 | 23 | 105 | 12))
}

/// One connection, from accept to close.
async fn greet(worker: Rc<Worker>, stream: TcpStream, key: SocketKey) {
    let live = worker.live();
    let Some((_, port)) = live.port(key).map(|(at, port)| (at, port.clone())) else { return };
    drop(live);
    let ledger = &worker.ledger;
    ledger.connection_opened(&port.telemetry);
    worker.open.set(worker.open.get() + 1);
    let end = serve(&worker, stream, &port).await;
    worker.open.set(worker.open.get().saturating_sub(1));
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
    match port.port.tls.clone() {
        None => {
            let state = ConnState::new(key, (peer, local), false, None, refused);
            serve_plain(worker, stream, state).await
        }
        Some(config) => {
            let acceptor = TlsAcceptor::from(config);
            let started = std::time::Instant::now();
            let handshake = tokio::time::timeout(worker.options.timeouts.handshake, acceptor.accept(stream));
            let tls = match handshake.await {
                Err(_) => {
                    worker.ledger.handshake(&port.telemetry, TlsOutcome::Timeout, started.elapsed());
                    return ConnectionEnd::TlsFailed;
                }
                Ok(Err(error)) => {
                    worker.ledger.handshake(&port.telemetry, tls_failure(&error), started.elapsed());
                    return ConnectionEnd::TlsFailed;
                }
                Ok(Ok(tls)) => tls,
            };
            let session = tls.get_ref().1;
            worker.ledger.handshake(&port.telemetry, tls_version(session), started.elapsed());
            let http2 = session.alpn_protocol() == Some(b"h2");
            let name = session.server_name().map(|name| name.to_ascii_lowercase().into());
            let state = ConnState::new(key, (peer, local), true, name, refused);
            let conduit = Conduit::new(Stream::Tls(Box::new(tls)), Vec::new(), state.watch.clone());
            drive::connection(worker, conduit, state, http2).await
        }
    }
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
        None if worker.draining.get() => ConnectionEnd::Drained,
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

fn tls_version(session: &tokio_rustls::rustls::ServerConnection) -> TlsOutcome {
    match session.protocol_version() {
        Some(tokio_rustls::rustls::ProtocolVersion::TLSv1_2) => TlsOutcome::Tls12,
        _ => TlsOutcome::Tls13,
    }
}

fn tls_failure(error: &std::io::Error) -> TlsOutcome {
    use tokio_rustls::rustls::Error;
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        Some(Error::General(text)) if text.contains("no server certificate chain resolved") => {
            TlsOutcome::UnknownName
        }
        Some(_) => TlsOutcome::Failed,
        None => TlsOutcome::ClientGone,
    }
}
