//! Regular expressions on the path, found by the literal segments that they begin with: of ten thousand expressions
//! such as `/api/users/[0-9]+` only those under `/api/users/` are run.
//!
//! Always holds: each list is in order of precedence, and the smallest number among the lists that apply wins.

use std::sync::Arc;

use crate::candidate::{Candidate, Target};
use crate::hosts::Lengths;
use crate::text::Pattern;
use crate::{Map, Request};

/// Candidates with a regular expression for the path.
#[derive(Debug, Default)]
pub(crate) struct Regexes {
    /// By the literal head of the expression up to its last `/`.
    keyed: Map<Box<[u8]>, Vec<u32>>,
    key_lengths: Lengths,
    /// Those that begin with no whole literal segment.
    open: Vec<u32>,
}

impl Regexes {
    /// Adds a candidate; numbers must come in ascending order.
    pub(crate) fn push(&mut self, pattern: &Pattern, number: u32) {
        let head = pattern.head();
        let end = head.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
        // Every path begins with `/`: as a key it would tell nothing apart.
        let Some(key) = head.get(..end).filter(|key| key.len() > 1) else { return self.open.push(number) };
        self.key_lengths.insert(key.len());
        match self.keyed.get_mut(key) {
            Some(numbers) => numbers.push(number),
            None => drop(self.keyed.insert(key.into(), vec![number])),
        }
    }

    /// The winner among the candidates whose expression covers the path and whose other conditions hold.
    pub(crate) fn find(&self, all: &[Arc<Candidate>], request: &Request<'_>) -> Option<u32> {
        let path = request.path.as_bytes();
        let mut best = first_below(u32::MAX, &self.open, all, request);
        for (slash, _) in
            path.iter().enumerate().take(self.key_lengths.longest()).filter(|(_, b)| **b == b'/')
        {
            if self.key_lengths.has(slash + 1)
                && let Some(numbers) = path.get(..=slash).and_then(|key| self.keyed.get(key))
            {
                best = first_below(best.unwrap_or(u32::MAX), numbers, all, request).or(best);
            }
        }
        best
    }
}

/// The first of a list that holds and is smaller than `bound`.
fn first_below(bound: u32, numbers: &[u32], all: &[Arc<Candidate>], request: &Request<'_>) -> Option<u32> {
    // Neighbours often share their expression and differ in a header: it runs once for them.
    let mut known: Option<(&Pattern, bool)> = None;
    numbers.iter().copied().take_while(|number| *number < bound).find(|number| {
        let Some(candidate) = all.get(*number as usize) else { return false };
        let Target::Regex(pattern) = &candidate.target else { return false };
        let covers = match known {
            Some((last, answer)) if last.is(pattern) => answer,
            _ => pattern.covers(request.path.as_bytes()),
        };
        known = Some((pattern, covers));
        covers && candidate.rest_holds(request)
    })
}
