//! Alerts in the style of mixins: what they say, where they lead, and that their texts use labels which exist.

use promql_parser::parser::Expr;

use super::super::{Finding, Measure, Vocabulary, flow, units};
use super::{Rule, line_of};
use crate::query::Query;
use crate::rules::thresholds::seconds;

/// Annotations that every alert has.
const ANNOTATIONS: [&str; 4] = ["summary", "description", "runbook_url", "dashboard_url"];
/// Two scrapes: one that fails must not look like an absence.
const SHORTEST_ABSENCE: u64 = 60;

pub(super) fn check(file: &str, rule: &Rule, vocabulary: &Vocabulary, dashboards: &[String]) -> Vec<Finding> {
    let mut found = words(file, rule);
    found.extend(links(file, rule, dashboards));
    if let Ok(query) = Query::parse(&rule.expr.value) {
        found.extend(expression(file, rule, &query));
        found.extend(templates(file, rule, &query, vocabulary));
    }
    found
}

fn at(file: &str, line: usize, check: &'static str, sentence: String) -> Finding {
    Finding { file: file.to_owned(), line, check, sentence }
}

fn words(file: &str, rule: &Rule) -> Vec<Finding> {
    let (name, line) = rule.name();
    let mut found = Vec::new();
    match rule.labels.get("severity").map(|severity| severity.value.as_str()) {
        Some("critical" | "warning" | "info") => {}
        Some(other) => {
            let line = rule.labels.get("severity").map_or(line, line_of);
            found.push(at(
                file,
                line,
                "severity",
                format!("{name}: `{other}` is neither critical nor warning nor info"),
            ));
        }
        None => found.push(at(file, line, "severity", format!("{name} has no label severity"))),
    }
    for annotation in ANNOTATIONS {
        if rule.annotations.get(annotation).is_none_or(|text| text.value.trim().is_empty()) {
            found.push(at(file, line, "annotations", format!("{name} has no {annotation}")));
        }
    }
    if let Some(summary) = rule.annotations.get("summary")
        && (summary.value.contains("{{") || !summary.value.ends_with('.'))
    {
        let sentence =
            format!("{name}: the summary is one sentence without templates that ends with a full stop");
        found.push(at(file, line_of(summary), "annotations", sentence));
    }
    if let Some(hold) = &rule.hold
        && seconds(&hold.value).is_none()
    {
        found.push(at(file, line_of(hold), "for", format!("{name}: `{}` is no duration", hold.value)));
    }
    found
}

fn links(file: &str, rule: &Rule, dashboards: &[String]) -> Vec<Finding> {
    let (name, _) = rule.name();
    let mut found = Vec::new();
    if let Some(link) = rule.annotations.get("runbook_url")
        && !link.value.ends_with(&format!("/{name}.md"))
    {
        found.push(at(
            file,
            line_of(link),
            "runbook",
            format!("`{}` does not lead to {name}.md", link.value),
        ));
    }
    if let Some(link) = rule.annotations.get("dashboard_url") {
        let uid = link.value.rsplit('/').next().unwrap_or_default();
        if !dashboards.is_empty() && !dashboards.iter().any(|known| known == uid) {
            found.push(at(
                file,
                line_of(link),
                "dashboard",
                format!("there is no dashboard with the uid `{uid}`"),
            ));
        }
    }
    found
}

fn expression(file: &str, rule: &Rule, query: &Query) -> Vec<Finding> {
    let (name, _) = rule.name();
    let mut found = Vec::new();
    if !decides(query.expr()) {
        let sentence = format!("{name} compares nothing, so it fires whenever there is data");
        found.push(at(file, line_of(&rule.expr), "comparison", sentence));
    }
    let hold = rule.hold.as_ref().and_then(|hold| seconds(&hold.value)).unwrap_or(0);
    let absence = query.functions().iter().any(|function| function.starts_with("absent"));
    if absence && hold < SHORTEST_ABSENCE {
        let sentence =
            format!("{name} fires on absence after {hold} s; one failed scrape must not be enough");
        found.push(at(file, line_of(&rule.expr), "absent", sentence));
    }
    found
}

/// Whether there are data for which nothing comes out.
fn decides(expr: &Expr) -> bool {
    match expr {
        Expr::Paren(paren) => decides(&paren.expr),
        Expr::Call(call) => call.func.name.starts_with("absent"),
        Expr::Binary(binary) => match binary.op.to_string().as_str() {
            "or" => decides(&binary.lhs) && decides(&binary.rhs),
            "and" => decides(&binary.lhs) || decides(&binary.rhs),
            "unless" | ">" | "<" | ">=" | "<=" | "==" | "!=" => true,
            _ => false,
        },
        _ => false,
    }
}

/// Labels in texts exist after the expression, and values are shown as what they count.
fn templates(file: &str, rule: &Rule, query: &Query, vocabulary: &Vocabulary) -> Vec<Finding> {
    let Some(labels) = flow::labels(vocabulary, query.expr()) else { return Vec::new() };
    let measure = units::measure(vocabulary, query.expr());
    let mut found = Vec::new();
    for text in rule.annotations.values() {
        let mut hidden = false;
        for action in actions(&text.value) {
            // What stands in a branch for a label of another level is not asked of this one.
            if let Some(name) = action.strip_prefix("with $labels.") {
                hidden = !labels.iter().any(|label| label.name == name);
            } else if action == "end" || action == "else" {
                hidden = action == "else" && !hidden;
            } else if let Some(name) = action.strip_prefix("$labels.")
                && !hidden
                && !labels.iter().any(|label| label.name == name)
                && !rule.labels.contains_key(name)
            {
                let sentence = format!("the expression leaves no label `{name}` for {{{{ {action} }}}}");
                found.push(at(file, line_of(text), "template", sentence));
            } else if let Some(sentence) = misshown(action, measure).filter(|_| !hidden) {
                found.push(at(file, line_of(text), "template", sentence));
            }
        }
    }
    found
}

fn actions(text: &str) -> impl Iterator<Item = &str> {
    text.split("{{").skip(1).filter_map(|part| part.split_once("}}")).map(|(action, _)| action.trim())
}

fn misshown(action: &str, measure: Measure) -> Option<String> {
    let function = action.strip_prefix("$value |")?.trim();
    let wanted = match function {
        "humanizePercentage" => Measure::THINGS,
        "humanizeDuration" => Measure::SECONDS,
        "humanize1024" => Measure::BYTES,
        "humanize" => return None,
        other => return Some(format!("`{other}` is no function that shows a value")),
    };
    (!measure.fits(wanted))
        .then(|| format!("{function} shows {}, and the value counts {}", wanted.words(), measure.words()))
}
