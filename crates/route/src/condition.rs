//! Conditions on headers and query parameters. Compiled with the table, asked for the few candidates that a host and
//! a path have left.
//!
//! Always holds: only the first condition of a name counts (Gateway API `HTTPHeaderMatch`, `HTTPQueryParamMatch`),
//! header names are compared case-insensitively, parameter names case-sensitively.

use std::sync::Arc;

use clearway_model::{HeaderMatch, QueryMatch};
use http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::query;
use crate::text::{Patterns, Text};

/// A condition on one header.
#[derive(Clone, Debug)]
pub(crate) struct HeaderCondition {
    pub(crate) name: HeaderName,
    pub(crate) value: Text,
}

impl HeaderCondition {
    pub(crate) fn holds(&self, headers: &HeaderMap) -> bool {
        let mut fields = headers.get_all(&self.name).iter();
        let Some(first) = fields.next() else { return false };
        if fields.next().is_none() {
            return self.value.covers(first.as_bytes());
        }
        let fields = headers.get_all(&self.name).iter();
        match &self.value {
            Text::Exact(want) => joined_is(fields, want.as_bytes()),
            Text::Regex(pattern) => pattern.covers(&joined(fields)),
        }
    }
}

/// The value of all fields of one name as one (RFC 9110 section 5.3).
pub(crate) fn joined<'a>(fields: impl Iterator<Item = &'a HeaderValue>) -> Vec<u8> {
    let mut value = Vec::new();
    for (number, field) in fields.enumerate() {
        if number > 0 {
            value.push(b',');
        }
        value.extend_from_slice(field.as_bytes());
    }
    value
}

/// Whether [`joined`] of the fields is `want`, without building it.
fn joined_is<'a>(fields: impl Iterator<Item = &'a HeaderValue>, want: &[u8]) -> bool {
    let mut rest = Some(want);
    for (number, field) in fields.enumerate() {
        rest = rest
            .and_then(|rest| if number > 0 { rest.strip_prefix(b",") } else { Some(rest) })
            .and_then(|rest| rest.strip_prefix(field.as_bytes()));
    }
    rest == Some(&[])
}

/// A condition on the first query parameter of a name.
#[derive(Clone, Debug)]
pub(crate) struct QueryCondition {
    pub(crate) name: Arc<str>,
    pub(crate) value: Text,
}

impl QueryCondition {
    pub(crate) fn holds(&self, text: Option<&str>) -> bool {
        let Some(raw) = text.and_then(|text| query::first_value(text, &self.name)) else { return false };
        match &self.value {
            Text::Exact(want) => query::is(raw, want.as_bytes()),
            Text::Regex(pattern) => pattern.covers(&query::decode(raw)),
        }
    }
}

/// A condition that cannot be compiled: its number in the list, its part (`name` or `value`), and the reason.
pub(crate) type Fault = (usize, &'static str, String);

/// Compiles header conditions; `HeaderName` folds the case of names.
pub(crate) fn headers(
    matches: &[HeaderMatch],
    patterns: &mut Patterns,
) -> Result<Box<[HeaderCondition]>, Fault> {
    let mut conditions: Vec<HeaderCondition> = Vec::with_capacity(matches.len());
    for (number, one) in matches.iter().enumerate() {
        let name = HeaderName::from_bytes(one.name.as_bytes()).map_err(|_| {
            (number, "name", format!("\"{}\" is not a header name (RFC 9110 section 5.1)", one.name))
        })?;
        // Compiled even when it does not count, so that a bad expression is reported wherever it stands.
        let value = Text::compile(&one.value, patterns).map_err(|reason| (number, "value", reason))?;
        if conditions.iter().all(|earlier| earlier.name != name) {
            conditions.push(HeaderCondition { name, value });
        }
    }
    Ok(conditions.into())
}

/// Compiles query conditions.
pub(crate) fn queries(
    matches: &[QueryMatch],
    patterns: &mut Patterns,
) -> Result<Box<[QueryCondition]>, Fault> {
    let mut conditions: Vec<QueryCondition> = Vec::with_capacity(matches.len());
    for (number, one) in matches.iter().enumerate() {
        let value = Text::compile(&one.value, patterns).map_err(|reason| (number, "value", reason))?;
        if conditions.iter().all(|earlier| earlier.name != one.name) {
            conditions.push(QueryCondition { name: one.name.clone(), value });
        }
    }
    Ok(conditions.into())
}
