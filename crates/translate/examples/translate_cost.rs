//! Prints what one translation of 50, 500, 2,000 and 10,000 routes costs, whole and after one route changed: `cargo run
//! --release -p clearway-translate --example translate_cost`. Time on the processor is what it costs; time on the clock is
//! what it takes beside others.

use std::time::{Duration, Instant};

use clearway_k8s::Object;
use clearway_model::ObjectRef;
use clearway_translate::{Exposure, GatewayAddresses, Options, Translator, World};
use serde_json::{Value, json};

const ROUNDS: usize = 15;

fn main() {
    for count in [50, 500, 2_000, 10_000] {
        let mut world = world(count);
        let options = Options {
            exposure: Exposure::Cluster,
            merged: Some((10_080, 10_443)),
            ..Options::new("gateway.networking.k8s.io/clearway")
        };
        print_cost(count, "whole", || {
            let translation = Translator::default().translate(&world, &options);
            assert_eq!(translation.snapshot.rules.len(), 2 * count);
        });
        let mut translator = Translator::default();
        translator.translate(&world, &options);
        let mut edition = 0;
        print_cost(count, "one change", || {
            edition += 1;
            insert(&mut world, route(edition % count, count, &format!("/{edition}")));
            let translation = translator.translate(&world, &options);
            assert_eq!(translation.snapshot.rules.len(), 2 * count);
        });
    }
}

fn print_cost(count: usize, what: &str, mut work: impl FnMut()) {
    let (mut clock, mut processor): (Vec<_>, Vec<_>) = (0..ROUNDS)
        .map(|_| {
            let (start, before) = (Instant::now(), on_processor());
            work();
            (start.elapsed(), on_processor() - before)
        })
        .unzip();
    clock.sort();
    processor.sort();
    println!(
        "{count:6} routes, {what:10}: on the processor {:?} (median), {:?} (best); on the clock {:?} (median)",
        processor[ROUNDS / 2],
        processor[0],
        clock[ROUNDS / 2]
    );
}

fn insert(world: &mut World, value: Value) {
    world.insert(Object::from_value(value).unwrap_or_else(|error| panic!("{error}")));
}

/// What the thread has spent on a processor.
fn on_processor() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = text.split(' ').next().and_then(|field| field.parse().ok());
    Duration::from_nanos(nanoseconds.unwrap_or_default())
}

/// Routes of two rules, each with a Service of its own and two endpoints, under one Gateway.
fn world(count: usize) -> World {
    let mut world = World::default();
    let mut add = |value: Value| insert(&mut world, value);
    add(json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass", "metadata": {"name": "clearway"},
        "spec": {"controllerName": "gateway.networking.k8s.io/clearway"},
    }));
    add(json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway", "metadata": {"name": "gw"},
        "spec": {"gatewayClassName": "clearway", "listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}]},
    }));
    for index in 0..count {
        let name = format!("web-{index}");
        add(json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
            "spec": {"ports": [{"name": "http", "port": 80, "targetPort": 8080}]},
        }));
        add(json!({
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
            "metadata": {"name": name, "labels": {"kubernetes.io/service-name": name}},
            "addressType": "IPv4", "ports": [{"name": "http", "port": 8080}],
            "endpoints": [{"addresses": ["10.0.0.1"]}, {"addresses": ["10.0.0.2"]}],
        }));
        add(route(index, count, "/a"));
    }
    let gateway = ObjectRef::new("default", "gw");
    world.ports.insert((gateway.clone(), 80), 20_000);
    world.addresses.insert(gateway, GatewayAddresses { assigned: vec!["192.0.2.1".to_owned()] });
    world
}

fn route(index: usize, count: usize, path: &str) -> Value {
    let (name, other) = (format!("web-{index}"), format!("web-{}", (index * 7) % count));
    json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": name},
        "spec": {
            "parentRefs": [{"name": "gw"}],
            "hostnames": [format!("h{index}.example")],
            "rules": [
                {"matches": [{"path": {"value": path}}], "backendRefs": [{"name": name, "port": 80}]},
                {"backendRefs": [{"name": other, "port": 80}]},
            ],
        },
    })
}
