//! The table of one listener. The data path compiles it off the path and asks it once per request.
//!
//! Always holds: a table never changes. One that is compiled after another shares with it the hostnames none of whose
//! rules changed, and answers as if it was compiled alone.

use std::collections::HashSet;
use std::sync::Arc;

use clearway_model::{Hostname, ListenerRef, Rule};

use crate::bucket::{Bucket, Hit};
use crate::candidate::Candidate;
use crate::compile::{CompileError, candidates};
use crate::hosts::HostMap;
use crate::slots::Slots;
use crate::text::Patterns;
use crate::{Map, Request, explain};

/// The compiled rules of one listener.
#[derive(Debug)]
pub struct Table {
    pub(crate) listener: ListenerRef,
    hosts: HostMap<Arc<Bucket>>,
    pub(crate) slots: Slots,
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

/// A table of the same listener that was compiled before, without an error.
#[derive(Clone, Copy, Debug)]
pub struct Before<'a> {
    /// The table.
    pub table: &'a Table,
    /// The rules that it was compiled from.
    pub rules: &'a [&'a Rule],
    /// For each rule of the new slice its index in `rules`, if it is there unchanged, parents and matches included.
    pub same: &'a [Option<usize>],
}

impl Table {
    /// Compiles the rules that have a parent entry for `listener`; others are skipped. Indexes in answers are those
    /// of `rules`. Hostnames are taken from the parent entry as they stand and requests must be of hosts that
    /// belong to the listener, so the entry may hold either the intersections or the route's own hostnames.
    ///
    /// # Errors
    /// The first rule that cannot be compiled; see [`crate::validate`].
    pub fn compile(listener: &ListenerRef, rules: &[&Rule]) -> Result<Self, CompileError> {
        strict(Self::build(listener, rules, None))
    }

    /// As [`Table::compile`]: the same answers at the cost of what changed. Only the hostnames of rules that came, went
    /// or changed are compiled.
    ///
    /// # Errors
    /// The first rule that cannot be compiled, of those that are not the same as before.
    pub fn compile_after(
        listener: &ListenerRef,
        rules: &[&Rule],
        before: Before<'_>,
    ) -> Result<Self, CompileError> {
        strict(Self::build(listener, rules, Some(before)))
    }

    /// As [`Table::compile`], leaving out the rules that cannot be compiled, with the first fault of each.
    pub fn compile_lenient(listener: &ListenerRef, rules: &[&Rule]) -> (Self, Vec<CompileError>) {
        Self::build(listener, rules, None)
    }

    fn build(
        listener: &ListenerRef,
        rules: &[&Rule],
        before: Option<Before<'_>>,
    ) -> (Self, Vec<CompileError>) {
        let (slots, gone) = Slots::assign(rules.len(), before);
        let (mut errors, mut patterns) = (Vec::new(), Patterns::default());
        // What stands anew under each hostname that a change touches.
        let mut touched: Map<&Hostname, Vec<Arc<Candidate>>> = Map::new();
        for rule in gone.iter().filter_map(|(index, _)| before?.rules.get(*index)) {
            hostnames(listener, rule).for_each(|hostname| _ = touched.entry(hostname).or_default());
        }
        for (index, rule) in rules.iter().enumerate() {
            let is_same = before.is_some_and(|before| before.same.get(index).is_some_and(Option::is_some));
            if is_same || rule.parents.iter().all(|parent| parent.listener != *listener) {
                continue;
            }
            match candidates(rule, slots.of(index), &mut patterns) {
                Ok(compiled) => {
                    let compiled: Vec<Arc<Candidate>> = compiled.into_iter().map(Arc::new).collect();
                    for hostname in hostnames(listener, rule) {
                        touched.entry(hostname).or_default().extend(compiled.iter().cloned());
                    }
                }
                Err(error) => errors.push(error),
            }
        }
        let gone: HashSet<u32> = gone.into_iter().map(|(_, slot)| slot).collect();
        let mut hosts = before.map_or_else(HostMap::new, |before| before.table.hosts.clone());
        for (hostname, mut all) in touched {
            let stay = hosts.get(hostname).map_or(&[][..], |bucket| bucket.candidates()).iter();
            all.extend(stay.filter(|candidate| !gone.contains(&candidate.slot)).cloned());
            if all.is_empty() {
                hosts.remove(hostname);
            } else {
                hosts.insert(hostname, Arc::new(Bucket::compile(all)));
            }
        }
        (Self { listener: listener.clone(), hosts, slots }, errors)
    }

    /// The rule and match that the request takes, `None` when there is none (404, for gRPC `UNIMPLEMENTED`).
    ///
    /// Allocates nothing, with two exceptions: a regular expression on a header with several fields, or on a query
    /// value with escapes, builds the text first. The first use of a regular expression by a thread also allocates
    /// that thread's scratch space inside `regex`, about 8 KiB; threads that share a table but for the first one
    /// fetch theirs through a short lock there. Tables without regular expressions take no lock at all.
    pub fn find(&self, request: &Request<'_>) -> Option<Found> {
        let (candidate, prefix_len) = self.hit(&request.rooted())?;
        let rule = self.slots.rule(candidate.slot)?;
        Some(Found { rule, match_index: candidate.key.match_index, prefix_len })
    }

    /// As [`Table::find`], with words: what is taken and why each other rule is not. `rules` is the slice that the
    /// table was compiled from. Slow: it asks every candidate.
    pub fn explain(&self, request: &Request<'_>, rules: &[&Rule]) -> explain::Explanation {
        explain::explain(self, &request.rooted(), rules)
    }

    /// Every candidate once, in order of precedence.
    pub(crate) fn candidates(&self) -> Vec<&Candidate> {
        let mut all: Vec<&Candidate> =
            self.hosts.values().flat_map(|bucket| bucket.candidates()).map(|one| &**one).collect();
        all.sort_by(|a, b| a.key.compare(&b.key).0);
        all.dedup_by(|a, b| std::ptr::eq(*a, *b));
        all
    }

    /// The winner for a request with a path.
    pub(crate) fn hit(&self, request: &Request<'_>) -> Option<Hit<'_>> {
        self.hosts.search(request.host, |bucket| bucket.find(request))
    }
}

fn strict((table, errors): (Table, Vec<CompileError>)) -> Result<Table, CompileError> {
    errors.into_iter().next().map_or(Ok(table), Err)
}

/// The hostnames of a rule under a listener.
pub(crate) fn hostnames<'a>(
    listener: &'a ListenerRef,
    rule: &'a Rule,
) -> impl Iterator<Item = &'a Hostname> + use<'a> {
    let parents = rule.parents.iter().filter(move |parent| parent.listener == *listener);
    parents.flat_map(|parent| &parent.hostnames)
}

impl Request<'_> {
    /// The request with `/` in place of an empty path (RFC 9110 section 4.2.3).
    fn rooted(&self) -> Self {
        let path = if self.path.is_empty() { "/" } else { self.path };
        Self { path, ..*self }
    }
}
