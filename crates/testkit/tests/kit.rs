//! Processes, temporary folders, certificates and manifests.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use clearway_k8s::parse_documents;
use clearway_testkit::certs::{Authority, Leaf};
use clearway_testkit::client::ClientTls;
use clearway_testkit::manifest::{Folder, Gateway, Route, Rule};
use clearway_testkit::process::{Program, Stream, TempDir};
use clearway_testkit::{Backend, DEADLINE, Gate, Reply};

fn shell(script: &str) -> Program {
    Program::new("/bin/sh").args(["-c", script])
}

#[test]
fn lines_come_from_both_streams_and_patterns_give_their_groups() {
    let mut process = shell("echo ready on 127.0.0.1:4711; echo oops >&2; read forever < /dev/zero").start();
    let groups = process.wait_regex(r"ready on (\S+):(\d+)", DEADLINE);
    assert_eq!(groups[1..], ["127.0.0.1", "4711"]);
    let line = process.wait_line("says oops", DEADLINE, |line| line.text == "oops");
    assert_eq!(line.stream, Stream::Stderr);
    assert!(process.rss_bytes() > 0);
}

#[test]
fn an_ended_program_fails_a_wait_with_its_last_words() {
    let failure = std::panic::catch_unwind(|| {
        shell("echo the reason >&2; exit 3").start().wait_line("never comes", DEADLINE, |_| false)
    });
    let message = *failure.unwrap_err().downcast::<String>().unwrap();
    assert!(message.contains("its output ended") && message.contains("the reason"), "{message}");
}

#[test]
fn programs_run_to_their_end_and_are_terminated() {
    let finished = shell("echo out; echo err >&2; exit 3").run(DEADLINE);
    assert_eq!((finished.stdout.as_str(), finished.stderr.as_str()), ("out\n", "err\n"));
    assert_eq!(finished.status.code(), Some(3));
    let mut process = shell("trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.01; done").start();
    process.wait_regex("up", DEADLINE);
    assert!(process.terminate(DEADLINE).success());
    process.wait_regex("bye", DEADLINE);
}

#[test]
fn dropping_a_process_ends_its_whole_group() {
    let mut process = shell("sleep 1000 & echo child $!; wait").start();
    let child = process.wait_regex(r"child (\d+)", DEADLINE)[1].clone();
    let stat = format!("/proc/{child}/stat");
    assert!(std::fs::exists(&stat).unwrap());
    drop(process);
    // Killed at once; until its new parent has reaped it, it is a zombie.
    let gone = || std::fs::read_to_string(&stat).map_or(true, |stat| stat.contains(") Z "));
    let end = std::time::Instant::now() + DEADLINE;
    while !gone() {
        assert!(std::time::Instant::now() < end, "process {child} lives on");
        std::thread::yield_now();
    }
}

#[test]
fn http_readiness_is_polled_until_it_comes() {
    let backend = Backend::start("ready");
    let gate = Gate::closed();
    backend.on("/readyz", Reply::text("yes"));
    backend.next(Reply::status(503));
    backend.next(Reply::status(503).gate(&gate));
    gate.open();
    let mut process = shell("read forever < /dev/zero").start();
    assert_eq!(process.wait_http_ok(backend.address(), "/readyz", DEADLINE), "yes");
    assert_eq!(backend.count(), 3);
}

#[test]
fn temporary_folders_vanish() {
    let folder = TempDir::new("kit");
    std::fs::write(folder.join("file"), "x").unwrap();
    let path = folder.path().to_owned();
    drop(folder);
    assert!(!path.exists());
}

#[tokio::test]
async fn an_expired_certificate_is_refused() {
    let authority = Authority::new("ca");
    let past = SystemTime::now() - Duration::from_secs(3600);
    let cert = authority.issue_leaf(&Leaf::new(&["a.example"]).not_after(past));
    let backend = Backend::builder("old").tls(&cert).start();
    let error = ClientTls::new(&authority, "a.example").connect(backend.address()).await.unwrap_err();
    assert!(error.to_string().to_lowercase().contains("expired"), "{error}");
    assert!(past.duration_since(cert.not_after).unwrap() < Duration::from_secs(1));
    assert!(cert.cert_pem.starts_with("-----BEGIN CERTIFICATE-----") && cert.key_pem.contains("PRIVATE KEY"));
}

#[test]
fn manifests_are_read_by_the_real_reader_without_a_word() {
    let folder = Folder::new();
    let endpoints: Vec<SocketAddr> = vec!["127.0.0.1:1001".parse().unwrap(), "[::1]:1002".parse().unwrap()];
    let cert = Authority::new("ca").issue(&["*.example.com"]);
    folder
        .gateway(
            &Gateway::new("gw")
                .annotation("clearway.dev/trace-trust", "accept")
                .http("http", 10080)
                .http_for("wild", 10081, "*.example.com")
                .https("tls", 10443, "cert")
                .https_for("tls-one", 10444, "a.example.com", "cert"),
        )
        .secret("cert", &cert)
        .service("plain", &endpoints)
        .service_with_protocol("h2c", &endpoints, Some("kubernetes.io/h2c"))
        .route(
            &Route::http("web").parent("gw").parent_section("gw", "tls").hostname("a.example.com").rule(
                Rule::new()
                    .name("one")
                    .prefix("/")
                    .exact("/x")
                    .matching("headers:\n- name: x-a\n  value: b")
                    .filter("type: RequestHeaderModifier\nrequestHeaderModifier:\n  set:\n  - name: a\n    value: b")
                    .weighted("plain", 9)
                    .weighted("h2c", 1)
                    .yaml("timeouts:\n  request: 1s"),
            ),
        )
        .route(&Route::grpc("calls").parent("gw").rule(Rule::new().grpc_method("a.B", "C").backend("h2c")));
    let mut kinds = 0;
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        for object in parse_documents(&path.display().to_string(), &text) {
            let object = object.unwrap_or_else(|error| panic!("{error}\n{text}"));
            assert!(object.warnings.is_empty(), "{:?}\n{text}", object.warnings);
            kinds += 1;
        }
    }
    // GatewayClass, Gateway, Secret, two Services with two slices each, two routes.
    assert_eq!(kinds, 11);
    folder.remove("route-web.yaml");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 6);
}
