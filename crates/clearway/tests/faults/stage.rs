//! The stage of all acts: releases in Kubernetes, a Collector, Prometheus, and the users' objects that the acts share.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clearway_e2e::Cluster;
use clearway_testkit::otlp::Sink;
use clearway_testkit::process::{Process, Program, TempDir, tool};
use clearway_testkit::wait::DEADLINE;

use super::alerts::Watch;
use super::report::Report;
use super::server::Prometheus;
use super::settings;
use super::targets::Targets;
use super::users::Users;

/// The release that carries the users' traffic; every fault of a route or a backend is one of its.
pub(crate) const BASE: &str = "edge";
/// The node, where pods reach it.
pub(crate) const NODE: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 244, 0, 1));
/// Longest that a rollout may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(180);

/// Installs the releases, all at once.
pub(crate) fn deploy(cluster: &mut Cluster, releases: &BTreeSet<&str>) {
    for release in releases {
        let replicas = if [BASE, "stuck"].contains(release) { "2" } else { "1" };
        let mut options = vec!["--no-wait", "--workers", "1", "--dataplane-replicas", replicas];
        if *release == BASE {
            options.extend(["--otlp-endpoint", "http://10.244.0.1:4317", "--trace-ratio", "1"]);
        }
        cluster.deploy(release, &options);
        let (plane, variables): (&str, &[&str]) = match *release {
            BASE => (
                "dataplane",
                &["CLEARWAY_TCP_METRICS=on", "CLEARWAY_OTLP_LOGS_ENDPOINT=http://10.244.0.1:4317"],
            ),
            "torn" => ("controlplane", &["CLEARWAY_STATUS_QUEUE=10"]),
            _ => continue,
        };
        let deployment = format!("deployment/{release}-{plane}");
        cluster.kubectl(&[&["-n", release, "set", "env", &deployment], variables].concat());
    }
}

/// A Collector in the cluster's network.
pub(crate) struct Collector {
    _process: Process,
    /// Its own metrics.
    pub(crate) metrics: SocketAddr,
    _folder: TempDir,
}

impl Collector {
    /// One that receives at `receiver`, shows its metrics at `metrics`, and sends on to `backend` with these further
    /// settings of its exporter.
    pub(crate) fn start(
        receiver: SocketAddr,
        metrics: SocketAddr,
        backend: SocketAddr,
        exporter: &str,
    ) -> Self {
        let folder = TempDir::new("otelcol");
        let config = format!(
            "receivers: {{otlp: {{protocols: {{grpc: {{endpoint: '{receiver}'}}}}}}}}
processors: {{memory_limiter: {{check_interval: 1s, limit_mib: 512}}}}
exporters: {{otlp: {{endpoint: '{backend}', tls: {{insecure: true}}, {exporter}}}}}
service:
  telemetry:
    metrics:
      level: detailed
      readers: [{{pull: {{exporter: {{prometheus: {{host: '{host}', port: {port}, without_type_suffix: false, without_units: false}}}}}}}}]
  pipelines:
    traces: {{receivers: [otlp], processors: [memory_limiter], exporters: [otlp]}}
    logs: {{receivers: [otlp], processors: [memory_limiter], exporters: [otlp]}}
    metrics: {{receivers: [otlp], processors: [memory_limiter], exporters: [otlp]}}
",
            host = metrics.ip(),
            port = metrics.port(),
        );
        let path = folder.join("config.yaml");
        std::fs::write(&path, config).expect("a file in an own folder");
        let mut process = Program::new(tool("otelcol")).arg("--config").arg(path).start();
        process.wait_regex("Everything is ready", 4 * DEADLINE);
        Self { _process: process, metrics, _folder: folder }
    }
}

/// Everything that the acts need.
pub(crate) struct Stage {
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) kubeconfig: String,
    /// The program, for the scripts of runbooks.
    pub(crate) binary: PathBuf,
    pub(crate) prometheus: Arc<Prometheus>,
    pub(crate) watch: Watch,
    pub(crate) targets: Targets,
    pub(crate) collector: Collector,
    pub(crate) users: Users,
    pub(crate) report: Report,
    /// When Prometheus began to scrape.
    pub(crate) began: f64,
    pub(crate) files: TempDir,
    wanted: BTreeSet<String>,
    clock: Instant,
    _sink: Sink,
}

impl Stage {
    /// Starts what is not there yet, and waits until all of it is ready. The calling thread stands among the cluster's addresses.
    pub(crate) fn start(cluster: Arc<Cluster>, wanted: BTreeSet<String>, releases: &BTreeSet<&str>) -> Self {
        let (clock, files) = (Instant::now(), TempDir::new("faults"));
        let clusters =
            std::env::var("CLEARWAY_CLUSTERS").unwrap_or_else(|_| "/tmp/clearway-clusters".to_owned());
        let kubeconfig = format!("{clusters}/{}/kubeconfig", cluster.name());
        let sink = Sink::start();
        let collector = Collector::start(
            SocketAddr::new(NODE, 4317),
            SocketAddr::new(NODE, 8888),
            sink.address(),
            "sending_queue: {}",
        );
        let rules = files.join("rules");
        std::fs::create_dir(&rules).expect("an own folder");
        settings::rules(&rules);
        let targets = Targets::new(files.join("targets.json"));
        targets.add("collectors", collector.metrics, "otel-collector");
        for release in releases {
            for plane in ["controlplane", "dataplane"] {
                let deployment = format!("deployment/{release}-{plane}");
                let limit = format!("--timeout={}s", PATIENCE.as_secs());
                cluster.kubectl(&["-n", release, "rollout", "status", &deployment, &limit]);
            }
        }
        let users = Users::start(&cluster);
        let prometheus =
            Arc::new(Prometheus::start(&settings::prometheus(&rules, &kubeconfig, targets.path())));
        let watch = Watch::start(prometheus.clone());
        let stage = Self {
            binary: PathBuf::from(env!("CARGO_BIN_EXE_clearway")),
            report: Report::new(),
            began: now(),
            _sink: sink,
            cluster,
            kubeconfig,
            prometheus,
            watch,
            targets,
            collector,
            users,
            files,
            wanted,
            clock,
        };
        stage.say("the stage stands");
        stage
    }

    /// A line of the progress.
    pub(crate) fn say(&self, what: &str) {
        println!("[{:>5.0} s] {what}", self.clock.elapsed().as_secs_f64());
    }

    /// Whether an alert is asked for.
    pub(crate) fn wants(&self, alert: &str) -> bool {
        self.wanted.contains(alert)
    }

    /// Waits until Prometheus answers this query with something.
    pub(crate) fn until_seen(&self, query: &str) {
        self.cluster.until(query, PATIENCE, || {
            let answer = self.prometheus.data("query", &[("query", query)]).ok()?;
            answer["result"].as_array().is_some_and(|series| !series.is_empty()).then_some(())
        });
    }

    /// kubectl in the namespace of a release.
    pub(crate) fn kubectl(&self, release: &str, arguments: &[&str]) -> String {
        self.cluster.kubectl(&[&["-n", release], arguments].concat())
    }

    /// Sets how many pods a plane of a release has.
    pub(crate) fn scale(&self, release: &str, plane: &str, replicas: u32) {
        self.kubectl(
            release,
            &["scale", &format!("deployment/{release}-{plane}"), &format!("--replicas={replicas}")],
        );
    }

    /// Waits until a plane of a release is as it should be.
    pub(crate) fn rolled_out(&self, release: &str, plane: &str) {
        let limit = format!("--timeout={}s", PATIENCE.as_secs());
        self.kubectl(release, &["rollout", "status", &format!("deployment/{release}-{plane}"), &limit]);
    }

    /// The processes of a plane of a release: process ids of this machine, with the names of their pods.
    pub(crate) fn processes(&self, release: &str, plane: &str) -> Vec<(u32, String)> {
        let release = format!("--release={release}");
        let folders = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = folders.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        let read = |pid: u32, name: &str| std::fs::read_to_string(format!("/proc/{pid}/{name}")).ok();
        let of_pod = |pid: u32| {
            let line = read(pid, "cmdline")?;
            let mut words = line.split('\0');
            let ours = words.next()?.ends_with("clearway")
                && words.next() == Some(plane)
                && words.any(|word| word == release);
            let environment = read(pid, "environ").filter(|_| ours)?;
            let pod = environment.split('\0').find_map(|pair| pair.strip_prefix("POD_NAME="))?.to_owned();
            Some((pid, pod))
        };
        pids.filter_map(of_pod).collect()
    }
}

/// Lets a time pass: where the time itself is what is wanted.
pub(crate) fn pass(time: Duration) {
    let end = Instant::now() + time;
    while let Some(left) = end.checked_duration_since(Instant::now()) {
        std::thread::park_timeout(left);
    }
}

/// Seconds since 1970.
pub(crate) fn now() -> f64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .expect("a time after 1970")
        .as_secs_f64()
}
