//! The catalog for readers: `docs/metrics.md` and `catalog.json`. Generated, never edited.

use serde_json::{Value, json};

use super::{Field, GROUPS, Label, Metric, Values, log_fields, span_attributes};
use crate::histogram::NATIVE_SCHEMA;

/// The page `docs/metrics.md`.
pub fn markdown() -> String {
    let mut page = String::from(
        "# Metrics, log fields and span attributes\n\n\
         Generated from the catalog in `crates/telemetry/src/catalog`; do not edit.\n\n\
         No label value ever comes from a request: labels are names of configured objects or words of a closed list, \
         so requests cannot add series. Series of an object that is deleted disappear a few scrapes later.\n\n\
         Histograms have the classic buckets named here and, in protobuf, native buckets",
    );
    page.push_str(&format!(" of schema {NATIVE_SCHEMA} (at most 9 % wide).\n"));
    for group in GROUPS {
        page.push_str(&format!("\n## {}\n", group.title));
        group.metrics.iter().for_each(|metric| push_metric(&mut page, metric));
    }
    page.push_str("\n# Access log\n\nOne JSON object a line; a field that does not apply is absent.\n\n");
    push_fields(&mut page, log_fields::ALL);
    page.push_str("\nEntries of `attempts`:\n\n");
    push_fields(&mut page, log_fields::ATTEMPT);
    page.push_str("\n# Spans\n\nSERVER: one for each request.\n\n");
    push_fields(&mut page, span_attributes::SERVER);
    page.push_str("\nCLIENT: one for each try; those of the table above that tell of the try, and:\n\n");
    push_fields(&mut page, span_attributes::CLIENT);
    page.push_str(
        "\nChanges (control plane): one trace for each version that is published. The root `config.change` lasts from the \
         change of the first object to the last answer; its children are `watch`, `translate`, `encode`, `publish`, an \
         `ack` or `nack` for each data plane, and `served`. They have `clearway.config.version`, on failure `error.type` \
         (`refused` or `unanswered`), on answers `network.peer.*`, and:\n\n",
    );
    push_fields(&mut page, span_attributes::CHANGE);
    page
}

fn push_metric(page: &mut String, metric: &Metric) {
    page.push_str(&format!("\n### `{}`\n\n{}.\n\n", metric.name, metric.help));
    page.push_str(&format!("- Answers: {}\n", metric.question));
    let (kind, unit, stability) = (metric.kind.as_str(), metric.unit.as_str(), metric.stability.as_str());
    page.push_str(&format!("- Type: {kind}; unit: {unit}; {stability}\n"));
    page.push_str(&format!("- Series: {}\n", metric.series));
    page.push_str(&format!("- Shown by: {}\n", code_list(metric.plane.commands())));
    if let Some(switch) = metric.switch {
        page.push_str(&format!("- Kept while `{}` is on\n", switch.as_str()));
    }
    if !metric.buckets.is_empty() {
        let bounds: Vec<String> = metric.buckets.iter().map(f64::to_string).collect();
        page.push_str(&format!("- Buckets: {}\n", bounds.join(", ")));
    }
    if metric.labels.is_empty() {
        return;
    }
    page.push_str("\n| Label | Meaning | Values | Absent |\n|---|---|---|---|\n");
    for Label { name, help, values, absent } in metric.labels {
        let values = match values {
            Values::Configured => "from the configuration".to_owned(),
            Values::OneOf(words) => code_list(&words()),
            Values::Api => "of the Gateway API".to_owned(),
            Values::StatusCode => "100 to 599, `none`".to_owned(),
            Values::Process => "of this process".to_owned(),
        };
        page.push_str(&format!("| `{name}` | {help} | {values} | {} |\n", absent.unwrap_or("never")));
    }
}

fn code_list(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

fn push_fields(page: &mut String, fields: &[Field]) {
    page.push_str("| Name | Type | Meaning | Present |\n|---|---|---|---|\n");
    for Field { name, kind, help, when } in fields {
        page.push_str(&format!("| `{name}` | {} | {help} | {when} |\n", kind.as_str()));
    }
}

/// The catalog for programs: `{"metrics": [...], "access_log": {...}, "spans": {...}}`, indented, with a last line feed.
pub fn json() -> String {
    let metrics: Vec<Value> = GROUPS
        .iter()
        .flat_map(|group| group.metrics.iter().map(|metric| metric_json(group.title, metric)))
        .collect();
    let catalog = json!({
        "metrics": metrics,
        "access_log": { "fields": fields_json(log_fields::ALL), "attempt": fields_json(log_fields::ATTEMPT) },
        "spans": { "server": fields_json(span_attributes::SERVER), "client": fields_json(span_attributes::CLIENT), "change": fields_json(span_attributes::CHANGE) },
    });
    format!("{catalog:#}\n")
}

fn metric_json(group: &str, metric: &Metric) -> Value {
    json!({
        "name": metric.name,
        "group": group,
        "kind": metric.kind.as_str(),
        "unit": metric.unit.as_str(),
        "help": metric.help,
        "labels": metric.labels.iter().map(label_json).collect::<Vec<_>>(),
        "buckets": metric.buckets,
        "stability": metric.stability.as_str(),
        "question": metric.question,
        "series": metric.series,
        "commands": metric.plane.commands(),
        "switch": metric.switch.map(super::Switch::as_str),
    })
}

fn label_json(label: &Label) -> Value {
    let (source, words) = match label.values {
        Values::Configured => ("configuration", None),
        Values::OneOf(words) => ("words", Some(words())),
        Values::Api => ("api", None),
        Values::StatusCode => ("status_code", None),
        Values::Process => ("process", None),
    };
    json!({ "name": label.name, "help": label.help, "source": source, "words": words, "absent": label.absent })
}

fn fields_json(fields: &[Field]) -> Vec<Value> {
    let field = |field: &Field| {
        json!({
            "name": field.name, "kind": field.kind.as_str(), "help": field.help, "when": field.when,
        })
    };
    fields.iter().map(field).collect()
}
