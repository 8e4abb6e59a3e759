//! A copy of a request's head, kept while a connection that may be stale carries the original away.
//!
//! Called by the tries. A `HeaderMap` is dear to copy: every value has a count to be raised and dropped again. Nearly
//! every copy is thrown away unused, so this one is two buffers, lent by the worker and given back to it.

use http::{HeaderMap, HeaderName, HeaderValue};

/// Buffers beyond this are not kept for another request.
const LARGEST: usize = 16 * 1024;
/// Copies that one worker keeps for later.
const SPARES: usize = 256;

/// Names and values of a head.
#[derive(Debug, Default)]
pub(crate) struct HeadCopy {
    /// Each name with the end of its value in `values`, and whether the value is sensitive.
    fields: Vec<(HeaderName, usize, bool)>,
    values: Vec<u8>,
}

/// Copies that wait for their next request.
#[derive(Debug, Default)]
pub(crate) struct HeadCopies(Vec<HeadCopy>);

impl HeadCopies {
    /// Copies a head.
    pub(crate) fn copy(&mut self, headers: &HeaderMap) -> HeadCopy {
        let mut copy = self.0.pop().unwrap_or_default();
        for (name, value) in headers {
            copy.values.extend_from_slice(value.as_bytes());
            copy.fields.push((name.clone(), copy.values.len(), value.is_sensitive()));
        }
        copy
    }

    /// Takes a copy back that is needed no more.
    pub(crate) fn take_back(&mut self, mut copy: HeadCopy) {
        if self.0.len() < SPARES && copy.values.capacity() <= LARGEST {
            copy.fields.clear();
            copy.values.clear();
            self.0.push(copy);
        }
    }
}

impl HeadCopy {
    /// The head as it was.
    pub(crate) fn restore(&self) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(self.fields.len());
        let mut start = 0;
        for (name, end, sensitive) in &self.fields {
            let text = self.values.get(start..*end).unwrap_or_default();
            start = *end;
            // The bytes were a value before, so they are one now.
            if let Ok(mut value) = HeaderValue::from_bytes(text) {
                value.set_sensitive(*sensitive);
                headers.append(name.clone(), value);
            }
        }
        headers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_comes_back_as_it_was_and_buffers_carry_nothing_over() {
        let mut copies = HeadCopies::default();
        let mut first = HeaderMap::new();
        first.append("accept", HeaderValue::from_static("a"));
        first.append("x-none", HeaderValue::from_static(""));
        first.append("accept", HeaderValue::from_bytes(b"b\xff").unwrap());
        let mut secret = HeaderValue::from_static("Basic x");
        secret.set_sensitive(true);
        first.insert("authorization", secret);
        let copy = copies.copy(&first);
        let restored = copy.restore();
        assert_eq!(restored, first);
        assert!(restored["authorization"].is_sensitive());
        copies.take_back(copy);
        let mut second = HeaderMap::new();
        second.insert("host", HeaderValue::from_static("a.example"));
        assert_eq!(copies.copy(&second).restore(), second);
        assert!(copies.0.is_empty(), "the buffers were used again");
    }
}
