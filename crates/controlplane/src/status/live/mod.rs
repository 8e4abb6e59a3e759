//! The writers against a real kube-apiserver and etcd. `make test-cluster` runs these; by hand:
//! `cargo test -p clearway-controlplane --lib -- --ignored live`.

pub(crate) mod apiserver;
mod lease;
mod statuses;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use clearway_k8s::Object;
use clearway_model::ObjectRef;
use clearway_telemetry::control::ControlTelemetry;
use clearway_translate::{Exposure, Options, World, translate};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::{Inputs, Writer};
use crate::events::Recorder;
use crate::options::ControlOptions;
use crate::publish::Published;
use crate::rest::Rest;
use crate::services::Infrastructure;
use crate::world::{FleetPod, Observations, Observed, View};

use apiserver::ApiServer;

const GATEWAY_API: &str = "/apis/gateway.networking.k8s.io/v1";
const ROUTES: usize = 2_000;

/// Objects by path of their collection.
async fn make(rest: &Rest, collection: &str, object: Value) {
    rest.create(collection, &object).await.unwrap();
}

async fn list(rest: &Rest, collection: &str) -> Vec<Value> {
    rest.get(collection).await.unwrap()["items"].as_array().unwrap().clone()
}

/// Asks until the answer is `Some`.
async fn until<T, F: Future<Output = Option<T>>>(what: &str, mut ask: impl FnMut() -> F) -> T {
    let answers = async {
        loop {
            if let Some(found) = ask().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), answers)
        .await
        .unwrap_or_else(|_| panic!("never seen: {what}"))
}

fn class(name: &str) -> Value {
    json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass", "metadata": {"name": name},
        "spec": {"controllerName": "gateway.networking.k8s.io/edge"},
    })
}

fn gateway(name: &str) -> Value {
    json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "gatewayClassName": "edge",
            "infrastructure": {"labels": {"team": "blue"}, "annotations": {"lb/zone": "a"}},
            "listeners": [{"name": "web", "port": 80, "protocol": "HTTP"}],
        },
    })
}

fn route(name: &str) -> Value {
    json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"parentRefs": [{"name": "web"}], "rules": [{"backendRefs": [{"name": "none", "port": 80}]}]},
    })
}

/// Writers at work.
struct Running {
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl Running {
    async fn end(mut self) {
        self.stop.send_replace(true);
        while self.tasks.join_next().await.is_some() {}
    }
}

/// What the watches and the translation do in the whole control plane.
struct Stage {
    server: ApiServer,
    options: Arc<ControlOptions>,
    telemetry: Arc<ControlTelemetry>,
    observed: Arc<Observations>,
    newest: watch::Sender<Option<Arc<Published>>>,
    leading: watch::Sender<bool>,
}

impl Stage {
    async fn new() -> Self {
        let server = ApiServer::start().await;
        make(&server.rest, &format!("{GATEWAY_API}/gatewayclasses"), class("edge")).await;
        Self {
            server,
            options: Arc::new(ControlOptions::new("edge", "default")),
            telemetry: ControlTelemetry::new(),
            observed: Arc::default(),
            newest: watch::Sender::new(None),
            leading: watch::Sender::new(true),
        }
    }

    fn rest(&self) -> &Rest {
        &self.server.rest
    }

    /// Reads everything, writes down what is seen, translates and publishes.
    async fn look(&self) {
        let world = self.world().await;
        let mut options = Options::new("gateway.networking.k8s.io/edge");
        options.exposure = Exposure::Cluster;
        let translation = translate(&world, &options);
        let pod = FleetPod {
            name: "p".into(),
            uid: "u".into(),
            addresses: vec!["10.0.0.1".parse().unwrap()],
            ready: true,
            ..FleetPod::default()
        };
        let view = View {
            gateways: Arc::new(world.gateways.clone()),
            services: self.made("/api/v1/namespaces/default/services").await,
            slices: self.made("/apis/discovery.k8s.io/v1/namespaces/default/endpointslices").await,
            pods: Arc::new(vec![pod]),
        };
        self.newest.send_replace(Some(Arc::new(Published {
            generation: 1,
            snapshot: Arc::new(translation.snapshot.clone()),
            translation: Arc::new(translation),
            view,
            faults: Arc::default(),
            at: std::time::SystemTime::now(),
        })));
    }

    /// Reads the Gateway API, and remembers statuses.
    async fn world(&self) -> World {
        let mut world = World::default();
        for (kind, plural) in [
            ("GatewayClass", "gatewayclasses"),
            ("Gateway", "namespaces/default/gateways"),
            ("HTTPRoute", "namespaces/default/httproutes"),
        ] {
            for mut object in list(self.rest(), &format!("{GATEWAY_API}/{plural}")).await {
                object["apiVersion"] = "gateway.networking.k8s.io/v1".into();
                object["kind"] = kind.into();
                let text = |key: &str| object["metadata"][key].as_str().unwrap_or_default().to_owned();
                let seen = Observed {
                    api_version: "gateway.networking.k8s.io/v1".into(),
                    resource_version: text("resourceVersion"),
                    generation: object["metadata"]["generation"].as_i64().unwrap(),
                    uid: text("uid"),
                    status: object["status"].clone(),
                };
                self.observed.put(kind, &ObjectRef::new(text("namespace"), text("name")), &seen);
                object.as_object_mut().unwrap().remove("status");
                world.insert(Object::from_value(object).unwrap());
            }
        }
        world
    }

    /// What this installation made.
    async fn made(&self, collection: &str) -> Arc<BTreeMap<ObjectRef, Arc<Value>>> {
        let label = crate::world::managed_by(&self.options);
        let query = format!("{collection}?labelSelector=app.kubernetes.io/managed-by%3D{label}");
        let found = list(self.rest(), &query).await.into_iter().map(|object| {
            (ObjectRef::new("default", object["metadata"]["name"].as_str().unwrap()), Arc::new(object))
        });
        Arc::new(found.collect())
    }

    /// Starts the writers, as a leader does that remembers nothing.
    fn start(&self) -> Running {
        let stop = watch::Sender::new(false);
        let mut tasks = JoinSet::new();
        let common = || (self.server.client.clone(), self.telemetry.clone(), self.options.clone());
        let (client, telemetry, options) = common();
        let (recorder, notices) = Recorder::new(client, telemetry, options);
        let (client, telemetry, options) = common();
        let infrastructure = Infrastructure::new(client, telemetry, options, notices.clone());
        let (client, telemetry, options) = common();
        let writer = Writer::new(client, telemetry, options, notices);
        let inputs = Inputs {
            published: self.newest.subscribe(),
            observed: self.observed.clone(),
            refusals: infrastructure.refusals(),
            leading: self.leading.subscribe(),
            shutdown: stop.subscribe(),
        };
        tasks.spawn(writer.run(inputs));
        tasks.spawn(recorder.run(stop.subscribe()));
        tasks.spawn(infrastructure.run(self.newest.subscribe(), self.leading.subscribe(), stop.subscribe()));
        Running { stop, tasks }
    }

    async fn get(&self, path: &str) -> Option<Value> {
        self.rest().get(path).await.ok()
    }
}

fn condition<'v>(list: &'v Value, kind: &str) -> Option<&'v Value> {
    list.as_array()?.iter().find(|one| one["type"] == kind)
}
