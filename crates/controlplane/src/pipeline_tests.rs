//! The pipeline on changes that a test plays: what is published, when, and what is never published.

use clearway_k8s::{Condition, ConditionStatus, Object, Time, Unreadable};
use clearway_model::ObjectRef;
use clearway_telemetry::control::ControlTelemetry;
use clearway_xds::Hub;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::*;
use crate::publish::{Newest, Published};
use crate::watch::script::Script;
use crate::watch::{CONFIG_MAP, Content, KINDS, Kind, Range, SECRET, Unit, What};
use crate::world::Observations;

const CONTROLLER: &str = "gateway.networking.k8s.io/edge";

/// A pipeline whose watches are played.
struct Played {
    changes: mpsc::Sender<Change>,
    board: Arc<Board>,
    newest: Newest,
    hub: Hub,
    task: JoinHandle<()>,
}

impl Drop for Played {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn play() -> Played {
    let options = Arc::new(ControlOptions::new("edge", "infra"));
    let telemetry = ControlTelemetry::new();
    let board = Arc::new(Board::new(telemetry.clone()));
    let hub = Hub::new();
    let publisher = Arc::new(Publisher::new(&options.fleet, hub.clone(), telemetry));
    let silent = Script::new([]).client();
    let (watches, waiting) =
        Watches::start(silent, &options, board.clone(), Arc::new(Observations::default()));
    let changes = watches.sender();
    let newest = publisher.newest();
    let pipeline = Pipeline::new(options, board.clone(), publisher, (watches, waiting));
    Played { changes, board, newest, hub, task: tokio::spawn(pipeline.run()) }
}

impl Played {
    async fn tell(&self, what: What) {
        self.changes.send(Change { seen: Instant::now(), what }).await.unwrap();
    }

    async fn apply(&self, value: Value) {
        let name = value["kind"].as_str().unwrap().to_owned();
        let kind = kind(&name);
        let text = |path: &str| value.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
        let key = ObjectRef::new(text("/metadata/namespace"), text("/metadata/name"));
        let mut value = value;
        let content = match Object::read_in_place(&mut value) {
            Ok(loaded) => Content::Object(Box::new(loaded), None),
            Err(error) => Content::Unreadable(Box::new(Unreadable::new(error, &value))),
        };
        self.tell(What::Applied { kind, key, content }).await;
    }

    async fn in_step(&self, units: Vec<Unit>) {
        for unit in units {
            self.tell(What::InStep(unit)).await;
        }
    }

    async fn published(&mut self) -> Arc<Published> {
        self.newest.changed().await.unwrap();
        self.newest.borrow_and_update().clone().unwrap()
    }
}

fn kind(name: &str) -> &'static Kind {
    let all = KINDS.iter().chain([SECRET, CONFIG_MAP]);
    all.into_iter().find(|kind| kind.name == name).unwrap()
}

fn class() -> Value {
    json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass",
        "metadata": {"name": "edge"}, "spec": {"controllerName": CONTROLLER},
    })
}

fn gateway(secret: &str) -> Value {
    json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
        "metadata": {
            "name": "web", "namespace": "shop", "generation": 1, "uid": "u",
            "creationTimestamp": Time(1_790_000_000).to_string(),
        },
        "spec": {
            "gatewayClassName": "edge",
            "listeners": [{
                "name": "web", "port": 443, "protocol": "HTTPS",
                "tls": {"certificateRefs": [{"name": secret}]},
            }],
        },
    })
}

fn route(name: &str) -> Value {
    json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
        "metadata": {"name": name, "namespace": "shop", "generation": 1},
        "spec": {"parentRefs": [{"name": "web"}], "rules": [{}]},
    })
}

fn secret(name: &str) -> Unit {
    Unit { kind: SECRET, range: Range::Object(ObjectRef::new("shop", name)) }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_published_before_the_last_watch_is_in_step() {
    let mut played = play();
    let mut units = played.board.behind();
    let last = units.pop().unwrap();
    played.apply(class()).await;
    played.apply(gateway("a")).await;
    played.in_step(units).await;
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert!(played.newest.borrow().is_none() && played.hub.published("edge-dataplane").is_none());
    played.in_step(vec![last]).await;
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert!(played.newest.borrow().is_none(), "the Secret that the Gateway names has not been read");
    played.in_step(vec![secret("a")]).await;
    let first = played.published().await;
    assert_eq!(first.generation, 1);
    assert!(first.translation.status.gateways.contains_key(&ObjectRef::new("shop", "web")));
    assert!(played.hub.published("edge-dataplane").is_some() && *played.board.gate().borrow());
}

#[tokio::test(start_paused = true)]
async fn changes_in_quick_succession_are_one_translation() {
    let mut played = play();
    played.apply(class()).await;
    played.in_step(played.board.behind()).await;
    played.published().await;
    for number in 0..50 {
        played.apply(route(&format!("r{number}"))).await;
    }
    let next = played.published().await;
    assert_eq!(next.generation, 2);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(!played.newest.has_changed().unwrap(), "all of them were in it");
}

/// A pipeline that has published a Gateway with its certificate.
async fn gateway_served() -> (Played, Arc<Published>) {
    let mut played = play();
    played.apply(class()).await;
    played.apply(gateway("a")).await;
    played.in_step(played.board.behind()).await;
    while !played.board.behind().contains(&secret("a")) {
        tokio::time::advance(Duration::from_millis(1)).await;
    }
    played.in_step(vec![secret("a")]).await;
    let first = played.published().await;
    (played, first)
}

#[tokio::test(start_paused = true)]
async fn a_new_reference_holds_what_is_served_until_it_is_read_but_not_for_ever() {
    let (mut played, first) = gateway_served().await;

    played.apply(gateway("b")).await;
    let began = tokio::time::Instant::now();
    let next = played.published().await;
    assert_eq!(next.generation, first.generation + 1);
    assert!(began.elapsed() >= PATIENCE, "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_newer_version_that_cannot_be_read_takes_nothing_away() {
    let (mut played, first) = gateway_served().await;
    let mut broken = gateway("a");
    broken["spec"]["listeners"][0]["port"] = json!("https");
    broken["metadata"]["generation"] = json!(2);
    played.apply(broken).await;
    let next = played.published().await;
    assert_eq!(next.snapshot.version, first.snapshot.version);
    let conditions = |published: &Published| {
        published.translation.status.gateways[&ObjectRef::new("shop", "web")].conditions.clone()
    };
    let (before, now) = (conditions(&first), conditions(&next));
    assert_eq!(now[1..], before[1..], "what is served is still programmed, of its generation");
    let Condition { status, reason, message, observed_generation, .. } = &now[0];
    assert_eq!((*status, reason.as_str(), *observed_generation), (ConditionStatus::False, "Invalid", 2));
    assert!(message.starts_with("spec.listeners[0].port: cannot be read: "), "{message}");
    assert!(message.contains("generation 1, which could be read, goes on being served"), "{message}");
    let named = next.translation.problems.iter().any(|problem| {
        problem.object.to_string() == "Gateway shop/web" && problem.field == "spec.listeners[0].port"
    });
    assert!(named, "{:?}", next.translation.problems);

    played.apply(gateway("a")).await;
    assert_eq!(conditions(&*played.published().await), before, "mended");
}
