//! What the numbers of the control plane mean.

use std::time::{Duration, Instant};

use clearway_model::Version;

use super::fleet::FleetView;
use super::*;

const FLEET: &str = "edge-dataplane";

fn version(text: &str) -> Version {
    Version(text.into())
}

fn view(t: &ControlTelemetry) -> FleetView {
    t.fleets.read().into_iter().find(|(name, _)| &**name == FLEET).expect("the fleet").1
}

#[test]
fn a_layer_counts_when_it_changes_and_remembers_the_first_time_that_it_held() {
    let t = ControlTelemetry::new();
    t.layer(Layer::Synced, false, ReadinessReason::Waiting);
    assert!(t.readiness.transitions.read().is_empty(), "it was not ready before either");
    for _ in 0..3 {
        t.layer(Layer::Synced, true, ReadinessReason::Reached);
    }
    let first = t.readiness.read()[&Some(Layer::Synced)].first.expect("it held");
    t.layer(Layer::Synced, false, ReadinessReason::Broken);
    t.layer(Layer::Synced, true, ReadinessReason::Reached);
    let layer = t.readiness.read()[&Some(Layer::Synced)];
    assert_eq!((layer.ready, layer.first), (true, Some(first)));
    let transitions = t.readiness.transitions.read();
    assert_eq!(transitions[&(Some(Layer::Synced), true, ReadinessReason::Reached)], 2);
    assert_eq!(transitions[&(Some(Layer::Synced), false, ReadinessReason::Broken)], 1);
    assert!(!t.readiness.read()[&None].ready, "the whole is said on its own");
}

#[test]
fn a_cache_is_timed_from_its_expectation_or_its_loss_to_its_sync() {
    let t = ControlTelemetry::new();
    t.cache_synced(KubeKind::Secret);
    assert!(t.caches.read().is_empty(), "nobody expected it");
    t.cache_expected(KubeKind::Secret);
    assert!(!t.caches.read()[&KubeKind::Secret].synced);
    t.cache_synced(KubeKind::Secret);
    t.cache_synced(KubeKind::Secret);
    t.cache_lost(KubeKind::Secret);
    t.cache_synced(KubeKind::Secret);
    assert_eq!(t.caches.sync.read()[0].1.count, 2);
    t.cache_gone(KubeKind::Secret);
    assert!(t.caches.read().is_empty());
}

#[test]
fn a_data_plane_is_behind_from_the_publication_to_its_ack() {
    let t = ControlTelemetry::new();
    let (one, two) = (version("01"), version("02"));
    t.published(FLEET, &one, Instant::now());
    t.dataplane_waiting(FLEET, "a");
    assert_eq!(view(&t).states, [1, 0, 0, 0], "waiting");
    t.dataplane_connected(FLEET, "a");
    assert_eq!(view(&t).states, [0, 0, 1, 0], "it is sent what there is");
    t.dataplane_acked(FLEET, "a", &one);
    assert_eq!((view(&t).states, view(&t).nodes[0].2), ([0, 1, 0, 0], Duration::ZERO), "current");
    let long_ago = Instant::now().checked_sub(Duration::from_secs(5)).expect("the machine runs longer");
    t.published(FLEET, &two, long_ago);
    t.published(FLEET, &version("03"), Instant::now());
    let behind = view(&t);
    assert_eq!(behind.states, [0, 0, 1, 0]);
    assert!(behind.nodes[0].2 >= Duration::from_secs(5), "the oldest that it lacks counts");
    t.dataplane_acked(FLEET, "a", &two);
    assert_eq!((view(&t).states, view(&t).nodes[0].1), ([0, 0, 1, 0], Some(2)), "not the newest yet");
    t.dataplane_nacked(FLEET, "a", &[]);
    assert_eq!(view(&t).states, [0, 0, 0, 1]);
    assert_eq!(t.fleets.nacks.read()[&(FLEET.into(), ResourceType::Manifest)], 1);
    t.published(FLEET, &two, Instant::now());
    t.dataplane_acked(FLEET, "a", &two);
    assert_eq!(view(&t).states, [0, 1, 0, 0], "back to what it has");
    assert_eq!(t.fleets.stream_first_push.read()[0].1.count, 1, "one stream, one first push");
}

#[test]
fn a_reconnection_keeps_the_series_until_the_last_stream_ends() {
    let t = ControlTelemetry::new();
    t.dataplane_connected(FLEET, "a");
    t.dataplane_acked(FLEET, "a", &version("01"));
    t.dataplane_connected(FLEET, "a");
    t.dataplane_acked(FLEET, "a", &version("01"));
    t.dataplane_disconnected(FLEET, "a");
    assert_eq!(view(&t).nodes.len(), 1);
    assert_eq!(t.fleets.stream_first_push.read()[0].1.count, 2, "each connection has its first push");
    t.dataplane_disconnected(FLEET, "a");
    t.dataplane_disconnected(FLEET, "nobody");
    assert!(view(&t).nodes.is_empty());
}

#[test]
fn names_of_data_planes_are_bounded_and_all_are_counted() {
    let t = ControlTelemetry::new();
    for number in 0..MAX_NAMED + 50 {
        t.dataplane_connected(FLEET, &format!("pod-{number}"));
    }
    let view = view(&t);
    assert_eq!(view.nodes.len(), MAX_NAMED);
    assert_eq!(view.states.iter().sum::<u64>(), (MAX_NAMED + 50) as u64);
}

#[test]
fn the_lease_counts_changes_only() {
    let t = ControlTelemetry::new();
    t.lease(LeaseState::Following, LeaseReason::Lost);
    t.lease(LeaseState::Leading, LeaseReason::TakenOver);
    t.lease(LeaseState::Leading, LeaseReason::Acquired);
    t.lease(LeaseState::Following, LeaseReason::RenewFailed);
    let transitions: Vec<_> = t.writes.lease_transitions.read().into_iter().collect();
    assert_eq!(
        transitions,
        [
            ((LeaseState::Following, LeaseReason::RenewFailed), 1),
            ((LeaseState::Leading, LeaseReason::TakenOver), 1)
        ]
    );
}

#[test]
fn a_picture_of_objects_replaces_the_one_before() {
    let t = ControlTelemetry::new();
    let count = |reason: &str, objects| ConditionCount {
        kind: KubeKind::Listener,
        condition: "Programmed".into(),
        status: "False".into(),
        reason: reason.into(),
        objects,
    };
    t.conditions(vec![count("Invalid", 3), count("Pending", 1), count("Invalid", 2)]);
    assert_eq!(t.objects.conditions().into_values().collect::<Vec<_>>(), [5, 1]);
    t.conditions(Vec::new());
    assert!(t.objects.conditions().is_empty());
}

#[test]
fn words_are_found_by_name_and_strange_ones_have_a_place() {
    assert_eq!(KubeKind::named("BackendTLSPolicy"), KubeKind::BackendTlsPolicy);
    assert_eq!(KubeKind::named("Deployment"), KubeKind::Other);
    assert_eq!(WatchReason::named("expired"), WatchReason::Expired);
    assert_eq!(ResourceType::named("Rule"), ResourceType::Rule);
    assert_eq!(ResourceType::named("Cluster"), ResourceType::Manifest);
}

#[test]
fn the_last_good_configuration_is_in_use_until_a_control_plane_sent_one() {
    let t = XdsTelemetry::new();
    t.loaded(LoadResult::Served, Some(5.0));
    t.serves_last_good(&version("01"));
    let first = t.status();
    assert!(first.last_good_in_use && first.first_apply.is_some() && first.saved == Some(5.0));
    t.connected();
    t.connected();
    t.received(&version("02"));
    t.nacked();
    assert!(t.status().last_good_in_use, "what is refused is not served");
    t.acked(&version("03"));
    let now = t.status();
    assert_eq!((now.last_good_in_use, now.streams, now.applied), (false, 1, Some(version("03"))));
    assert_eq!(now.first_apply, first.first_apply);
    t.saved(None);
    assert_eq!(t.status().saved, Some(5.0), "a failed write leaves the old file");
}
