//! A real OpenTelemetry Collector for the tests of `make test-cluster`, and a reader of the files that it writes.
//!
//! Always holds: what [`Collector::stop`] returns from has flushed its files; [`Collector::kill`] is SIGKILL to its process group.
#![allow(dead_code, reason = "every test file uses a part of it")]

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clearway_testkit::certs::ServerCert;
use clearway_testkit::process::{Process, Program, ReservedPort, TempDir, tool};
use clearway_testkit::wait::DEADLINE;
use serde::Deserialize;
use serde_json::Value;

/// The path of traces over HTTP that the tests configure.
pub(crate) const TRACES_PATH: &str = "/api/v1/otel/trace";

/// SERVER and CLIENT in OTLP.
pub(crate) const SERVER: u8 = 2;
pub(crate) const CLIENT: u8 = 3;

/// Ports and files of a collector; they outlive its processes, so that it can come back.
pub(crate) struct Place {
    grpc: ReservedPort,
    http: ReservedPort,
    folder: TempDir,
    tls: bool,
    started: u32,
}

/// A running collector.
pub(crate) struct Collector {
    process: Process,
    traces: PathBuf,
    logs: PathBuf,
}

impl Place {
    pub(crate) fn new() -> Self {
        let (grpc, http) = (ReservedPort::new(), ReservedPort::new());
        Self { grpc, http, folder: TempDir::new("otelcol"), tls: false, started: 0 }
    }

    /// Both receivers speak TLS with this certificate.
    pub(crate) fn tls(cert: &ServerCert) -> Self {
        let place = Self { tls: true, ..Self::new() };
        for (name, text) in [("cert.pem", &cert.cert_pem), ("key.pem", &cert.key_pem)] {
            std::fs::write(place.folder.join(name), text).expect("a file in an own folder");
        }
        place
    }

    pub(crate) fn grpc_url(&self) -> String {
        self.url(self.grpc.address())
    }

    pub(crate) fn http_url(&self) -> String {
        self.url(self.http.address())
    }

    fn url(&self, address: SocketAddr) -> String {
        format!("{}://{address}", if self.tls { "https" } else { "http" })
    }

    pub(crate) fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.join(name);
        std::fs::write(&path, text).expect("a file in an own folder");
        path
    }

    /// Starts a collector here, with new files, and waits until it receives.
    pub(crate) fn start(&mut self) -> Collector {
        self.started += 1;
        let file = |kind: &str| self.folder.join(format!("{kind}-{}.json", self.started));
        let (traces, logs) = (file("traces"), file("logs"));
        let config = self.config(&traces, &logs);
        let config = self.file("config.yaml", &config);
        let mut process = Program::new(tool("otelcol")).arg("--config").arg(config).start();
        process.wait_regex("Everything is ready", 2 * DEADLINE);
        Collector { process, traces, logs }
    }

    fn config(&self, traces: &std::path::Path, logs: &std::path::Path) -> String {
        let tls = if self.tls {
            let path = |name| self.folder.join(name).display().to_string();
            format!(", tls: {{cert_file: {}, key_file: {}}}", path("cert.pem"), path("key.pem"))
        } else {
            String::new()
        };
        format!(
            "receivers:
  otlp:
    protocols:
      grpc: {{endpoint: \"{}\"{tls}}}
      http: {{endpoint: \"{}\", traces_url_path: {TRACES_PATH}{tls}}}
exporters:
  file/traces: {{path: {}, flush_interval: 100ms}}
  file/logs: {{path: {}, flush_interval: 100ms}}
service:
  telemetry: {{metrics: {{level: none}}}}
  pipelines:
    traces: {{receivers: [otlp], exporters: [file/traces]}}
    logs: {{receivers: [otlp], exporters: [file/logs]}}
",
            self.grpc.address(),
            self.http.address(),
            traces.display(),
            logs.display(),
        )
    }
}

impl Collector {
    /// Ends it in order: everything received is in the files then.
    pub(crate) fn stop(mut self) -> Files {
        let status = self.process.terminate(2 * DEADLINE);
        assert!(status.success(), "the collector: {status}");
        Files { traces: self.traces, logs: self.logs }
    }

    /// SIGKILL, by its process id.
    pub(crate) fn kill(self) -> Files {
        drop(self.process);
        Files { traces: self.traces, logs: self.logs }
    }

    /// Spans in the file so far, whole lines only.
    pub(crate) fn spans_so_far(&self) -> u64 {
        let mut count = 0;
        each::<Message>(&self.traces, |message| count += message.spans().count() as u64);
        count
    }

    /// Waits until the file holds so many spans.
    pub(crate) async fn wait_spans(&self, wanted: u64) {
        let end = std::time::Instant::now() + 2 * DEADLINE;
        loop {
            let got = self.spans_so_far();
            if got == wanted {
                return;
            }
            assert!(std::time::Instant::now() < end, "{got} spans in the collector's file, not {wanted}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// What a collector that has ended has left.
pub(crate) struct Files {
    traces: PathBuf,
    logs: PathBuf,
}

impl Files {
    /// Hands over every span; the file is read a batch at a time.
    pub(crate) fn each_span(&self, mut take: impl FnMut(&Span)) {
        each::<Message>(&self.traces, |message| message.spans().for_each(&mut take));
    }

    /// Every log record as it stands in the file, and every batch's resource for traces and logs.
    pub(crate) fn log_records(&self) -> Vec<Value> {
        let mut all = Vec::new();
        each::<Value>(&self.logs, |message| {
            for resource in list(&message["resourceLogs"]) {
                all.extend(
                    list(&resource["scopeLogs"]).iter().flat_map(|scope| list(&scope["logRecords"])).cloned(),
                );
            }
        });
        all
    }

    /// Spans with all that they have.
    pub(crate) fn spans(&self) -> Vec<Value> {
        let mut all = Vec::new();
        each::<Value>(&self.traces, |message| {
            for resource in list(&message["resourceSpans"]) {
                all.extend(
                    list(&resource["scopeSpans"]).iter().flat_map(|scope| list(&scope["spans"])).cloned(),
                );
            }
        });
        all
    }

    /// Attributes of the resources of all batches, of both kinds.
    pub(crate) fn resources(&self) -> Vec<BTreeMap<String, Value>> {
        let mut all = Vec::new();
        for (path, kind) in [(&self.traces, "resourceSpans"), (&self.logs, "resourceLogs")] {
            each::<Value>(path, |message| {
                all.extend(list(&message[kind]).iter().map(|batch| attributes(&batch["resource"])));
            });
        }
        all
    }
}

/// A list, or nothing.
pub(crate) fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// `attributes` of a span, a record or a resource, by name; panics when a name comes twice.
pub(crate) fn attributes(of: &Value) -> BTreeMap<String, Value> {
    let mut all = BTreeMap::new();
    for pair in list(&of["attributes"]) {
        let key = pair["key"].as_str().expect("an attribute has a key").to_owned();
        assert!(all.insert(key, pair["value"].clone()).is_none(), "an attribute twice: {pair} in {of}");
    }
    all
}

/// Whole lines of a file of the collector; what SIGKILL cut off at its end counts for nothing.
fn each<T: for<'a> Deserialize<'a>>(path: &std::path::Path, mut take: impl FnMut(&T)) {
    let Ok(file) = File::open(path) else { return };
    let mut reader = BufReader::with_capacity(1 << 20, file);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line).expect("a file that can be read") > 0 {
        if line.last() != Some(&b'\n') {
            return;
        }
        let message = serde_json::from_slice(&line);
        take(&message.unwrap_or_else(|error| panic!("{}: {error}", path.display())));
        line.clear();
    }
}

/// Of the collector's JSON, what counting needs.
#[derive(Deserialize)]
struct Message {
    #[serde(rename = "resourceSpans", default)]
    resources: Vec<Batch>,
}

#[derive(Deserialize)]
struct Batch {
    #[serde(rename = "scopeSpans", default)]
    scopes: Vec<Scope>,
}

#[derive(Deserialize)]
struct Scope {
    #[serde(default)]
    spans: Vec<Span>,
}

/// A span's identity.
#[derive(Deserialize)]
pub(crate) struct Span {
    #[serde(rename = "traceId")]
    pub(crate) trace: String,
    #[serde(rename = "spanId")]
    pub(crate) id: String,
    #[serde(rename = "parentSpanId", default)]
    pub(crate) parent: String,
    pub(crate) kind: u8,
}

impl Message {
    fn spans(&self) -> impl Iterator<Item = &Span> {
        self.resources.iter().flat_map(|batch| &batch.scopes).flat_map(|scope| &scope.spans)
    }
}
