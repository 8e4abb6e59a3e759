//! The three formats: to the byte for text, decoded by the schema of Prometheus for protobuf, and all of one meaning.

use std::collections::BTreeMap;
use std::io::Read;
use std::time::Duration;

use prometheus_client::encoding::prometheus_protobuf::prometheus_data_model as schema;
use prost::Message;

use super::reader::{Labels, Sample, read};
use super::{ALL_ON, Scene, identity, rule};

pub(super) const PROTOBUF: &str =
    "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0";

/// Families whose values are those of the machine.
const UNSTEADY: [&str; 5] =
    ["process_", "clearway_process_", "clearway_clock_", "clearway_runtime_", "clearway_metrics_exposition_"];

fn steady(page: &str) -> String {
    let steady = |line: &&str| {
        let name =
            line.trim_start_matches("# HELP ").trim_start_matches("# TYPE ").trim_start_matches("# UNIT ");
        !UNSTEADY.iter().any(|prefix| name.starts_with(prefix))
    };
    page.lines().filter(steady).map(|line| format!("{line}\n")).collect()
}

/// Compares with a file of `golden/`; with `CLEARWAY_BLESS` set, writes the file.
fn assert_golden(name: &str, page: &str) {
    let path = format!("{}/src/exposition/tests/golden/{name}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("CLEARWAY_BLESS").is_some() {
        std::fs::write(&path, page).expect("the golden file is written");
    }
    let golden = std::fs::read_to_string(&path).expect("the golden file");
    for (number, (want, got)) in golden.lines().zip(page.lines()).enumerate() {
        assert_eq!(got, want, "{name}:{}; if it is meant: CLEARWAY_BLESS=1", number + 1);
    }
    assert_eq!(page.lines().count(), golden.lines().count(), "{name}; if it is meant: CLEARWAY_BLESS=1");
}

#[test]
fn text_is_as_it_was() {
    assert_golden("text.txt", &steady(&Scene::exercised(ALL_ON).page("text/plain")));
}

#[test]
fn openmetrics_is_as_it_was() {
    assert_golden("openmetrics.txt", &steady(&Scene::exercised(ALL_ON).page(OPENMETRICS)));
}

fn decode(body: &[u8]) -> Vec<schema::MetricFamily> {
    let mut rest = body;
    let mut families = Vec::new();
    while !rest.is_empty() {
        families.push(schema::MetricFamily::decode_length_delimited(&mut rest).expect("a family"));
    }
    families
}

fn protobuf(scene: &Scene) -> Vec<schema::MetricFamily> {
    let rendered = scene.exposition.render(Some(PROTOBUF), None);
    assert_eq!(rendered.content_type, PROTOBUF);
    decode(&rendered.body)
}

/// The classic samples of protobuf as text 0.0.4 shows them.
fn as_samples(families: &[schema::MetricFamily]) -> Vec<Sample> {
    let mut samples = Vec::new();
    for family in families {
        for metric in &family.metric {
            let labels: Labels =
                metric.label.iter().map(|pair| (pair.name.clone(), pair.value.clone())).collect();
            let mut push = |suffix: &str, le: Option<f64>, value: f64| {
                let mut labels = labels.clone();
                labels.extend(le.map(|le| ("le".to_owned(), le.to_string())));
                samples.push(Sample {
                    name: format!("{}{suffix}", family.name),
                    labels,
                    value,
                    exemplar: None,
                });
            };
            match (&metric.counter, &metric.gauge, &metric.histogram) {
                (Some(counter), None, None) if family.r#type == schema::MetricType::Counter as i32 => {
                    push("", None, counter.value);
                }
                (None, Some(gauge), None) if family.r#type == schema::MetricType::Gauge as i32 => {
                    push("", None, gauge.value);
                }
                (None, None, Some(histogram)) if family.r#type == schema::MetricType::Histogram as i32 => {
                    for bucket in &histogram.bucket {
                        push("_bucket", Some(bucket.upper_bound), bucket.cumulative_count as f64);
                    }
                    push("_sum", None, histogram.sample_sum);
                    push("_count", None, histogram.sample_count as f64);
                }
                _ => panic!("{}: value and type disagree: {metric:?}", family.name),
            }
        }
    }
    samples
}

fn machine_aside(samples: Vec<Sample>) -> Vec<Sample> {
    let mut samples: Vec<_> = samples
        .into_iter()
        .filter(|sample| !UNSTEADY.iter().any(|prefix| sample.name.starts_with(prefix)))
        .collect();
    for sample in &mut samples {
        sample.exemplar = None;
        // Bounds as numbers, since texts may be written differently.
        if let Some(le) = sample.labels.get_mut("le") {
            *le = if le == "+Inf" { "inf".into() } else { le.parse::<f64>().expect("a bound").to_string() };
        }
    }
    samples
}

#[test]
fn all_formats_say_the_same() {
    let scene = Scene::exercised(ALL_ON);
    scene.page("*/*");
    let text = machine_aside(read(&scene.page("text/plain")).samples);
    let openmetrics = machine_aside(read(&scene.page(OPENMETRICS)).samples);
    let protobuf = machine_aside(as_samples(&protobuf(&scene)));
    assert_eq!(text, openmetrics);
    assert_eq!(text, protobuf);
    assert!(text.len() > 300, "{}", text.len());
}

#[test]
fn openmetrics_names_families_without_suffix_and_ends_with_its_mark() {
    let scene = Scene::exercised(ALL_ON);
    let page = read(&scene.page(OPENMETRICS));
    let families: BTreeMap<_, _> = page.families.iter().cloned().collect();
    assert_eq!(families["clearway_requests"], "counter");
    assert_eq!(families["clearway_build"], "info");
    assert_eq!(page.units["clearway_request_duration_seconds"], "seconds");
    assert_eq!(page.units["clearway_response_body_bytes"], "bytes");
    assert!(page.ended);
    let exemplars: Vec<_> =
        page.samples.iter().filter_map(|sample| sample.exemplar.as_ref().map(|e| (sample, e))).collect();
    let [(sample, (labels, value, at))] = &exemplars[..] else { panic!("one exemplar: {exemplars:?}") };
    assert_eq!(
        (sample.name.as_str(), sample.labels["le"].as_str()),
        ("clearway_request_duration_seconds_bucket", "0.025")
    );
    assert_eq!(labels["trace_id"], "ab".repeat(16));
    assert_eq!(labels["span_id"], "cd".repeat(8));
    assert_eq!((*value, *at), (0.02, 1_700_000_000.25));
    let text = read(&scene.page("text/plain"));
    let families: BTreeMap<_, _> = text.families.into_iter().collect();
    assert_eq!(families["clearway_requests_total"], "counter");
    assert_eq!(families["clearway_build_info"], "gauge");
    assert!(!text.ended && text.units.is_empty());
    assert!(text.samples.iter().all(|sample| sample.exemplar.is_none()));
}

/// Native buckets by index.
fn native(histogram: &schema::Histogram) -> BTreeMap<i32, i64> {
    let (mut index, mut count) = (0, 0);
    let mut deltas = histogram.positive_delta.iter();
    let mut buckets = BTreeMap::new();
    for span in &histogram.positive_span {
        index += span.offset;
        for _ in 0..span.length {
            count += deltas.next().expect("a delta for each bucket");
            buckets.insert(index, count);
            index += 1;
        }
    }
    assert!(deltas.next().is_none(), "no delta without a bucket");
    buckets
}

#[test]
fn native_histograms_hold_every_observation_in_its_bucket() {
    let scene = Scene::exercised(ALL_ON);
    let families = protobuf(&scene);
    let family =
        families.iter().find(|family| family.name == "clearway_request_duration_seconds").expect("family");
    assert_eq!(family.unit, "seconds");
    let histogram = family.metric[0].histogram.as_ref().expect("a histogram");
    assert_eq!((histogram.schema, histogram.sample_count, histogram.zero_count), (3, 5, 1));
    assert_eq!(histogram.zero_threshold, 2_f64.powi(-20));
    let buckets = native(histogram);
    // The least i with value <= 2^(i/8); 100 ns lie in the zero bucket.
    let index = |seconds: f64| (seconds.log2() * 8.0).ceil() as i32;
    let want: BTreeMap<i32, i64> = [0.003, 0.004, 0.02, 90.0].map(|seconds| (index(seconds), 1)).into();
    assert_eq!(buckets, want);
    let [exemplar] = &histogram.exemplars[..] else { panic!("{:?}", histogram.exemplars) };
    assert_eq!(exemplar.value, 0.02);
    let at = exemplar.timestamp.expect("native exemplars have a time");
    assert_eq!((at.seconds, at.nanos), (1_700_000_000, 250_000_000));
    let in_buckets: Vec<_> = histogram.bucket.iter().filter_map(|bucket| bucket.exemplar.as_ref()).collect();
    assert_eq!(in_buckets, [exemplar]);
}

/// Ends the writer also when the reader fails.
struct Stop<'a>(&'a std::sync::atomic::AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, std::sync::atomic::Ordering::Relaxed);
    }
}

#[test]
fn a_histogram_that_is_written_meanwhile_stays_consistent_and_never_falls() {
    let scene = Scene::idle(ALL_ON);
    let handle = scene.hub.rule(&identity(rule("busy", 0, None)));
    let (worker, exposition) = (scene.worker, &scene.exposition);
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let busy = handle.clone();
        let stop = &stop;
        scope.spawn(move || {
            let mut micros = 1;
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                busy.durations[2].observe(&worker, Duration::from_micros(micros));
                micros = micros * 7 % 1_000_003;
            }
        });
        let _stopper = Stop(stop);
        let mut before: BTreeMap<i32, i64> = BTreeMap::new();
        let mut scrapes = 0;
        while scrapes < 300 {
            let families = decode(&exposition.render(Some(PROTOBUF), None).body);
            let family = families.iter().find(|family| family.name == "clearway_request_duration_seconds");
            let Some(histogram) = family.and_then(|family| family.metric[0].histogram.as_ref()) else {
                continue;
            };
            scrapes += 1;
            let buckets = native(histogram);
            let in_buckets = buckets.values().sum::<i64>().cast_unsigned() + histogram.zero_count;
            assert_eq!(in_buckets, histogram.sample_count, "Prometheus refuses it else");
            assert!(
                before.iter().all(|(index, count)| buckets[index] >= *count),
                "a fall looks like a restart"
            );
            before = buckets;
        }
    });
}

#[test]
fn gzip_holds_the_same_page() {
    let scene = Scene::exercised(ALL_ON);
    let packed = scene.exposition.render(Some(OPENMETRICS), Some("gzip, deflate"));
    assert_eq!(packed.content_encoding, Some("gzip"));
    assert_eq!(packed.content_type, "application/openmetrics-text; version=1.0.0; charset=utf-8");
    let mut page = String::new();
    flate2::read::GzDecoder::new(&packed.body[..]).read_to_string(&mut page).expect("gzip");
    assert_eq!(steady(&page).lines().next(), steady(&scene.page(OPENMETRICS)).lines().next());
    assert!(read(&page).ended && packed.body.len() * 4 < page.len());
    assert_eq!(scene.exposition.render(None, None).content_encoding, None);
    let told = read(&scene.page("*/*")).samples;
    assert!(
        told.iter().any(|sample| sample.name == "clearway_metrics_exposition_bytes" && sample.value > 1000.0)
    );
}
