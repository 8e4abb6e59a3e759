//! All candidates of one hostname, found by path: an exact path, then regular expressions, then prefixes from the
//! longest to the shortest; gRPC calls look among the GRPCRoutes first.
//!
//! Always holds: a lookup hashes a path only at lengths that some prefix has, so many slashes in a request cost
//! nothing; no list is walked whose candidates another path would have.

use std::sync::Arc;

use crate::candidate::{Candidate, Target};
use crate::choices::Choices;
use crate::grpc::{Call, Services};
use crate::hosts::Lengths;
use crate::regexes::Regexes;
use crate::{Map, Request};

/// Candidates of one hostname.
#[derive(Debug, Default)]
pub(crate) struct Bucket {
    /// In order of precedence. Hostnames of one rule share them.
    all: Box<[Arc<Candidate>]>,
    grpc: Option<Box<Services>>,
    exact: Map<Box<[u8]>, Choices>,
    regex: Option<Box<Regexes>>,
    prefix: Map<Box<[u8]>, Choices>,
    prefix_lengths: Lengths,
    /// The prefix `/`, which most routes have: not worth a hash.
    root: Option<Choices>,
}

/// What a bucket finds: the candidate and, for a prefix, its length in bytes.
pub(crate) type Hit<'a> = (&'a Candidate, Option<usize>);

/// The same with the candidate's number.
type Numbered = (u32, Option<usize>);

impl Bucket {
    /// Sorts candidates into a bucket; one that is there twice is kept once.
    pub(crate) fn compile(mut all: Vec<Arc<Candidate>>) -> Self {
        all.sort_by(|a, b| a.key.compare(&b.key).0);
        all.dedup_by(|a, b| Arc::ptr_eq(a, b));
        let mut bucket = Self::default();
        for (number, candidate) in (0_u32..).zip(&all) {
            bucket.push(&candidate.target, number);
        }
        bucket.finish(&all);
        bucket.all = all.into();
        bucket
    }

    /// The candidates, in order of precedence.
    pub(crate) fn candidates(&self) -> &[Arc<Candidate>] {
        &self.all
    }

    /// Adds a candidate; numbers must come in ascending order.
    fn push(&mut self, target: &Target, number: u32) {
        match target {
            Target::Exact(path) => self.exact.entry(path.as_bytes().into()).or_default().push(number),
            Target::Regex(pattern) => self.regex.get_or_insert_default().push(pattern, number),
            Target::Prefix(path) if path.is_empty() => self.root.get_or_insert_default().push(number),
            Target::Prefix(path) => {
                self.prefix_lengths.insert(path.len());
                self.prefix.entry(path.as_bytes().into()).or_default().push(number);
            }
            Target::Grpc { service, method } => {
                self.grpc.get_or_insert_default().push(service.as_ref(), method.as_ref(), number);
            }
        }
    }

    /// Splits long lists; called once after the last candidate.
    fn finish(&mut self, candidates: &[Arc<Candidate>]) {
        for choices in self.exact.values_mut().chain(self.prefix.values_mut()).chain(self.root.as_mut()) {
            choices.finish(candidates);
        }
        if let Some(services) = &mut self.grpc {
            services.finish(candidates);
        }
    }

    /// The winner among the candidates that hold.
    pub(crate) fn find(&self, request: &Request<'_>) -> Option<Hit<'_>> {
        let (number, prefix_len) = self.number(request)?;
        Some((self.all.get(number as usize)?, prefix_len))
    }

    fn number(&self, request: &Request<'_>) -> Option<Numbered> {
        let all = &*self.all;
        if let Some(services) = &self.grpc
            && let Some(call) = Call::of(request)
            && let Some(number) = services.find(all, request, call)
        {
            return Some((number, None));
        }
        let path = request.path.as_bytes();
        if !self.exact.is_empty()
            && let Some(number) = self.exact.get(path).and_then(|choices| choices.find(all, request))
        {
            return Some((number, None));
        }
        if let Some(regexes) = self.regex.as_deref()
            && let Some(number) = regexes.find(all, request)
        {
            return Some((number, None));
        }
        if !self.prefix.is_empty()
            && let Some(hit) = self.find_prefix(request)
        {
            return Some(hit);
        }
        let root = self.root.as_ref().filter(|_| path.starts_with(b"/"))?;
        root.find(all, request).map(|number| (number, Some(0)))
    }

    /// Prefixes of at least one segment.
    fn find_prefix(&self, request: &Request<'_>) -> Option<Numbered> {
        let path = request.path.as_bytes();
        let mut end = path.len();
        if end > self.prefix_lengths.longest() {
            end = slash_before(path, self.prefix_lengths.longest() + 1)?;
        }
        loop {
            if self.prefix_lengths.has(end)
                && let Some(choices) = path.get(..end).and_then(|head| self.prefix.get(head))
                && let Some(number) = choices.find(&self.all, request)
            {
                return Some((number, Some(end)));
            }
            end = slash_before(path, end)?;
        }
    }
}

/// The last `/` in front of `end`: where a prefix by whole segments may end.
fn slash_before(path: &[u8], end: usize) -> Option<usize> {
    path.get(..end)?.iter().rposition(|byte| *byte == b'/')
}
