//! The table of one listener. The data path compiles it off the path and asks it once per request.
//!
//! Always holds: a table never changes; the numbers of its candidates are their order of precedence.

use clearway_model::{ListenerRef, Rule};

use crate::bucket::{Bucket, Hit};
use crate::candidate::Candidate;
use crate::compile::{CompileError, candidates};
use crate::grpc::Call;
use crate::hosts::HostMap;
use crate::order::Specifics;
use crate::text::Patterns;
use crate::{Request, explain};

/// The compiled rules of one listener.
#[derive(Debug)]
pub struct Table {
    pub(crate) listener: ListenerRef,
    /// In order of precedence.
    pub(crate) candidates: Vec<Candidate>,
    hosts: HostMap<Bucket>,
    has_grpc: bool,
}

/// The rule and match that a request takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// Index of the rule in the slice that the table was compiled from.
    pub rule: usize,
    /// Index of the match in [`Rule::matches`].
    pub match_index: usize,
    /// For a PathPrefix match the length in bytes of the prefix at the left of the path, without a trailing `/` of
    /// the prefix: 0 for `/`, 4 for `/foo` and for `/foo/`. What follows in the path, the rest that
    /// `ReplacePrefixMatch` keeps, is empty or begins with `/`. `None` for every other kind of match. Never greater
    /// than the length of the path.
    pub prefix_len: Option<usize>,
}

impl Table {
    /// Compiles the rules that have a parent entry for `listener`; others are skipped. Indexes in answers are those
    /// of `rules`. Hostnames are taken from the parent entry as they stand and requests must be of hosts that
    /// belong to the listener, so the entry may hold either the intersections or the route's own hostnames.
    ///
    /// # Errors
    /// The first rule that cannot be compiled; see [`crate::validate`].
    pub fn compile(listener: &ListenerRef, rules: &[&Rule]) -> Result<Self, CompileError> {
        let (table, errors) = Self::compile_lenient(listener, rules);
        errors.into_iter().next().map_or(Ok(table), Err)
    }

    /// As [`Table::compile`], leaving out the rules that cannot be compiled, with the first fault of each.
    pub fn compile_lenient(listener: &ListenerRef, rules: &[&Rule]) -> (Self, Vec<CompileError>) {
        let (mut all, mut errors, mut patterns) = (Vec::new(), Vec::new(), Patterns::default());
        for (number, rule) in rules.iter().enumerate() {
            if rule.parents.iter().any(|parent| parent.listener == *listener) {
                match candidates(rule, number, &mut patterns) {
                    Ok(compiled) => all.extend(compiled),
                    Err(error) => errors.push(error),
                }
            }
        }
        all.sort_by(|a, b| a.key.compare(&b.key).0);
        let mut hosts: HostMap<Bucket> = HostMap::new();
        for (number, candidate) in (0_u32..).zip(&all) {
            let parents = rules.get(candidate.rule).map_or(&[][..], |rule| rule.parents.as_slice());
            for hostname in parents
                .iter()
                .filter(|parent| parent.listener == *listener)
                .flat_map(|parent| &parent.hostnames)
            {
                hosts.entry(hostname, Bucket::default).push(&candidate.target, number);
            }
        }
        hosts.values_mut().for_each(|bucket| bucket.finish(&all));
        let has_grpc = all.iter().any(|one| matches!(one.key.specifics, Specifics::Grpc { .. }));
        (Self { listener: listener.clone(), candidates: all, hosts, has_grpc }, errors)
    }

    /// The rule and match that the request takes, `None` when there is none (404, for gRPC `UNIMPLEMENTED`).
    ///
    /// Allocates nothing, with two exceptions: a regular expression on a header with several fields, or on a query
    /// value with escapes, builds the text first. The first use of a regular expression by a thread also allocates
    /// that thread's scratch space inside `regex`, about 8 KiB; threads that share a table but for the first one
    /// fetch theirs through a short lock there. Tables without regular expressions take no lock at all.
    pub fn find(&self, request: &Request<'_>) -> Option<Found> {
        let (number, prefix_len) = self.hit(&request.rooted())?;
        let candidate = self.candidates.get(number as usize)?;
        Some(Found { rule: candidate.rule, match_index: candidate.key.match_index, prefix_len })
    }

    /// As [`Table::find`], with words: what is taken and why each other rule is not. `rules` is the slice that the
    /// table was compiled from. Slow: it asks every candidate.
    pub fn explain(&self, request: &Request<'_>, rules: &[&Rule]) -> explain::Explanation {
        explain::explain(self, &request.rooted(), rules)
    }

    /// The winner's number for a request with a path.
    pub(crate) fn hit(&self, request: &Request<'_>) -> Option<Hit> {
        let call = if self.has_grpc { Call::of(request) } else { None };
        self.hosts.search(request.host, |bucket| bucket.find(&self.candidates, request, call))
    }
}

impl Request<'_> {
    /// The request with `/` in place of an empty path (RFC 9110 section 4.2.3).
    fn rooted(&self) -> Self {
        let path = if self.path.is_empty() { "/" } else { self.path };
        Self { path, ..*self }
    }
}
