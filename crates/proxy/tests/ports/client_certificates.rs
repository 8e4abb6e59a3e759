//! Certificates of clients (GEP-91): required or asked for, by bound port and server name, never skipped.

use std::sync::Arc;

use clearway_model::{BackendProtocol, ClientValidation, ClientValidationMode, Listener};
use clearway_testkit::Backend;
use clearway_testkit::certs::{Authority, Leaf};
use clearway_testkit::client::{ClientTls, HttpClient, Protocol};
use clearway_testkit::process::ReservedPort;
use http::Method;

use crate::support::{Files, HANDSHAKES, Plan, Scene, curl, https, s_client};

fn validated(listener: Listener, authority: &Authority, mode: ClientValidationMode) -> Listener {
    let roots = Arc::from(authority.pem().as_bytes());
    Listener { client_validation: Some(ClientValidation { roots, mode }), ..listener }
}

fn required(listener: Listener, authority: &Authority) -> Listener {
    validated(listener, authority, ClientValidationMode::Required)
}

/// A configuration of these listeners, with one backend behind all.
fn plan(authority: &Authority, app: &Backend, listeners: &[&Listener]) -> Plan {
    let plan = Plan::default()
        .secret("server", &authority.issue(&["a.example", "b.example", "c.example"]))
        .backend("app", app.address(), BackendProtocol::Http1, None)
        .route("all", listeners, "app", Vec::new());
    listeners.iter().fold(plan, |plan, listener| plan.listener(listener))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_without_a_good_certificate_reads_the_alert_and_is_counted() {
    let (server, good, bad, app) =
        (Authority::new("ca"), Authority::new("good"), Authority::new("bad"), Backend::start("app"));
    let port = ReservedPort::new();
    let p = port.port();
    let listener = required(https("gw", "*", 443, &[p]), &good);
    let scene = Scene::start(&plan(&server, &app, &[&listener]).0).await;
    let files = Files::new();
    let ca = files.write("ca.pem", server.pem());
    let mine = files.identity("good.pem", &good.issue(&["client"]));
    let wrong = files.identity("bad.pem", &bad.issue(&["client"]));
    let past = std::time::SystemTime::now() - std::time::Duration::from_secs(60);
    let expired = files.identity("expired.pem", &good.issue_leaf(&Leaf::new(&["client"]).not_after(past)));
    for version in ["1.2", "1.3"] {
        let with = |cert: &'static str, file: &str| {
            [ca.as_str(), file, version]
                .map(str::to_owned)
                .into_iter()
                .chain([cert.to_owned()])
                .collect::<Vec<_>>()
        };
        let go = async |args: Vec<String>| {
            let (ca, file, version, cert) = (&args[0], &args[1], &args[2], &args[3]);
            let tls = format!("--tlsv{version}");
            let mut all = vec!["--cacert", ca, tls.as_str(), "--tls-max", version];
            if !cert.is_empty() {
                all.extend([cert.as_str(), file.as_str()]);
            }
            curl("a.example", p, &all).await
        };
        assert_eq!(go(with("--cert", &mine)).await, Ok("200".to_owned()), "{version}");
        let flag = format!("-tls{}", version.replace('.', "_"));
        for (file, alerts) in [
            (wrong.as_str(), &["alert unknown ca"][..]),
            (&expired, &["alert certificate expired"]),
            ("", &["alert certificate required", "alert handshake failure"]),
        ] {
            let cert = if file.is_empty() { "" } else { "--cert" };
            assert!(go(with(cert, file)).await.is_err(), "{version} {file}");
            let mut args = vec![flag.as_str()];
            if !file.is_empty() {
                args.extend(["-cert", file]);
            }
            let words = s_client(p, "a.example", &args).await;
            assert!(alerts.iter().any(|alert| words.contains(alert)), "{version} {file}: {words}");
        }
    }
    scene.counted(HANDSHAKES, &[("outcome", "tls13")], 1).await;
    scene.counted(HANDSHAKES, &[("outcome", "tls12")], 1).await;
    scene.counted(HANDSHAKES, &[("outcome", "no_client_certificate")], 4).await;
    scene.counted(HANDSHAKES, &[("outcome", "bad_client_certificate")], 8).await;
    scene.counted(HANDSHAKES, &[("outcome", "failed")], 0).await;
    scene.counted("clearway_requests_total", &[("code", "200")], 2).await;
    scene.counted("clearway_requests_total", &[], 2).await;
    assert_eq!(app.count(), 2);
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_session_is_resumed_where_a_certificate_is_required() {
    let (server, good, app) = (Authority::new("ca"), Authority::new("good"), Backend::start("app"));
    let (open, closed) = (ReservedPort::new(), ReservedPort::new());
    let free = https("gw", "a.example", 443, &[open.port()]);
    let guarded = required(https("gw", "b.example", 8443, &[closed.port()]), &good);
    let scene = Scene::start(&plan(&server, &app, &[&free, &guarded]).0).await;
    let files = Files::new();
    let mine = files.identity("good.pem", &good.issue(&["client"]));
    for version in ["-tls1_2", "-tls1_3"] {
        for (port, host, resumes) in [(&open, "a.example", true), (&closed, "b.example", false)] {
            let session = files.place(&format!("{host}{version}"));
            let first = s_client(port.port(), host, &[version, "-cert", &mine, "-sess_out", &session]).await;
            assert!(first.contains("HTTP/1.1 200"), "{first}");
            if !std::path::Path::new(&session).exists() {
                assert!(!resumes, "{version} {host}: no session to resume\n{first}");
                continue;
            }
            // The second time it shows no certificate.
            let second = s_client(port.port(), host, &[version, "-sess_in", &session]).await;
            assert_eq!(second.contains("HTTP/1.1 200"), resumes, "{version} {host}: {second}");
            assert_eq!(second.contains("Reused, TLS"), resumes, "{version} {host}: {second}");
        }
    }
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn insecure_fallback_asks_for_a_certificate_and_lets_everybody_in() {
    let (server, good, bad, app) =
        (Authority::new("ca"), Authority::new("good"), Authority::new("bad"), Backend::start("app"));
    let port = ReservedPort::new();
    let mode = ClientValidationMode::AllowInsecureFallback;
    let listener = validated(https("gw", "*", 443, &[port.port()]), &good, mode);
    let scene = Scene::start(&plan(&server, &app, &[&listener]).0).await;
    let files = Files::new();
    let ca = files.write("ca.pem", server.pem());
    let mine = files.identity("good.pem", &good.issue(&["client"]));
    let wrong = files.identity("bad.pem", &bad.issue(&["client"]));
    for version in ["1.2", "1.3"] {
        let tls = ["--cacert", &ca, "--tls-max", version];
        for extra in [&["--cert", mine.as_str()][..], &["--cert", wrong.as_str()], &[]] {
            let status = curl("a.example", port.port(), &[&tls[..], extra].concat()).await;
            assert_eq!(status, Ok("200".to_owned()), "{version} {extra:?}");
        }
    }
    let said = s_client(port.port(), "a.example", &["-tls1_3"]).await;
    assert!(
        said.contains("Acceptable client certificate CA names") && said.contains("CN = good")
            || said.contains("CN=good"),
        "{said}"
    );
    for outcome in ["no_client_certificate", "bad_client_certificate", "failed"] {
        scene.counted(HANDSHAKES, &[("outcome", outcome)], 0).await;
    }
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn listeners_of_one_port_ask_for_different_certificates_and_nobody_slips_from_one_to_the_other() {
    let (server, for_a, for_b, app) =
        (Authority::new("ca"), Authority::new("a"), Authority::new("b"), Backend::start("app"));
    let port = ReservedPort::new();
    let a = required(https("a", "a.example", 443, &[port.port()]), &for_a);
    let b = required(https("b", "b.example", 443, &[port.port()]), &for_b);
    let c = https("c", "c.example", 443, &[port.port()]);
    let scene = Scene::start(&plan(&server, &app, &[&a, &b, &c]).0).await;
    let tls = |name: &str| ClientTls::new(&server, name);
    let (mine_a, mine_b) = (for_a.issue(&["client"]), for_b.issue(&["client"]));
    let reach = async |tls: ClientTls, host: &str| {
        let mut client = HttpClient::tls(port.address(), &tls, Protocol::Http1).await.ok()?;
        let answer = client.try_request(Method::GET, "/", &[("host", host)], String::new()).await;
        Some(answer.ok()?.status)
    };
    for (client, host, wanted) in [
        (tls("a.example").certificate(&mine_a), "a.example", Some(200)),
        (tls("b.example").certificate(&mine_b), "b.example", Some(200)),
        (tls("c.example"), "c.example", Some(200)),
        (tls("a.example").certificate(&mine_b), "a.example", None),
        (tls("b.example"), "b.example", None),
        (tls("c.example"), "a.example", Some(421)),
        (tls("a.example").certificate(&mine_a), "b.example", Some(421)),
        // Without a name nobody could tell which certificate to ask for.
        (tls("c.example").no_sni(), "c.example", None),
        (tls("c.example").no_sni(), "a.example", None),
    ] {
        assert_eq!(reach(client, host).await, wanted, "{host}");
    }
    scene.counted(HANDSHAKES, &[("outcome", "unknown_server_name")], 2).await;
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn new_roots_are_asked_for_at_once_and_end_the_connections_that_the_old_ones_let_in() {
    let (server, old, new, app) =
        (Authority::new("ca"), Authority::new("old"), Authority::new("new"), Backend::start("app"));
    let (one, two) = (ReservedPort::new(), ReservedPort::new());
    let guarded = https("gw", "a.example", 443, &[one.port()]);
    let beside = https("gw", "b.example", 443, &[one.port()]);
    let elsewhere = https("gw", "c.example", 8443, &[two.port()]);
    let by = |authority| {
        let guarded = required(guarded.clone(), authority);
        plan(&server, &app, &[&guarded, &beside, &elsewhere]).0
    };
    let (before, after) = (by(&old), by(&new));
    let after = clearway_model::Snapshot { certificates: before.certificates.clone(), ..after };
    let scene = Scene::start(&before).await;
    let (of_old, of_new) = (old.issue(&["client"]), new.issue(&["client"]));
    let tls = |name: &str| ClientTls::new(&server, name);
    let open = async |port: &ReservedPort, tls: &ClientTls, protocol| {
        HttpClient::tls(port.address(), tls, protocol).await
    };
    let get = async |client: &mut HttpClient, host| {
        client.request(Method::GET, "/", &[("host", host)]).await.status
    };
    let guarded_by_old = tls("a.example").certificate(&of_old);
    let mut mine = open(&one, &guarded_by_old, Protocol::Http1).await.unwrap();
    let mut mine_h2 = open(&one, &guarded_by_old, Protocol::Http2).await.unwrap();
    let mut neighbour = open(&one, &tls("b.example"), Protocol::Http2).await.unwrap();
    let mut far = open(&two, &tls("c.example"), Protocol::Http1).await.unwrap();
    // The same again changes nothing for anybody.
    for snapshot in [&before, &before.clone()] {
        scene.apply(snapshot).await;
        for (client, host) in [
            (&mut mine, "a.example"),
            (&mut mine_h2, "a.example"),
            (&mut neighbour, "b.example"),
            (&mut far, "c.example"),
        ] {
            assert_eq!(get(client, host).await, 200, "{host}");
        }
    }
    scene.apply(&after).await;
    mine.closed().await;
    mine_h2.closed().await;
    assert_eq!(get(&mut neighbour, "b.example").await, 200);
    assert_eq!(get(&mut far, "c.example").await, 200);
    let mut fresh = open(&one, &tls("a.example").certificate(&of_new), Protocol::Http2).await.unwrap();
    assert_eq!(get(&mut fresh, "a.example").await, 200);
    let files = Files::new();
    let (ca, mine) = (files.write("ca.pem", server.pem()), files.identity("old.pem", &of_old));
    assert!(curl("a.example", one.port(), &["--cacert", &ca, "--cert", &mine]).await.is_err());
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn roots_that_cannot_be_read_refuse_the_configuration_by_the_listeners_name() {
    let (server, app) = (Authority::new("ca"), Backend::start("app"));
    let port = ReservedPort::new();
    let sound = https("gw", "a.example", 443, &[port.port()]);
    let scene = Scene::start(&plan(&server, &app, &[&sound]).0).await;
    for roots in ["", "no PEM at all", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        let mode = ClientValidationMode::Required;
        let validation = ClientValidation { roots: roots.as_bytes().into(), mode };
        let broken = Listener { client_validation: Some(validation), ..sound.clone() };
        let words = scene.refusal(&plan(&server, &app, &[&broken]).0);
        assert!(words.contains("default/gw/l-443-a.example") && words.contains("ca.crt"), "{words}");
    }
    scene.stop().await;
}
