//! Objects whose newest version cannot be read: what is said of them, and what goes on being served.

mod common;

use clearway_k8s::{ConditionStatus, Object, Unreadable};
use clearway_model::{BackendTls, ObjectRef, TrustedRoots};
use clearway_translate::{ObjectName, Options, Translation, World, translate};
use common::{CLASS, CONTROLLER, GATEWAY, TO_WEB, WEB, http_route, route_lines, world};
use serde_json::{Value, json};

/// Has a newer version come that cannot be read.
fn spoil(world: &mut World, mut object: Value) {
    let text = |path: &str| object.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
    let name = ObjectName::new(&text("/kind"), &text("/metadata/namespace"), &text("/metadata/name"));
    let error = Object::read_in_place(&mut object).expect_err("it cannot be read");
    world.unreadable.insert(name, Unreadable::new(error, &object));
}

fn run(world: &World) -> Translation {
    translate(world, &Options::new(CONTROLLER))
}

fn object(kind: &str, name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": kind,
        "metadata": {"name": name, "namespace": "default", "generation": 5}, "spec": spec,
    })
}

#[test]
fn a_route_that_was_good_goes_on_and_says_so() {
    let route = http_route("shop", "default", "[{name: gw}]", TO_WEB);
    let mut world = world(&[CLASS, GATEWAY, WEB, &route]);
    let before = run(&world);
    let parents = json!([{"name": "gw"}, {"name": "gw", "sectionName": "http"}, {"name": "elsewhere"}]);
    spoil(
        &mut world,
        object(
            "HTTPRoute",
            "shop",
            &json!({"parentRefs": parents, "rules": [{"backendRefs": [{"name": 7}]}]}),
        ),
    );
    let now = run(&world);
    assert_eq!(now.snapshot.version, before.snapshot.version);
    assert_eq!(
        route_lines(&now),
        [
            "HTTPRoute default/shop gw Accepted=False/UnsupportedValue ResolvedRefs=True/ResolvedRefs",
            "HTTPRoute default/shop gw/http Accepted=False/UnsupportedValue",
        ]
    );
    let (_, status) = now.status.routes.first_key_value().unwrap();
    let conditions = &status.parents[0].conditions;
    assert_eq!((conditions[0].observed_generation, conditions[1].observed_generation), (5, 2));
    let message = &conditions[0].message;
    assert!(message.starts_with("spec.rules[0].backendRefs[0].name: cannot be read: "), "{message}");
    assert!(message.contains("generation 2, which could be read, goes on being served"), "{message}");
}

#[test]
fn a_new_one_says_so_and_serves_nothing() {
    let mut world = world(&[CLASS, GATEWAY, WEB]);
    spoil(&mut world, object("HTTPRoute", "shop", &json!({"parentRefs": [{"name": "gw"}], "hostnames": 7})));
    spoil(&mut world, object("Gateway", "new", &json!({"gatewayClassName": "clearway", "listeners": 7})));
    spoil(&mut world, object("Gateway", "foreign", &json!({"gatewayClassName": "other", "listeners": 7})));
    spoil(&mut world, object("ListenerSet", "set", &json!({"parentRef": {"name": "gw"}, "listeners": 7})));
    let now = run(&world);
    assert!(now.snapshot.rules.is_empty());
    assert_eq!(route_lines(&now), ["HTTPRoute default/shop gw Accepted=False/UnsupportedValue"]);
    let said = |conditions: &[clearway_k8s::Condition]| common::plain(conditions);
    let both = "Accepted=False/Invalid Programmed=False/Invalid";
    assert_eq!(said(&now.status.gateways[&ObjectRef::new("default", "new")].conditions), both);
    assert_eq!(said(&now.status.listener_sets[&ObjectRef::new("default", "set")].conditions), both);
    assert!(!now.status.gateways.contains_key(&ObjectRef::new("default", "foreign")), "somebody else's");
    let named: Vec<_> = now.problems.iter().map(|problem| problem.object.to_string()).collect();
    let want = [
        "Gateway default/foreign",
        "Gateway default/new",
        "HTTPRoute default/shop",
        "ListenerSet default/set",
    ];
    assert_eq!(named, want, "/config names all of them");
}

#[test]
fn a_policy_that_cannot_be_read_never_means_clear_text() {
    let route = http_route("shop", "default", "[{name: gw}]", TO_WEB);
    let mut world = world(&[CLASS, GATEWAY, WEB, &route]);
    let targets = json!([{"group": "", "kind": "Service", "name": "web"}]);
    spoil(
        &mut world,
        object("BackendTLSPolicy", "tls", &json!({"targetRefs": targets, "validation": {"hostname": 7}})),
    );
    let now = run(&world);
    let (_, backend) = now.snapshot.backends.first_key_value().unwrap();
    let Some(BackendTls { roots: TrustedRoots::Broken(reason), .. }) = &backend.tls else {
        panic!("{:?}", backend.tls)
    };
    assert!(reason.contains("BackendTLSPolicy default/tls cannot be read"), "{reason}");
    let ancestors = &now.status.tls_policies[&ObjectRef::new("default", "tls")].ancestors;
    assert_eq!(ancestors.len(), 1);
    let condition = &ancestors[0].conditions[0];
    assert_eq!((condition.status, condition.reason.as_str()), (ConditionStatus::False, "Invalid"));
}
