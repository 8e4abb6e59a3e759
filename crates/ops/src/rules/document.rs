//! The page `docs/alerts.md`: every alert, every threshold, every recorded series. Generated, never edited.

use std::collections::BTreeMap;

use super::alert::Alert;
use super::thresholds::{self, Thresholds, Value};
use super::{FILES, alerts, recordings, yaml};

/// The page.
pub(super) fn markdown() -> String {
    let defaults = Thresholds::default();
    let mut page = String::from(
        "# Alerts, thresholds and recorded series\n\n\
         Generated from `crates/ops/src/rules`; do not edit. How to use them: [operations/alerts.md](operations/alerts.md).\n",
    );
    page.push_str("\n## Alerts\n\n| Alert | Severity, after | What it says |\n|---|---|---|\n");
    alerts().for_each(|alert| push_alert(&mut page, alert, &defaults));
    page.push_str(
        "\n## Thresholds\n\nGiven by name, with `cargo xtask rules --thresholds FILE` (lines of `name: value`) or `--set name=value`; no \
         expression is edited.\n\n| Name | Default | Kind | What it is |\n|---|---|---|---|\n",
    );
    for threshold in thresholds::ALL {
        let default = defaults.get(threshold.name).unwrap_or_default();
        let default = if default.is_empty() { "empty".to_owned() } else { format!("`{default}`") };
        let kind = threshold.default.kind();
        page.push_str(&format!("| `{}` | {default} | {kind} | {} |\n", threshold.name, threshold.help));
    }
    page.push_str("\n## Recorded series\n\n| Series | Labels of its own | File |\n|---|---|---|\n");
    push_recordings(&mut page);
    page
}

fn push_alert(page: &mut String, alert: &Alert, defaults: &Thresholds) {
    let levels = alert.levels.iter().map(|level| {
        let hold = yaml::hold(level, defaults);
        let hold = if hold == "0s" { "at once".to_owned() } else { hold };
        let limits = level.fill.iter().filter(|(_, name)| is_number(name));
        let limits: Vec<String> = limits.map(|(_, name)| format!("`{name}`")).collect();
        let limits = if limits.is_empty() { String::new() } else { format!(" ({})", limits.join(", ")) };
        format!("{}, {hold}{limits}", level.severity.as_str())
    });
    let levels = levels.collect::<Vec<_>>().join("<br>");
    page.push_str(&format!("| `{}` | {levels} | {} |\n", alert.name, alert.summary));
}

fn is_number(name: &str) -> bool {
    let threshold = thresholds::ALL.iter().find(|threshold| threshold.name == name);
    threshold.is_some_and(|threshold| !matches!(threshold.default, Value::Duration(_) | Value::Link(_)))
}

fn push_recordings(page: &mut String) {
    let mut labels: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for recording in recordings() {
        labels.entry(recording.name).or_default().extend(recording.labels.iter().map(|(name, _)| *name));
    }
    for file in FILES {
        let mut written = "";
        for recording in file.groups.iter().flat_map(|group| group.recordings) {
            if recording.name == written {
                continue;
            }
            written = recording.name;
            let mut own = labels.get(written).cloned().unwrap_or_default();
            own.sort_unstable();
            own.dedup();
            let own = if own.is_empty() { "none".to_owned() } else { format!("`{}`", own.join("`, `")) };
            let name = file.path.rsplit('/').next().unwrap_or(file.path);
            page.push_str(&format!("| `{written}` | {own} | {name} |\n"));
        }
    }
}
