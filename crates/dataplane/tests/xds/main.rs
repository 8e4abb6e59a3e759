//! The data plane against the real xDS server, in one process: first configuration, refusals, restarts, reconnections.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail anywhere")]

mod metrics;
mod scene;

use std::time::Duration;

use clearway_dataplane::{LastGood, Origin, TlsFiles};
use clearway_testkit::certs::{Authority, Leaf};
use clearway_testkit::process::ReservedPort;
use clearway_xds::ServerTls;
use tokio::sync::watch;

use scene::{Control, DataPlane, FLEET, broken, get, good, options, unreadable, until};

#[tokio::test(flavor = "multi_thread")]
async fn the_first_configuration_is_served_acknowledged_and_kept() {
    let (folder, reserved) = (tempfile::tempdir().unwrap(), ReservedPort::new());
    let port = reserved.port();
    let mut control = Control::start("127.0.0.1:0", None).await;
    let data = DataPlane::start(options(control.address, folder.path()));
    until("the connection", || data.status.is_connected()).await;
    assert!(data.version().is_none());
    assert!(data.status.awaited().contains("awaiting a complete configuration"), "{}", data.status.awaited());
    control.publish(&good("01", port));
    assert_eq!(control.answer().await, ("01".to_owned(), None));
    assert_eq!((data.version().as_deref(), data.status.origin()), (Some("01"), Some(Origin::ControlPlane)));
    assert!(get(port).contains("404"));
    assert_eq!(data.status.note(), None);
    data.shows("clearway_dataplane_xds_connected", "1").await;
    for (series, value) in [
        ("clearway_dataplane_xds_received_version", "1"),
        ("clearway_dataplane_xds_applied_version", "1"),
        ("clearway_dataplane_xds_streams_total", "1"),
        ("clearway_dataplane_last_good_in_use", "0"),
        ("clearway_dataplane_xds_answers_total{answer=\"ack\"}", "1"),
        ("clearway_dataplane_last_good_loads_total{result=\"absent\"}", "1"),
    ] {
        assert_eq!(data.metric(series).as_deref(), Some(value), "{series}");
    }
    data.stop().await;
    let kept = LastGood::new(folder.path(), FLEET).load().expect("it is written at the end at the latest");
    assert_eq!(kept.snapshot, good("01", port));
    control.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_without_a_control_plane_serves_the_last_good_one_and_says_so() {
    let (folder, nobody) = (tempfile::tempdir().unwrap(), ReservedPort::new());
    let reserved = ReservedPort::new();
    let port = reserved.port();
    LastGood::new(folder.path(), FLEET).save(&good("0a", port)).unwrap();
    let address = nobody.address();
    let data = DataPlane::start(options(address, folder.path()));
    data.serves("0a").await;
    assert!(get(port).contains("404"));
    assert!(matches!(data.status.origin(), Some(Origin::LastGood { .. })));
    let note = data.status.note().expect("it is said");
    assert!(note.contains("the last good one from disk"), "{note}");
    until("the refused connection", || data.status.connection().contains("cannot connect")).await;
    assert_eq!(data.metric("clearway_dataplane_last_good_in_use").as_deref(), Some("1"));
    assert_eq!(data.metric("clearway_dataplane_xds_connected").as_deref(), Some("0"));
    assert_eq!(
        data.metric("clearway_dataplane_last_good_loads_total{result=\"served\"}").as_deref(),
        Some("1")
    );
    // A control plane comes with something newer, and what it sent survives its end.
    let mut control = Control::start(&address.to_string(), None).await;
    control.publish(&good("0b", port));
    assert_eq!(control.answer().await, ("0b".to_owned(), None));
    assert_eq!((data.version().as_deref(), data.status.note()), (Some("0b"), None));
    assert_eq!(data.metric("clearway_dataplane_last_good_in_use").as_deref(), Some("0"));
    control.stop().await;
    until("the loss", || !data.status.is_connected()).await;
    assert_eq!((data.version().as_deref(), data.status.origin()), (Some("0b"), Some(Origin::ControlPlane)));
    assert!(get(port).contains("404"));
    data.stop().await;
    assert_eq!(LastGood::new(folder.path(), FLEET).load().unwrap().snapshot.version.as_str(), "0b");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_last_good_configuration_is_named_and_not_served() {
    let folder = tempfile::tempdir().unwrap();
    let place = LastGood::new(folder.path(), FLEET);
    let nobody = ReservedPort::new();
    place.save(&good("0a", nobody.port())).unwrap();
    let mut text = std::fs::read_to_string(place.path()).unwrap();
    text.push(' ');
    std::fs::write(place.path(), text).unwrap();
    let data = DataPlane::start(options(nobody.address(), folder.path()));
    until("the reason", || data.status.awaited().contains("its digest is not that of its content")).await;
    assert_eq!(
        data.metric("clearway_dataplane_last_good_loads_total{result=\"broken\"}").as_deref(),
        Some("1")
    );
    assert!(data.version().is_none());
    data.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_served_is_refused_by_name_and_the_old_stays() {
    let (folder, reserved) = (tempfile::tempdir().unwrap(), ReservedPort::new());
    let port = reserved.port();
    let mut control = Control::start("127.0.0.1:0", None).await;
    control.publish(&good("01", port));
    let data = DataPlane::start(options(control.address, folder.path()));
    assert_eq!(control.answer().await, ("01".to_owned(), None));
    control.publish(&broken("02", port));
    let (version, named) = control.answer().await;
    assert_eq!((version.as_str(), named), ("02", Some(vec!["Listener infra/edge/secure".to_owned()])));
    assert_eq!(data.version().as_deref(), Some("01"));
    assert!(data.state.refusal().is_some_and(|refusal| refusal.faults[0].message.contains("HTTPS")));
    assert!(get(port).contains("404"));
    assert_eq!(data.metric("clearway_dataplane_xds_received_version").as_deref(), Some("2"));
    assert_eq!(data.metric("clearway_dataplane_xds_applied_version").as_deref(), Some("1"));
    control.publish(&unreadable("03", port));
    // The refused one may be tried and refused once more before.
    while control.answer().await.0 != "03" {}
    until("the other reason", || {
        data.state.refusal().is_some_and(|refusal| refusal.faults[0].object == "Listener infra/edge/secure")
    })
    .await;
    assert_eq!(data.version().as_deref(), Some("01"));
    data.shows("clearway_dataplane_xds_received_version", "3").await;
    assert_ne!(data.metric("clearway_dataplane_xds_answers_total{answer=\"nack\"}").as_deref(), Some("0"));
    // Back to what is served: nothing is applied, and nothing is refused any more.
    control.publish(&good("01", port));
    until("the end of the refusal", || data.state.refusal().is_none()).await;
    control.publish(&good("04", port));
    while control.answer().await != ("04".to_owned(), None) {}
    data.stop().await;
    assert_eq!(LastGood::new(folder.path(), FLEET).load().unwrap().snapshot.version.as_str(), "04");
    control.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_connection_is_taken_up_again_and_counted() {
    let (folder, reserved) = (tempfile::tempdir().unwrap(), ReservedPort::new());
    let port = reserved.port();
    let mut control = Control::start("127.0.0.1:0", None).await;
    control.publish(&good("01", port));
    let address = control.address;
    let data = DataPlane::start(options(address, folder.path()));
    control.answer().await;
    control.stop().await;
    until("the loss", || !data.status.is_connected()).await;
    data.shows("clearway_dataplane_xds_connected", "0").await;
    assert!(get(port).contains("404"), "what is served stays");
    let control = Control::start(&address.to_string(), None).await;
    control.publish(&good("02", port));
    data.serves("02").await;
    data.shows("clearway_dataplane_xds_streams_total", "2").await;
    data.shows("clearway_dataplane_xds_connected", "1").await;
    data.stop().await;
    control.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_files_are_awaited_and_read_again_when_they_change() {
    let (folder, reserved) = (tempfile::tempdir().unwrap(), ReservedPort::new());
    let port = reserved.port();
    let files = tempfile::tempdir().unwrap();
    let old = Authority::new("old");
    let server = |authority: &Authority| {
        let cert = authority.issue(&["localhost"]);
        ServerTls::from_pem(authority.pem().as_bytes(), cert.cert_pem.as_bytes(), cert.key_pem.as_bytes())
            .unwrap()
    };
    let write = |authority: &Authority| {
        let cert = authority.issue_leaf(&Leaf::new(&["clearway-dataplane"]));
        for (name, text) in
            [("ca.crt", authority.pem()), ("tls.crt", &*cert.cert_pem), ("tls.key", &*cert.key_pem)]
        {
            std::fs::write(files.path().join(name), text).unwrap();
        }
    };
    let (tls, used) = watch::channel(server(&old));
    let mut control = Control::start("127.0.0.1:0", Some(used)).await;
    control.publish(&good("01", port));
    let mut options = options(control.address, folder.path());
    options.tls = Some(TlsFiles {
        folder: files.path().to_owned(),
        server_name: "localhost".to_owned(),
        interval: Duration::from_millis(20),
    });
    let data = DataPlane::start(options);
    until("the missing files", || data.status.awaited().contains("ca.crt cannot be read")).await;
    write(&old);
    assert_eq!(control.answer().await, ("01".to_owned(), None));
    // Both sides move to another authority; the connection that stands is not cut by it.
    let new = Authority::new("new");
    tls.send_replace(server(&new));
    write(&new);
    std::fs::write(files.path().join("tls.key"), "no key").unwrap();
    until("the refused file", || data.status.connection().contains("cannot be used")).await;
    write(&new);
    until("the new files", || !data.status.connection().contains("cannot be used")).await;
    let address = control.address;
    let receiver = tls.subscribe();
    control.stop().await;
    let control = Control::start(&address.to_string(), Some(receiver)).await;
    control.publish(&good("02", port));
    data.serves("02").await;
    data.stop().await;
    control.stop().await;
}
