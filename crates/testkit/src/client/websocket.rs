//! A WebSocket client over any transport.

use std::io;
use std::net::SocketAddr;

use futures_util::{SinkExt, StreamExt};
use http::{HeaderMap, Request};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::{Error, error};
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::transport::Transport;
use crate::wait::within;

/// What arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// A text message.
    Text(String),
    /// A binary message.
    Binary(Vec<u8>),
    /// A pong.
    Pong,
    /// The peer closes; its code, if it gave one.
    Close(Option<u16>),
}

/// One WebSocket.
#[derive(Debug)]
pub struct WsClient {
    socket: WebSocketStream<Transport>,
    /// Header fields of the 101 response.
    pub headers: HeaderMap,
}

impl WsClient {
    /// Connects in clear text and upgrades.
    ///
    /// # Errors
    /// As [`Self::over`], and the kernel's.
    pub async fn connect(address: SocketAddr, target: &str, headers: &[(&str, &str)]) -> io::Result<Self> {
        Self::over(within("a connection", Transport::connect(address)).await?, target, headers).await
    }

    /// Upgrades an open connection; a `host` field replaces the peer's address.
    ///
    /// # Errors
    /// The connection's; for any other answer than 101 the message is `status <code>`.
    pub async fn over(transport: Transport, target: &str, headers: &[(&str, &str)]) -> io::Result<Self> {
        let given = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("host"));
        let host = match given {
            Some((_, host)) => (*host).to_owned(),
            None => transport.tcp().peer_addr()?.to_string(),
        };
        let mut request = Request::builder()
            .uri(format!("ws://{host}{target}"))
            .header("host", host)
            .header("connection", "Upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", generate_key());
        for (name, value) in headers.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("host")) {
            request = request.header(*name, *value);
        }
        let request = request.body(()).unwrap_or_else(|error| panic!("not a request: {target}: {error}"));
        let upgraded = within("a WebSocket upgrade", client_async(request, transport)).await;
        let (socket, response) = upgraded.map_err(|error| match error {
            Error::Http(response) => io::Error::other(format!("status {}", response.status().as_u16())),
            other => to_io(other),
        })?;
        Ok(Self { socket, headers: response.headers().clone() })
    }

    /// Sends a text message.
    ///
    /// # Errors
    /// The connection's.
    pub async fn send_text(&mut self, text: &str) -> io::Result<()> {
        self.socket.send(Message::text(text)).await.map_err(to_io)
    }

    /// Sends a binary message.
    ///
    /// # Errors
    /// The connection's.
    pub async fn send_binary(&mut self, bytes: Vec<u8>) -> io::Result<()> {
        self.socket.send(Message::binary(bytes)).await.map_err(to_io)
    }

    /// Sends a ping.
    ///
    /// # Errors
    /// The connection's.
    pub async fn ping(&mut self) -> io::Result<()> {
        self.socket.send(Message::Ping(Vec::new().into())).await.map_err(to_io)
    }

    /// The next frame; `None` when the connection has ended in order.
    ///
    /// # Errors
    /// The connection's: a reset, an end without a close frame.
    pub async fn receive(&mut self) -> io::Result<Option<Frame>> {
        loop {
            let Some(message) = within("a WebSocket message", self.socket.next()).await else {
                return Ok(None);
            };
            return Ok(Some(match message.map_err(to_io)? {
                Message::Text(text) => Frame::Text(text.as_str().to_owned()),
                Message::Binary(bytes) => Frame::Binary(bytes.to_vec()),
                Message::Pong(_) => Frame::Pong,
                Message::Close(close) => Frame::Close(close.map(|close| close.code.into())),
                Message::Ping(_) | Message::Frame(_) => continue,
            }));
        }
    }

    /// Closes in order and waits for the peer to do the same.
    ///
    /// # Errors
    /// The connection's.
    pub async fn close(mut self) -> io::Result<()> {
        self.socket.close(None).await.map_err(to_io)?;
        while self.receive().await?.is_some() {}
        Ok(())
    }

    /// Resets the TCP connection.
    pub fn reset(self) {
        self.socket.into_inner().reset();
    }
}

fn to_io(error: Error) -> io::Error {
    match error {
        Error::Io(error) => error,
        Error::Protocol(error::ProtocolError::ResetWithoutClosingHandshake) => {
            io::Error::new(io::ErrorKind::UnexpectedEof, "the connection ended without a close frame")
        }
        other => io::Error::other(other),
    }
}
