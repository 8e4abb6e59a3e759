//! From rules to sorted candidates. The table compiles a listener's rules with it; `translate` checks single rules.
//!
//! Always holds: a rule compiles whole or not at all, and the error names its object, its field and the reason.

use std::fmt;
use std::sync::Arc;

use clearway_model::{HeaderMatch, Match, PathMatch, Rule, RuleRef};
use http::Method;

use crate::candidate::{Candidate, Target};
use crate::condition::{Fault, headers, queries};
use crate::order::{Key, Narrowness, Specifics};
use crate::text::{Patterns, Text};

/// A rule that cannot be served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompileError {
    /// The rule.
    pub rule: RuleRef,
    /// The field in the route object, such as `spec.rules[0].matches[1].headers[0].value`.
    pub field: String,
    /// What is wrong with it.
    pub reason: String,
}

impl fmt::Display for CompileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.rule.route, self.field, self.reason)
    }
}

impl std::error::Error for CompileError {}

/// Whether a rule's matches can be compiled: regular expressions that parse and stay within the size limit (1 MiB
/// compiled), paths that begin with `/`, header names and methods that are tokens (RFC 9110 section 5.6.2).
///
/// # Errors
/// The first fault of the rule. A rule that passes here compiles in every table.
pub fn validate(rule: &Rule) -> Result<(), CompileError> {
    candidates(rule, 0, &mut Patterns::default()).map(|_| ())
}

/// The candidates of one rule, one for each match.
pub(crate) fn candidates(
    rule: &Rule,
    slot: u32,
    patterns: &mut Patterns,
) -> Result<Vec<Candidate>, CompileError> {
    let compile = |(index, one): (usize, &Match)| {
        candidate(rule, (slot, index), one, patterns).map_err(|(field, reason)| CompileError {
            rule: rule.rule.clone(),
            field: format!("spec.rules[{}].matches[{index}].{field}", rule.rule.index),
            reason,
        })
    };
    rule.matches.iter().enumerate().map(compile).collect()
}

/// Field within the match, and reason.
type MatchFault = (String, String);

fn candidate(
    rule: &Rule,
    (slot, match_index): (u32, usize),
    one: &Match,
    patterns: &mut Patterns,
) -> Result<Candidate, MatchFault> {
    let conditions = header_list(one);
    let headers = headers(conditions, patterns).map_err(|fault| in_list("headers", fault))?;
    let (target, method, queries, specifics) = match one {
        Match::Http { path, query, method, .. } => {
            let (target, narrowness) = path_target(path, patterns)?;
            let queries = queries(query, patterns).map_err(|fault| in_list("queryParams", fault))?;
            let method = method.as_deref().map(parse_method).transpose()?;
            let specifics =
                Specifics::Http { path: narrowness, method: method.is_some(), queries: queries.len() };
            (target, method, queries, specifics)
        }
        Match::Grpc { method, .. } => {
            let method = method.as_ref();
            let (service, narrow_service) =
                name(method.and_then(|one| one.service.as_ref()), "method.service", patterns)?;
            let (method, narrow_method) =
                name(method.and_then(|one| one.method.as_ref()), "method.method", patterns)?;
            let specifics = Specifics::Grpc { service: narrow_service, method: narrow_method };
            (Target::Grpc { service, method }, None, Box::default(), specifics)
        }
    };
    let key = Key {
        specifics,
        headers: headers.len(),
        created: rule.created,
        route: rule.rule.route.clone(),
        rule_index: rule.rule.index,
        match_index,
    };
    Ok(Candidate { slot, target, method, headers, queries, key })
}

fn header_list(one: &Match) -> &[HeaderMatch] {
    let (Match::Http { headers, .. } | Match::Grpc { headers, .. }) = one;
    headers
}

fn in_list(list: &str, (number, part, reason): Fault) -> MatchFault {
    (format!("{list}[{number}].{part}"), reason)
}

fn path_target(path: &PathMatch, patterns: &mut Patterns) -> Result<(Target, Narrowness), MatchFault> {
    let fault = |reason| ("path.value".to_owned(), reason);
    match path {
        PathMatch::Regex(source) => {
            let pattern = patterns.get(source).map_err(fault)?;
            Ok((Target::Regex(pattern), Narrowness::regex(source)))
        }
        PathMatch::Exact(text) | PathMatch::Prefix(text) if !text.starts_with('/') => {
            Err(fault(format!("\"{text}\" does not begin with /")))
        }
        PathMatch::Exact(text) => Ok((Target::Exact(text.clone()), Narrowness::exact(text))),
        PathMatch::Prefix(text) => {
            let stem: Arc<str> = text.strip_suffix('/').map_or_else(|| text.clone(), Arc::from);
            let narrowness = Narrowness::prefix(&stem);
            Ok((Target::Prefix(stem), narrowness))
        }
    }
}

fn parse_method(name: &str) -> Result<Method, MatchFault> {
    Method::from_bytes(name.as_bytes())
        .map_err(|_| ("method".to_owned(), format!("\"{name}\" is not a method (RFC 9110 section 9.1)")))
}

fn name(
    condition: Option<&clearway_model::TextMatch>,
    field: &str,
    patterns: &mut Patterns,
) -> Result<(Option<Text>, Narrowness), MatchFault> {
    let Some(condition) = condition else { return Ok((None, Narrowness::NONE)) };
    let text = Text::compile(condition, patterns).map_err(|reason| (field.to_owned(), reason))?;
    let narrowness = match &text {
        Text::Exact(exact) => Narrowness::exact(exact),
        Text::Regex(pattern) => Narrowness::regex(pattern.source()),
    };
    Ok((Some(text), narrowness))
}
