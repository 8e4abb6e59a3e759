//! The catalog obeys the rules of names that Prometheus and its linter check.

use std::collections::BTreeSet;

use super::*;

#[test]
fn names_follow_the_rules() {
    let mut names = BTreeSet::new();
    for metric in all() {
        let Metric { name, kind, unit, .. } = *metric;
        assert!(names.insert(name), "{name} is declared twice");
        assert!(name.starts_with("clearway_") || name.starts_with("process_"), "{name}");
        assert!(
            name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_'),
            "{name}"
        );
        assert_eq!(name.ends_with("_total"), kind == Kind::Counter, "{name}");
        assert_eq!(name.ends_with("_info"), kind == Kind::Info, "{name}");
        for reserved in
            ["_bucket", "_count", "_sum", "_created", "_gauge", "_counter", "_histogram", "_summary"]
        {
            assert!(!metric.family_name().ends_with(reserved), "{name}");
        }
        if let Some(unit) = unit.suffix() {
            assert!(metric.family_name().ends_with(&format!("_{unit}")), "{name} shows its unit");
        }
        assert_eq!(
            unit == Unit::Timestamp,
            name.ends_with("_timestamp_seconds") || name.ends_with("_time_seconds"),
            "{name}"
        );
        assert_eq!(metric.buckets.is_empty(), kind != Kind::Histogram, "{name}");
        assert!(metric.buckets.is_sorted_by(|a, b| a < b), "{name}");
    }
}

#[test]
fn texts_are_whole_and_need_no_escapes() {
    for metric in all() {
        for text in [metric.help, metric.question, metric.series] {
            assert!(!text.is_empty() && !text.contains(['\n', '\\', '"']), "{}: {text:?}", metric.name);
        }
        assert!(metric.question.ends_with('?') && !metric.help.ends_with('.'), "{}", metric.name);
        let labels: BTreeSet<_> = metric.labels.iter().map(|label| label.name).collect();
        assert_eq!(labels.len(), metric.labels.len(), "{} has a label twice", metric.name);
        for label in metric.labels {
            assert!(
                !["le", "quantile", "namespace", "instance", "job", "pod"].contains(&label.name),
                "{}",
                metric.name
            );
            if let Values::OneOf(words) = label.values {
                let distinct: BTreeSet<_> = words().into_iter().collect();
                assert_eq!(distinct.len(), words().len(), "{} {}", metric.name, label.name);
            }
        }
    }
}

#[test]
fn core_names_are_there_and_stable() {
    for name in [
        "clearway_requests_total",
        "clearway_request_duration_seconds",
        "clearway_request_phase_duration_seconds",
        "clearway_upstream_attempts_total",
        "clearway_requests_in_flight",
        "clearway_telemetry_records_total",
        "clearway_config_stage_duration_seconds",
        "clearway_config_version",
    ] {
        let metric = all().find(|metric| metric.name == name).expect(name);
        assert_eq!(metric.stability, Stability::Stable, "{name}");
    }
}

#[test]
fn fields_and_attributes_are_declared_once() {
    let spans = [span_attributes::SERVER, span_attributes::CLIENT, span_attributes::CHANGE].concat();
    for fields in [log_fields::ALL, log_fields::ATTEMPT, &spans] {
        let names: BTreeSet<_> = fields.iter().map(|field| field.name).collect();
        assert_eq!(names.len(), fields.len());
        assert!(fields.iter().all(|field| !field.help.is_empty() && !field.when.is_empty()));
    }
}

#[test]
fn labels_of_metrics_and_fields_of_the_log_share_their_names() {
    let fields: BTreeSet<_> = log_fields::ALL.iter().map(|field| field.name).collect();
    // What the log words otherwise: the class follows from the code, and the reason is the flag.
    for label in
        metrics::REQUESTS.labels.iter().filter(|label| !["code_class", "reason"].contains(&label.name))
    {
        assert!(fields.contains(label.name), "{}", label.name);
    }
}

#[test]
fn the_documents_name_everything() {
    let (markdown, json) = (markdown(), json());
    let parsed: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(parsed["metrics"].as_array().map(Vec::len), Some(all().count()));
    let spans = [span_attributes::SERVER, span_attributes::CLIENT, span_attributes::CHANGE].concat();
    let fields = [log_fields::ALL, log_fields::ATTEMPT, &spans].concat();
    for name in all().map(|metric| metric.name).chain(fields.iter().map(|field| field.name)) {
        assert!(markdown.contains(&format!("`{name}`")), "{name}");
        assert!(json.contains(&format!("\"{name}\"")), "{name}");
    }
}
