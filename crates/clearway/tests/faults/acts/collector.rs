//! A Collector whose backend is gone: its queue fills, it loses what finds no room, and refuses what it is sent.

use std::net::SocketAddr;
use std::time::Duration;

use clearway_testkit::otlp::Sink;
use clearway_testkit::process::ReservedPort;

use super::Fault;
use crate::case::Case;
use crate::place::Place;
use crate::running::{Running, folder_to};
use crate::stage::{Collector, NODE, Stage};
use crate::traffic::Background;

pub(super) const FAULTS: &[Fault] = &[Fault {
    alerts: &["ClearwayCollectorQueueFilling", "ClearwayCollectorExportFailing", "ClearwayCollectorRefusing"],
    releases: &[],
    play: jammed,
}];

/// Its exporter: a queue of five requests, each given up after some seconds.
const EXPORTER: &str = "sending_queue: {queue_size: 5, num_consumers: 1}, timeout: 2s, \
                        retry_on_failure: {initial_interval: 1s, max_interval: 1s, max_elapsed_time: 4s}";

fn jammed(stage: &Stage) {
    let backend = ReservedPort::new();
    let (receiver, metrics) = (SocketAddr::new(NODE, 14_317), SocketAddr::new(NODE, 18_888));
    let first = Sink::start_at(backend.address());
    let collector = Collector::start(receiver, metrics, backend.address(), EXPORTER);
    stage.targets.add("jammed", metrics, "otel-collector");
    let (folder, _port, address) = folder_to(&[stage.users.backend.address()]);
    let endpoint = format!("http://{receiver}");
    let flags =
        ["--otlp-traces-endpoint", &endpoint, "--otlp-logs-endpoint", &endpoint, "--trace-sample-ratio", "1"];
    let gateway = Running::start(folder, &flags);
    let traffic = Background::visits(address, "a", "/", 4, Duration::from_millis(20));
    stage.until_seen("otelcol_exporter_sent_spans_total{namespace=\"jammed\"}");
    let (fault, own) =
        ("the backend of a Collector is gone, while spans and logs go on coming", [("namespace", "jammed")]);
    let mut filling = Case::begin(stage, "ClearwayCollectorQueueFilling", fault, &own);
    let mut failing = Case::begin(stage, "ClearwayCollectorExportFailing", fault, &own);
    let mut refusing = Case::begin(stage, "ClearwayCollectorRefusing", fault, &own);
    drop(first);
    let place = Place::Collector(metrics);
    filling.fires(&["critical", "warning"], &place);
    failing.fires(&["critical", "warning"], &place);
    refusing.fires(&["warning"], &place);
    let again = Sink::start_at(backend.address());
    filling.clears();
    failing.clears();
    refusing.clears();
    drop(traffic);
    gateway.stop();
    stage.targets.remove("jammed");
    drop((collector, again));
}
