//! What telemetry costs, counted: series = a + b x rules + c x backends for every switch, and the bytes of a scrape and of a
//! request. `docs/operations/cost.md` holds the numbers, and cannot say others.
//!
//! `CLEARWAY_WRITE_COST=1 cargo test --test cost` writes them into the page anew.

#[path = "support/daemon.rs"]
mod daemon;
#[path = "support/pipe.rs"]
mod pipe;
#[path = "support/site.rs"]
mod site;

use std::path::Path;
use std::time::{Duration, Instant};

use clearway_testkit::otlp::{Signal, Sink};
use clearway_testkit::process::{Program, TempDir, repository};

use daemon::binary;
use site::{Count, Listeners, SIZES, Site};

const PAGE: &str = "docs/operations/cost.md";
/// What stands between these lines is written here.
const MARKS: [&str; 2] = ["<!-- measured -->\n", "<!-- /measured -->\n"];
/// Bytes depend on addresses and numbers a little; counts do not.
const ROUNDING: f64 = 0.1;
const OPENMETRICS: &str = "accept: application/openmetrics-text;version=1.0.0\r\n";
const PROTOBUF: &str =
    "accept: application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited\r\n";

/// What the page calls a setting of the switches, and its flags.
const SETTINGS: [(&str, &[&str]); 7] = [
    ("the default", &[]),
    ("`status_code_metrics` off", &["--status-code-metrics", "off"]),
    ("`bandwidth_metrics` off", &["--bandwidth-metrics", "off"]),
    ("`upstream_health_metrics` off", &["--upstream-health-metrics", "off"]),
    ("`latency_metrics` off", &["--latency-metrics", "off"]),
    ("`tcp_metrics` on", &["--tcp-metrics", "on"]),
    ("`metrics` off", &["--metrics", "off"]),
];

/// Rules and backends for which the page says what the default comes to, scraped every 30 s.
const EXAMPLES: [(usize, usize); 4] = [(10, 5), (100, 50), (1_000, 500), (10_000, 2_000)];

/// Fixed, for each rule, for each backend.
#[derive(Clone, Copy, Debug)]
struct Formula {
    fixed: usize,
    rule: usize,
    backend: usize,
}

impl Formula {
    /// Of the counts at three sizes; panics when the fourth does not follow from them.
    fn of(counts: [usize; 4], what: &str) -> Self {
        let rule = (counts[1] - counts[0]) / 10;
        let backend = (counts[2] - counts[1] - 10 * rule) / 10;
        let found = Self { fixed: counts[0] - rule - backend, rule, backend };
        let at = SIZES.map(|(rules, backends)| found.at(rules, backends));
        assert_eq!(at, counts, "{what}: {found:?} does not give the counts at {SIZES:?}");
        found
    }

    fn at(self, rules: usize, backends: usize) -> usize {
        self.fixed + self.rule * rules + self.backend * backends
    }
}

/// With classic buckets, and when a histogram is one series.
fn counted(name: &str, flags: &[&str]) -> [Formula; 2] {
    let counts = if name.contains("tcp") { counts_of_tcp(flags) } else { counts(flags) };
    let of = |pick: fn(Count) -> usize| Formula::of(counts.map(pick), name);
    [of(|count| count.classic), of(|count| count.native)]
}

fn counts(flags: &[&str]) -> [Count; 4] {
    let site = Site::start(flags, Path::new("off"));
    SIZES.map(|size| site.grow(size))
}

/// The kernel is asked every 5 s only: each size has a gateway of its own, so that they wait together.
fn counts_of_tcp(flags: &[&str]) -> [Count; 4] {
    std::thread::scope(|scope| {
        let sites = SIZES.map(|size| {
            scope.spawn(move || {
                let site = Site::start(flags, Path::new("off"));
                site.grow(size);
                site.wait_tcp(size.1);
                site.count()
            })
        });
        sites.map(|thread| thread.join().expect("a count"))
    })
}

/// The formula by switch, and what it gives for the default.
fn formulas() -> String {
    let all = std::thread::scope(|scope| {
        let started = SETTINGS.map(|(name, flags)| scope.spawn(move || counted(name, flags)));
        started.map(|thread| thread.join().expect("a formula"))
    });
    let mut text = String::from(
        "| Switches | a | b | c | a, native | b, native | c, native |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: |\n",
    );
    for ((name, _), [classic, native]) in SETTINGS.iter().zip(all) {
        let cells = |of: Formula| format!("{} | {} | {}", of.fixed, of.rule, of.backend);
        text.push_str(&format!("| {name} | {} | {} |\n", cells(classic), cells(native)));
    }
    text.push_str("\n| Rules | Backends | Series | Samples a second | Series, native |\n| ---: | ---: | ---: | ---: | ---: |\n");
    for (rules, backends) in EXAMPLES {
        let [classic, native] = all[0].map(|formula| formula.at(rules, backends));
        text.push_str(&format!("| {rules} | {backends} | {classic} | {} | {native} |\n", classic / 30));
    }
    text
}

/// Series that one thing more brings.
fn more() -> Vec<(&'static str, usize)> {
    let site = Site::start(&[], Path::new("off"));
    let base = site.grow(SIZES[0]).classic;
    let mut last = base;
    let mut after = |request: &str| {
        site.send(&[request]);
        let before = std::mem::replace(&mut last, site.count().classic);
        last - before
    };
    let (kind, class) = (after("POST /r/0"), after("GET /r/0/missing"));
    let with = |flags: &[&str], listeners| {
        Site::of(binary(), flags, Path::new("off"), listeners).grow(SIZES[0]).classic - base
    };
    vec![
        ("A rule takes one more kind of request: another method, protocol or flag", kind),
        ("A rule answers with one more class of codes, of its backend", class),
        (
            "One more HTTP listener on a port of its own, before its first request",
            with(&[], Listeners::TwoHttp),
        ),
        (
            "One more HTTPS listener on a port of its own, and its certificate, before its first request",
            with(&[], Listeners::HttpAndHttps),
        ),
        ("One more worker thread", with(&["--workers", "3"], Listeners::OneHttp)),
    ]
}

/// Bytes of a scrape for each series, and of a request for each signal.
fn bytes() -> Vec<(&'static str, f64)> {
    let (files, sink) = (TempDir::new("cost"), Sink::start());
    let (log, endpoint) = (files.join("access.log"), format!("http://{}", sink.address()));
    let mut flags = vec!["--otlp-traces-endpoint", &endpoint, "--otlp-logs-endpoint", &endpoint];
    flags.extend(["--otlp-traces-protocol", "http/protobuf", "--otlp-logs-protocol", "http/protobuf"]);
    flags.extend(["--trace-sample-ratio", "1"]);
    let site = Site::start(&flags, &log);
    let count = site.grow(SIZES[3]);
    let scrape = |headers: &str| site.gateway.admin().get_as("/metrics", headers).len() as f64;
    let (text, packed) = (scrape(OPENMETRICS), scrape(&format!("{OPENMETRICS}accept-encoding: gzip\r\n")));
    let protobuf = scrape(PROTOBUF);
    // So many that batches are of a size that is usual under load.
    site.send(&vec!["GET /r/0"; 4_000]);
    let sent = site.sent();
    let requests = sent as f64;
    site.stop();
    let lines = std::fs::read_to_string(&log).expect("the access log");
    assert_eq!(lines.lines().count() as f64, requests, "one line for each request");
    let exports = sink.exports();
    let sum = |signal: Signal| {
        let of_signal = exports.iter().filter(move |export| export.signal == signal);
        of_signal.fold((0, 0.0), |(records, bytes), export| {
            let length = export.headers.get("content-length").and_then(|length| length.to_str().ok());
            let length: f64 = length.and_then(|length| length.parse().ok()).expect("a length");
            (records + export.records, bytes + length / requests)
        })
    };
    let (spans, logs) = (sum(Signal::Traces), sum(Signal::Logs));
    // What no rule took had no try.
    assert_eq!((spans.0, logs.0), (2 * sent - 1, sent), "spans and log records");
    vec![
        ("OpenMetrics text, for each series", text / count.classic as f64),
        ("the same with gzip", packed / count.classic as f64),
        (
            "protobuf with classic and native buckets, for each series of the text",
            protobuf / count.classic as f64,
        ),
        ("access log: a line", lines.len() as f64 / requests),
        ("spans: two for a request with one try", spans.1),
        ("access log as OTLP: a log record", logs.1),
    ]
}

fn rounded(bytes: f64) -> String {
    if bytes < 100.0 { format!("{bytes:.1}") } else { format!("{bytes:.0}") }
}

fn table(head: &str, rows: impl Iterator<Item = (String, String)>) -> String {
    let head = format!("\n| {head} |\n| --- | ---: |\n");
    head + &rows.map(|(what, number)| format!("| {what} | {number} |\n")).collect::<String>()
}

/// The number of a row of the page; `None` without such a row.
fn told(page: &str, what: &str) -> Option<f64> {
    let cells = page.lines().find_map(|line| line.strip_prefix(&format!("| {what} | ")))?;
    cells.trim_end_matches(" |").parse().ok()
}

#[test]
fn the_page_says_what_is_counted() {
    let (formulas, more, bytes) = (formulas(), more(), bytes());
    let path = repository().join(PAGE);
    let page = std::fs::read_to_string(&path).expect("the page");
    let counts = table(
        "What comes | Series more",
        more.iter().map(|(what, count)| ((*what).to_owned(), count.to_string())),
    );
    let sizes =
        table("What | Bytes", bytes.iter().map(|(what, bytes)| ((*what).to_owned(), rounded(*bytes))));
    if std::env::var_os("CLEARWAY_WRITE_COST").is_some() {
        let (before, rest) = page.split_once(MARKS[0]).expect("the first mark");
        let (_, after) = rest.split_once(MARKS[1]).expect("the second mark");
        let text = format!("{before}{}{formulas}{counts}{sizes}{}{after}", MARKS[0], MARKS[1]);
        std::fs::write(&path, text).expect("the page");
        return;
    }
    let counted = [formulas, counts].concat();
    let mut wrong: Vec<String> =
        counted.lines().filter(|line| !page.lines().any(|other| other == *line)).map(str::to_owned).collect();
    for (what, bytes) in bytes {
        let told = told(&page, what);
        if told.is_none_or(|told| (told - bytes).abs() > ROUNDING * bytes) {
            wrong.push(format!("| {what} | {} | where the page says {told:?}", rounded(bytes)));
        }
    }
    let next = "Next: look why, then CLEARWAY_WRITE_COST=1 cargo test --test cost";
    assert!(wrong.is_empty(), "{PAGE} does not say what was counted:\n{}\n{next}", wrong.join("\n"));
}

/// Times of scrapes of a large site, for the page; on a release build and a quiet machine.
#[test]
#[ignore = "prints times: CLEARWAY_BIN=... cargo test --test cost -- --ignored --nocapture"]
fn times_of_a_large_site() {
    let program =
        std::env::var_os("CLEARWAY_BIN").map_or_else(binary, |path| Program::new(repository().join(path)));
    let site = Site::of(program, &[], Path::new("off"), Listeners::OneHttp);
    let count = site.grow((1_000, 500));
    println!("{count:?}");
    let packed = format!("{OPENMETRICS}accept-encoding: gzip\r\n");
    for (name, headers) in
        [("OpenMetrics", OPENMETRICS), ("OpenMetrics, gzip", &packed), ("protobuf", PROTOBUF)]
    {
        let mut admin = site.gateway.admin();
        let mut times: Vec<(Duration, usize)> = (0..21)
            .map(|_| {
                let began = Instant::now();
                let length = admin.get_as("/metrics", headers).len();
                (began.elapsed(), length)
            })
            .collect();
        times.sort();
        let (median, length) = times[times.len() / 2];
        println!("{name}: median {median:?}, slowest {:?}, {length} bytes", times[times.len() - 1].0);
    }
    site.stop();
}
