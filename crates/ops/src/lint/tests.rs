//! Each check finds its fault, and leaves what is right alone.

use super::*;

fn quote(text: &str, setting: Setting) -> Quote {
    Quote { file: "a.json".to_owned(), line: 7, text: text.to_owned(), setting }
}

fn found(text: &str, setting: Setting) -> Vec<String> {
    quote(text, setting).check(&Vocabulary::of_catalog()).iter().map(ToString::to_string).collect()
}

#[track_caller]
fn only(text: &str, setting: Setting, check: &str, part: &str) {
    let found = found(text, setting);
    assert_eq!(found.len(), 1, "{text}: {found:#?}");
    assert!(found[0].starts_with("a.json:7: ") && found[0].ends_with(&format!("({check})")), "{}", found[0]);
    assert!(found[0].contains(part), "{}", found[0]);
}

#[test]
fn right_questions_are_left_alone() {
    for text in [
        "sum by (namespace, route_name) (rate(clearway_requests_total{code_class=\"5xx\", reason!~\"none|redirect\"}[5m]))",
        "histogram_quantile(0.99, sum by (le, route_name) (rate(clearway_request_duration_seconds_bucket[5m])))",
        "histogram_quantile(0.99, sum by (route_name) (rate(clearway_request_duration_seconds[5m])))",
        "rate(clearway_request_duration_seconds_bucket{le=\"1.0\"}[5m])",
        "absent(clearway_requests_total)",
        "deriv(process_resident_memory_bytes[1h]) > 0 and on (instance, job) up == 1",
        "sum by (version) (clearway_build_info)",
        "rate(clearway_requests_total{code=\"503\", grpc_status=\"\"}[5m]) > 0",
    ] {
        assert_eq!(found(text, Setting::Alert), Vec::<String>::new(), "{text}");
    }
    let panel =
        "sum by (code_class) (rate(clearway_requests_total{route_name=~\"$route\"}[$__rate_interval]))";
    assert_eq!(found(panel, Setting::Panel), Vec::<String>::new());
    assert_eq!(found("sum by (code) (clearway_requests_total)", Setting::Record), Vec::<String>::new());
}

#[test]
fn names_that_do_not_exist() {
    only(
        "rate(clearway_request_total[5m])",
        Setting::Alert,
        "metric",
        "did you mean `clearway_requests_total`?",
    );
    only("clearway_config_valids > 0", Setting::Alert, "metric", "`clearway_config_valid`");
    only("clearway_config_valid{gateway_name=\"a\"}", Setting::Page, "label", "no label `gateway_name`");
    only(
        "rate(clearway_requests_total{reason=\"conect_failed\"}[5m])",
        Setting::Alert,
        "value",
        "connect_failed",
    );
    only(
        "rate(clearway_requests_total{reason=~\"none|nobody\"}[5m])",
        Setting::Alert,
        "value",
        "never `nobody`",
    );
    only("rate(clearway_requests_total{code=\"700\"}[5m])", Setting::Alert, "value", "100 to 599");
    let bucket = "rate(clearway_request_duration_seconds_bucket{le=\"1\"}[5m])";
    only(bucket, Setting::Alert, "value", "1.0");
    only("{job=\"a\"}", Setting::Page, "metric", "name it");
    only("sum(rate(x[5m])", Setting::Page, "syntax", "no PromQL");
}

#[test]
fn labels_that_are_gone() {
    let text = "sum by (route) (rate(clearway_requests_total[5m]))";
    only(text, Setting::Alert, "grouping", "by (route)");
    let text = "sum by (job) (sum by (instance) (rate(clearway_requests_total[5m])))";
    only(text, Setting::Alert, "grouping", "it has instance");
    only(
        "up == 0 and on (fleet) clearway_controlplane_dataplane_lag_seconds",
        Setting::Alert,
        "join",
        "left side",
    );
    let lost = "histogram_quantile(0.9, sum by (job) (rate(clearway_request_duration_seconds_bucket[5m])))";
    only(lost, Setting::Alert, "quantile", "no label le");
}

#[test]
fn values_that_say_nothing() {
    only("clearway_requests_total > 5", Setting::Alert, "counter", "rises only");
    only("rate(clearway_config_valid[5m]) > 0", Setting::Alert, "rate", "no counter");
    only("deriv(clearway_requests_total[5m]) > 0", Setting::Alert, "slope", "restarts");
    only("clearway_request_duration_seconds > 1", Setting::Alert, "shape", "_bucket");
    only("rate(clearway_requests_total{code_class=~\"5xx\"}[5m])", Setting::Alert, "regexp", "use = or !=");
    only("rate(clearway_requests_total[1m])", Setting::Alert, "range", "four scrapes");
    only("rate(clearway_requests_total[5m])", Setting::Panel, "rate-interval", "$__rate_interval");
    only("max_over_time(clearway_config_valid[90d])", Setting::Page, "range", "few servers");
}

#[test]
fn units_are_followed_through_operators() {
    for (text, measure) in [
        ("sum(rate(clearway_requests_total[5m]))", Measure::PER_SECOND),
        ("sum(increase(clearway_requests_total[1h]))", Measure::THINGS),
        ("sum(rate(clearway_response_body_bytes_total[5m]))", Measure::BYTES_PER_SECOND),
        (
            "histogram_quantile(0.9, sum by (le) (rate(clearway_request_duration_seconds_bucket[5m])))",
            Measure::SECONDS,
        ),
        (
            "sum(rate(clearway_request_duration_seconds_sum[5m])) \
             / sum(rate(clearway_request_duration_seconds_count[5m]))",
            Measure::SECONDS,
        ),
        ("rate(process_cpu_seconds_total[5m]) / clearway_process_cpu_limit_cores", Measure::THINGS),
        ("time() - process_start_time_seconds > 60", Measure::SECONDS),
        ("process_start_time_seconds", Measure::Moment),
        ("max_over_time(process_resident_memory_bytes[1h])", Measure::BYTES),
        ("process_open_fds / process_max_fds", Measure::THINGS),
        ("1 / rate(clearway_requests_total[5m])", Measure::SECONDS),
        ("process_open_fds or 0 * process_resident_memory_bytes", Measure::THINGS),
    ] {
        assert_eq!(quote(text, Setting::Page).measure(&Vocabulary::of_catalog()), measure, "{text}");
    }
    only(
        "process_resident_memory_bytes > process_open_fds",
        Setting::Alert,
        "unit",
        "between bytes and things",
    );
    only("process_start_time_seconds > 60", Setting::Alert, "unit", "a moment");
}
