//! What a dashboard is made of, as far as ours are: rows of panels, and panels of queries.
//!
//! The pages beside this one fill it, [`super::json`] writes it down. Always holds: a panel has a title, a question that it
//! answers, a unit and a query with a legend before anything can be written.

use super::choices::{Annotation, Variable};
use super::kinds::{Kind, Needs, Source, Unit};
use super::words;

/// A dashboard.
#[derive(Clone, Debug)]
pub struct Dashboard {
    /// The pinned uid; links are made with it, so it never changes.
    pub uid: &'static str,
    /// Title.
    pub title: &'static str,
    /// The questions that it answers.
    pub description: &'static str,
    /// What can be chosen at the top, in this order.
    pub variables: Vec<Variable>,
    /// Marks of configuration changes on every graph.
    pub annotations: Vec<Annotation>,
    /// From top to bottom.
    pub rows: Vec<Row>,
}

impl Dashboard {
    /// All panels, those of collapsed rows too.
    pub fn panels(&self) -> impl Iterator<Item = &Panel> {
        self.rows.iter().flat_map(|row| row.panels.iter())
    }
}

/// Panels under one question.
#[derive(Clone, Debug)]
pub struct Row {
    /// The question.
    pub title: &'static str,
    /// Closed at first: what is in it is asked only when it is opened.
    pub collapsed: bool,
    /// From left to right, then down.
    pub panels: Vec<Panel>,
}

/// An open row.
pub(super) fn row(title: &'static str, panels: Vec<Panel>) -> Row {
    Row { title, collapsed: false, panels }
}

/// A row that is closed at first.
pub(super) fn closed_row(title: &'static str, panels: Vec<Panel>) -> Row {
    Row { title, collapsed: true, panels }
}

/// A query of a panel.
#[derive(Clone, Debug)]
pub struct Target {
    /// PromQL, LogQL or TraceQL, its `@` words replaced.
    pub expr: String,
    /// What the legend says of a series; in tables the name of the column.
    pub legend: String,
    /// Only for tables: the unit of the column.
    pub unit: Option<Unit>,
    /// Asked for one moment, not over time.
    pub instant: bool,
}

/// A panel.
#[derive(Clone, Debug)]
pub struct Panel {
    /// Title, unique in its dashboard: the id is made of it.
    pub title: &'static str,
    /// What it shows, and when it is empty.
    pub description: String,
    /// How it draws.
    pub kind: Kind,
    /// The unit.
    pub unit: Unit,
    /// Columns of 24.
    pub width: u8,
    /// Height in rows of 30 pixels.
    pub height: u8,
    /// Its queries.
    pub targets: Vec<Target>,
    /// Where they go.
    pub source: Source,
    /// What must be there.
    pub needs: Option<Needs>,
    /// From which value on it has which colour; the first is the base.
    pub thresholds: &'static [(f64, &'static str)],
    /// Words for values, with a colour.
    pub mappings: &'static [(f64, &'static str, &'static str)],
    /// The largest value, when it is known.
    pub max: Option<f64>,
    /// Exemplars are asked for.
    pub exemplars: bool,
    /// The dashboard that goes deeper.
    pub deeper: Option<&'static str>,
    /// Only for tables: the labels of a line, with the title of their column, in this order.
    pub labels: &'static [(&'static str, &'static str)],
}

impl Panel {
    fn new(kind: Kind, (width, height): (u8, u8), title: &'static str, description: &str) -> Self {
        Self {
            title,
            description: description.to_owned(),
            kind,
            unit: Unit::Count,
            width,
            height,
            targets: Vec::new(),
            source: Source::Prometheus,
            needs: None,
            thresholds: &[],
            mappings: &[],
            max: None,
            exemplars: false,
            deeper: None,
            labels: &[],
        }
    }

    /// A number.
    pub fn stat(title: &'static str, description: &str) -> Self {
        Self::new(Kind::Stat, (4, 4), title, description)
    }

    /// Lines.
    pub fn graph(title: &'static str, description: &str) -> Self {
        Self::new(Kind::Graph, (12, 8), title, description)
    }

    /// Parts of a whole.
    pub fn stacked(title: &'static str, description: &str) -> Self {
        Self::new(Kind::Stacked, (12, 8), title, description)
    }

    /// Counts by bucket.
    pub fn heatmap(title: &'static str, description: &str) -> Self {
        Self::new(Kind::Heatmap, (12, 8), title, description)
    }

    /// Bars.
    pub fn bars(title: &'static str, description: &str) -> Self {
        Self::new(Kind::Bars, (12, 8), title, description)
    }

    /// A table of objects, which are told apart by these labels.
    pub fn table(
        title: &'static str,
        description: &str,
        labels: &'static [(&'static str, &'static str)],
    ) -> Self {
        Self { labels, ..Self::new(Kind::Table, (24, 8), title, description) }
    }

    /// Log lines of Loki.
    pub fn logs(title: &'static str, description: &str) -> Self {
        Self { source: Source::Loki, ..Self::new(Kind::Logs, (24, 10), title, description) }
    }

    /// Traces of Tempo.
    pub fn traces(title: &'static str, description: &str) -> Self {
        Self { source: Source::Tempo, ..Self::new(Kind::Traces, (24, 8), title, description) }
    }

    /// With this unit.
    pub fn unit(self, unit: Unit) -> Self {
        Self { unit, ..self }
    }

    /// So many columns of 24, so many rows.
    pub fn size(self, width: u8, height: u8) -> Self {
        Self { width, height, ..self }
    }

    /// With a query over time; what is asked over the whole range of the dashboard is asked once.
    pub fn query(mut self, expr: impl AsRef<str>, legend: &str) -> Self {
        let instant = self.kind == Kind::Bars || expr.as_ref().contains("$__range");
        self.push(expr.as_ref(), legend, None, instant);
        self
    }

    /// With a column of a table.
    pub fn column(mut self, expr: impl AsRef<str>, title: &str, unit: Unit) -> Self {
        self.push(expr.as_ref(), title, Some(unit), true);
        self
    }

    fn push(&mut self, expr: &str, legend: &str, unit: Option<Unit>, instant: bool) {
        let expr = words::expand(expr);
        self.targets.push(Target { expr, legend: legend.to_owned(), unit, instant });
    }

    /// From Loki.
    pub fn from_loki(self) -> Self {
        Self { source: Source::Loki, ..self }
    }

    /// Empty without this.
    pub fn needs(self, needs: Needs) -> Self {
        let description = format!("{} {}", self.description, needs.sentence());
        Self { needs: Some(needs), description, ..self }
    }

    /// Coloured from these values on.
    pub fn thresholds(self, thresholds: &'static [(f64, &'static str)]) -> Self {
        Self { thresholds, ..self }
    }

    /// With words for values.
    pub fn words(self, mappings: &'static [(f64, &'static str, &'static str)]) -> Self {
        Self { mappings, ..self }
    }

    /// With the largest value.
    pub fn max(self, max: f64) -> Self {
        Self { max: Some(max), ..self }
    }

    /// With exemplars, which lead to traces.
    pub fn exemplars(self) -> Self {
        Self { exemplars: true, ..self }
    }

    /// With a link to the dashboard that goes deeper.
    pub fn deeper(self, uid: &'static str) -> Self {
        Self { deeper: Some(uid), ..self }
    }

    /// The id: made of the title, so that links to a panel outlive a new order.
    pub fn id(&self) -> u32 {
        let hash = self
            .title
            .bytes()
            .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
        hash % 99_999 + 1
    }
}
