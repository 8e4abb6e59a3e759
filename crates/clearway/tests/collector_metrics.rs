//! What alerts and dashboards ask of the OpenTelemetry Collector is what a real one writes: names, types, labels, and the words of
//! labels, under load, with an exporter that fails, a queue that is full, and records that are refused.
//!
//! Part of `make test-cluster`: it needs the Collector that `tests/tools/install cluster` builds. `make ops` sees to it that no
//! query asks for more than the vocabulary of [`clearway_ops::lint`] has.

mod support {
    pub(crate) mod running;
}

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use clearway_ops::lint::{Shape, Vocabulary, Words};
use clearway_testkit::Backend;
use clearway_testkit::process::{Process, Program, ReservedPort, TempDir, tool};
use clearway_testkit::prom::{self, Exposition, Format, Kind};
use clearway_testkit::wait::DEADLINE;
use http::Method;
use support::running::{self, Running};

/// Labels that the Collector's reader gives to every series, as a scrape does.
const OF_PROCESS: &str = "service_";

/// A Collector that cannot send on: one exporter gives up at once, the queue of another is full after two requests.
struct Collector {
    process: Process,
    own: ReservedPort,
    _otlp: ReservedPort,
    /// Nobody listens here.
    _gone: ReservedPort,
    _folder: TempDir,
}

impl Collector {
    /// Receives on this port, and scrapes a gateway's admin server.
    fn start(otlp: ReservedPort, gateway: SocketAddr) -> Self {
        let [own, gone] = [(); 2].map(|()| ReservedPort::new());
        let folder = TempDir::new("otelcol");
        let config = format!(
            "receivers:
  otlp: {{protocols: {{grpc: {{endpoint: \"{}\"}}}}}}
  prometheus:
    config:
      scrape_configs: [{{job_name: clearway, scrape_interval: 500ms, scrape_timeout: 450ms, static_configs: [{{targets: [\"{}\"]}}]}}]
processors:
  memory_limiter: {{check_interval: 1s, limit_mib: 1024}}
exporters:
  debug: {{}}
  otlp_http/lost: {{endpoint: \"http://{gone}\", retry_on_failure: {{enabled: false}}}}
  otlp_http/stuck: {{endpoint: \"http://{gone}\", sending_queue: {{num_consumers: 1, queue_size: 1}}}}
service:
  telemetry:
    metrics:
      level: detailed
      readers:
        - pull:
            exporter:
              prometheus:
                {{host: 127.0.0.1, port: {}, without_type_suffix: false, without_units: false, without_scope_info: true}}
  pipelines:
    traces: {{receivers: [otlp], processors: [memory_limiter], exporters: [debug, otlp_http/lost, otlp_http/stuck]}}
    logs: {{receivers: [otlp], processors: [memory_limiter], exporters: [debug, otlp_http/lost, otlp_http/stuck]}}
    metrics: {{receivers: [prometheus], processors: [memory_limiter], exporters: [debug, otlp_http/lost, otlp_http/stuck]}}
",
            otlp.address(),
            gateway,
            own.port(),
            gone = gone.address(),
        );
        let path = folder.join("config.yaml");
        std::fs::write(&path, config).expect("a file of one's own");
        let mut process = Program::new(tool("otelcol")).arg("--config").arg(path).start();
        process.wait_regex("Everything is ready", 2 * DEADLINE);
        Self { process, own, _otlp: otlp, _gone: gone, _folder: folder }
    }

    async fn scrape(&self) -> Exposition {
        prom::scrape(self.own.address(), "/metrics", Format::Text).await
    }
}

/// The names that rules and dashboards may ask of the Collector.
fn quoted(vocabulary: &Vocabulary) -> BTreeSet<String> {
    vocabulary.names().filter(|name| name.starts_with("otelcol_")).map(str::to_owned).collect()
}

#[tokio::test]
async fn what_is_asked_of_the_collector_is_what_it_writes() {
    let vocabulary = Vocabulary::of_catalog();
    let quoted = quoted(&vocabulary);
    assert!(quoted.len() > 20, "{quoted:?}");
    let (otlp, backend) = (ReservedPort::new(), Backend::start("shop"));
    let (folder, _port, address) = running::folder_to(&[backend.address()]);
    let url = format!("http://{}", otlp.address());
    let flags = ["--otlp-traces-endpoint", &url, "--otlp-logs-endpoint", &url, "--trace-sample-ratio", "1"];
    let gateway = Running::start(folder, &flags);
    let mut collector = Collector::start(otlp, gateway.admin);
    let scrape = written(&collector, address, &quoted).await;
    let wrong: Vec<String> = quoted.iter().flat_map(|name| faults(&vocabulary, &scrape, name)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // The alert divides one by the other, which joins by all labels.
    let labels = |name: &str| -> BTreeSet<BTreeMap<String, String>> {
        scrape.metric(name).samples().iter().map(|sample| sample.labels.clone()).collect()
    };
    assert_eq!(labels("otelcol_exporter_queue_size"), labels("otelcol_exporter_queue_capacity"));
    let full = scrape.metric("otelcol_exporter_queue_size").label("exporter", "otlp_http/stuck").sum();
    assert!(full >= 1.0, "the queue that cannot be sent is not full");
    gateway.stop();
    let status = collector.process.terminate(2 * DEADLINE);
    assert!(status.success(), "{status}");
}

/// Sends requests until all these names are there.
async fn written(collector: &Collector, gateway: SocketAddr, quoted: &BTreeSet<String>) -> Exposition {
    let mut client = running::h1(gateway).await;
    let end = Instant::now() + 2 * DEADLINE;
    loop {
        assert_eq!(client.request(Method::GET, "/", &[]).await.status, 200);
        let scrape = collector.scrape().await;
        let names: BTreeSet<&str> = scrape.samples.iter().map(|sample| sample.name.as_str()).collect();
        let missing: Vec<_> = quoted.iter().filter(|name| !names.contains(name.as_str())).collect();
        if missing.is_empty() {
            return scrape;
        }
        let own = names.iter().filter(|name| name.starts_with("otelcol_")).collect::<Vec<_>>();
        assert!(Instant::now() < end, "the Collector does not write {missing:#?}\nIt writes {own:#?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// What is wrong with what the vocabulary says of a name.
fn faults(vocabulary: &Vocabulary, scrape: &Exposition, name: &str) -> Vec<String> {
    let series = vocabulary.get(name).expect("a name of the vocabulary");
    let wanted = if series.shape == Shape::Counter { Kind::Counter } else { Kind::Gauge };
    let kind = scrape.family(name).map(|family| family.kind);
    let mut wrong = Vec::new();
    if kind != Some(wanted) {
        wrong.push(format!("{name} is {kind:?}, not {wanted:?}"));
    }
    let known: BTreeMap<&str, &Words> =
        series.labels.iter().map(|label| (label.name.as_str(), &label.words)).collect();
    let samples = scrape.metric(name);
    let seen: BTreeSet<&str> =
        samples.samples().iter().flat_map(|sample| sample.labels.keys()).map(String::as_str).collect();
    let seen: BTreeSet<&str> = seen.into_iter().filter(|label| !label.starts_with(OF_PROCESS)).collect();
    if seen != known.keys().copied().collect() {
        wrong.push(format!("{name} has the labels {seen:?}, not {:?}", known.keys()));
    }
    for sample in samples.samples() {
        for (label, words) in &known {
            let value = sample.label(label);
            if matches!(words, Words::OneOf(words) if !words.iter().any(|word| word == value)) {
                wrong.push(format!("{name}: {label} is `{value}`, which is none of {words:?}"));
            }
        }
    }
    wrong
}
