//! Routes whose requests fail, are slow or are given up.

use std::time::Duration;

use clearway_testkit::client::RawClient;

use super::{Fault, fault};
use crate::case::Case;
use crate::place::Place;
use crate::stage::{BASE, Stage};
use crate::traffic::Background;
use crate::users::{host, route};

pub(super) const FAULTS: &[Fault] = &[
    fault(&["ClearwayGatewayErrorsHigh"], misled),
    fault(&["ClearwayUpstreamErrorsHigh"], failing),
    fault(&["ClearwayClientAbortsHigh"], impatient),
    fault(&["ClearwayLatencyHigh"], slow),
    fault(&["ClearwaySloBurning"], burning),
];

const PAUSE: Duration = Duration::from_millis(100);
const BOTH: &[&str] = &["critical", "warning"];

/// A route to a Service that does not exist.
fn misled(stage: &Stage) {
    let name = "misled";
    let mut case = Case::begin(
        stage,
        "ClearwayGatewayErrorsHigh",
        "a route names a Service that does not exist, and gets requests",
        &[("route_name", name)],
    );
    stage.users.serve(&stage.cluster, name, &[route(name, "nobody")], 500);
    let _traffic = Background::visits(stage.users.http, &host(name), "/", 2, PAUSE);
    case.fires(BOTH, &Place::Release(BASE));
    stage.users.serve(&stage.cluster, name, &[route(name, "app")], 200);
    case.clears();
}

/// A backend that answers with errors.
fn failing(stage: &Stage) {
    let name = "failing";
    stage.users.serve(&stage.cluster, name, &[route(name, "app")], 200);
    let mut case = Case::begin(
        stage,
        "ClearwayUpstreamErrorsHigh",
        "a backend answers every request of a route with 500",
        &[("route_name", name)],
    );
    let bad = Background::visits(stage.users.http, &host(name), "/status/500", 2, PAUSE);
    case.fires(BOTH, &Place::Release(BASE));
    drop(bad);
    let _good = Background::visits(stage.users.http, &host(name), "/", 2, PAUSE);
    case.clears();
}

/// Clients that do not wait for the answer.
fn impatient(stage: &Stage) {
    let name = "impatient";
    stage.users.serve(&stage.cluster, name, &[route(name, "app")], 200);
    let mut case = Case::begin(
        stage,
        "ClearwayClientAbortsHigh",
        "clients of a route reset their connections while the backend works",
        &[("route_name", name)],
    );
    let address = stage.users.http;
    let leave = Background::start(move || async move {
        loop {
            if let Ok(mut client) = RawClient::connect(address).await {
                let request = format!("GET /delay/3000 HTTP/1.1\r\nhost: {}\r\n\r\n", host(name));
                client.send(request).await.ok();
                tokio::time::sleep(PAUSE).await;
                client.reset();
            }
            tokio::time::sleep(PAUSE).await;
        }
    });
    case.fires(BOTH, &Place::Release(BASE));
    drop(leave);
    let _good = Background::visits(address, &host(name), "/", 2, PAUSE);
    case.clears();
}

/// A backend that takes its time.
fn slow(stage: &Stage) {
    let name = "slow";
    stage.users.serve(&stage.cluster, name, &[route(name, "app")], 200);
    let mut case = Case::begin(
        stage,
        "ClearwayLatencyHigh",
        "a backend takes 6 s for each request of a route",
        &[("route_name", name)],
    );
    let late = Background::visits(stage.users.http, &host(name), "/delay/6000", 12, PAUSE);
    case.fires(BOTH, &Place::Release(BASE));
    drop(late);
    let _quick = Background::visits(stage.users.http, &host(name), "/", 2, PAUSE);
    case.clears();
}

/// A route with an objective whose requests fail.
fn burning(stage: &Stage) {
    let name = "burning";
    stage.users.serve(&stage.cluster, name, &[route(name, "app")], 200);
    let mut case = Case::begin(
        stage,
        "ClearwaySloBurning",
        "a backend answers every request of a route with an objective of 99 % with 500",
        &[("route_name", name)],
    );
    let bad = Background::visits(stage.users.http, &host(name), "/status/500", 2, PAUSE);
    let levels: &[(&str, &[(&str, &str)])] = &[
        ("critical", &[("burn", "fast")]),
        ("critical", &[("burn", "medium")]),
        ("warning", &[("burn", "slow")]),
        ("warning", &[("burn", "trickle")]),
    ];
    case.fires_with(levels, &Place::Release(BASE));
    drop(bad);
    let _good = Background::visits(stage.users.http, &host(name), "/", 4, PAUSE);
    case.clears();
}
