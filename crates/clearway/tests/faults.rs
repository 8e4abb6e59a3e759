//! The fault run: every alert fires by a real fault and clears after it, every block of its runbook is run while it fires, and
//! every panel of every dashboard has data.
//!
//! Both planes in a Kubernetes of the run's own, further gateways as processes beside it, a real Collector, and a real Prometheus
//! with the shipped rules, whose windows are short by their thresholds. Always holds: what did not fire, clear or show what it
//! should is said in the report and fails the run; nothing is skipped. `CLEARWAY_FAULTS=ClearwayX,ClearwayY` chooses alerts,
//! `CLEARWAY_FAULTS_REPORT` names the folder that the report is written to.

#[path = "faults/acts/mod.rs"]
mod acts;
#[path = "faults/alerts.rs"]
mod alerts;
#[path = "faults/blocks.rs"]
mod blocks;
#[path = "faults/boards.rs"]
mod boards;
#[path = "faults/case.rs"]
mod case;
#[path = "support/mix.rs"]
mod mix;
#[path = "support/panels.rs"]
mod panels;
#[path = "support/pipe.rs"]
mod pipe;
#[path = "faults/place.rs"]
mod place;
#[path = "faults/report.rs"]
mod report;
#[path = "support/running.rs"]
mod running;
#[path = "support/scene.rs"]
mod scene;
#[path = "support/server.rs"]
mod server;
#[path = "faults/settings.rs"]
mod settings;
#[path = "faults/stage.rs"]
mod stage;
#[path = "faults/targets.rs"]
mod targets;
#[path = "faults/traffic.rs"]
mod traffic;
#[path = "faults/users.rs"]
mod users;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use clearway_e2e::Cluster;
use clearway_ops::rules;

use acts::Fault;
use scene::Scene;
use stage::Stage;

/// Traffic of every kind, for the panels.
const TRAFFIC: Duration = Duration::from_secs(45);

/// The alerts that are asked for; all unless the environment says otherwise.
fn wanted() -> BTreeSet<String> {
    let known: BTreeSet<String> = rules::alerts().map(|alert| alert.name.to_owned()).collect();
    let Ok(named) = std::env::var("CLEARWAY_FAULTS") else { return known };
    let named: BTreeSet<String> = named.split(',').map(|name| name.trim().to_owned()).collect();
    assert!(named.is_subset(&known), "CLEARWAY_FAULTS: {named:?} are not all alerts; there are {known:?}");
    named
}

#[test]
fn every_alert_has_a_fault() {
    let played: Vec<&str> = acts::all().iter().flat_map(|fault| fault.alerts.iter().copied()).collect();
    let alone: BTreeSet<&str> = played.iter().copied().collect();
    assert_eq!(alone.len(), played.len(), "an alert has two faults: {played:?}");
    let known: BTreeSet<&str> = rules::alerts().map(|alert| alert.name).collect();
    assert_eq!(alone, known);
}

#[test]
fn alerts_fire_and_clear_and_runbooks_hold() {
    let wanted = wanted();
    let chosen: Vec<Fault> = acts::all()
        .into_iter()
        .filter(|fault| fault.alerts.iter().any(|name| wanted.contains(*name)))
        .collect();
    let whole = wanted.len() == rules::alerts().count();
    let mut cluster = Cluster::start("faults");
    let releases: BTreeSet<&str> =
        chosen.iter().flat_map(|fault| fault.releases.iter().copied()).chain([stage::BASE]).collect();
    stage::deploy(&mut cluster, &releases);
    let cluster = Arc::new(cluster);
    // Everything that follows is done where the cluster's addresses are.
    let failed = std::thread::scope(|scope| {
        let inside = scope.spawn(|| {
            cluster.enter();
            play(&Stage::start(cluster.clone(), wanted, &releases), &chosen, whole)
        });
        inside.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    });
    assert!(failed.is_empty(), "{} failed:\n{}", failed.len(), failed.join("\n"));
}

/// Plays all faults side by side; what failed.
fn play(stage: &Stage, chosen: &[Fault], whole: bool) -> Vec<String> {
    std::thread::scope(|scope| {
        if whole {
            scope.spawn(move || busy(stage));
        }
        let acts: Vec<_> =
            chosen.iter().map(|fault| (fault, scope.spawn(move || (fault.play)(stage)))).collect();
        for (fault, act) in acts {
            if let Err(panic) = act.join() {
                stage.report.panicked(fault.alerts, &panic);
            }
        }
    });
    if whole {
        boards::check(stage);
    }
    stage.report.write(whole);
    stage.report.failed()
}

/// Something of everything, for the panels of data planes: as in the test of dashboards.
fn busy(stage: &Stage) {
    let scene = Scene::start();
    stage.targets.add("scene", scene.gateway.admin, "clearway-scene");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let start = std::time::Instant::now();
    runtime.block_on(async {
        let changes = async {
            for (part, step) in [(0.25, 0), (0.45, 1), (0.6, 2), (0.7, 3)] {
                tokio::time::sleep_until((start + TRAFFIC.mul_f64(part)).into()).await;
                match step {
                    1 => scene.break_configuration(),
                    2 => scene.mend_configuration(),
                    number => scene.change(number),
                }
            }
        };
        tokio::join!(mix::until(&scene, start + TRAFFIC), changes);
    });
    stage.targets.remove("scene");
    scene.gateway.stop();
}
