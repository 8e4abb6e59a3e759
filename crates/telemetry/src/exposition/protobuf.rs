//! Prometheus protobuf: `io.prometheus.client.MetricFamily` messages, each after its length.
//!
//! Histograms carry classic and native buckets and exemplars for both. The messages are written straight into buffers:
//! ten thousand routes need no tree of objects. Field numbers are those of `metrics.proto` of `client_model`.

use std::time::UNIX_EPOCH;

use super::page::{Labels, Number, Writer};
use super::text::push_hex;
use crate::catalog::{Kind, Metric};
use crate::histogram::{Collected, Exemplar, NATIVE_SCHEMA, ZERO_INDEX, ZERO_THRESHOLD};

/// Writer of the format.
#[derive(Debug, Default)]
pub(super) struct ProtobufWriter {
    out: Vec<u8>,
    metric: Option<&'static Metric>,
    /// Body of the family being written.
    family: Vec<u8>,
    /// Body of the `Metric` being written.
    sample: Vec<u8>,
    /// Body of its value.
    value: Vec<u8>,
    /// Bodies within the value.
    part: Vec<u8>,
    inner: Vec<u8>,
}

mod field {
    pub(super) const FAMILY_NAME: u32 = 1;
    pub(super) const FAMILY_HELP: u32 = 2;
    pub(super) const FAMILY_TYPE: u32 = 3;
    pub(super) const FAMILY_METRIC: u32 = 4;
    pub(super) const FAMILY_UNIT: u32 = 5;
    pub(super) const METRIC_LABEL: u32 = 1;
    pub(super) const METRIC_GAUGE: u32 = 2;
    pub(super) const METRIC_COUNTER: u32 = 3;
    pub(super) const METRIC_HISTOGRAM: u32 = 7;
    pub(super) const SAMPLE_COUNT: u32 = 1;
    pub(super) const SAMPLE_SUM: u32 = 2;
    pub(super) const BUCKET: u32 = 3;
    pub(super) const SCHEMA: u32 = 5;
    pub(super) const ZERO_THRESHOLD: u32 = 6;
    pub(super) const ZERO_COUNT: u32 = 7;
    pub(super) const POSITIVE_SPAN: u32 = 12;
    pub(super) const POSITIVE_DELTA: u32 = 13;
    pub(super) const EXEMPLARS: u32 = 16;
    pub(super) const BUCKET_COUNT: u32 = 1;
    pub(super) const BUCKET_BOUND: u32 = 2;
    pub(super) const BUCKET_EXEMPLAR: u32 = 3;
    pub(super) const EXEMPLAR_LABEL: u32 = 1;
    pub(super) const EXEMPLAR_VALUE: u32 = 2;
    pub(super) const EXEMPLAR_TIMESTAMP: u32 = 3;
}

impl ProtobufWriter {
    fn flush_family(&mut self) {
        let Some(metric) = self.metric.take() else { return };
        if self.family.is_empty() {
            return;
        }
        let head = &mut self.sample;
        head.clear();
        text(head, field::FAMILY_NAME, metric.name.as_bytes());
        text(head, field::FAMILY_HELP, metric.help.as_bytes());
        // MetricType has no info: Prometheus shows one as a gauge.
        let kind = match metric.kind {
            Kind::Counter => 0,
            Kind::Gauge | Kind::Info => 1,
            Kind::Histogram => 4,
        };
        whole(head, field::FAMILY_TYPE, kind);
        if let Some(unit) = metric.unit.suffix() {
            text(head, field::FAMILY_UNIT, unit.as_bytes());
        }
        varint(&mut self.out, (head.len() + self.family.len()) as u64);
        self.out.extend_from_slice(head);
        self.out.append(&mut self.family);
    }

    fn begin_sample(&mut self, labels: &Labels<'_>) {
        self.sample.clear();
        self.value.clear();
        for (name, value) in labels.iter() {
            self.part.clear();
            pair(&mut self.part, name, value.as_bytes());
            text(&mut self.sample, field::METRIC_LABEL, &self.part);
        }
    }

    fn end_sample(&mut self, value_field: u32) {
        text(&mut self.sample, value_field, &self.value);
        text(&mut self.family, field::FAMILY_METRIC, &self.sample);
    }

    fn classic(&mut self, value: &Collected) {
        let bounds = value.bounds.iter().copied().chain([f64::INFINITY]);
        let mut cumulative = 0;
        for (at, (bound, count)) in bounds.zip(&value.classic).enumerate() {
            cumulative += count;
            self.part.clear();
            whole(&mut self.part, field::BUCKET_COUNT, cumulative);
            double(&mut self.part, field::BUCKET_BOUND, bound);
            if let Some(shown) = value.exemplars.get(at).and_then(Option::as_ref) {
                self.inner.clear();
                exemplar(&mut self.inner, shown);
                text(&mut self.part, field::BUCKET_EXEMPLAR, &self.inner);
            }
            text(&mut self.value, field::BUCKET, &self.part);
        }
    }

    fn native(&mut self, value: &Collected) {
        let zero =
            value.native.iter().filter(|(index, _)| *index <= ZERO_INDEX).map(|(_, count)| count).sum();
        signed(&mut self.value, field::SCHEMA, i64::from(NATIVE_SCHEMA));
        double(&mut self.value, field::ZERO_THRESHOLD, ZERO_THRESHOLD);
        whole(&mut self.value, field::ZERO_COUNT, zero);
        let positive = value.native.iter().filter(|(index, _)| *index > ZERO_INDEX);
        let mut spans: Vec<(i32, u32)> = Vec::new();
        let (mut next, mut before) = (0, 0_i64);
        self.part.clear();
        for &(index, count) in positive {
            match spans.last_mut() {
                Some((_, length)) if index == next => *length += 1,
                _ => spans.push((index - next, 1)),
            }
            next = index + 1;
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            varint(&mut self.part, zigzag(count - before));
            before = count;
        }
        for (offset, length) in spans {
            self.inner.clear();
            signed(&mut self.inner, 1, i64::from(offset));
            whole(&mut self.inner, 2, u64::from(length));
            text(&mut self.value, field::POSITIVE_SPAN, &self.inner);
        }
        if !self.part.is_empty() {
            text(&mut self.value, field::POSITIVE_DELTA, &self.part);
        }
        // Those of native histograms are appended in the order of time.
        let mut exemplars: Vec<&Exemplar> = value.exemplars.iter().flatten().collect();
        exemplars.sort_by_key(|shown| shown.at);
        for shown in exemplars {
            self.inner.clear();
            exemplar(&mut self.inner, shown);
            text(&mut self.value, field::EXEMPLARS, &self.inner);
        }
    }
}

impl Writer for ProtobufWriter {
    fn family(&mut self, metric: &'static Metric) {
        self.flush_family();
        self.metric = Some(metric);
    }

    fn number(&mut self, labels: &Labels<'_>, value: Number) {
        let Some(metric) = self.metric else { return };
        self.begin_sample(labels);
        let value = match value {
            Number::Whole(value) => value as f64,
            Number::Float(value) => value,
        };
        double(&mut self.value, 1, value);
        self.end_sample(if metric.kind == Kind::Counter {
            field::METRIC_COUNTER
        } else {
            field::METRIC_GAUGE
        });
    }

    fn histogram(&mut self, labels: &Labels<'_>, value: &Collected) {
        self.begin_sample(labels);
        // Prometheus refuses a native histogram whose count is not the sum of its buckets. Workers write classic and
        // native buckets one after the other, so at this moment the two sums may differ by what is being observed.
        let count = value.native.iter().map(|(_, count)| count).sum();
        whole(&mut self.value, field::SAMPLE_COUNT, count);
        double(&mut self.value, field::SAMPLE_SUM, value.sum);
        self.classic(value);
        self.native(value);
        self.end_sample(field::METRIC_HISTOGRAM);
    }

    fn finish(&mut self) {
        self.flush_family();
    }

    fn finished(&mut self) -> &mut Vec<u8> {
        &mut self.out
    }
}

fn exemplar(out: &mut Vec<u8>, exemplar: &Exemplar) {
    for (name, id) in [("trace_id", &exemplar.trace_id[..]), ("span_id", &exemplar.span_id[..])] {
        let (mut hex, mut label) = (Vec::with_capacity(32), Vec::with_capacity(64));
        push_hex(&mut hex, id);
        pair(&mut label, name, &hex);
        text(out, field::EXEMPLAR_LABEL, &label);
    }
    double(out, field::EXEMPLAR_VALUE, exemplar.seconds);
    let at = exemplar.at.duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut timestamp = Vec::with_capacity(16);
    whole(&mut timestamp, 1, at.as_secs());
    whole(&mut timestamp, 2, u64::from(at.subsec_nanos()));
    text(out, field::EXEMPLAR_TIMESTAMP, &timestamp);
}

fn pair(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    text(out, 1, name.as_bytes());
    text(out, 2, value);
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

/// A string or an embedded message: wire type 2.
fn text(out: &mut Vec<u8>, field: u32, bytes: &[u8]) {
    varint(out, u64::from(field << 3 | 2));
    varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn whole(out: &mut Vec<u8>, field: u32, value: u64) {
    varint(out, u64::from(field << 3));
    varint(out, value);
}

fn signed(out: &mut Vec<u8>, field: u32, value: i64) {
    whole(out, field, zigzag(value));
}

fn double(out: &mut Vec<u8>, field: u32, value: f64) {
    varint(out, u64::from(field << 3 | 1));
    out.extend_from_slice(&value.to_le_bytes());
}
