//! The catalog: every metric, log field and span attribute is declared here, once.
//!
//! The exposition writes samples only under a [`Metric`] of this room; `docs/metrics.md` and `catalog.json` are
//! generated from it, and whatever quotes PromQL is checked against it. The closure test holds the two together:
//! `/metrics` shows all of the catalog and nothing else, with exactly the labels declared.

mod connections;
mod control_labels;
mod control_plane;
mod data_plane;
mod document;
mod labels;
pub mod log_fields;
mod objects;
mod planes;
mod process;
mod requests;
pub mod span_attributes;
mod upstream;

/// The metrics by name, for the exposition.
pub mod metrics {
    pub use super::connections::*;
    pub use super::control_plane::*;
    pub use super::data_plane::*;
    pub use super::objects::*;
    pub use super::process::*;
    pub use super::requests::*;
    pub use super::upstream::*;
}

pub use document::{json, markdown};
pub use labels::{Label, Values, label};
pub use planes::Plane;

use crate::families::Switches;

/// What a metric is (OpenMetrics 1.0 section 4.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Rises only; its name ends in `_total`.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Distribution: classic buckets, and native ones in protobuf.
    Histogram,
    /// Labels whose value is always 1; its name ends in `_info`.
    Info,
}

impl Kind {
    /// The OpenMetrics type.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::Info => "info",
        }
    }
}

/// What a value counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Things, or a state of 0 or 1.
    One,
    /// Seconds.
    Seconds,
    /// Seconds since 1970 UTC.
    Timestamp,
    /// Bytes.
    Bytes,
}

impl Unit {
    /// The suffix of names and the OpenMetrics unit; `None` for things.
    pub const fn suffix(self) -> Option<&'static str> {
        match self {
            Self::One => None,
            Self::Seconds | Self::Timestamp => Some("seconds"),
            Self::Bytes => Some("bytes"),
        }
    }

    /// The word in the documentation.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::One => "1",
            Self::Seconds => "seconds",
            Self::Timestamp => "seconds since 1970 UTC",
            Self::Bytes => "bytes",
        }
    }
}

/// What may change about a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stability {
    /// Name, unit and meaning change only with a decision record and one release of both names.
    Stable,
    /// May change with a line in the changelog.
    Experimental,
}

impl Stability {
    /// The word in the documentation.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stable => "stable",
            Self::Experimental => "experimental",
        }
    }
}

/// The switch that keeps a family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Switch {
    /// [`Switches::status_code_metrics`].
    StatusCodeMetrics,
    /// [`Switches::bandwidth_metrics`].
    BandwidthMetrics,
    /// [`Switches::upstream_health_metrics`].
    UpstreamHealthMetrics,
    /// [`Switches::latency_metrics`].
    LatencyMetrics,
    /// [`Switches::tcp_metrics`].
    TcpMetrics,
}

impl Switch {
    /// The name in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::StatusCodeMetrics => "status_code_metrics",
            Self::BandwidthMetrics => "bandwidth_metrics",
            Self::UpstreamHealthMetrics => "upstream_health_metrics",
            Self::LatencyMetrics => "latency_metrics",
            Self::TcpMetrics => "tcp_metrics",
        }
    }

    /// Whether the switch is on.
    pub const fn is_on(self, switches: &Switches) -> bool {
        match self {
            Self::StatusCodeMetrics => switches.status_code_metrics,
            Self::BandwidthMetrics => switches.bandwidth_metrics,
            Self::UpstreamHealthMetrics => switches.upstream_health_metrics,
            Self::LatencyMetrics => switches.latency_metrics,
            Self::TcpMetrics => switches.tcp_metrics,
        }
    }
}

/// A metric family.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// The name in queries: with `_total` or `_info`, without `_bucket`, `_count`, `_sum`.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// What its values count.
    pub unit: Unit,
    /// One sentence for `# HELP`, without a full stop.
    pub help: &'static str,
    /// Its labels in the order in which they are written.
    pub labels: &'static [Label],
    /// Upper bounds of the classic buckets, without `+Inf`; only for histograms.
    pub buckets: &'static [f64],
    /// What may change.
    pub stability: Stability,
    /// The question that it answers.
    pub question: &'static str,
    /// How many series there can be.
    pub series: &'static str,
    /// The switch that keeps it; `None` is always kept.
    pub switch: Option<Switch>,
    /// Whose `/metrics` shows it.
    pub plane: Plane,
}

impl Metric {
    pub(crate) const BASE: Self = Self {
        name: "",
        kind: Kind::Gauge,
        unit: Unit::One,
        help: "",
        labels: &[],
        buckets: &[],
        stability: Stability::Experimental,
        question: "",
        series: "1",
        switch: None,
        plane: Plane::Every,
    };

    /// The name of the family in OpenMetrics: without `_total` and `_info` (section 4.4).
    pub fn family_name(&self) -> &'static str {
        let suffix = match self.kind {
            Kind::Counter => "_total",
            Kind::Info => "_info",
            Kind::Gauge | Kind::Histogram => "",
        };
        self.name.strip_suffix(suffix).unwrap_or(self.name)
    }

    /// Whether it is kept under these switches.
    pub fn is_kept(&self, switches: &Switches) -> bool {
        self.switch.is_none_or(|switch| switch.is_on(switches))
    }
}

/// Metrics that belong together in the documentation.
#[derive(Clone, Copy, Debug)]
pub struct Group {
    /// Heading.
    pub title: &'static str,
    /// Members, in the order of the exposition.
    pub metrics: &'static [&'static Metric],
}

/// All groups, in the order of the exposition.
pub const GROUPS: &[Group] = &[
    requests::GROUP,
    upstream::GROUP,
    connections::GROUP,
    control_plane::READINESS_GROUP,
    control_plane::WATCH_GROUP,
    control_plane::TRANSLATION_GROUP,
    control_plane::FLEET_GROUP,
    objects::STATUS_GROUP,
    objects::LEASE_GROUP,
    objects::OBJECTS_GROUP,
    data_plane::GROUP,
    process::CONFIG_GROUP,
    process::SELF_GROUP,
    process::PROCESS_GROUP,
    process::SERIES_GROUP,
];

/// All metrics, in the order of the exposition.
pub fn all() -> impl Iterator<Item = &'static Metric> {
    GROUPS.iter().flat_map(|group| group.metrics.iter().copied())
}

/// The type of a log field or span attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldKind {
    /// Text.
    Text,
    /// A whole number.
    Integer,
    /// A number with a fraction.
    Number,
    /// true or false.
    Boolean,
    /// Members by name.
    Object,
    /// A list.
    List,
}

impl FieldKind {
    /// The word in the documentation.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::Object => "object",
            Self::List => "list",
        }
    }
}

/// A field of the access log, or an attribute of a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name as written.
    pub name: &'static str,
    /// Its type.
    pub kind: FieldKind,
    /// What it holds.
    pub help: &'static str,
    /// When it is present.
    pub when: &'static str,
}

macro_rules! fields {
    ($(#[$doc:meta])* $list:ident {
        $($name:ident = $text:literal, $kind:ident, $when:literal, $help:literal;)+
    }) => {
        $(
            #[doc = concat!("`", $text, "`: ", $help, ".")]
            pub const $name: Field = Field { name: $text, kind: FieldKind::$kind, help: $help, when: $when };
        )+

        $(#[$doc])*
        pub const $list: &[Field] = &[$($name,)+];
    };
}
pub(crate) use fields;

#[cfg(test)]
mod tests;
