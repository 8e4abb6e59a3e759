//! A gateway with so many rules and backends, each of which has answered one kind of request: what series are counted on.
//!
//! Always holds: growing only adds, so no series of an earlier size is in a later count; requests go over connections that stay open.

use std::cell::{Cell, RefCell};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;

use clearway_testkit::Backend;
use clearway_testkit::Reply;
use clearway_testkit::certs::Authority;
use clearway_testkit::manifest::{Folder, Gateway, Route, Rule};
use clearway_testkit::process::{Program, ReservedPort};
use clearway_testkit::wait::Gate;

use crate::daemon::{Daemon, PATIENCE, binary};
use crate::pipe::Pipe;

/// Rules and backends, each size within the next.
pub(crate) const SIZES: [(usize, usize); 4] = [(1, 1), (11, 1), (21, 11), (61, 31)];

/// Listeners of the one Gateway; all traffic goes to the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Listeners {
    OneHttp,
    TwoHttp,
    HttpAndHttps,
}

/// Series of a scrape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Count {
    /// With classic buckets.
    pub(crate) classic: usize,
    /// When a histogram is one series.
    pub(crate) native: usize,
}

/// The gateway and what it talks to.
pub(crate) struct Site {
    pub(crate) gateway: Daemon,
    folder: Folder,
    ports: [ReservedPort; 2],
    /// One behind all Services; with TCP metrics one for each, since a connection belongs to one backend by its address.
    backends: RefCell<Vec<Backend>>,
    alone: bool,
    pipe: RefCell<Pipe>,
    /// Holds back the end of the one slow body.
    gate: Gate,
    held: RefCell<Option<TcpStream>>,
    served: Cell<usize>,
    sent: Cell<usize>,
}

impl Site {
    /// With one HTTP listener, of the binary under test.
    pub(crate) fn start(flags: &[&str], access_log: &Path) -> Self {
        Self::of(binary(), flags, access_log, Listeners::OneHttp)
    }

    /// Any program, any listeners; nothing is routed yet.
    pub(crate) fn of(program: Program, flags: &[&str], access_log: &Path, listeners: Listeners) -> Self {
        let (folder, ports) = (Folder::new(), [ReservedPort::new(), ReservedPort::new()]);
        let gateway = Gateway::new("edge").http("http", ports[0].port());
        let gateway = match listeners {
            Listeners::OneHttp => gateway,
            Listeners::TwoHttp => gateway.http("more", ports[1].port()),
            Listeners::HttpAndHttps => gateway.https("more", ports[1].port(), "edge"),
        };
        folder.secret("edge", &Authority::new("site").issue(&["a.test"]));
        folder.gateway(&gateway);
        let program =
            program.arg("run").arg("--config").arg(folder.path()).arg("--access-log").arg(access_log);
        let program = program.args(["--admin-address", "127.0.0.1:0"]);
        let workers: &[&str] = if flags.contains(&"--workers") { &[] } else { &["--workers", "2"] };
        let gateway = Daemon::of(program.args(workers).args(flags));
        let alone = flags.contains(&"--tcp-metrics");
        let pipe = Pipe::connect(ports[0].address()).into();
        let (backends, served, sent) = (RefCell::default(), Cell::new(0), Cell::new(0));
        let (gate, held) = (Gate::closed(), RefCell::default());
        Self { gateway, folder, ports, backends, alone, pipe, gate, held, served, sent }
    }

    /// Adds what lacks, sends a GET through each new rule, and counts.
    pub(crate) fn grow(&self, (rules, backends): (usize, usize)) -> Count {
        for number in 0..backends {
            self.folder.service(&format!("b{number}"), &[self.endpoint(number)]);
        }
        let mut routes = String::new();
        for number in 0..rules {
            let rule = Rule::new()
                .prefix(&format!("/r/{number}"))
                .backend(&format!("b{}", backend_of(number, backends)));
            let route = Route::http(&format!("r{number}")).parent_section("edge", "http").rule(rule);
            routes.push_str(&format!("---\n{}", route.yaml()));
        }
        self.folder.write("routes.yaml", &routes);
        let kind =
            |kind: &str, count: usize| format!("\nclearway_config_objects{{kind=\"{kind}\"}} {count}\n");
        let wanted = [kind("rule", rules), kind("backend", backends)];
        let there = |text: &str| wanted.iter().all(|line| text.contains(line));
        self.gateway.wait_admin("/metrics", &format!("{rules} rules and {backends} backends"), there);
        let served = self.served.replace(rules);
        if served == 0 {
            // All phases but that of TLS, however fast the backend is, and what no rule takes.
            self.wait_for_a_body();
            self.send(&["GET /nowhere"]);
        }
        let new: Vec<String> = (served..rules).map(|number| format!("GET /r/{number}")).collect();
        self.send(&new);
        self.count()
    }

    /// A request whose body comes when the client has seen its beginning: the gateway has waited for the rest then. The connection
    /// stays open, since a closed one is counted.
    fn wait_for_a_body(&self) {
        let connected = TcpStream::connect(self.ports[0].address());
        let mut stream = connected.unwrap_or_else(|error| panic!("no connection: {error}"));
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket option");
        stream.write_all(b"GET /r/0/slow HTTP/1.1\r\nhost: a.test\r\n\r\n").expect("the request is sent");
        let (mut seen, mut buffer) = (String::new(), [0; 1024]);
        for (part, gate) in [("head", true), ("tail", false)] {
            while !seen.contains(part) {
                let read = stream.read(&mut buffer).unwrap_or_else(|error| panic!("no {part}: {error}"));
                assert!(read > 0, "the connection ended before {part}: {seen}");
                seen.push_str(&String::from_utf8_lossy(&buffer[..read]));
            }
            if gate {
                self.gate.open();
            }
        }
        self.sent.set(self.sent.get() + 1);
        *self.held.borrow_mut() = Some(stream);
    }

    /// Where the backend of this number listens.
    fn endpoint(&self, number: usize) -> SocketAddr {
        let mut backends = self.backends.borrow_mut();
        let at = if self.alone { number } else { 0 };
        while backends.len() <= at {
            let backend = Backend::builder("site").keep_requests(1).start();
            let gate = self.gate.clone();
            backend.handle(move |request| answer(request.target(), &gate));
            backends.push(backend);
        }
        backends[at].address()
    }

    /// Sends these, each a method and a path, and waits for every answer.
    pub(crate) fn send(&self, requests: &[impl AsRef<str>]) {
        for batch in requests.chunks(100) {
            let text: String = batch
                .iter()
                .map(|line| format!("{} HTTP/1.1\r\nhost: a.test\r\n\r\n", line.as_ref()))
                .collect();
            let done = self.pipe.borrow_mut().exchange(text.as_bytes(), batch.len(), |_, head, _| {
                assert!(matches!(head.status, 200 | 404), "{}", head.status);
            });
            done.unwrap_or_else(|error| panic!("a batch of {}: {error}", batch.len()));
        }
        self.sent.set(self.sent.get() + requests.len());
    }

    /// Waits until the kernel was asked for the round-trip times of the listener and of so many backends.
    pub(crate) fn wait_tcp(&self, backends: usize) {
        let asked = |text: &str| text.matches("\nclearway_tcp_rtt_seconds_count{").count() == 1 + backends;
        self.gateway.wait_admin("/metrics", "round-trip times", asked);
    }

    /// Requests so far.
    pub(crate) fn sent(&self) -> usize {
        self.sent.get()
    }

    /// Series of a scrape that is not the first: that one cannot tell of the one before.
    pub(crate) fn count(&self) -> Count {
        self.gateway.scrape();
        let scrape = self.gateway.scrape();
        let parts = scrape.samples.iter().filter(|sample| {
            let histogram = sample.name.strip_suffix("_bucket").or_else(|| sample.name.strip_suffix("_sum"));
            histogram.is_some_and(|name| scrape.family(name).is_some())
        });
        Count { classic: scrape.series(), native: scrape.series() - parts.count() }
    }

    /// Ends it in order, so that its files and exports are whole.
    pub(crate) fn stop(self) {
        let _ = &self.ports;
        self.gateway.stop();
    }
}

/// What the backend says: 404, a body that comes later than the head, or the default.
fn answer(target: &str, gate: &Gate) -> Option<Reply> {
    match target.rsplit('/').next()? {
        "missing" => Some(Reply::status(404)),
        "slow" => Some(Reply::text("head").then_gate(gate).then("tail")),
        _ => None,
    }
}

/// Which backend a rule sends to, of so many: a rule keeps its backend while a site grows through [`SIZES`].
fn backend_of(rule: usize, backends: usize) -> usize {
    match rule {
        0..=10 => 0,
        11..=20 => rule - 10,
        21.. => 11 + (rule - 21) % (backends - 11),
    }
}
