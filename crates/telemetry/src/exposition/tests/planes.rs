//! Each plane's page: what the control plane and a data plane with a control plane show, and that every number moves.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use clearway_model::{ObjectRef, Version};

use super::super::{BuildInfo, Exposition, Sources};
use super::reader::{Sample, read};
use super::{ALL_ON, Scene};
use crate::accounting::Accounting;
use crate::catalog::{self, Kind, Metric, Plane};
use crate::config::{ConfigStage, ObjectCounts, ProblemCounts};
use crate::control::*;
use crate::runtime::RuntimeTelemetry;

/// One process' exposition, and what keeps its series alive.
pub(super) struct Process {
    exposition: Exposition,
    _runtime: tokio::runtime::Runtime,
    _scene: Option<Scene>,
}

impl Process {
    pub(super) fn render(&self, accept: &str) -> String {
        String::from_utf8(self.exposition.render(Some(accept), None).body).expect("UTF-8")
    }

    fn new(
        scene: Option<Scene>,
        control: Option<Arc<ControlTelemetry>>,
        xds: Option<Arc<XdsTelemetry>>,
    ) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("runtime");
        let mut sources = match (&scene, &control) {
            (Some(scene), _) => scene.exposition.sources.clone(),
            (None, control) => Sources {
                hub: None,
                control: None,
                xds: None,
                config: control.as_ref().map(|control| control.config.clone()).unwrap_or_default(),
                runtimes: Arc::new(RuntimeTelemetry::new()),
                accounting: Accounting::new(),
                build: BuildInfo { version: "1.2.3", revision: "0123abc" },
            },
        };
        sources.runtimes.register("control", runtime.handle().clone());
        (sources.control, sources.xds) = (control, xds);
        Self { exposition: Exposition::new(sources), _runtime: runtime, _scene: scene }
    }
}

/// The metrics that a command's page shows.
pub(super) fn of_command(command: &str) -> impl Iterator<Item = &'static Metric> {
    catalog::all().filter(move |metric| metric.plane.commands().contains(&command))
}

/// A fully used process of each command.
pub(super) fn exercised() -> [(&'static str, Process); 3] {
    let (control, xds) = (ControlTelemetry::new(), XdsTelemetry::new());
    use_control(&control);
    use_xds(&xds);
    [
        ("run", Process::new(Some(Scene::exercised(ALL_ON)), None, None)),
        ("dataplane", Process::new(Some(Scene::exercised(ALL_ON)), None, Some(xds))),
        ("controlplane", Process::new(None, Some(control), None)),
    ]
}

fn version(text: &str) -> Version {
    Version(text.into())
}

fn use_control(t: &ControlTelemetry) {
    t.layer(Layer::Components, true, ReadinessReason::Reached);
    t.layer(Layer::Synced, true, ReadinessReason::Reached);
    t.ready(true, ReadinessReason::Reached);
    t.ready(false, ReadinessReason::Draining);
    t.cache_expected(KubeKind::HttpRoute);
    t.cache_objects(KubeKind::HttpRoute, 2_000);
    t.initial_events(KubeKind::HttpRoute, 2_000);
    t.cache_synced(KubeKind::HttpRoute);
    t.sync_timeout(KubeKind::HttpRoute);
    t.watch_error(KubeKind::HttpRoute, WatchReason::Forbidden);
    t.watch_restarted(KubeKind::HttpRoute, WatchReason::Closed);
    t.malformed_object(KubeKind::HttpRoute);
    t.translated(Duration::from_millis(12), TranslationOutcome::Published);
    let newest = version("00000000000ff123");
    t.snapshot("edge", &[(ResourceType::Rule, SnapshotSize { resources: 40, bytes: 9_000 })]);
    t.published("edge", &newest, Instant::now());
    t.dataplane_connected("edge", "pod-a");
    t.dataplane_acked("edge", "pod-a", &newest);
    t.dataplane_nacked("edge", "pod-a", &[ResourceType::Rule, ResourceType::Rule]);
    t.dataplane_waiting("edge", "pod-b");
    t.sent("edge", SentRound { resources: 1, removed: 2, bytes: 300 });
    t.stream_refused(StreamRefusal::Tls);
    t.reconciled(KubeKind::Gateway, ReconcileResult::Changed, Duration::from_millis(3));
    t.status_queue(5);
    t.status_queue_capacity(10_000);
    t.status_dropped(StatusDrop::Gone, 2);
    t.status_written(KubeKind::Gateway, WriteResult::Conflict, Duration::from_millis(8));
    t.event_recorded(EventResult::Written);
    t.lease(LeaseState::Leading, LeaseReason::Acquired);
    t.lease_error(WatchReason::Timeout);
    t.objects(&[(KubeKind::Gateway, 1), (KubeKind::HttpRoute, 2_000)]);
    let words =
        |condition: &str, status: &str, reason: &str| (condition.into(), status.into(), reason.into());
    let (condition, status, reason) = words("Accepted", "False", "NotAllowedByListeners");
    t.conditions(vec![ConditionCount { kind: KubeKind::HttpRoute, condition, status, reason, objects: 7 }]);
    let (condition, status, reason) = words("Programmed", "True", "Programmed");
    t.gateway_conditions(vec![GatewayCondition {
        gateway: ObjectRef::new("shop", "edge"),
        condition,
        status,
        reason,
    }]);
    for stage in [
        ConfigStage::Watch,
        ConfigStage::Translate,
        ConfigStage::Publish,
        ConfigStage::Ack,
        ConfigStage::Served,
    ] {
        t.config.record_stage(stage, Duration::from_millis(7));
    }
    t.config.applied(
        &newest,
        1_700_000_000.5,
        ObjectCounts([1; 7]),
        ProblemCounts { errors: 1, warnings: 0 },
    );
}

fn use_xds(t: &XdsTelemetry) {
    t.loaded(LoadResult::Served, Some(1_700_000_000.0));
    t.disconnected(StreamEnd::Unreachable);
    t.connected();
    t.received(&version("0000000000002"));
    t.acked(&version("0000000000002"));
    t.nacked();
    t.saved(Some(1_700_000_001.0));
    t.serves_last_good(&version("0000000000001"));
}

type Values = BTreeMap<String, BTreeSet<String>>;

/// Samples by metric, as text.
fn values(page: &str) -> Values {
    let mut values = Values::new();
    for Sample { name, labels, value, .. } in read(page).samples {
        let metric = catalog::all()
            .find(|metric| {
                name == metric.name || (metric.kind == Kind::Histogram && name.starts_with(metric.name))
            })
            .unwrap_or_else(|| panic!("{name} is not in the catalog"));
        values.entry(metric.name.to_owned()).or_default().insert(format!("{name}{labels:?} {value}"));
    }
    values
}

#[test]
fn every_number_of_the_planes_moves() {
    let idle = [
        Process::new(None, Some(ControlTelemetry::new()), None),
        Process::new(None, None, Some(XdsTelemetry::new())),
    ];
    let [_, data, control] = exercised();
    for (plane, idle, used) in [(Plane::Control, &idle[0], &control.1), (Plane::Fleet, &idle[1], &data.1)] {
        let (before, after) = (values(&idle.render("text/plain")), values(&used.render("text/plain")));
        let metrics: Vec<_> = catalog::all().filter(|metric| metric.plane == plane).collect();
        assert!(metrics.len() > 10);
        for metric in metrics {
            assert!(after.contains_key(metric.name), "{}", metric.name);
            assert_ne!(before.get(metric.name), after.get(metric.name), "{}", metric.name);
        }
    }
}

#[test]
fn a_control_plane_shows_nothing_of_requests_and_a_data_plane_nothing_of_watches() {
    let [_, (_, data), (_, control)] = exercised();
    let (data, control) = (values(&data.render("text/plain")), values(&control.render("text/plain")));
    for name in ["clearway_requests_in_flight", "clearway_config_valid", "clearway_dataplane_xds_connected"] {
        assert!(data.contains_key(name) && !control.contains_key(name), "{name}");
    }
    assert!(!data.keys().any(|name| name.starts_with("clearway_controlplane_")));
    let stage = |page: &Values, word: &str| {
        page["clearway_config_stage_duration_seconds"]
            .iter()
            .any(|sample| sample.contains(&format!("{word:?}")))
    };
    for word in ["watch", "translate", "publish", "ack", "served"] {
        assert!(stage(&control, word), "{word}");
    }
    for word in ["read", "compile", "bind", "swap", "first_request"] {
        assert!(stage(&data, word) && !stage(&control, word), "{word}");
    }
}
