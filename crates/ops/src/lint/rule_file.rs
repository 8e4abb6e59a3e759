//! Files of rules as they stand: read with the lines of their parts, and checked rule by rule.

mod alert;
mod order;

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_saphyr::Spanned;

use super::{Finding, Quote, Setting, Vocabulary};
use crate::query::Query;

/// A file of rules.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RuleFile {
    pub groups: Vec<Group>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Group {
    pub name: Spanned<String>,
    #[serde(default)]
    pub interval: Option<String>,
    pub rules: Vec<Rule>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rule {
    #[serde(default)]
    pub record: Option<Spanned<String>>,
    #[serde(default)]
    pub alert: Option<Spanned<String>>,
    pub expr: Spanned<String>,
    #[serde(default, rename = "for")]
    pub hold: Option<Spanned<String>>,
    #[serde(default)]
    pub labels: BTreeMap<String, Spanned<String>>,
    #[serde(default)]
    pub annotations: BTreeMap<String, Spanned<String>>,
}

impl Rule {
    /// The name and its line.
    pub(super) fn name(&self) -> (&str, usize) {
        let named = self.alert.as_ref().or(self.record.as_ref());
        named.map_or(("", line_of(&self.expr)), |name| (name.value.as_str(), line_of(name)))
    }

    pub(super) fn quote(&self, file: &str) -> Quote {
        let setting = if self.alert.is_some() { Setting::Alert } else { Setting::Record };
        Quote { file: file.to_owned(), line: line_of(&self.expr), text: self.expr.value.clone(), setting }
    }
}

/// The line of a value, from 1.
pub(super) fn line_of<T>(value: &Spanned<T>) -> usize {
    usize::try_from(value.referenced.line()).unwrap_or(1).max(1)
}

impl RuleFile {
    /// Reads a file.
    ///
    /// # Errors
    /// When it is no YAML, or not of the form of rules.
    pub(super) fn read(file: &str, text: &str) -> Result<Self, Finding> {
        serde_saphyr::from_str(text).map_err(|error| Finding {
            file: file.to_owned(),
            line: error.location().and_then(|at| usize::try_from(at.line()).ok()).unwrap_or(1),
            check: "yaml",
            sentence: format!("is no file of rules: {error}"),
        })
    }

    /// Every rule, with the group that it stands in.
    pub(super) fn rules(&self) -> impl Iterator<Item = (&Group, &Rule)> {
        self.groups.iter().flat_map(|group| group.rules.iter().map(move |rule| (group, rule)))
    }

    /// Adds what its recording rules make.
    pub(super) fn record(&self, vocabulary: &mut Vocabulary) {
        for (_, rule) in self.rules() {
            if let (Some(name), Ok(query)) = (&rule.record, Query::parse(&rule.expr.value)) {
                let own: Vec<&str> = rule.labels.keys().map(String::as_str).collect();
                vocabulary.record(&name.value, &query, &own);
            }
        }
    }

    /// Every finding in it. `dashboards` are the uids that alerts may link to.
    pub(super) fn check(&self, file: &str, vocabulary: &Vocabulary, dashboards: &[String]) -> Vec<Finding> {
        let mut found = order::check(file, self);
        for (_, rule) in self.rules() {
            found.extend(rule.quote(file).check(vocabulary));
            if rule.alert.is_some() {
                found.extend(alert::check(file, rule, vocabulary, dashboards));
            }
        }
        found
    }
}
