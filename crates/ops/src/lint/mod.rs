//! Checks of PromQL against the catalog: what is asked for exists, and the question makes sense.
//!
//! Tests of the rooms and `make ops` call it with every string that they find in a file. What always holds: a finding
//! names file and line and says what to do; a string without findings names only metrics, labels and words that the
//! gateway, a recording rule, the Collector or Prometheus itself has.

mod check;
pub mod dashboard;
mod external;
pub mod files;
mod flow;
pub mod page;
mod ranges;
mod routing;
mod rule_file;
pub mod runbook;
#[cfg(test)]
mod tests;
mod units;
mod vocabulary;

use std::fmt;

use crate::query::Query;

pub use units::Measure;
pub use vocabulary::{KnownLabel, Series, Shape, Vocabulary, Words};

/// A PromQL string and where it stands.
#[derive(Clone, Debug)]
pub struct Quote {
    /// The file, from the root of the repository.
    pub file: String,
    /// Its line, from 1.
    pub line: usize,
    /// The string.
    pub text: String,
    /// What it is for.
    pub setting: Setting,
}

/// What a query is for; each has rules of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// A panel or variable of a dashboard: Grafana fills its variables.
    Panel,
    /// The expression of an alert.
    Alert,
    /// The expression of a recording rule, which may keep a counter a counter.
    Record,
    /// A runbook or another page.
    Page,
}

/// Something to mend.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The file, from the root of the repository.
    pub file: String,
    /// Its line, from 1.
    pub line: usize,
    /// Which check found it.
    pub check: &'static str,
    /// What is wrong and what to do.
    pub sentence: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {} ({})", self.file, self.line, self.sentence, self.check)
    }
}

/// What the values of an expression count.
#[cfg(test)]
pub(crate) fn measure(vocabulary: &Vocabulary, expr: &promql_parser::parser::Expr) -> Measure {
    units::measure(vocabulary, expr)
}

impl Quote {
    /// The query, or what is wrong with its syntax.
    pub fn parse(&self) -> Result<Query, Finding> {
        let parsed = match self.setting {
            Setting::Panel => Query::parse_panel(&self.text),
            Setting::Alert | Setting::Record | Setting::Page => Query::parse(&self.text),
        };
        parsed.map_err(|error| self.finding("syntax", format!("`{}` {error}", self.text)))
    }

    /// All checks.
    pub fn check(&self, vocabulary: &Vocabulary) -> Vec<Finding> {
        match self.parse() {
            Ok(query) => {
                let found = check::all(vocabulary, &query, self.setting).into_iter();
                found.map(|(check, sentence)| self.finding(check, sentence)).collect()
            }
            Err(finding) => vec![finding],
        }
    }

    /// What its values count; unknown when it does not parse.
    pub fn measure(&self, vocabulary: &Vocabulary) -> Measure {
        self.parse().map_or(Measure::Unknown, |query| units::measure(vocabulary, query.expr()))
    }

    /// A finding at this place.
    pub fn finding(&self, check: &'static str, sentence: impl Into<String>) -> Finding {
        Finding { file: self.file.clone(), line: self.line, check, sentence: sentence.into() }
    }
}
