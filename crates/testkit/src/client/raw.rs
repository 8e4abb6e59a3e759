//! HTTP/1.1 by hand: any bytes go out, and what comes back is read strictly (RFC 9112).
//!
//! For malformed requests, pipelining, early aborts and half-closed connections.

use std::io;
use std::net::SocketAddr;

use bytes::{Buf, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::tls::ClientTls;
use crate::transport::Transport;
use crate::wait::within;

/// A response, taken apart.
#[derive(Clone, Debug)]
pub struct RawResponse {
    /// Minor version: 0 or 1.
    pub minor: u8,
    /// Status code.
    pub status: u16,
    /// Reason phrase.
    pub reason: String,
    /// Fields, in order of arrival.
    pub headers: HeaderMap,
    /// Body, without chunk framing.
    pub body: Bytes,
    /// Trailer fields of a chunked body.
    pub trailers: HeaderMap,
    /// The body ended with the connection.
    pub until_close: bool,
}

impl RawResponse {
    /// A header's first value; empty when it is absent.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// One connection.
#[derive(Debug)]
pub struct RawClient {
    transport: Transport,
    buffer: BytesMut,
}

impl RawClient {
    /// Connects in clear text.
    ///
    /// # Errors
    /// The kernel's.
    pub async fn connect(address: SocketAddr) -> io::Result<Self> {
        Ok(Self::over(within("a connection", Transport::connect(address)).await?))
    }

    /// Connects with TLS.
    ///
    /// # Errors
    /// The kernel's, and those of the handshake.
    pub async fn connect_tls(address: SocketAddr, tls: &ClientTls) -> io::Result<Self> {
        Ok(Self::over(within("a TLS connection", tls.connect(address)).await?))
    }

    /// On an open connection.
    pub fn over(transport: Transport) -> Self {
        Self { transport, buffer: BytesMut::new() }
    }

    /// The connection below.
    pub fn transport(&self) -> &Transport {
        &self.transport
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// The connection's: reset, closed.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.transport.write_all(bytes.as_ref()).await?;
        self.transport.flush().await
    }

    /// Sends the end of the stream and goes on reading: FIN, or close_notify and FIN on TLS.
    ///
    /// # Errors
    /// The connection's.
    pub async fn half_close(&mut self) -> io::Result<()> {
        self.transport.shutdown().await
    }

    /// Ends the connection with a reset (RST).
    pub fn reset(self) {
        self.transport.reset();
    }

    /// Reads the response to a request that was not HEAD. An interim response (1xx) counts as one: read again for the next.
    ///
    /// # Errors
    /// `InvalidData` for anything that RFC 9112 does not allow, `UnexpectedEof` for a message that is cut short (and
    /// when the connection ends before the first byte), and the connection's own.
    pub async fn response(&mut self) -> io::Result<RawResponse> {
        within("a response", self.read_response(false)).await
    }

    /// Reads the response to a HEAD request.
    ///
    /// # Errors
    /// As [`Self::response`].
    pub async fn response_to_head(&mut self) -> io::Result<RawResponse> {
        within("a response", self.read_response(true)).await
    }

    /// Reads until the peer closes and gives everything.
    ///
    /// # Errors
    /// The connection's: a reset is an error, not an end.
    pub async fn rest(&mut self) -> io::Result<Bytes> {
        within("the peer to close", async {
            while self.fill().await? {}
            Ok::<_, io::Error>(())
        })
        .await?;
        Ok(self.buffer.split().freeze())
    }

    /// Waits until the peer ends the connection; panics when it sends anything first.
    pub async fn closed(&mut self) -> End {
        let end = match within("the peer to close", self.fill()).await {
            Ok(false) => End::Close,
            Ok(true) => panic!("expected the end, got {:?}", String::from_utf8_lossy(&self.buffer)),
            Err(_) => End::Reset,
        };
        assert!(self.buffer.is_empty(), "unread bytes: {:?}", String::from_utf8_lossy(&self.buffer));
        end
    }

    /// More bytes into the buffer; false at the end of the stream.
    async fn fill(&mut self) -> io::Result<bool> {
        Ok(self.transport.read_buf(&mut self.buffer).await? > 0)
    }

    async fn fill_or_cut(&mut self, what: &str) -> io::Result<()> {
        if self.fill().await? {
            return Ok(());
        }
        Err(io::Error::new(io::ErrorKind::UnexpectedEof, format!("the connection ended before {what}")))
    }

    /// A line without its CRLF; a bare CR or LF is refused.
    async fn line(&mut self) -> io::Result<Bytes> {
        loop {
            if let Some(end) = self.buffer.iter().position(|&byte| byte == b'\n') {
                let line = self.buffer.split_to(end).freeze();
                self.buffer.advance(1);
                return match line.strip_suffix(b"\r") {
                    Some(text) if !text.contains(&b'\r') => Ok(line.slice(..text.len())),
                    _ => Err(wrong(format!("a line that does not end with CRLF: {line:?}"))),
                };
            }
            self.fill_or_cut("the end of a line").await?;
        }
    }

    async fn exactly(&mut self, count: usize) -> io::Result<Bytes> {
        while self.buffer.len() < count {
            self.fill_or_cut("the end of the body").await?;
        }
        Ok(self.buffer.split_to(count).freeze())
    }

    async fn fields(&mut self) -> io::Result<HeaderMap> {
        let mut fields = HeaderMap::new();
        loop {
            let line = self.line().await?;
            if line.is_empty() {
                return Ok(fields);
            }
            let (name, value) = field(&line).ok_or_else(|| wrong(format!("not a header field: {line:?}")))?;
            fields.append(name, value);
        }
    }

    async fn read_response(&mut self, to_head: bool) -> io::Result<RawResponse> {
        let line = self.line().await?;
        let (minor, status, reason) =
            status_line(&line).ok_or_else(|| wrong(format!("not a status line: {line:?}")))?;
        let headers = self.fields().await?;
        let mut response = RawResponse {
            minor,
            status,
            reason,
            headers,
            body: Bytes::new(),
            trailers: HeaderMap::new(),
            until_close: false,
        };
        let length = length(&response.headers)?;
        let coding = response.headers.get("transfer-encoding").map(|value| value.as_bytes().to_vec());
        if coding.is_some() && (length.is_some() || minor == 0 || status < 200 || status == 204) {
            return Err(wrong(format!("Transfer-Encoding where it must not be: {:?}", response.headers)));
        }
        if to_head || status < 200 || status == 204 || status == 304 {
            return Ok(response);
        }
        match (coding.as_deref(), length) {
            (Some(b"chunked"), _) => (response.body, response.trailers) = self.chunks().await?,
            (Some(other), _) => return Err(wrong(format!("Transfer-Encoding {other:?}"))),
            (None, Some(length)) => response.body = self.exactly(length).await?,
            (None, None) => {
                while self.fill().await? {}
                response.body = self.buffer.split().freeze();
                response.until_close = true;
            }
        }
        Ok(response)
    }

    async fn chunks(&mut self) -> io::Result<(Bytes, HeaderMap)> {
        let mut body = BytesMut::new();
        loop {
            let line = self.line().await?;
            let size = line.split(|&byte| byte == b';').next().unwrap_or_default();
            let hex = !size.is_empty() && size.iter().all(u8::is_ascii_hexdigit);
            let size = std::str::from_utf8(size).ok().filter(|_| hex);
            let size = size.and_then(|hex| usize::from_str_radix(hex, 16).ok());
            let size = size.ok_or_else(|| wrong(format!("not a chunk size: {line:?}")))?;
            if size == 0 {
                return Ok((body.freeze(), self.fields().await?));
            }
            body.extend_from_slice(&self.exactly(size).await?);
            let end = self.line().await?;
            if !end.is_empty() {
                return Err(wrong(format!("a chunk longer than its size: {end:?}")));
            }
        }
    }
}

/// How a peer ended a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// In order (FIN).
    Close,
    /// By a reset, or by cutting a TLS stream without close_notify.
    Reset,
}

/// `HTTP/1.x SP 3DIGIT SP reason`.
fn status_line(line: &[u8]) -> Option<(u8, u16, String)> {
    let (minor, rest) = match line.strip_prefix(b"HTTP/1.")?.split_first()? {
        (b'0', rest) => (0, rest),
        (b'1', rest) => (1, rest),
        _ => return None,
    };
    let rest = rest.strip_prefix(b" ")?;
    let (code, rest) = (rest.get(..3)?, rest.get(3..)?);
    let reason = rest.strip_prefix(b" ")?;
    if !code.iter().all(u8::is_ascii_digit) || reason.iter().any(|&byte| byte < b' ' && byte != b'\t') {
        return None;
    }
    let status = std::str::from_utf8(code).ok()?.parse().ok()?;
    Some((minor, status, String::from_utf8_lossy(reason).into_owned()))
}

/// No white space before the colon, no folded lines.
fn field(line: &[u8]) -> Option<(HeaderName, HeaderValue)> {
    let colon = line.iter().position(|&byte| byte == b':')?;
    let (name, value) = (line.get(..colon)?, line.get(colon + 1..)?);
    Some((HeaderName::from_bytes(name).ok()?, HeaderValue::from_bytes(value.trim_ascii()).ok()?))
}

/// The one Content-Length; two are an error, even equal ones.
fn length(headers: &HeaderMap) -> io::Result<Option<usize>> {
    let mut all = headers.get_all("content-length").iter();
    let Some(first) = all.next() else { return Ok(None) };
    let digits = first.as_bytes();
    let good = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit) && all.next().is_none();
    let length = first.to_str().ok().filter(|_| good).and_then(|text| text.parse().ok());
    length.map(Some).ok_or_else(|| wrong(format!("Content-Length: {headers:?}")))
}

fn wrong(what: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
