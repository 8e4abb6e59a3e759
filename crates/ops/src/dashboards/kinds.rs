//! The words of Grafana that panels are made of: data sources, units, kinds of panels; and what panels need.

/// Where queries go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// `${datasource}`.
    Prometheus,
    /// `${loki}`.
    Loki,
    /// `${tempo}`.
    Tempo,
}

impl Source {
    /// The type of the data source in Grafana.
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Prometheus => "prometheus",
            Self::Loki => "loki",
            Self::Tempo => "tempo",
        }
    }

    /// The variable that chooses it.
    pub const fn variable(self) -> &'static str {
        match self {
            Self::Prometheus => "datasource",
            Self::Loki => "loki",
            Self::Tempo => "tempo",
        }
    }

    /// Its label at the top of the dashboard.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Prometheus => "Data source",
            Self::Loki => "Logs",
            Self::Tempo => "Traces",
        }
    }
}

/// A unit, as Grafana names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A number, shortened: 1.2 K.
    Count,
    /// A number with all its digits.
    Plain,
    /// Cores of CPU.
    Cores,
    /// Seconds.
    Seconds,
    /// Seconds since 1970, in milliseconds, shown as time from now.
    FromNow,
    /// Bytes.
    Bytes,
    /// Bytes per second.
    BytesPerSecond,
    /// The same, when it can fall.
    BytesPerSecondSigned,
    /// Requests per second.
    Requests,
    /// Other things per second.
    PerSecond,
    /// 0 to 1, shown as percent.
    Ratio,
}

impl Unit {
    /// Grafana's word.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Count | Self::Cores => "short",
            Self::Plain => "none",
            Self::Seconds => "s",
            Self::FromNow => "dateTimeFromNow",
            Self::Bytes => "bytes",
            Self::BytesPerSecond | Self::BytesPerSecondSigned => "binBps",
            Self::Requests => "reqps",
            Self::PerSecond => "cps",
            Self::Ratio => "percentunit",
        }
    }
}

/// How a panel draws.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One number with what it was over time.
    Stat,
    /// Lines over time.
    Graph,
    /// Areas on top of each other over time: parts of a whole.
    Stacked,
    /// Counts by bucket over time.
    Heatmap,
    /// One bar for each series.
    Bars,
    /// One line for each object, a column for each query.
    Table,
    /// Log lines.
    Logs,
    /// Traces that a search finds.
    Traces,
}

impl Kind {
    /// The panel plugin.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Stat => "stat",
            Self::Graph | Self::Stacked => "timeseries",
            Self::Heatmap => "heatmap",
            Self::Bars => "bargauge",
            Self::Table | Self::Traces => "table",
            Self::Logs => "logs",
        }
    }
}

/// What must be there before a panel can show anything; without it the panel is empty, and its description says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Needs {
    /// A control plane that is scraped.
    ControlPlane,
    /// A data plane that follows a control plane.
    DataPlane,
    /// A Collector that is scraped.
    Collector,
    /// Logs in Loki.
    Loki,
    /// Traces in Tempo.
    Tempo,
}

impl Needs {
    /// For descriptions.
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::ControlPlane => "Empty where no control plane is scraped: `clearway run` has none.",
            Self::DataPlane => "Empty where no data plane follows a control plane: `clearway run` has none.",
            Self::Collector => {
                "Empty where the metrics of the OpenTelemetry Collector (port 8888) are not scraped."
            }
            Self::Loki => "Empty where the access log does not go to Loki.",
            Self::Tempo => "Empty where traces do not go to Tempo.",
        }
    }
}
