//! The scene: a cluster with both planes, many routes, a backend, load through the Gateway's address, and somebody who watches.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clearway_e2e::Cluster;
use clearway_e2e::objects::{demo_backend, forward_to, gateway, http_route, namespace};
use clearway_testkit::load::{Load, LoadOptions, Tally};
use serde_json::json;

use crate::PATIENCE;
use crate::fleet::Watch;

/// The release, and its namespace.
pub(crate) const RELEASE: &str = "flick";
/// Where users' objects are.
const SPACE: &str = "shop";
/// The component of a control plane.
pub(crate) const CONTROL: &str = "controlplane";
/// The component of a data plane.
pub(crate) const DATA: &str = "dataplane";

/// Everything that the acts need.
pub(crate) struct Scene {
    pub(crate) cluster: Arc<Cluster>,
    /// The configuration that all data planes serve, all the time.
    pub(crate) version: String,
    options: LoadOptions,
    load: Option<Load>,
    watch: Watch,
    began: Instant,
}

impl Scene {
    /// Starts everything; the load runs when it returns.
    pub(crate) fn start(routes: u64, rate: u64) -> Self {
        let mut cluster = Cluster::start("no-flicker");
        cluster.deploy(RELEASE, &["--controlplane-replicas", "2", "--dataplane-replicas", "2"]);
        // A line for each request would cost the node more than the requests themselves.
        let quiet = ["-n", RELEASE, "set", "env", &deployment(DATA), "CLEARWAY_ACCESS_LOG=off"];
        cluster.kubectl(&quiet);
        let cluster = Arc::new(cluster);
        let hosts: Vec<String> = (0..routes).map(|number| format!("r{number}.example")).collect();
        let mut objects = vec![namespace(SPACE), gateway(SPACE, "edge", RELEASE)];
        objects.extend(demo_backend(SPACE, "till", 2));
        objects.extend(
            hosts
                .iter()
                .map(|host| http_route(SPACE, &host.replace('.', "-"), "edge", host, &forward_to("till"))),
        );
        cluster.apply(&objects);
        cluster.kubectl(&["-n", SPACE, "rollout", "status", "deployment/till", "--timeout=120s"]);
        let address = cluster.gateway_address(SPACE, "edge", 80);
        let watch = Watch::new(cluster.clone(), routes);
        let version = watch.until_all_serve(2, None);
        let targets = hosts.into_iter().map(|host| (host, "/bytes/32".to_owned())).collect();
        let options = LoadOptions { targets, ..LoadOptions::new(address, rate.try_into().expect("a rate")) };
        let mut scene =
            Self { cluster, version: version.clone(), options, load: None, watch, began: Instant::now() };
        scene.say(&format!("{routes} routes are served at {address}, version {version}"));
        scene.watch.begin(version);
        scene.resume();
        scene
    }

    /// A line of the report.
    pub(crate) fn say(&self, what: &str) {
        println!("[{:>6.1} s] {what}", self.began.elapsed().as_secs_f64());
    }

    /// Lets the load run for a time: here the time itself is what is tested.
    pub(crate) fn go_on(&self, time: Duration) {
        let end = Instant::now() + time;
        while let Some(left) = end.checked_duration_since(Instant::now()) {
            std::thread::park_timeout(left);
        }
    }

    /// The load that runs.
    pub(crate) fn load(&self) -> &Load {
        self.load.as_ref().expect("load runs during an act")
    }

    /// Lets requests under way finish and sends no more.
    pub(crate) fn pause(&mut self) -> Tally {
        self.load.take().expect("load runs").stop()
    }

    /// Starts sending.
    pub(crate) fn resume(&mut self) {
        let cluster = self.cluster.clone();
        self.load = Some(Load::start(self.options.clone(), move || cluster.enter()));
    }

    /// Begins to count anew.
    pub(crate) fn act(&self, name: &'static str) -> Act<'_> {
        drop(self.load().take().lossless(&format!("before: {name}")));
        self.say(&format!("== {name}"));
        Act { scene: self, name, total: None }
    }

    /// Restarts a Deployment's pods one after the other, and waits until the new ones are ready.
    pub(crate) fn rollout_restart(&self, component: &str) {
        self.cluster.kubectl(&["-n", RELEASE, "rollout", "restart", &deployment(component)]);
        self.rolled_out(component);
    }

    /// Waits until a Deployment's pods are those that are wanted, and ready.
    pub(crate) fn rolled_out(&self, component: &str) {
        let limit = format!("--timeout={}s", PATIENCE.as_secs());
        self.cluster.kubectl(&["-n", RELEASE, "rollout", "status", &deployment(component), &limit]);
    }

    /// Deletes all pods of a Deployment at once, and waits until others are ready.
    pub(crate) fn delete_pods(&self, component: &str) {
        self.cluster.kubectl(&["-n", RELEASE, "delete", "pods", "-l", &selector(component), "--wait=false"]);
        self.rolled_out(component);
    }

    /// Sets how many pods a Deployment has.
    pub(crate) fn scale(&self, component: &str, replicas: u32) {
        let replicas = format!("--replicas={replicas}");
        self.cluster.kubectl(&["-n", RELEASE, "scale", &deployment(component), &replicas]);
    }

    /// Waits until no pod of a Deployment is ending any more, or none is there when none is wanted.
    pub(crate) fn gone(&self, component: &str) {
        let deployment = deployment(component);
        self.cluster.until(&format!("ended pods of {component} are gone"), PATIENCE, || {
            let wanted = self.cluster.get(&["-n", RELEASE, &deployment])["spec"]["replicas"].as_u64();
            (self.pods(component).len() as u64 == wanted.unwrap_or_default()).then_some(())
        });
    }

    /// Lets the Service of the xDS port lead to control planes that are not ready too, as a client that goes around it would.
    pub(crate) fn serve_before_ready(&self, on: bool) {
        let change = json!({"spec": {"publishNotReadyAddresses": on}}).to_string();
        let service = format!("{RELEASE}-controlplane-grpc");
        self.cluster.kubectl(&["-n", RELEASE, "patch", "service", &service, "--type=merge", "-p", &change]);
    }

    /// The way that the control planes of the next pods take to the API server; `None` is the usual one.
    pub(crate) fn way_to_the_api_server(&self, way: Option<SocketAddr>) {
        let (host, port) = match way {
            Some(address) => (
                format!("KUBERNETES_SERVICE_HOST={}", address.ip()),
                format!("KUBERNETES_SERVICE_PORT={}", address.port()),
            ),
            None => ("KUBERNETES_SERVICE_HOST-".to_owned(), "KUBERNETES_SERVICE_PORT-".to_owned()),
        };
        self.cluster.kubectl(&["-n", RELEASE, "set", "env", &deployment(CONTROL), &host, &port]);
    }

    /// Waits until this many data planes serve the version, all of it, from a control plane.
    pub(crate) fn all_serve(&self, count: usize) {
        self.watch.until_all_serve(count, Some(&self.version));
    }
}

/// A part of the test with counts of its own.
pub(crate) struct Act<'s> {
    scene: &'s Scene,
    name: &'static str,
    total: Option<Tally>,
}

impl Act<'_> {
    /// A step of the act is done: says what it cost, and looks whether anybody saw the configuration flicker.
    pub(crate) fn lap(&mut self, step: &str) {
        let tally = self.scene.load().take();
        self.scene.say(&format!("{step}: {tally}"));
        let tally = tally.lossless(step);
        self.scene.watch.assert_steady();
        match &mut self.total {
            None => self.total = Some(tally),
            Some(total) => total.add(&tally),
        }
    }

    /// Everything that was counted; nothing was lost.
    pub(crate) fn lossless(mut self) -> Tally {
        self.lap("the end of the act");
        let total = self.total.take().expect("a lap").lossless(self.name);
        self.scene.say(&format!("== {}: {total}", self.name));
        total
    }
}

fn deployment(component: &str) -> String {
    format!("deployment/{RELEASE}-{component}")
}

/// The label selector of a component's pods.
pub(crate) fn selector(component: &str) -> String {
    format!("app.kubernetes.io/instance={RELEASE},app.kubernetes.io/component={component}")
}

/// Longest that a question to a pod may take.
pub(crate) const ASK: Duration = Duration::from_secs(3);
