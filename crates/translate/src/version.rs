//! The version of a snapshot: a hash of everything in it.

use std::fmt::Write as _;
use std::io;

use clearway_model::{Snapshot, Version};
use serde::Serialize;
use sha2::{Digest, Sha256};

/// The first 16 bytes of SHA-256 over the content, lower case hexadecimal. Keys of certificates count too.
pub(crate) fn of(snapshot: &Snapshot) -> Version {
    let mut hasher = Hasher(Sha256::new());
    let Snapshot { version: _, listeners, rules, backends, certificates } = snapshot;
    hasher.section("listeners", listeners.values());
    hasher.section("rules", rules.values());
    hasher.section("backends", backends.values());
    hasher.section("certificates", certificates.values());
    for certificate in certificates.values() {
        hasher.0.update(certificate.key_pem.len().to_be_bytes());
        hasher.0.update(&certificate.key_pem);
    }
    let digest = hasher.0.finalize();
    let mut text = String::with_capacity(32);
    for byte in digest.iter().take(16) {
        // Writing into a String cannot fail.
        write!(text, "{byte:02x}").unwrap_or_default();
    }
    Version(text.into())
}

struct Hasher(Sha256);

impl Hasher {
    /// Adds a list. Values hold their names, so keys need not be written; the count keeps sections apart.
    fn section<T: Serialize>(&mut self, name: &str, values: impl ExactSizeIterator<Item = T>) {
        self.0.update(name);
        self.0.update(values.len().to_be_bytes());
        for value in values {
            let sink = io::BufWriter::with_capacity(4096, Sink(&mut self.0));
            // Plain data into a sink that never fails: an error would mean a map with keys that are no text.
            if let Err(error) = serde_json::to_writer(sink, &value) {
                self.0.update(error.to_string());
            }
            self.0.update(b"\n");
        }
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
