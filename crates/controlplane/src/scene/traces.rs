//! Changes as traces: from the object to the data planes that serve it, that refuse it, and that have gone on.

use std::collections::BTreeMap;
use std::time::Duration;

use clearway_telemetry::catalog::FieldKind;
use clearway_telemetry::catalog::span_attributes::{CHANGE, SERVER};
use clearway_testkit::otlp::{Sink, Span};

use super::apiserver::ApiServer;
use super::{Scene, class, current, gateway, route};

/// The spans of one trace.
struct Trace(Vec<Span>);

impl Trace {
    fn of(spans: &[Span], wanted: impl Fn(&Span) -> bool) -> Option<Self> {
        let root = spans.iter().find(|span| span.name() == "config.change" && wanted(span))?;
        Some(Self(spans.iter().filter(|span| span.trace_id == root.trace_id).cloned().collect()))
    }

    fn one(&self, name: &str) -> &Span {
        let mut found = self.0.iter().filter(|span| span.name() == name);
        let one = found.next().unwrap_or_else(|| panic!("no {name} in {:?}", self.names()));
        assert!(found.next().is_none(), "more than one {name} in {:?}", self.names());
        one
    }

    fn names(&self) -> BTreeMap<&str, usize> {
        let mut names = BTreeMap::new();
        self.0.iter().for_each(|span| *names.entry(span.name()).or_default() += 1);
        names
    }

    /// One root, all others below it and inside its time, with attributes of the catalog only.
    fn check(&self) {
        let root = self.one("config.change");
        assert!(root.parent_id.is_empty());
        for span in &self.0 {
            assert_eq!(span.scope, "clearway");
            assert!(span.proto.start_time_unix_nano <= span.proto.end_time_unix_nano, "{}", span.name());
            assert_eq!(span.attribute("clearway.config.version"), root.attribute("clearway.config.version"));
            for pair in &span.proto.attributes {
                let fields = [CHANGE, SERVER].concat();
                let field = fields.iter().find(|field| field.name == pair.key);
                let field = field.unwrap_or_else(|| panic!("{} is not in the catalog", pair.key));
                assert!(
                    field.kind != FieldKind::Integer || span.attributes[&pair.key].parse::<i64>().is_ok()
                );
            }
        }
        for child in self.0.iter().filter(|span| span.span_id != root.span_id) {
            assert_eq!(child.parent_id, root.span_id, "{}", child.name());
            assert!(child.proto.start_time_unix_nano >= root.proto.start_time_unix_nano, "{}", child.name());
            assert!(child.proto.end_time_unix_nano <= root.proto.end_time_unix_nano, "{}", child.name());
        }
    }
}

/// Whether a root names this route.
fn names(route: &str) -> impl Fn(&Span) -> bool + use<> {
    let wanted = format!("HTTPRoute shop/{route}");
    move |root| root.attribute("clearway.config.objects").is_some_and(|objects| objects.contains(&wanted))
}

async fn trace(collector: &Sink, route: &str) -> Trace {
    let (wanted, what) = (names(route), format!("the trace of {route}"));
    let spans = collector.wait_spans(&what, |spans| Trace::of(spans, &wanted).is_some()).await;
    let trace = Trace::of(&spans, &wanted).expect("it was there");
    trace.check();
    trace
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_one_trace_from_the_object_to_every_data_plane_that_answers() {
    let server = ApiServer::new();
    server.apply("gatewayclasses", class());
    server.apply("gateways", gateway());
    let collector = Sink::start();
    let scene = Scene::start(server.client(), Duration::from_secs(60), &collector.endpoint());
    let (a, b) = (scene.dataplane("pod-a"), scene.dataplane("pod-b"));
    [&a, &b].into_iter().for_each(|data| data.applying.open());
    scene.says("readyz check passed").await;
    current(&scene, 2.0).await;

    server.apply("httproutes", route("one", "one.example"));
    let one = trace(&collector, "one").await;
    let names = ["ack", "config.change", "encode", "publish", "served", "translate", "watch"];
    assert_eq!(one.names().into_keys().collect::<Vec<_>>(), names);
    let mut pods: Vec<_> =
        one.0.iter().filter_map(|span| span.attribute("clearway.dataplane.name")).collect();
    pods.sort_unstable();
    assert_eq!(pods, ["pod-a", "pod-b"]);
    assert_eq!(one.one("served").attribute("clearway.dataplanes.acked"), Some("2"));
    let changes = one.one("config.change").attribute("clearway.config.changes");
    assert!(changes.is_some_and(|changes| changes.parse::<u64>().is_ok_and(|changes| changes > 0)));
    assert!(one.0.iter().all(|span| span.status_code() == 0 && span.resource["service.name"] == "clearway"));

    // One of them refuses the next.
    b.refuse(true);
    server.apply("httproutes", route("two", "two.example"));
    let two = trace(&collector, "two").await;
    let nack = two.one("nack");
    assert_eq!(nack.attribute("clearway.dataplane.name"), Some("pod-b"));
    assert!(nack.attribute("clearway.refused_resources").is_some_and(|named| named.contains("Rule ")));
    for name in ["nack", "served", "config.change"] {
        let span = two.one(name);
        assert_eq!((span.status_code(), span.attribute("error.type")), (2, Some("refused")), "{name}");
    }
    assert_eq!(two.one("ack").attribute("clearway.dataplane.name"), Some("pod-a"));
    b.refuse(false);
    drop(b);
    current(&scene, 1.0).await;

    going_on((&scene, &server, &collector), &a).await;
    let books = scene.stop().await;
    assert_eq!((books.queued(), books.dropped_total()), (0, 0));
    assert_eq!(books.exported, collector.spans().len() as u64, "every span arrived, once");
    assert!(collector.errors().is_empty());
}

/// A data plane that is busy with one version goes on to the newest: what lies between was superseded.
async fn going_on((scene, server, collector): (&Scene, &ApiServer, &Sink), data: &super::DataPlane) {
    let before = data.applying.arrivals();
    data.applying.close();
    for (number, name) in ["three", "four", "five"].into_iter().enumerate() {
        let published = version(scene).await;
        server.apply("httproutes", route(name, "x.example"));
        while version(scene).await == published {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        if number == 0 {
            data.applying.arrived(before + 1).await;
        }
    }
    data.applying.open();
    for (name, acks, superseded) in [("three", 1, "0"), ("four", 0, "1"), ("five", 1, "0")] {
        let trace = trace(collector, name).await;
        assert_eq!(trace.names().get("ack").copied().unwrap_or_default(), acks, "{name}");
        let served = trace.one("served");
        assert_eq!(served.attribute("clearway.dataplanes.superseded"), Some(superseded), "{name}");
    }
}

async fn version(scene: &Scene) -> f64 {
    scene.page().await.metric("clearway_config_version").sum()
}
