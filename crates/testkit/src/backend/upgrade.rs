//! Upgrades on HTTP/1.1: WebSocket echo, and a byte echo for the made-up protocol `echo`.
//!
//! WebSocket commands, as text messages: `close` closes by the server's own wish, `reset` resets the TCP connection.

use std::sync::Arc;

use futures_util::{SinkExt, StreamExt};
use http::header::{
    CONNECTION, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, UPGRADE,
};
use http::{HeaderMap, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::body::ReplyBody;
use super::connection::{Connection, Fate};
use super::exchange::Exchange;

fn asked_for(headers: &HeaderMap, protocol: &str) -> bool {
    headers.get(UPGRADE).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(protocol.as_bytes()))
}

pub(super) fn is_upgrade(request: &Request<Incoming>) -> bool {
    asked_for(request.headers(), "websocket") || asked_for(request.headers(), "echo")
}

/// Answers 101 and echoes until one side ends.
pub(super) fn accept(request: Request<Incoming>, mut exchange: Exchange) -> Response<ReplyBody> {
    let mut response = Response::new(());
    let headers = response.headers_mut();
    let websocket = asked_for(request.headers(), "websocket");
    if websocket {
        let Some(key) = request.headers().get(SEC_WEBSOCKET_KEY) else {
            *response.status_mut() = StatusCode::BAD_REQUEST;
            return response.map(|()| ReplyBody::none(exchange));
        };
        if let Ok(accept) = HeaderValue::from_str(&derive_accept_key(key.as_bytes())) {
            headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
        }
        // The first protocol that the client offers is taken.
        let offered = request.headers().get(SEC_WEBSOCKET_PROTOCOL).and_then(|value| value.to_str().ok());
        if let Some(first) = offered.and_then(|list| list.split(',').next()) {
            headers.extend(
                HeaderValue::from_str(first.trim()).ok().map(|value| (SEC_WEBSOCKET_PROTOCOL, value)),
            );
        }
    }
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static(if websocket { "websocket" } else { "echo" }));
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;

    let connection = Arc::clone(&exchange.connection);
    tokio::spawn(async move {
        let Ok(upgraded) = hyper::upgrade::on(request).await else { return };
        let ended = tokio::select! {
            ended = echo(upgraded, websocket, &connection) => ended,
            () = connection.ended() => false,
        };
        if ended {
            exchange.sent();
        }
    });
    // The exchange lives with the upgraded stream, not with the head.
    response.map(|()| ReplyBody::empty())
}

/// True when it ended in order.
async fn echo(upgraded: Upgraded, websocket: bool, connection: &Connection) -> bool {
    let stream = TokioIo::new(upgraded);
    if !websocket {
        let (mut reader, mut writer) = tokio::io::split(stream);
        return tokio::io::copy(&mut reader, &mut writer).await.is_ok();
    }
    let mut socket = WebSocketStream::from_raw_socket(stream, Role::Server, None).await;
    while let Some(message) = socket.next().await {
        let done = match message {
            Ok(Message::Text(text)) if text.as_str() == "close" => socket.close(None).await,
            Ok(Message::Text(text)) if text.as_str() == "reset" => {
                connection.end(Fate::Reset);
                return false;
            }
            Ok(message @ (Message::Text(_) | Message::Binary(_))) => socket.send(message).await,
            // Pings and closes are answered by the library while it reads on.
            Ok(_) => Ok(()),
            Err(_) => return false,
        };
        if done.is_err() {
            return false;
        }
    }
    true
}
