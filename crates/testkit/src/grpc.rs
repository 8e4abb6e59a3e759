//! The gRPC wire format without generated code: length-prefixed messages, statuses, and the messages of `proto/echo.proto`.
//!
//! Used by the backend's service, the client and the OTLP sink. It follows the "gRPC over HTTP2" protocol page of grpc/grpc.

use std::collections::BTreeMap;
use std::io;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use http::{HeaderMap, HeaderValue};
use prost::Message;

/// Status codes, by their numbers in the gRPC specification.
pub mod code {
    /// Success.
    pub const OK: i32 = 0;
    /// The caller cancelled.
    pub const CANCELLED: i32 = 1;
    /// Something that nobody gave a code.
    pub const UNKNOWN: i32 = 2;
    /// The request is wrong.
    pub const INVALID_ARGUMENT: i32 = 3;
    /// Too late.
    pub const DEADLINE_EXCEEDED: i32 = 4;
    /// No such method.
    pub const UNIMPLEMENTED: i32 = 12;
    /// A broken invariant.
    pub const INTERNAL: i32 = 13;
    /// Not now; trying again may help.
    pub const UNAVAILABLE: i32 = 14;
}

/// `EchoRequest` of `proto/echo.proto`.
#[derive(Clone, PartialEq, Message)]
pub struct EchoRequest {
    /// Comes back in the response.
    #[prost(string, tag = "1")]
    pub message: String,
    /// ServerStream: how many responses.
    #[prost(int32, tag = "2")]
    pub count: i32,
    /// Status code to end with.
    #[prost(int32, tag = "3")]
    pub code: i32,
    /// Text that goes with `code`.
    #[prost(string, tag = "4")]
    pub status_message: String,
    /// End with one header block that carries the status.
    #[prost(bool, tag = "5")]
    pub trailers_only: bool,
    /// Size of the response's `payload`, in bytes.
    #[prost(int32, tag = "6")]
    pub payload_bytes: i32,
}

impl EchoRequest {
    /// A request that asks for `message` back and for status 0.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), ..Self::default() }
    }
}

/// `EchoResponse` of `proto/echo.proto`.
#[derive(Clone, PartialEq, Message)]
pub struct EchoResponse {
    /// The request's message.
    #[prost(string, tag = "1")]
    pub message: String,
    /// Name of the backend.
    #[prost(string, tag = "2")]
    pub backend: String,
    /// Request metadata as it arrived.
    #[prost(btree_map = "string, string", tag = "3")]
    pub headers: BTreeMap<String, String>,
    /// From 0.
    #[prost(int32, tag = "4")]
    pub index: i32,
    /// As many bytes as were asked for.
    #[prost(bytes = "bytes", tag = "5")]
    pub payload: Bytes,
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// `grpc-status`.
    pub code: i32,
    /// `grpc-message`, percent-decoded.
    pub message: String,
}

impl Status {
    /// A status.
    pub fn new(code: i32, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// Reads `grpc-status` and `grpc-message`; `None` when there is no status.
    pub fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let code = headers.get("grpc-status")?.to_str().ok()?.parse().ok()?;
        let message = headers.get("grpc-message").map(|value| percent_decode(value.as_bytes()));
        Some(Self { code, message: message.unwrap_or_default() })
    }

    /// Writes `grpc-status`, and `grpc-message` unless it is empty.
    pub fn write(&self, headers: &mut HeaderMap) {
        headers.insert("grpc-status", HeaderValue::from(self.code));
        if !self.message.is_empty()
            && let Ok(value) = HeaderValue::from_str(&percent_encode(&self.message))
        {
            headers.insert("grpc-message", value);
        }
    }
}

/// Bytes outside printable ASCII, and `%`, as `%XX`.
fn percent_encode(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b' '..=b'$' | b'&'..=b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// The reverse; what is not a valid escape stays as it is.
fn percent_decode(bytes: &[u8]) -> String {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&first, tail)) = rest.split_first() {
        let escaped = (first == b'%').then(|| tail.get(..2)).flatten();
        let escaped = escaped.and_then(|two| std::str::from_utf8(two).ok());
        match escaped.and_then(|two| u8::from_str_radix(two, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                rest = tail.get(2..).unwrap_or_default();
            }
            None => {
                out.push(first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// A message with its five-byte prefix, not compressed.
pub fn frame<M: Message>(message: &M) -> Bytes {
    let size = message.encoded_len();
    let mut out = BytesMut::with_capacity(5 + size);
    out.put_u8(0);
    out.put_u32(
        u32::try_from(size).unwrap_or_else(|_| panic!("a message of {size} bytes does not fit a gRPC frame")),
    );
    match message.encode(&mut out) {
        Ok(()) => out.freeze(),
        Err(error) => unreachable!("BytesMut grows: {error}"),
    }
}

/// Takes messages out of a byte stream that is cut anywhere.
#[derive(Debug, Default)]
pub struct Deframer {
    buffer: BytesMut,
    /// `grpc-encoding: gzip` was announced.
    gzip: bool,
}

impl Deframer {
    /// For a stream with these headers: `grpc-encoding` may be absent, `identity` or `gzip`.
    ///
    /// # Errors
    /// For any other encoding.
    pub fn for_headers(headers: &HeaderMap) -> io::Result<Self> {
        let encoding = headers.get("grpc-encoding").map(HeaderValue::as_bytes).unwrap_or(b"identity");
        match encoding {
            b"identity" => Ok(Self::default()),
            b"gzip" => Ok(Self { gzip: true, ..Self::default() }),
            other => Err(invalid(format!("grpc-encoding {}", String::from_utf8_lossy(other)))),
        }
    }

    /// Adds received bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Bytes that belong to no complete message yet.
    pub fn pending(&self) -> usize {
        self.buffer.len()
    }

    /// The next complete message's bytes, unpacked.
    ///
    /// # Errors
    /// For a compression flag that is neither 0 nor an announced 1, and for broken gzip.
    pub fn next_bytes(&mut self) -> io::Result<Option<Bytes>> {
        let Some(&[flag, a, b, c, d]) = self.buffer.first_chunk::<5>() else { return Ok(None) };
        let size = u32::from_be_bytes([a, b, c, d]) as usize;
        if self.buffer.len() < 5 + size {
            return Ok(None);
        }
        self.buffer.advance(5);
        let bytes = self.buffer.split_to(size).freeze();
        match (flag, self.gzip) {
            (0, _) => Ok(Some(bytes)),
            (1, true) => gunzip(&bytes).map(Some),
            _ => Err(invalid(format!("gRPC compression flag {flag} without a matching grpc-encoding"))),
        }
    }

    /// The next complete message.
    ///
    /// # Errors
    /// As [`Self::next_bytes`], and for bytes that are not an `M`.
    pub fn next_message<M: Message + Default>(&mut self) -> io::Result<Option<M>> {
        let Some(bytes) = self.next_bytes()? else { return Ok(None) };
        M::decode(bytes).map(Some).map_err(|error| invalid(error.to_string()))
    }
}

/// Unpacks gzip.
///
/// # Errors
/// For bytes that are not gzip.
pub(crate) fn gunzip(bytes: &[u8]) -> io::Result<Bytes> {
    let mut out = Vec::new();
    io::Read::read_to_end(&mut flate2::read::GzDecoder::new(bytes), &mut out)?;
    Ok(out.into())
}

fn invalid(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_out_of_a_stream_cut_at_every_byte() {
        let sent = [EchoRequest::new("one"), EchoRequest::default(), EchoRequest::new("three")];
        let bytes: Vec<u8> = sent.iter().flat_map(frame).collect();
        let mut deframer = Deframer::default();
        let mut got: Vec<EchoRequest> = Vec::new();
        for byte in bytes {
            deframer.push(&[byte]);
            got.extend(deframer.next_message().unwrap());
        }
        assert_eq!(got, sent);
        assert_eq!(deframer.pending(), 0);
    }

    #[test]
    fn a_compressed_message_needs_an_announced_encoding() {
        let mut deframer = Deframer::default();
        deframer.push(&[1, 0, 0, 0, 0]);
        assert!(deframer.next_bytes().is_err());
    }

    #[test]
    fn status_messages_survive_percent_encoding() {
        let mut headers = HeaderMap::new();
        let status = Status::new(code::INTERNAL, "50% of zwölf\nlines");
        status.write(&mut headers);
        assert_eq!(headers["grpc-message"], "50%25 of zw%C3%B6lf%0Alines");
        assert_eq!(Status::from_headers(&headers), Some(status));
    }
}
