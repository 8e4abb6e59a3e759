//! Reload under load: while clients send without a pause, the configuration changes 200 times and breaks in every way. No
//! request fails, and none is answered by a configuration older than the one that was in force when it was sent.

#[path = "support/daemon.rs"]
mod daemon;
#[path = "support/pipe.rs"]
mod pipe;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use clearway_testkit::backend::{After, RawBackend};
use clearway_testkit::client::HttpClient;
use clearway_testkit::manifest::{Folder, Gateway, Route, Rule};
use clearway_testkit::process::{ReservedPort, Stream};

use daemon::{Daemon, PATIENCE};
use pipe::Pipe;

/// Changes that are applied.
const CHANGES: u64 = 200;
/// Requests that are under way meanwhile, at least.
const REQUESTS: u64 = 100_000;
/// HTTP/1.1 connections; one of HTTP/2 comes on top.
const CONNECTIONS: usize = 4;
/// Requests in one write.
const BATCH: usize = 16;
/// A broken file comes with every so many-th change: each of [`BREAKS`] once.
const BREAK_EVERY: u64 = CHANGES / BREAKS.len() as u64;

/// What clients and the writer of configurations tell each other.
#[derive(Debug, Default)]
struct Board {
    /// The newest version that was seen to be in force: no request that is sent from now on may get an older one.
    in_force: AtomicU64,
    /// The newest version that was written: nothing newer can be seen.
    written: AtomicU64,
    requests: AtomicU64,
    done: AtomicBool,
}

/// Both kinds of answers carry the version: the gateway's own in a location, the backend's in a header.
fn route(version: u64) -> Route {
    let redirect = format!(
        "type: RequestRedirect\nrequestRedirect:\n  statusCode: 302\n  path:\n    type: ReplaceFullPath\n    \
         replaceFullPath: /v/{version}"
    );
    let header = format!(
        "type: ResponseHeaderModifier\nresponseHeaderModifier:\n  set:\n  - name: x-version\n    value: \"{version}\""
    );
    Route::http("moving")
        .parent("edge")
        .rule(Rule::new().exact("/where").filter(&redirect))
        .rule(Rule::new().prefix("/").filter(&header).backend("plain"))
}

/// The version in `/config`, which shows where the redirect leads.
fn serves(config: &str, version: u64) -> bool {
    config.contains(&format!("\"/v/{version}\""))
}

/// Sends batches on one connection until the end; gives the versions that it saw.
fn client(gateway: SocketAddr, board: &Board) -> BTreeSet<u64> {
    let batch = "GET /where HTTP/1.1\r\nhost: a.test\r\n\r\nGET /through HTTP/1.1\r\nhost: a.test\r\n\r\n"
        .repeat(BATCH / 2);
    let (mut pipe, mut seen, mut newest) = (Pipe::connect(gateway), BTreeSet::new(), 0);
    while !board.done.load(Ordering::Acquire) {
        let floor = board.in_force.load(Ordering::Acquire).max(newest);
        let done = pipe.exchange(batch.as_bytes(), BATCH, |place, head, _| {
            let (status, version) = match place % 2 {
                0 => (302, head.header("location").and_then(|url| url.rsplit('/').next())),
                _ => (200, head.header("x-version")),
            };
            assert_eq!(head.status, status, "{head:?}");
            let version: u64 =
                version.and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("{head:?}"));
            assert!(
                version >= floor,
                "version {version} answered a request that was sent after {floor} was in force"
            );
            newest = newest.max(version);
            seen.insert(version);
        });
        done.unwrap_or_else(|error| panic!("a request failed: {error}"));
        let written = board.written.load(Ordering::Acquire);
        assert!(newest <= written, "version {newest} was seen before it was written: {written}");
        board.requests.fetch_add(BATCH as u64, Ordering::Relaxed);
    }
    seen
}

/// One HTTP/2 connection, one request after the other.
fn http2_client(gateway: SocketAddr, board: &Board) -> u64 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let mut client = HttpClient::h2c(gateway).await.expect("a connection");
        let mut count = 0;
        while !board.done.load(Ordering::Acquire) {
            let floor = board.in_force.load(Ordering::Acquire);
            let answer = client.get("/through").await;
            assert_eq!(answer.status, 200);
            let version: u64 = answer.header("x-version").parse().expect("a version");
            assert!(version >= floor, "version {version} after {floor} was in force");
            count += 1;
        }
        board.requests.fetch_add(count, Ordering::Relaxed);
        count
    })
}

/// A way to break a folder, and what has to be named.
struct Break {
    what: &'static str,
    text: Option<&'static str>,
    named: [&'static str; 2],
}

/// The file that is broken.
const BROKEN: &str = "broken.yaml";

const BREAKS: [Break; 4] = [
    Break { what: "broken YAML", text: Some("kind: [\n"), named: [BROKEN, BROKEN] },
    Break {
        what: "an unknown enum",
        text: Some(
            "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: odd, namespace: default}\nspec:\n  \
             rules:\n  - matches:\n    - path: {type: Sideways, value: /}\n",
        ),
        named: ["HTTPRoute default/odd", "spec.rules[0].matches[0].path.type"],
    },
    Break {
        what: "a bad port",
        text: Some(
            "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: odd, namespace: default}\nspec:\n  \
             gatewayClassName: clearway\n  listeners:\n  - {name: a, port: 70000, protocol: HTTP}\n",
        ),
        named: ["Gateway default/odd", "spec.listeners[0].port"],
    },
    Break { what: "a missing file", text: None, named: [BROKEN, "No such file"] },
];

/// Breaks the folder, changes the route as well, sees that nothing changes and that everything names the reason.
fn break_and_mend(gateway: &Daemon, folder: &Folder, broken: &Break, version: u64) {
    let Break { what, text, named } = broken;
    let before = gateway.scrape();
    match text {
        Some(text) => drop(folder.write(BROKEN, text)),
        // A link that leads nowhere, as a half-made mount leaves it.
        None => {
            std::os::unix::fs::symlink(Path::new("nowhere.yaml"), folder.path().join(BROKEN)).expect("a link")
        }
    }
    let refused = |config: &str| named.iter().all(|name| config.contains(name));
    gateway.wait_admin("/config", what, refused);
    let changes = |scrape: &clearway_testkit::prom::Exposition, outcome| {
        scrape.metric("clearway_config_changes_total").label("outcome", outcome).total()
    };
    let first = changes(&gateway.scrape(), "refused");
    assert!(first > changes(&before, "refused"), "{what}");
    // A good change beside a broken one: the folder is taken whole or not at all.
    folder.route(&route(version));
    gateway.wait_admin("/metrics", what, |text| {
        let count = text
            .lines()
            .find_map(|line| line.strip_prefix("clearway_config_changes_total{outcome=\"refused\"} "));
        count.and_then(|count| count.trim().parse::<u64>().ok()).is_some_and(|count| count > first)
    });
    let (config, ready) = (gateway.admin().get("/config"), gateway.admin().get("/readyz?verbose"));
    assert!(serves(&config, version - 1) && refused(&config), "{what}: {config}");
    assert!(refused(&ready) && ready.contains("a newer one is refused"), "{what}: {ready}");
    let scrape = gateway.scrape();
    assert_eq!(scrape.metric("clearway_config_valid").value(), 0.0, "{what}");
    assert_eq!(scrape.metric("clearway_config_problems").label("severity", "error").value(), 1.0, "{what}");
    for metric in ["clearway_config_version", "clearway_config_applied_timestamp_seconds"] {
        assert_eq!(scrape.metric(metric).value(), before.metric(metric).value(), "{what}: {metric}");
    }
    let said = gateway.process.text(Stream::Stderr);
    let line = |line: &str| line.contains("ERROR") && named.iter().all(|name| line.contains(name));
    assert!(said.lines().any(line), "{what} is not named in:\n{said}");
    std::fs::remove_file(folder.path().join(BROKEN)).expect("the broken file");
}

/// Writes version after version; each is announced when the gateway says that it serves it.
fn change(gateway: &Daemon, folder: &Folder, board: &Board) {
    for version in 1..=CHANGES {
        board.written.store(version, Ordering::Release);
        let due =
            if version % BREAK_EVERY == 0 { BREAKS.get((version / BREAK_EVERY - 1) as usize) } else { None };
        match due {
            Some(broken) => break_and_mend(gateway, folder, broken, version),
            None => drop(folder.route(&route(version))),
        }
        gateway.wait_admin("/config", &format!("version {version}"), |config| serves(config, version));
        board.in_force.store(version, Ordering::Release);
    }
}

/// Ends the clients even when the writer panics.
struct End<'a>(&'a Board);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.done.store(true, Ordering::Release);
    }
}

#[test]
fn two_hundred_changes_during_a_hundred_thousand_requests_fail_none() {
    let backend = RawBackend::start("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", After::KeepOpen);
    let (port, folder) = (ReservedPort::new(), Folder::new());
    folder.gateway(&Gateway::new("edge").http("http", port.port())).service("plain", &[backend.address()]);
    folder.route(&route(0));
    let gateway = Daemon::start(&folder, Path::new("off"), &[]);
    let board = Arc::new(Board::default());
    let start = |work: fn(SocketAddr, &Board) -> BTreeSet<u64>| {
        let (board, address) = (board.clone(), port.address());
        std::thread::spawn(move || work(address, &board))
    };
    let clients: Vec<_> = (0..CONNECTIONS).map(|_| start(client)).collect();
    let http2 = start(|address, board| BTreeSet::from([http2_client(address, board)]));
    {
        let _end = End(&board);
        change(&gateway, &folder, &board);
        // Changes are spread over far more requests than these on any machine that is not very busy.
        let end = std::time::Instant::now() + PATIENCE;
        while board.requests.load(Ordering::Relaxed) < REQUESTS
            && clients.iter().all(|client| !client.is_finished())
        {
            assert!(std::time::Instant::now() < end, "{:?}", board.requests);
            std::thread::park_timeout(std::time::Duration::from_millis(10));
        }
    }
    let mut seen = BTreeSet::new();
    for client in clients {
        seen.extend(client.join().expect("a client saw no failure"));
    }
    let over_http2 = http2.join().expect("the HTTP/2 client saw no failure");
    let (requests, in_all) = (board.requests.load(Ordering::Relaxed), CHANGES + 1);
    println!("{requests} requests (HTTP/2: {over_http2:?}), {} of {in_all} versions seen", seen.len());
    assert!(requests >= REQUESTS && over_http2.first() > Some(&0));
    // Not a check of one configuration that never changed: most versions answered somebody.
    assert!(seen.len() as u64 > in_all / 2 && seen.last() == Some(&CHANGES), "{seen:?}");
    let total = gateway.scrape().metric("clearway_requests_total").total();
    assert_eq!(total, requests, "requests that the gateway counted");
    let scrape = gateway.scrape();
    let applied = scrape.metric("clearway_config_changes_total").label("outcome", "applied").total();
    assert_eq!((applied, scrape.metric("clearway_config_valid").value()), (in_all, 1.0));
    gateway.stop();
}
