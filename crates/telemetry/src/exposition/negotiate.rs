//! Which format and which coding a scraper gets (RFC 9110 section 12.5; formats of Prometheus 3).
//!
//! Prometheus refuses a scrape whose `Content-Type` it does not know, so the types are written to the letter.

/// A format of the exposition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Prometheus text 0.0.4: what people and old scrapers read; no exemplars.
    Text,
    /// OpenMetrics text 1.0.0: with exemplars.
    OpenMetrics,
    /// Prometheus protobuf, delimited: with native histograms and exemplars.
    Protobuf,
}

impl Format {
    /// In the order of preference among what a wildcard takes.
    pub const ALL: [Self; 3] = [Self::Text, Self::OpenMetrics, Self::Protobuf];

    /// The `Content-Type`.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Protobuf => {
                "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
            }
        }
    }

    const fn media_type(self) -> (&'static str, &'static str) {
        match self {
            Self::Text => ("text", "plain"),
            Self::OpenMetrics => ("application", "openmetrics-text"),
            Self::Protobuf => ("application", "vnd.google.protobuf"),
        }
    }

    /// The format that `Accept` wants most; text when the header is absent or takes nothing of this.
    ///
    /// Each format has the weight of the most specific range that takes it. Among equal weights a format that is named
    /// goes before one that a wildcard takes, and one that is named first before later ones.
    pub fn negotiate(accept: Option<&str>) -> Self {
        let ranges: Vec<Range<'_>> = accept.map(parse).unwrap_or_default();
        let mut best: Option<(Taken, Self)> = None;
        for format in Self::ALL {
            let taken = ranges
                .iter()
                .enumerate()
                .filter_map(|(at, range)| range.takes(format, at))
                .max_by(more_specific);
            let Some(taken) = taken.filter(|taken| taken.weight > 0) else { continue };
            if best.as_ref().is_none_or(|(other, _)| taken.is_better_than(other)) {
                best = Some((taken, format));
            }
        }
        best.map_or(Self::Text, |(_, format)| format)
    }
}

/// Whether a body may be sent with gzip: taken, and not less wanted than no coding.
pub(super) fn takes_gzip(accept_encoding: Option<&str>) -> bool {
    let ranges = accept_encoding.map(parse).unwrap_or_default();
    let weight = |name: &str| {
        ranges.iter().find(|range| range.kind.eq_ignore_ascii_case(name)).map(|range| range.weight)
    };
    let gzip = weight("gzip").or_else(|| weight("x-gzip")).or_else(|| weight("*")).unwrap_or(0);
    gzip > 0 && weight("identity").is_none_or(|identity| identity <= gzip)
}

/// One element of a list header: `kind/subtype;name=value;q=0.5`.
#[derive(Debug)]
struct Range<'a> {
    kind: &'a str,
    subtype: &'a str,
    parameters: Vec<(&'a str, &'a str)>,
    /// Thousandths.
    weight: u16,
}

/// How a range takes a format.
#[derive(Debug)]
struct Taken {
    weight: u16,
    /// 0 `*/*`, 1 `kind/*`, 2 named, above: named with so many parameters.
    specificity: usize,
    position: usize,
}

impl Taken {
    fn is_better_than(&self, other: &Self) -> bool {
        let rank = |taken: &Self| (taken.weight, taken.specificity.min(2), std::cmp::Reverse(taken.position));
        rank(self) > rank(other)
    }
}

fn more_specific(a: &Taken, b: &Taken) -> std::cmp::Ordering {
    (a.specificity, std::cmp::Reverse(a.position)).cmp(&(b.specificity, std::cmp::Reverse(b.position)))
}

impl Range<'_> {
    fn takes(&self, format: Format, position: usize) -> Option<Taken> {
        let (kind, subtype) = format.media_type();
        let specificity = match (self.kind, self.subtype) {
            ("*", "*") => 0,
            (own, "*") if own.eq_ignore_ascii_case(kind) => 1,
            (own, sub) if own.eq_ignore_ascii_case(kind) && sub.eq_ignore_ascii_case(subtype) => {
                2 + self.parameters_fit(format)?
            }
            _ => return None,
        };
        Some(Taken { weight: self.weight, specificity, position })
    }

    /// Number of parameters that were asked for and hold; `None` when one does not.
    fn parameters_fit(&self, format: Format) -> Option<usize> {
        let mut fitting = 0;
        for (name, value) in &self.parameters {
            let wanted = match (format, name.to_ascii_lowercase().as_str()) {
                (Format::Text, "version") => "0.0.4",
                (Format::OpenMetrics, "version") => "1.0.0",
                (Format::Protobuf, "proto") => "io.prometheus.client.MetricFamily",
                (Format::Protobuf, "encoding") => "delimited",
                // charset is always UTF-8; escaping is moot, since names hold nothing to escape.
                _ => continue,
            };
            if !value.eq_ignore_ascii_case(wanted) {
                return None;
            }
            fitting += 1;
        }
        // Protobuf without its message type could be anything.
        (format != Format::Protobuf || fitting == 2).then_some(fitting)
    }
}

fn parse(header: &str) -> Vec<Range<'_>> {
    header.split(',').map(str::trim).filter(|element| !element.is_empty()).map(range).collect()
}

fn range(element: &str) -> Range<'_> {
    let mut parts = element.split(';').map(str::trim);
    let name = parts.next().unwrap_or_default();
    let (kind, subtype) = name.split_once('/').unwrap_or((name, ""));
    let mut range = Range { kind, subtype, parameters: Vec::new(), weight: 1000 };
    for (name, value) in parts.filter_map(|part| part.split_once('=')) {
        let (name, value) = (name.trim(), value.trim().trim_matches('"'));
        if name.eq_ignore_ascii_case("q") {
            range.weight = weight(value);
        } else {
            range.parameters.push((name, value));
        }
    }
    range
}

/// Thousandths of a weight; what is no weight between 0 and 1 counts as 0.
fn weight(text: &str) -> u16 {
    match text.parse::<f64>() {
        Ok(value) if (0.0..=1.0).contains(&value) => (value * 1000.0).round() as u16,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::{Format, takes_gzip};

    /// What Prometheus 3 sends, without and with native histograms.
    const PROMETHEUS: &str = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
        application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,\
        text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
    const PROMETHEUS_NATIVE: &str = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;\
        encoding=delimited;q=0.7,application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,*/*;q=0.2";

    #[test]
    fn formats_are_chosen_by_weight_then_by_name() {
        use Format::{OpenMetrics, Protobuf, Text};
        let cases: &[(Option<&str>, Format)] = &[
            (None, Text),
            (Some(""), Text),
            (Some("*/*"), Text),
            (Some("text/html, application/xhtml+xml, */*;q=0.8"), Text),
            (Some("application/json"), Text),
            (Some(PROMETHEUS), OpenMetrics),
            (Some(PROMETHEUS_NATIVE), Protobuf),
            (Some("application/openmetrics-text; version=1.0.0"), OpenMetrics),
            (Some("Application/OpenMetrics-Text"), OpenMetrics),
            (Some("application/openmetrics-text; version=\"1.0.0\""), OpenMetrics),
            (Some("application/openmetrics-text; version=0.0.1"), Text),
            (Some("application/openmetrics-text;version=0.0.1, text/plain;q=0.1"), Text),
            (Some("text/plain, application/openmetrics-text"), Text),
            (Some("application/openmetrics-text, text/plain"), OpenMetrics),
            (Some("*/*, application/openmetrics-text"), OpenMetrics),
            (Some("text/plain;q=0.4, application/openmetrics-text;q=0.5"), OpenMetrics),
            (Some("text/plain;q=0, */*"), OpenMetrics),
            (Some("application/*"), OpenMetrics),
            (Some("application/openmetrics-text;q=0"), Text),
            (Some("application/vnd.google.protobuf"), Text),
            (
                Some("application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=text"),
                Text,
            ),
            (
                Some(
                    "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited",
                ),
                Protobuf,
            ),
            (Some("text/plain;version=0.0.4;q=1,application/openmetrics-text;q=broken"), Text),
            (Some(";;,,=;q"), Text),
        ];
        for (accept, want) in cases {
            assert_eq!(Format::negotiate(*accept), *want, "{accept:?}");
        }
    }

    #[test]
    fn gzip_is_taken_only_when_it_is_wanted() {
        let cases: &[(Option<&str>, bool)] = &[
            (None, false),
            (Some(""), false),
            (Some("gzip"), true),
            (Some("GZip, deflate"), true),
            (Some("br, x-gzip;q=0.3"), true),
            (Some("*"), true),
            (Some("gzip;q=0"), false),
            (Some("gzip;q=0, *"), false),
            (Some("identity"), false),
            (Some("identity;q=1, gzip;q=0.5"), false),
            (Some("identity;q=0.5, gzip"), true),
        ];
        for (header, want) in cases {
            assert_eq!(takes_gzip(*header), *want, "{header:?}");
        }
    }
}
