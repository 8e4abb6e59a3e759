//! No flicker: control planes and data planes come and go under constant load, and nobody outside notices.
//!
//! One cluster, one load, four acts. Always holds: every request is counted; the only act that may lose some is the one in which
//! the process of a data plane is killed while there is no control plane to lead traffic around it, and it says how many.
//! `CLEARWAY_RESTARTS`, `CLEARWAY_OUTAGE` (seconds), `CLEARWAY_ROUTES` and `CLEARWAY_RATE` make it shorter or longer, and
//! `CLEARWAY_ACTS` chooses among `control`, `data`, `slow` and `outage`.

#[path = "no_flicker/fleet.rs"]
mod fleet;
#[path = "no_flicker/scene.rs"]
mod scene;
#[path = "no_flicker/slow.rs"]
mod slow;

use std::time::{Duration, Instant};

use clearway_testkit::load::Tally;
use scene::{CONTROL, DATA, Scene};

/// Longest that a rollout, or a fresh control plane before a slow API server, may take.
const PATIENCE: Duration = Duration::from_secs(180);

/// A number from the environment.
fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name)
        .map_or(otherwise, |text| text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

#[test]
fn nobody_notices_who_comes_and_goes() {
    let restarts = number("CLEARWAY_RESTARTS", 3);
    let outage = Duration::from_secs(number("CLEARWAY_OUTAGE", 15));
    let rate = number("CLEARWAY_RATE", 500);
    let mut scene = Scene::start(number("CLEARWAY_ROUTES", 2_000), rate);
    let acts = std::env::var("CLEARWAY_ACTS").unwrap_or_else(|_| "control,data,slow,outage".to_owned());
    let began = Instant::now();
    let mut all = scene.load().take();
    for act in acts.split(',') {
        all.add(&match act {
            "control" => control_planes_restart(&scene, restarts),
            "data" => data_planes_are_replaced(&scene, restarts),
            "slow" => a_fresh_control_plane_before_a_slow_api_server(&scene),
            "outage" => no_control_plane_at_all(&mut scene, outage),
            other => panic!("CLEARWAY_ACTS: there is no act {other:?}"),
        });
    }
    scene.say(&format!(
        "acts {acts} in {:.0} s, {restarts} restarts of each plane that restarts: {} requests, {} failed, {} repeated",
        began.elapsed().as_secs_f64(),
        all.requests(),
        all.failed(),
        all.repeated,
    ));
    let enough = rate as f64 * 0.95;
    assert!(
        all.rate() > enough,
        "nothing was lost, but {rate}/s were not kept up; is the machine busy with other things? {all}"
    );
}

/// Each restart replaces both replicas, every other one at the same time.
fn control_planes_restart(scene: &Scene, restarts: u64) -> Tally {
    let mut act = scene.act("control planes restart");
    for round in 1..=restarts {
        if round % 2 == 1 {
            scene.rollout_restart(CONTROL);
        } else {
            scene.delete_pods(CONTROL);
        }
        scene.all_serve(2);
        act.lap(&format!("restart {round} of the control planes"));
    }
    act.lossless()
}

/// Each rollout replaces every data plane, one after the other.
fn data_planes_are_replaced(scene: &Scene, rollouts: u64) -> Tally {
    let mut act = scene.act("data planes are replaced");
    for round in 1..=rollouts {
        let before = scene.pods(DATA);
        scene.rollout_restart(DATA);
        scene.all_serve(2);
        let old = |name: &str| before.iter().any(|old| old.name == name);
        let stays = scene.pods(DATA).into_iter().find(|pod| !pod.ending && old(&pod.name));
        assert_eq!(stays, None, "every pod is a new one");
        act.lap(&format!("rollout {round} of the data planes"));
    }
    scene.gone(DATA);
    act.lap("the last ones leave");
    act.lossless()
}

/// Control planes whose way to the API server is slow, and data planes that come to them before they know the world: they wait.
fn a_fresh_control_plane_before_a_slow_api_server(scene: &Scene) -> Tally {
    let mut act = scene.act("a fresh control plane before a slow API server");
    let slow = slow::SlowWay::open(scene);
    scene.serve_before_ready(true);
    scene.scale(CONTROL, 0);
    scene.gone(CONTROL);
    act.lap("no control plane");
    scene.way_to_the_api_server(Some(slow.address()));
    scene.scale(CONTROL, 2);
    let waited =
        scene.cluster.until("data planes wait for a control plane that is not whole yet", PATIENCE, || {
            let stages = scene.control_stages();
            assert!(
                stages.iter().all(|stage| !stage.published),
                "a control plane was whole before a data plane came: {stages:?}"
            );
            let waiting: u64 = stages.iter().map(|stage| stage.waiting).sum();
            (waiting > 0).then_some(waiting)
        });
    act.lap(&format!("{waited} streams wait for the third layer"));
    let since = Instant::now();
    scene.rolled_out(CONTROL);
    scene.all_serve(2);
    scene.say(&format!(
        "whole {:.1} s after the first stream had come, {} bytes",
        since.elapsed().as_secs_f64(),
        slow.bytes()
    ));
    act.lap("whole, and streams are served");
    scene.way_to_the_api_server(None);
    scene.rolled_out(CONTROL);
    scene.serve_before_ready(false);
    scene.all_serve(2);
    act.lap("back to a quick API server");
    drop(slow);
    act.lossless()
}

/// Traffic and telemetry go on without any control plane, also those of a data plane whose process is killed meanwhile.
fn no_control_plane_at_all(scene: &mut Scene, outage: Duration) -> Tally {
    let mut act = scene.act("no control plane at all");
    scene.scale(CONTROL, 0);
    scene.gone(CONTROL);
    act.lap("the last control plane goes");
    let mut all = act.lossless();

    // A span of its own, so that what clients have seen can be compared with what was counted, to the unit.
    all.add(&scene.pause().lossless("before the outage"));
    let before = scene.requests_counted();
    scene.resume();
    scene.go_on(outage);
    let seen = scene.pause().lossless("without a control plane");
    scene.say(&format!("{:.0} s without a control plane: {seen}", outage.as_secs_f64()));
    let counted = scene.requests_counted() - before;
    assert_eq!(counted, seen.requests() + seen.repeated, "telemetry goes on, to the unit");
    all.add(&seen);

    scene.resume();
    let lost = a_process_is_killed(scene);
    let mut act = scene.act("the restarted data plane serves what it kept");
    scene.go_on(outage.min(Duration::from_secs(20)));
    act.lap("served from disk");
    scene.scale(CONTROL, 2);
    scene.rolled_out(CONTROL);
    scene.all_serve(2);
    scene.cluster.until("no last good configuration is served any more", PATIENCE, || {
        scene.pods(DATA).iter().all(|pod| !scene.last_good_in_use(pod)).then_some(())
    });
    act.lap("control planes are back, and nothing is served from disk");
    all.add(&act.lossless());
    all.add(&lost);
    all
}

/// The crash itself loses what was on its way, and new connections until the process is back: nobody is there who would lead them
/// elsewhere. It is counted, and told.
fn a_process_is_killed(scene: &Scene) -> Tally {
    let victim = scene.pods(DATA).into_iter().next().expect("a data plane");
    drop(scene.load().take());
    let killed = Instant::now();
    scene.kill_process(&victim);
    let back = scene.cluster.until("the killed data plane is ready again", PATIENCE, || {
        scene
            .pods(DATA)
            .into_iter()
            .find(|pod| pod.name == victim.name && pod.restarts > victim.restarts && pod.ready)
    });
    let said = scene.readiness(&back);
    assert!(said.contains("the last good one from disk"), "{said}");
    assert!(said.contains(&scene.version), "the same configuration as before: {said}");
    assert!(scene.last_good_in_use(&back), "the metric says so too");
    let lost = scene.load().take();
    scene.say(&format!(
        "killed, and ready from disk after {:.1} s; meanwhile {lost}",
        killed.elapsed().as_secs_f64()
    ));
    lost
}
