//! ObservabilityPolicies in a running gateway: they change sampling, lines and metrics while clients send without a pause, and
//! what they leave out is counted.

#[path = "support/running.rs"]
mod support;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clearway_testkit::client::HttpClient;
use clearway_testkit::manifest::{Folder, Route, Rule};
use clearway_testkit::otlp::Sink;
use clearway_testkit::process::Program;
use clearway_testkit::wait::DEADLINE;
use clearway_testkit::{Backend, Reply};
use http::Method;
use support::{REQUESTS, Running, folder, folder_to, h1};
use tokio::task::JoinHandle;

/// Requests of each step.
const EACH: usize = 10;

fn policy(folder: &Folder, name: &str, day: u32, target: &str, says: &str) {
    folder.write(
        &format!("policy-{name}.yaml"),
        &format!(
            "apiVersion: clearway.dev/v1alpha1\nkind: ObservabilityPolicy\nmetadata: {{name: {name}, creationTimestamp: \
             \"2026-01-0{day}T00:00:00Z\"}}\nspec:\n  targetRefs: [{{group: gateway.networking.k8s.io, {target}}}]\n{says}\n"
        ),
    );
}

const GATEWAY: &str = "kind: Gateway, name: gw";

/// Sends the whole time; nothing may fail.
fn load(address: SocketAddr, stop: &Arc<AtomicBool>) -> JoinHandle<u64> {
    let stop = stop.clone();
    tokio::spawn(async move {
        let (mut client, mut sent) = (h1(address).await, 0);
        while !stop.load(Ordering::Relaxed) {
            assert_eq!(client.get("/busy").await.status, 200);
            sent += 1;
        }
        sent
    })
}

async fn ask(address: SocketAddr, path: &str, count: usize) {
    let mut client = h1(address).await;
    for _ in 0..count {
        let answer = client.request(Method::GET, path, &[("x-tenant", "acme"), ("cookie", "planted")]).await;
        assert_eq!(answer.status, if path == "/fail" { 503 } else { 200 }, "{path}");
    }
}

/// Waits until the served configuration says a word, or does not say it any more.
async fn serves(gateway: &Running, word: &str, there: bool) {
    gateway
        .until(&format!("{word} in /config: {there}"), || async {
            let config = HttpClient::h1(gateway.admin).await.ok()?.get("/config").await.text();
            (config.contains(word) == there).then_some(())
        })
        .await;
}

/// Lines of a path.
fn lines(gateway: &Running, path: &str) -> usize {
    gateway.lines().iter().filter(|line| line["path"] == path).count()
}

/// SERVER spans of a path.
fn spans(sink: &Sink, path: &str) -> usize {
    sink.spans()
        .iter()
        .filter(|span| span.attribute("url.path") == Some(path) && span.parent_id.is_empty())
        .count()
}

/// The books of a signal: produced, filtered, exported.
async fn books(gateway: &Running, signal: &str) -> [u64; 3] {
    let scrape = gateway.metrics().await;
    ["produced", "filtered", "exported"].map(|outcome| {
        let records = scrape.metric("clearway_telemetry_records_total").label("signal", signal);
        records.label("outcome", outcome).total()
    })
}

fn stage(backend: &Backend) -> (Folder, clearway_testkit::process::ReservedPort, SocketAddr) {
    let (folder, port, address) = folder();
    folder.service("app", &[backend.address()]);
    let rule = |name: &str, prefix: &str| Rule::new().name(name).prefix(prefix).backend("app");
    folder.route(&Route::http("shop").parent("gw").rule(rule("cart", "/cart")).rule(rule("rest", "/")));
    (folder, port, address)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn policies_come_change_and_go_without_failing_a_request() {
    let (backend, sink) = (Backend::builder("app").keep_requests(0).start(), Sink::start());
    backend.on("/fail", Reply::status(503));
    let (folder, _port, address) = stage(&backend);
    let flags = ["--workers", "2", "--trace-sample-ratio", "0", "--otlp-traces-endpoint", &sink.endpoint()];
    let gateway = Running::start(folder, &flags);
    let stop = Arc::new(AtomicBool::new(false));
    let load = load(address, &stop);
    let folder = &gateway.folder;
    ask(address, "/before", EACH).await;

    let says = "  tracing: {samplingRate: {numerator: 100}}\n  accessLog: {filter: {statusClasses: [5xx]}, requestHeaders: [X-Tenant]}";
    policy(folder, "young", 2, GATEWAY, says);
    serves(&gateway, "x-tenant", true).await;
    ask(address, "/gateway", EACH).await;
    ask(address, "/fail", 1).await;

    // The rule is nearer than the Gateway, field by field.
    let says = "  tracing: {samplingRate: {numerator: 0}}\n  accessLog: {filter: {ratio: {numerator: 100}}}\n  metrics: {latency: false, bandwidth: false}";
    policy(folder, "rule", 3, "kind: HTTPRoute, name: shop, sectionName: cart", says);
    serves(&gateway, "latency metrics off", true).await;
    ask(address, "/cart/near", EACH).await;
    ask(address, "/far", EACH).await;

    // An older policy for the same target takes the place of the younger one.
    let says = "  accessLog: {filter: {ratio: {numerator: 100}}, responseHeaders: [X-Older]}";
    policy(folder, "older", 1, GATEWAY, says);
    serves(&gateway, "x-older", true).await;
    ask(address, "/older", EACH).await;

    for name in ["young", "rule", "older"] {
        folder.remove(&format!("policy-{name}.yaml"));
    }
    for word in ["sampling", "latency metrics off", "x-older"] {
        serves(&gateway, word, false).await;
    }
    ask(address, "/after", EACH).await;

    stop.store(true, Ordering::Relaxed);
    let busy = load.await.expect("no request fails");
    let all = busy + 6 * EACH as u64 + 1;
    gateway.counted(REQUESTS, &[], all).await;
    let [produced, filtered, _] = gateway
        .until("every line is written", || async {
            let books = books(&gateway, "access_log").await;
            (books[0] == books[2] && books[0] + books[1] == all).then_some(books)
        })
        .await;
    assert!(filtered >= 2 * EACH as u64, "{produced} lines, {filtered} filtered, {busy} under load");
    let lines_of = |path| lines(&gateway, path);
    let whole = ["/before", "/cart/near", "/older", "/after"].map(lines_of);
    assert_eq!((whole, ["/gateway", "/far"].map(lines_of), lines_of("/fail")), ([EACH; 4], [0, 0], 1));
    assert_eq!(gateway.lines().len() as u64, produced);

    let line = gateway.line_of("/fail").await;
    assert_eq!(line["request_headers"], serde_json::json!({"x-tenant": "acme"}));
    let near = gateway.line_of("/cart/near").await;
    assert_eq!(near["request_headers"]["x-tenant"], "acme", "what the rule does not say, the Gateway says");
    assert_eq!(gateway.line_of("/after").await["request_headers"], serde_json::Value::Null);

    let sampled = |path| spans(&sink, path);
    gateway.until("the spans", || async { (sampled("/far") == EACH).then_some(()) }).await;
    assert_eq!((sampled("/gateway"), sampled("/fail")), (EACH, 1));
    assert_eq!(["/before", "/cart/near", "/older", "/after"].map(sampled), [0; 4]);

    switched_off(&gateway, all).await;
    gateway.stop();
}

/// Durations and bytes of the rule `cart` were off while it was asked, of the other they were not.
async fn switched_off(gateway: &Running, all: u64) {
    let cart = [("route_rule", "cart")];
    assert_eq!(gateway.total(REQUESTS, &cart).await, EACH as u64);
    assert_eq!(gateway.total("clearway_request_duration_seconds_count", &cart).await, 0, "switched off");
    assert_eq!(gateway.total("clearway_response_body_bytes_total", &cart).await, 0, "switched off");
    let rest = [("route_rule", "rest")];
    assert_eq!(gateway.total("clearway_request_duration_seconds_count", &rest).await, all - EACH as u64);
    assert!(gateway.total("clearway_response_body_bytes_total", &rest).await > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_decides_only_where_it_is_trusted() {
    let (backend, sink) = (Backend::builder("app").keep_requests(16).start(), Sink::start());
    let (folder, _port, address) = stage(&backend);
    policy(
        &folder,
        "rule",
        1,
        "kind: HTTPRoute, name: shop, sectionName: cart",
        "  tracing: {clientTrust: Link}",
    );
    let flags = ["--trace-sample-ratio", "0", "--otlp-traces-endpoint", &sink.endpoint()];
    let gateway = Running::start(folder, &flags);
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let parent = format!("00-{trace}-00f067aa0ba902b7-01");
    let mut client = h1(address).await;
    for path in ["/cart", "/rest"] {
        assert_eq!(client.request(Method::GET, path, &[("traceparent", &parent)]).await.status, 200);
    }
    let (cart, rest) = (gateway.line_of("/cart").await, gateway.line_of("/rest").await);
    assert_eq!((&rest["trace_id"], &rest["trace_flags"]), (&trace.into(), &"01".into()));
    assert_ne!(cart["trace_id"], trace);
    assert_eq!(cart["trace_flags"], "02", "not sampled, and random");
    gateway
        .until("the spans of the trusted request", || async { (!sink.spans().is_empty()).then_some(()) })
        .await;
    assert!(sink.spans().iter().all(|span| span.trace_id == trace));
    gateway.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_of_a_rule_that_is_not_counted_are_served_and_logged() {
    let backend = Backend::builder("app").keep_requests(0).start();
    let (folder, _port, address) = stage(&backend);
    policy(
        &folder,
        "rule",
        1,
        "kind: HTTPRoute, name: shop, sectionName: cart",
        "  metrics: {statusCode: false}",
    );
    let gateway = Running::start(folder, &[]);
    ask(address, "/cart", EACH).await;
    ask(address, "/rest", EACH).await;
    gateway.counted(REQUESTS, &[("route_rule", "rest")], EACH as u64).await;
    gateway.until("the lines of both", || async { (gateway.lines().len() == 2 * EACH).then_some(()) }).await;
    assert_eq!(gateway.total(REQUESTS, &[]).await, EACH as u64);
    assert_eq!(gateway.total(support::ATTEMPTS, &[]).await, EACH as u64);
    let durations = gateway.total("clearway_request_duration_seconds_count", &[("route_rule", "cart")]).await;
    assert_eq!(durations, EACH as u64, "another family stays on");
    gateway.stop();
}

#[test]
fn check_and_explain_say_what_is_observed() {
    let (folder, _port, address) = folder_to(&[]);
    policy(&folder, "young", 2, GATEWAY, "  tracing: {samplingRate: {numerator: 7}}");
    policy(&folder, "route", 1, "kind: HTTPRoute, name: all", "  metrics: {latency: false}");
    let shown = folder.path().display().to_string();
    let run = |args: &[&str]| Program::new(env!("CARGO_BIN_EXE_clearway")).args(args).run(DEADLINE);
    let text = run(&["check", &shown]).success().stdout;
    for line in [
        "observed with sampling 7/100",
        "rule 0: observed with latency metrics off",
        "accepted for Gateway default/gw",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    let text = run(&["explain", "--config", &shown, &format!("http://a.example:{}/", address.port())]);
    let text = text.success().stdout;
    assert!(text.contains("observed  sampling 7/100, latency metrics off"), "{text}");

    policy(&folder, "older", 1, GATEWAY, "  tracing: {samplingRate: {numerator: 1}}");
    let refused = run(&["check", &shown]);
    assert!(!refused.status.success());
    let line = "error: ObservabilityPolicy default/young, spec.targetRefs[0]: older policy default/older holds for the same target";
    assert!(refused.stdout.contains(line), "{}", refused.stdout);
    policy(&folder, "older", 1, GATEWAY, "  accessLog: {requestHeaders: [Authorization]}");
    let refused = run(&["check", &shown]);
    let line = "ObservabilityPolicy default/older, spec.accessLog.requestHeaders[0]: `Authorization` carries credentials";
    assert!(refused.stdout.contains(line), "{}", refused.stdout);
}

#[test]
fn policies_and_flags_refuse_the_same_headers() {
    assert_eq!(clearway_k8s::validate::CREDENTIALS, clearway_telemetry::redact::FORBIDDEN_HEADERS);
}
