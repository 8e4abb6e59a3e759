//! Where somebody stands who reads a runbook: the variables that its scripts may use.

use std::net::SocketAddr;

use clearway_ops::runbooks::query::Labels;
use clearway_testkit::process::{Process, Program, tool};
use clearway_testkit::wait::DEADLINE;
use serde_json::Value;

use super::stage::{BASE, Stage};

/// Nobody listens there: what a page reaches when the pod it asks for is gone.
const NOBODY: &str = "http://127.0.0.1:9";

/// What the fault is about.
pub(crate) enum Place<'p> {
    /// A release in Kubernetes.
    Release(&'p str),
    /// A process beside it, with its admin server.
    Process(SocketAddr),
    /// A Collector, with the port of its own metrics.
    Collector(SocketAddr),
}

/// Variables, and what must live as long as they are used.
pub(crate) struct Surroundings {
    pub(crate) variables: Labels,
    _forwards: Vec<Process>,
}

impl Place<'_> {
    /// For an alert with these labels.
    pub(crate) fn surroundings(&self, stage: &Stage, labels: &Labels) -> Surroundings {
        let release = match self {
            Self::Release(release) => release,
            Self::Process(_) | Self::Collector(_) => BASE,
        };
        let mut forwards = Vec::new();
        let mut forward = |component, port| {
            let named = [labels.get("pod"), labels.get("dataplane")].into_iter().flatten().next();
            forward(stage, release, component, named.map(String::as_str), port).map_or_else(
                || NOBODY.to_owned(),
                |(process, url)| {
                    forwards.push(process);
                    url
                },
            )
        };
        let dataplane = match self {
            Self::Process(admin) => format!("http://{admin}"),
            _ => forward("dataplane", 19_080),
        };
        let controlplane = forward("controlplane", 18_081);
        let collector = match self {
            Self::Collector(metrics) => *metrics,
            _ => stage.collector.metrics,
        };
        let folders = [tool("kubectl"), stage.binary.clone()];
        let folders: Vec<String> =
            folders.iter().filter_map(|path| path.parent()).map(|path| path.display().to_string()).collect();
        let path = std::env::var("PATH").unwrap_or_default();
        let variables = [
            ("PROMETHEUS", format!("http://{}", stage.prometheus.address)),
            ("DATAPLANE", dataplane),
            ("CONTROLPLANE", controlplane),
            ("COLLECTOR", format!("http://{collector}")),
            ("NAMESPACE", (*release).to_owned()),
            ("RELEASE", (*release).to_owned()),
            ("KUBECONFIG", stage.kubeconfig.clone()),
            ("PATH", format!("{}:{path}", folders.join(":"))),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value)).into();
        Surroundings { variables, _forwards: forwards }
    }
}

/// The way to a pod's port that counts as local: `kubectl port-forward`. `None` when there is no such pod.
fn forward(
    stage: &Stage,
    release: &str,
    component: &str,
    named: Option<&str>,
    port: u16,
) -> Option<(Process, String)> {
    let selector = format!("app.kubernetes.io/instance={release},app.kubernetes.io/component={component}");
    let list = stage.cluster.get(&["-n", release, "pods", "-l", &selector]);
    let runs =
        |pod: &&Value| pod["status"]["phase"] == "Running" && pod["metadata"]["deletionTimestamp"].is_null();
    let pods: Vec<&str> = list["items"]
        .as_array()?
        .iter()
        .filter(runs)
        .filter_map(|pod| pod["metadata"]["name"].as_str())
        .collect();
    let pod = named.filter(|name| pods.contains(name)).or(pods.first().copied())?;
    let mut process = Program::new(tool("kubectl"))
        .args([
            "--kubeconfig",
            &stage.kubeconfig,
            "-n",
            release,
            "port-forward",
            &format!("pod/{pod}"),
            &format!(":{port}"),
        ])
        .start();
    let found = process.wait_regex(r"Forwarding from (127\.0\.0\.1:\d+)", 4 * DEADLINE);
    Some((process, format!("http://{}", found[1])))
}
