//! Prints what one changed route costs among 50, 500 and 2,000, stage by stage, both planes in one process: `cargo run
//! --release -p clearway-dataplane --example change_cost`. `travel` is the way over the wire: what differs is found, sent on
//! loopback, read, checked against the Manifest and put together. Medians; time on the clock.

use std::sync::Arc;
use std::time::{Duration, Instant};

use clearway_k8s::Object;
use clearway_model::{ObjectRef, Snapshot};
use clearway_proxy::{LedgerOptions, Live, Options as ProxyOptions, Proxy};
use clearway_telemetry::redact::{RecordOptions, RecordPolicy};
use clearway_telemetry::trace::Propagation;
use clearway_telemetry::{Switches, Telemetry};
use clearway_translate::{Exposure, GatewayAddresses, Options, Translator, World};
use clearway_xds::{Client, ClientOptions, Hub, ResourceFault, Resources, ServerOptions, Sink, serve};
use serde_json::{Value, json};
use tokio::sync::mpsc;

const ROUNDS: usize = 41;
const FLEET: &str = "fleet";
const STAGES: [&str; 6] = ["translate", "encode", "travel", "compile", "swap", "total"];

#[tokio::main(flavor = "multi_thread", worker_threads = 1)]
async fn main() {
    println!("{:10} {:>7} {}", "", "routes", STAGES.map(|stage| format!("{stage:>10}")).join(" "));
    for backends in [false, true] {
        for count in [50, 500, 2_000] {
            let mut bench = Bench::start().await;
            let mut world = world(count, backends);
            bench.round(&world).await;
            let mut rounds = Vec::new();
            for round in 0..ROUNDS {
                insert(&mut world, route((round * 37) % count, count, backends, round + 1));
                rounds.push(bench.round(&world).await);
            }
            let medians = std::array::from_fn::<_, 6, _>(|stage| {
                let mut taken: Vec<Duration> = rounds.iter().map(|round| round[stage]).collect();
                taken.sort();
                format!("{:>7} us", taken[ROUNDS / 2].as_micros())
            });
            let what = if backends { "backends" } else { "redirects" };
            println!("{what:10} {count:>7} {}", medians.join(" "));
        }
    }
}

/// Both planes.
struct Bench {
    translator: Translator,
    hub: Hub,
    seen: mpsc::UnboundedReceiver<Snapshot>,
    telemetry: Arc<Telemetry>,
    proxy: Proxy,
}

struct Hand(mpsc::UnboundedSender<Snapshot>);

impl Sink for Hand {
    async fn apply(&mut self, snapshot: Snapshot) -> Result<(), Vec<ResourceFault>> {
        self.0.send(snapshot).expect("somebody takes it");
        Ok(())
    }
}

impl Bench {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let hub = Hub::new();
        hub.open_gate();
        tokio::spawn(serve(listener, None, hub.clone(), ServerOptions::new("cp"), std::future::pending()));
        let (client, _state) = Client::new(ClientOptions::new("127.0.0.1", port, "pod", FLEET));
        let (sender, seen) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            client.run(Hand(sender)).await;
        });
        let telemetry = Telemetry::new(2, Switches::default());
        let ledger = LedgerOptions {
            sampler: None,
            propagation: Propagation::default(),
            policy: RecordPolicy::new(&RecordOptions::default()).expect("defaults are good"),
            access_log: None,
            spans: None,
            logs: None,
        };
        let options = ProxyOptions { workers: 2, ..ProxyOptions::default() };
        let proxy = Proxy::start(options, &ledger, &telemetry).expect("a proxy");
        Self { translator: Translator::default(), hub, seen, telemetry, proxy }
    }

    /// One change from the world to the workers.
    async fn round(&mut self, world: &World) -> [Duration; 6] {
        let options =
            Options { exposure: Exposure::Cluster, ..Options::new("gateway.networking.k8s.io/clearway") };
        let began = Instant::now();
        let mut translation = self.translator.translate(world, &options);
        let translated = began.elapsed();
        let snapshot = Arc::new(std::mem::take(&mut translation.snapshot));
        let before = self.hub.published(FLEET);
        let resources = Arc::new(Resources::encode(snapshot, before.as_deref()));
        let encoded = began.elapsed();
        self.hub.publish(FLEET, resources);
        let mut snapshot = self.seen.recv().await.expect("a snapshot");
        let travelled = began.elapsed();
        for listener in snapshot.listeners.values_mut().map(Arc::make_mut) {
            // Nothing is bound outside of loopback, nor where somebody may be.
            (listener.address, listener.binds) = (Some([127, 0, 0, 1].into()), vec![0]);
        }
        let live = Live::compile(&Arc::new(snapshot), &self.telemetry, Some(&self.proxy.live()))
            .expect("it compiles");
        let compiled = began.elapsed();
        self.proxy.apply(live).await.expect("it is applied");
        let swapped = began.elapsed();
        [
            translated,
            encoded - translated,
            travelled - encoded,
            compiled - travelled,
            swapped - compiled,
            swapped,
        ]
    }
}

fn insert(world: &mut World, value: Value) {
    world.insert(Object::from_value(value).unwrap_or_else(|error| panic!("{error}")));
}

/// Routes under one Gateway: of one rule that redirects, or of two rules with a Service each.
fn world(count: usize, backends: bool) -> World {
    let mut world = World::default();
    insert(
        &mut world,
        json!({
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass", "metadata": {"name": "clearway"},
            "spec": {"controllerName": "gateway.networking.k8s.io/clearway"},
        }),
    );
    insert(
        &mut world,
        json!({
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway", "metadata": {"name": "gw"},
            "spec": {"gatewayClassName": "clearway", "listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}]},
        }),
    );
    for index in 0..count {
        insert(&mut world, route(index, count, backends, 0));
        if !backends {
            continue;
        }
        let name = format!("web-{index}");
        insert(
            &mut world,
            json!({
                "apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
                "spec": {"ports": [{"name": "http", "port": 80, "targetPort": 8080}]},
            }),
        );
        insert(
            &mut world,
            json!({
                "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
                "metadata": {"name": name, "labels": {"kubernetes.io/service-name": name}},
                "addressType": "IPv4", "ports": [{"name": "http", "port": 8080}],
                "endpoints": [{"addresses": ["10.0.0.1"]}, {"addresses": ["10.0.0.2"]}],
            }),
        );
    }
    let gateway = ObjectRef::new("default", "gw");
    world.ports.insert((gateway.clone(), 80), 20_000);
    world.addresses.insert(gateway, GatewayAddresses { assigned: vec!["192.0.2.1".to_owned()] });
    world
}

fn route(index: usize, count: usize, backends: bool, edition: usize) -> Value {
    let name = format!("web-{index}");
    let other = format!("web-{}", (index * 7) % count);
    let edit =
        json!({"type": "RequestRedirect", "requestRedirect": {"hostname": format!("e{edition}.example")}});
    let edited = json!({
        "type": "RequestHeaderModifier",
        "requestHeaderModifier": {"set": [{"name": "x-edition", "value": edition.to_string()}]},
    });
    let rules = if backends {
        json!([
            {"matches": [{"path": {"value": "/a"}}], "filters": [edited], "backendRefs": [{"name": name, "port": 80}]},
            {"backendRefs": [{"name": other, "port": 80}]},
        ])
    } else {
        json!([{"filters": [edit]}])
    };
    json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": name},
        "spec": {"parentRefs": [{"name": "gw"}], "hostnames": [format!("h{index}.example")], "rules": rules},
    })
}
