//! The candidates that one path leaves, which differ in method, headers and query only. Where they are many (tenants
//! told apart by a header under `/`), they are looked up by that header's value.
//!
//! Always holds: each list is in order of precedence, and the smallest number among the lists that apply wins.

use std::sync::Arc;

use http::header::HeaderName;

use crate::candidate::Candidate;
use crate::text::Text;
use crate::{Map, Request};

/// From this many candidates on, a list is split by a header.
const SPLIT_FROM: usize = 16;

/// The candidates of one path, or of one gRPC service and method.
#[derive(Debug, Default)]
pub(crate) struct Choices {
    all: Vec<u32>,
    by_header: Option<Box<ByHeader>>,
}

/// The same candidates by the value that they want a header to equal.
#[derive(Debug)]
struct ByHeader {
    name: HeaderName,
    values: Map<Box<[u8]>, Vec<u32>>,
    /// Those that do not want it to equal anything.
    rest: Vec<u32>,
}

impl Choices {
    /// Adds a candidate; numbers must come in ascending order.
    pub(crate) fn push(&mut self, number: u32) {
        self.all.push(number);
    }

    /// Splits a long list by the header that most of its candidates want to equal something.
    pub(crate) fn finish(&mut self, candidates: &[Arc<Candidate>]) {
        self.all.shrink_to_fit();
        if self.all.len() < SPLIT_FROM {
            return;
        }
        let mut uses: Map<&HeaderName, usize> = Map::new();
        for candidate in self.all.iter().filter_map(|number| candidates.get(*number as usize)) {
            for (name, _) in exact_headers(candidate) {
                *uses.entry(name).or_default() += 1;
            }
        }
        // The name breaks ties, so that equal configurations give equal tables.
        let best = uses.into_iter().max_by_key(|(name, count)| (*count, name.as_str()));
        let Some((name, _)) = best.filter(|(_, count)| *count >= self.all.len() / 2) else { return };
        let mut split = ByHeader { name: name.clone(), values: Map::new(), rest: Vec::new() };
        for number in &self.all {
            let candidate = candidates.get(*number as usize);
            match candidate.and_then(|candidate| exact_headers(candidate).find(|(used, _)| *used == name)) {
                Some((_, value)) => split.values.entry(value.into()).or_default().push(*number),
                None => split.rest.push(*number),
            }
        }
        self.by_header = Some(Box::new(split));
    }

    /// The first candidate whose conditions beside the path hold.
    pub(crate) fn find(&self, candidates: &[Arc<Candidate>], request: &Request<'_>) -> Option<u32> {
        let first = |numbers: &[u32], bound: u32| {
            numbers.iter().copied().take_while(|number| *number < bound).find(|number| {
                candidates.get(*number as usize).is_some_and(|candidate| candidate.rest_holds(request))
            })
        };
        let Some(ByHeader { name, values, rest }) = self.by_header.as_deref() else {
            return first(&self.all, u32::MAX);
        };
        let mut fields = request.headers.get_all(name).iter();
        let value = fields.next().map(http::HeaderValue::as_bytes);
        if fields.next().is_some() {
            // Several fields are compared joined, which the lists by value do not know.
            return first(&self.all, u32::MAX);
        }
        let wanted = value.and_then(|value| values.get(value)).and_then(|numbers| first(numbers, u32::MAX));
        first(rest, wanted.unwrap_or(u32::MAX)).or(wanted)
    }
}

fn exact_headers(candidate: &Candidate) -> impl Iterator<Item = (&HeaderName, &[u8])> {
    candidate.headers.iter().filter_map(|condition| match &condition.value {
        Text::Exact(value) => Some((&condition.name, value.as_bytes())),
        Text::Regex(_) => None,
    })
}
