//! Scraping `/metrics` and asserting on it: a parser for the text formats 0.0.4 and OpenMetrics 1.0, and selections of samples.
//!
//! Called by tests of telemetry. The parser refuses what the formats do not allow, with the line: a scrape that parses is
//! well formed. `let scrape = prom::scrape(..); scrape.metric("clearway_requests_total").label("code", "200").sum()`.

mod check;
mod parse;
mod select;

use std::collections::BTreeMap;
use std::net::SocketAddr;

use http::Method;

use crate::client::HttpClient;

pub use parse::ParseError;
pub use select::{Histogram, Selection};

/// An exposition format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Prometheus text 0.0.4.
    Text,
    /// OpenMetrics text 1.0.0.
    OpenMetrics,
}

impl Format {
    /// What a client sends to get it.
    pub fn accept(self) -> &'static str {
        match self {
            Self::Text => "text/plain;version=0.0.4",
            Self::OpenMetrics => "application/openmetrics-text;version=1.0.0",
        }
    }
}

/// The type of a metric family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `counter`
    Counter,
    /// `gauge`
    Gauge,
    /// `histogram`
    Histogram,
    /// `gaugehistogram`
    GaugeHistogram,
    /// `summary`
    Summary,
    /// `info`
    Info,
    /// `stateset`
    StateSet,
    /// `unknown`, `untyped`, or no TYPE line.
    Unknown,
}

/// What the comment lines say of a metric family.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Family {
    /// Name: without `_total` in OpenMetrics, with it in text 0.0.4.
    pub name: String,
    /// Type.
    pub kind: Kind,
    /// Help, unescaped; empty without a HELP line.
    pub help: String,
    /// Unit; empty without a UNIT line.
    pub unit: String,
    /// Indices of its samples in [`Exposition::samples`].
    pub samples: Vec<usize>,
}

/// An example behind a sample.
#[derive(Clone, Debug, PartialEq)]
pub struct Exemplar {
    /// Labels, unescaped.
    pub labels: BTreeMap<String, String>,
    /// Value.
    pub value: f64,
    /// Unix time in seconds.
    pub timestamp: Option<f64>,
}

/// One line.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Metric name, with its suffix.
    pub name: String,
    /// Labels, unescaped.
    pub labels: BTreeMap<String, String>,
    /// Value.
    pub value: f64,
    /// Unix time, in the format's unit (seconds in OpenMetrics, milliseconds in text).
    pub timestamp: Option<f64>,
    /// Exemplar (OpenMetrics only).
    pub exemplar: Option<Exemplar>,
    /// Line number, from 1.
    pub line: usize,
}

impl Sample {
    /// A label's value; empty when the sample has no such label, as in PromQL.
    pub fn label(&self, name: &str) -> &str {
        self.labels.get(name).map_or("", String::as_str)
    }
}

/// A parsed scrape.
#[derive(Clone, Debug, PartialEq)]
pub struct Exposition {
    /// Which format it was parsed as.
    pub format: Format,
    /// Families in order of appearance.
    pub families: Vec<Family>,
    /// Samples in order of appearance.
    pub samples: Vec<Sample>,
    /// Size of the text in bytes.
    pub bytes: usize,
}

impl Exposition {
    /// Parses a text.
    ///
    /// # Errors
    /// The first line that the format does not allow, and why.
    pub fn parse(text: &str, format: Format) -> Result<Self, ParseError> {
        parse::parse(text, format)
    }

    /// Every sample of this name. A name that the scrape does not hold is an empty selection.
    pub fn metric(&self, name: &str) -> Selection<'_> {
        Selection::new(self, name)
    }

    /// A family by its name.
    pub fn family(&self, name: &str) -> Option<&Family> {
        self.families.iter().find(|family| family.name == name)
    }

    /// Number of series: lines with a value.
    pub fn series(&self) -> usize {
        self.samples.len()
    }

    /// What parses but is still wrong: repeated series, families in pieces, counters below 0, histograms whose buckets do
    /// not rise or whose `+Inf` is not `_count`. Empty when all is well; one sentence each.
    pub fn problems(&self) -> Vec<String> {
        check::problems(self)
    }
}

/// Scrapes `path` in this format and parses it.
///
/// Panics unless the answer is 200, of the right Content-Type, well formed and without [`Exposition::problems`].
pub async fn scrape(address: SocketAddr, path: &str, format: Format) -> Exposition {
    let client = HttpClient::h1(address).await;
    let mut client = client.unwrap_or_else(|error| panic!("cannot scrape http://{address}{path}: {error}"));
    let answer = client.request(Method::GET, path, &[("accept", format.accept())]).await;
    assert_eq!(answer.status, 200, "GET http://{address}{path}: {}", answer.text());
    let wanted = match format {
        Format::Text => "text/plain; version=0.0.4",
        Format::OpenMetrics => "application/openmetrics-text; version=1.0.0",
    };
    let got = answer.header("content-type");
    assert!(got.starts_with(wanted), "asked for {wanted}, got Content-Type {got}");
    let parsed = Exposition::parse(&answer.text(), format);
    let exposition = parsed.unwrap_or_else(|error| panic!("http://{address}{path}: {error}"));
    let problems = exposition.problems();
    assert!(problems.is_empty(), "http://{address}{path}:\n{}", problems.join("\n"));
    exposition
}
