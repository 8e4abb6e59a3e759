//! What Prometheus finds by the monitors of `servicemonitor/`: the Prometheus Operator's own CRDs in the cluster's API server,
//! and a real Prometheus there with the configuration that the operator makes of a monitor.
//!
//! The operator is not run. [`job`] says in its words (`pkg/prometheus/promcfg.go`, 0.85) what it would write.

use std::path::PathBuf;
use std::time::Duration;

use clearway_e2e::Cluster;
use clearway_testkit::client::HttpClient;
use clearway_testkit::process::{Process, Program, ReservedPort, TempDir, repository, tool};
use serde_json::{Value, json};

const NAMESPACE: &str = "clearway";
/// Discovery, a scrape of every target, and a busy machine.
const FOUND: Duration = Duration::from_secs(60);

pub(crate) fn prometheus_finds_every_pod(cluster: &Cluster) {
    let files = TempDir::new("monitors");
    install(cluster, &files);
    variants(cluster, &files);
    let mut jobs = Vec::new();
    for kind in ["servicemonitors", "podmonitors"] {
        let file = repository().join(format!("servicemonitor/{kind}.yaml"));
        apply(cluster, &[], &file);
        let list = cluster.get(&["-n", NAMESPACE, &format!("{kind}.monitoring.coreos.com")]);
        jobs.extend(list["items"].as_array().expect("a list").iter().map(|monitor| job(cluster, monitor)));
    }
    assert_eq!(jobs.len(), 4, "two kinds of monitor for two planes");
    let (_prometheus, address) = prometheus(cluster, &files, &jobs);
    let targets = cluster.until("every target is up", FOUND, || {
        let targets = ask(cluster, address, "targets?state=active")["activeTargets"].take();
        let all = targets.as_array().expect("targets");
        (all.len() >= jobs.len() && all.iter().all(|target| target["health"] == "up")).then_some(targets)
    });
    labels_fit(cluster, targets.as_array().expect("targets"));
    let labels = ask(cluster, address, "labels");
    let taken: Vec<_> = labels.as_array().expect("names").iter().filter_map(Value::as_str).collect();
    assert!(taken.contains(&"route_name") || taken.contains(&"gateway_name"), "{taken:?}");
    assert!(
        !taken.iter().any(|name| name.starts_with("exported_")),
        "a metric brings a label of the target: {taken:?}"
    );
}

/// The CRDs of the operator.
fn install(cluster: &Cluster, files: &TempDir) {
    let said =
        Program::new(tool("prometheus-operator")).args(["crd", "servicemonitors", "podmonitors"]).run(FOUND);
    let file = files.join("crds.yaml");
    std::fs::write(&file, said.success().stdout).expect("a file of one's own");
    cluster.kubectl(&["apply", "--server-side", "-f", &file.to_string_lossy()]);
    let crds = ["servicemonitors", "podmonitors"].map(|kind| format!("crd/{kind}.monitoring.coreos.com"));
    cluster.kubectl(&["wait", "--for=condition=Established", "--timeout=60s", &crds[0], &crds[1]]);
}

/// Unknown fields are errors.
fn apply(cluster: &Cluster, options: &[&str], file: &std::path::Path) -> String {
    let file = file.to_string_lossy();
    let all = [&["apply", "--server-side", "--validate=strict"], options, &["-f", &file]].concat();
    cluster.kubectl(&all)
}

/// What the page says for other names is done as it stands there, and taken by the API server.
fn variants(cluster: &Cluster, files: &TempDir) {
    let folder = repository().join("servicemonitor");
    let page = std::fs::read_to_string(folder.join("README.md")).expect("the page");
    let block = |language: &str, holds: &str| {
        let blocks = page.split("```").skip(1).step_by(2);
        let text = blocks.filter_map(|block| block.strip_prefix(&format!("{language}\n")));
        text.filter(|text| text.contains(holds))
            .map(str::to_owned)
            .next()
            .unwrap_or_else(|| panic!("no block with {holds}"))
    };
    let write = |name: &str, text: &str| {
        std::fs::write(files.join(name), text).expect("a file of one's own");
        files.join(name)
    };
    std::fs::create_dir_all(files.join("mine")).expect("a folder of one's own");
    let base = block("yaml", "Kustomization").replace("../servicemonitor", "../base");
    write("mine/kustomization.yaml", &base);
    let copied = Program::new("cp").arg("-r").arg(&folder).arg(files.join("base")).run(FOUND);
    copied.success();
    let kustomized = cluster.kubectl(&["kustomize", &files.join("mine").to_string_lossy()]);
    let sed = Program::new("sh")
        .args(["-c", &block("sh", "sed -e")])
        .current_dir(&folder)
        .run(FOUND)
        .success()
        .stdout;
    cluster.kubectl(&["create", "namespace", "edge-system"]);
    for (name, text) in [("kustomized.yaml", kustomized), ("sed.yaml", sed)] {
        let file = write(name, &text);
        apply(cluster, &[], &file);
        let list = cluster.get(&["-n", "edge-system", "servicemonitors.monitoring.coreos.com"]);
        let items = list["items"].as_array().expect("a list");
        assert_eq!(items.len(), 2, "{name}: {list:#}");
        for monitor in items {
            let instance = "app.kubernetes.io/instance";
            assert_eq!(monitor["spec"]["selector"]["matchLabels"][instance], "edge", "{name}: {monitor:#}");
            assert_eq!(
                monitor["metadata"]["labels"]["release"], "kube-prometheus-stack",
                "{name}: {monitor:#}"
            );
        }
        cluster.kubectl(&["delete", "-f", &file.to_string_lossy()]);
    }
    apply(cluster, &["--dry-run=server"], &write("role.yaml", &block("yaml", "kind: RoleBinding")));
}

/// The job of a monitor, with the relabellings that the operator makes of it.
fn job(cluster: &Cluster, monitor: &Value) -> Value {
    let of_services = monitor["kind"] == "ServiceMonitor";
    let (list, role) =
        if of_services { ("endpoints", "endpointslice") } else { ("podMetricsEndpoints", "pod") };
    let [endpoint] = &monitor["spec"][list].as_array().expect("endpoints")[..] else { panic!("{monitor:#}") };
    assert_eq!((&endpoint["interval"], &endpoint["scrapeTimeout"]), (&json!("30s"), &json!("10s")));
    let meta = |what: &str| format!("__meta_kubernetes_{what}");
    let selected = if of_services { "service" } else { "pod" };
    let mut relabel: Vec<Value> = monitor["spec"]["selector"]["matchLabels"]
        .as_object()
        .expect("labels")
        .iter()
        .map(|(name, value)| {
            let name = name.replace(['.', '/', '-'], "_");
            let labels =
                [meta(&format!("{selected}_label_{name}")), meta(&format!("{selected}_labelpresent_{name}"))];
            let value = value.as_str().expect("text");
            json!({"action": "keep", "source_labels": labels, "regex": format!("({value});true")})
        })
        .collect();
    let port = if of_services { "endpointslice_port_name" } else { "pod_container_port_name" };
    relabel.push(json!({"action": "keep", "source_labels": [meta(port)], "regex": endpoint["port"]}));
    relabel
        .push(json!({"action": "drop", "source_labels": [meta("pod_phase")], "regex": "(Failed|Succeeded)"}));
    for (from, to) in [
        ("namespace", "namespace"),
        ("service_name", "service"),
        ("pod_name", "pod"),
        ("pod_container_name", "container"),
    ] {
        relabel.push(json!({"source_labels": [meta(from)], "target_label": to}));
    }
    let label = monitor["spec"]["jobLabel"].as_str().expect("a label").replace(['.', '/', '-'], "_");
    relabel.push(json!({"source_labels": [meta(&format!("{selected}_label_{label}"))], "regex": "(.+)", "target_label": "job"}));
    relabel.push(json!({"target_label": "endpoint", "replacement": endpoint["port"]}));
    let name = format!("{selected}Monitor/{}", monitor["metadata"]["name"].as_str().expect("a name"));
    let kubeconfig = cluster.script("exec", &["printenv", "KUBECONFIG"]).success().stdout;
    let discovery =
        json!([{"role": role, "kubeconfig_file": kubeconfig.trim(), "namespaces": {"names": [NAMESPACE]}}]);
    // Sooner than asked for: the test waits for the first scrape.
    json!({
        "job_name": name, "scrape_interval": "1s", "scrape_timeout": "1s", "metrics_path": endpoint["path"],
        "honor_labels": endpoint["honorLabels"], "kubernetes_sd_configs": discovery, "relabel_configs": relabel,
    })
}

/// A Prometheus among the cluster's addresses.
fn prometheus(cluster: &Cluster, files: &TempDir, jobs: &[Value]) -> (Process, std::net::SocketAddr) {
    // Free here; in the cluster's network nobody else takes ports of loopback.
    let address = ReservedPort::new().address();
    let config: PathBuf = files.join("prometheus.yml");
    std::fs::write(&config, json!({ "scrape_configs": jobs }).to_string()).expect("a file of one's own");
    let mut process = Program::new(repository().join("tests/cluster/exec"))
        .args(["--cluster", cluster.name()])
        .arg(tool("prometheus"))
        .arg(format!("--config.file={}", config.display()))
        .arg(format!("--storage.tsdb.path={}", files.join("data").display()))
        .arg(format!("--web.listen-address={address}"))
        .start();
    process.wait_regex("Server is ready to receive web requests", FOUND);
    (process, address)
}

/// `data` of an answer of Prometheus's API.
fn ask(cluster: &Cluster, address: std::net::SocketAddr, path: &str) -> Value {
    let path = format!("/api/v1/{path}");
    let text = cluster.inside(|| async move {
        let mut client = HttpClient::h1(address).await.expect("a connection to Prometheus");
        client.get(&path).await.text()
    });
    let mut answer: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    assert_eq!(answer["status"], "success", "{text}");
    answer["data"].take()
}

/// By both kinds of monitor each pod is found once, with the labels that rules and dashboards ask for.
fn labels_fit(cluster: &Cluster, targets: &[Value]) {
    let pods = cluster.get(&["-n", NAMESPACE, "pods"]);
    let mut wanted: Vec<Value> = Vec::new();
    for pod in pods["items"].as_array().expect("pods") {
        let component =
            pod["metadata"]["labels"]["app.kubernetes.io/component"].as_str().expect("a component");
        let port = if component == "controlplane" { 18082 } else { 19080 };
        let instance = format!("{}:{port}", pod["status"]["podIP"].as_str().expect("an address"));
        wanted.push(json!({
            "job": component, "namespace": NAMESPACE, "pod": pod["metadata"]["name"],
            "container": component, "instance": instance,
        }));
    }
    for kind in ["serviceMonitor", "podMonitor"] {
        let of_kind = targets
            .iter()
            .filter(|target| target["scrapePool"].as_str().is_some_and(|pool| pool.starts_with(kind)));
        let mut found: Vec<Value> = of_kind
            .map(|target| {
                let mut labels = target["labels"].clone();
                let all = labels.as_object_mut().expect("labels");
                assert!(all.remove("endpoint").is_some(), "{target:#}");
                assert_eq!(all.remove("service").is_some(), kind == "serviceMonitor", "{target:#}");
                labels
            })
            .collect();
        let by_pod = |labels: &Value| labels["pod"].to_string();
        found.sort_by_key(by_pod);
        wanted.sort_by_key(by_pod);
        assert_eq!(found, wanted, "{kind}");
    }
}
