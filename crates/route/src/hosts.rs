//! Host lookup: exact name, then the longest wildcard, then any. The data path asks it for the listener of an SNI
//! name or a `Host`, the table for the rules of a host.
//!
//! Always holds: a lookup hashes only suffixes whose length some wildcard has, so its cost is bounded by the
//! configuration and not by the dots a client sends.

use std::sync::Arc;

use clearway_model::Hostname;

use crate::Map;

/// Values by hostname. A copy shares the names.
#[derive(Clone, Debug)]
pub(crate) struct HostMap<T> {
    exact: Map<Arc<[u8]>, T>,
    wildcard: Map<Arc<[u8]>, T>,
    wildcard_lengths: Lengths,
    any: Option<T>,
}

impl<T> HostMap<T> {
    pub(crate) fn new() -> Self {
        Self { exact: Map::new(), wildcard: Map::new(), wildcard_lengths: Lengths::default(), any: None }
    }

    /// Calls `visit` with the value of each hostname that covers `host`, the most specific first, until it answers.
    pub(crate) fn search<'a, R>(
        &'a self,
        host: &str,
        mut visit: impl FnMut(&'a T) -> Option<R>,
    ) -> Option<R> {
        let host = host.as_bytes();
        if !self.exact.is_empty()
            && let Some(found) = self.exact.get(host).and_then(&mut visit)
        {
            return Some(found);
        }
        if !self.wildcard.is_empty() {
            // A wildcard stands for at least one byte before the dot: a dot in front of everything covers nothing.
            for dot in (1..host.len()).filter(|at| host.get(*at) == Some(&b'.')) {
                let suffix = host.get(dot + 1..).unwrap_or_default();
                if self.wildcard_lengths.has(suffix.len())
                    && let Some(found) = self.wildcard.get(suffix).and_then(&mut visit)
                {
                    return Some(found);
                }
            }
        }
        self.any.as_ref().and_then(visit)
    }

    /// The value of this very hostname.
    pub(crate) fn get(&self, hostname: &Hostname) -> Option<&T> {
        match hostname {
            Hostname::Exact(name) => self.exact.get(name.as_bytes()),
            Hostname::Wildcard(suffix) => self.wildcard.get(suffix.as_bytes()),
            Hostname::Any => self.any.as_ref(),
        }
    }

    /// Gives this very hostname another value.
    pub(crate) fn insert(&mut self, hostname: &Hostname, value: T) {
        match hostname {
            Hostname::Exact(name) => _ = self.exact.insert(name.as_bytes().into(), value),
            Hostname::Wildcard(suffix) => {
                self.wildcard_lengths.insert(suffix.len());
                self.wildcard.insert(suffix.as_bytes().into(), value);
            }
            Hostname::Any => self.any = Some(value),
        }
    }

    /// Every value.
    pub(crate) fn values(&self) -> impl Iterator<Item = &T> {
        self.exact.values().chain(self.wildcard.values()).chain(self.any.as_ref())
    }

    /// Takes this very hostname out.
    pub(crate) fn remove(&mut self, hostname: &Hostname) {
        match hostname {
            Hostname::Exact(name) => _ = self.exact.remove(name.as_bytes()),
            Hostname::Wildcard(suffix) => {
                self.wildcard.remove(suffix.as_bytes());
                self.wildcard_lengths = Lengths::default();
                self.wildcard.keys().for_each(|key| self.wildcard_lengths.insert(key.len()));
            }
            Hostname::Any => self.any = None,
        }
    }
}

/// A set of key lengths: tells without hashing that no key of a length exists.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lengths {
    words: Vec<u64>,
    longest: usize,
}

impl Lengths {
    pub(crate) fn insert(&mut self, length: usize) {
        let word = length / 64;
        if self.words.len() <= word {
            self.words.resize(word + 1, 0);
        }
        if let Some(bits) = self.words.get_mut(word) {
            *bits |= 1 << (length % 64);
        }
        self.longest = self.longest.max(length);
    }

    pub(crate) fn has(&self, length: usize) -> bool {
        self.words.get(length / 64).is_some_and(|bits| bits >> (length % 64) & 1 == 1)
    }

    /// The greatest length in the set; 0 for an empty set.
    pub(crate) fn longest(&self) -> usize {
        self.longest
    }
}

/// The listeners of one port by hostname (listener isolation: a host belongs to exactly one of them).
///
/// The data path asks twice: with the SNI name when TLS begins, and with the `Host` of each request. When the two
/// answers differ, the request came over another listener's connection and is answered 421 (RFC 9110
/// section 15.5.20).
#[derive(Debug)]
pub struct ListenerIndex {
    hosts: HostMap<usize>,
}

impl ListenerIndex {
    /// Indexes listeners, each a caller's number with its hostname. Of two with one hostname the first is kept:
    /// such listeners are in conflict and `translate` refuses all but one of them.
    pub fn compile(listeners: &[(usize, &Hostname)]) -> Self {
        let mut hosts = HostMap::new();
        for (number, hostname) in listeners.iter().rev() {
            hosts.insert(hostname, *number);
        }
        Self { hosts }
    }

    /// The number of the listener that `host` belongs to: exact name, else longest wildcard, else any. `host` is in
    /// lower case without a port; it is empty when there is no SNI, which only a listener for any host answers.
    pub fn find(&self, host: &str) -> Option<usize> {
        self.hosts.search(host, |number| Some(*number))
    }
}

#[cfg(test)]
mod tests {
    use super::{Hostname, Lengths, ListenerIndex};

    #[test]
    fn exact_beats_the_longest_wildcard_beats_any() {
        let names = ["*", "*.example.com", "*.foo.example.com", "abc.foo.example.com", "10.0.0.1"];
        let hostnames: Vec<Hostname> = names.iter().map(|name| Hostname::parse(name)).collect();
        let listeners: Vec<(usize, &Hostname)> = hostnames.iter().enumerate().collect();
        let index = ListenerIndex::compile(&listeners);
        let cases = [
            ("bar.com", 0),
            ("", 0),
            ("example.com", 0),
            (".example.com", 0),
            ("bar.example.com", 1),
            ("foo.example.com", 1),
            ("a.b.c.example.com", 1),
            ("bar.foo.example.com", 2),
            ("a..foo.example.com", 2),
            ("abc.foo.example.com", 3),
            ("x.abc.foo.example.com", 2),
            ("10.0.0.1", 4),
        ];
        for (host, want) in cases {
            assert_eq!(index.find(host), Some(want), "{host}");
        }
    }

    #[test]
    fn without_a_listener_for_any_host_others_belong_to_nobody_and_the_first_of_two_equals_stays() {
        let (a, b) = (Hostname::parse("*.example.com"), Hostname::parse("shop.example.com"));
        let index = ListenerIndex::compile(&[(7, &a), (8, &b), (9, &b)]);
        assert_eq!(index.find("shop.example.com"), Some(8));
        assert_eq!(index.find("x.example.com"), Some(7));
        assert_eq!(index.find("example.com"), None);
        assert_eq!(index.find(""), None);
        assert_eq!(ListenerIndex::compile(&[]).find("shop.example.com"), None);
    }

    #[test]
    fn lengths_know_just_what_was_inserted() {
        let mut lengths = Lengths::default();
        assert!(!lengths.has(0));
        for length in [0, 63, 64, 200] {
            lengths.insert(length);
        }
        let held: Vec<usize> = (0..400).filter(|length| lengths.has(*length)).collect();
        assert_eq!(held, [0, 63, 64, 200]);
        assert_eq!(lengths.longest(), 200);
    }
}
