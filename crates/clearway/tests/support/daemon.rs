//! `clearway run` for tests that block: on a folder of manifests that the test goes on changing, with the admin server asked
//! through a [`Pipe`].
//!
//! Always holds: what is stopped by [`Daemon::stop`] has drained, has ended with code 0 and has not panicked.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use clearway_testkit::manifest::Folder;
use clearway_testkit::process::{Process, Program, Stream};
use clearway_testkit::prom::{Exposition, Format};

use crate::pipe::Pipe;

/// Start, stop and one change of the configuration may take so long on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks at what only asking can tell.
const POLL: Duration = Duration::from_millis(4);

/// The binary under test.
pub(crate) fn binary() -> Program {
    Program::new(env!("CARGO_BIN_EXE_clearway"))
}

/// A running gateway.
#[derive(Debug)]
pub(crate) struct Daemon {
    /// The process.
    pub(crate) process: Process,
    /// Where the admin server listens.
    pub(crate) admin: SocketAddr,
}

impl Daemon {
    /// Serves the folder with two workers; ready when this returns. `args` come after `run --config <folder>`.
    pub(crate) fn start(folder: &Folder, access_log: &Path, args: &[&str]) -> Self {
        let program =
            binary().arg("run").arg("--config").arg(folder.path()).arg("--access-log").arg(access_log);
        Self::of(program.args(["--admin-address", "127.0.0.1:0", "--workers", "2"]).args(args))
    }

    /// A program that is `clearway run` with some arguments; ready when this returns.
    pub(crate) fn of(program: Program) -> Self {
        let mut process = program.start();
        let found = process.wait_regex(r"admin_address\S*?(127\.0\.0\.1:\d+)", PATIENCE);
        let admin: SocketAddr = found[1].parse().expect("an address");
        process.wait_http_ok(admin, "/readyz", PATIENCE);
        Self { process, admin }
    }

    /// A connection to the admin server.
    pub(crate) fn admin(&self) -> Pipe {
        Pipe::connect(self.admin)
    }

    /// `/metrics` as OpenMetrics; panics when it is not well formed.
    pub(crate) fn scrape(&self) -> Exposition {
        let accept = Format::OpenMetrics.accept();
        let text = self.admin().get_as("/metrics", &format!("accept: {accept}\r\n"));
        let exposition = Exposition::parse(&String::from_utf8_lossy(&text), Format::OpenMetrics);
        let exposition = exposition.unwrap_or_else(|error| panic!("/metrics: {error}"));
        assert_eq!(exposition.problems(), Vec::<String>::new());
        exposition
    }

    /// Asks `path` of the admin server until `done`; gives that answer. Panics after [`PATIENCE`], with the last one.
    pub(crate) fn wait_admin(&self, path: &str, what: &str, done: impl Fn(&str) -> bool) -> String {
        let (mut admin, end) = (self.admin(), Instant::now() + PATIENCE);
        loop {
            let text = admin.get(path);
            if done(&text) {
                return text;
            }
            assert!(Instant::now() < end, "{what}: not within {PATIENCE:?}; {path} says\n{text}");
            std::thread::park_timeout(POLL);
        }
    }

    /// Ends it by SIGTERM and gives what it wrote to standard output and standard error.
    pub(crate) fn stop(mut self) -> String {
        let status = self.process.terminate(PATIENCE);
        let said = self.process.text(Stream::Stdout) + &self.process.text(Stream::Stderr);
        assert!(status.success(), "{status}:\n{said}");
        assert!(!said.contains("panicked"), "{said}");
        said
    }
}
