//! Unit tests of the alerts for promtool: written from cases, since each alert is tried in the same way.
//!
//! A case has two courses of its series, quiet (just below) and loud. Its test plays quiet, loud, quiet: nothing more
//! than expected fires while it is quiet, nothing before the hold time, the exact labels and texts when it is loud, and
//! it ends. Counters fall to zero in each part, as at a restart. A second test lets all series vanish while it is loud.

mod backends;
mod collector;
mod configuration;
mod connections;
mod planes;
mod requests;
mod resources;
mod slo;
mod telemetry;
mod template;
mod timeline;
mod yaml;

pub(super) use timeline::Plan;

use super::alert::Severity;
use super::thresholds::Thresholds;
use crate::Asset;

/// How a series goes, in minutes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Course {
    /// Rises by so much each minute, from where it is.
    Rise(f64),
    /// Has this value.
    At(f64),
    /// Has this value at the begin of the part and so much more each minute.
    Slope(f64, f64),
    /// A clock that is so many seconds ahead.
    Clock(f64),
    /// Is not there.
    Gone,
}

/// A series of a case: its courses while it is quiet and while it is loud.
pub(super) type Input = (&'static str, Course, Course);

/// An alert that fires: the other labels, and what stands for `$value` in its description.
#[derive(Clone, Copy, Debug)]
pub(super) struct Firing {
    /// Its severity.
    pub severity: Severity,
    /// Its labels but for alertname and severity.
    pub labels: &'static [(&'static str, &'static str)],
    /// `$value` as the template shows it; empty when it does not.
    pub value: &'static str,
}

/// A case of an alert.
#[derive(Clone, Copy, Debug)]
pub(super) struct Case {
    /// The alert.
    pub alert: &'static str,
    /// How far back its expression looks: a threshold's name, or empty.
    pub window: &'static str,
    /// Its series.
    pub series: &'static [Input],
    /// What fires while it is quiet: the milder level of a pair.
    pub quiet: &'static [Firing],
    /// What fires while it is loud.
    pub loud: &'static [Firing],
    /// What fires when all series are gone: alerts on absence.
    pub gone: &'static [Firing],
}

pub(super) const fn firing(
    severity: Severity,
    labels: &'static [(&'static str, &'static str)],
    value: &'static str,
) -> Firing {
    Firing { severity, labels, value }
}

/// The cases of a file of tests.
pub(super) struct Suite {
    /// The file's name.
    pub name: &'static str,
    /// The file of rules.
    pub rules: &'static str,
    /// Its cases.
    pub cases: &'static [Case],
}

/// Every suite.
pub(super) const SUITES: &[Suite] = &[
    Suite { name: "planes", rules: "clearway.yaml", cases: planes::CASES },
    Suite { name: "resources", rules: "clearway.yaml", cases: resources::CASES },
    Suite { name: "requests", rules: "clearway.yaml", cases: requests::CASES },
    Suite { name: "backends", rules: "clearway.yaml", cases: backends::CASES },
    Suite { name: "connections", rules: "clearway.yaml", cases: connections::CASES },
    Suite { name: "configuration", rules: "clearway.yaml", cases: configuration::CASES },
    Suite { name: "telemetry", rules: "clearway.yaml", cases: telemetry::CASES },
    Suite { name: "collector", rules: "clearway.yaml", cases: collector::CASES },
    Suite { name: "slo", rules: "clearway-slo.yaml", cases: slo::CASES },
];

/// The files of tests, for the default thresholds.
pub(super) fn assets() -> Vec<Asset> {
    let thresholds = Thresholds::default();
    let path = |suite: &Suite| format!("prometheus-rules/tests/{}.yaml", suite.name);
    SUITES.iter().map(|suite| Asset::new(path(suite), yaml::file(suite, &thresholds))).collect()
}
