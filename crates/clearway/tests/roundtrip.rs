//! From a latency exemplar in a real Prometheus to its trace in a real Collector's file to its line in the access log, by the
//! trace id alone: what an operator clicks through. All three tell of the same request, in the same words, to the nanosecond.
//!
//! Part of `make test-cluster`: it needs the Collector that `tests/tools/install cluster` builds.

mod support {
    pub(crate) mod otel;
    pub(crate) mod pipe;
    pub(crate) mod running;
    pub(crate) mod server;
}

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use clearway_testkit::manifest::{Route, Rule};
use clearway_testkit::wait::DEADLINE;
use clearway_testkit::{Backend, Reply};
use http::Method;
use serde_json::Value;
use support::otel::{CLIENT, Place, SERVER, attributes, list};
use support::running::{self, Running};
use support::server::Prometheus;

/// The client's own span, parent of the request for `/buy`; the other traces start at the gateway.
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

/// Path, code and tries. Each is of a rule or class of its own, so that each leaves an exemplar.
const REQUESTS: [(&str, u16, usize); 4] =
    [("/buy", 200, 2), ("/slow", 200, 1), ("/broken", 500, 1), ("/nowhere", 404, 0)];

/// A label of the series, the attribute of the SERVER span and the field of the line that say the same.
const SAME: [(&str, &str, &str); 7] = [
    ("gateway_namespace", "clearway.gateway.namespace", "gateway_namespace"),
    ("gateway_name", "clearway.gateway.name", "gateway_name"),
    ("listener", "clearway.listener", "listener"),
    ("route_kind", "clearway.route.kind", "route_kind"),
    ("route_namespace", "clearway.route.namespace", "route_namespace"),
    ("route_name", "clearway.route.name", "route_name"),
    ("route_rule", "clearway.route.rule", "route_rule"),
];

/// Spans and lines count nanoseconds, the exemplar's value is the nearest float.
const ROUNDING: f64 = 1.5e-9;

/// An exemplar as Prometheus has stored it.
#[derive(Debug)]
struct Exemplar {
    series: BTreeMap<String, String>,
    trace: String,
    span: String,
    seconds: f64,
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// All that Prometheus has of the main histogram.
fn exemplars(prometheus: &Prometheus) -> Vec<Exemplar> {
    let query =
        [("query", "clearway_request_duration_seconds_bucket"), ("start", "0"), ("end", "9999999999")];
    let data = prometheus.data("query_exemplars", &query).expect("an answer");
    let of_series = |series: &Value| {
        let labels = series["seriesLabels"].as_object().expect("labels");
        let labels: BTreeMap<String, String> =
            labels.iter().map(|(name, value)| (name.clone(), text(value))).collect();
        let one = |exemplar: &Value| Exemplar {
            series: labels.clone(),
            trace: text(&exemplar["labels"]["trace_id"]),
            span: text(&exemplar["labels"]["span_id"]),
            seconds: text(&exemplar["value"]).parse().expect("a number"),
        };
        list(&series["exemplars"]).iter().map(one).collect::<Vec<_>>()
    };
    list(&data).iter().flat_map(of_series).collect()
}

/// Three rules, of which one tries again.
fn furnish(folder: &clearway_testkit::manifest::Folder, backend: &Backend) {
    let retry = "retry:\n  attempts: 2\n  codes: [503]\n  backoff: 10ms";
    let rule = |name: &str| Rule::new().name(name).prefix(&format!("/{name}")).backend("shop");
    let route = Route::http("shop").parent("gw").rule(rule("buy").yaml(retry));
    folder.route(&route.rule(rule("slow")).rule(rule("broken")));
    folder.service("shop", &[backend.address()]);
    backend.next(Reply::status(503));
    backend.on("/slow", Reply::echo().delay(Duration::from_millis(120)));
    backend.on("/broken", Reply::status(500));
}

#[tokio::test]
async fn an_exemplar_leads_to_its_trace_and_its_line() {
    let mut place = Place::new();
    let collector = place.start();
    let backend = Backend::start("shop");
    let (folder, _port, address) = running::folder();
    furnish(&folder, &backend);
    let url = place.grpc_url();
    let mut gateway = Running::start(folder, &["--otlp-traces-endpoint", &url, "--trace-sample-ratio", "1"]);
    let prometheus = Prometheus::start(&format!(
        "global: {{scrape_interval: 500ms, scrape_timeout: 450ms}}\nscrape_configs:\n- job_name: clearway\n  \
         static_configs:\n  - targets: [\"{}\"]\n",
        gateway.admin
    ));
    let mut client = running::h1(address).await;
    let traceparent = format!("00-{TRACE}-{CALLER}-01");
    for (path, code, _) in REQUESTS {
        let fields = [("traceparent", traceparent.as_str())];
        let fields = if path == "/buy" { &fields[..] } else { &[] };
        assert_eq!(client.request(Method::GET, path, fields).await.status, code, "{path}");
    }
    let end = Instant::now() + DEADLINE;
    let seen = loop {
        let seen = exemplars(&prometheus);
        if seen.len() >= REQUESTS.len() {
            break seen;
        }
        assert!(Instant::now() < end, "exemplars that Prometheus has: {seen:#?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    drop(prometheus);
    gateway.terminate();
    gateway.ended(DEADLINE);
    let (lines, spans) = (gateway.lines(), collector.stop().spans());
    let asked: Vec<String> =
        backend.requests().iter().map(|got| got.header("traceparent").to_owned()).collect();
    let mut paths: Vec<String> =
        seen.iter().map(|exemplar| follow(exemplar, &spans, &lines, &asked)).collect();
    paths.sort();
    assert_eq!(paths, ["/broken", "/buy", "/nowhere", "/slow"], "each request has left one exemplar");
}

/// Goes from the exemplar to the spans and the line, compares them, and gives the path of the request.
fn follow(exemplar: &Exemplar, spans: &[Value], lines: &[Value], asked: &[String]) -> String {
    let of_trace: Vec<_> = spans.iter().filter(|span| span["traceId"] == *exemplar.trace).collect();
    let servers: Vec<_> = of_trace.iter().filter(|span| span["kind"] == SERVER).collect();
    let [server] = servers[..] else { panic!("not one SERVER span of {exemplar:?}: {of_trace:?}") };
    let of_trace_lines: Vec<_> = lines.iter().filter(|line| line["trace_id"] == *exemplar.trace).collect();
    let [line] = of_trace_lines[..] else { panic!("not one line of {exemplar:?}: {of_trace_lines:?}") };
    let path = text(&line["path"]);
    assert_eq!(
        (&server["spanId"], &line["span_id"]),
        (&Value::from(&*exemplar.span), &server["spanId"]),
        "{path}"
    );
    let wanted_parent = if path == "/buy" { CALLER } else { "" };
    assert_eq!(text(&server["parentSpanId"]), wanted_parent, "{path}");
    assert_eq!(exemplar.trace == TRACE, path == "/buy", "{path} goes on with the client's trace");
    same_words(exemplar, server, line);
    let (code, tries) =
        REQUESTS.iter().find(|(of, ..)| *of == path).map(|(_, code, tries)| (*code, *tries)).expect("a path");
    assert_eq!(
        (line["code"].as_u64(), &exemplar.series["code_class"]),
        (Some(code.into()), &format!("{}xx", code / 100))
    );
    same_time(
        &path,
        [exemplar.seconds, seconds(server), line["duration_seconds"].as_f64().expect("a number")],
    );
    let bound = exemplar.series["le"].replace("+Inf", "inf").parse::<f64>().expect("a bound");
    assert!(exemplar.seconds <= bound, "{path}: {exemplar:?}");
    let mut clients: Vec<_> = of_trace.iter().filter(|span| span["kind"] == CLIENT).collect();
    clients.sort_by_key(|span| text(&span["startTimeUnixNano"]));
    let attempts = list(&line["attempts"]);
    assert_eq!((clients.len(), attempts.len()), (tries, tries), "{path}");
    for (client, attempt) in clients.into_iter().zip(attempts) {
        let id = text(&client["spanId"]);
        assert_eq!(
            (&client["parentSpanId"], &attempt["span_id"]),
            (&server["spanId"], &Value::from(&*id)),
            "{path}"
        );
        let status = &attributes(client)["http.response.status_code"]["intValue"];
        assert_eq!(text(status), attempt["code"].to_string(), "{path}");
        same_time(&path, [seconds(client), attempt["duration_seconds"].as_f64().expect("a number")]);
        // Sampled; a trace that starts here says besides that its id is random.
        let told = format!("00-{}-{id}-{}", exemplar.trace, if path == "/buy" { "01" } else { "03" });
        assert!(asked.contains(&told), "{path}: not {told} was told to the backend, but {asked:?}");
    }
    path
}

/// Route, status and version in the words of all three. Nothing is said by absence, in labels too.
fn same_words(exemplar: &Exemplar, server: &Value, line: &Value) {
    let of_span = attributes(server);
    let said = |name: &str| of_span.get(name).map(|value| text(&value["stringValue"])).unwrap_or_default();
    for (label, attribute, field) in SAME {
        let of_series = exemplar.series.get(label).cloned().unwrap_or_default();
        assert_eq!(
            [said(attribute), text(&line[field])],
            [of_series.clone(), of_series],
            "{label}: {exemplar:?}"
        );
    }
    assert_eq!(said("clearway.config.version"), text(&line["config_version"]));
    assert_eq!(said("clearway.flag"), text(&line["flag"]));
    assert_eq!(said("url.path"), text(&line["path"]));
    assert_eq!(text(&of_span["http.response.status_code"]["intValue"]), line["code"].to_string());
}

fn seconds(span: &Value) -> f64 {
    let nanos = |name: &str| text(&span[name]).parse::<u64>().expect("nanoseconds");
    Duration::from_nanos(nanos("endTimeUnixNano") - nanos("startTimeUnixNano")).as_secs_f64()
}

fn same_time<const N: usize>(path: &str, all: [f64; N]) {
    let apart = all.iter().fold(f64::MIN, |a, b| a.max(*b)) - all.iter().fold(f64::MAX, |a, b| a.min(*b));
    assert!(all[0] > 0.0 && apart <= ROUNDING, "{path}: {all:?}");
}
