//! Server and client together: what travels, when, and what becomes of refusals.

mod kit;

use std::sync::Arc;
use std::time::{Duration, Instant};

use clearway_model::ListenerProtocol;
use clearway_xds::{Hub, Kind, NodeEventKind, ResourceFault, ResourceRef, Resources};
use kit::{DataPlane, Server, acked, event, open_hub, publish, rule_ref, sent, snapshot, soon};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_arrives_whole_and_unchanged() {
    let first = snapshot("v1", 20);
    let hub = open_hub(&first);
    let mut events = hub.events();
    let server = Server::start(&hub, None).await;
    let mut node = DataPlane::start("node", server.address);
    assert_eq!(node.applied("v1").await, first);
    // 1 certificate, 20 backends, 2 listeners, 20 rules.
    assert_eq!(sent(&mut events, "v1").await.0, 43);
    acked(&mut events, "v1").await;
    let status = hub.nodes().pop().unwrap();
    assert_eq!((&*status.node.id, &*status.node.fleet), ("node", kit::FLEET));
    assert_eq!(status.acked.unwrap().as_str(), "v1");
    assert_eq!((status.lag, status.rejected), (Duration::ZERO, None));
    assert!(node.state.borrow().is_complete());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_changed_rule_is_one_resource() {
    let mut now = snapshot("v1", 500);
    let hub = open_hub(&now);
    let mut events = hub.events();
    let server = Server::start(&hub, None).await;
    let mut node = DataPlane::start("node", server.address);
    node.applied("v1").await;
    let whole = sent(&mut events, "v1").await;

    now.version = clearway_model::Version("v2".into());
    Arc::make_mut(now.rules.get_mut(&rule_ref(7)).unwrap()).created += 1;
    assert!(publish(&hub, &now));
    assert_eq!(node.applied("v2").await, now);
    let (resources, removed, bytes) = sent(&mut events, "v2").await;
    println!("whole: {whole:?}; one changed rule: {resources} resources, {bytes} bytes with the Manifest");
    let rule = hub.published(kit::FLEET).unwrap();
    let name = ResourceRef::Rule(rule_ref(7)).name();
    let rule = rule.get(Kind::Rule, &name).unwrap().bytes.len();
    assert_eq!((resources, removed), (1, 0));
    assert!(bytes > rule && bytes < rule + 500, "{bytes} for a rule of {rule}");
    assert_eq!(hub.published(kit::FLEET).unwrap().encoded(), 1);
    assert!(!publish(&hub, &now), "the same version again is no publication");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_removed_goes_by_name() {
    let mut now = snapshot("v1", 3);
    let hub = open_hub(&now);
    let mut events = hub.events();
    let server = Server::start(&hub, None).await;
    let mut node = DataPlane::start("node", server.address);
    node.applied("v1").await;
    now.version = clearway_model::Version("v2".into());
    now.rules.remove(&rule_ref(1)).unwrap();
    publish(&hub, &now);
    assert_eq!(node.applied("v2").await, now);
    let (resources, removed, _) = sent(&mut events, "v2").await;
    assert_eq!((resources, removed), (0, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_names_its_resources_and_the_old_stays() {
    let first = snapshot("v1", 3);
    let hub = open_hub(&first);
    let mut events = hub.events();
    let server = Server::start(&hub, None).await;
    let mut node = DataPlane::start("node", server.address);
    node.applied("v1").await;
    node.judge(|snapshot| {
        let bad = ResourceRef::Rule(rule_ref(2));
        if snapshot.version.as_str() == "v2" {
            Err(vec![ResourceFault::new(&bad, "no such regex")])
        } else {
            Ok(())
        }
    });
    publish(
        &hub,
        &clearway_model::Snapshot { version: clearway_model::Version("v2".into()), ..snapshot("", 5) },
    );
    let rejection = event(&mut events, "nack", |event| match &event.kind {
        NodeEventKind::Nacked(rejection) => Some(rejection.clone()),
        _ => None,
    })
    .await;
    assert_eq!(rejection.version.as_str(), "v2");
    assert_eq!(rejection.faults.len(), 1);
    assert_eq!(rejection.faults[0].resource(), Some(ResourceRef::Rule(rule_ref(2))));
    assert_eq!(&*rejection.message, "Rule HTTPRoute/shop/route-2/0: no such regex");
    let status = hub.nodes().pop().unwrap();
    assert_eq!((status.acked.unwrap().as_str(), status.rejected), ("v1", Some(rejection)));
    assert!(status.lag > Duration::ZERO);
    assert_eq!(node.state.borrow().applied.as_ref().unwrap().as_str(), "v1");

    // The next is judged anew, and only what changed since the refused one is sent.
    publish(&hub, &snapshot("v3", 4));
    acked(&mut events, "v3").await;
    assert_eq!(node.applied("v3").await, snapshot("v3", 4));
    assert_eq!(hub.nodes().pop().unwrap().rejected, None);
    assert_eq!(node.state.borrow().rejected, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_refused_for_a_passing_reason_is_applied_later_and_said_so() {
    let hub = open_hub(&snapshot("v1", 2));
    let mut events = hub.events();
    let server = Server::start(&hub, None).await;
    let mut node = DataPlane::start_with("node", server.address, None, 0);
    let mut tries = 0;
    node.judge(move |_| {
        tries += 1;
        if tries == 1 { Err(Vec::new()) } else { Ok(()) }
    });
    node.permits.add_permits(2);
    let message = event(&mut events, "nack", |event| match &event.kind {
        NodeEventKind::Nacked(rejection) => Some(rejection.message.to_string()),
        _ => None,
    })
    .await;
    assert_eq!(message, "the snapshot was refused");
    acked(&mut events, "v1").await;
    node.applied("v1").await;
    let status = hub.nodes().pop().unwrap();
    assert_eq!((status.rejected, status.lag), (None, Duration::ZERO));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_read_is_refused_by_resource_and_field() {
    let mut broken = snapshot("v1", 1);
    for listener in broken.listeners.values_mut().filter(|one| one.tls.is_none()) {
        Arc::make_mut(listener).protocol = ListenerProtocol::Https;
    }
    let hub = open_hub(&broken);
    let mut events = hub.events();
    let server = Server::start(&hub, None).await;
    let mut node = DataPlane::start("node", server.address);
    let message = event(&mut events, "nack", |event| match &event.kind {
        NodeEventKind::Nacked(rejection) => Some(rejection.message.to_string()),
        _ => None,
    })
    .await;
    assert!(message.contains("Listener infra/edge/web cannot be read: tls is missing"), "{message}");
    assert!(node.seen.try_recv().is_err(), "nothing may be applied");
    publish(&hub, &snapshot("v2", 1));
    assert_eq!(node.applied("v2").await, snapshot("v2", 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_shutdown_the_next_server_sends_only_differences() {
    let first = snapshot("v1", 300);
    let hub = open_hub(&first);
    let server = Server::start(&hub, None).await;
    let address = server.address;
    let mut node = DataPlane::start("node", address);
    node.applied("v1").await;
    server.stop().await;
    let state = node.until("hand-over", |state| state.connected.is_none()).await;
    assert_eq!(state.applied.unwrap().as_str(), "v1", "what is applied stays");
    soon("streams end", async {
        while !hub.nodes().is_empty() {
            tokio::task::yield_now().await;
        }
    })
    .await;

    // Another replica, which encoded everything itself; one backend is new, one rule is gone.
    let mut other = snapshot("v2", 301);
    other.rules.remove(&rule_ref(300));
    other.rules.remove(&rule_ref(299));
    let hub = open_hub(&other);
    let mut events = hub.events();
    let _server = Server::start_on(address, &hub, None).await;
    assert_eq!(node.applied("v2").await, other);
    let (resources, removed, _) = sent(&mut events, "v2").await;
    assert_eq!((resources, removed), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reconnecting_without_a_change_sends_nothing_and_applies_nothing() {
    let hub = open_hub(&snapshot("v1", 30));
    let server = Server::start(&hub, None).await;
    let address = server.address;
    let mut node = DataPlane::start("node", address);
    node.applied("v1").await;
    server.stop().await;
    let mut events = hub.events();
    let _server = Server::start_on(address, &hub, None).await;
    let (resources, removed, _) = sent(&mut events, "v1").await;
    acked(&mut events, "v1").await;
    assert_eq!((resources, removed), (0, 0));
    assert!(node.seen.try_recv().is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_that_come_early_wait_for_the_gate() {
    let hub = Hub::new();
    let mut events = hub.events();
    let server = Server::start(&hub, None).await;
    let mut node = DataPlane::start("node", server.address);
    event(&mut events, "connected", |event| matches!(event.kind, NodeEventKind::Connected).then_some(()))
        .await;
    // Published, but the gate is closed: what comes first through it is the newest.
    publish(&hub, &snapshot("partial", 1));
    publish(&hub, &snapshot("whole", 9));
    let status = hub.nodes().pop().unwrap();
    assert_eq!((status.sent, status.lag), (None, Duration::ZERO));
    hub.open_gate();
    assert!(hub.is_open());
    assert_eq!(node.applied("whole").await, snapshot("whole", 9));
    assert!(node.state.borrow().rejected.is_none());
    let first = event(&mut events, "sent", |event| match &event.kind {
        NodeEventKind::Sent { version, .. } => Some(version.to_string()),
        _ => None,
    })
    .await;
    assert_eq!(first, "whole");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_node_holds_up_nobody_and_gets_the_newest() {
    let hub = open_hub(&snapshot("v0", 1));
    let server = Server::start(&hub, None).await;
    let mut slow = DataPlane::start_with("slow", server.address, None, 0);
    let mut quick = DataPlane::start("quick", server.address);
    assert_eq!(soon("first", slow.seen.recv()).await.unwrap().version.as_str(), "v0");
    for version in 1..=50 {
        assert!(publish(&hub, &snapshot(&format!("v{version}"), 1 + version)));
    }
    quick.applied("v50").await;
    let status = |id: &str| hub.nodes().into_iter().find(|status| &*status.node.id == id).unwrap();
    assert_eq!(status("slow").acked, None);
    assert!(status("slow").lag > Duration::ZERO);
    slow.permits.add_permits(2);
    // Two applies are all it needs: the first, and the newest.
    assert_eq!(slow.applied("v50").await, snapshot("v50", 51));
    assert_eq!(slow.permits.available_permits(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_nodes_are_told_apart() {
    let hub = open_hub(&snapshot("v1", 2));
    let mut events = hub.events();
    let server = Server::start(&hub, None).await;
    let mut nodes = ["a", "b", "c"].map(|id| DataPlane::start(id, server.address));
    for node in &mut nodes {
        node.applied("v1").await;
        acked(&mut events, "v1").await;
    }
    let mut there: Vec<_> = hub.nodes().iter().map(|status| status.node.id.to_string()).collect();
    there.sort();
    assert_eq!(there, ["a", "b", "c"]);
    drop(nodes);
    let mut gone = Vec::new();
    while gone.len() < 3 {
        gone.push(
            event(&mut events, "gone", |event| match &event.kind {
                NodeEventKind::Disconnected { .. } => Some(event.node.id.to_string()),
                _ => None,
            })
            .await,
        );
    }
    gone.sort();
    assert_eq!(gone, ["a", "b", "c"]);
    assert!(hub.nodes().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_rules_are_encoded_and_sent() {
    let mut now = snapshot("v1", 2000);
    let start = Instant::now();
    let resources = Arc::new(Resources::encode(Arc::new(now.clone()), None));
    println!("encoded {} resources in {:?}", resources.encoded(), start.elapsed());
    for kind in Kind::ALL {
        println!("{kind}: {} resources, {} bytes", resources.count(kind), resources.bytes(kind));
    }
    assert_eq!(resources.encoded(), 4003);
    now.version = clearway_model::Version("v2".into());
    Arc::make_mut(now.rules.get_mut(&rule_ref(1000)).unwrap()).created += 1;
    let now = Arc::new(now);
    let start = Instant::now();
    let next = Resources::encode(now.clone(), Some(&resources));
    println!("encoded {} changed in {:?}", next.encoded(), start.elapsed());
    assert_eq!(next.encoded(), 1);
    let start = Instant::now();
    let changes = next.changes(Kind::Rule, Some(&resources));
    println!("found {} changed in {:?}", changes.changed.len(), start.elapsed());
    let anew = Resources::encode(now.clone(), None);
    assert_eq!(
        anew.manifest(),
        next.manifest(),
        "the same content has the same digest, however it came about"
    );

    let hub = Hub::new();
    hub.open_gate();
    hub.publish(kit::FLEET, resources);
    let server = Server::start(&hub, None).await;
    let start = Instant::now();
    let mut node = DataPlane::start("node", server.address);
    node.applied("v1").await;
    println!("first sync in {:?}", start.elapsed());
    let start = Instant::now();
    hub.publish(kit::FLEET, Arc::new(next));
    assert_eq!(node.applied("v2").await, *now);
    println!("one change in {:?}", start.elapsed());
}
