//! The way of a change to the data planes: slow, refused, late, and different from one to the other.

use std::fs::File;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use clearway_admin::surface::HTTPS_PORT;
use clearway_e2e::objects::{gateway, http_route, namespace, redirect_to};
use clearway_testkit::process::Signal;
use rustix::process::Pid;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use serde_json::json;

use super::Fault;
use crate::case::Case;
use crate::place::Place;
use crate::stage::{Stage, pass};
use crate::users::secret;

pub(super) const FAULTS: &[Fault] = &[Fault {
    alerts: &[
        "ClearwayPropagationSlow",
        "ClearwayConfigPushFailing",
        "ClearwayConfigRefused",
        "ClearwayConfigDiverged",
        "ClearwayConfigStale",
    ],
    releases: &["stuck"],
    play: stuck,
}];

const RELEASE: &str = "stuck";
const SPACE: &str = "stuck-users";
/// How long a data plane stands still: longer than the threshold, shorter than its liveness probe has patience.
const STILL: Duration = Duration::from_secs(8);

fn stuck(stage: &Stage) {
    stage.cluster.apply(&[namespace(SPACE), gateway(SPACE, "web", RELEASE)]);
    change(stage, 0);
    stage.until_seen("count(clearway_config_version{namespace=\"stuck\", job=~\".*dataplane.*\"}) == 2");
    if stage.wants("ClearwayPropagationSlow") {
        slow(stage);
    }
    let mut others = FAULTS.iter().flat_map(|fault| fault.alerts).skip(1);
    if others.any(|alert| stage.wants(alert)) {
        refused(stage);
    }
}

/// A change that is right.
fn change(stage: &Stage, number: usize) {
    let host = format!("change-{number}.example");
    stage.cluster.apply(&[http_route(SPACE, "change", "web", &host, &redirect_to("elsewhere.example"))]);
}

fn signal(pid: u32, signal: Signal) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    // One that has ended needs no signal.
    pid.and_then(|pid| rustix::process::kill_process(pid, signal).ok());
}

/// Says that something has ended, however its room is left.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

/// The data planes stand still for a while after each change.
fn slow(stage: &Stage) {
    let mut case = Case::begin(
        stage,
        "ClearwayPropagationSlow",
        "the data planes stand still (SIGSTOP) for 8 s after each change",
        &[("namespace", RELEASE)],
    );
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let ended = &ended;
        let end = End(ended);
        scope.spawn(move || {
            for number in (1..).take_while(|_| !ended.load(Relaxed)) {
                let planes = stage.processes(RELEASE, "dataplane");
                planes.iter().for_each(|(pid, _)| signal(*pid, Signal::STOP));
                change(stage, number);
                // The time itself is the fault.
                pass(STILL);
                planes.iter().for_each(|(pid, _)| signal(*pid, Signal::CONT));
                pass(STILL / 2);
            }
        });
        case.fires(&["critical", "warning"], &Place::Release(RELEASE));
        drop(end);
    });
    case.clears();
}

/// A port in the network of a process that somebody else has until the value is dropped.
struct Taken(Option<std::sync::mpsc::Sender<()>>, Option<std::thread::JoinHandle<()>>);

impl Taken {
    fn port(pid: u32, port: u16) -> Self {
        let (end, ended) = std::sync::mpsc::channel::<()>();
        let (give, given) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let network = File::open(format!("/proc/{pid}/ns/net")).expect("the network of a pod");
            move_into_link_name_space(network.as_fd(), Some(LinkNameSpaceType::Network)).expect("root");
            let listener = std::net::TcpListener::bind(("0.0.0.0", port)).expect("a port that is free");
            give.send(()).ok();
            // Until the other end is dropped.
            ended.recv().ok();
            drop(listener);
        });
        given.recv().expect("a thread that has taken the port");
        Self(Some(end), Some(thread))
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        drop(self.0.take());
        if let Some(thread) = self.1.take() {
            thread.join().ok();
        }
    }
}

/// One of two data planes cannot have the port of all HTTPS listeners, since another program of its pod has it.
fn refused(stage: &Stage) {
    let (pid, pod) = stage.processes(RELEASE, "dataplane").into_iter().next().expect("a data plane");
    let fault = "another program in the pod of one of two data planes has the port that a new Gateway needs";
    let own = [("namespace", RELEASE)];
    let mut pushing = Case::begin(stage, "ClearwayConfigPushFailing", fault, &own);
    let mut refusing = Case::begin(stage, "ClearwayConfigRefused", fault, &own);
    let mut apart = Case::begin(stage, "ClearwayConfigDiverged", fault, &own);
    let mut stale =
        Case::begin(stage, "ClearwayConfigStale", fault, &[("namespace", RELEASE), ("dataplane", &pod)]);
    let taken = Taken::port(pid, HTTPS_PORT);
    let mut certificate = secret("late", &stage.users.authority.issue(&["late.example"]));
    certificate["metadata"]["namespace"] = json!(SPACE);
    let mut late = gateway(SPACE, "late", RELEASE);
    late["spec"]["listeners"] = json!([{
        "name": "https", "port": 443, "protocol": "HTTPS", "tls": {"certificateRefs": [{"name": "late"}]},
    }]);
    stage.cluster.apply(&[certificate, late]);
    pushing.fires(&["warning", "critical"], &Place::Release(RELEASE));
    refusing.fires(&["critical"], &Place::Release(RELEASE));
    apart.fires(&["warning"], &Place::Release(RELEASE));
    stale.fires(&["critical", "warning"], &Place::Release(RELEASE));
    drop(taken);
    change(stage, 1_000);
    pushing.clears();
    refusing.clears();
    apart.clears();
    stale.clears();
}
