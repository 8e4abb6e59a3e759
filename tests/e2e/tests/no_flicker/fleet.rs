//! Who is there, and what they serve: pods as the API server shows them, and what each says at its admin port.
//!
//! Always holds: a version is a hash of the whole configuration, so a data plane that says the same version serves the same rules;
//! the log of a data plane names every version that it ever applied, so none is missed between two looks.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use clearway_e2e::Cluster;
use clearway_e2e::objects::is_true;
use clearway_testkit::client::HttpClient;
use clearway_testkit::process::{Program, tool};
use http::Method;
use serde_json::Value;

use crate::PATIENCE;
use crate::scene::{ASK, CONTROL, DATA, RELEASE, Scene, selector};

/// Between two looks at what all data planes serve.
const LOOK: Duration = Duration::from_millis(250);
/// Between two looks at who is there.
const CENSUS: Duration = Duration::from_secs(2);

/// A pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pod {
    pub(crate) name: String,
    pub(crate) address: Option<IpAddr>,
    pub(crate) ready: bool,
    pub(crate) ending: bool,
    /// How often its container was started again.
    pub(crate) restarts: u64,
    /// Its container, as containerd knows it.
    container: String,
}

/// How far a control plane has come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stage {
    /// Whether the third layer of readiness is there.
    pub(crate) published: bool,
    /// Data planes whose streams wait.
    pub(crate) waiting: u64,
}

impl Scene {
    /// The pods of a component, those that end included.
    pub(crate) fn pods(&self, component: &str) -> Vec<Pod> {
        pods(&self.cluster, component)
    }

    /// What a data plane answers to `/readyz?verbose`.
    pub(crate) fn readiness(&self, pod: &Pod) -> String {
        ask(&self.cluster, pod, 19_080, "/readyz?verbose").expect("an answer")
    }

    /// Whether a data plane serves what it kept on disk.
    pub(crate) fn last_good_in_use(&self, pod: &Pod) -> bool {
        gauge(&self.cluster, pod, 19_080, "clearway_dataplane_last_good_in_use") == Some(1)
    }

    /// Requests that all data planes have counted.
    pub(crate) fn requests_counted(&self) -> u64 {
        let pods = self.pods(DATA);
        let counted = pods
            .iter()
            .map(|pod| gauge(&self.cluster, pod, 19_080, "clearway_requests_total").expect("a scrape"));
        counted.sum()
    }

    /// How far every control plane has come that answers.
    pub(crate) fn control_stages(&self) -> Vec<Stage> {
        let stages = self.pods(CONTROL).into_iter().filter_map(|pod| {
            let published = gauge(
                &self.cluster,
                &pod,
                18_082,
                "clearway_controlplane_readiness_layer{layer=\"published\"}",
            )? == 1;
            let text = ask(&self.cluster, &pod, 18_082, "/metrics")?;
            let waiting = lines(&text, "clearway_controlplane_dataplanes")
                .filter(|line| line.contains("state=\"waiting\""));
            Some(Stage { published, waiting: waiting.filter_map(value).sum() })
        });
        stages.collect()
    }

    /// Kills the process of a pod's container; its volumes stay.
    pub(crate) fn kill_process(&self, pod: &Pod) {
        let clusters =
            std::env::var("CLEARWAY_CLUSTERS").unwrap_or_else(|_| "/tmp/clearway-clusters".to_owned());
        let socket = format!("{clusters}/{}/containerd.sock", self.cluster.name());
        let kill = ["-a", &socket, "-n", "k8s.io", "task", "kill", "--signal", "SIGKILL", &pod.container];
        Program::new(tool("ctr")).args(kill).run(ASK).success();
    }
}

fn pods(cluster: &Cluster, component: &str) -> Vec<Pod> {
    let list = cluster.get(&["-n", RELEASE, "pods", "-l", &selector(component)]);
    let read = |pod: &Value| Pod {
        name: pod["metadata"]["name"].as_str().unwrap_or_default().to_owned(),
        address: pod["status"]["podIP"].as_str().and_then(|text| text.parse().ok()),
        ready: is_true(&pod["status"]["conditions"], "Ready"),
        ending: !pod["metadata"]["deletionTimestamp"].is_null(),
        restarts: pod["status"]["containerStatuses"][0]["restartCount"].as_u64().unwrap_or_default(),
        container: pod["status"]["containerStatuses"][0]["containerID"]
            .as_str()
            .and_then(|id| id.strip_prefix("containerd://"))
            .unwrap_or_default()
            .to_owned(),
    };
    list["items"].as_array().into_iter().flatten().map(read).collect()
}

/// `GET path` of a pod; `None` when it does not answer.
fn ask(cluster: &Cluster, pod: &Pod, port: u16, path: &str) -> Option<String> {
    let address = SocketAddr::new(pod.address?, port);
    let path = path.to_owned();
    cluster.inside(|| async move {
        let asked = async {
            let mut client = HttpClient::h1(address).await.ok()?;
            Some(client.try_request(Method::GET, &path, &[], "").await.ok()?.text())
        };
        tokio::time::timeout(ASK, asked).await.ok().flatten()
    })
}

/// The sum of all series whose line begins so.
fn gauge(cluster: &Cluster, pod: &Pod, port: u16, name: &str) -> Option<u64> {
    Some(lines(&ask(cluster, pod, port, "/metrics")?, name).filter_map(value).sum())
}

fn lines<'t>(text: &'t str, name: &str) -> impl Iterator<Item = &'t str> {
    text.lines().filter(move |line| {
        line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']) || rest.is_empty())
    })
}

fn value(line: &str) -> Option<u64> {
    line.rsplit_once(' ').and_then(|(_, value)| value.parse::<f64>().ok()).map(|value| value as u64)
}

/// The version in what `/readyz?verbose` says; `None` while nothing is served.
fn version(said: &str) -> Option<&str> {
    let rest = said.lines().find_map(|line| line.strip_prefix("[+]config ok: version "))?;
    rest.split([' ', ';']).next()
}

/// Looks at all data planes, all the time.
pub(crate) struct Watch {
    cluster: Arc<Cluster>,
    routes: u64,
    seen: Arc<Seen>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Seen {
    ended: AtomicBool,
    looks: Mutex<u64>,
    /// Everything that should not have been.
    flickers: Mutex<Vec<String>>,
}

impl Watch {
    /// Nobody looks yet.
    pub(crate) fn new(cluster: Arc<Cluster>, routes: u64) -> Self {
        Self { cluster, routes, seen: Arc::default(), thread: None }
    }

    /// From now on every data plane that serves anything must serve this.
    pub(crate) fn begin(&mut self, version: String) {
        let (cluster, seen) = (self.cluster.clone(), self.seen.clone());
        let work = move || {
            let mut known = Vec::new();
            let mut census: Option<Instant> = None;
            while !seen.ended.load(Relaxed) {
                if census.is_none_or(|at| at.elapsed() > CENSUS) {
                    known = pods(&cluster, DATA);
                    census = Some(Instant::now());
                }
                for pod in &known {
                    seen.look(&cluster, pod, &version);
                }
                std::thread::park_timeout(LOOK);
            }
        };
        self.thread = Some(std::thread::spawn(work));
    }

    /// Waits until this many data planes are ready and serve this version (or the same one, whichever) with all rules, connected
    /// to a control plane, and gives it. None of them has ever applied another one since it began to serve it.
    pub(crate) fn until_all_serve(&self, count: usize, wanted: Option<&str>) -> String {
        let what = format!("{count} data planes serve {} rules", self.routes);
        let version = self.cluster.until(&what, PATIENCE, || {
            let pods: Vec<Pod> = pods(&self.cluster, DATA).into_iter().filter(|pod| !pod.ending).collect();
            let all = pods.len() == count && pods.iter().all(|pod| pod.ready);
            if !all {
                return None;
            }
            let said: Vec<String> =
                pods.iter().filter_map(|pod| ask(&self.cluster, pod, 19_080, "/readyz?verbose")).collect();
            let first = version(said.first()?)?;
            let same = said.len() == count
                && said.iter().all(|said| {
                    version(said) == Some(first) && said.contains("[+]control-plane ok: connected")
                });
            let whole = || {
                pods.iter().all(|pod| {
                    let rules = gauge(&self.cluster, pod, 19_080, "clearway_config_objects{kind=\"rule\"}");
                    rules.is_some_and(|rules| rules >= self.routes)
                })
            };
            (same && wanted.is_none_or(|wanted| wanted == first) && whole()).then(|| first.to_owned())
        });
        if wanted.is_some() {
            self.nothing_else_was_applied(&version);
        }
        version
    }

    /// Reads the logs: whoever began after the watch has applied this version only.
    fn nothing_else_was_applied(&self, version: &str) {
        for pod in pods(&self.cluster, DATA).iter().filter(|pod| !pod.ending) {
            let log = self.cluster.kubectl(&["-n", RELEASE, "logs", &pod.name]);
            let applied: Vec<&str> =
                log.lines().filter(|line| line.contains("Configuration applied.")).collect();
            let first = applied.iter().position(|line| line.contains(version));
            let later = first.map_or(&[][..], |first| applied.get(first + 1..).unwrap_or_default());
            assert!(later.is_empty(), "{} has applied something else: {applied:#?}", pod.name);
        }
    }

    /// Panics when anybody has ever been seen to serve something else.
    pub(crate) fn assert_steady(&self) {
        let flickers = self.seen.flickers.lock().unwrap_or_else(PoisonError::into_inner);
        let looks = *self.seen.looks.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(flickers.is_empty(), "after {looks} looks:\n{}", flickers.join("\n"));
        assert!(looks > 0, "nobody has looked");
    }
}

impl Seen {
    fn look(&self, cluster: &Cluster, pod: &Pod, wanted: &str) {
        let Some(said) = ask(cluster, pod, 19_080, "/readyz?verbose") else { return };
        *self.looks.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        let other = version(&said).is_some_and(|version| version != wanted);
        if other || said.contains("is refused:") {
            let mut flickers = self.flickers.lock().unwrap_or_else(PoisonError::into_inner);
            flickers.push(format!("{} serves something else than {wanted}: {said}", pod.name));
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.seen.ended.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic there was printed; this one must not hide it.
            thread.join().ok();
        }
    }
}
