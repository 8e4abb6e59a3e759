//! A real Prometheus scrapes the gateway in all three formats at once, and stores what was sent: counts, native histograms,
//! and exemplars whose trace ids stand in the access log. `promtool` finds nothing to mend in `/metrics`.

#[path = "support/daemon.rs"]
mod daemon;
#[path = "support/pipe.rs"]
mod pipe;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use clearway_testkit::backend::{After, RawBackend};
use clearway_testkit::manifest::{Folder, Gateway, Route, Rule};
use clearway_testkit::otlp::Sink;
use clearway_testkit::process::{Process, Program, ReservedPort, Stream, TempDir, tool};
use serde_json::Value;

use daemon::{Daemon, PATIENCE};
use pipe::Pipe;

/// Job, protocol, and whether native histograms are wanted.
const JOBS: [(&str, &str, bool); 3] = [
    ("openmetrics", "OpenMetricsText1.0.0", false),
    ("text", "PrometheusText0.0.4", false),
    ("protobuf", "PrometheusProto", true),
];

/// What Prometheus counts when a scrape holds something that it does not store.
const REFUSALS: [&str; 6] = [
    "prometheus_target_scrapes_sample_duplicate_timestamp_total",
    "prometheus_target_scrapes_sample_out_of_order_total",
    "prometheus_target_scrapes_sample_out_of_bounds_total",
    "prometheus_target_scrapes_exceeded_native_histogram_bucket_limit_total",
    "prometheus_target_scrapes_exceeded_body_size_limit_total",
    "prometheus_target_scrapes_exemplar_out_of_order_total",
];

/// A gateway with a backend, an access log and spans; every trace is sampled.
struct Scene {
    gateway: Daemon,
    address: SocketAddr,
    sink: Sink,
    files: TempDir,
    folder: Folder,
    _port: ReservedPort,
    _backend: RawBackend,
}

fn scene() -> Scene {
    let backend = RawBackend::start("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", After::KeepOpen);
    let (port, folder, sink, files) =
        (ReservedPort::new(), Folder::new(), Sink::start(), TempDir::new("prometheus"));
    let redirect = "type: RequestRedirect\nrequestRedirect:\n  statusCode: 301\n  hostname: b.test";
    folder.gateway(&Gateway::new("edge").http("http", port.port())).service("plain", &[backend.address()]);
    let rules = Route::http("shop").parent("edge").rule(Rule::new().exact("/moved").filter(redirect));
    folder.route(&rules.rule(Rule::new().prefix("/shop").backend("plain")));
    let endpoint = sink.endpoint();
    let args = ["--otlp-traces-endpoint", &endpoint, "--trace-sample-ratio", "1"];
    let gateway = Daemon::start(&folder, &files.join("access.log"), &args);
    Scene { gateway, address: port.address(), sink, files, folder, _port: port, _backend: backend }
}

impl Scene {
    /// Sends so many requests to each of a page, a redirect and a path that nobody serves; gives the counts by code.
    fn traffic(&self, times: usize) -> BTreeMap<String, u64> {
        let mut pipe = Pipe::connect(self.address);
        let batch: String = ["/shop/a", "/moved", "/nowhere"]
            .map(|path| format!("GET {path} HTTP/1.1\r\nhost: a.test\r\n\r\n"))
            .concat()
            .repeat(times);
        let mut codes = BTreeMap::new();
        let sent = pipe.exchange(batch.as_bytes(), 3 * times, |_, head, _| {
            *codes.entry(head.status.to_string()).or_default() += 1;
        });
        sent.expect("every request is answered");
        assert_eq!(codes.keys().collect::<Vec<_>>(), ["200", "301", "404"]);
        codes
    }

    /// Trace ids of the access log, once it has `lines` lines.
    fn logged_traces(&self, lines: usize) -> BTreeSet<String> {
        let (path, end) = (self.files.join("access.log"), Instant::now() + PATIENCE);
        loop {
            let text = std::fs::read_to_string(&path).expect("the access log");
            if text.lines().count() == lines {
                let ids = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
                return ids.map(|line| line["trace_id"].as_str().expect("a trace id").to_owned()).collect();
            }
            assert!(Instant::now() < end, "{} of {lines} lines", text.lines().count());
            std::thread::park_timeout(Duration::from_millis(10));
        }
    }
}

/// A running Prometheus.
struct Prometheus {
    process: Process,
    address: SocketAddr,
    _files: TempDir,
}

impl Prometheus {
    fn start(target: SocketAddr) -> Self {
        let (port, files) = (ReservedPort::new(), TempDir::new("prometheus-data"));
        let mut config =
            String::from("global:\n  scrape_interval: 500ms\n  scrape_timeout: 450ms\nscrape_configs:\n");
        for (job, protocol, native) in JOBS {
            config.push_str(&format!(
                "- job_name: {job}\n  scrape_protocols: [{protocol}]\n  scrape_native_histograms: {native}\n  \
                 static_configs:\n  - targets: [\"{target}\"]\n"
            ));
        }
        let path = files.join("prometheus.yml");
        std::fs::write(&path, config).expect("prometheus.yml");
        let program = Program::new(tool("prometheus"))
            .arg(format!("--config.file={}", path.display()))
            .arg(format!("--storage.tsdb.path={}", files.join("data").display()))
            .arg(format!("--web.listen-address={}", port.address()))
            .arg("--enable-feature=exemplar-storage");
        let mut process = program.start();
        process.wait_http_ok(port.address(), "/-/ready", PATIENCE);
        Self { process, address: port.address(), _files: files }
    }

    /// `data` of an API answer.
    fn api(&self, path: &str, parameters: &[(&str, &str)]) -> Value {
        let pairs: Vec<_> =
            parameters.iter().map(|(name, value)| format!("{name}={}", percent(value))).collect();
        let text = Pipe::connect(self.address).get(&format!("/api/v1/{path}?{}", pairs.join("&")));
        let mut answer: Value =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}: {text}"));
        assert_eq!(answer["status"], "success", "{path}: {text}");
        assert!(answer["warnings"].is_null(), "{path}: {text}");
        answer["data"].take()
    }

    /// The values of an instant query by one label.
    fn by_label(&self, query: &str, label: &str) -> BTreeMap<String, f64> {
        let data = self.api("query", &[("query", query)]);
        let rows = data["result"].as_array().expect("a vector").iter();
        rows.map(|row| {
            let value = row["value"][1].as_str().and_then(|text| text.parse().ok());
            let label = row["metric"][label].as_str().unwrap_or_default().to_owned();
            (label, value.unwrap_or_else(|| panic!("{query}: {row}")))
        })
        .collect()
    }

    /// Waits until a query gives this; panics with what it gives instead.
    fn wait(&self, query: &str, label: &str, wanted: &BTreeMap<String, f64>) {
        let end = Instant::now() + PATIENCE;
        loop {
            let got = self.by_label(query, label);
            if got == *wanted {
                return;
            }
            assert!(Instant::now() < end, "{query}: wanted {wanted:?}, got {got:?}");
            std::thread::park_timeout(Duration::from_millis(50));
        }
    }

    /// Exemplars of a metric: trace id and value.
    fn exemplars(&self, query: &str) -> Vec<(String, f64)> {
        let data = self.api("query_exemplars", &[("query", query), ("start", "0"), ("end", "9999999999")]);
        let series = data.as_array().expect("a list").iter();
        let all = series.flat_map(|series| series["exemplars"].as_array().expect("exemplars"));
        all.map(|one| {
            let id = one["labels"]["trace_id"].as_str().unwrap_or_else(|| panic!("{query}: {one}"));
            (id.to_owned(), one["value"].as_str().and_then(|text| text.parse().ok()).expect("a value"))
        })
        .collect()
    }

    /// Every target is up, has always been, and nothing was refused.
    fn assert_no_scrape_failed(&self) {
        let targets = self.api("targets", &[]);
        let active = targets["activeTargets"].as_array().expect("targets");
        assert_eq!(active.len(), JOBS.len());
        for target in active {
            assert_eq!(
                (target["health"].as_str(), target["lastError"].as_str()),
                (Some("up"), Some("")),
                "{target}"
            );
        }
        let ups = JOBS.map(|(job, _, _)| (job.to_owned(), 1.0)).into();
        assert_eq!(self.by_label("min_over_time(up[1h])", "job"), ups);
        let own = Pipe::connect(self.address).get("/metrics");
        for refusal in REFUSALS {
            let line = own.lines().find_map(|line| line.strip_prefix(refusal));
            assert_eq!(line.map(str::trim), Some("0"), "{refusal}");
        }
        let said = self.process.text(Stream::Stderr);
        let bad: Vec<_> =
            said.lines().filter(|line| line.contains("level=WARN") || line.contains("level=ERROR")).collect();
        assert!(bad.is_empty(), "{}", bad.join("\n"));
    }
}

fn percent(text: &str) -> String {
    text.bytes()
        .map(
            |byte| {
                if byte.is_ascii_alphanumeric() {
                    char::from(byte).to_string()
                } else {
                    format!("%{byte:02X}")
                }
            },
        )
        .collect()
}

#[test]
fn prometheus_stores_all_three_formats_with_native_histograms_and_exemplars() {
    let scene = scene();
    let prometheus = Prometheus::start(scene.gateway.admin);
    // In two parts: Prometheus sees the counters rise, and exemplars of a later scrape.
    let mut codes = scene.traffic(40);
    for (job, _, _) in JOBS {
        let wanted = codes.iter().map(|(code, count)| (code.clone(), *count as f64)).collect();
        prometheus.wait(
            &format!("sum by (code) (clearway_requests_total{{job=\"{job}\"}})"),
            "code",
            &wanted,
        );
    }
    for (code, count) in scene.traffic(25) {
        *codes.entry(code).or_default() += count;
    }
    let by_code: BTreeMap<_, _> = codes.iter().map(|(code, count)| (code.clone(), *count as f64)).collect();
    let total = codes.values().sum::<u64>();
    let traces = scene.logged_traces(total as usize);
    for (job, _, native) in JOBS {
        prometheus.wait(
            &format!("sum by (code) (clearway_requests_total{{job=\"{job}\"}})"),
            "code",
            &by_code,
        );
        let (count, exemplars) = if native {
            (
                "histogram_count(clearway_request_duration_seconds{job=\"JOB\"})",
                "clearway_request_duration_seconds{job=\"JOB\"}",
            )
        } else {
            (
                "clearway_request_duration_seconds_count{job=\"JOB\"}",
                "clearway_request_duration_seconds_bucket{job=\"JOB\"}",
            )
        };
        let wanted = BTreeMap::from([(job.to_owned(), total as f64)]);
        prometheus.wait(&format!("sum by (job) ({})", count.replace("JOB", job)), "job", &wanted);
        let stored = prometheus.exemplars(&exemplars.replace("JOB", job));
        if job == "text" {
            assert_eq!(stored, [], "the format has no exemplars");
            continue;
        }
        assert!(!stored.is_empty(), "{job}: no exemplar is stored");
        for (id, seconds) in stored {
            assert!(traces.contains(&id), "{job}: {id} stands in no line of the access log");
            assert!(seconds > 0.0 && seconds < 60.0, "{job}: {seconds}");
        }
    }
    prometheus.assert_no_scrape_failed();
    // A native histogram is one series, not a set of buckets.
    let buckets = prometheus.by_label("count by (job) (clearway_request_duration_seconds_bucket)", "job");
    assert_eq!(buckets.keys().collect::<Vec<_>>(), ["openmetrics", "text"]);
    drop(prometheus);
    assert_eq!(scene.sink.errors(), Vec::<String>::new());
    scene.gateway.stop();
    let sampled: BTreeSet<_> = scene.sink.spans().into_iter().map(|span| span.trace_id).collect();
    assert_eq!(sampled, traces, "spans and lines tell of the same traces");
    drop(scene.folder);
}

#[test]
fn promtool_has_nothing_to_mend() {
    let scene = scene();
    scene.traffic(10);
    let text = scene.gateway.admin().get("/metrics");
    assert!(text.contains("# TYPE clearway_requests_total counter"), "{text}");
    let promtool = |text: &str| {
        let mut command = Command::new(tool("promtool"));
        command.args(["check", "metrics", "--extended", "--lint=all"]);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("promtool");
        child.stdin.take().expect("stdin").write_all(text.as_bytes()).expect("promtool reads");
        child.wait_with_output().expect("promtool ends")
    };
    let output = promtool(&text);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{}\n{said}", output.status);
    assert!(
        String::from_utf8_lossy(&output.stdout).contains("clearway_requests_total"),
        "the extended table"
    );
    // The tool can complain: a counter without its suffix is found.
    let output = promtool(&format!("{text}# HELP odd An odd one.\n# TYPE odd counter\nodd 1\n"));
    assert!(!output.status.success() && String::from_utf8_lossy(&output.stderr).contains("odd"));
    scene.gateway.stop();
}
