//! A world as the control plane's store holds it, and the way from there to a data plane.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use clearway_k8s::{Object, Time, Unreadable, validate};
use clearway_model::Snapshot;
use clearway_proxy::Live;
use clearway_telemetry::Telemetry;
use clearway_telemetry::families::Switches;
use clearway_testkit::hostile::CONTROLLER;
use clearway_translate::{Exposure, GatewayAddresses, ObjectName, Options, Translation, World, translate};
use clearway_xds::{Client, ClientOptions, Hub, ResourceFault, Resources, ServerOptions, Sink, serve};
use serde_json::{Value, json};
use tokio::net::TcpListener;

const FLEET: &str = "clearway-dataplane";
/// Longer than anything here takes, unless it hangs.
const HANG: Duration = Duration::from_secs(120);
/// Kinds that have a status of ours; what is wrong with the others is noted when they come.
const WITH_STATUS: &[&str] =
    &["Gateway", "GatewayClass", "ListenerSet", "BackendTLSPolicy", "ObservabilityPolicy"];

/// When objects were made: good ones before bad ones.
#[derive(Clone, Copy)]
pub(crate) enum Age {
    Old,
    Young,
}

#[derive(Default)]
pub(crate) struct Scene {
    world: World,
}

pub(crate) fn name_of(object: &Value) -> ObjectName {
    let text = |path: &str| object.pointer(path).and_then(Value::as_str).unwrap_or_default();
    ObjectName::new(text("/kind"), text("/metadata/namespace"), text("/metadata/name"))
}

impl Scene {
    /// Puts objects in, as the store does with what a watch tells.
    pub(crate) fn add(&mut self, objects: impl IntoIterator<Item = Value>, age: Age) {
        let created = match age {
            Age::Old => Time(1_790_000_000),
            Age::Young => Time(1_790_000_100),
        };
        for mut object in objects {
            let name = name_of(&object);
            object["metadata"]["generation"] = json!(1);
            object["metadata"]["uid"] = json!(name.to_string());
            object["metadata"]["creationTimestamp"] = json!(created.to_string());
            match Object::read_in_place(&mut object) {
                Ok(loaded) => {
                    let kind = loaded.object.kind();
                    let errors = validate(&loaded.object);
                    if !errors.is_empty() && !kind.ends_with("Route") && !WITH_STATUS.contains(&kind) {
                        self.world.findings.insert(name.clone(), errors);
                    }
                    assert!(!self.world.insert(loaded.object), "{name} stands twice");
                }
                Err(error) => {
                    let twice = self.world.unreadable.insert(name, Unreadable::new(error, &object));
                    assert!(twice.is_none(), "{twice:?} stands twice");
                }
            }
        }
    }

    /// Gives every Gateway private ports and an address, as the control plane and the cluster do.
    pub(crate) fn furnish(&mut self) {
        let mut private = 20_000;
        let mut all: Vec<_> = self.translate().infrastructure.into_iter().collect();
        // The good ones are older: they have their ports and keep them.
        all.sort_by_key(|(gateway, _)| *gateway.namespace != *"good");
        for (index, (gateway, plan)) in all.into_iter().enumerate() {
            for port in plan.ports {
                self.world.ports.insert((gateway.clone(), port), private);
                private += 1;
            }
            let index = u8::try_from(index % 250).unwrap_or_default();
            let assigned = vec![format!("10.250.1.{index}")];
            self.world.addresses.insert(gateway, GatewayAddresses { assigned });
        }
    }

    pub(crate) fn translate(&self) -> Translation {
        let options = Options {
            exposure: Exposure::Cluster,
            merged: Some((10_080, 10_443)),
            ..Options::new(CONTROLLER)
        };
        translate(&self.world, &options)
    }
}

/// What a data plane got, and what its compiler says.
type Taken = (Snapshot, Result<(), Vec<String>>);

/// Compiles what it gets, as a data plane does before it binds ports.
struct Compiler(Arc<Mutex<Option<Taken>>>);

impl Sink for Compiler {
    async fn apply(&mut self, snapshot: Snapshot) -> Result<(), Vec<ResourceFault>> {
        let telemetry = Telemetry::new(1, Switches::default());
        let compiled = Live::compile(&Arc::new(snapshot.clone()), &telemetry, None)
            .map(drop)
            .map_err(|problems| problems.iter().map(ToString::to_string).collect());
        *self.0.lock().expect("nobody panics with it") = Some((snapshot, compiled));
        Ok(())
    }
}

/// Sends a snapshot to a data plane by delta xDS over loopback.
pub(crate) async fn send(snapshot: Arc<Snapshot>) -> Taken {
    let hub = Hub::new();
    hub.open_gate();
    hub.publish(FLEET, Arc::new(Resources::encode(snapshot.clone(), None)));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let server =
        tokio::spawn(serve(listener, None, hub, ServerOptions::new("control-plane"), std::future::pending()));
    let options = ClientOptions::new(address.ip().to_string(), address.port(), "node", FLEET);
    let (client, mut state) = Client::new(options);
    let taken = Arc::new(Mutex::new(None));
    let sink = Compiler(taken.clone());
    let client = tokio::spawn(async move {
        client.run(sink).await;
    });
    let applied = state.wait_for(|state| state.applied.as_ref() == Some(&snapshot.version));
    tokio::time::timeout(HANG, applied).await.expect("the snapshot arrives").expect("the client lives");
    client.abort();
    server.abort();
    let taken = taken.lock().expect("nobody panics with it").take();
    taken.expect("something was compiled")
}
