//! The checks of one query. Each gives what it found as (name of the check, sentence).

use promql_parser::label::{MatchOp, Matcher};
use promql_parser::parser::Expr;
use regex::Regex;

use super::vocabulary::{KnownLabel, Shape, Vocabulary, Words};
use super::{Setting, flow, ranges, units};
use crate::query::{Grouping, Join, Query, Selector, is_variable};

/// What a check found.
pub(super) type Found = (&'static str, String);

/// Functions that turn what rises into what can be read.
const RISES: [&str; 4] = ["rate", "irate", "increase", "resets"];

/// Functions and aggregations that ask whether a series is there, not what its value is.
const PRESENCE: [&str; 8] = [
    "absent",
    "absent_over_time",
    "present_over_time",
    "last_over_time",
    "timestamp",
    "count",
    "group",
    "changes",
];

/// Functions that draw a line through values, which a restart of a counter breaks.
const SLOPES: [&str; 4] = ["deriv", "predict_linear", "delta", "idelta"];

pub(super) fn all(vocabulary: &Vocabulary, query: &Query, setting: Setting) -> Vec<Found> {
    let mut found = Vec::new();
    for selector in query.selectors() {
        found.extend(of_selector(vocabulary, &selector, setting));
    }
    found.extend(query.groupings().iter().flat_map(|grouping| of_grouping(vocabulary, grouping)));
    found.extend(query.joins().iter().flat_map(|join| of_join(vocabulary, join)));
    found.extend(of_quantiles(vocabulary, query));
    found.extend(ranges::check(query, setting));
    found.extend(units::check(vocabulary, query));
    found
}

fn of_selector(vocabulary: &Vocabulary, selector: &Selector<'_>, setting: Setting) -> Vec<Found> {
    let Some(name) = selector.name else {
        return vec![("metric", "selects series without naming a metric; name it".to_owned())];
    };
    let (Some(series), Some(labels)) = (vocabulary.get(name), vocabulary.labels(name)) else {
        return vec![("metric", unknown_metric(vocabulary, name))];
    };
    let mut found: Vec<Found> =
        selector.matchers.iter().filter_map(|matcher| of_matcher(name, &labels, matcher)).collect();
    found.extend(of_shape(name, series.shape, selector, setting));
    found
}

fn unknown_metric(vocabulary: &Vocabulary, name: &str) -> String {
    let near = vocabulary.names().min_by_key(|known| distance(known, name)).unwrap_or_default();
    format!(
        "`{name}` is neither in the catalog nor recorded nor a known name of Prometheus or the Collector; did you mean `{near}`?"
    )
}

fn of_matcher(name: &str, labels: &[KnownLabel], matcher: &Matcher) -> Option<Found> {
    let Matcher { op, name: label, value } = matcher;
    let known: Vec<&KnownLabel> = labels.iter().filter(|known| known.name == *label).collect();
    if known.is_empty() {
        return Some(("label", format!("`{name}` has no label `{label}`; it has {}", list(labels))));
    }
    if is_variable(value) {
        return None;
    }
    let regular = matches!(op, MatchOp::Re(_) | MatchOp::NotRe(_));
    if regular && !value.contains(['.', '*', '+', '?', '|', '(', '[', '\\']) {
        return Some((
            "regexp",
            format!("`{label}{op}\"{value}\"` has nothing of a regular expression; use = or !="),
        ));
    }
    if value.starts_with('^') || value.ends_with('$') {
        return Some(("regexp", format!("`{label}{op}\"{value}\"`: Prometheus anchors at both ends itself")));
    }
    // The empty value asks for series without the label.
    let fits = |label: &&KnownLabel| value.is_empty() || unknown_part(&label.words, op, value).is_none();
    if known.iter().any(fits) {
        return None;
    }
    let part = known.iter().find_map(|label| unknown_part(&label.words, op, value))?;
    Some(("value", format!("`{label}` of `{name}` is never `{part}`; it is {}", words(&known))))
}

/// The part of a matcher's value that no value of the label fits; alternatives of a regular expression one by one.
fn unknown_part(known: &Words, op: &MatchOp, value: &str) -> Option<String> {
    let regular = matches!(op, MatchOp::Re(_) | MatchOp::NotRe(_));
    let parts: Vec<&str> =
        if regular && !value.contains(['(', '[']) { value.split('|').collect() } else { vec![value] };
    let codes: Vec<String>;
    let values: &[String] = match known {
        Words::Any => return None,
        Words::OneOf(words) => words,
        Words::StatusCode => {
            codes = (100..600).map(|code: u16| code.to_string()).chain(["none".to_owned()]).collect();
            &codes
        }
    };
    let matched = |part: &str| {
        let anchored = Regex::new(&format!("^(?:{part})$")).ok();
        values.iter().any(|value| match &anchored {
            Some(expression) if regular => expression.is_match(value),
            _ => value == part,
        })
    };
    parts.into_iter().find(|part| !part.is_empty() && !matched(part)).map(str::to_owned)
}

fn of_shape(name: &str, shape: Shape, selector: &Selector<'_>, setting: Setting) -> Option<Found> {
    let inside = |names: &[&str]| selector.inside.iter().any(|around| names.contains(&around.as_str()));
    if shape == Shape::Histogram {
        let fits = inside(&RISES) || inside(&PRESENCE);
        return (!fits).then(|| {
            ("shape", format!("`{name}` is a histogram; ask for {name}_bucket, {name}_sum or {name}_count"))
        });
    }
    if inside(&RISES) && !shape.is_rising() {
        return Some(("rate", format!("`{name}` is no counter; rate and increase mean nothing here")));
    }
    if inside(&SLOPES) && shape.is_rising() {
        return Some((
            "slope",
            format!("`{name}` is a counter, which restarts break; take rate or increase"),
        ));
    }
    let kept = setting == Setting::Record && selector.range.is_none();
    let bare = shape.is_rising() && !inside(&RISES) && !inside(&PRESENCE) && !kept;
    bare.then(|| {
        ("counter", format!("`{name}` rises only, so its value says nothing; take rate or increase"))
    })
}

fn of_grouping(vocabulary: &Vocabulary, grouping: &Grouping<'_>) -> Vec<Found> {
    let Some(labels) = flow::labels(vocabulary, grouping.of) else { return Vec::new() };
    let missing = grouping.labels.iter().filter(|label| !has(&labels, label));
    missing
        .map(|label| {
            let word = if grouping.kept { "by" } else { "without" };
            (
                "grouping",
                format!("{word} ({label}): what is aggregated has no such label; it has {}", list(&labels)),
            )
        })
        .collect()
}

fn of_join(vocabulary: &Vocabulary, join: &Join<'_>) -> Vec<Found> {
    let (Some(left), Some(right)) =
        (flow::labels(vocabulary, join.left), flow::labels(vocabulary, join.right))
    else {
        return Vec::new();
    };
    let mut found = Vec::new();
    let mut want = |labels: &[String], side: &[KnownLabel], words: &str| {
        for label in labels.iter().filter(|label| !has(side, label)) {
            found.push(("join", format!("{words} has no label `{label}`; it has {}", list(side))));
        }
    };
    if join.on {
        want(join.labels, &left, "on: the left side");
        want(join.labels, &right, "on: the right side");
    }
    want(join.from_right, &right, "group_left: the right side");
    want(join.from_left, &left, "group_right: the left side");
    found
}

/// Quantiles need the bounds of buckets, or a native histogram.
fn of_quantiles(vocabulary: &Vocabulary, query: &Query) -> Vec<Found> {
    let mut found = Vec::new();
    crate::query::walk(query.expr(), &mut |part| {
        let Expr::Call(call) = part else { return };
        if !["histogram_quantile", "histogram_fraction"].contains(&call.func.name) {
            return;
        }
        let Some(argument) = call.args.args.last() else { return };
        let native = Query::selectors_of(argument).iter().any(|selector| {
            selector
                .name
                .and_then(|name| vocabulary.get(name))
                .is_some_and(|series| series.shape == Shape::Histogram)
        });
        let labels = flow::labels(vocabulary, argument);
        if !native && labels.is_some_and(|labels| !has(&labels, "le")) {
            let sentence = format!("{} gets no label le; aggregate buckets by (le, ...)", call.func.name);
            found.push(("quantile", sentence));
        }
    });
    found
}

fn has(labels: &[KnownLabel], name: &str) -> bool {
    labels.iter().any(|label| label.name == name)
}

fn list(labels: &[KnownLabel]) -> String {
    let names: Vec<&str> = labels.iter().map(|label| label.name.as_str()).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

fn words(labels: &[&KnownLabel]) -> String {
    let words = |label: &&KnownLabel| match &label.words {
        Words::OneOf(words) => words.join(", "),
        Words::StatusCode => "100 to 599 or none".to_owned(),
        Words::Any => "anything".to_owned(),
    };
    labels.iter().map(words).collect::<Vec<_>>().join(", ")
}

/// How many letters differ (Levenshtein).
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (number, letter) in left.chars().enumerate() {
        let mut diagonal = number;
        row[0] = number + 1;
        for (column, other) in right.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != *other);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[right.len()]
}
