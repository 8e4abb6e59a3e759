//! What stands at the top of a dashboard: variables, and marks of what happened.

use super::kinds::Source;
use super::model::Target;
use super::words;

/// Something that is chosen at the top of a dashboard.
#[derive(Clone, Debug)]
pub enum Variable {
    /// A data source of a kind.
    Source(Source),
    /// Values of a label.
    Label(LabelVariable),
    /// One of a list.
    Choice {
        /// Name in queries.
        name: &'static str,
        /// Label at the top.
        label: &'static str,
        /// What it is for.
        description: &'static str,
        /// The values, the first of them chosen; values and what is shown for them.
        values: &'static [(&'static str, &'static str)],
    },
    /// Free text.
    Text {
        /// Name in queries.
        name: &'static str,
        /// Label at the top.
        label: &'static str,
        /// What it is for.
        description: &'static str,
        /// What stands there at first.
        value: &'static str,
    },
}

impl Variable {
    /// The name in queries.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Source(source) => source.variable(),
            Self::Label(label) => label.name,
            Self::Choice { name, .. } | Self::Text { name, .. } => name,
        }
    }
}

/// A variable whose values are those of a label; several can be chosen, and all at first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LabelVariable {
    /// Name in queries.
    pub name: &'static str,
    /// Label at the top.
    pub label: &'static str,
    /// What it is for.
    pub description: &'static str,
    /// The label.
    pub of: &'static str,
    /// The series that have it, as a selector with `@` words.
    pub series: &'static str,
    /// What All matches: `.*` also series without the label.
    pub all: &'static str,
}

impl LabelVariable {
    /// The series that have the label, as a selector of PromQL.
    pub fn selector(&self) -> String {
        words::expand(self.series)
    }
}

impl Annotation {
    /// Its query.
    pub fn target(&self) -> Target {
        Target { expr: words::expand(self.expr), legend: self.name.to_owned(), unit: None, instant: false }
    }
}

/// A mark at the time that a gauge holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Annotation {
    /// Name of the switch at the top.
    pub name: &'static str,
    /// Milliseconds since 1970.
    pub expr: &'static str,
    /// Colour of the marks.
    pub color: &'static str,
    /// Text of a mark.
    pub text: &'static str,
}
