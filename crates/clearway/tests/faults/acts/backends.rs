//! Backends without endpoints, with dead ones, and with ones that want to be asked again; Gateways and objects that cannot be served.

use std::net::SocketAddr;
use std::time::Duration;

use clearway_e2e::objects::{GATEWAY_API, http_route};
use serde_json::{Value, json};

use super::{Fault, fault};
use crate::case::Case;
use crate::place::Place;
use crate::stage::{BASE, NODE, Stage};
use crate::traffic::Background;
use crate::users::{SPACE, host, route, service};

pub(super) const FAULTS: &[Fault] = &[
    fault(&["ClearwayNoHealthyEndpoint"], bare),
    fault(&["ClearwayEjectionStorm"], shaky),
    fault(&["ClearwayRetryStorm"], tired),
    fault(&["ClearwayGatewayNotProgrammed"], unheard),
];

const PAUSE: Duration = Duration::from_millis(100);

/// A Service without any endpoint.
fn bare(stage: &Stage) {
    let name = "bare";
    let mut case = Case::begin(
        stage,
        "ClearwayNoHealthyEndpoint",
        "a Service has no endpoint, and its route gets requests",
        &[],
    );
    let mut objects = service(name, &[]);
    objects.push(route(name, name));
    stage.users.serve(&stage.cluster, name, &objects, 503);
    let _traffic = Background::visits(stage.users.http, &host(name), "/", 2, PAUSE);
    let levels: &[(&str, &[(&str, &str)])] =
        &[("critical", &[("route_name", name)]), ("warning", &[("backend_name", name)])];
    case.fires_with(levels, &Place::Release(BASE));
    stage.users.serve(&stage.cluster, name, &service(name, &[stage.users.backend.address()]), 200);
    case.clears();
}

/// A Service with a dozen endpoints at which nobody listens.
fn shaky(stage: &Stage) {
    let name = "shaky";
    let mut case = Case::begin(
        stage,
        "ClearwayEjectionStorm",
        "nobody listens at the 12 endpoints of a Service, and its route gets requests",
        &[("backend_name", name)],
    );
    let dead: Vec<SocketAddr> = (31_001..=31_012).map(|port| SocketAddr::new(NODE, port)).collect();
    let mut objects = service(name, &dead);
    objects.push(route(name, name));
    stage.cluster.apply(&objects);
    let _traffic = Background::visits(stage.users.http, &host(name), "/", 4, Duration::from_millis(20));
    case.fires(&["critical", "warning"], &Place::Release(BASE));
    let gone: Vec<String> = (1..12).map(|number| format!("{name}-{number}")).collect();
    let gone: Vec<&str> =
        ["delete", "endpointslice"].into_iter().chain(gone.iter().map(String::as_str)).collect();
    stage.kubectl(SPACE, &gone);
    stage.users.serve(&stage.cluster, name, &service(name, &[stage.users.backend.address()]), 200);
    case.clears();
}

/// A backend that answers 503, and a route that tries again.
fn tired(stage: &Stage) {
    let name = "tired";
    let rules = json!([{
        "name": "all", "backendRefs": [{"name": name, "port": 80}],
        "retry": {"attempts": 2, "codes": [503], "backoff": "5ms"},
    }]);
    let mut objects = service(name, &[stage.users.backend.address()]);
    objects.push(http_route(SPACE, name, "edge", &host(name), &rules));
    stage.users.serve(&stage.cluster, name, &objects, 200);
    let mut case = Case::begin(
        stage,
        "ClearwayRetryStorm",
        "a backend answers 503, and its route tries each request twice more",
        &[("backend_name", name)],
    );
    let bad = Background::visits(stage.users.http, &host(name), "/status/503", 2, PAUSE);
    case.fires(&["critical", "warning"], &Place::Release(BASE));
    drop(bad);
    let _good = Background::visits(stage.users.http, &host(name), "/", 2, PAUSE);
    case.clears();
}

/// A Gateway that asks for an address which is not to be had.
fn unheard(stage: &Stage) {
    let name = "unheard";
    let mut case = Case::begin(
        stage,
        "ClearwayGatewayNotProgrammed",
        "a Gateway asks for an address that is not to be had",
        &[("gateway_name", name)],
    );
    let gateway = |addresses: Value| {
        json!({
            "apiVersion": GATEWAY_API, "kind": "Gateway", "metadata": {"namespace": SPACE, "name": name},
            "spec": {
                "gatewayClassName": BASE, "addresses": addresses,
                "listeners": [{"name": "http", "port": 8080, "protocol": "HTTP"}],
            },
        })
    };
    stage.cluster.apply(&[gateway(json!([{"type": "IPAddress", "value": "192.0.2.1"}]))]);
    case.fires(&["warning"], &Place::Release(BASE));
    stage.cluster.apply(&[gateway(json!([]))]);
    case.clears();
}
