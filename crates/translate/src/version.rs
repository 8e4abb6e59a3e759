//! The version of a snapshot: a hash of the hashes of everything in it. A value is hashed once, when it changes.

use std::fmt::Write as _;
use std::io;
use std::sync::Arc;

use clearway_model::{Certificate, Version};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

/// The hash of one value.
pub(crate) type Digest = [u8; 32];

/// A value of the snapshot with its hash.
#[derive(Debug)]
pub(crate) struct Hashed<T> {
    pub(crate) value: Arc<T>,
    pub(crate) digest: Digest,
}

impl<T: Serialize> Hashed<T> {
    pub(crate) fn new(value: T) -> Self {
        Self { digest: digest(&value), value: Arc::new(value) }
    }
}

/// The hash of a value as JSON; it holds its name.
pub(crate) fn digest<T: Serialize>(value: &T) -> Digest {
    let mut hasher = Sha256::new();
    let sink = io::BufWriter::with_capacity(1024, Sink(&mut hasher));
    // Plain data into a sink that never fails: an error would mean a map with keys that are no text.
    if let Err(error) = serde_json::to_writer(sink, value) {
        hasher.update(error.to_string());
    }
    hasher.finalize().into()
}

/// The hash of a certificate. Its key counts too.
pub(crate) fn of_certificate(certificate: &Certificate) -> Digest {
    let mut hasher = Sha256::new();
    hasher.update(digest(certificate));
    hasher.update(&certificate.key_pem);
    hasher.finalize().into()
}

/// Takes the hashes of a snapshot in, section by section.
#[derive(Default)]
pub(crate) struct Versioner(Sha256);

impl Versioner {
    /// Adds a list; the count keeps sections apart.
    pub(crate) fn section(&mut self, name: &str, digests: impl ExactSizeIterator<Item = Digest>) {
        self.0.update(name);
        self.0.update(digests.len().to_be_bytes());
        digests.for_each(|digest| self.0.update(digest));
    }

    /// The first 16 bytes of the SHA-256, lower case hexadecimal.
    pub(crate) fn finish(self) -> Version {
        let mut text = String::with_capacity(32);
        for byte in self.0.finalize().iter().take(16) {
            // Writing into a String cannot fail.
            write!(text, "{byte:02x}").unwrap_or_default();
        }
        Version(text.into())
    }
}

struct Sink<'a>(&'a mut Sha256);

impl io::Write for Sink<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
