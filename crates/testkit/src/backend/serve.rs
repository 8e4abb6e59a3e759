//! Accepting, the TLS handshake, the HTTP server of a connection, and the answer to one request.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderValue, TRAILER};
use http::{HeaderMap, Method, Request, Response, StatusCode, Version};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::{ServerConfig, ServerConnection};

use super::body::ReplyBody;
use super::connection::{Connection, Fate, TlsInfo, Wire};
use super::exchange::Exchange;
use super::recorded::{Outcome, Recorded};
use super::reply::{Content, Reply, Step};
use super::shared::{Listening, Shared};
use super::{echo, grpc, upgrade};

/// Of a request's body, so much is kept.
const BODY_KEPT: usize = 1024 * 1024;

#[derive(Clone)]
pub(super) struct Options {
    pub(super) tls: Option<Arc<ServerConfig>>,
    pub(super) max_streams: Option<u32>,
}

/// Accepts until the listener is to end.
pub(super) async fn accept(listener: TcpListener, shared: Arc<Shared>, options: Options) {
    let mut listening = shared.listening();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = listening.wait_for(|state| *state != Listening::Yes) => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                stream.set_nodelay(true).ok();
                let connection = shared.connection_opened(peer);
                tokio::spawn(serve(stream, connection, Arc::clone(&shared), options.clone()));
            }
            // The client is gone already, or file descriptors are short for a moment.
            Err(_) => tokio::time::sleep(Duration::from_millis(1)).await,
        }
    }
    drop(listener);
    shared.listener_ended();
}

async fn serve(stream: TcpStream, connection: Arc<Connection>, shared: Arc<Shared>, options: Options) {
    let wire = Wire::new(stream, Arc::clone(&connection), Arc::clone(&shared));
    let Some(config) = options.tls.clone() else {
        return serve_http(wire, None, connection, shared, &options).await;
    };
    let handshake = TlsAcceptor::from(config).accept(wire);
    let stream = tokio::select! {
        stream = handshake => stream,
        () = connection.ended() => return,
    };
    if let Ok(stream) = stream {
        let tls = tls_info(stream.get_ref().1);
        serve_http(stream, Some(tls), connection, shared, &options).await;
    }
}

fn tls_info(session: &ServerConnection) -> TlsInfo {
    TlsInfo {
        sni: session.server_name().map(str::to_owned),
        alpn: session.alpn_protocol().map(|name| String::from_utf8_lossy(name).into_owned()),
        version: session.protocol_version().map(|version| format!("{version:?}")).unwrap_or_default(),
        cipher: session
            .negotiated_cipher_suite()
            .map(|suite| format!("{:?}", suite.suite()))
            .unwrap_or_default(),
        client_certificate: session
            .peer_certificates()
            .and_then(|chain| chain.first())
            .map(|certificate| certificate.to_vec()),
    }
}

async fn serve_http<S>(
    stream: S,
    tls: Option<TlsInfo>,
    connection: Arc<Connection>,
    shared: Arc<Shared>,
    options: &Options,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new());
    builder.http2().timer(TokioTimer::new()).max_concurrent_streams(options.max_streams.unwrap_or(1000));
    let mut fate = connection.fate();
    let service = service_fn(move |request| {
        let (shared, connection, tls) = (Arc::clone(&shared), Arc::clone(&connection), tls.clone());
        async move { answer(request, &shared, &connection, tls).await }
    });
    let mut server = std::pin::pin!(builder.serve_connection_with_upgrades(TokioIo::new(stream), service));
    loop {
        tokio::select! {
            // A client's errors are the client's business; the record of the exchange tells how it ended.
            _ = server.as_mut() => return,
            changed = fate.changed() => match *fate.borrow_and_update() {
                Fate::Live => {}
                Fate::Finish if changed.is_ok() => server.as_mut().graceful_shutdown(),
                Fate::Finish | Fate::Close | Fate::Reset => return,
            },
        }
    }
}

async fn answer(
    request: Request<Incoming>,
    shared: &Arc<Shared>,
    connection: &Arc<Connection>,
    tls: Option<TlsInfo>,
) -> io::Result<Response<ReplyBody>> {
    let recorded = recorded(&request, shared, connection, tls);
    let exchange = Exchange::open(recorded.id, shared, connection);
    let reply = shared.scripted(&recorded);
    shared.record(recorded.clone());
    if reply.is_none() && upgrade::is_upgrade(&request) {
        return Ok(upgrade::accept(request, exchange));
    }
    let reply_or_directed = reply.clone().unwrap_or_else(|| Reply::directed(&recorded));
    if reply.is_none() && grpc::is_grpc(request.headers()) {
        return grpc::answer(request, exchange, &reply_or_directed).await;
    }
    respond(request, exchange, recorded, reply_or_directed).await
}

fn recorded(
    request: &Request<Incoming>,
    shared: &Shared,
    connection: &Connection,
    tls: Option<TlsInfo>,
) -> Recorded {
    let authority = request.uri().authority().map(|authority| authority.as_str().to_owned());
    let host = || request.headers().get(HOST).and_then(|host| host.to_str().ok()).map(str::to_owned);
    Recorded {
        id: shared.request_seen(),
        connection: connection.id,
        nth: connection.exchange_opened(),
        peer: connection.peer,
        method: request.method().clone(),
        uri: request.uri().clone(),
        host: authority.or_else(host).unwrap_or_default(),
        version: request.version(),
        headers: request.headers().clone(),
        body: Bytes::new(),
        body_bytes: 0,
        body_complete: false,
        trailers: None,
        tls,
        outcome: Outcome::Open,
    }
}

async fn respond(
    request: Request<Incoming>,
    mut exchange: Exchange,
    recorded: Recorded,
    reply: Reply,
) -> io::Result<Response<ReplyBody>> {
    let mut body = Some(request.into_body());
    let mut body_bytes = 0;
    if reply.read_body
        && let Some(body) = body.take()
    {
        body_bytes = read(body, &exchange).await?;
    }
    before_head(&reply, &mut exchange).await?;
    let mut response = Response::new(());
    *response.status_mut() = reply.status;
    *response.headers_mut() = reply.headers.clone();
    end_of_connection(&reply, &mut exchange, recorded.version, response.headers_mut());
    let steps = match reply.content {
        Content::Mirror => {
            let Some(body) = body else {
                return Err(io::Error::other("a mirror cannot read the body first"));
            };
            return Ok(response.map(|()| ReplyBody::mirror(exchange, body)));
        }
        Content::Echo => {
            response
                .headers_mut()
                .entry(CONTENT_TYPE)
                .or_insert(HeaderValue::from_static("application/json"));
            vec![Step::Data(echo::json(&exchange.shared, &recorded, body_bytes).into())]
        }
        Content::Steps(steps) => steps,
    };
    let length = frame(&steps, reply.chunked, response.headers_mut());
    let status = reply.status;
    let bodyless = status == StatusCode::NO_CONTENT || status == StatusCode::NOT_MODIFIED;
    if bodyless {
        response.headers_mut().remove(CONTENT_LENGTH);
    }
    if bodyless || recorded.method == Method::HEAD {
        return Ok(response.map(|()| ReplyBody::none(exchange)));
    }
    Ok(response.map(|()| ReplyBody::steps(exchange, steps, length)))
}

/// The pauses and the fault that come before a head.
pub(super) async fn before_head(reply: &Reply, exchange: &mut Exchange) -> io::Result<()> {
    for pause in &reply.before {
        pause.pass().await;
    }
    let Some(fault) = reply.fault else { return Ok(()) };
    exchange.fault(fault).await;
    Err(io::Error::other("the script aborts the exchange"))
}

fn end_of_connection(reply: &Reply, exchange: &mut Exchange, version: Version, headers: &mut HeaderMap) {
    let keep_alive = exchange.shared.keep_alive();
    if reply.close_after || !keep_alive {
        exchange.close_after();
        if version != Version::HTTP_2 && (reply.announce_close || !keep_alive) {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
    }
}

/// Sets the framing fields; the announced length, if there is one.
fn frame(steps: &[Step], chunked: bool, headers: &mut HeaderMap) -> Option<u64> {
    let mut length = 0;
    for step in steps {
        match step {
            Step::Data(data) => length += data.len() as u64,
            Step::Trailers(trailers) => {
                // hyper sends only trailers that the head has named.
                let names: Vec<_> = trailers.keys().map(http::HeaderName::as_str).collect();
                if let Ok(names) = HeaderValue::from_str(&names.join(", ")) {
                    headers.insert(TRAILER, names);
                }
                return None;
            }
            Step::Pause(_) | Step::Fault(_) => {}
        }
    }
    if chunked {
        return None;
    }
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    Some(length)
}

/// Reads a request's body to its end and records it; its size.
async fn read(mut body: Incoming, exchange: &Exchange) -> io::Result<u64> {
    let (mut kept, mut total, mut trailers) = (BytesMut::new(), 0, None);
    while let Some(frame) = body.frame().await {
        match frame.map_err(io::Error::other)?.into_data() {
            Ok(data) => {
                total += data.len() as u64;
                let room = BODY_KEPT.saturating_sub(kept.len()).min(data.len());
                kept.extend_from_slice(data.get(..room).unwrap_or_default());
            }
            Err(frame) => trailers = frame.into_trailers().ok(),
        }
    }
    exchange.body_read(kept.freeze(), total, trailers);
    Ok(total)
}
