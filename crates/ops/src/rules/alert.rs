//! Alerts and recording rules as values, with their expressions still to be filled.
//!
//! The rooms beside declare them, [`super::render`] fills and writes them. In a template `<name>` is a threshold, or a
//! fill-in of the level; `<Name>` is one of [`WORDS`].

use clearway_telemetry::{ResponseFlag, Side};

use super::thresholds::Thresholds;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Somebody is woken.
    Critical,
    /// Somebody looks in working hours.
    Warning,
}

impl Severity {
    /// The value of the label `severity`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Warning => "warning",
        }
    }
}

/// An alert: one name, one or more levels.
#[derive(Clone, Copy, Debug)]
pub struct Alert {
    /// CamelCase; also the name of its runbook.
    pub name: &'static str,
    /// One sentence that is the same for all of them.
    pub summary: &'static str,
    /// What it says of this one, with the templates of Prometheus.
    pub description: &'static str,
    /// The uid of the dashboard to look at first.
    pub dashboard: &'static str,
    /// The expression of levels that have none of their own.
    pub expr: &'static str,
    /// From the worst down.
    pub levels: &'static [Level],
}

/// An alert of one severity.
#[derive(Clone, Copy, Debug)]
pub struct Level {
    /// How bad.
    pub severity: Severity,
    /// The threshold that says how long before it fires.
    pub hold: &'static str,
    /// Names in the expression and what they stand for: other names, without brackets.
    pub fill: &'static [(&'static str, &'static str)],
    /// Labels besides the severity.
    pub labels: &'static [(&'static str, &'static str)],
    /// Its own expression; empty takes the alert's.
    pub expr: &'static str,
}

/// A critical level that puts a threshold for `<limit>`.
pub const fn critical(limit: &'static [(&'static str, &'static str)], hold: &'static str) -> Level {
    Level { severity: Severity::Critical, hold, fill: limit, labels: &[], expr: "" }
}

/// A warning level that puts a threshold for `<limit>`.
pub const fn warning(limit: &'static [(&'static str, &'static str)], hold: &'static str) -> Level {
    Level { severity: Severity::Warning, hold, fill: limit, labels: &[], expr: "" }
}

/// A recording rule.
#[derive(Clone, Copy, Debug)]
pub struct Recording {
    /// `level:metric:operations`.
    pub name: &'static str,
    /// Labels of its own.
    pub labels: &'static [(&'static str, &'static str)],
    /// The expression.
    pub expr: &'static str,
}

/// Rules that are evaluated together, in this order.
#[derive(Clone, Copy, Debug)]
pub struct Group {
    /// Unique among all files.
    pub name: &'static str,
    /// The threshold that says how often it is evaluated; empty takes Prometheus's own.
    pub interval: &'static str,
    /// Evaluated first.
    pub recordings: &'static [Recording],
    /// Evaluated after them.
    pub alerts: &'static [Alert],
}

/// A file of groups.
#[derive(Clone, Copy, Debug)]
pub struct File {
    /// From the root of the repository.
    pub path: &'static str,
    /// What it is for: one sentence.
    pub about: &'static str,
    /// Its groups.
    pub groups: &'static [Group],
}

/// Labels that tell routes apart, across data planes.
const ROUTE: &str =
    "cluster, namespace, gateway_namespace, gateway_name, route_kind, route_namespace, route_name";
/// Labels that tell routes with objectives apart: the Gateway does not matter.
const SLO_ROUTE: &str = "cluster, namespace, route_kind, route_namespace, route_name";
/// Labels that tell backends apart, across data planes.
const BACKEND: &str = "cluster, namespace, backend_kind, backend_namespace, backend_name, backend_port";
/// Labels that tell processes apart.
const TARGET: &str = "cluster, namespace, job, instance";

/// What a word with a capital stands for in a template.
fn word(name: &str) -> Option<String> {
    Some(match name {
        "Route" => ROUTE.to_owned(),
        "SloRoute" => SLO_ROUTE.to_owned(),
        "Backend" => BACKEND.to_owned(),
        "Target" => TARGET.to_owned(),
        "GatewayReasons" => reasons(Side::Internal),
        "UpstreamReasons" => reasons(Side::Upstream),
        "ClientReasons" => reasons(Side::Downstream),
        _ => return None,
    })
}

/// The flags of a side, for a regular expression: whose doing it is stands in one place.
fn reasons(side: Side) -> String {
    let flags = ResponseFlag::ALL.iter().filter(|flag| flag.side() == side);
    flags.map(|flag| flag.as_str()).collect::<Vec<_>>().join("|")
}

/// Fills a template. Panics when a name in it stands for nothing: the template is wrong, which a test finds.
pub(super) fn fill(template: &str, fill: &[(&str, &str)], thresholds: &Thresholds) -> String {
    let mut filled = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('<') {
        filled.push_str(before);
        let name = after.split_once('>').map(|(name, _)| name).filter(|name| is_name(name));
        match name {
            Some(name) => {
                let target = fill.iter().find(|(from, _)| *from == name).map_or(name, |(_, to)| to);
                let value = thresholds.get(target).map(str::to_owned).or_else(|| word(target));
                filled
                    .push_str(&value.unwrap_or_else(|| panic!("<{name}> stands for nothing in {template}")));
                rest = after.get(name.len() + 1..).unwrap_or_default();
            }
            None => {
                filled.push('<');
                rest = after;
            }
        }
    }
    filled + rest
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|letter| letter.is_ascii_alphanumeric())
}

/// Takes the blanks away that all lines begin with.
pub(super) fn dedent(text: &str) -> String {
    let text = text.trim_matches('\n').trim_end();
    let depth = |line: &str| line.len() - line.trim_start().len();
    let least = text.lines().filter(|line| !line.trim().is_empty()).map(depth).min().unwrap_or(0);
    text.lines().map(|line| line.get(least..).unwrap_or_default()).collect::<Vec<_>>().join("\n")
}
