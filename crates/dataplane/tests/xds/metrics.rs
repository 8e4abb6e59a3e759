//! Every metric of a data plane's way to its control plane is moved by the thing that it tells of.

use std::collections::BTreeSet;
use std::sync::Arc;

use clearway_dataplane::LastGood;
use clearway_telemetry::accounting::Accounting;
use clearway_telemetry::catalog::{self, Metric, Plane, metrics};
use clearway_telemetry::config::ConfigTelemetry;
use clearway_telemetry::control::XdsTelemetry;
use clearway_telemetry::exposition::{BuildInfo, Exposition, Sources};
use clearway_telemetry::runtime::RuntimeTelemetry;
use clearway_testkit::process::ReservedPort;
use clearway_testkit::prom::{self, Format};

use super::scene::{Control, DataPlane, FLEET, broken, good, options, until};

/// What a data plane shows, and which metrics were seen to move.
struct Moves<'a> {
    data: &'a DataPlane,
    idle: prom::Exposition,
    moved: BTreeSet<&'static str>,
}

impl Moves<'_> {
    /// Waits until the samples of a metric with this label come to at least this, which they do not when idle.
    async fn saw(&mut self, metric: &Metric, label: (&str, &str), value: f64) {
        let sum = |page: &prom::Exposition| {
            let all = page.metric(metric.name);
            if label.0.is_empty() { all.sum() } else { all.label(label.0, label.1).sum() }
        };
        assert!(sum(&self.idle) < value, "{} is so from the start", metric.name);
        until(&format!("{} {label:?} {value}", metric.name), || sum(&page(&self.data.exposition)) >= value)
            .await;
        self.moved.insert(metric.name);
    }
}

fn page(exposition: &Exposition) -> prom::Exposition {
    let page = exposition.render(Some(Format::Text.accept()), None);
    prom::Exposition::parse(&String::from_utf8(page.body).unwrap(), Format::Text).unwrap()
}

/// The page of a data plane that has done nothing yet.
fn idle() -> prom::Exposition {
    page(&Exposition::new(Sources {
        hub: None,
        control: None,
        xds: Some(XdsTelemetry::new()),
        config: Arc::new(ConfigTelemetry::new()),
        runtimes: Arc::new(RuntimeTelemetry::new()),
        accounting: Accounting::new(),
        build: BuildInfo { version: "0", revision: "test" },
    }))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_metric_of_a_fleet_is_moved_by_what_it_tells_of() {
    const NONE: (&str, &str) = ("", "");
    const SOME: f64 = f64::MIN_POSITIVE;
    let (folder, traffic, xds) = (tempfile::tempdir().unwrap(), ReservedPort::new(), ReservedPort::new());
    LastGood::new(folder.path(), FLEET).save(&good("0a", traffic.port())).unwrap();
    let data = DataPlane::start(options(xds.address(), folder.path()));
    let mut moves = Moves { data: &data, idle: idle(), moved: BTreeSet::new() };
    // Nobody answers: the last good configuration is served.
    moves.saw(&metrics::XDS_STREAM_ENDS, ("reason", "unreachable"), 1.0).await;
    moves.saw(&metrics::LAST_GOOD_IN_USE, NONE, 1.0).await;
    moves.saw(&metrics::LAST_GOOD_LOADS, ("result", "served"), 1.0).await;
    moves.saw(&metrics::LAST_GOOD_SAVED, NONE, SOME).await;
    moves.saw(&metrics::XDS_FIRST_APPLY, NONE, SOME).await;
    moves.saw(&metrics::XDS_APPLIED_VERSION, NONE, 10.0).await;
    // A control plane comes, sends one that can be served and one that cannot, and goes.
    let control = Control::start(&xds.address().to_string(), None).await;
    control.publish(&good("0b", traffic.port()));
    moves.saw(&metrics::XDS_CONNECTED, NONE, 1.0).await;
    moves.saw(&metrics::XDS_STREAMS, NONE, 1.0).await;
    moves.saw(&metrics::XDS_RECEIVED_VERSION, NONE, 11.0).await;
    moves.saw(&metrics::XDS_ANSWERS, ("answer", "ack"), 1.0).await;
    moves.saw(&metrics::LAST_GOOD_SAVES, ("result", "written"), 1.0).await;
    control.publish(&broken("0c", traffic.port()));
    moves.saw(&metrics::XDS_ANSWERS, ("answer", "nack"), 1.0).await;
    control.stop().await;
    moves.saw(&metrics::XDS_STREAM_ENDS, ("reason", "closed"), 1.0).await;

    let of_plane = catalog::all().filter(|metric| metric.plane == Plane::Fleet);
    let unmoved: Vec<&str> =
        of_plane.map(|metric| metric.name).filter(|name| !moves.moved.contains(name)).collect();
    assert!(unmoved.is_empty(), "nothing here moves {unmoved:?}: a metric needs something that it tells of");
    data.stop().await;
}
