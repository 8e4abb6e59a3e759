//! What a scrape costs with many rules: `cargo run --release -p clearway-telemetry --example exposition_cost [rules]`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use clearway_model::{ListenerRef, ObjectRef, RouteKind, RouteRef, RuleRef};
use clearway_telemetry::accounting::Accounting;
use clearway_telemetry::config::ConfigTelemetry;
use clearway_telemetry::exposition::{BuildInfo, Exposition, Format, Sources};
use clearway_telemetry::families::{BYTES_RECEIVED, BYTES_SENT, RuleIdentity};
use clearway_telemetry::key::RequestKey;
use clearway_telemetry::runtime::RuntimeTelemetry;
use clearway_telemetry::{AnsweredBy, MethodLabel, Protocol, ResponseFlag, Switches, Telemetry};

fn main() {
    let rules: usize = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(10_000);
    let hub = Telemetry::new(1, Switches::default());
    let Some(worker) = hub.worker(0) else { return };
    let listener = ListenerRef::new(ObjectRef::new("default", "demo"), "http");
    let key = RequestKey {
        code: 200,
        method: MethodLabel::Get,
        protocol: Protocol::Http11,
        answered_by: AnsweredBy::Upstream,
        flag: ResponseFlag::None,
        grpc_status: None,
    };
    let held: Vec<_> = (0..rules)
        .map(|number| {
            let object = ObjectRef::new("default", format!("route-{number}"));
            let rule = RuleRef { route: RouteRef { kind: RouteKind::Http, object }, index: 0, name: None };
            let handle = hub.rule(&RuleIdentity { listener: Some(listener.clone()), rule: Some(rule) });
            handle.requests.add(&worker, key.pack(), 7);
            for micros in [900, 1_300, 2_000, 45_000] {
                handle.durations[2].observe(&worker, Duration::from_micros(micros));
            }
            handle.bytes.add(&worker, BYTES_RECEIVED, 10);
            handle.bytes.add(&worker, BYTES_SENT, 10);
            handle
        })
        .collect();
    let exposition = Exposition::new(Sources {
        hub: Some(hub),
        control: None,
        xds: None,
        config: Arc::new(ConfigTelemetry::new()),
        runtimes: Arc::new(RuntimeTelemetry::new()),
        accounting: Accounting::new(),
        build: BuildInfo { version: "example", revision: "unknown" },
    });
    println!("{} rules, median of 9 scrapes", held.len());
    for format in Format::ALL {
        for coding in [None, Some("gzip")] {
            let mut times: Vec<Duration> = Vec::new();
            let mut bytes = 0;
            for _ in 0..9 {
                let started = Instant::now();
                bytes = exposition
                    .render(Some(&format.content_type().replace("; charset=utf-8", "")), coding)
                    .body
                    .len();
                times.push(started.elapsed());
            }
            times.sort_unstable();
            let coding = coding.unwrap_or("identity");
            println!("{format:?} {coding}: {:.1} ms, {bytes} bytes", times[4].as_secs_f64() * 1e3);
        }
    }
}
