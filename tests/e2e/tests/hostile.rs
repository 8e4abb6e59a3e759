//! The corpus of bad objects on a real Kubernetes, whose apiserver is made to let them in: each shows its condition by kubectl or in
//! `/config`, the good routes answer every request meanwhile, new ones are served in time, nothing restarts, and when the bad
//! ones are deleted no trace of them is left.

#[path = "hostile/bad.rs"]
mod bad;
#[path = "hostile/planes.rs"]
mod planes;
#[path = "hostile/traffic.rs"]
mod traffic;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use clearway_e2e::Cluster;
use clearway_e2e::objects::{demo_backend, http_route, is_true};
use clearway_testkit::hostile::{Case, HOSTILE, corpus, good, hostile_scene};
use serde_json::{Value, json};

/// Longest until everything bad is said.
const SAID: Duration = Duration::from_secs(400);
/// Longest until a good route that is made beside the corpus is served.
const SERVED: Duration = Duration::from_secs(30);

#[test]
fn bad_objects_are_told_so_and_harm_nobody() {
    let mut cluster = Cluster::start("hostile");
    cluster.deploy("clearway", &[]);
    bad::relax(&cluster);
    let corpus = corpus();
    let address = furnish(&cluster);
    let planes = planes::Planes::look(&cluster);
    let hosts = (0..45).map(|n| format!("httproute-{n}.good.example")).collect();
    let answered = std::thread::scope(|scope| {
        let traffic = traffic::Traffic::start(scope, &cluster, address, hosts);
        come_and_go(&cluster, address, &planes, &corpus);
        traffic.end()
    });
    println!("{answered} requests to good routes, none failed");
    assert!(answered > 1_000, "{answered}");
}

/// The corpus comes, everything is said of it, and it goes.
fn come_and_go(cluster: &Cluster, address: SocketAddr, planes: &planes::Planes, corpus: &[Case]) {
    let before = good_status(cluster);
    let began = Instant::now();
    let objects: Vec<Value> =
        hostile_scene().into_iter().chain(corpus.iter().flat_map(|case| case.objects.clone())).collect();
    bad::create(cluster, &objects);
    println!("{} objects of {} cases created in {:?}", objects.len(), corpus.len(), began.elapsed());
    bad::assert_admitted(cluster, corpus, &objects);
    serves_newcomers(cluster, address, "beside");
    let said = Instant::now();
    everything_is_said(cluster, planes, corpus);
    println!("all said {:?} after the last was created", said.elapsed());
    serves_newcomers(cluster, address, "after");
    planes.unharmed(cluster);

    let began = Instant::now();
    bad::delete(cluster, &objects);
    println!("all deleted in {:?}", began.elapsed());
    cluster.until("the world is clean", SAID, || planes.problems(cluster).is_empty().then_some(()));
    cluster
        .until("the good have the status they had", SAID, || (good_status(cluster) == before).then_some(()));
    serves_newcomers(cluster, address, "again");
    planes.unharmed(cluster);
}

/// The good world with a real backend; the address of its Gateway.
fn furnish(cluster: &Cluster) -> SocketAddr {
    let [deployment, _] = demo_backend("good", "web", 1);
    // The class of the release is there already.
    let objects = good().into_iter().filter(|object| object["kind"] != "GatewayClass").chain([deployment]);
    cluster.apply(&objects.collect::<Vec<_>>());
    cluster.kubectl(&["-n", "good", "rollout", "status", "deployment/web", "--timeout=120s"]);
    let address = cluster.gateway_address("good", "edge", 80);
    for number in [0, 44] {
        cluster.until_code(address, &format!("httproute-{number}.good.example"), 200);
    }
    address
}

/// Conditions of the good routes and their Gateway, without times.
fn good_status(cluster: &Cluster) -> BTreeMap<String, Value> {
    let list = cluster.get(&["-n", "good", "gateways,httproutes,grpcroutes"]);
    let items = list["items"].as_array().cloned().unwrap_or_default();
    let mut found = BTreeMap::new();
    for mut item in items {
        let name = item["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        if name.starts_with("newcomer") {
            continue;
        }
        let mut status = item["status"].take();
        strip(&mut status);
        found.insert(format!("{} {name}", item["kind"]), status);
    }
    found
}

/// Takes away what changes with time and with what others attach.
fn strip(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|key, _| !matches!(key.as_str(), "lastTransitionTime" | "attachedRoutes"));
            fields.values_mut().for_each(strip);
        }
        Value::Array(items) => items.iter_mut().for_each(strip),
        _ => {}
    }
}

fn serves_newcomers(cluster: &Cluster, address: SocketAddr, when: &str) {
    for number in 0..3 {
        let name = format!("newcomer-{when}-{number}");
        let host = format!("{name}.good.example");
        let rules = json!([{"backendRefs": [{"name": "web", "port": 80}]}]);
        cluster.apply(&[http_route("good", &name, "edge", &host, &rules)]);
        let began = Instant::now();
        cluster.until("a new good route is served", SERVED, || {
            (cluster.code(address, &host) == 200).then_some(())
        });
        println!("{name} is served {:?} after kubectl returned", began.elapsed());
        let accepted = |route: &Value| is_true(&route["status"]["parents"][0]["conditions"], "Accepted");
        cluster.until_get("it is accepted", &["-n", "good", "httproute", &name], accepted);
    }
}

fn everything_is_said(cluster: &Cluster, planes: &planes::Planes, corpus: &[Case]) {
    let began = Instant::now();
    loop {
        let (statuses, problems) = (bad::statuses(cluster), planes.problems(cluster));
        let wrong = bad::wrong(corpus, &statuses, &problems);
        if wrong.is_empty() {
            return;
        }
        println!(
            "[{:>4.0} s] {} are not said yet, such as {}",
            began.elapsed().as_secs_f64(),
            wrong.len(),
            wrong[0]
        );
        assert!(
            began.elapsed() < SAID,
            "{} are not said as they must be:\n{}",
            wrong.len(),
            wrong.join("\n")
        );
    }
}

/// Namespaces with bad objects.
const BAD_NAMESPACES: [&str; 2] = [HOSTILE, "elsewhere"];
