//! Tables for `merge`: every kind, every way in which somebody else may have written there.

use super::*;
use serde_json::json;

const OURS: &str = "example.com/ours";
const THEIRS: &str = "example.com/theirs";

fn scene(shape: Shape) -> Scene<'static> {
    Scene { shape, controller: OURS, namespace: "shop", now: "NOW" }
}

fn condition(kind: &str, status: &str, time: &str) -> Value {
    json!({"type": kind, "status": status, "reason": kind, "message": "", "observedGeneration": 1, "lastTransitionTime": time})
}

fn planned(kind: &str, status: &str) -> Value {
    let mut value = condition(kind, status, "");
    value.as_object_mut().unwrap().remove("lastTransitionTime");
    value
}

#[allow(clippy::needless_pass_by_value)]
fn parent(controller: &str, name: &str, conditions: Vec<Value>) -> Value {
    json!({"parentRef": {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": name}, "controllerName": controller, "conditions": conditions})
}

fn plan(names: &[&str], status: &str) -> Value {
    let entries: Vec<_> =
        names.iter().map(|name| parent(OURS, name, vec![planned("Accepted", status)])).collect();
    json!({ "parents": entries })
}

#[test]
fn a_new_route_gets_its_entries() {
    let written = merge(&Value::Null, Some(&plan(&["a", "b"], "True")), scene(PARENTS)).unwrap();
    assert_eq!(written["parents"].as_array().unwrap().len(), 2);
    assert_eq!(written["parents"][0]["conditions"][0], condition("Accepted", "True", "NOW"));
}

#[test]
fn what_stands_there_already_is_not_written_whatever_its_order_and_times() {
    let a = parent(OURS, "a", vec![condition("Accepted", "True", "then")]);
    let b = parent(OURS, "b", vec![condition("Accepted", "True", "before")]);
    for stands in [json!({"parents": [a, b]}), json!({"parents": [b, a]})] {
        assert_eq!(merge(&stands, Some(&plan(&["a", "b"], "True")), scene(PARENTS)), None, "{stands}");
    }
}

#[test]
fn references_are_the_same_with_and_without_the_defaults_of_the_api() {
    let stands = json!({"parents": [parent(OURS, "a", vec![condition("Accepted", "True", "then")])]});
    for reference in [
        json!({"name": "a"}),
        json!({"kind": "Gateway", "name": "a"}),
        json!({"group": "gateway.networking.k8s.io", "name": "a", "namespace": "shop"}),
    ] {
        let mut wanted = plan(&["a"], "True");
        wanted["parents"][0]["parentRef"] = reference.clone();
        assert_eq!(merge(&stands, Some(&wanted), scene(PARENTS)), None, "{reference}");
    }
    for other in [
        json!({"name": "a", "sectionName": "x"}),
        json!({"name": "a", "port": 80}),
        json!({"name": "a", "namespace": "n"}),
    ] {
        let mut wanted = plan(&["a"], "True");
        wanted["parents"][0]["parentRef"] = other.clone();
        let written = merge(&stands, Some(&wanted), scene(PARENTS)).unwrap();
        assert_eq!(
            written["parents"].as_array().unwrap().len(),
            1,
            "{other} takes the place of the stale entry"
        );
    }
}

#[test]
fn entries_of_others_stay_as_they_are_and_where_they_are() {
    let theirs =
        parent(THEIRS, "a", vec![condition("Accepted", "False", "then"), condition("Odd", "True", "then")]);
    let stale = parent(OURS, "gone", vec![condition("Accepted", "True", "then")]);
    let stands = json!({"parents": [stale, theirs], "extra": 1});
    let written = merge(&stands, Some(&plan(&["a"], "True")), scene(PARENTS)).unwrap();
    assert_eq!(written["parents"][0], theirs);
    assert_eq!(written["parents"][1]["parentRef"]["name"], "a");
    assert_eq!((written["parents"].as_array().unwrap().len(), &written["extra"]), (2, &json!(1)));
}

#[test]
fn without_a_plan_only_our_entries_go() {
    let theirs = parent(THEIRS, "a", vec![condition("Accepted", "True", "then")]);
    let ours = parent(OURS, "a", vec![condition("Accepted", "True", "then")]);
    let written = merge(&json!({"parents": [theirs, ours]}), None, scene(PARENTS)).unwrap();
    assert_eq!(written, json!({ "parents": [theirs] }));
    assert_eq!(merge(&written, None, scene(PARENTS)), None);
    assert_eq!(merge(&Value::Null, None, scene(PARENTS)), None);
    assert_eq!(
        merge(&json!({"conditions": []}), None, scene(Shape::Whole)),
        None,
        "a Gateway of another class is not ours"
    );
}

#[test]
fn an_entry_of_ours_that_stands_twice_is_left_once() {
    let ours = parent(OURS, "a", vec![condition("Accepted", "True", "then")]);
    let written =
        merge(&json!({"parents": [ours, ours]}), Some(&plan(&["a"], "True")), scene(PARENTS)).unwrap();
    assert_eq!(written, json!({ "parents": [ours] }));
}

#[test]
fn conditions_of_others_in_our_entry_stay_and_our_stale_ones_go() {
    let foreign = condition("example.com/Audited", "True", "then");
    let ours = parent(
        OURS,
        "a",
        vec![
            condition("PartiallyInvalid", "True", "then"),
            foreign.clone(),
            condition("Accepted", "True", "then"),
        ],
    );
    let written = merge(&json!({ "parents": [ours] }), Some(&plan(&["a"], "True")), scene(PARENTS)).unwrap();
    assert_eq!(written["parents"][0]["conditions"], json!([condition("Accepted", "True", "then"), foreign]));
}

#[test]
fn lists_stop_at_what_the_api_takes_and_others_keep_their_places() {
    let names: Vec<String> = (0..40).map(|n| format!("g{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let theirs: Vec<Value> = (0..3)
        .map(|n| parent(THEIRS, &format!("t{n}"), vec![condition("Accepted", "True", "then")]))
        .collect();
    let written = merge(&json!({ "parents": theirs }), Some(&plan(&names, "True")), scene(PARENTS)).unwrap();
    assert_eq!(written["parents"].as_array().unwrap().len(), 32);
    assert_eq!(
        merge(&written, Some(&plan(&names, "True")), scene(PARENTS)),
        None,
        "and then nothing more is written"
    );

    let ancestors: Vec<Value> = names
        .iter()
        .map(|name| json!({"ancestorRef": {"name": name}, "controllerName": OURS, "conditions": [planned("Accepted", "True")]}))
        .collect();
    let written = merge(&Value::Null, Some(&json!({ "ancestors": ancestors })), scene(ANCESTORS)).unwrap();
    assert_eq!(written["ancestors"].as_array().unwrap().len(), 16);
}

#[test]
fn a_gateway_keeps_what_others_wrote_and_loses_stale_listeners() {
    let foreign = condition("example.com/Audited", "True", "then");
    let stands = json!({
        "addresses": [{"type": "IPAddress", "value": "10.0.0.1"}],
        "conditions": [condition("Accepted", "Unknown", "1970"), foreign],
        "listeners": [
            {"name": "gone", "attachedRoutes": 0, "supportedKinds": [], "conditions": []},
            {"name": "web", "attachedRoutes": 1, "supportedKinds": [{"group": "g", "kind": "B"}, {"group": "g", "kind": "A"}], "conditions": [condition("Accepted", "True", "then"), foreign]},
        ],
    });
    let wanted = json!({
        "conditions": [planned("Accepted", "True")],
        "listeners": [{"name": "web", "attachedRoutes": 2, "supportedKinds": [{"group": "g", "kind": "A"}, {"group": "g", "kind": "B"}], "conditions": [planned("Accepted", "True")]}],
    });
    let written = merge(&stands, Some(&wanted), scene(Shape::Whole)).unwrap();
    assert_eq!(written["addresses"], stands["addresses"], "the plan does not speak of addresses");
    assert_eq!(written["conditions"], json!([condition("Accepted", "True", "NOW"), foreign]));
    let listener = &written["listeners"][0];
    assert_eq!((&listener["attachedRoutes"], written["listeners"].as_array().unwrap().len()), (&json!(2), 1));
    assert_eq!(listener["conditions"], json!([condition("Accepted", "True", "then"), foreign]));
    assert_eq!(merge(&written, Some(&wanted), scene(Shape::Whole)), None);
}

#[test]
fn fields_that_the_plan_speaks_of_are_set_and_an_empty_list_is_as_good_as_none() {
    let base = json!({"conditions": [condition("Accepted", "True", "then")]});
    let wanted =
        |addresses: Value| json!({"conditions": [planned("Accepted", "True")], "addresses": addresses});
    assert_eq!(merge(&base, Some(&wanted(json!([]))), scene(Shape::Whole)), None);
    let written = merge(&base, Some(&wanted(json!([{"value": "10.0.0.1"}]))), scene(Shape::Whole)).unwrap();
    assert_eq!(written["addresses"], json!([{"value": "10.0.0.1"}]));
    let cleared = merge(&written, Some(&wanted(json!([]))), scene(Shape::Whole)).unwrap();
    assert_eq!(cleared["addresses"], json!([]));
}

#[test]
fn a_plan_that_is_older_than_what_stands_there_waits() {
    let at = |generation: i64| json!({"conditions": [{"type": "Accepted", "status": "True", "observedGeneration": generation}]});
    let cases = [(5, 4, 5, true), (5, 5, 5, false), (4, 5, 5, false), (9, 4, 5, false)];
    for (stands, planned, object, behind) in cases {
        assert_eq!(
            is_behind(&at(stands), &at(planned), object, scene(Shape::Whole)),
            behind,
            "{stands} {planned} {object}"
        );
    }
    let entry = |controller: &str, generation: i64| json!({"parents": [{"controllerName": controller, "conditions": at(generation)["conditions"]}]});
    assert!(is_behind(&entry(OURS, 5), &entry(OURS, 4), 5, scene(PARENTS)));
    assert!(
        !is_behind(&entry(THEIRS, 5), &entry(OURS, 4), 5, scene(PARENTS)),
        "what others have seen is no measure"
    );
}

#[test]
fn our_conditions_are_named_after_what_they_are_about() {
    let mut entry = parent(OURS, "a", vec![]);
    entry["parentRef"]["sectionName"] = "web".into();
    entry["parentRef"]["port"] = 80.into();
    let status = json!({"parents": [entry, parent(THEIRS, "b", vec![])]});
    let names: Vec<String> =
        our_conditions(&status, scene(PARENTS)).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["Gateway shop/a, listener web, port 80"]);
    let status = json!({"conditions": [], "listeners": [{"name": "web", "conditions": []}]});
    let names: Vec<String> =
        our_conditions(&status, scene(Shape::Whole)).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["", "listener web"]);
}
