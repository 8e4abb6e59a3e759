//! The room of rules: recording rules and alerts, for `prometheus-rules/`.
//!
//! Expressions are written once with names for every threshold ([`thresholds`]); [`render`] fills them. `cargo xtask
//! gen` writes them with the defaults, `cargo xtask rules` with other values. What always holds: every expression
//! passes [`crate::lint`], and every alert has a severity, a summary, a description, a runbook and a dashboard.

pub mod alert;
mod alerts;
mod cases;
mod chart;
mod document;
mod ingress_nginx;
mod recordings;
pub mod slo;
#[cfg(test)]
mod tests;
pub mod thresholds;
mod yaml;

use alert::{Alert, File, Group, Recording};

use crate::Asset;
use crate::lint::Vocabulary;
use crate::query::Query;
use thresholds::Thresholds;

const fn group(name: &'static str, recordings: &'static [Recording], alerts: &'static [Alert]) -> Group {
    Group { name, interval: "", recordings, alerts }
}

/// Every file of rules.
pub const FILES: &[File] = &[
    File {
        path: "prometheus-rules/clearway.yaml",
        about: "Recording rules and alerts of Clearway and of the Collector beside it.",
        groups: &[
            group("clearway-routes", recordings::ROUTES, alerts::requests::ALERTS),
            group("clearway-planes", &[], alerts::planes::ALERTS),
            group("clearway-configuration", &[], alerts::configuration::ALERTS),
            group("clearway-backends", &[], alerts::backends::ALERTS),
            group("clearway-connections", &[], alerts::connections::ALERTS),
            group("clearway-resources", &[], alerts::resources::ALERTS),
            group("clearway-telemetry", &[], alerts::telemetry::ALERTS),
            group("clearway-collector", &[], alerts::collector::ALERTS),
        ],
    },
    File {
        path: "prometheus-rules/clearway-slo.yaml",
        about: "Objectives: error ratios, burn rates and what is left of the budgets of routes that opt in.",
        groups: &[
            Group {
                name: "clearway-slo-rates",
                interval: "sloInterval",
                recordings: slo::RATES,
                alerts: &[],
            },
            Group {
                name: "clearway-slo-long",
                interval: "sloLongInterval",
                recordings: slo::LONG_RATIOS,
                alerts: &[],
            },
            Group {
                name: "clearway-slo",
                interval: "sloInterval",
                recordings: slo::RATIOS,
                alerts: slo::ALERTS,
            },
            Group {
                name: "clearway-slo-budgets",
                interval: "sloBudgetInterval",
                recordings: slo::BUDGETS,
                alerts: &[],
            },
        ],
    },
    File {
        path: "prometheus-rules/clearway-ingress-nginx.yaml",
        about: "Series under the names of ingress-nginx, for what was made for it. Load it only if you need it.",
        groups: &[group("clearway-ingress-nginx", ingress_nginx::RECORDINGS, &[])],
    },
];

/// Every alert, in the order of the files.
pub fn alerts() -> impl Iterator<Item = &'static Alert> {
    FILES.iter().flat_map(|file| file.groups).flat_map(|group| group.alerts)
}

/// Every recording rule, in the order of the files.
pub fn recordings() -> impl Iterator<Item = &'static Recording> {
    FILES.iter().flat_map(|file| file.groups).flat_map(|group| group.recordings)
}

/// The files of this room, with the default thresholds, their tests, the chart's copies, and the page about them.
pub fn assets() -> Vec<Asset> {
    let page = vec![Asset::new("docs/alerts.md", document::markdown())];
    [render(&Thresholds::default()), cases::assets(), chart::assets(), page].concat()
}

/// The files of rules with these thresholds.
pub fn render(thresholds: &Thresholds) -> Vec<Asset> {
    FILES.iter().map(|file| Asset::new(file.path, yaml::file(file, thresholds))).collect()
}

/// The catalog and every series that these rules make.
pub fn vocabulary() -> Vocabulary {
    let thresholds = Thresholds::default();
    let mut vocabulary = Vocabulary::of_catalog();
    vocabulary.declare(slo::OBJECTIVE, slo::OBJECTIVE_LABELS);
    for recording in recordings() {
        let expr = alert::dedent(&alert::fill(recording.expr, &[], &thresholds));
        // One that does not parse makes no series; the check of its own text says so.
        if let Ok(query) = Query::parse(&expr) {
            let own: Vec<&str> = recording.labels.iter().map(|(name, _)| *name).collect();
            vocabulary.record(recording.name, &query, &own);
        }
    }
    vocabulary
}
