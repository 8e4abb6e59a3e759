//! The two text formats: OpenMetrics 1.0 and Prometheus 0.0.4. They differ in the names of families, in units,
//! exemplars and the end mark; labels and values are the same.

use std::io::Write;
use std::time::UNIX_EPOCH;

use super::page::{Labels, Number, Writer};
use super::sink::PART;
use crate::catalog::{Kind, Metric};
use crate::histogram::{Collected, Exemplar};

/// Writer of both text formats.
#[derive(Debug)]
pub(super) struct TextWriter {
    out: Vec<u8>,
    openmetrics: bool,
    metric: Option<&'static Metric>,
    headed: bool,
    /// The labels of the sample being written, without brackets.
    block: Vec<u8>,
    /// The `le` values of the family being written.
    bounds: Vec<String>,
}

impl TextWriter {
    /// An empty page.
    pub(super) fn new(openmetrics: bool) -> Self {
        Self {
            out: Vec::with_capacity(2 * PART),
            openmetrics,
            metric: None,
            headed: false,
            block: Vec::new(),
            bounds: Vec::new(),
        }
    }

    fn head(&mut self, metric: &Metric) {
        if std::mem::replace(&mut self.headed, true) {
            return;
        }
        let name = if self.openmetrics { metric.family_name() } else { metric.name };
        let kind = if self.openmetrics || metric.kind != Kind::Info { metric.kind.as_str() } else { "gauge" };
        self.line(&["# HELP ", name, " ", metric.help]);
        self.line(&["# TYPE ", name, " ", kind]);
        if let Some(unit) = metric.unit.suffix().filter(|_| self.openmetrics) {
            self.line(&["# UNIT ", name, " ", unit]);
        }
    }

    fn line(&mut self, parts: &[&str]) {
        for part in parts {
            self.out.extend_from_slice(part.as_bytes());
        }
        self.out.push(b'\n');
    }

    fn set_block(&mut self, labels: &Labels<'_>) {
        self.block.clear();
        for (name, value) in labels.iter() {
            if !self.block.is_empty() {
                self.block.push(b',');
            }
            self.block.extend_from_slice(name.as_bytes());
            self.block.extend_from_slice(b"=\"");
            push_escaped(&mut self.block, value);
            self.block.push(b'"');
        }
    }

    /// `name suffix { labels , le } `, ready for the value.
    fn series(&mut self, name: &str, suffix: &str, le: Option<usize>) {
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(suffix.as_bytes());
        if !self.block.is_empty() || le.is_some() {
            self.out.push(b'{');
            self.out.extend_from_slice(&self.block);
            if let Some(at) = le {
                if !self.block.is_empty() {
                    self.out.push(b',');
                }
                self.out.extend_from_slice(b"le=\"");
                self.out.extend_from_slice(self.bounds.get(at).map_or("+Inf", String::as_str).as_bytes());
                self.out.push(b'"');
            }
            self.out.push(b'}');
        }
        self.out.push(b' ');
    }

    fn exemplar(&mut self, exemplar: &Exemplar) {
        let Ok(at) = exemplar.at.duration_since(UNIX_EPOCH) else { return };
        self.out.extend_from_slice(b" # {trace_id=\"");
        push_hex(&mut self.out, &exemplar.trace_id);
        self.out.extend_from_slice(b"\",span_id=\"");
        push_hex(&mut self.out, &exemplar.span_id);
        self.out.extend_from_slice(b"\"} ");
        push_float(&mut self.out, exemplar.seconds);
        // Writing into a Vec cannot fail.
        write!(self.out, " {}.{:03}", at.as_secs(), at.subsec_millis()).unwrap_or_default();
    }
}

impl Writer for TextWriter {
    fn family(&mut self, metric: &'static Metric) {
        self.metric = Some(metric);
        self.headed = false;
        self.bounds = metric.buckets.iter().copied().map(bound_text).collect();
    }

    fn number(&mut self, labels: &Labels<'_>, value: Number) {
        let Some(metric) = self.metric else { return };
        self.head(metric);
        self.set_block(labels);
        self.series(metric.name, "", None);
        match value {
            Number::Whole(value) => push_whole(&mut self.out, value),
            Number::Float(value) => push_float(&mut self.out, value),
        }
        self.out.push(b'\n');
    }

    fn histogram(&mut self, labels: &Labels<'_>, value: &Collected) {
        let Some(metric) = self.metric else { return };
        self.head(metric);
        self.set_block(labels);
        let mut cumulative = 0;
        for (at, count) in value.classic.iter().enumerate() {
            cumulative += count;
            self.series(metric.name, "_bucket", Some(at));
            push_whole(&mut self.out, cumulative);
            if self.openmetrics
                && let Some(exemplar) = value.exemplars.get(at).and_then(Option::as_ref)
            {
                self.exemplar(exemplar);
            }
            self.out.push(b'\n');
        }
        self.series(metric.name, "_sum", None);
        push_float(&mut self.out, value.sum);
        self.out.push(b'\n');
        self.series(metric.name, "_count", None);
        push_whole(&mut self.out, value.count);
        self.out.push(b'\n');
    }

    fn finish(&mut self) {
        if self.openmetrics {
            self.out.extend_from_slice(b"# EOF\n");
        }
    }

    fn finished(&mut self) -> &mut Vec<u8> {
        &mut self.out
    }
}

/// Label values escape backslash, quote and line feed (OpenMetrics 1.0 section 5, text 0.0.4 alike).
fn push_escaped(out: &mut Vec<u8>, value: &str) {
    for &byte in value.as_bytes() {
        match byte {
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'"' => out.extend_from_slice(b"\\\""),
            b'\n' => out.extend_from_slice(b"\\n"),
            _ => out.push(byte),
        }
    }
}

pub(super) fn push_hex(out: &mut Vec<u8>, bytes: &[u8]) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    for byte in bytes {
        out.push(HEX[usize::from(byte >> 4)]);
        out.push(HEX[usize::from(byte & 15)]);
    }
}

fn push_whole(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

fn push_float(out: &mut Vec<u8>, value: f64) {
    if value.is_nan() {
        out.extend_from_slice(b"NaN");
    } else if value.is_infinite() {
        out.extend_from_slice(if value > 0.0 { b"+Inf" } else { b"-Inf" });
    } else {
        // Debug is the shortest text that reads back as the same number. Writing into a Vec cannot fail.
        write!(out, "{value:?}").unwrap_or_default();
    }
}

/// A bucket's bound as OpenMetrics wants it in `le` (section "Canonical Numbers"): `1.0`, `0.0001`, `1e-05`.
fn bound_text(bound: f64) -> String {
    if bound == 0.0 || (1e-4..1e6).contains(&bound.abs()) {
        return format!("{bound:?}");
    }
    let text = format!("{bound:e}");
    let Some((mantissa, exponent)) = text.split_once('e') else { return text };
    let (sign, digits) = exponent.strip_prefix('-').map_or(("+", exponent), |digits| ("-", digits));
    format!("{mantissa}e{sign}{digits:0>2}")
}

#[cfg(test)]
mod tests {
    use super::{bound_text, push_float};

    #[test]
    fn bounds_are_canonical_numbers() {
        let cases = [
            (0.0, "0.0"),
            (0.001, "0.001"),
            (0.95, "0.95"),
            (1.0, "1.0"),
            (10.0, "10.0"),
            (1e-10, "1e-10"),
            (1e-9, "1e-09"),
            (1e-5, "1e-05"),
            (2.5e-5, "2.5e-05"),
            (1e-4, "0.0001"),
            (100_000.0, "100000.0"),
            (1e6, "1e+06"),
            (1e10, "1e+10"),
        ];
        for (bound, want) in cases {
            assert_eq!(bound_text(bound), want);
        }
    }

    #[test]
    fn numbers_read_back_as_they_were() {
        for value in [0.0, 0.1, 1.5e-7, 1e21, 1_766_000_000.123, f64::MAX] {
            let mut out = Vec::new();
            push_float(&mut out, value);
            let text = String::from_utf8(out).expect("UTF-8");
            assert_eq!(text.parse::<f64>().expect(&text), value);
        }
        for (value, want) in [(f64::INFINITY, "+Inf"), (f64::NEG_INFINITY, "-Inf"), (f64::NAN, "NaN")] {
            let mut out = Vec::new();
            push_float(&mut out, value);
            assert_eq!(out, want.as_bytes());
        }
    }
}
