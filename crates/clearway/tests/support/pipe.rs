//! A fast client: HTTP/1.1 on one blocking connection, many requests in one write, answers read in their order.
//!
//! For tests of numbers (a million requests, reloads under load), where a client library would take longer than the gateway.
//! It reads what Clearway and simple backends send: a status, fields, a body by Content-Length or in chunks. Always holds:
//! a connection that ends before the last answer is an error, never a retry.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Nothing in these tests takes so long unless it hangs.
const PATIENCE: Duration = Duration::from_secs(30);

/// One connection that is kept alive.
#[derive(Debug)]
pub(crate) struct Pipe {
    stream: TcpStream,
    buffer: Vec<u8>,
    /// Bytes of `buffer` that were read already.
    taken: usize,
}

/// An answer, valid until the next is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head<'a> {
    /// Status code.
    pub(crate) status: u16,
    text: &'a str,
}

impl<'a> Head<'a> {
    /// The value of a header field, whose name is given in lower case; `None` when it is absent.
    pub(crate) fn header(&self, name: &str) -> Option<&'a str> {
        let lines = self.text.split("\r\n").skip(1);
        lines
            .filter_map(|line| line.split_once(':'))
            .find_map(|(field, value)| field.eq_ignore_ascii_case(name).then(|| value.trim()))
    }
}

impl Pipe {
    /// Connects.
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address)
            .unwrap_or_else(|error| panic!("cannot connect to {address}: {error}"));
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket option");
        stream.set_nodelay(true).expect("a socket option");
        Self { stream, buffer: Vec::with_capacity(64 * 1024), taken: 0 }
    }

    /// Sends requests that stand in `bytes` one after the other, `count` of them, and hands each answer to `check` with its
    /// place in the batch and its body.
    ///
    /// # Errors
    /// The connection's: closed or reset before the last answer, or silent for too long.
    pub(crate) fn exchange(
        &mut self,
        bytes: &[u8],
        count: usize,
        mut check: impl FnMut(usize, Head<'_>, &[u8]),
    ) -> io::Result<()> {
        self.stream.write_all(bytes)?;
        for place in 0..count {
            self.answer(place, &mut check)?;
        }
        Ok(())
    }

    /// One GET and its body as text; panics unless the answer is 200.
    pub(crate) fn get(&mut self, path: &str) -> String {
        String::from_utf8_lossy(&self.get_as(path, "")).into_owned()
    }

    /// One GET with header lines, each ended by CRLF, and its body; panics unless the answer is 200.
    pub(crate) fn get_as(&mut self, path: &str, headers: &str) -> Vec<u8> {
        let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n{headers}\r\n");
        let mut answer = Vec::new();
        let done = self.exchange(request.as_bytes(), 1, |_, head, body| {
            assert_eq!(head.status, 200, "GET {path}: {}", String::from_utf8_lossy(body));
            answer = body.to_vec();
        });
        done.unwrap_or_else(|error| panic!("GET {path}: {error}"));
        answer
    }

    fn answer(&mut self, place: usize, check: &mut impl FnMut(usize, Head<'_>, &[u8])) -> io::Result<()> {
        let end = loop {
            match find(&self.buffer[self.taken..], b"\r\n\r\n") {
                Some(end) => break self.taken + end,
                None => self.fill()?,
            }
        };
        let start = self.taken;
        let (status, length) = {
            let head = head(&self.buffer[start..end])?;
            (head.status, head.header("content-length").and_then(|text| text.parse::<usize>().ok()))
        };
        let body_start = end + 4 - start;
        let mut chunked = Vec::new();
        let after = match length {
            _ if status < 200 || status == 204 || status == 304 => body_start,
            Some(length) => body_start + length,
            None => self.chunks(body_start, &mut chunked)?,
        };
        while self.buffer.len() < self.taken + after {
            self.fill()?;
        }
        let message = &self.buffer[self.taken..self.taken + after];
        let body = if chunked.is_empty() { &message[body_start..] } else { &chunked[..] };
        check(place, head(&message[..body_start - 4])?, body);
        self.taken += after;
        Ok(())
    }

    /// Reads chunks from `at` (counted from `taken`) into `body`; gives the place behind the last one.
    fn chunks(&mut self, mut at: usize, body: &mut Vec<u8>) -> io::Result<usize> {
        loop {
            let line = loop {
                match find(&self.buffer[self.taken + at..], b"\r\n") {
                    Some(length) => break length,
                    None => self.fill()?,
                }
            };
            let here = self.taken + at;
            let size = std::str::from_utf8(&self.buffer[here..here + line]).ok();
            let size = size.and_then(|hex| usize::from_str_radix(hex.trim(), 16).ok());
            let size = size
                .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "neither a length nor chunks"))?;
            while self.buffer.len() < self.taken + at + line + 2 + size + 2 {
                self.fill()?;
            }
            let here = self.taken + at + line + 2;
            body.extend_from_slice(&self.buffer[here..here + size]);
            at += line + 2 + size + 2;
            if size == 0 {
                return Ok(at);
            }
        }
    }

    /// More bytes. What was taken is dropped first; places counted from `taken` stay right.
    fn fill(&mut self) -> io::Result<()> {
        self.buffer.drain(..self.taken);
        self.taken = 0;
        let old = self.buffer.len();
        self.buffer.resize(old + 64 * 1024, 0);
        let read = self.stream.read(&mut self.buffer[old..]);
        let count = *read.as_ref().unwrap_or(&0);
        self.buffer.truncate(old + count);
        if read? == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "closed before the last answer"));
        }
        Ok(())
    }
}

fn head(bytes: &[u8]) -> io::Result<Head<'_>> {
    let text = std::str::from_utf8(bytes).ok();
    let status = text.and_then(|text| text.split(' ').nth(1)).and_then(|code| code.parse().ok());
    match (text, status) {
        (Some(text), Some(status)) => Ok(Head { status, text }),
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, "not the head of an answer")),
    }
}

fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    bytes.windows(needle.len()).position(|window| window == needle)
}
