//! A backend that answers with bytes of the test's own: for responses that no HTTP library would send.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::room::Room;

/// What a [`RawBackend`] does once it has sent its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// Waits for the next request head on the connection.
    KeepOpen,
    /// Closes (FIN).
    Close,
    /// Resets (RST).
    Reset,
}

/// Answers every request head (all up to an empty line) with the same bytes; request bodies count as noise.
#[derive(Debug)]
pub struct RawBackend {
    address: SocketAddr,
    heads: Arc<Mutex<Vec<Bytes>>>,
    _room: Room,
}

impl RawBackend {
    /// Starts on a free port of 127.0.0.1.
    pub fn start(answer: impl Into<Bytes>, after: After) -> Self {
        let answer = answer.into();
        let bound = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| {
            listener.set_nonblocking(true)?;
            Ok((listener.local_addr()?, listener))
        });
        let (address, listener) = bound.unwrap_or_else(|error| panic!("cannot bind a raw backend: {error}"));
        let heads = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&heads);
        let room = Room::open("raw backend", async move |stop| {
            let listener = TcpListener::from_std(listener);
            let listener = listener.unwrap_or_else(|error| panic!("cannot register a raw backend: {error}"));
            let accepting = async {
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(serve(stream, answer.clone(), after, Arc::clone(&seen)));
                }
            };
            tokio::select! {
                () = accepting => {}
                _ = stop => {}
            }
        });
        Self { address, heads, _room: room }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The request heads so far, byte for byte, the empty line included.
    pub fn heads(&self) -> Vec<Bytes> {
        self.heads.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn serve(mut stream: TcpStream, answer: Bytes, after: After, heads: Arc<Mutex<Vec<Bytes>>>) {
    let mut buffer: Vec<u8> = Vec::new();
    loop {
        let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") else {
            match stream.read_buf(&mut buffer).await {
                Ok(1..) => continue,
                _ => return,
            }
        };
        let head: Vec<u8> = buffer.drain(..end + 4).collect();
        heads.lock().unwrap_or_else(PoisonError::into_inner).push(head.into());
        if stream.write_all(&answer).await.is_err() {
            return;
        }
        match after {
            After::KeepOpen => {}
            After::Close => return,
            After::Reset => {
                // On a socket that the peer has closed there is nothing left to reset.
                SockRef::from(&stream).set_linger(Some(Duration::ZERO)).ok();
                return;
            }
        }
    }
}
