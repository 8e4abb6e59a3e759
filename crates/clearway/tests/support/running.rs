//! A running gateway for end-to-end tests: a folder of manifests, the binary on free ports, its metrics and its access log.
//!
//! Always holds: it is ready when [`Running::start`] returns; [`Running::stop`] asserts exit 0 and that nothing panicked;
//! waits are polls with a deadline that say what was missing.
#![allow(dead_code, reason = "every test file uses a part of it")]

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use bytes::Bytes;
use clearway_testkit::client::{Answer, HttpClient};
use clearway_testkit::manifest::{Folder, Gateway, Route, Rule};
use clearway_testkit::process::{Process, Program, ReservedPort, Signal, Stream, TempDir};
use clearway_testkit::prom::{self, Exposition, Format};
use clearway_testkit::wait::DEADLINE;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use serde_json::Value;
use tokio::task::JoinHandle;

/// The counter that every test asks for.
pub(crate) const REQUESTS: &str = "clearway_requests_total";
/// Tries at backends.
pub(crate) const ATTEMPTS: &str = "clearway_upstream_attempts_total";
/// Ended connections.
pub(crate) const CLOSED: &str = "clearway_downstream_connections_closed_total";

/// Between two looks at something that only asking can tell.
const POLL: Duration = Duration::from_millis(20);

/// The gateway as a process.
pub(crate) struct Running {
    pub(crate) folder: Folder,
    pub(crate) admin: SocketAddr,
    process: Process,
    pub log: PathBuf,
    _temp: TempDir,
}

impl Running {
    /// Starts the binary on a folder, one worker and a log file of its own unless `flags` say otherwise, and waits until it is ready.
    pub(crate) fn start(folder: Folder, flags: &[&str]) -> Self {
        Self::start_by(&[], folder, flags)
    }

    /// The same by another program, such as `taskset -c 0`, that becomes it.
    pub(crate) fn start_by(by: &[&str], folder: Folder, flags: &[&str]) -> Self {
        let temp = TempDir::new("clearway");
        let given_log =
            flags.iter().position(|flag| *flag == "--access-log").and_then(|at| flags.get(at + 1));
        let log = given_log.map_or_else(|| temp.join("access.json"), PathBuf::from);
        let mut words = by.iter().copied().chain([env!("CARGO_BIN_EXE_clearway")]);
        let mut process = Program::new(words.next().unwrap_or_default())
            .args(words)
            .args(["run", "--admin-address", "127.0.0.1:0", "--config"])
            .arg(folder.path());
        if given_log.is_none() {
            process = process.arg("--access-log").arg(&log);
        }
        if !flags.contains(&"--workers") {
            process = process.args(["--workers", "1"]);
        }
        process = process.args(flags);
        let mut process = process.start();
        let found = process.wait_regex(r"admin_address\W+(127\.0\.0\.1:\d+)", DEADLINE);
        let admin: SocketAddr = found[1].parse().expect("an address");
        process.wait_http_ok(admin, "/readyz", DEADLINE);
        Self { folder, admin, process, log, _temp: temp }
    }

    /// Scrapes `/metrics`.
    pub(crate) async fn metrics(&self) -> Exposition {
        prom::scrape(self.admin, "/metrics", Format::Text).await
    }

    /// The sum of a counter over all series with these labels.
    pub(crate) async fn total(&self, name: &str, labels: &[(&str, &str)]) -> u64 {
        let scrape = self.metrics().await;
        let selection =
            labels.iter().fold(scrape.metric(name), |all, (label, value)| all.label(label, value));
        selection.total()
    }

    /// Waits until the sum is exactly `wanted`; panics with the family when it is not in time.
    pub(crate) async fn counted(&self, name: &str, labels: &[(&str, &str)], wanted: u64) {
        let end = Instant::now() + DEADLINE;
        loop {
            let got = self.total(name, labels).await;
            if got == wanted {
                return;
            }
            if Instant::now() >= end || got > wanted {
                let scrape = self.metrics().await;
                let all: Vec<_> = scrape
                    .metric(name)
                    .samples()
                    .iter()
                    .map(|s| format!("{:?} {}", s.labels, s.value))
                    .collect();
                panic!("{name}{labels:?} is {got}, not {wanted}:\n{}", all.join("\n"));
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Every access-log line so far.
    pub(crate) fn lines(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        whole.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
    }

    /// The first line that satisfies `wanted`, now or soon.
    pub(crate) async fn line(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let end = Instant::now() + DEADLINE;
        loop {
            let lines = self.lines();
            if let Some(found) = lines.iter().find(|line| wanted(line)) {
                return found.clone();
            }
            if Instant::now() >= end {
                let all: Vec<_> = lines.iter().map(Value::to_string).collect();
                panic!("no access-log line {what} among:\n{}", all.join("\n"));
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// The line of the request for this path.
    pub(crate) async fn line_of(&self, path: &str) -> Value {
        self.line(&format!("for {path}"), |line| line["path"] == path).await
    }

    /// The line with this flag.
    pub(crate) async fn line_flagged(&self, flag: &str) -> Value {
        self.line(&format!("with flag {flag}"), |line| line["flag"] == flag).await
    }

    /// Polls until `done` gives something; for changes of the configuration.
    pub(crate) async fn until<T, F: Future<Output = Option<T>>>(
        &self,
        what: &str,
        mut done: impl FnMut() -> F,
    ) -> T {
        let end = Instant::now() + DEADLINE;
        loop {
            if let Some(found) = done().await {
                return found;
            }
            assert!(Instant::now() < end, "still waiting for: {what}\n{}", self.stderr());
            tokio::time::sleep(POLL).await;
        }
    }

    /// What the process has said of itself.
    pub(crate) fn stderr(&self) -> String {
        self.process.text(Stream::Stderr)
    }

    /// Sends a signal alone.
    pub(crate) fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }

    /// Sends SIGTERM alone.
    pub(crate) fn terminate(&self) {
        self.process.signal(Signal::TERM);
    }

    /// Sends SIGTERM, and lets the process hear it only after `meanwhile`: the kernel goes on without it.
    pub(crate) async fn terminate_unheard(&self, meanwhile: impl Future<Output = ()>) {
        self.process.signal(Signal::STOP);
        self.process.signal(Signal::TERM);
        meanwhile.await;
        self.process.signal(Signal::CONT);
    }

    /// Waits for the end after [`Self::terminate`]; asserts exit 0 and no panic.
    pub(crate) fn ended(&mut self, deadline: Duration) -> ExitStatus {
        let status = self.process.wait_exit(deadline);
        let said = self.stderr();
        assert!(status.success(), "{status}\n{said}");
        assert!(!said.contains("panicked"), "{said}");
        status
    }

    /// SIGTERM, exit 0, no panic.
    pub(crate) fn stop(mut self) {
        self.terminate();
        self.ended(DEADLINE);
    }
}

/// A free port and its address on 127.0.0.1.
pub(crate) fn port() -> (ReservedPort, SocketAddr) {
    let reserved = ReservedPort::new();
    let address = reserved.address();
    (reserved, address)
}

/// A folder with the Gateway `gw` and one HTTP listener for every host.
pub(crate) fn folder() -> (Folder, ReservedPort, SocketAddr) {
    let (reserved, address) = port();
    let folder = Folder::new();
    folder.gateway(&Gateway::new("gw").http("web", reserved.port()));
    (folder, reserved, address)
}

/// [`folder`] with the HTTPRoute `all` that sends everything to these endpoints.
pub(crate) fn folder_to(endpoints: &[SocketAddr]) -> (Folder, ReservedPort, SocketAddr) {
    let (folder, reserved, address) = folder();
    folder.service("app", endpoints);
    folder.route(&Route::http("all").parent("gw").rule(Rule::new().backend("app")));
    (folder, reserved, address)
}

/// A request without a body.
pub(crate) fn bare(method: &str, path: &str) -> http::Request<UnsyncBoxBody<Bytes, std::io::Error>> {
    let body = Full::new(Bytes::new()).map_err(|never| match never {}).boxed_unsync();
    http::Request::builder().method(method).uri(path).body(body).expect("a request")
}

/// A request that is sent now and whose answer is waited for elsewhere.
pub(crate) fn background(
    client: &mut HttpClient,
    method: &str,
    path: &str,
) -> JoinHandle<std::io::Result<Answer>> {
    let request = bare(method, path);
    let response = client.start(request);
    tokio::spawn(async move { Answer::collect(response.await?).await })
}

/// A client that speaks HTTP/1.1 in clear text.
pub(crate) async fn h1(address: SocketAddr) -> HttpClient {
    HttpClient::h1(address).await.expect("a connection")
}
