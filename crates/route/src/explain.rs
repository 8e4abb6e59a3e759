//! Why a request takes one rule and not the others. Called by `clearway explain`; asks every candidate by the slow
//! form of the conditions, and takes the winner from the same lookup that serves traffic.
//!
//! Always holds: every rule of the slice is in the answer once, as taken or as a loser.

use std::fmt;

use clearway_model::{Hostname, Rule, RuleRef};
use serde::Serialize;

use crate::candidate::{Candidate, Target};
use crate::condition::joined;
use crate::grpc::Call;
use crate::order::{Criterion, hostname_rank};
use crate::table::Table;
use crate::{Request, query};

/// What becomes of a request in one listener.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explanation {
    /// What it takes; `None` when no rule matches.
    pub taken: Option<Taken>,
    /// All other rules, those that came nearest first.
    pub losers: Vec<Loser>,
}

/// The match that a request takes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Taken {
    /// Its rule.
    pub rule: RuleRef,
    /// Index of the match in the rule.
    pub match_index: usize,
    /// The hostname of the route that covers the host.
    pub hostname: String,
    /// The conditions that hold, in words.
    pub conditions: String,
    /// As in [`crate::Found`].
    pub prefix_len: Option<usize>,
}

/// A rule that is not taken.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Loser {
    /// The rule.
    pub rule: RuleRef,
    /// The match that came nearest; `None` when matches were not looked at.
    pub match_index: Option<usize>,
    /// The first condition of that match that does not hold, or what outdoes it.
    #[serde(flatten)]
    pub reason: Reason,
}

/// Why a rule is not taken; from the farthest to the nearest.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum Reason {
    /// It is not attached to the listener.
    NotAttached,
    /// It could not be compiled; [`crate::validate`] says why.
    Invalid,
    /// None of its hostnames covers the host.
    Hostname {
        /// The route's hostnames in this listener.
        hostnames: Vec<String>,
    },
    /// It is for gRPC calls: POST, `content-type: application/grpc`, a path `/Service/Method`.
    NotGrpc,
    /// The path, or gRPC service and method.
    Path {
        /// The condition in words.
        want: String,
    },
    /// The method.
    Method {
        /// The method that the match asks for.
        want: String,
    },
    /// A header.
    Header {
        /// Its name.
        name: String,
        /// The condition on its value.
        want: String,
        /// Its value in the request, `None` when it is missing.
        got: Option<String>,
    },
    /// A query parameter.
    Query {
        /// Its name.
        name: String,
        /// The condition on its value.
        want: String,
        /// Its decoded value in the request, `None` when it is missing.
        got: Option<String>,
    },
    /// Everything holds, but the rule that is taken takes precedence.
    LessSpecific {
        /// The rule that is taken.
        than: RuleRef,
        /// What decides between the two.
        by: Criterion,
    },
}

impl Reason {
    /// How far a match came before it lost.
    fn stage(&self) -> u8 {
        match self {
            Self::NotAttached => 0,
            Self::Invalid => 1,
            Self::Hostname { .. } => 2,
            Self::NotGrpc => 3,
            Self::Path { .. } => 4,
            Self::Method { .. } => 5,
            Self::Header { .. } => 6,
            Self::Query { .. } => 7,
            Self::LessSpecific { .. } => 8,
        }
    }
}

struct Winner<'a> {
    candidate: &'a Candidate,
    index: usize,
    rule: &'a Rule,
    hostname: Hostname,
}

pub(crate) fn explain(table: &Table, request: &Request<'_>, rules: &[&Rule]) -> Explanation {
    let hit = table.hit(request);
    let winner = hit.and_then(|(candidate, _)| {
        let index = table.slots.rule(candidate.slot)?;
        let rule = *rules.get(index)?;
        let hostname = best_hostname(&hostnames(table, rule), request.host)?;
        Some(Winner { candidate, index, rule, hostname })
    });
    let mut of_rule: Vec<Vec<&Candidate>> = vec![Vec::new(); rules.len()];
    for candidate in table.candidates() {
        if let Some(list) = table.slots.rule(candidate.slot).and_then(|index| of_rule.get_mut(index)) {
            list.push(candidate);
        }
    }
    let mut losers: Vec<Loser> = (0..)
        .zip(rules.iter().zip(&of_rule))
        .filter(|(index, _)| winner.as_ref().is_none_or(|winner| winner.index != *index))
        .map(|(_, (rule, candidates))| lose(table, request, rule, candidates, winner.as_ref()))
        .collect();
    losers.sort_by(|a, b| b.reason.stage().cmp(&a.reason.stage()).then_with(|| a.rule.cmp(&b.rule)));
    let taken = winner.map(|Winner { candidate, rule, hostname, .. }| Taken {
        rule: rule.rule.clone(),
        match_index: candidate.key.match_index,
        hostname: hostname.to_string(),
        conditions: candidate.to_string(),
        prefix_len: hit.and_then(|(_, prefix_len)| prefix_len),
    });
    Explanation { taken, losers }
}

fn hostnames(table: &Table, rule: &Rule) -> Vec<Hostname> {
    crate::table::hostnames(&table.listener, rule).cloned().collect()
}

fn best_hostname(hostnames: &[Hostname], host: &str) -> Option<Hostname> {
    hostnames.iter().filter(|hostname| hostname.covers(host)).max_by_key(|name| hostname_rank(name)).cloned()
}

fn lose(
    table: &Table,
    request: &Request<'_>,
    rule: &Rule,
    candidates: &[&Candidate],
    winner: Option<&Winner<'_>>,
) -> Loser {
    let without_match = |reason| Loser { rule: rule.rule.clone(), match_index: None, reason };
    let hostnames = hostnames(table, rule);
    if rule.parents.iter().all(|parent| parent.listener != table.listener) {
        return without_match(Reason::NotAttached);
    }
    if candidates.is_empty() && !hostnames.is_empty() {
        return without_match(Reason::Invalid);
    }
    let Some(hostname) = best_hostname(&hostnames, request.host) else {
        let hostnames = hostnames.iter().map(Hostname::to_string).collect();
        return without_match(Reason::Hostname { hostnames });
    };
    // Candidates come in order of precedence: of equally near misses the one that would win is named.
    let mut nearest: Option<Loser> = None;
    for candidate in candidates {
        let reason = miss(candidate, request).or_else(|| outdone(candidate, &hostname, winner));
        let Some(reason) = reason else { continue };
        if nearest.as_ref().is_none_or(|loser| loser.reason.stage() < reason.stage()) {
            let match_index = Some(candidate.key.match_index);
            nearest = Some(Loser { rule: rule.rule.clone(), match_index, reason });
        }
    }
    nearest.unwrap_or_else(|| without_match(Reason::Invalid))
}

/// The first condition that does not hold.
fn miss(candidate: &Candidate, request: &Request<'_>) -> Option<Reason> {
    let call = Call::of(request);
    if matches!(candidate.target, Target::Grpc { .. }) && call.is_none() {
        return Some(Reason::NotGrpc);
    }
    if !candidate.target.covers(request.path, call) {
        return Some(Reason::Path { want: candidate.target.to_string() });
    }
    if let Some(method) = candidate.method.as_ref().filter(|method| *method != request.method) {
        return Some(Reason::Method { want: method.to_string() });
    }
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if let Some(header) = candidate.headers.iter().find(|header| !header.holds(request.headers)) {
        let fields = request.headers.get_all(&header.name);
        let got = request.headers.contains_key(&header.name).then(|| text(&joined(fields.iter())));
        return Some(Reason::Header { name: header.name.to_string(), want: header.value.to_string(), got });
    }
    let query = candidate.queries.iter().find(|query| !query.holds(request.query))?;
    let got = request.query.and_then(|raw| query::first_value(raw, &query.name));
    let got = got.map(|raw| text(&query::decode(raw)));
    Some(Reason::Query { name: query.name.to_string(), want: query.value.to_string(), got })
}

fn outdone(candidate: &Candidate, hostname: &Hostname, winner: Option<&Winner<'_>>) -> Option<Reason> {
    let winner = winner?;
    let by = if hostname_rank(hostname) == hostname_rank(&winner.hostname) {
        winner.candidate.key.compare(&candidate.key).1
    } else {
        Criterion::Hostname
    };
    Some(Reason::LessSpecific { than: winner.rule.rule.clone(), by })
}

impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.target)?;
        if let Some(method) = &self.method {
            write!(f, ", method {method}")?;
        }
        for header in &self.headers {
            write!(f, ", header {} is {}", header.name, header.value)?;
        }
        for query in &self.queries {
            write!(f, ", query parameter {} is {}", query.name, query.value)?;
        }
        Ok(())
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let other = |f: &mut fmt::Formatter<'_>, what: &str, name: &str, want: &str, got: &Option<String>| {
            match got {
                Some(got) => write!(f, "{what}: {name} is \"{got}\", not {want}"),
                None => write!(f, "{what}: there is no {name}; it wants {want}"),
            }
        };
        match self {
            Self::NotAttached => f.write_str("not attached to this listener"),
            Self::Invalid => f.write_str("refused: it cannot be compiled"),
            Self::Hostname { hostnames } => write!(f, "hostname: it is for {}", hostnames.join(", ")),
            Self::NotGrpc => f.write_str("the request is not a gRPC call"),
            Self::Path { want } => write!(f, "path: it wants {want}"),
            Self::Method { want } => write!(f, "method: it wants {want}"),
            Self::Header { name, want, got } => other(f, "header", name, want, got),
            Self::Query { name, want, got } => other(f, "query parameter", name, want, got),
            Self::LessSpecific { than, by } => write!(f, "less specific: {than} wins by {}", by.as_str()),
        }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.taken {
            Some(Taken { rule, match_index, hostname, conditions, .. }) => {
                writeln!(f, "{rule} is taken by match {match_index}: hostname {hostname}, {conditions}")?;
            }
            None => writeln!(f, "no rule matches")?,
        }
        for Loser { rule, match_index, reason } in &self.losers {
            match match_index {
                Some(index) => writeln!(f, "  not {rule}, match {index}: {reason}")?,
                None => writeln!(f, "  not {rule}: {reason}")?,
            }
        }
        Ok(())
    }
}
