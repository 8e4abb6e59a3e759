//! Faults of apiserver, connection and objects, and what a guarded watch makes of them.

use std::sync::Arc;

use clearway_model::ObjectRef;
use clearway_telemetry::control::ControlTelemetry;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::failure::Reason;
use super::script::{Reply, Script, end_of_list, event, refusal};
use super::*;
use crate::world::Observations;

/// A watch of one kind on a scripted apiserver.
struct Watched {
    told: mpsc::Receiver<Change>,
    board: Arc<Board>,
    observed: Arc<Observations>,
    unit: Unit,
    _tasks: JoinSet<()>,
}

fn watch(kind: &str, script: &Script) -> Watched {
    let kind = KINDS.iter().find(|known| known.name == kind).unwrap();
    watch_unit(Unit { kind, range: Range::All }, script)
}

fn watch_unit(unit: Unit, script: &Script) -> Watched {
    let kind = unit.kind;
    let (changes, told) = mpsc::channel(64);
    let board = Arc::new(Board::new(ControlTelemetry::new()));
    let observed = Arc::new(Observations::default());
    let discovery = Discovery::new(script.client(), changes.clone());
    let context = Context {
        client: script.client(),
        discovery: discovery.clone(),
        board: board.clone(),
        observed: observed.clone(),
        changes,
        managed_by: "ours".to_owned(),
    };
    board.expect(&unit);
    let mut tasks = JoinSet::new();
    if kind.is_custom() {
        tasks.spawn(async move { discovery.run().await });
    }
    tasks.spawn(Guard::new(unit.clone(), Arc::new(context)).run());
    Watched { told, board, observed, unit, _tasks: tasks }
}

impl Watched {
    /// What is told next, in short.
    async fn next(&mut self) -> String {
        match self.told.recv().await.unwrap().what {
            What::Applied { key, content: Content::Unreadable(_), .. } => format!("unreadable {key}"),
            What::Applied { key, .. } => format!("applied {key}"),
            What::Gone { key, .. } => format!("gone {key}"),
            What::InStep(_) => "in step".to_owned(),
            What::Installed(api) => format!("installed {}", api.bundle_version),
        }
    }

    async fn expect(&mut self, words: &[&str]) {
        for word in words {
            assert_eq!(self.next().await, *word);
        }
    }

    fn failure(&self) -> Option<Reason> {
        let watches = self.board.watches();
        watches.into_iter().find(|(unit, _)| *unit == self.unit)?.1.failure.map(|failure| failure.reason)
    }
}

fn service(name: &str, version: &str, port: u16) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {"name": name, "namespace": "n", "resourceVersion": version},
        "spec": {"ports": [{"port": port}]},
    })
}

#[tokio::test(start_paused = true)]
async fn a_malformed_object_is_told_and_the_watch_goes_on() {
    let mut broken = service("broken", "2", 80);
    broken["spec"]["ports"][0]["port"] = json!("eighty");
    let script = Script::new([(
        "/services",
        Reply::Open(vec![
            event("ADDED", &service("a", "1", 80)),
            event("ADDED", &broken),
            end_of_list("3"),
            event("ADDED", &service("b", "4", 80)),
        ]),
    )]);
    let mut watched = watch("Service", &script);
    watched.expect(&["applied n/a", "unreadable n/broken", "in step", "applied n/b"]).await;
    let asked = script.asked();
    assert!(
        asked[0].contains("sendInitialEvents=true") && asked[0].ends_with("resourceVersion="),
        "{asked:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn after_gone_everything_is_listed_again_and_only_differences_are_told() {
    let script = Script::new([
        (
            "/services",
            Reply::Lines(vec![
                event("ADDED", &service("kept", "1", 80)),
                event("ADDED", &service("changed", "2", 80)),
                event("ADDED", &service("vanished", "3", 80)),
                end_of_list("3"),
                event("ERROR", &refusal(410, "too old resource version")),
            ]),
        ),
        (
            "/services",
            Reply::Open(vec![
                event("ADDED", &service("kept", "1", 80)),
                event("ADDED", &service("changed", "9", 81)),
                end_of_list("9"),
            ]),
        ),
    ]);
    let mut watched = watch("Service", &script);
    watched.expect(&["applied n/kept", "applied n/changed", "applied n/vanished", "in step"]).await;
    watched.expect(&["applied n/changed", "gone n/vanished", "in step"]).await;
    assert!(script.asked()[1].contains("sendInitialEvents=true"), "{:?}", script.asked());
    assert_eq!(watched.failure(), None, "mended");
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_ends_is_taken_up_where_it_was() {
    let script = Script::new([
        ("/services", Reply::Lines(vec![event("ADDED", &service("a", "1", 80)), end_of_list("7")])),
        ("/services", Reply::Open(vec![event("DELETED", &service("a", "8", 80))])),
    ]);
    let mut watched = watch("Service", &script);
    watched.expect(&["applied n/a", "in step", "gone n/a"]).await;
    let asked = &script.asked()[1];
    assert!(asked.contains("resourceVersion=7") && !asked.contains("sendInitialEvents"), "{asked}");
}

#[tokio::test(start_paused = true)]
async fn an_apiserver_that_cannot_stream_lists_is_asked_page_by_page() {
    let page = |name: &str, next: &str| {
        // Items of a list do not say what they are.
        let mut item = service(name, "1", 80);
        item.as_object_mut().unwrap().retain(|key, _| key != "kind" && key != "apiVersion");
        json!({
            "kind": "ServiceList", "apiVersion": "v1",
            "metadata": {"resourceVersion": "5", "continue": next}, "items": [item],
        })
    };
    let refused = refusal(422, "sendInitialEvents: Forbidden: is forbidden for watch");
    let script = Script::new([
        ("/services", Reply::Json(422, refused)),
        ("/services", Reply::Json(200, page("a", "more"))),
        ("/services", Reply::Json(200, page("b", ""))),
        ("/services", Reply::Open(vec![event("MODIFIED", &service("b", "6", 81))])),
    ]);
    let mut watched = watch("Service", &script);
    watched.expect(&["applied n/a", "applied n/b", "in step", "applied n/b"]).await;
    let asked = script.asked();
    assert!(asked[2].contains("continue=more"), "{asked:?}");
    assert!(asked[3].contains("resourceVersion=5") && asked[3].contains("watch=true"), "{asked:?}");
}

#[tokio::test(start_paused = true)]
async fn failures_are_told_apart_and_tried_again() {
    for (reply, reason) in [
        (Reply::Json(500, refusal(500, "etcd")), Reason::Server),
        (Reply::Json(403, refusal(403, "no")), Reason::Forbidden),
        (Reply::Json(429, refusal(429, "slow")), Reason::Throttled),
        (Reply::Lines(vec!["{\"type\": \"ADDED\", \"object\": }".to_owned()]), Reason::Malformed),
    ] {
        let good = Reply::Open(vec![event("ADDED", &service("a", "1", 80)), end_of_list("1")]);
        let script = Script::new([("/services", reply), ("/services", good)]);
        let mut watched = watch("Service", &script);
        let failed = async {
            loop {
                if let Some(reason) = watched.failure() {
                    return reason;
                }
                tokio::task::yield_now().await;
            }
        };
        assert_eq!(failed.await, reason);
        watched.expect(&["applied n/a", "in step"]).await;
        assert_eq!(watched.failure(), None, "{reason:?} is mended");
    }
}

fn route(version: &str, generation: i64, status: &Value) -> Value {
    json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
        "metadata": {"name": "r", "namespace": "n", "resourceVersion": version, "generation": generation},
        "spec": {}, "status": status,
    })
}

fn groups(groups: &[&str]) -> Reply {
    let group = |name: &&str| {
        let version = json!({"groupVersion": format!("{name}/v1"), "version": "v1"});
        json!({"name": name, "versions": [version], "preferredVersion": version})
    };
    let list: Vec<Value> = groups.iter().map(group).collect();
    Reply::Json(200, json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": list}))
}

fn resources(kind: &str, plural: &str) -> Reply {
    let resource =
        json!({"name": plural, "singularName": "", "namespaced": true, "kind": kind, "verbs": ["watch"]});
    let version = "gateway.networking.k8s.io/v1";
    Reply::Json(200, json!({"kind": "APIResourceList", "groupVersion": version, "resources": [resource]}))
}

#[tokio::test(start_paused = true)]
async fn a_kind_that_is_missing_is_named_counts_as_empty_and_is_found_when_it_comes() {
    let bundle = json!({
        "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1",
        "metadata": {"annotations": {"gateway.networking.k8s.io/bundle-version": "v1.6.3"}},
    });
    let script = Script::new([
        ("/apis", groups(&[])),
        (
            "/customresourcedefinitions/gateways.gateway.networking.k8s.io",
            Reply::Json(404, refusal(404, "none")),
        ),
        ("/apis", groups(&["gateway.networking.k8s.io"])),
        ("/gateway.networking.k8s.io/v1", resources("HTTPRoute", "httproutes")),
        ("/customresourcedefinitions/gateways.gateway.networking.k8s.io", Reply::Json(200, bundle)),
        ("/httproutes", Reply::Open(vec![event("ADDED", &route("1", 1, &Value::Null)), end_of_list("1")])),
    ]);
    let mut watched = watch("HTTPRoute", &script);
    watched.expect(&["in step"]).await;
    let troubles = watched.board.troubles();
    assert!(troubles[0].2.contains("gateway.networking.k8s.io is not installed"), "{troubles:?}");
    watched.expect(&["installed v1.6.3", "applied n/r", "in step"]).await;
    assert!(watched.board.troubles().is_empty(), "{:?}", watched.board.troubles());
}

#[tokio::test(start_paused = true)]
async fn a_status_is_remembered_and_means_nothing_to_the_world() {
    let script = Script::new([
        ("/apis", groups(&["gateway.networking.k8s.io"])),
        ("/gateway.networking.k8s.io/v1", resources("HTTPRoute", "httproutes")),
        (
            "/customresourcedefinitions/gateways.gateway.networking.k8s.io",
            Reply::Json(403, refusal(403, "no")),
        ),
        (
            "/httproutes",
            Reply::Open(vec![
                event("ADDED", &route("1", 1, &Value::Null)),
                end_of_list("1"),
                event("MODIFIED", &route("2", 1, &json!({"parents": [{"controllerName": "x"}]}))),
                event("MODIFIED", &route("3", 2, &json!({"parents": []}))),
            ]),
        ),
    ]);
    let mut watched = watch("HTTPRoute", &script);
    watched.expect(&["applied n/r", "in step", "applied n/r"]).await;
    let observed = watched.observed.get("HTTPRoute", &ObjectRef::new("n", "r")).unwrap();
    assert_eq!((observed.resource_version.as_str(), observed.generation), ("3", 2));
    assert_eq!(observed.status, json!({"parents": []}));
}

#[tokio::test(start_paused = true)]
async fn one_secret_is_asked_for_by_its_name_and_counts_as_not_there_when_it_may_not_be_read() {
    let empty =
        json!({"kind": "SecretList", "apiVersion": "v1", "metadata": {"resourceVersion": "5"}, "items": []});
    let unit = || Unit { kind: SECRET, range: Range::Object(ObjectRef::new("n", "tls")) };
    let script = Script::new([("/namespaces/n/secrets", Reply::Json(200, empty))]);
    watch_unit(unit(), &script).expect(&["in step"]).await;
    assert!(script.asked()[0].contains("fieldSelector=metadata.name%3Dtls"), "{:?}", script.asked());
    let script = Script::new([("/namespaces/n/secrets", Reply::Json(403, refusal(403, "no")))]);
    watch_unit(unit(), &script).expect(&["in step"]).await;
}
