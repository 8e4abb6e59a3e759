//! Start, furnish and end: the scripts of `tests/cluster`, each run to its end.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clearway_testkit::process::{Finished, Program, TempDir, repository};

/// Longest a script may take. A cluster stands in 20 s; the first start on a machine may build what is missing.
const SCRIPT: Duration = Duration::from_secs(1_800);

/// Between two looks at a state.
const POLL: Duration = Duration::from_millis(100);

/// How often a wait says that it still waits.
const SAY: Duration = Duration::from_secs(20);

/// A cluster of the test's own: `CLUSTER` says where, as for `tests/cluster/up` (its README).
#[derive(Debug)]
pub struct Cluster {
    name: String,
    /// Whether its addresses are reached in a network namespace of its own (`CLUSTER=own`, the default).
    pub(crate) own: bool,
    /// Installed by [`Cluster::deploy`]: their logs are shown when a test fails.
    releases: Vec<String>,
    pub(crate) folder: TempDir,
}

impl Cluster {
    /// Starts a cluster for the test `label` (small letters, digits and `-`) and loads the image of `CLEARWAY_BIN`
    /// (default: the release build).
    pub fn start(label: &str) -> Self {
        let own = matches!(std::env::var("CLUSTER").as_deref(), Err(_) | Ok("own"));
        let cluster = Self {
            name: format!("{label}-{}", std::process::id()),
            own,
            releases: Vec::new(),
            folder: TempDir::new(label),
        };
        cluster.script("up", &[]).success();
        cluster.script("load", &[]).success();
        cluster
    }

    /// Installs a release by `tests/cluster/deploy` with these options besides, and waits until both planes are ready.
    pub fn deploy(&mut self, release: &str, options: &[&str]) {
        if !self.releases.iter().any(|known| known == release) {
            self.releases.push(release.to_owned());
        }
        let arguments: Vec<_> = ["--release", release].iter().chain(options).copied().collect();
        self.script("deploy", &arguments).success();
    }

    /// The name by which `tests/cluster`'s scripts know it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs a script of `tests/cluster` on this cluster.
    pub fn script(&self, name: &str, arguments: &[&str]) -> Finished {
        self.program(name).args(arguments).run(SCRIPT)
    }

    /// A script of `tests/cluster`, to be given arguments.
    pub(crate) fn program(&self, name: &str) -> Program {
        Program::new(self.path(name)).env("CLEARWAY_CLUSTER", &self.name).env("CLEARWAY_BIN", self.binary())
    }

    fn path(&self, script: &str) -> PathBuf {
        repository().join("tests/cluster").join(script)
    }

    fn binary(&self) -> PathBuf {
        if let Some(named) = std::env::var_os("CLEARWAY_BIN") {
            // cargo runs a test in the folder of its crate; whoever names the binary stands at the root.
            return repository().join(named);
        }
        let target =
            std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| repository().join("target"), PathBuf::from);
        target.join("release/clearway")
    }

    /// Looks until `look` gives something; panics with `what` after `limit`.
    pub fn until<T>(&self, what: &str, limit: Duration, mut look: impl FnMut() -> Option<T>) -> T {
        let began = Instant::now();
        let mut said = began;
        loop {
            if let Some(found) = look() {
                return found;
            }
            assert!(began.elapsed() < limit, "never seen within {limit:?}: {what}");
            if said.elapsed() > SAY {
                said = Instant::now();
                eprintln!("[{:>4.0} s] still waiting for: {what}", began.elapsed().as_secs_f64());
            }
            // A state behind kubectl tells nobody when it changes: it is looked at again.
            std::thread::park_timeout(POLL);
        }
    }

    /// The last lines of both planes of each release.
    fn last_words(&self) {
        for release in &self.releases {
            for plane in ["controlplane", "dataplane"] {
                let deployment = format!("deployment/{release}-{plane}");
                let arguments = ["-n", release, "logs", &deployment, "--all-pods", "--prefix", "--tail=30"];
                let said = self.script("kubectl", &arguments);
                eprintln!("== {deployment}\n{}{}", said.stdout, said.stderr);
            }
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.last_words();
        }
        let ended = self.script("down", &[]);
        if !ended.status.success() {
            eprintln!("Cluster {} was not ended: {}", self.name, ended.stderr);
        }
    }
}
