//! Runbooks: the four sections, blocks that can be executed, and names in commands that exist.
//!
//! Queries are checked with those of all pages; whether a block shows what it says is the fault run's question.

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;

use super::files::Files;
use super::rule_file::RuleFile;
use super::{Finding, Vocabulary, flow};
use crate::query::Query;
use crate::runbooks::{self, Block, Language, Page, SECTIONS, query};

/// The paths of the admin server; a test of the program compares them with it.
pub const ADMIN_PATHS: [&str; 7] =
    ["/metrics", "/livez", "/readyz", "/config", "/log-level", "/debug/pprof/profile", "/debug/pprof/heap"];

/// What the environment of a script has besides the labels of the alert.
pub const ENVIRONMENT: [&str; 6] =
    ["PROMETHEUS", "DATAPLANE", "CONTROLPLANE", "COLLECTOR", "NAMESPACE", "RELEASE"];

/// Every finding of a runbook; nothing when the page is none.
pub(super) fn check(file: &str, text: &str, rules: &[&RuleFile], vocabulary: &Vocabulary) -> Vec<Finding> {
    let Some(alert) = runbooks::alert_of(file) else { return Vec::new() };
    let (page, faults) = runbooks::read(text);
    let at = |line: usize, check: &'static str, sentence: String| Finding {
        file: file.to_owned(),
        line,
        check,
        sentence,
    };
    let mut found: Vec<Finding> =
        faults.into_iter().map(|fault| at(fault.line, "runbook-block", fault.reason)).collect();
    if page.title != alert {
        found.push(at(1, "runbook-title", format!("the title is `{}`; the page is for {alert}", page.title)));
    }
    let sections: Vec<&str> = page.sections.iter().map(|section| section.title.as_str()).collect();
    if sections != SECTIONS {
        let line = page.sections.iter().zip(SECTIONS).find(|(section, wanted)| section.title != *wanted);
        let line = line.map_or(1, |(section, _)| section.line);
        found.push(at(
            line,
            "runbook-sections",
            format!("has the sections {sections:?}; wanted are {SECTIONS:?}"),
        ));
    }
    if !page.blocks.iter().any(|block| block.section == "Diagnosis") {
        found.push(at(1, "runbook-block", "nothing in Diagnosis can be executed".to_owned()));
    }
    let labels = labels(alert, rules, vocabulary);
    found.extend(blocks(&page, &labels).into_iter().map(|(line, check, sentence)| at(line, check, sentence)));
    found
}

/// Each alert has its page, and each page its alert.
pub(super) fn one_to_one(files: &Files, rules: &[(&String, RuleFile)]) -> Vec<Finding> {
    let mut alerts: BTreeMap<&str, (&str, usize)> = BTreeMap::new();
    for (path, file) in rules {
        for (_, rule) in file.rules().filter(|(_, rule)| rule.alert.is_some()) {
            let (name, line) = rule.name();
            alerts.entry(name).or_insert((path.as_str(), line));
        }
    }
    let pages: BTreeMap<&str, &str> =
        files.keys().filter_map(|path| Some((runbooks::alert_of(path)?, path.as_str()))).collect();
    let missing =
        alerts.iter().filter(|(name, _)| !pages.contains_key(*name)).map(|(name, (file, line))| Finding {
            file: (*file).to_owned(),
            line: *line,
            check: "runbook-missing",
            sentence: format!("{name} has no page {}{name}.md", runbooks::FOLDER),
        });
    let orphaned = pages.iter().filter(|(name, _)| !alerts.contains_key(*name)).map(|(name, path)| Finding {
        file: (*path).to_owned(),
        line: 1,
        check: "runbook-orphan",
        sentence: format!("there is no alert {name}"),
    });
    missing.chain(orphaned).collect()
}

/// The labels that the alert can have, over all its levels.
fn labels(alert: &str, rules: &[&RuleFile], vocabulary: &Vocabulary) -> BTreeSet<String> {
    let mut labels: BTreeSet<String> = ["alertname", "severity"].map(str::to_owned).into();
    for (_, rule) in rules.iter().flat_map(|file| file.rules()) {
        if rule.alert.as_ref().is_some_and(|name| name.value == alert) {
            labels.extend(rule.labels.keys().cloned());
            let known =
                Query::parse(&rule.expr.value).ok().and_then(|query| flow::labels(vocabulary, query.expr()));
            labels.extend(known.into_iter().flatten().map(|label| label.name));
        }
    }
    labels
}

type Found = (usize, &'static str, String);

fn blocks(page: &Page, labels: &BTreeSet<String>) -> Vec<Found> {
    let mut found = Vec::new();
    for block in &page.blocks {
        match block.language {
            Language::Promql => {
                let unknown = query::names(&block.text).into_iter().filter(|name| !labels.contains(*name));
                found.extend(unknown.map(|name| {
                    let sentence = format!("${name} is no label of the alert; it has {labels:?}");
                    (line_of(block, &format!("${name}")), "runbook-label", sentence)
                }));
            }
            Language::Sh => {
                found.extend(paths(block));
                found.extend(variables(block, labels));
            }
        }
    }
    found
}

/// Paths of the admin server that a script asks for.
fn paths(block: &Block) -> Vec<Found> {
    let asked = r#"(?:\$\{?(?:DATAPLANE|CONTROLPLANE)\}?|:(?:18081|18082|19080))"?(/[a-z/-]*)"#;
    let Ok(asked) = Regex::new(asked) else { return Vec::new() };
    let unknown = asked.captures_iter(&block.text).filter_map(|found| {
        let path = found.get(1)?.as_str();
        (path != "/" && !ADMIN_PATHS.contains(&path)).then_some(path)
    });
    unknown
        .map(|path| {
            let sentence = format!("the admin server has no path {path}; it has {}", ADMIN_PATHS.join(", "));
            (line_of(block, path), "runbook-path", sentence)
        })
        .collect()
}

/// Variables that nobody sets: neither the environment, nor a label, nor the script.
fn variables(block: &Block, labels: &BTreeSet<String>) -> Vec<Found> {
    let (Ok(used), Ok(set)) = (
        Regex::new(r"\$\{?([A-Za-z_][A-Za-z0-9_]*)"),
        Regex::new(
            r"(?m)(?:^|[\s;&|(])(?:(?:for|read(?: -r)?|local|mapfile(?: -t)?) )?([A-Za-z_][A-Za-z0-9_]*)(?:=| in |$|;)",
        ),
    ) else {
        return Vec::new();
    };
    let own: BTreeSet<&str> =
        set.captures_iter(&block.text).filter_map(|found| Some(found.get(1)?.as_str())).collect();
    let known = |name: &str| {
        ENVIRONMENT.contains(&name)
            || labels.contains(name)
            || own.contains(name)
            || ["PATH", "HOME"].contains(&name)
    };
    // Single quotes keep what is in them for awk and jq.
    let text = outside_of_single_quotes(&block.text);
    let mut seen = BTreeSet::new();
    used.captures_iter(&text)
        .filter_map(|found| Some(found.get(1)?.as_str()))
        .filter(|name| !known(name) && seen.insert(name.to_string()))
        .map(|name| {
            let sentence = format!(
                "${name} is set by nobody; there are {}, and the labels of the alert",
                ENVIRONMENT.join(", ")
            );
            (line_of(block, name), "runbook-variable", sentence)
        })
        .collect()
}

fn outside_of_single_quotes(text: &str) -> String {
    let (mut single, mut double) = (false, false);
    let outside = text.chars().filter(|letter| {
        match letter {
            '\'' if !double => single = !single,
            '"' if !single => double = !double,
            _ => {}
        }
        !single
    });
    outside.collect()
}

/// The line of the first place where this stands in a block.
fn line_of(block: &Block, part: &str) -> usize {
    let before = block.text.split(part).next().unwrap_or_default();
    block.line + before.matches('\n').count()
}
