//! Both planes: what `/config` says is wrong, that nobody has restarted, and how much memory they hold.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use clearway_e2e::Cluster;
use clearway_testkit::client::HttpClient;
use clearway_testkit::process::{Process, Program, repository};
use serde_json::Value;

use super::bad::Problems;

/// Most memory that either plane may hold with the corpus in it.
const MOST_BYTES: f64 = 768.0 * 1024.0 * 1024.0;

/// What is known of both planes from before.
pub(crate) struct Planes {
    /// Restarts of each container by pod.
    pods: BTreeMap<String, i64>,
    /// `/config` is open to the pod's own machine, which a forwarded port counts as.
    _forward: Process,
}

impl Planes {
    pub(crate) fn look(cluster: &Cluster) -> Self {
        let mut forward = Program::new(repository().join("tests/cluster/kubectl"))
            .env("CLEARWAY_CLUSTER", cluster.name())
            .args(["-n", "clearway", "port-forward", "deployment/clearway-controlplane", "18081:18081"])
            .start();
        forward.wait_line("a forwarded port", Duration::from_secs(30), |line| {
            line.text.contains("Forwarding from")
        });
        Self { pods: pods(cluster), _forward: forward }
    }

    /// What is wrong, by `/config` of the control plane.
    pub(crate) fn problems(&self, cluster: &Cluster) -> Problems {
        let text = get(cluster, SocketAddr::from(([127, 0, 0, 1], 18_081)), "/config");
        let report: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("/config: {error}"));
        let text = |problem: &Value, key: &str| problem[key].as_str().unwrap_or_default().to_owned();
        let all = report["problems"].as_array().expect("problems").iter();
        all.map(|one| {
            let words = format!("{}: {}", text(one, "field"), text(one, "message"));
            (text(one, "object"), text(one, "reason"), words)
        })
        .collect()
    }

    /// Nobody has restarted or holds too much, and no data plane has refused anything.
    pub(crate) fn unharmed(&self, cluster: &Cluster) {
        assert_eq!(pods(cluster), self.pods, "pods and their restarts");
        for (service, port) in [("controlplane-metrics", 18_082), ("dataplane-metrics", 19_080)] {
            let name = format!("clearway-{service}");
            let address = cluster.get(&["-n", "clearway", "service", &name])["spec"]["clusterIP"].clone();
            let address = address.as_str().and_then(|text| text.parse().ok()).expect("an address");
            let text = get(cluster, SocketAddr::new(address, port), "/metrics");
            let bytes = sum(&text, "process_resident_memory_bytes");
            println!("{name}: {:.0} MiB resident", bytes / 1024.0 / 1024.0);
            assert!(bytes > 0.0 && bytes < MOST_BYTES, "{name} holds {bytes} bytes");
            let refused = sum(&text, "clearway_controlplane_nacks_total");
            assert!(refused.abs() < f64::EPSILON, "{refused} refusals by data planes");
        }
    }
}

fn get(cluster: &Cluster, address: SocketAddr, path: &str) -> String {
    let path = path.to_owned();
    cluster.inside(|| async move {
        let connected = HttpClient::h1(address).await;
        let mut client = connected.unwrap_or_else(|error| panic!("no connection to {address}: {error}"));
        let answer = client.get(&path).await;
        assert_eq!(answer.status, 200, "{path}");
        answer.text()
    })
}

/// Sum of all series of a family.
fn sum(text: &str, family: &str) -> f64 {
    let lines = text.lines().filter(|line| line.starts_with(family));
    lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}

fn pods(cluster: &Cluster) -> BTreeMap<String, i64> {
    let list = cluster.get(&["-n", "clearway", "pods"]);
    let items = list["items"].as_array().expect("pods").iter();
    items
        .map(|pod| {
            let restarts = pod["status"]["containerStatuses"].as_array().into_iter().flatten();
            let restarts = restarts.filter_map(|one| one["restartCount"].as_i64()).sum();
            (pod["metadata"]["name"].as_str().unwrap_or_default().to_owned(), restarts)
        })
        .collect()
}
