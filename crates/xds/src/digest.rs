//! Hashes: the version of a resource, and the digest of a set of resources.
//!
//! They find differences that happen, such as a lost message or a forgotten removal. They are no defence against a
//! peer that lies: that is what mutual TLS is for.

use std::fmt;

use sha2::{Digest as _, Sha256};

/// The first 16 bytes of the SHA-256.
const LENGTH: usize = 16;

/// The version of a resource: the first 16 bytes of the SHA-256 of its bytes, lower case hexadecimal.
pub(crate) fn version(bytes: &[u8]) -> String {
    format!("{:032x}", first(&Sha256::digest(bytes)))
}

/// What one resource adds to the digest of its set.
pub(crate) fn mark(name: &str, version: &str) -> u128 {
    let mut hash = Sha256::new();
    // The length keeps (`ab`, `c`) and (`a`, `bc`) apart.
    hash.update((name.len() as u64).to_be_bytes());
    hash.update(name);
    hash.update(version);
    first(&hash.finalize())
}

fn first(hash: &[u8]) -> u128 {
    hash.iter().take(LENGTH).fold(0, |sum, byte| sum << 8 | u128::from(*byte))
}

/// Count and digest of a set of (name, version): a sum, so that one change costs one addition, and order is nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Digest {
    count: u64,
    sum: u128,
}

impl Digest {
    /// Of these parts, as they came over the wire; `None` when the sum is not 16 bytes.
    pub(crate) fn from_parts(count: u64, sum: &[u8]) -> Option<Self> {
        Some(Self { count, sum: u128::from_be_bytes(sum.try_into().ok()?) })
    }

    /// How many resources it covers.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The sum, big endian.
    pub(crate) fn sum(&self) -> [u8; LENGTH] {
        self.sum.to_be_bytes()
    }

    pub(crate) fn add(&mut self, mark: u128) {
        self.count = self.count.wrapping_add(1);
        self.sum = self.sum.wrapping_add(mark);
    }

    pub(crate) fn remove(&mut self, mark: u128) {
        self.count = self.count.wrapping_sub(1);
        self.sum = self.sum.wrapping_sub(mark);
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} with digest {:032x}", self.count, self.sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_the_beginning_of_the_sha_256() {
        // FIPS 180-2, appendix B.1.
        assert_eq!(version(b"abc"), "ba7816bf8f01cfea414140de5dae2223");
    }

    #[test]
    fn a_digest_knows_no_order_and_forgets_what_is_removed() {
        let (a, b) = (mark("a", "1"), mark("b", "2"));
        let (mut one, mut other) = (Digest::default(), Digest::default());
        one.add(a);
        one.add(b);
        other.add(b);
        other.add(a);
        assert_eq!(one, other);
        other.remove(a);
        assert_ne!(one, other);
        other.remove(b);
        assert_eq!(other, Digest::default());
        assert_ne!(mark("ab", "c"), mark("a", "bc"));
        assert_eq!(Digest::from_parts(2, &one.sum()), Some(one));
        assert_eq!(Digest::from_parts(2, &[0; 15]), None);
    }
}
