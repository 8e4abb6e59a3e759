//! A translator that remembers says the same as one that does not, whatever was changed before; and what did not change stays
//! the same pointer.

#![expect(clippy::unwrap_used, reason = "tests may panic")]

mod common;

use std::sync::Arc;

use clearway_k8s::Object;
use clearway_model::{ObjectRef, RuleRef};
use clearway_translate::{Exposure, Options, Translation, Translator, World, translate};
use serde_json::{Value, json};

use common::CONTROLLER;

const EDITS: usize = 600;

/// The numbers of Knuth's MMIX generator: the same edits on every machine.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }

    fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

fn options() -> Options {
    Options { exposure: Exposure::Cluster, merged: Some((10_080, 10_443)), ..Options::new(CONTROLLER) }
}

const NAMESPACES: [&str; 2] = ["one", "two"];
const HOSTS: [&str; 5] = ["a.example", "b.example", "*.example", "x.other", "*.a.example"];

/// An object of a random kind with one of few names, so that objects meet, are replaced and go.
fn object(dice: &mut Dice) -> Value {
    let (namespace, number) = (*dice.one(&NAMESPACES), dice.below(4));
    let gateway_api = "gateway.networking.k8s.io/v1";
    let meta = json!({
        "name": format!("o{number}"), "namespace": namespace, "generation": 1 + dice.below(3),
        "creationTimestamp": format!("2026-01-0{}T00:00:00Z", 1 + dice.below(4)),
    });
    match dice.below(23) {
        0..=4 => route(dice, &meta, "HTTPRoute"),
        5..=7 => route(dice, &meta, "GRPCRoute"),
        8 => json!({
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "TLSRoute", "metadata": meta,
            "spec": {"parentRefs": [parent(dice)], "hostnames": [HOSTS[0]], "rules": [{"backendRefs": [backend(dice)]}]},
        }),
        9..=10 => json!({
            "apiVersion": "v1", "kind": "Service", "metadata": meta,
            "spec": {"ports": [
                {"name": "http", "port": 80, "appProtocol": dice.one(&["http", "https", "kubernetes.io/ws", "h2c"])},
                {"name": "other", "port": 81 + dice.below(2)},
            ]},
        }),
        11..=13 => random_slice(dice, meta),
        14..=15 => json!({
            "apiVersion": "clearway.dev/v1alpha1", "kind": "Backend", "metadata": meta,
            "spec": {
                "endpoints": [
                    {"ip": "10.1.0.1", "port": 80 + dice.below(2)},
                    {"host": "far.example", "port": 80},
                ],
                "protocol": dice.one(&["http", "h2c"]),
            },
        }),
        16 => json!({
            "apiVersion": "gateway.networking.k8s.io/v1beta1", "kind": "ReferenceGrant", "metadata": meta,
            "spec": {
                "from": [{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "namespace": dice.one(&NAMESPACES)}],
                "to": [{"group": "", "kind": "Service"}],
            },
        }),
        17 => json!({
            "apiVersion": gateway_api, "kind": "BackendTLSPolicy", "metadata": meta,
            "spec": {
                "targetRefs": [{"group": "", "kind": "Service", "name": format!("o{}", dice.below(4))}],
                "validation": {"hostname": "secure.example", "wellKnownCACertificates": "System"},
            },
        }),
        18..=20 => policy(dice, &meta),
        21 => {
            let labels = if dice.chance(50) { json!({"team": "web"}) } else { json!({}) };
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": labels}})
        }
        _ => gateway(dice),
    }
}

/// For any level; sometimes for nothing, and sometimes for a section.
fn policy(dice: &mut Dice, meta: &Value) -> Value {
    let target = |dice: &mut Dice| {
        let kind = *dice.one(&["GatewayClass", "Gateway", "HTTPRoute", "HTTPRoute", "GRPCRoute"]);
        let name = match kind {
            "GatewayClass" => "clearway".to_owned(),
            "Gateway" => format!("gw{}", dice.below(3)),
            _ => format!("o{}", dice.below(5)),
        };
        let mut target = json!({"group": "gateway.networking.k8s.io", "kind": kind, "name": name});
        if kind != "GatewayClass" && dice.chance(30) {
            target["sectionName"] = json!(dice.one(&["http", "first", "none"]));
        }
        target
    };
    let targets: Vec<Value> = (0..=dice.below(2)).map(|_| target(dice)).collect();
    json!({
        "apiVersion": "clearway.dev/v1alpha1", "kind": "ObservabilityPolicy", "metadata": meta,
        "spec": {
            "targetRefs": targets,
            // Sometimes more than all.
            "tracing": {"samplingRate": {"numerator": dice.below(120)}, "clientTrust": dice.one(&["Accept", "Link"])},
        },
    })
}

fn random_slice(dice: &mut Dice, mut meta: Value) -> Value {
    meta["labels"] = json!({"kubernetes.io/service-name": format!("o{}", dice.below(4))});
    let endpoint = |dice: &mut Dice, at| json!({"addresses": [format!("10.0.{at}.{}", dice.below(5))], "conditions": {"ready": dice.chance(80)}});
    let endpoints: Vec<Value> = (0..dice.below(3)).map(|at| endpoint(dice, at)).collect();
    json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "metadata": meta, "addressType": "IPv4",
        "ports": [{"name": dice.one(&["http", "other"]), "port": 8080}], "endpoints": endpoints,
    })
}

fn gateway(dice: &mut Dice) -> Value {
    let from = match dice.below(3) {
        0 => json!({"from": "All"}),
        1 => json!({"from": "Same"}),
        _ => json!({"from": "Selector", "selector": {"matchLabels": {"team": "web"}}}),
    };
    json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
        "metadata": {"name": format!("gw{}", dice.below(2)), "namespace": "one"},
        "spec": {"gatewayClassName": "clearway", "listeners": [
            {"name": "http", "port": 80, "protocol": "HTTP", "allowedRoutes": {"namespaces": from}},
            {"name": "named", "port": 80, "protocol": "HTTP", "hostname": "*.example", "allowedRoutes": {"namespaces": {"from": "All"}}},
        ]},
    })
}

fn parent(dice: &mut Dice) -> Value {
    let mut parent = json!({"name": format!("gw{}", dice.below(3)), "namespace": "one"});
    if dice.chance(30) {
        parent["sectionName"] = json!(dice.one(&["http", "named", "none"]));
    }
    parent
}

fn backend(dice: &mut Dice) -> Value {
    let mut backend = json!({"name": format!("o{}", dice.below(5)), "port": 80 + dice.below(3)});
    if dice.chance(30) {
        backend["namespace"] = json!(dice.one(&NAMESPACES));
    }
    if dice.chance(30) {
        backend["group"] = json!("clearway.dev");
        backend["kind"] = json!("Backend");
    }
    backend
}

fn route(dice: &mut Dice, meta: &Value, kind: &str) -> Value {
    let parents: Vec<Value> = (0..=dice.below(2)).map(|_| parent(dice)).collect();
    let hostnames: Vec<&str> = (0..dice.below(3)).map(|_| *dice.one(&HOSTS)).collect();
    let rules: Vec<Value> = (0..=dice.below(2))
        .map(|_| {
            let mut rule = json!({"backendRefs": [backend(dice)]});
            if dice.chance(20) {
                rule["name"] = json!("first");
            }
            if kind == "HTTPRoute" && dice.chance(50) {
                rule["matches"] =
                    json!([{"path": {"type": "PathPrefix", "value": format!("/{}", dice.below(3))}}]);
            }
            if kind == "HTTPRoute" && dice.chance(20) {
                rule["filters"] =
                    json!([{"type": "RequestMirror", "requestMirror": {"backendRef": backend(dice)}}]);
            }
            if dice.chance(10) {
                rule["filters"] = json!([{"type": "Strange"}]);
            }
            rule
        })
        .collect();
    json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": kind, "metadata": meta,
        "spec": {"parentRefs": parents, "hostnames": hostnames, "rules": rules},
    })
}

fn insert(world: &mut World, value: Value) {
    world.insert(Object::from_value(value).unwrap());
}

fn start() -> World {
    let mut world = World::default();
    insert(&mut world, serde_saphyr::from_str(common::CLASS).unwrap());
    for number in 0..2 {
        let key = ObjectRef::new("one", format!("gw{number}"));
        world.ports.insert((key, 80), 20_000 + number);
    }
    world
}

#[test]
fn a_translator_that_remembers_says_the_same_as_one_that_does_not() {
    for seed in 1..=4 {
        let mut dice = Dice(seed);
        let (mut world, mut translator, mut served) = (start(), Translator::default(), 0);
        for edit in 0..EDITS {
            let value = object(&mut dice);
            if dice.chance(25) {
                let text =
                    |path: &str| value.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
                world.remove(&text("/kind"), &text("/metadata/namespace"), &text("/metadata/name"));
            } else {
                insert(&mut world, value);
            }
            // Sometimes several at once, as they come gathered.
            if dice.chance(70) {
                let (found, whole) =
                    (translator.translate(&world, &options()), translate(&world, &options()));
                assert_same(&found, &whole, &format!("seed {seed}, edit {edit}"));
                served += whole.snapshot.rules.len() + whole.snapshot.backends.len();
            }
        }
        assert!(served > EDITS, "the edits make too little that is served: {served}");
    }
}

fn assert_same(found: &Translation, whole: &Translation, at: &str) {
    assert_eq!(found.snapshot, whole.snapshot, "{at}");
    assert_eq!(found.status, whole.status, "{at}");
    assert_eq!(found.problems, whole.problems, "{at}");
    assert_eq!(found.infrastructure, whole.infrastructure, "{at}");
}

fn small_world() -> World {
    let mut world = start();
    insert(
        &mut world,
        json!({
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway", "metadata": {"name": "gw0", "namespace": "one"},
            "spec": {"gatewayClassName": "clearway", "listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}]},
        }),
    );
    for number in 0..20 {
        insert(&mut world, plain_route(number, "/"));
        insert(
            &mut world,
            json!({
                "apiVersion": "v1", "kind": "Service", "metadata": {"name": format!("s{number}"), "namespace": "one"},
                "spec": {"ports": [{"port": 80}]},
            }),
        );
        insert(&mut world, slice(number, "10.0.0.1"));
    }
    world
}

fn plain_route(number: usize, path: &str) -> Value {
    json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
        "metadata": {"name": format!("r{number}"), "namespace": "one"},
        "spec": {
            "parentRefs": [{"name": "gw0"}], "hostnames": [format!("h{number}.example")],
            "rules": [{"matches": [{"path": {"value": path}}], "backendRefs": [{"name": format!("s{number}"), "port": 80}]}],
        },
    })
}

fn slice(number: usize, address: &str) -> Value {
    json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
        "metadata": {"name": format!("s{number}"), "namespace": "one", "labels": {"kubernetes.io/service-name": format!("s{number}")}},
        "ports": [{"port": 8080}], "endpoints": [{"addresses": [address]}],
    })
}

/// How many rules and backends are other pointers than before.
fn fresh(before: &Translation, now: &Translation) -> (usize, usize) {
    let rule = |(key, rule): &(&RuleRef, &Arc<_>)| {
        before.snapshot.rules.get(*key).is_none_or(|old| !Arc::ptr_eq(old, rule))
    };
    let rules = now.snapshot.rules.iter().filter(rule).count();
    let backends = now.snapshot.backends.iter();
    let backends = backends
        .filter(|(key, one)| before.snapshot.backends.get(*key).is_none_or(|old| !Arc::ptr_eq(old, one)))
        .count();
    (rules, backends)
}

#[test]
fn what_did_not_change_is_the_same_pointer() {
    let (mut world, mut translator) = (small_world(), Translator::default());
    let first = translator.translate(&world, &options());
    assert_eq!((first.snapshot.rules.len(), first.snapshot.backends.len()), (20, 20));
    assert_eq!(fresh(&first, &translator.translate(&world, &options())), (0, 0));

    insert(&mut world, plain_route(7, "/other"));
    let second = translator.translate(&world, &options());
    assert_eq!(fresh(&first, &second), (1, 0));
    assert_ne!(first.snapshot.version, second.snapshot.version);

    insert(&mut world, slice(3, "10.0.0.2"));
    let mut third = translator.translate(&world, &options());
    assert_eq!(fresh(&second, &third), (0, 1));

    // A policy costs the rules of its routes.
    let observed = json!({
        "apiVersion": "clearway.dev/v1alpha1", "kind": "ObservabilityPolicy", "metadata": {"name": "p", "namespace": "one"},
        "spec": {
            "targetRefs": [{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": "r5"}],
            "metrics": {"latency": false},
        },
    });
    insert(&mut world, observed);
    let before = std::mem::replace(&mut third, translator.translate(&world, &options()));
    assert_eq!(fresh(&before, &third), (1, 0));
    assert_ne!(before.snapshot.version, third.snapshot.version);

    // Another frame: all is looked at, and comes out the same.
    insert(
        &mut world,
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "one", "labels": {"a": "b"}}}),
    );
    let fourth = translator.translate(&world, &options());
    assert_eq!(fresh(&third, &fourth), (0, 0));
    assert_eq!(third.snapshot.version, fourth.snapshot.version);
    assert!(third.status.routes.iter().all(|(key, status)| fourth.status.routes.get(key) == Some(status)));
}
