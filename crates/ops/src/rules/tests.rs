//! What holds for every rule, whatever it is about.

use std::collections::{BTreeMap, BTreeSet};

use super::alert::Severity;
use super::thresholds::{self, Thresholds};
use super::*;
use crate::lint::{Measure, Quote, Setting};

#[test]
fn every_expression_passes_the_checks() {
    let (thresholds, vocabulary) = (Thresholds::default(), vocabulary());
    let mut findings = Vec::new();
    let mut check = |file: String, text: String, setting| {
        findings.extend(Quote { file, line: 1, text, setting }.check(&vocabulary));
    };
    for recording in recordings() {
        let text = alert::dedent(&alert::fill(recording.expr, &[], &thresholds));
        check(recording.name.to_owned(), text, Setting::Record);
    }
    for alert in alerts() {
        for level in alert.levels {
            check(alert.name.to_owned(), yaml::expression(alert, level, &thresholds), Setting::Alert);
        }
    }
    let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
    assert!(lines.is_empty(), "{}", lines.join("\n"));
}

#[test]
fn alerts_are_in_the_style_of_mixins() {
    let mut names = BTreeSet::new();
    for alert in alerts() {
        assert!(names.insert(alert.name), "{} stands twice", alert.name);
        assert!(alert.name.starts_with("Clearway"), "{}", alert.name);
        assert!(alert.summary.ends_with('.') && !alert.summary.contains("{{"), "{}", alert.name);
        assert!(alert.description.ends_with('.') || alert.description.ends_with("}}"), "{}", alert.name);
        assert!(alert.description.contains("$labels"), "{}", alert.name);
        let order: Vec<bool> = alert.levels.iter().map(|level| level.severity == Severity::Warning).collect();
        assert!(!order.is_empty() && order.is_sorted(), "{}: from the worst down", alert.name);
    }
    assert!(names.len() >= 35, "{}", names.len());
}

#[test]
fn every_threshold_is_used_and_every_name_is_a_threshold() {
    let mut changed = BTreeMap::new();
    let default = render(&Thresholds::default());
    for threshold in thresholds::ALL {
        let mut other = Thresholds::default();
        let value = if threshold.default.kind() == "duration" { "7m" } else { "0.123" };
        other.set(threshold.name, value).unwrap();
        let twice = changed.insert(threshold.name, render(&other) != default);
        assert_eq!(twice, None, "{} stands twice", threshold.name);
    }
    let unused: Vec<_> = changed.iter().filter(|(_, used)| !**used).collect();
    assert!(unused.is_empty(), "{unused:?}");
}

#[test]
fn thresholds_are_read_and_refused_by_name() {
    let mut read = Thresholds::default();
    read.read("# all faster\nrateWindow: 20s\n\ncpuWarning: \"0.5\" # half\n").unwrap();
    assert_eq!((read.get("rateWindow"), read.get("cpuWarning")), (Some("20s"), Some("0.5")));
    assert_eq!(read.get("cpuCritical"), Some("0.95"));
    for (text, part) in [
        ("cpuWarnin: 1", "no threshold 'cpuWarnin'"),
        ("cpuWarning: much", "cpuWarning is a ratio, and 'much' is none"),
        ("rateWindow: 5", "is a duration"),
        ("\nx\n", "line 2"),
    ] {
        let error = Thresholds::default().read(text).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
    assert_eq!(thresholds::seconds("1h30m"), Some(5400));
    assert_eq!(thresholds::seconds("h"), None);
}

#[test]
fn every_threshold_is_compared_with_what_it_counts() {
    let vocabulary = vocabulary();
    for alert in alerts() {
        for level in alert.levels {
            for (name, measure) in numbers() {
                let mut odd = Thresholds::default();
                odd.set(name, SENTINEL).unwrap();
                let query = Query::parse(&yaml::expression(alert, level, &odd)).unwrap();
                for side in compared_with_sentinel(&query) {
                    let counted = crate::lint::measure(&vocabulary, side);
                    assert!(counted.fits(measure), "{}: {name} is {measure:?}, {counted:?}", alert.name);
                }
            }
        }
    }
}

const SENTINEL: &str = "987654321";

fn numbers() -> impl Iterator<Item = (&'static str, Measure)> {
    thresholds::ALL.iter().filter_map(|threshold| {
        let measure = match threshold.default {
            thresholds::Value::Ratio(_) | thresholds::Value::Count(_) => Measure::THINGS,
            thresholds::Value::Seconds(_) => Measure::SECONDS,
            thresholds::Value::PerSecond(_) => Measure::PER_SECOND,
            thresholds::Value::Duration(_) | thresholds::Value::Link(_) => return None,
        };
        Some((threshold.name, measure))
    })
}

/// The left sides of comparisons with the sentinel.
fn compared_with_sentinel(query: &Query) -> Vec<&promql_parser::parser::Expr> {
    use promql_parser::parser::Expr;
    let mut sides = Vec::new();
    crate::query::walk(query.expr(), &mut |part| {
        if let Expr::Binary(binary) = part
            && let Expr::NumberLiteral(number) = binary.rhs.as_ref()
            && number.val.to_string() == SENTINEL
            && [">", "<", ">=", "<="].contains(&binary.op.to_string().as_str())
        {
            sides.push(binary.lhs.as_ref());
        }
    });
    sides
}

/// Every level of every alert has a case in which it fires.
#[test]
fn every_level_is_seen_firing() {
    let mut fired = BTreeSet::new();
    for case in cases::SUITES.iter().flat_map(|suite| suite.cases) {
        fired.extend(case.loud.iter().map(|firing| (case.alert, firing.severity.as_str())));
    }
    for alert in alerts() {
        for level in alert.levels {
            let severity = level.severity.as_str();
            assert!(fired.contains(&(alert.name, severity)), "{} {severity} has no case", alert.name);
        }
    }
}
