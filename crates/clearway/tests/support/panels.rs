//! Dashboards as Grafana asks Prometheus: variables filled in, one range or instant query for each target.
//!
//! Called by the test of dashboards, by the maker of their pictures and by the fault run. It knows queries only from the
//! typed dashboards of `clearway-ops`, which the files are written from.
#![allow(dead_code, reason = "every test file uses a part of it")]

use clearway_ops::dashboards::{Dashboard, Kind, Panel, Source, Target, Variable};
use serde_json::{Value, json};

use super::server::Prometheus;

/// The time that a dashboard shows, and the windows that follow from it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    /// Unix seconds.
    pub(crate) from: f64,
    pub(crate) to: f64,
    /// Seconds between two points.
    pub(crate) step: f64,
    /// Seconds of `$__rate_interval`.
    pub(crate) window: f64,
}

impl Span {
    /// A query with its variables filled in: everything is chosen.
    pub(crate) fn fill(&self, expr: &str, variables: &[Variable]) -> String {
        let seconds = |value: f64| format!("{}ms", (value * 1000.0).round());
        let mut text = expr
            .replace("$__rate_interval", &seconds(self.window))
            .replace("$__interval", &seconds(self.step))
            .replace("$__range", &seconds(self.to - self.from));
        // Longer names first: one may begin like another.
        let mut names: Vec<(String, &str)> =
            variables.iter().map(|variable| (format!("${}", variable.name()), chosen(variable))).collect();
        names.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
        for (name, value) in names {
            text = text.replace(&name, value);
        }
        text
    }

    /// The answer to a target over this time.
    pub(crate) fn ask(
        &self,
        server: &Prometheus,
        target: &Target,
        variables: &[Variable],
    ) -> Result<Value, String> {
        let query = self.fill(&target.expr, variables);
        let (from, to, step) = (self.from.to_string(), self.to.to_string(), self.step.to_string());
        if target.instant {
            server.data("query", &[("query", &query), ("time", &to)])
        } else {
            server.data("query_range", &[("query", &query), ("start", &from), ("end", &to), ("step", &step)])
        }
        .map_err(|error| format!("{error}: {query}"))
    }

    /// The answer to a variable.
    pub(crate) fn values(
        &self,
        server: &Prometheus,
        variable: &Variable,
        all: &[Variable],
    ) -> Result<Value, String> {
        let Variable::Label(label) = variable else { return Ok(json!([])) };
        let selector = self.fill(&label.selector(), all);
        let (from, to) = (self.from.to_string(), self.to.to_string());
        server.data(
            &format!("label/{}/values", label.of),
            &[("match[]", &selector), ("start", &from), ("end", &to)],
        )
    }
}

/// What a variable has at first: All, or the first of its list.
fn chosen(variable: &Variable) -> &str {
    match variable {
        Variable::Source(_) => "",
        Variable::Label(label) => label.all,
        Variable::Choice { values, .. } => values.first().map_or("", |(value, _)| value),
        Variable::Text { value, .. } => value,
    }
}

/// How many numbers an answer has that can be drawn.
pub(crate) fn finite(answer: &Value) -> usize {
    let number =
        |pair: &Value| pair[1].as_str().and_then(|text| text.parse::<f64>().ok()).is_some_and(f64::is_finite);
    let series = answer["result"].as_array().map_or(&[][..], Vec::as_slice);
    let points = series.iter().map(|one| match one["values"].as_array() {
        Some(values) => values.iter().filter(|pair| number(pair)).count(),
        None => usize::from(number(&one["value"])),
    });
    points.sum()
}

/// The series of an answer.
pub(crate) fn series(answer: &Value) -> usize {
    answer["result"].as_array().map_or(0, Vec::len)
}

/// Panels that ask Prometheus.
pub(crate) fn of_prometheus(dashboard: &Dashboard) -> impl Iterator<Item = &Panel> {
    dashboard.panels().filter(|panel| panel.source == Source::Prometheus)
}

/// Whether one number is wanted of each query of the panel.
pub(crate) fn wants_one(panel: &Panel) -> bool {
    panel.kind == Kind::Stat
}
