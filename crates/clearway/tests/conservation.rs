//! Conservation: what clients did is what the gateway counted, logged and traced, to the unit.
//!
//! What counts as a request: one whose head the gateway has received completely, or that it has answered (400, 408, 414 and 431
//! to heads that cannot be read). A client that leaves counts when it leaves after that: here clients leave only once a scripted
//! backend has said that it has the request. Half a head followed by a reset is no request, and is sent to show it.
//!
//! Part of `make test-cluster`: it needs the Collector that `tests/tools/install cluster` builds.

mod support {
    pub(crate) mod books;
    pub(crate) mod faults;
    pub(crate) mod load;
    pub(crate) mod otel;
    pub(crate) mod running;
}

use std::collections::HashSet;
use std::fs::OpenOptions;
use std::io::{BufReader, Read};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use clearway_testkit::manifest::{Folder, Route, Rule};
use clearway_testkit::process::{Program, ReservedPort, TempDir};
use clearway_testkit::prom::{self, Format};
use clearway_testkit::wait::DEADLINE;
use clearway_testkit::{Backend, Reply};
use support::books::{Books, Lines, SIGNALS, Signal, Spans, Tally};
use support::faults::Faults;
use support::load::{self, Load};
use support::otel::Place;
use support::running::{self, Running};

/// Rounds of faults; each has one of every kind.
const ROUNDS: usize = 20;
/// Nothing that stands still may cost a request so much.
const UNAFFECTED: Duration = Duration::from_secs(4);

/// Everything behind the gateway.
struct Site {
    bulk: Backend,
    faulty: Backend,
    dead: ReservedPort,
}

impl Site {
    fn start() -> Self {
        let bulk = Backend::builder("bulk").keep_requests(0).start();
        let seen = Mutex::new(HashSet::new());
        // On /retry the first try of each request is refused; the answers are short: the bulk is about counting.
        bulk.handle(move |request| {
            let first = || seen.lock().expect("no panic").insert(request.header("x-request-id").to_owned());
            let refused = request.uri.path() == "/retry" && first();
            Some(if refused { Reply::status(503) } else { Reply::text("fine") })
        });
        let faulty = Backend::builder("faulty").keep_requests(0).start();
        Self { bulk, faulty, dead: ReservedPort::new() }
    }

    fn folder(&self) -> (Folder, ReservedPort, SocketAddr) {
        let (folder, port, address) = running::folder();
        folder.service("bulk", &[self.bulk.address()]);
        folder.service("faulty", &[self.faulty.address()]);
        folder.service("dead", &[self.dead.address()]);
        folder.service_with_protocol("calls", &[self.faulty.address()], Some("kubernetes.io/h2c"));
        let redirect =
            "type: RequestRedirect\nrequestRedirect:\n  hostname: elsewhere.example\n  statusCode: 301";
        let retry = "retry:\n  attempts: 5\n  codes: [503]";
        let rule = |prefix: &str, backend: &str| Rule::new().prefix(prefix).backend(backend);
        let route = Route::http("all")
            .parent("gw")
            .rule(rule("/app", "bulk"))
            .rule(rule("/retry", "bulk").yaml(retry))
            .rule(rule("/refused", "dead"))
            .rule(Rule::new().prefix("/moved").filter(redirect))
            .rule(rule("/fault", "faulty"))
            .rule(rule("/careful", "faulty").yaml(retry))
            .rule(rule("/ws", "faulty"))
            .rule(rule("/late", "faulty").yaml("timeouts:\n  request: 100ms"))
            .rule(rule("/slow", "faulty").yaml("timeouts:\n  backendRequest: 100ms"))
            .rule(rule("/echo.Echo", "calls"));
        folder.route(&route);
        (folder, port, address)
    }
}

/// The bulk: mostly plain requests, and every kind that h2load can send.
async fn bulk(address: SocketAddr, tally: &mut Tally) {
    let temp = TempDir::new("bodies");
    let body = temp.join("body");
    std::fs::write(&body, vec![b'b'; 2000]).expect("a file in an own folder");
    let body = body.display().to_string();
    let long = format!("/app/{}?{}", "p".repeat(1900), "q".repeat(1900));
    let plain = Load::default;
    let loads = [
        Load { count: 20_000, ..plain() },
        Load { count: 17_000, http1: false, ..plain() },
        Load { path: "/nothing", count: 2_000, outcome: (404, "no_route"), ..plain() },
        Load { path: "/moved", count: 2_000, http1: false, outcome: (301, "redirect"), ..plain() },
        Load { path: "/refused", count: 1_000, outcome: (503, "connect_failed"), ..plain() },
        Load { path: "/retry", count: 1_500, http1: false, ..plain() },
        Load { count: 1_000, body: Some(&body), ..plain() },
        Load { path: "/retry", count: 1_000, body: Some(&body), ..plain() },
        Load { count: 1_000, http1: false, fields: &[":method: HEAD"], ..plain() },
        // Spans of these are long: batches of them must not grow over what a collector takes.
        Load { path: &long, count: 3_000, ..plain() },
    ];
    for load in loads {
        load::run(load, address, tally).await;
    }
}

/// Scrapes until told to stop: in every scrape each signal's books balance, and what was produced never falls.
async fn watch(admin: SocketAddr, stop: Arc<AtomicBool>) -> usize {
    let (mut scrapes, mut before) = (0, [0; SIGNALS.len()]);
    while !stop.load(Ordering::Relaxed) {
        let scrape = prom::scrape(admin, "/metrics", Format::Text).await;
        let now = SIGNALS.map(|name| Signal::read(&scrape, name).produced);
        assert!(before.iter().zip(now).all(|(before, now)| *before <= now), "{before:?} {now:?}");
        (before, scrapes) = (now, scrapes + 1);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    scrapes
}

/// Metrics and lines agree by code and reason, for requests and for tries.
fn compare(tally: &Tally, books: &Books, lines: &Lines) {
    assert_eq!(books.requests, tally.0, "metrics and clients");
    assert_eq!(lines.requests, tally.0, "lines and clients");
    assert_eq!(lines.attempts, books.attempts, "tries in lines and in metrics");
    assert_eq!((books.total(), lines.count), (tally.total(), tally.total()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_thousand_requests_are_counted_logged_and_traced_to_the_unit() {
    let site = Site::start();
    let mut place = Place::new();
    let collector = place.start();
    let (folder, _port, address) = site.folder();
    let url = place.grpc_url();
    let flags = [
        "--workers",
        "2",
        "--trace-sample-ratio",
        "1",
        "--otlp-traces-endpoint",
        &url,
        "--otlp-queue",
        "500000",
    ];
    let flags = [&flags[..], &["--otlp-timeout", "60s", "--eject-after-failures", "0"]].concat();
    let mut gateway = Running::start(folder, &flags);
    let stop = Arc::new(AtomicBool::new(false));
    let watching = tokio::spawn(watch(gateway.admin, stop.clone()));
    let (mut tally, mut faults) = (Tally::default(), Tally::default());
    let wrong = async {
        let site = Faults::new(address, &site.faulty);
        for _ in 0..ROUNDS {
            site.round(&mut faults).await.expect("the gateway answers");
        }
    };
    tokio::join!(bulk(address, &mut tally), wrong);
    for ((code, reason), count) in &faults.0 {
        tally.add(*code, reason, *count);
    }
    stop.store(true, Ordering::Relaxed);
    let scrapes = watching.await.expect("the books balance in every scrape");
    assert!(tally.total() >= 50_000 && scrapes >= 5, "{} requests, {scrapes} scrapes", tally.total());
    let settled = |books: &Books| books.spans.queued == 0 && books.log.queued == 0;
    let books = Books::settle(&gateway, tally.total(), settled).await;
    gateway.terminate();
    gateway.ended(DEADLINE);
    let lines = Lines::read(&gateway.log);
    let mut spans = Spans::default();
    spans.add(&collector.stop());
    println!("{} requests, {} tries, {scrapes} scrapes\n{:#?}", tally.total(), books.tries(), tally.0);
    println!("log {:?}, spans {:?}, {} spans came twice", books.log, books.spans, spans.twice);
    compare(&tally, &books, &lines);
    assert_eq!(books.log.produced, tally.total());
    assert_eq!(books.log.dropped + lines.count, tally.total(), "{:?}", books.log);
    assert_eq!(books.spans.produced, tally.total() + books.tries());
    assert_eq!(books.spans.dropped, 0, "the queue holds them all, and the collector lives");
    assert_eq!(spans.server_ids.len() as u64, tally.total(), "SERVER spans");
    assert_eq!(spans.client_ids.len() as u64, books.tries(), "CLIENT spans");
    assert!(spans.server_ids == lines.server_ids && spans.client_ids == lines.client_ids, "other ids");
}

/// A named pipe that somebody has open and nobody reads.
fn pipe(folder: &TempDir) -> (String, std::fs::File) {
    let path = folder.join("access.pipe");
    Program::new("/usr/bin/mkfifo").arg(&path).run(DEADLINE).success();
    let reader = OpenOptions::new().read(true).write(true).open(&path).expect("the pipe");
    (path.display().to_string(), reader)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_collector_and_a_stuck_log_cost_records_that_are_counted_and_no_request() {
    let site = Site::start();
    let mut place = Place::new();
    let collector = place.start();
    let (folder, _port, address) = site.folder();
    let temp = TempDir::new("pipe");
    let (path, mut reader) = pipe(&temp);
    let url = place.grpc_url();
    let flags = ["--trace-sample-ratio", "1", "--otlp-traces-endpoint", &url, "--otlp-queue", "4000"];
    let flags =
        [&flags[..], &["--access-log", &path, "--access-log-buffer", "256KiB", "--workers", "2"]].concat();
    let mut gateway = Running::start(folder, &flags);
    let mut tally = Tally::default();
    load::run(Load { count: 1_000, ..Load::default() }, address, &mut tally).await;
    let first = Books::settle(&gateway, 1_000, |books| books.spans.queued == 0).await;
    assert_eq!((first.spans.exported, first.spans.dropped), (2_000, 0), "{first:?}");
    collector.wait_spans(2_000).await;
    let mut spans = Spans::default();
    spans.add(&collector.kill());
    // Nobody takes spans, nobody reads lines.
    for http1 in [true, false] {
        let longest = load::run(Load { count: 5_000, http1, ..Load::default() }, address, &mut tally).await;
        assert!(longest < UNAFFECTED, "a request took {longest:?}");
    }
    let stuck = Books::settle(&gateway, 11_000, |_| true).await;
    assert!(stuck.spans.queued > 0 && stuck.spans.dropped > 0, "{stuck:?}");
    assert!(stuck.log.queued > 0 && stuck.log.dropped > 0, "{stuck:?}");
    // Both come back: what was kept arrives.
    let collector = place.start();
    let reading = std::thread::spawn(move || {
        let (mut text, mut some) = (Vec::new(), [0; 4096]);
        // The reader itself keeps the pipe open for writing, so a zero byte of the test's own ends the stream.
        while text.last() != Some(&0) {
            let count = reader.read(&mut some).expect("the pipe");
            text.extend_from_slice(&some[..count]);
        }
        text.pop();
        Lines::from(BufReader::new(&text[..]))
    });
    let settled = |books: &Books| books.spans.queued == 0 && books.log.queued == 0;
    let books = Books::settle(&gateway, 11_000, settled).await;
    gateway.terminate();
    gateway.ended(DEADLINE);
    std::fs::write(&path, [0]).expect("the pipe");
    let lines = reading.join().expect("lines");
    spans.add(&collector.stop());
    println!("log {:?}, spans {:?}, {} spans came twice", books.log, books.spans, spans.twice);
    assert_eq!(books.requests, tally.0);
    assert_eq!((books.log.produced, lines.count + books.log.dropped), (11_000, 11_000), "{:?}", books.log);
    assert_eq!(books.spans.produced, 11_000 + books.tries());
    assert_eq!(spans.total() + books.spans.dropped, books.spans.produced, "{:?}", books.spans);
    assert!(books.log.dropped > 0 && books.spans.dropped > 0);
}
