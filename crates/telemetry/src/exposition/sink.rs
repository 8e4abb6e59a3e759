//! Where finished parts of an exposition go: as they are, or packed at once, so that the whole page of ten thousand
//! routes (50 MB) is in memory only for a scraper that does not take gzip.
//!
//! Filled by the page while writers write. Always holds: parts come out in the order in which they went in.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

/// How much a writer gathers before it is taken.
pub(super) const PART: usize = 64 * 1024;

/// A body in the making.
#[derive(Debug)]
pub(super) struct Sink {
    body: Body,
    /// Before packing.
    bytes: u64,
}

#[derive(Debug)]
enum Body {
    Plain(Vec<u8>),
    Packed(Box<GzEncoder<Vec<u8>>>),
}

impl Sink {
    /// A body that will have about `expected` bytes: room for all of it at once, as growing would take three times that.
    pub(super) fn plain(expected: u64) -> Self {
        let room = usize::try_from(expected + expected / 16).unwrap_or(PART);
        Self { body: Body::Plain(Vec::with_capacity(room.max(PART))), bytes: 0 }
    }

    /// A body in gzip. Fast rather than small: label blocks repeat, so even the first level takes nine tenths away.
    pub(super) fn gzip() -> Self {
        Self {
            body: Body::Packed(Box::new(GzEncoder::new(Vec::with_capacity(PART), Compression::fast()))),
            bytes: 0,
        }
    }

    /// Takes what is finished out of `part`.
    pub(super) fn take(&mut self, part: &mut Vec<u8>) {
        self.bytes += part.len() as u64;
        match &mut self.body {
            Body::Plain(body) => body.extend_from_slice(part),
            // Writing into a Vec cannot fail.
            Body::Packed(encoder) => encoder.write_all(part).unwrap_or_default(),
        }
        part.clear();
    }

    /// Bytes so far, before packing.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The body, and its `Content-Encoding`.
    pub(super) fn finish(self) -> (Vec<u8>, Option<&'static str>) {
        match self.body {
            Body::Plain(body) => (body, None),
            Body::Packed(encoder) => (encoder.finish().unwrap_or_default(), Some("gzip")),
        }
    }
}
