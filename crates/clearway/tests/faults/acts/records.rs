//! Telemetry that is lost on its way: spans for a Collector that is not there, lines for a reader that stands still.

use std::fs::OpenOptions;
use std::io::Read;
use std::time::Duration;

use clearway_testkit::otlp::Sink;
use clearway_testkit::process::{Program, ReservedPort};

use super::{Fault, fault};
use crate::case::Case;
use crate::place::Place;
use crate::running::{Running, folder_to};
use crate::stage::Stage;
use crate::traffic::Background;

pub(super) const FAULTS: &[Fault] =
    &[fault(&["ClearwayTelemetryDropped"], lossy), fault(&["ClearwayAccessLogDropped"], clogged)];

const PAUSE: Duration = Duration::from_millis(10);

/// No Collector, and a small queue.
fn lossy(stage: &Stage) {
    let (folder, _port, address) = folder_to(&[stage.users.backend.address()]);
    let collector = ReservedPort::new();
    let endpoint = format!("http://{}", collector.address());
    let flags = ["--otlp-traces-endpoint", &endpoint, "--trace-sample-ratio", "1", "--otlp-queue", "64"];
    let gateway = Running::start(folder, &flags);
    stage.targets.add("lossy", gateway.admin, "clearway-lossy");
    stage.until_seen("clearway_build_info{namespace=\"lossy\"}");
    let mut case = Case::begin(
        stage,
        "ClearwayTelemetryDropped",
        "no Collector listens where spans are sent, and the queue holds 64",
        &[("namespace", "lossy")],
    );
    let traffic = Background::visits(address, "a", "/", 4, PAUSE);
    case.fires(&["critical", "warning"], &Place::Process(gateway.admin));
    let sink = Sink::start_at(collector.address());
    drop(traffic);
    let _calm = Background::visits(address, "a", "/", 1, 20 * PAUSE);
    case.clears();
    drop(sink);
    stage.targets.remove("lossy");
    gateway.stop();
}

/// A log whose reader stands still.
fn clogged(stage: &Stage) {
    let path = stage.files.join("access-log");
    Program::new("mkfifo").arg(&path).run(Duration::from_secs(10)).success();
    // For reading and writing, so that the opening waits for nobody.
    let mut reader = OpenOptions::new().read(true).write(true).open(&path).expect("a pipe");
    let (folder, _port, address) = folder_to(&[stage.users.backend.address()]);
    let name = path.display().to_string();
    let gateway = Running::start(folder, &["--access-log", &name, "--access-log-buffer", "64KiB"]);
    stage.targets.add("clogged", gateway.admin, "clearway-clogged");
    stage.until_seen("clearway_build_info{namespace=\"clogged\"}");
    let mut case = Case::begin(
        stage,
        "ClearwayAccessLogDropped",
        "who reads the access log stands still, and the buffer holds 64 KiB",
        &[("namespace", "clogged")],
    );
    let _traffic = Background::visits(address, "a", "/", 4, PAUSE);
    case.fires(&["critical", "warning"], &Place::Process(gateway.admin));
    // It reads again, until the process has ended and the last byte says so.
    let again = std::thread::spawn(move || {
        let mut part = vec![0; 1 << 16];
        while let Ok(count) = reader.read(&mut part) {
            if part.get(..count).is_some_and(|part| part.ends_with(b"\0")) {
                return;
            }
        }
    });
    case.clears();
    stage.targets.remove("clogged");
    gateway.stop();
    std::fs::write(&path, b"\0").expect("a pipe");
    again.join().ok();
}
