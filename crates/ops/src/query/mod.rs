//! PromQL as values: parsed once, asked many times.
//!
//! [`crate::lint`] and the rooms that make queries call it. What always holds: a [`Query`] parses; the parser is of
//! Prometheus 3, and promtool has the last word on what it does not know yet.

mod facts;
mod grafana;
#[cfg(test)]
mod tests;

use std::fmt;
use std::time::Duration;

use promql_parser::parser::{self, Expr};

pub(crate) use facts::walk;
pub use facts::{Grouping, Join, Selector};
pub use grafana::{INTERVAL, RANGE, RATE_INTERVAL};

/// Why a text is no query.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is no PromQL: {reason}")]
pub struct QueryError {
    /// What the parser says.
    pub reason: String,
}

/// A query that parses.
#[derive(Clone, Debug)]
pub struct Query {
    text: String,
    expr: Expr,
}

impl Query {
    /// A query as Prometheus takes it: of rules and pages.
    pub fn parse(text: &str) -> Result<Self, QueryError> {
        let expr = parser::parse(text).map_err(|reason| QueryError { reason })?;
        Ok(Self { text: text.to_owned(), expr })
    }

    /// A query of a dashboard. Grafana fills its variables before Prometheus sees it: those that stand for durations
    /// become [`RATE_INTERVAL`], [`INTERVAL`] and [`RANGE`], those inside of matchers stay as they are.
    pub fn parse_panel(text: &str) -> Result<Self, QueryError> {
        let filled = Self::parse(&grafana::fill(text))?;
        Ok(Self { text: text.to_owned(), ..filled })
    }

    /// The text as given.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The tree.
    pub fn expr(&self) -> &Expr {
        &self.expr
    }

    /// Every selector of series, from left to right.
    pub fn selectors(&self) -> Vec<Selector<'_>> {
        facts::selectors(&self.expr)
    }

    /// The same for a part of a tree.
    pub(crate) fn selectors_of(part: &Expr) -> Vec<Selector<'_>> {
        facts::selectors(part)
    }

    /// Every aggregation that names labels, from left to right, outer ones first.
    pub fn groupings(&self) -> Vec<Grouping<'_>> {
        facts::groupings(&self.expr)
    }

    /// Every operator that says by which labels its sides are joined.
    pub fn joins(&self) -> Vec<Join<'_>> {
        facts::joins(&self.expr)
    }

    /// The names of all functions, from left to right, outer ones first.
    pub fn functions(&self) -> Vec<&'static str> {
        facts::functions(&self.expr)
    }

    /// Every range in brackets, of selectors and of subqueries.
    pub fn ranges(&self) -> Vec<Duration> {
        facts::ranges(&self.expr)
    }
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Whether a matcher's value is filled in by Grafana, so that nothing can be said about it.
pub fn is_variable(value: &str) -> bool {
    value.contains('$') || value.contains("[[")
}
