//! Shipped dashboards are right, fit Grafana's own types, and stand in the repository as the code writes them; each way to
//! break one is found under its name.

use std::path::PathBuf;

use clearway_ops::dashboards;
use clearway_ops::lint::Vocabulary;
use clearway_ops::lint::dashboard::check;
use clearway_testkit::process::{Program, repository, tool};

/// How the first query of the first panel begins, as it stands in the file.
const UP: &str = r#"sum(up{cluster=~\"$cluster\""#;
const JOB: &str = r#"job=~\"$job\""#;
const INSTANCE: &str = r#"instance=~\"$instance\""#;
const SOME_JOB: &str = r#"job=~\"a.+\""#;
const SOME_INSTANCE: &str = r#"instance=~\"a.+\""#;

/// What is found in a shipped dashboard after a replacement.
fn broken(uid: &str, from: &str, to: &str) -> Vec<String> {
    let asset = dashboards::assets().into_iter().find(|asset| asset.path.ends_with(&format!("/{uid}.json")));
    let asset = asset.expect("a dashboard of this uid");
    let text = asset.content.replacen(from, to, 1);
    assert_ne!(text, asset.content, "{from} stands in {uid}");
    check(&asset.path, &text, &Vocabulary::of_catalog()).iter().map(ToString::to_string).collect()
}

#[track_caller]
fn finds(from: &str, to: &str, name: &str) {
    let found = broken("clearway-overview", from, to);
    assert!(
        found.iter().any(|finding| finding.ends_with(&format!("({name})"))),
        "{from} -> {to}: {found:#?}"
    );
    assert!(found.iter().all(|finding| finding.starts_with("grafana/dashboards/clearway-overview.json:")));
}

#[test]
fn what_ships_is_right() {
    let vocabulary = Vocabulary::of_catalog();
    for asset in dashboards::assets() {
        let found: Vec<String> =
            check(&asset.path, &asset.content, &vocabulary).iter().map(ToString::to_string).collect();
        assert!(found.is_empty(), "{}", found.join("\n"));
    }
}

#[test]
fn rules_of_the_dashboard_linter() {
    finds("\"label\": \"Data source\"", "\"label\": \"Source\"", "template-datasource");
    finds("\"name\": \"job\"", "\"name\": \"jobs\"", "template-job");
    finds("\"name\": \"instance\"", "\"name\": \"pod\"", "template-instance");
    finds(
        "label_values(clearway_build_info, cluster)",
        "label_values(clearway_build_info cluster)",
        "template-label-promql",
    );
    finds("\"refresh\": 2", "\"refresh\": 1", "template-on-time-change-reload");
    finds(
        "\"uid\": \"${datasource}\"\n      },\n      \"description\"",
        "\"uid\": \"abc\"\n      },\n      \"description\"",
        "panel-datasource",
    );
    finds(
        "\"description\": \"Requests that ended, per second.\"",
        "\"description\": \"\"",
        "panel-title-description",
    );
    finds("\"unit\": \"percentunit\"", "\"unit\": \"percents\"", "panel-units");
    finds("sum(clearway_requests_in_flight{", "sum(clearway_requests_in_flight{{", "syntax");
    finds("[$__rate_interval]", "[5m]", "rate-interval");
    finds(&format!("{UP},{JOB}"), &format!("{UP},{SOME_JOB}"), "target-job");
    finds(&format!("{UP},{JOB},{INSTANCE}"), &format!("{UP},{JOB},{SOME_INSTANCE}"), "target-instance");
    finds("sum(clearway_requests_in_flight{", "sum(clearway_requests_total{", "counter");
    finds("\"editable\": false", "\"editable\": true", "uneditable-dashboard");
    let found = broken("clearway-logs-traces", "{$log_selector}", "{$log_selector");
    assert!(found.iter().any(|finding| finding.ends_with("(target-logql)")), "{found:#?}");
    let found = broken("clearway-logs-traces", "[$__auto]", "[5m]");
    assert!(found.iter().any(|finding| finding.ends_with("(target-logql-auto)")), "{found:#?}");
    let nothing = r#"{"panels":[{"type":"stat","title":"a","datasource":{"uid":"${datasource}"}}]}"#;
    let found = check("grafana/dashboards/a.json", nothing, &Vocabulary::of_catalog());
    assert!(found.iter().any(|finding| finding.check == "panel-no-targets"), "{found:#?}");
}

#[test]
fn habits_of_the_house() {
    finds("clearway_config_valid", "clearway_config_walid", "metric");
    finds(
        "outcome) (increase(clearway_config_changes_total",
        "result) (increase(clearway_config_changes_total",
        "grouping",
    );
    finds("code_class=\\\"5xx\\\"", "code_class=\\\"6xx\\\"", "value");
    finds("\"unit\": \"reqps\"", "\"unit\": \"binBps\"", "unit");
    finds("\"legendFormat\": \"requests\"", "\"legendFormat\": \"\"", "legend");
    finds("\"w\": 12,\n        \"x\": 12", "\"w\": 12,\n        \"x\": 11", "grid");
    finds("\"w\": 12,\n        \"x\": 12", "\"w\": 13,\n        \"x\": 12", "grid");
    finds("\"title\": \"Requests\"", "\"title\": \"Under way\"", "unique");
    finds("\"uid\": \"clearway-overview\"", "\"uid\": \"clearway\"", "uid");
    finds("\"id\": null", "\"id\": 3", "portable");
    finds("\"schemaVersion\": 41", "\"schemaVersion\": 42", "portable");
    finds("1 - $availability", "1 - 0.999", "variable-unused");
    finds("\"type\": \"dashboards\"", "\"type\": \"link\"", "links");
    assert_eq!(check("a.json", "{", &Vocabulary::of_catalog())[0].check, "json");
}

#[test]
fn a_finding_names_the_line() {
    let found =
        broken("clearway-overview", "sum(clearway_requests_in_flight{", "sum(clearway_requests_in_fright{");
    let line: usize = found[0].split(':').nth(1).and_then(|line| line.parse().ok()).expect("a line");
    let asset = dashboards::assets().remove(0).content;
    assert!(
        asset.lines().nth(line - 1).expect("the line").contains("clearway_requests_in_flight"),
        "{found:#?}"
    );
}

#[test]
fn files_are_what_the_code_writes() {
    for asset in dashboards::assets() {
        let there = std::fs::read_to_string(repository().join(&asset.path)).unwrap_or_default();
        assert!(there == asset.content, "{} is stale; run cargo xtask gen and commit it", asset.path);
    }
    let folder = std::fs::read_dir(repository().join("grafana/dashboards")).expect("the folder");
    assert_eq!(
        folder.count(),
        dashboards::all().len(),
        "a file of grafana/dashboards is not written by the code"
    );
}

#[test]
fn grafanas_own_types_take_them() {
    let files: Vec<PathBuf> =
        dashboards::assets().iter().map(|asset| repository().join(&asset.path)).collect();
    let run = |files: &[PathBuf]| {
        Program::new(tool("grafana-schema")).args(files).run(std::time::Duration::from_secs(60))
    };
    run(&files).success();
    // The compiler can complain: an option that Grafana does not know.
    let folder = clearway_testkit::process::TempDir::new("schema");
    let broken = folder.join("broken.json");
    let text = dashboards::assets().remove(0).content.replacen("\"colorMode\"", "\"colourMode\"", 1);
    std::fs::write(&broken, text).expect("a file");
    let said = run(&[broken]);
    assert!(!said.status.success() && said.stdout.contains("colourMode"), "{}", said.stdout);
}
