//! The rules of Grafana's dashboard-linter, each under its own name, and habits of this house.
//!
//! `target-promql`, `target-rate-interval` and `target-counter-agg` are the checks `syntax`, `rate-interval` and `counter`
//! of [`crate::lint`].

use std::collections::BTreeSet;

use serde_json::Value;

use super::super::Finding;
use super::{Page, label_values, list, word};
use crate::query::Query;

/// Units that our panels may have; Grafana shows an unknown one as a suffix without a word.
const UNITS: [&str; 14] = [
    "none",
    "short",
    "percent",
    "percentunit",
    "s",
    "ms",
    "bytes",
    "Bps",
    "binBps",
    "reqps",
    "ops",
    "cps",
    "dateTimeFromNow",
    "dateTimeAsIso",
];

pub(super) fn check(page: &Page<'_>) -> Vec<Finding> {
    let mut found = dashboard(page);
    found.extend(page.variables().iter().flat_map(|variable| of_variable(page, variable)));
    found.extend(page.real_panels().flat_map(|panel| of_panel(page, panel)));
    found.extend(page.promql().into_iter().flat_map(|(_, target)| of_promql(page, target)));
    found.extend(page.targets("loki").into_iter().flat_map(|(_, target)| of_logql(page, target)));
    found
}

fn dashboard(page: &Page<'_>) -> Vec<Finding> {
    let value = &page.value;
    let (uid, mut found) = (word(&value["uid"]), Vec::new());
    if value["editable"] != Value::Bool(false) {
        found.push(page.finding("editable", "uneditable-dashboard", "can be edited; set editable to false"));
    }
    if !page.file.ends_with(&format!("/{uid}.json")) || uid.is_empty() || uid.len() > 40 {
        found.push(page.finding(
            uid,
            "uid",
            format!("its uid `{uid}` is not the name of its file in at most 40 letters"),
        ));
    }
    if !value["id"].is_null() || value.get("__inputs").is_some() {
        found.push(page.finding(
            "id",
            "portable",
            "has an id or __inputs; set id to null and leave __inputs out",
        ));
    }
    if !(39..=41).contains(&value["schemaVersion"].as_u64().unwrap_or_default()) {
        found.push(page.finding(
            "schemaVersion",
            "portable",
            "schemaVersion must be 39 to 41: Grafana 10 to 13 take them",
        ));
    }
    if list(value, "links").iter().all(|link| link["type"] != "dashboards") {
        found.push(page.finding("links", "links", "has no link to the other dashboards"));
    }
    let source = page.variables().first();
    if !source.is_some_and(|source| {
        source["type"] == "datasource"
            && source["name"] == "datasource"
            && source["query"] == "prometheus"
            && source["label"] == "Data source"
    }) {
        found.push(page.finding(
            "templating",
            "template-datasource",
            "its first variable is not `datasource` of kind prometheus, labelled Data source",
        ));
    }
    found.extend(["job", "instance"].into_iter().filter_map(|name| template(page, name)));
    found.extend(unused(page));
    found
}

/// `template-job` and `template-instance`.
fn template(page: &Page<'_>, name: &'static str) -> Option<Finding> {
    let check = if name == "job" { "template-job" } else { "template-instance" };
    let Some(variable) = page.variables().iter().find(|variable| variable["name"] == name) else {
        return Some(page.finding("templating", check, format!("has no variable `{name}`")));
    };
    let fits = variable["type"] == "query"
        && variable["datasource"]["uid"] == "${datasource}"
        && variable["multi"] == true
        && variable["allValue"] == ".+"
        && word(&variable["label"]).eq_ignore_ascii_case(name);
    let sentence = format!(
        "`{name}` must be a query of ${{datasource}}, labelled so, for several values, with .+ for All"
    );
    (!fits).then(|| page.finding(name, check, sentence))
}

/// Variables that nothing asks for.
fn unused(page: &Page<'_>) -> Vec<Finding> {
    let mut asked = vec![page.value["panels"].to_string(), page.value["annotations"].to_string()];
    asked.extend(page.variables().iter().map(|variable| variable["query"].to_string()));
    let names = page.variables().iter().map(|variable| word(&variable["name"]));
    let unused = names.filter(|name| {
        let forms = [format!("${name}"), format!("${{{name}}}"), format!("${{{name}:")];
        !asked.iter().any(|text| forms.iter().any(|form| whole(text, form)))
    });
    unused
        .map(|name| page.finding(name, "variable-unused", format!("no query asks for the variable `{name}`")))
        .collect()
}

/// Whether the text has this name and not only a longer one.
fn whole(text: &str, form: &str) -> bool {
    text.match_indices(form).any(|(at, _)| {
        let after = text.get(at + form.len()..).and_then(|rest| rest.chars().next());
        !after.is_some_and(|letter| {
            form.ends_with(char::is_alphanumeric) && (letter.is_alphanumeric() || letter == '_')
        })
    })
}

fn of_variable(page: &Page<'_>, variable: &Value) -> Vec<Finding> {
    let name = word(&variable["name"]);
    if variable["type"] != "query" {
        return Vec::new();
    }
    let mut found = Vec::new();
    if variable["refresh"] != 2 {
        let sentence = format!("`{name}` is not asked again when the time range changes; set refresh to 2");
        found.push(page.finding(name, "template-on-time-change-reload", sentence));
    }
    let query = word(&variable["query"]["query"]);
    if label_values(query).is_none_or(|(selector, _)| Query::parse_panel(selector).is_err()) {
        let sentence = format!("`{name}`: `{query}` is not label_values(selector, label)");
        found.push(page.finding(name, "template-label-promql", sentence));
    }
    found
}

fn of_panel(page: &Page<'_>, panel: &Value) -> Vec<Finding> {
    let (title, mut found) = (word(&panel["title"]), Vec::new());
    let sources: BTreeSet<String> = page
        .variables()
        .iter()
        .filter(|variable| variable["type"] == "datasource")
        .map(|variable| format!("${{{}}}", word(&variable["name"])))
        .collect();
    let all = [panel].into_iter().chain(list(panel, "targets"));
    for uid in all.map(|value| word(&value["datasource"]["uid"])).filter(|uid| !sources.contains(*uid)) {
        let sentence =
            format!("`{title}` asks the data source `{uid}`, which is no variable of the dashboard");
        found.push(page.finding(title, "panel-datasource", sentence));
    }
    if title.is_empty() || word(&panel["description"]).len() < 10 {
        found.push(page.finding(
            title,
            "panel-title-description",
            format!("`{title}` has no title or no description"),
        ));
    }
    let mut units = vec![&panel["fieldConfig"]["defaults"]["unit"]];
    let overrides = list(&panel["fieldConfig"], "overrides").iter().flat_map(|one| list(one, "properties"));
    units.extend(overrides.filter(|property| property["id"] == "unit").map(|property| &property["value"]));
    for unit in units.into_iter().map(word).filter(|unit| !UNITS.contains(unit)) {
        found.push(page.finding(
            title,
            "panel-units",
            format!("`{title}`: Grafana has no unit `{unit}`, or we do not use it"),
        ));
    }
    if list(panel, "targets").is_empty() {
        found.push(page.finding(title, "panel-no-targets", format!("`{title}` asks for nothing")));
    }
    for target in list(panel, "targets").iter().filter(|target| target["datasource"]["type"] != "tempo") {
        if word(&target["legendFormat"]).is_empty() {
            found.push(page.finding(title, "legend", format!("`{title}` has a query without a legend")));
        }
    }
    found
}

/// `target-job` and `target-instance`. The Collector is another job than the gateway's.
fn of_promql(page: &Page<'_>, target: &Value) -> Vec<Finding> {
    let text = word(&target["expr"]);
    let Ok(query) = Query::parse_panel(text) else { return Vec::new() };
    let mut found = Vec::new();
    let selectors = query.selectors();
    let ours = selectors.iter().filter(|selector| !selector.name.unwrap_or_default().starts_with("otelcol_"));
    for selector in ours {
        for (label, check) in [("job", "target-job"), ("instance", "target-instance")] {
            let wanted = format!("${label}");
            if !selector.matchers.iter().any(|matcher| matcher.name == label && matcher.value == wanted) {
                let sentence =
                    format!("`{}` is asked without {label}=~\"{wanted}\"", selector.name.unwrap_or_default());
                found.push(page.finding(text, check, sentence));
            }
        }
    }
    found
}

/// `target-logql` as far as it goes without a parser, and `target-logql-auto`.
fn of_logql(page: &Page<'_>, target: &Value) -> Vec<Finding> {
    let text = word(&target["expr"]);
    let mut found = Vec::new();
    let balanced = [('{', '}'), ('(', ')'), ('[', ']')]
        .into_iter()
        .all(|(open, close)| text.matches(open).count() == text.matches(close).count());
    if !balanced || !text.contains('{') || text.matches('"').count() % 2 == 1 {
        found.push(page.finding(
            text,
            "target-logql",
            "is no LogQL: no stream selector, or brackets that do not close",
        ));
    }
    if text.contains('[') && !text.contains("[$__auto]") {
        found.push(page.finding(text, "target-logql-auto", "counts over a fixed range; take [$__auto]"));
    }
    found
}
