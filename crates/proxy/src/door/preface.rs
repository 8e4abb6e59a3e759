//! HTTP/2 by prior knowledge: does a clear-text connection begin with the preface (RFC 9113 section 3.4)?

use std::io;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Reads until it is certain. The bytes are handed back: whoever serves the connection reads them first.
///
/// # Errors
/// Those of the transport; `TimedOut` when a preface that has begun is not complete within `longest`. An end before the
/// first byte is `(false, [])`.
pub(crate) async fn is_http2(stream: &mut TcpStream, longest: Duration) -> io::Result<(bool, Vec<u8>)> {
    let mut seen = Vec::with_capacity(2048);
    loop {
        let read = if seen.is_empty() {
            stream.read_buf(&mut seen).await?
        } else {
            tokio::time::timeout(longest, stream.read_buf(&mut seen)).await??
        };
        if read == 0 {
            return Ok((false, seen));
        }
        let n = seen.len().min(PREFACE.len());
        if seen.get(..n) != PREFACE.get(..n) {
            return Ok((false, seen));
        }
        if n == PREFACE.len() {
            return Ok((true, seen));
        }
    }
}
