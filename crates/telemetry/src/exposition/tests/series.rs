//! Series: hostile names, doubles, and the end of those whose objects are gone.

use std::collections::BTreeSet;
use std::time::Duration;

use clearway_model::{ListenerRef, ObjectRef};

use super::formats::PROTOBUF;
use super::reader::{Read, read};
use super::{ALL_ON, Scene, backend, get, identity, rule};
use crate::families::{AttemptIdentity, BYTES_SENT, GRACE_SCRAPES, RuleIdentity};

fn series(page: &Read) -> BTreeSet<String> {
    page.samples.iter().map(|sample| format!("{}{:?}", sample.name, sample.labels)).collect()
}

#[test]
fn hostile_names_come_back_as_they_were() {
    let scene = Scene::idle(ALL_ON);
    let hostile = [
        "\"} 1\nclearway_requests_total{} 99\n# EOF",
        "back\\slash\\",
        "tab\t\r\u{0}",
        "\\n is no line feed",
        "\u{202e}umlaut-ü-😀",
        "{a=\"b\",c=\"d\"} # {trace_id=\"1\"} 1 1",
    ];
    let mut held = Vec::new();
    for name in hostile {
        let listener = ListenerRef::new(ObjectRef::new(name, name), name);
        let identity = RuleIdentity { listener: Some(listener), rule: Some(rule(name, 0, Some(name))) };
        let handle = scene.hub.rule(&identity);
        handle.requests.add(&scene.worker, get(200).pack(), 1);
        handle.durations[2].observe(&scene.worker, Duration::from_millis(1));
        held.push(handle);
    }
    for accept in ["text/plain", "application/openmetrics-text"] {
        let page = read(&scene.page(accept));
        for label in ["gateway_namespace", "gateway_name", "listener", "route_name", "route_rule"] {
            let shown: BTreeSet<&str> = page
                .samples
                .iter()
                .filter_map(|sample| sample.labels.get(label))
                .map(String::as_str)
                .collect();
            assert_eq!(shown, BTreeSet::from(hostile), "{label} in {accept}");
        }
        assert!(page.samples.iter().all(|sample| sample.value != 99.0));
    }
}

#[test]
fn no_series_stands_twice_on_a_page() {
    let scene = Scene::exercised(ALL_ON);
    // Rules that look alike: one that moved, and one whose name is the index of another.
    let alike = [rule("cart", 3, Some("checkout")), rule("list", 2, None), rule("list", 0, Some("2"))];
    let handles: Vec<_> = alike.iter().map(|rule| scene.hub.rule(&identity(rule.clone()))).collect();
    let tries: Vec<_> = alike
        .iter()
        .map(|rule| scene.hub.attempt(&AttemptIdentity { rule: rule.clone(), backend: backend("cart") }))
        .collect();
    for (handle, tries) in handles.iter().zip(&tries) {
        handle.requests.add(&scene.worker, get(200).pack(), 10);
        handle.durations[2].observe(&scene.worker, Duration::from_millis(1));
        handle.bytes.add(&scene.worker, BYTES_SENT, 1);
        tries.attempts.add(&scene.worker, 200, 1);
    }
    for accept in ["text/plain", "application/openmetrics-text"] {
        let page = read(&scene.page(accept));
        assert_eq!(series(&page).len(), page.samples.len(), "{accept}");
    }
    let page = read(&scene.page("text/plain"));
    let count = |name: &str, rule: &str| {
        let of = |sample: &&super::reader::Sample| {
            sample.name == "clearway_requests_total"
                && sample.labels.get("route_name").is_some_and(|value| value == name)
                && sample.labels["route_rule"] == rule
                && sample.labels["method"] == "GET"
        };
        page.samples.iter().filter(of).map(|sample| sample.value).sum::<f64>()
    };
    assert_eq!(count("cart", "checkout"), 51.0, "a rule that moved goes on counting");
    assert_eq!(count("list", "2"), 20.0);
}

#[test]
fn ten_thousand_rules_come_and_go_without_a_trace() {
    let scene = Scene::exercised(ALL_ON);
    let count = || scene.page("*/*").lines().filter(|line| !line.starts_with('#')).count();
    // Sizes and times of the page before appear from the second page on.
    let before = count().max(count());
    let held: Vec<_> = (0..10_000)
        .map(|number| {
            let name = format!("route-{number}");
            let rule = rule(&name, 0, None);
            let handle = scene.hub.rule(&identity(rule.clone()));
            handle.requests.add(&scene.worker, get(200).pack(), 1);
            handle.durations[2].observe(&scene.worker, Duration::from_millis(1));
            let tries = scene.hub.attempt(&AttemptIdentity { rule, backend: backend(&name) });
            tries.attempts.add(&scene.worker, 200, 1);
            (handle, tries, scene.hub.backend(&backend(&name)))
        })
        .collect();
    let grown = count();
    assert!(grown > before + 10_000 * 21, "{grown}");
    drop(held);
    for _ in 0..=GRACE_SCRAPES {
        scene.exposition.render(Some(PROTOBUF), None);
    }
    assert_eq!(count(), before);
    assert_eq!(scene.hub.rules.len() + scene.hub.attempts.len() + scene.hub.backends.len(), 3 + 1 + 1);
}

#[test]
fn everything_dies_with_its_object() {
    let mut scene = Scene::exercised(ALL_ON);
    scene.page("*/*");
    scene.let_go();
    for _ in 0..=2 * GRACE_SCRAPES {
        scene.page("*/*");
    }
    let configured = ["gateway_name", "route_name", "backend_name", "port"];
    let left: Vec<_> = read(&scene.page("*/*"))
        .samples
        .into_iter()
        .filter(|sample| configured.iter().any(|label| sample.labels.contains_key(*label)))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn gauges_stand_from_the_start_and_counters_of_rules_from_the_first_request() {
    let scene = Scene::idle(ALL_ON);
    let (listener, backend) = (scene.hub.listener(&super::listener()), scene.hub.backend(&backend("cart")));
    let unused = scene.hub.rule(&identity(rule("cart", 0, None)));
    // The worker that saw the end is read, the one that saw the begin not yet.
    listener.in_flight.sub(&scene.worker, 1);
    let page = read(&scene.page("*/*"));
    let names: BTreeSet<&str> = page.samples.iter().map(|sample| sample.name.as_str()).collect();
    for name in
        ["clearway_requests_in_flight", "clearway_upstream_connections", "clearway_upstream_pending_requests"]
    {
        assert!(names.contains(name), "{name}");
    }
    assert!(
        !names.contains("clearway_requests_total")
            && !names.contains("clearway_request_duration_seconds_count")
    );
    let in_flight =
        page.samples.iter().find(|sample| sample.name == "clearway_requests_in_flight").expect("a sample");
    assert_eq!(in_flight.value, 0.0, "never below zero");
    drop((unused, backend));
}
