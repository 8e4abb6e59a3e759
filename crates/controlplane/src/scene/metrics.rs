//! Every metric of the control plane is moved by the thing that it tells of, and seen to move on the live `/metrics`.

use std::collections::BTreeSet;
use std::time::Duration;

use clearway_telemetry::catalog::{self, Kind, Metric, Plane, metrics};
use clearway_testkit::otlp::Sink;
use clearway_testkit::prom::Exposition;
use clearway_testkit::{DEADLINE, Gate};
use http::Method;
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::apiserver::{ApiServer, Fault};
use super::{Scene, class, gateway, route};

/// More than write statuses at a time.
const ROUTES: usize = 40;

/// The metrics that were seen to move.
struct Moves<'a> {
    scene: &'a Scene,
    server: &'a ApiServer,
    moved: BTreeSet<&'static str>,
}

impl Moves<'_> {
    /// Waits until the samples of a metric with these labels come to more than nothing; an idle control plane has none.
    async fn saw(&mut self, metric: &Metric, labels: &[(&str, &str)]) {
        self.saw_at_least(metric, labels, f64::MIN_POSITIVE).await;
    }

    async fn saw_at_least(&mut self, metric: &Metric, labels: &[(&str, &str)], value: f64) {
        assert!(
            sum(&self.scene.idle, metric, labels) < value,
            "{} {labels:?} is so from the start",
            metric.name
        );
        let end = Instant::now() + DEADLINE;
        loop {
            let page = self.scene.page().await;
            let now = sum(&page, metric, labels);
            if now >= value {
                break;
            }
            let series: Vec<_> =
                page.samples.iter().filter(|one| one.name.starts_with(metric.name)).collect();
            assert!(Instant::now() < end, "{} {labels:?} is {now}, not {value}: {series:#?}", metric.name);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        self.moved.insert(metric.name);
    }
}

fn sum(page: &Exposition, metric: &Metric, labels: &[(&str, &str)]) -> f64 {
    let suffix = if metric.kind == Kind::Histogram { "_count" } else { "" };
    let all = page.metric(&format!("{}{suffix}", metric.name));
    labels.iter().fold(all, |all, (name, value)| all.label(name, value)).sum()
}

/// What holds things up until the test has looked.
struct Gates {
    services: Gate,
    statuses: Gate,
}

fn troubled() -> (ApiServer, Gates) {
    let server = ApiServer::new();
    let gates = Gates { services: Gate::closed(), statuses: Gate::closed() };
    server.apply("gatewayclasses", class());
    server.apply("gateways", gateway());
    server.apply("httproutes", route("gone", "gone.example"));
    for number in 0..ROUTES {
        server.apply("httproutes", route(&format!("r{number}"), "r.example"));
    }
    let mut malformed = route("malformed", "m.example");
    malformed["spec"]["rules"] = json!("none");
    server.apply("httproutes", malformed);
    server.fail(Method::GET, "/leases", Fault::Refuse(500, 1));
    server.fail(Method::GET, "/endpointslices", Fault::Refuse(403, 1));
    server.fail(Method::GET, "/v1/services", Fault::Wait(gates.services.clone()));
    server.fail(Method::PUT, "/gone/status", Fault::Refuse(404, 1));
    server.fail(Method::PUT, "/status", Fault::Wait(gates.statuses.clone()));
    (server, gates)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_metric_of_the_control_plane_is_moved_by_what_it_tells_of() {
    let (server, gates) = troubled();
    let collector = Sink::start();
    let scene = Scene::start(server.client(), Duration::from_millis(100), &collector.endpoint());
    let mut moves = Moves { scene: &scene, server: &server, moved: BTreeSet::new() };
    let data = scene.dataplane("pod-a");

    watches(&mut moves, &gates.services).await;
    data_planes(&mut moves, &data).await;
    statuses(&mut moves, &gates.statuses).await;
    for (metric, labels) in [
        (&metrics::OBJECTS, &[("kind", "HTTPRoute")][..]),
        (&metrics::CONDITIONS, &[("kind", "HTTPRoute"), ("reason", "BackendNotFound")]),
        (&metrics::GATEWAY_CONDITION, &[("gateway_name", "web"), ("condition", "Accepted")]),
        (&metrics::LEASE, &[("state", "leading")]),
        (&metrics::LEASE_TRANSITIONS, &[("to", "leading"), ("reason", "acquired")]),
        (&metrics::LEASE_ERRORS, &[("reason", "server")]),
        (&metrics::TELEMETRY_RECORDS, &[("signal", "spans"), ("outcome", "exported")]),
    ] {
        moves.saw(metric, labels).await;
    }
    for stage in ["watch", "translate", "publish", "ack", "served"] {
        moves.saw(&metrics::CONFIG_STAGE_DURATION, &[("stage", stage)]).await;
    }

    let of_plane = catalog::all().filter(|metric| metric.plane == Plane::Control);
    let unmoved: Vec<&str> =
        of_plane.map(|metric| metric.name).filter(|name| !moves.moved.contains(name)).collect();
    assert!(unmoved.is_empty(), "nothing here moves {unmoved:?}: a metric needs something that it tells of");
    scene.stop().await;
}

/// A cache that does not sync in time, a watch that is refused, an object that cannot be read; then all is well.
async fn watches(moves: &mut Moves<'_>, services: &Gate) {
    moves.saw(&metrics::CACHE_SYNC_TIMEOUTS, &[("kind", "Service")]).await;
    moves.scene.says("Service (timed out after 100ms").await;
    moves.saw(&metrics::DATAPLANES, &[("state", "waiting")]).await;
    let page = moves.scene.page().await;
    assert_eq!(sum(&page, &metrics::READINESS_LAYER, &[("layer", "synced")]), 0.0);
    services.open();
    for (metric, labels) in [
        (&metrics::READINESS_LAYER, &[("layer", "published")][..]),
        (&metrics::READINESS_DURATION, &[("layer", "all")]),
        (&metrics::READINESS_TRANSITIONS, &[("layer", "all"), ("to", "ready"), ("reason", "reached")]),
        (&metrics::CACHE_SYNCED, &[("kind", "Service")]),
        (&metrics::CACHE_SYNC_DURATION, &[("kind", "HTTPRoute")]),
        (&metrics::WATCH_ERRORS, &[("kind", "EndpointSlice"), ("reason", "forbidden")]),
        (&metrics::WATCH_RESTARTS, &[("kind", "EndpointSlice"), ("reason", "forbidden")]),
        (&metrics::MALFORMED_OBJECTS, &[("kind", "HTTPRoute")]),
        (&metrics::TRANSLATIONS, &[("outcome", "published")]),
        (&metrics::TRANSLATION_DURATION, &[("outcome", "published")]),
        (&metrics::FIRST_TRANSLATION, &[]),
        (&metrics::SNAPSHOT_RESOURCES, &[("resource_type", "Rule")]),
        (&metrics::SNAPSHOT_BYTES, &[("resource_type", "Rule")]),
    ] {
        moves.saw(metric, labels).await;
    }
    let routes = (ROUTES + 2) as f64;
    moves.saw_at_least(&metrics::CACHE_OBJECTS, &[("kind", "HTTPRoute")], routes).await;
    moves.saw_at_least(&metrics::INITIAL_EVENTS, &[("kind", "HTTPRoute")], routes).await;
    moves.scene.says("[+]synced ok").await;
}

/// A data plane that takes its time, then serves, then refuses; and somebody who is none.
async fn data_planes(moves: &mut Moves<'_>, data: &super::DataPlane) {
    moves.saw(&metrics::DATAPLANES, &[("state", "behind")]).await;
    moves.saw_at_least(&metrics::DATAPLANE_LAG, &[("dataplane", "pod-a")], 0.02).await;
    data.applying.open();
    for (metric, labels) in [
        (&metrics::DATAPLANES, &[("state", "current")][..]),
        (&metrics::DATAPLANE_VERSION, &[("dataplane", "pod-a")]),
        (&metrics::FIRST_PUSH, &[]),
        (&metrics::STREAM_FIRST_PUSH, &[]),
        (&metrics::SENT_RESOURCES, &[("change", "changed")]),
        (&metrics::SENT_BYTES, &[]),
    ] {
        moves.saw(metric, labels).await;
    }
    data.refuse(true);
    moves.server.apply("httproutes", route("r1", "other.example"));
    moves.saw(&metrics::NACKS, &[("resource_type", "Rule")]).await;
    moves.saw(&metrics::DATAPLANES, &[("state", "refusing")]).await;
    data.refuse(false);
    moves.server.apply("httproutes", route("r1", "third.example"));
    let mut stranger = TcpStream::connect(moves.scene.xds()).await.unwrap();
    stranger.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    moves.saw(&metrics::STREAM_REFUSALS, &[("reason", "tls")]).await;
}

/// Statuses that wait, are written, and one whose object is gone.
async fn statuses(moves: &mut Moves<'_>, statuses: &Gate) {
    moves.saw(&metrics::STATUS_QUEUE_CAPACITY, &[]).await;
    moves.saw(&metrics::STATUS_QUEUE, &[]).await;
    statuses.open();
    for (metric, labels) in [
        (&metrics::STATUS_WRITES, &[("kind", "HTTPRoute"), ("result", "written")][..]),
        (&metrics::STATUS_WRITE_DURATION, &[("kind", "HTTPRoute"), ("result", "written")]),
        (&metrics::STATUS_DROPPED, &[("reason", "gone")]),
        (&metrics::RECONCILES, &[("kind", "HTTPRoute"), ("result", "changed")]),
        (&metrics::RECONCILE_DURATION, &[("kind", "HTTPRoute"), ("result", "changed")]),
        (&metrics::KUBERNETES_EVENTS, &[("result", "written")]),
    ] {
        moves.saw(metric, labels).await;
    }
}
