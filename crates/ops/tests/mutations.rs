//! The checks of `make ops` find what they are for: each fault that is put into the shipped files turns up with its file
//! and line, and without a fault nothing does.

#![allow(clippy::unwrap_used, reason = "a test may fail anywhere")]

use std::path::{Path, PathBuf};

use clearway_ops::lint::files::{Files, check, is_ours};
use clearway_ops::lint::{Finding, Vocabulary};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Every file that operators take, as it stands in the tree.
fn shipped() -> Files {
    let mut files = Files::new();
    for folder in [
        "grafana/dashboards",
        "prometheus-rules",
        "prometheus-rules/alertmanager",
        "runbooks",
        "docs",
        "docs/operations",
        "",
    ] {
        for entry in std::fs::read_dir(root().join(folder)).into_iter().flatten().flatten() {
            let name = entry.file_name().into_string().unwrap();
            let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
            if is_ours(&path) && entry.path().is_file() {
                files.insert(path, std::fs::read_to_string(entry.path()).unwrap());
            }
        }
    }
    files
}

fn found(files: &Files) -> Vec<Finding> {
    check(files, Vocabulary::of_catalog())
}

fn listed(findings: &[Finding]) -> String {
    findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn what_is_shipped_is_in_order() {
    let files = shipped();
    assert!(files.keys().any(|path| path.ends_with(".yaml")) && files.len() > 10, "{:?}", files.keys());
    let findings = found(&files);
    assert!(findings.is_empty(), "{}", listed(&findings));
}

/// A fault: in which file, what becomes what, and the check that must find it there.
struct Mutation {
    file: &'static str,
    from: &'static str,
    to: &'static str,
    check: &'static str,
}

const fn mutation(file: &'static str, from: &'static str, to: &'static str, check: &'static str) -> Mutation {
    Mutation { file, from, to, check }
}

const RULES: &str = "prometheus-rules/clearway.yaml";
const SLO: &str = "prometheus-rules/clearway-slo.yaml";
const ALERTMANAGER: &str = "prometheus-rules/alertmanager/example.yaml";
const CLOCK: &str = "runbooks/ClearwayClockSkew.md";
const PAGE: &str = "docs/operations/alerts.md";

const MUTATIONS: &[Mutation] = &[
    // A metric that nobody shows; a suffix that is not its own; a series that is not recorded.
    mutation(RULES, "clearway_debug_logging == 1", "clearway_debug_logs == 1", "metric"),
    mutation(
        RULES,
        "clearway_downstream_connections_limit)",
        "clearway_downstream_connections_limit_total)",
        "metric",
    ),
    mutation(
        SLO,
        "clearway_request_duration_seconds_count[",
        "clearway_request_duration_seconds_total[",
        "metric",
    ),
    mutation(
        RULES,
        "and clearway_route:requests:rate > 0.2",
        "and clearway_route:request:rate > 0.2",
        "metric",
    ),
    // A label, and a word of a label, that the metric does not have.
    mutation(RULES, "{reason=\"no_endpoint\"}", "{reason=\"no_endpoints\"}", "value"),
    mutation(RULES, "{state=\"leading\"}", "{role=\"leading\"}", "label"),
    mutation(
        RULES,
        "{signal=\"access_log\", outcome=\"produced\"}",
        "{signal=\"accesslog\", outcome=\"produced\"}",
        "value",
    ),
    mutation(RULES, "sum by (le, cluster, namespace) (", "sum by (cluster, namespace) (", "quantile"),
    // Units, and values that say nothing.
    mutation(RULES, "process_resident_memory_bytes / (process", "process_open_fds > (process", "unit"),
    mutation(RULES, "rate(process_cpu_seconds_total[5m])", "process_cpu_seconds_total", "counter"),
    mutation(
        RULES,
        "increase(clearway_upstream_ejections_total[10m])",
        "increase(clearway_upstream_ejections_total[30s])",
        "range",
    ),
    mutation(
        RULES,
        "{{ $value | humanizePercentage }} of its CPU",
        "{{ $value | humanizeDuration }} of its CPU",
        "template",
    ),
    // What an alert says and where it leads.
    mutation(RULES, "Layer {{ $labels.layer }}", "Layer {{ $labels.tier }}", "template"),
    mutation(RULES, "runbooks/ClearwayScrapeSlow.md", "runbooks/ClearwayScrape.md", "runbook"),
    mutation(RULES, "severity: critical", "severity: loud", "severity"),
    mutation(RULES, "clearway_debug_logging == 1", "clearway_debug_logging", "comparison"),
    mutation(RULES, "for: 1h", "for: soon", "for"),
    mutation(RULES, "- alert: ClearwayScrapeSlow", "- alrt: ClearwayScrapeSlow", "yaml"),
    // Routing names alerts that exist.
    mutation(ALERTMANAGER, "ClearwayConfigDiverged", "ClearwayConfigSplit", "inhibit"),
    // Pages: a query, and a name in a sentence.
    mutation(
        PAGE,
        "sum(rate(nginx_ingress_controller_requests{namespace",
        "sum(rate(nginx_ingress_requests{namespace",
        "metric",
    ),
    // Runbooks: a query, a path, a variable and a word of a block, a section.
    mutation(
        CLOCK,
        "clearway_clock_timestamp_seconds - timestamp(",
        "clearway_clock_seconds - timestamp(",
        "metric",
    ),
    mutation(CLOCK, "\"$DATAPLANE/metrics\"", "\"$DATAPLANE/metric\"", "runbook-path"),
    mutation(CLOCK, "-n \"$NAMESPACE\"", "-n \"$NAMESPCE\"", "runbook-variable"),
    mutation(CLOCK, "```sh cluster expect=", "```sh clutser expect=", "runbook-block"),
    mutation(CLOCK, "## Impact", "## Effect", "runbook-sections"),
    mutation(CLOCK, "# ClearwayClockSkew", "# ClearwayClock", "runbook-title"),
    mutation(PAGE, "`clearway_request_duration_seconds`", "`clearway_request_time_seconds`", "name"),
];

#[test]
fn every_fault_is_found_with_its_file_and_line() {
    let files = shipped();
    for Mutation { file, from, to, check } in MUTATIONS {
        let text = &files[*file];
        let (before, _) = text.split_once(from).unwrap_or_else(|| panic!("{file} has no `{from}`"));
        let line = before.matches('\n').count() + 1;
        let mut broken = files.clone();
        broken.insert((*file).to_owned(), text.replacen(from, to, 1));
        let findings = found(&broken);
        let near = |finding: &&Finding| {
            finding.file == *file && finding.check == *check && finding.line.abs_diff(line) <= 12
        };
        assert!(
            findings.iter().any(|finding| near(&finding)),
            "{file}:{line}: `{from}` became `{to}`, and {check} did not find it, but:\n{}",
            listed(&findings)
        );
    }
}

/// A metric that leaves the catalog is missed by everything that asks for it.
#[test]
fn a_removed_catalog_entry_is_found_wherever_it_is_used() {
    let files = shipped();
    let findings = check(&files, Vocabulary::of_catalog().without("clearway_config_valid"));
    let in_rules = findings.iter().any(|finding| finding.file == RULES && finding.line > 1);
    let in_reference =
        findings.iter().any(|finding| finding.file == "docs/metrics.md" && finding.check == "name");
    assert!(in_rules && in_reference, "{}", listed(&findings));
}

/// An alert without its page, and a page without its alert.
#[test]
fn alerts_and_runbooks_go_together() {
    let mut files = shipped();
    let page = files.remove(CLOCK).unwrap();
    files.insert("runbooks/ClearwayClock.md".to_owned(), page);
    let findings = found(&files);
    for (file, check) in [(RULES, "runbook-missing"), ("runbooks/ClearwayClock.md", "runbook-orphan")] {
        let there = findings.iter().any(|finding| finding.file == file && finding.check == check);
        assert!(there, "{check}:\n{}", listed(&findings));
    }
}

/// A promise that nobody looks at is found, and a link to a dashboard that is not there.
#[test]
fn what_no_dashboard_has_is_found() {
    let mut files = shipped();
    files.retain(|path, _| !path.starts_with("grafana/"));
    files.insert("grafana/dashboards/clearway-overview.json".to_owned(), "{}".to_owned());
    let findings = found(&files);
    let unused = "no dashboard and no rule asks for the stable metric clearway_requests_in_flight";
    assert!(findings.iter().any(|finding| finding.sentence == unused), "{}", listed(&findings));
    let link =
        |finding: &Finding| finding.check == "dashboard" && finding.sentence.contains("clearway-network");
    assert!(findings.iter().any(link), "{}", listed(&findings));
}
