//! Names and order: no rule stands twice, and what a rule uses stands before it.

use std::collections::{BTreeMap, BTreeSet};

use super::super::Finding;
use super::{RuleFile, line_of};
use crate::query::Query;
use crate::rules::thresholds::seconds;

pub(super) fn check(file: &str, rules: &RuleFile) -> Vec<Finding> {
    let finding = |line, check, sentence| Finding { file: file.to_owned(), line, check, sentence };
    let mut found = Vec::new();
    let (mut groups, mut seen) = (BTreeSet::new(), BTreeSet::new());
    for group in &rules.groups {
        if !groups.insert(group.name.value.as_str()) {
            let sentence = format!("group {} stands twice; Prometheus takes neither", group.name.value);
            found.push(finding(line_of(&group.name), "group", sentence));
        }
        if group.interval.as_ref().is_some_and(|interval| seconds(interval).is_none()) {
            let sentence = format!("the interval of group {} is no duration", group.name.value);
            found.push(finding(line_of(&group.name), "group", sentence));
        }
        let place: BTreeMap<&str, usize> = group
            .rules
            .iter()
            .enumerate()
            .filter_map(|(at, rule)| Some((rule.record.as_ref()?.value.as_str(), at)))
            .rev()
            .collect();
        for (at, rule) in group.rules.iter().enumerate() {
            let (name, line) = rule.name();
            let labels: Vec<(&str, &str)> =
                rule.labels.iter().map(|(name, value)| (name.as_str(), value.value.as_str())).collect();
            // Alerts may have several levels of one severity; the expression tells them apart.
            let expr = if rule.alert.is_some() { rule.expr.value.as_str() } else { "" };
            if !seen.insert((name.to_owned(), format!("{labels:?}"), expr.to_owned())) {
                found.push(finding(line, "duplicate", format!("{name} stands twice with the same labels")));
            }
            let Ok(query) = Query::parse(&rule.expr.value) else { continue };
            for used in query.selectors().iter().filter_map(|selector| selector.name) {
                if place.get(used).is_some_and(|place| *place > at) {
                    let sentence = format!("{name} uses {used}, which is recorded after it; put it before");
                    found.push(finding(line, "order", sentence));
                }
            }
        }
    }
    found
}
