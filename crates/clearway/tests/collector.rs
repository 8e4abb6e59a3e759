//! A request's way into a real OpenTelemetry Collector: spans by gRPC, by HTTP on any path and by TLS, log records beside them,
//! and the one trace id that joins client, backend, spans, access log, log record and exemplar.
//!
//! Part of `make test-cluster`: it needs the Collector that `tests/tools/install cluster` builds.

mod support {
    pub(crate) mod otel;
    pub(crate) mod running;
}

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use clearway_telemetry::catalog::span_attributes::{CLIENT as CLIENT_FIELDS, SERVER as SERVER_FIELDS};
use clearway_telemetry::catalog::{Field, FieldKind};
use clearway_testkit::certs::Authority;
use clearway_testkit::client::HttpClient;
use clearway_testkit::manifest::{Route, Rule};
use clearway_testkit::prom::{self, Format};
use clearway_testkit::wait::DEADLINE;
use clearway_testkit::{Backend, Reply};
use http::Method;
use serde_json::Value;
use support::otel::{CLIENT, Collector, Files, Place, SERVER, TRACES_PATH, attributes, list};
use support::running::{self, Running};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";
/// Clocks of one machine; the gateway computes the start of a span back from its end.
const SLACK: u64 = 5_000_000;

/// What a journey has left behind.
struct Journey {
    files: Files,
    backend: Backend,
    /// Line of the retried request, and of the one that the client did not sample.
    line: Value,
    unsampled: Value,
    exemplars: Vec<BTreeMap<String, String>>,
    /// Nanoseconds since 1970, before and after the request.
    between: (u64, u64),
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    u64::try_from(since.as_nanos()).expect("before 2554")
}

/// One request that is tried twice and one that the client does not sample, through a gateway that exports as `flags` say.
async fn journey(collector: Collector, flags: &[&str]) -> Journey {
    let backend = Backend::start("shop");
    let (folder, _port, address) = running::folder();
    folder.service("shop", &[backend.address()]);
    let retry = "retry:\n  attempts: 2\n  codes: [503]\n  backoff: 10ms";
    let rule = Rule::new().name("buy").prefix("/").backend("shop").yaml(retry);
    folder.route(&Route::http("shop").parent("gw").rule(rule));
    let mut gateway = Running::start(folder, flags);
    backend.next(Reply::status(503));
    let mut client = HttpClient::h1(address).await.expect("a connection");
    let traceparent = |flags: &str| format!("00-{TRACE}-{CALLER}-{flags}");
    let sampled = traceparent("01");
    let fields = [("traceparent", sampled.as_str()), ("tracestate", "vendor=x"), ("user-agent", "tests")];
    let before = now();
    let answer = client.request(Method::GET, "/buy?token=planted&item=7", &fields).await;
    assert_eq!(answer.status, 200);
    let line = gateway.line_of("/buy").await;
    let between = (before, now());
    let unsampled = traceparent("00");
    assert_eq!(client.request(Method::GET, "/quiet", &[("traceparent", &unsampled)]).await.status, 200);
    let unsampled = gateway.line_of("/quiet").await;
    let scrape = prom::scrape(gateway.admin, "/metrics", Format::OpenMetrics).await;
    let exemplars = scrape.metric("clearway_request_duration_seconds_bucket").exemplars();
    let exemplars = exemplars.into_iter().map(|exemplar| exemplar.labels.clone()).collect();
    gateway.terminate();
    gateway.ended(DEADLINE);
    Journey { files: collector.stop(), backend, line, unsampled, exemplars, between }
}

impl Journey {
    /// Everything that the issue asks of one trace.
    fn check(&self) {
        let spans = self.files.spans();
        let of_kind = |kind: u8| spans.iter().filter(move |span| span["kind"] == kind).collect::<Vec<_>>();
        let [server] = of_kind(SERVER)[..] else { panic!("not one SERVER span: {spans:?}") };
        let mut clients = of_kind(CLIENT);
        clients.sort_by_key(|span| nanos(span, "startTimeUnixNano"));
        assert_eq!(
            (spans.len(), clients.len()),
            (3, 2),
            "one span for each try and one for the request: {spans:?}"
        );
        assert!(spans.iter().all(|span| span["traceId"] == TRACE), "{spans:?}");
        assert_eq!((&server["parentSpanId"], &server["traceState"]), (&CALLER.into(), &"vendor=x".into()));
        assert_eq!(server["name"], "GET default/shop/buy");
        for (number, client) in clients.iter().enumerate() {
            assert_eq!(client["parentSpanId"], server["spanId"], "try {number}");
        }
        self.check_attributes(server, &clients);
        self.check_times(server, &clients);
        self.check_backend(&clients);
        self.check_logs(server, &clients);
        for resource in self.files.resources() {
            assert_eq!(resource["service.name"]["stringValue"], "clearway");
            assert_eq!(resource["service.version"]["stringValue"], env!("CARGO_PKG_VERSION"));
        }
    }

    fn check_attributes(&self, server: &Value, clients: &[&Value]) {
        let shared = |field: &&Field| {
            let name = field.name;
            [
                "http.request.method",
                "http.request.method_original",
                "http.response.status_code",
                "error.type",
                "clearway.flag",
            ]
            .contains(&name)
                || name.starts_with("server.")
                || name.starts_with("network.")
        };
        let at_server = attributes(server);
        follow(&at_server, SERVER_FIELDS, |field| field.when == "always");
        let allowed: Vec<Field> =
            CLIENT_FIELDS.iter().chain(SERVER_FIELDS.iter().filter(shared)).copied().collect();
        let always: BTreeSet<_> =
            CLIENT_FIELDS.iter().filter(|field| field.when == "always").map(|f| f.name).collect();
        let at: Vec<_> = clients.iter().map(|client| attributes(client)).collect();
        for client in &at {
            follow(client, &allowed, |field| always.contains(field.name));
        }
        assert_eq!(at_server["http.response.status_code"]["intValue"], "200");
        assert_eq!(at_server["http.route"]["stringValue"], "default/shop/buy");
        assert_eq!(at_server["url.path"]["stringValue"], "/buy");
        let said = |index: usize, name: &str| at[index].get(name).cloned().unwrap_or_default();
        assert_eq!(said(0, "http.request.resend_count"), Value::Null, "the first try was not sent again");
        assert_eq!(said(1, "http.request.resend_count")["intValue"], "1");
        assert_eq!(said(0, "http.response.status_code")["intValue"], "503");
        assert_eq!(said(1, "http.response.status_code")["intValue"], "200");
        assert_eq!(said(0, "clearway.flag")["stringValue"], "retried_status");
        assert_eq!(said(1, "clearway.flag")["stringValue"], "none");
        let all = format!("{server} {clients:?}");
        assert!(!all.contains("planted"), "a secret of the query is in a span: {all}");
    }

    fn check_times(&self, server: &Value, clients: &[&Value]) {
        let span = |span: &Value| (nanos(span, "startTimeUnixNano"), nanos(span, "endTimeUnixNano"));
        let ((began, ended), (first, second)) = (span(server), (span(clients[0]), span(clients[1])));
        let order = [self.between.0, began + SLACK, first.0 + SLACK, first.1 + SLACK];
        assert!(order.is_sorted(), "before the request, its start, its first try: {order:?}");
        let order = [began, first.0, first.1, second.0, second.1, ended];
        assert!(order.is_sorted(), "tries one after the other, inside the request: {order:?}");
        assert!(
            ended <= self.between.1 + SLACK,
            "the request ended after it was over: {ended} {}",
            self.between.1
        );
        assert!(second.0 - first.1 >= 10_000_000, "the retry policy waits 10 ms: {order:?}");
    }

    /// The backend is the child of the try that reached it.
    fn check_backend(&self, clients: &[&Value]) {
        let got = self.backend.requests();
        assert_eq!(got.len(), 3, "two tries and the request that was not sampled");
        for (request, client) in got.iter().zip(clients) {
            let parent = client["spanId"].as_str().expect("an id");
            assert_eq!(request.header("traceparent"), format!("00-{TRACE}-{parent}-01"));
            assert_eq!(request.header("tracestate"), "vendor=x");
        }
        let quiet = got[2].header("traceparent");
        assert!(quiet.starts_with(&format!("00-{TRACE}-")) && quiet.ends_with("-00"), "{quiet}");
    }

    fn check_logs(&self, server: &Value, clients: &[&Value]) {
        assert_eq!((&self.line["trace_id"], &self.line["span_id"]), (&server["traceId"], &server["spanId"]));
        let tries: Vec<_> = list(&self.line["attempts"]).iter().map(|attempt| &attempt["span_id"]).collect();
        let ids: Vec<_> = clients.iter().map(|client| &client["spanId"]).collect();
        assert_eq!(tries, ids, "the line's tries are the CLIENT spans");
        let records = self.files.log_records();
        assert_eq!(records.len(), 2, "log records do not depend on sampling: {records:?}");
        let of = |id: &Value| {
            records.iter().find(|record| record["spanId"] == *id).expect("a record of the request")
        };
        let record = of(&server["spanId"]);
        assert_eq!(
            (&record["traceId"], &record["eventName"]),
            (&server["traceId"], &"gateway.http.access".into())
        );
        let fields = attributes(record);
        for (name, value) in attributes(server) {
            assert_eq!(fields[&name], value, "span and log record disagree on {name}");
        }
        assert_eq!(of(&self.unsampled["span_id"])["traceId"], TRACE);
        assert_eq!(self.unsampled["trace_flags"], "00");
        let exemplar =
            self.exemplars.iter().find(|labels| labels.get("trace_id").is_some_and(|id| id == TRACE));
        let exemplar = exemplar.unwrap_or_else(|| panic!("no exemplar of {TRACE}: {:?}", self.exemplars));
        assert_eq!(exemplar["span_id"], server["spanId"].as_str().expect("an id"));
    }
}

fn nanos(span: &Value, name: &str) -> u64 {
    span[name].as_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("no {name} in {span}"))
}

/// Every attribute is in the catalog with its type, and those that must be there are.
fn follow(attributes: &BTreeMap<String, Value>, fields: &[Field], must: impl Fn(&Field) -> bool) {
    for (name, value) in attributes {
        let field = fields.iter().find(|field| field.name == name);
        let field = field.unwrap_or_else(|| panic!("{name} is not in the catalog for this kind of span"));
        let kind = match field.kind {
            FieldKind::Text => "stringValue",
            FieldKind::Integer => "intValue",
            FieldKind::Number => "doubleValue",
            FieldKind::Boolean => "boolValue",
            FieldKind::List => "arrayValue",
            FieldKind::Object => "kvlistValue",
        };
        assert!(value.get(kind).is_some(), "{name} is {value}, not {kind}");
    }
    for field in fields.iter().filter(|field| must(field)) {
        assert!(attributes.contains_key(field.name), "{} is always there, but not now", field.name);
    }
}

fn flags<'a>(
    traces: &'a str,
    traces_protocol: &'a str,
    logs: &'a str,
    logs_protocol: &'a str,
) -> Vec<&'a str> {
    let mut flags = vec!["--otlp-traces-endpoint", traces, "--otlp-traces-protocol", traces_protocol];
    flags.extend(["--otlp-logs-endpoint", logs, "--otlp-logs-protocol", logs_protocol]);
    flags
}

#[tokio::test]
async fn spans_and_log_records_arrive_by_grpc() {
    let mut place = Place::new();
    let collector = place.start();
    let url = place.grpc_url();
    journey(collector, &flags(&url, "grpc", &url, "grpc")).await.check();
}

#[tokio::test]
async fn spans_arrive_by_http_on_a_path_of_its_own() {
    let mut place = Place::new();
    let collector = place.start();
    let (traces, logs) = (format!("{}{TRACES_PATH}", place.http_url()), place.http_url());
    journey(collector, &flags(&traces, "http/protobuf", &logs, "http/protobuf")).await.check();
}

#[tokio::test]
async fn a_collector_behind_tls_is_trusted_by_its_authority() {
    let authority = Authority::new("collector tests");
    let mut place = Place::tls(&authority.issue(&["127.0.0.1"]));
    let ca = place.file("ca.pem", authority.pem()).display().to_string();
    let collector = place.start();
    let (traces, logs) = (place.grpc_url(), place.http_url());
    let mut flags = flags(&traces, "grpc", &logs, "http/protobuf");
    flags.extend(["--otlp-ca-file", &ca]);
    journey(collector, &flags).await.check();
}

#[tokio::test]
async fn a_collector_of_another_authority_gets_nothing() {
    let mut place = Place::tls(&Authority::new("somebody else").issue(&["127.0.0.1"]));
    let ca = place.file("ca.pem", Authority::new("collector tests").pem()).display().to_string();
    let collector = place.start();
    let backend = Backend::start("shop");
    let (folder, _port, address) = running::folder_to(&[backend.address()]);
    let url = place.grpc_url();
    let flags = ["--otlp-traces-endpoint", &url, "--otlp-ca-file", &ca, "--trace-sample-ratio", "1"];
    let mut gateway = Running::start(folder, &flags);
    let mut client = HttpClient::h1(address).await.expect("a connection");
    assert_eq!(client.get("/").await.status, 200);
    let end = Instant::now() + DEADLINE;
    while gateway.total("clearway_telemetry_export_failures_total", &[("signal", "spans")]).await == 0 {
        assert!(Instant::now() < end, "no failed export is counted");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    gateway.terminate();
    gateway.ended(DEADLINE);
    assert!(gateway.stderr().contains("Records were dropped at the end."), "{}", gateway.stderr());
    assert_eq!(collector.stop().spans().len(), 0);
}
