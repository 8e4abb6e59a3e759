//! What the run gives to Prometheus: rules with short windows, and where the targets are.

use std::path::Path;

use clearway_ops::rules::{self, thresholds};

/// What ranges of pages and panels become here.
pub(crate) const WINDOW: &str = "15s";

/// Windows and thresholds of this run, by name. Hold times are [`HOLD`]; everything else is as it ships.
const OTHER: &[(&str, &str)] = &[
    ("rateWindow", WINDOW),
    ("eventWindow", "20s"),
    ("absentFor", "6s"),
    ("absentLookback", "3m"),
    ("memoryGrowthWindow", "20s"),
    // Two slow cores carry all of this at once.
    ("cpuWarning", "0.3"),
    ("cpuCritical", "0.5"),
    ("ejectionsWarning", "5"),
    ("staleWarning", "5"),
    ("staleCritical", "10"),
    ("propagationWarning", "3"),
    ("propagationCritical", "6"),
    ("watchErrorsWarning", "1"),
    ("seriesBudget", "8000"),
    ("scrapeSlowWarning", "0.4"),
    ("sloInterval", "2s"),
    ("sloLongInterval", "2s"),
    ("sloBudgetInterval", "2s"),
    ("sloBaseWindow", "10s"),
    ("sloFastShort", "10s"),
    ("sloFastLong", "20s"),
    ("sloMediumShort", "15s"),
    ("sloMediumLong", "30s"),
    ("sloSlowShort", "25s"),
    ("sloSlowLong", "40s"),
    ("sloTrickleLong", "60s"),
    ("sloPeriod", "5m"),
    ("eventFor", "0s"),
];

/// The hold time of all alerts.
const HOLD: &str = "2s";

/// A route with objectives opts in by this, as docs/operations/alerts.md says.
const OBJECTIVES: &str = r#"groups:
- name: objectives
  rules:
  - record: clearway_route:slo_objective:ratio
    expr: vector(0.99)
    labels: {route_namespace: shop, route_name: burning, sli: availability, caused_by: all}
"#;

/// Writes the rules into a folder.
pub(crate) fn rules(folder: &Path) {
    let mut values = thresholds::Thresholds::default();
    let holds = thresholds::ALL.iter().filter(|threshold| threshold.name.ends_with("For"));
    for (name, value) in holds.map(|threshold| (threshold.name, HOLD)).chain(OTHER.iter().copied()) {
        values.set(name, value).unwrap_or_else(|error| panic!("{error}"));
    }
    for asset in rules::render(&values) {
        let name = asset.path.rsplit('/').next().unwrap_or(&asset.path);
        std::fs::write(folder.join(name), asset.content).expect("a file of rules");
    }
    std::fs::write(folder.join("objectives.yaml"), OBJECTIVES).expect("a file of rules");
}

/// The configuration: pods as the ServiceMonitors of an installation find them, and a file of further targets.
pub(crate) fn prometheus(folder: &Path, kubeconfig: &str, targets: &Path) -> String {
    let label = |from: &str, to: &str| {
        format!("  - {{source_labels: [__meta_kubernetes_{from}], target_label: {to}}}\n")
    };
    let labels: String = [
        ("service_name", "job"),
        ("namespace", "namespace"),
        ("service_name", "service"),
        ("pod_name", "pod"),
        ("pod_container_name", "container"),
        ("pod_node_name", "node"),
        ("endpointslice_port_name", "endpoint"),
    ]
    .iter()
    .map(|(from, to)| label(from, to))
    .collect();
    format!(
        "global: {{scrape_interval: 2s, scrape_timeout: 2s, evaluation_interval: 2s}}
rule_files: ['{rules}/*.yaml']
scrape_configs:
- job_name: pods
  kubernetes_sd_configs: [{{role: endpointslice, kubeconfig_file: '{kubeconfig}'}}]
  relabel_configs:
  - {{source_labels: [__meta_kubernetes_service_name], regex: '.+-(dataplane|controlplane)-metrics', action: keep}}
  - {{source_labels: [__meta_kubernetes_endpointslice_port_name], regex: metrics, action: keep}}
{labels}- job_name: files
  file_sd_configs: [{{files: ['{targets}'], refresh_interval: 1s}}]
",
        rules = folder.display(),
        targets = targets.display(),
    )
}
