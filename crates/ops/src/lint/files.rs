//! All that operators take, together: every file by its own checks, and what must hold between them.

use std::collections::{BTreeMap, BTreeSet};

use clearway_telemetry::catalog::Stability;

use super::rule_file::RuleFile;
use super::{Finding, Quote, Vocabulary, dashboard, page, routing, runbook};
use crate::rules::slo;

/// Files by their paths from the root of the repository.
pub type Files = BTreeMap<String, String>;

/// Whether a file is one of those that are checked here.
pub fn is_ours(path: &str) -> bool {
    is_dashboard(path) || is_rules(path) || is_routing(path) || is_page(path)
}

fn is_dashboard(path: &str) -> bool {
    path.starts_with("grafana/dashboards/") && path.ends_with(".json")
}

fn is_rules(path: &str) -> bool {
    path.strip_prefix("prometheus-rules/").is_some_and(|rest| !rest.contains('/') && rest.ends_with(".yaml"))
}

fn is_routing(path: &str) -> bool {
    path.starts_with("prometheus-rules/alertmanager/") && path.ends_with(".yaml")
}

fn is_page(path: &str) -> bool {
    let room = ["docs/", "runbooks/"].iter().any(|folder| path.starts_with(folder));
    path.ends_with(".md") && (room || !path.contains('/'))
}

/// Everything that is wrong, in the order of files and lines. `catalog` is what the gateway shows.
pub fn check(files: &Files, catalog: Vocabulary) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut rules = Vec::new();
    let mut vocabulary = catalog;
    vocabulary.declare(slo::OBJECTIVE, slo::OBJECTIVE_LABELS);
    for (path, text) in files.iter().filter(|(path, _)| is_rules(path)) {
        match RuleFile::read(path, text) {
            Ok(file) => rules.push((path, file)),
            Err(finding) => found.push(finding),
        }
    }
    rules.iter().for_each(|(_, file)| file.record(&mut vocabulary));
    let dashboards: Vec<String> =
        files.keys().filter(|path| is_dashboard(path)).filter_map(|path| uid(path)).collect();
    for (path, file) in &rules {
        found.extend(file.check(path, &vocabulary, &dashboards));
    }
    for (path, text) in files {
        if is_routing(path) {
            let files: Vec<&RuleFile> = rules.iter().map(|(_, file)| file).collect();
            found.extend(routing::check(path, text, &files, &vocabulary));
        } else if is_page(path) {
            found.extend(page::check(path, text, &vocabulary));
            let files: Vec<&RuleFile> = rules.iter().map(|(_, file)| file).collect();
            found.extend(runbook::check(path, text, &files, &vocabulary));
        } else if is_dashboard(path) {
            found.extend(dashboard::check(path, text, &vocabulary));
        }
    }
    if files.keys().any(|path| crate::runbooks::alert_of(path).is_some()) {
        found.extend(runbook::one_to_one(files, &rules));
    }
    if !dashboards.is_empty() {
        found.extend(unused(&quotes(files), &vocabulary));
    }
    found.sort();
    found.dedup();
    found
}

/// Every PromQL string of dashboards and rules.
pub fn quotes(files: &Files) -> Vec<Quote> {
    let mut quotes = Vec::new();
    for (path, text) in files {
        if is_rules(path)
            && let Ok(file) = RuleFile::read(path, text)
        {
            quotes.extend(file.rules().map(|(_, rule)| rule.quote(path)));
        }
        if is_dashboard(path) {
            quotes.extend(dashboard::quotes(path, text).unwrap_or_default());
        }
    }
    quotes
}

/// The uid of a dashboard is the name of its file.
fn uid(path: &str) -> Option<String> {
    Some(path.rsplit('/').next()?.strip_suffix(".json")?.to_owned())
}

/// Stable metrics that no dashboard and no rule asks for: what nobody looks at need not be promised.
fn unused(quotes: &[Quote], vocabulary: &Vocabulary) -> Vec<Finding> {
    let mut used = BTreeSet::new();
    for query in quotes.iter().filter_map(|quote| quote.parse().ok()) {
        let series = query.selectors().into_iter().filter_map(|selector| vocabulary.get(selector.name?));
        used.extend(series.filter_map(|series| series.metric).map(|metric| metric.name));
    }
    let stable = vocabulary.metrics().filter(|metric| metric.stability == Stability::Stable);
    stable
        .filter(|metric| !used.contains(metric.name))
        .map(|metric| Finding {
            file: "docs/catalog.json".to_owned(),
            line: 1,
            check: "unused",
            sentence: format!("no dashboard and no rule asks for the stable metric {}", metric.name),
        })
        .collect()
}
