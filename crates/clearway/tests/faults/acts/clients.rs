//! TLS that clients do not get through, certificates that end soon, and more connections than there may be.

use std::net::TcpStream;
use std::time::{Duration, SystemTime};

use clearway_e2e::objects::GATEWAY_API;
use clearway_testkit::certs::Leaf;
use clearway_testkit::client::RawClient;
use serde_json::json;

use super::{Fault, fault};
use crate::case::Case;
use crate::place::Place;
use crate::running::{Running, folder_to};
use crate::stage::{BASE, Stage};
use crate::traffic::Background;
use crate::users::{SPACE, secret};

pub(super) const FAULTS: &[Fault] = &[
    fault(&["ClearwayTlsHandshakesFailing"], garbled),
    fault(&["ClearwayCertificateExpiring"], aging),
    fault(&["ClearwayConnectionLimitNear"], full),
];

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Clients that speak no TLS to an HTTPS listener.
fn garbled(stage: &Stage) {
    let mut case = Case::begin(
        stage,
        "ClearwayTlsHandshakesFailing",
        "clients speak something else than TLS to an HTTPS listener",
        &[("namespace", BASE)],
    );
    let address = stage.users.https;
    let noise = Background::start(move || async move {
        loop {
            if let Ok(mut client) = RawClient::connect(address).await {
                client.send("this is no TLS\r\n\r\n").await.ok();
                client.rest().await.ok();
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    case.fires(&["critical", "warning"], &Place::Release(BASE));
    drop(noise);
    case.clears();
}

/// A listener whose certificate ends in two days.
fn aging(stage: &Stage) {
    let name = "aging";
    let mut case = Case::begin(
        stage,
        "ClearwayCertificateExpiring",
        "the certificate of a listener ends in two days",
        &[("certificate_name", name)],
    );
    let ending = |days: u32| {
        let leaf = Leaf::new(&["aging.example"]).not_after(SystemTime::now() + days * DAY);
        secret(name, &stage.users.authority.issue_leaf(&leaf))
    };
    let gateway = json!({
        "apiVersion": GATEWAY_API, "kind": "Gateway", "metadata": {"namespace": SPACE, "name": name},
        "spec": {"gatewayClassName": BASE, "listeners": [{
            "name": "https", "port": 8443, "protocol": "HTTPS", "hostname": "aging.example",
            "tls": {"certificateRefs": [{"name": name}]},
        }]},
    });
    stage.cluster.apply(&[ending(2), gateway]);
    case.fires(&["critical", "warning"], &Place::Release(BASE));
    stage.cluster.apply(&[ending(75)]);
    case.clears();
}

/// More connections than the limit.
fn full(stage: &Stage) {
    let (folder, _port, address) = folder_to(&[stage.users.backend.address()]);
    let gateway = Running::start(
        folder,
        &["--max-connections", "20", "--idle-timeout", "10m", "--header-read-timeout", "10m"],
    );
    stage.targets.add("full", gateway.admin, "clearway-full");
    stage.until_seen("clearway_downstream_connections_limit{namespace=\"full\"}");
    let mut case = Case::begin(
        stage,
        "ClearwayConnectionLimitNear",
        "clients hold as many connections as --max-connections allows, and others come",
        &[("namespace", "full")],
    );
    let held: Vec<TcpStream> = (0..20).filter_map(|_| TcpStream::connect(address).ok()).collect();
    let more = Background::visits(address, "a", "/", 2, Duration::from_millis(200));
    case.fires(&["critical", "warning"], &Place::Process(gateway.admin));
    drop((held, more));
    case.clears();
    stage.targets.remove("full");
    gateway.stop();
}
