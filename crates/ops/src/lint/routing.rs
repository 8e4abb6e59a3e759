//! The example for Alertmanager: every alert that a matcher names exists, and has the labels by which it is compared.
//!
//! amtool checks the rest: the form, and who hears of what.

use std::collections::BTreeMap;

use regex::Regex;
use serde::Deserialize;
use serde_saphyr::Spanned;

use super::rule_file::{RuleFile, line_of};
use super::{Finding, Vocabulary, flow};
use crate::query::Query;

#[derive(Debug, Deserialize)]
struct Config {
    route: Route,
    #[serde(default)]
    inhibit_rules: Vec<Inhibit>,
}

#[derive(Debug, Deserialize)]
struct Route {
    #[serde(default)]
    matchers: Vec<Spanned<String>>,
    #[serde(default)]
    routes: Vec<Route>,
}

#[derive(Debug, Deserialize)]
struct Inhibit {
    #[serde(default)]
    source_matchers: Vec<Spanned<String>>,
    #[serde(default)]
    target_matchers: Vec<Spanned<String>>,
    #[serde(default)]
    equal: Vec<Spanned<String>>,
}

/// The labels of every alert, by its name.
type Alerts = BTreeMap<String, Vec<String>>;

pub(super) fn check(file: &str, text: &str, rules: &[&RuleFile], vocabulary: &Vocabulary) -> Vec<Finding> {
    let config: Config = match serde_saphyr::from_str(text) {
        Ok(config) => config,
        Err(error) => {
            let sentence = format!("is no configuration of Alertmanager: {error}");
            return vec![Finding { file: file.to_owned(), line: 1, check: "yaml", sentence }];
        }
    };
    let alerts = alerts(rules, vocabulary);
    let mut found = Vec::new();
    let mut tell = |line, sentence| {
        found.push(Finding { file: file.to_owned(), line, check: "inhibit", sentence });
    };
    let mut routes = vec![&config.route];
    while let Some(route) = routes.pop() {
        for (line, name) in missing(&route.matchers, &alerts) {
            tell(line, format!("no alert is named {name}"));
        }
        routes.extend(&route.routes);
    }
    for rule in &config.inhibit_rules {
        for matchers in [&rule.source_matchers, &rule.target_matchers] {
            for (line, name) in missing(matchers, &alerts) {
                tell(line, format!("no alert is named {name}"));
            }
            for label in &rule.equal {
                let lacking = named(matchers).into_iter().filter_map(|(_, name)| alerts.get_key_value(&name));
                for (name, _) in lacking.filter(|(_, labels)| !labels.contains(&label.value)) {
                    tell(line_of(label), format!("{name} has no label `{}`", label.value));
                }
            }
        }
    }
    found
}

fn alerts(rules: &[&RuleFile], vocabulary: &Vocabulary) -> Alerts {
    let mut alerts = Alerts::new();
    for (_, rule) in rules.iter().flat_map(|file| file.rules()) {
        let (Some(name), Ok(query)) = (&rule.alert, Query::parse(&rule.expr.value)) else { continue };
        let own = rule.labels.keys().cloned().chain(["alertname".to_owned()]);
        let kept = flow::labels(vocabulary, query.expr()).unwrap_or_default();
        let labels = own.chain(kept.into_iter().map(|label| label.name));
        alerts.entry(name.value.clone()).or_default().extend(labels);
    }
    alerts
}

/// The names that matchers on `alertname` ask for, alternatives one by one.
fn named(matchers: &[Spanned<String>]) -> Vec<(usize, String)> {
    let of_name = |matcher: &Spanned<String>| {
        let value = matcher.value.strip_prefix("alertname")?.trim_start_matches(['=', '~']).trim_matches('"');
        let (before, inside) = value.split_once('(').unwrap_or(("", value));
        let inside = inside.trim_end_matches(')');
        let names = inside.split('|').map(|name| (line_of(matcher), format!("{before}{name}")));
        Some(names.collect::<Vec<_>>())
    };
    matchers.iter().filter_map(of_name).flatten().collect()
}

fn missing(matchers: &[Spanned<String>], alerts: &Alerts) -> Vec<(usize, String)> {
    let exists = |name: &str| {
        let expression = Regex::new(&format!("^(?:{name})$"));
        expression.is_ok_and(|expression| alerts.keys().any(|known| expression.is_match(known)))
    };
    named(matchers).into_iter().filter(|(_, name)| !exists(name)).collect()
}
