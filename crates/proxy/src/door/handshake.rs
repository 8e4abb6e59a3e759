//! TLS with a client: the server name chooses the settings, a handshake follows, and its outcome is counted.
//!
//! Called by [`super::accept`] for each connection of an HTTPS port. Always holds: a client that is refused gets to read
//! the alert that says why, even where it has sent a request behind its last handshake message.

use std::io;
use std::time::Duration;

use clearway_telemetry::key::TlsOutcome;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::rustls::server::Acceptor;
use tokio_rustls::rustls::{Error, ProtocolVersion, ServerConnection};
use tokio_rustls::server::TlsStream;

use super::conn::Session;
use crate::tls::PortTls;
use crate::worker::{Worker, WorkerPort};

/// How long a refused client may take to read the alert.
const LINGER: Duration = Duration::from_secs(1);
/// How much of what it sent is read meanwhile.
const LINGER_BYTES: u64 = 64 * 1024;

/// A handshake that came to nothing. The stream is there when an alert was written to it.
type Failure = (TlsOutcome, Option<TcpStream>);

/// Greets a client; `None` when it came to nothing.
pub(super) async fn greet(
    worker: &Worker,
    stream: TcpStream,
    port: &WorkerPort,
    tls: &PortTls,
) -> Option<(Box<TlsStream<TcpStream>>, Session)> {
    let started = Instant::now();
    let deadline = started + worker.options.timeouts.handshake;
    let done = tokio::time::timeout_at(deadline, shake_hands(stream, tls)).await;
    match done.unwrap_or(Err((TlsOutcome::Timeout, None))) {
        Ok((stream, session)) => {
            let outcome = version(stream.get_ref().1);
            worker.ledger.handshake(&port.telemetry, outcome, started.elapsed());
            Some((stream, session))
        }
        Err((outcome, refused)) => {
            worker.ledger.handshake(&port.telemetry, outcome, started.elapsed());
            if let Some(stream) = refused {
                tokio::time::timeout(LINGER, linger(stream)).await.ok();
            }
            None
        }
    }
}

async fn shake_hands(
    stream: TcpStream,
    tls: &PortTls,
) -> Result<(Box<TlsStream<TcpStream>>, Session), Failure> {
    let mut hello = LazyConfigAcceptor::new(Acceptor::default(), stream);
    let start = match (&mut hello).await {
        Ok(start) => start,
        Err(error) => return Err((outcome(&error), hello.take_io())),
    };
    let greeted = tls.greet(start.client_hello().server_name());
    let Some((config, proof)) = greeted else { return Err((TlsOutcome::Failed, None)) };
    match start.into_stream(config).into_fallible().await {
        Ok(stream) => {
            let name = stream.get_ref().1.server_name();
            let server_name = name.map(|name| name.to_ascii_lowercase().into());
            Ok((Box::new(stream), Session { server_name, proof }))
        }
        Err((error, stream)) => Err((outcome(&error), Some(stream))),
    }
}

/// Closing a socket with unread bytes resets the connection, and a reset overtakes the alert.
async fn linger(mut stream: TcpStream) {
    if stream.shutdown().await.is_ok() {
        tokio::io::copy(&mut stream.take(LINGER_BYTES), &mut tokio::io::sink()).await.ok();
    }
}

fn version(session: &ServerConnection) -> TlsOutcome {
    match session.protocol_version() {
        Some(ProtocolVersion::TLSv1_2) => TlsOutcome::Tls12,
        _ => TlsOutcome::Tls13,
    }
}

fn outcome(error: &io::Error) -> TlsOutcome {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        Some(Error::General(text)) if text.contains("no server certificate chain resolved") => {
            TlsOutcome::UnknownName
        }
        Some(Error::NoCertificatesPresented) => TlsOutcome::NoClientCertificate,
        // Of this side of a handshake only the client's certificate is ever looked at.
        Some(Error::InvalidCertificate(_)) => TlsOutcome::BadClientCertificate,
        Some(_) => TlsOutcome::Failed,
        None => TlsOutcome::ClientGone,
    }
}
