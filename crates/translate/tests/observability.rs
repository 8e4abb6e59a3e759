//! ObservabilityPolicies: the nearest word on each field, one policy for a target, and what is said of the others.

#![expect(clippy::unwrap_used, reason = "tests may panic")]

mod common;

use clearway_k8s::Unreadable;
use clearway_model::{ObjectRef, TraceTrust};
use clearway_translate::{ObjectName, Options, Report, Translation, translate};
use serde_json::json;

use common::{CLASS, CONTROLLER, GATEWAY, TO_WEB, WEB, http_route, plain, run, world};

/// A policy of namespace `default`, made in this second, for these targets.
fn policy(name: &str, created: u32, targets: &str, says: &str) -> String {
    format!(
        "apiVersion: clearway.dev/v1alpha1\nkind: ObservabilityPolicy\nmetadata: {{name: {name}, generation: 5, \
         creationTimestamp: \"2026-01-01T00:00:{created:02}Z\"}}\nspec:\n  targetRefs: [{targets}]\n{says}\n"
    )
}

fn target(kind: &str, name: &str) -> String {
    format!("{{group: gateway.networking.k8s.io, kind: {kind}, name: {name}}}")
}

fn section(kind: &str, name: &str, section: &str) -> String {
    format!("{{group: gateway.networking.k8s.io, kind: {kind}, name: {name}, sectionName: {section}}}")
}

fn rate(numerator: u32) -> String {
    format!("  tracing: {{samplingRate: {{numerator: {numerator}}}}}")
}

/// The route `r` with a named rule and another one.
fn route() -> String {
    let rules = "  rules:\n  - {name: cart, matches: [{path: {value: /cart}}], backendRefs: [{name: web, port: 80}]}\n  \
                 - {matches: [{path: {value: /}}], backendRefs: [{name: web, port: 80}]}";
    http_route("r", "default", "[{name: gw}]", rules)
}

fn listener(translation: &Translation) -> String {
    let listener = translation.snapshot.listeners.values().next().unwrap();
    let says = listener.observability.as_ref().map_or_else(String::new, ToString::to_string);
    format!("{says}; trust {:?}", listener.trace)
}

/// What is said of the rules, the named one first.
fn rules(translation: &Translation) -> Vec<String> {
    let rules = translation.snapshot.rules.values();
    rules.map(|rule| rule.observability.as_ref().map_or_else(String::new, ToString::to_string)).collect()
}

/// Names of policies with what is said to each ancestor.
fn said(translation: &Translation) -> Vec<String> {
    let mut lines = Vec::new();
    for (key, status) in &translation.status.observability_policies {
        for entry in &status.ancestors {
            let ancestor = &entry.ancestor_ref;
            assert_eq!(
                (entry.controller_name.as_str(), entry.conditions[0].observed_generation),
                (CONTROLLER, 5)
            );
            lines.push(format!(
                "{} {} {} {}",
                key.name,
                ancestor.kind,
                ancestor.name,
                plain(&entry.conditions)
            ));
        }
    }
    lines
}

fn served(policies: &[String]) -> Translation {
    let route = route();
    let mut texts = vec![CLASS, GATEWAY, WEB, route.as_str()];
    texts.extend(policies.iter().map(String::as_str));
    run(&texts)
}

#[test]
fn without_policies_nothing_is_said() {
    let translation = served(&[]);
    assert_eq!(listener(&translation), "; trust Accept");
    assert_eq!(rules(&translation), ["", ""]);
    let text = serde_json::to_string(translation.snapshot.rules.values().next().unwrap()).unwrap();
    assert!(!text.contains("observability"), "versions of snapshots stay what they were: {text}");
}

#[test]
fn the_nearest_word_on_each_field_wins() {
    let says = "  tracing: {clientTrust: Link}\n  metrics: {latency: false, bandwidth: false}";
    let all = [
        policy("class", 0, &target("GatewayClass", "clearway"), says),
        policy("gateway", 1, &target("Gateway", "gw"), &rate(1)),
        policy("listener", 2, &section("Gateway", "gw", "http"), "  metrics: {latency: true}"),
        policy(
            "route",
            3,
            &target("HTTPRoute", "r"),
            "  accessLog: {filter: {ratio: {numerator: 10}}, requestHeaders: [X-A]}",
        ),
        policy(
            "rule",
            4,
            &section("HTTPRoute", "r", "cart"),
            "  tracing: {clientTrust: Ignore}\n  accessLog: {filter: {statusClasses: [5xx, 4xx], slowerThan: 1s}}",
        ),
    ];
    let translation = served(&all);
    assert_eq!(
        listener(&translation),
        "sampling 1/100, bandwidth metrics off, latency metrics on; trust Link"
    );
    assert_eq!(
        rules(&translation),
        [
            "client trust ignore, log 4xx or 5xx or slower than 1s and 0/1 of the others, request headers [x-a]",
            "log 10/100, request headers [x-a]",
        ]
    );
    assert_eq!(
        said(&translation),
        [
            "class GatewayClass clearway Accepted=True/Accepted",
            "gateway Gateway gw Accepted=True/Accepted",
            "listener Gateway gw Accepted=True/Accepted",
            "route Gateway gw Accepted=True/Accepted",
            "rule Gateway gw Accepted=True/Accepted",
        ]
    );
    assert_eq!(translation.problems, []);
    let report = Report::from(&translation, &world(&[CLASS, GATEWAY, WEB, &route()])).to_string();
    for line in ["observed with sampling 1/100", "rule 0 (cart): observed with client trust", "POLICIES"] {
        assert!(report.contains(line), "{line} is not in\n{report}");
    }
}

#[test]
fn an_annotation_of_the_gateway_stands_between_its_policy_and_its_class() {
    let annotated = GATEWAY.replace("generation: 7", "annotations: {clearway.dev/trace-trust: link}");
    let trust = |policies: &[String]| {
        let mut texts = vec![CLASS, annotated.as_str()];
        texts.extend(policies.iter().map(String::as_str));
        run(&texts).snapshot.listeners.values().next().unwrap().trace
    };
    let says = "  tracing: {clientTrust: Ignore}";
    assert_eq!(trust(&[]), TraceTrust::Link);
    assert_eq!(trust(&[policy("p", 0, &target("GatewayClass", "clearway"), says)]), TraceTrust::Link);
    assert_eq!(trust(&[policy("p", 0, &target("Gateway", "gw"), says)]), TraceTrust::Ignore);
}

#[test]
fn of_two_policies_for_one_target_the_older_holds_and_names_decide_between_equals() {
    let gateway = target("Gateway", "gw");
    let of = |ages: [u32; 2]| {
        served(&[policy("a", ages[0], &gateway, &rate(1)), policy("b", ages[1], &gateway, &rate(2))])
    };
    for (ages, holds, loser) in [([5, 6], 1, "b"), ([5, 5], 1, "b"), ([6, 5], 2, "a")] {
        let translation = of(ages);
        assert_eq!(listener(&translation), format!("sampling {holds}/100; trust Accept"));
        let line = format!("{loser} Gateway gw Accepted=False/Conflicted");
        assert!(said(&translation).contains(&line), "{:?}", said(&translation));
        let problem = translation.problems.iter().find(|problem| problem.object.name == loser).unwrap();
        assert_eq!((problem.field.as_str(), problem.reason.as_str()), ("spec.targetRefs[0]", "Conflicted"));
    }
    // One that is refused stands in nobody's way.
    let bad = policy("a", 1, &gateway, "  tracing: {samplingRate: {numerator: 7, denominator: 0}}");
    let translation = served(&[bad, policy("b", 2, &gateway, &rate(2))]);
    assert_eq!(listener(&translation), "sampling 2/100; trust Accept");
    assert_eq!(
        said(&translation),
        ["a Gateway gw Accepted=False/Invalid", "b Gateway gw Accepted=True/Accepted"]
    );
}

#[test]
fn a_policy_that_holds_somewhere_is_in_force_and_says_where_it_is_not() {
    let other = http_route("other", "default", "[{name: gw}]", TO_WEB);
    let targets = format!("{}, {}", target("HTTPRoute", "r"), target("HTTPRoute", "other"));
    let both = policy("both", 9, &targets, &rate(5));
    let older = policy("older", 1, &target("HTTPRoute", "other"), &rate(1));
    let translation = run(&[CLASS, GATEWAY, WEB, &route(), &other, &both, &older]);
    let status = &translation.status.observability_policies[&ObjectRef::new("default", "both")];
    let accepted = &status.ancestors[0].conditions[0];
    assert!(accepted.is_true(), "{accepted:?}");
    let about = "not everywhere. spec.targetRefs[1]: older policy default/older holds";
    assert!(accepted.message.contains(about), "{accepted:?}");
}

#[test]
fn what_is_not_there_is_said_of_the_target_and_what_is_not_ours_of_nothing() {
    let theirs = CLASS.replace("name: clearway", "name: theirs").replace("io/clearway", "io/other");
    let foreign = GATEWAY.replace("name: gw", "name: foreign").replace("clearway\n", "theirs\n");
    let lost = http_route("lost", "default", "[{name: foreign}]", TO_WEB);
    let policies = [
        policy("a", 0, &target("Gateway", "none"), &rate(1)),
        policy("b", 0, &target("HTTPRoute", "none"), &rate(1)),
        policy("c", 0, &section("HTTPRoute", "r", "none"), &rate(1)),
        policy("d", 0, &section("Gateway", "gw", "none"), &rate(1)),
        policy("e", 0, &target("Gateway", "foreign"), &rate(1)),
        policy("f", 0, &target("HTTPRoute", "lost"), &rate(1)),
        policy("g", 0, &target("GatewayClass", "theirs"), &rate(1)),
    ];
    let route = route();
    let mut texts =
        vec![CLASS, theirs.as_str(), GATEWAY, foreign.as_str(), WEB, route.as_str(), lost.as_str()];
    texts.extend(policies.iter().map(String::as_str));
    let translation = run(&texts);
    assert_eq!(
        said(&translation),
        [
            "a Gateway none Accepted=False/TargetNotFound",
            "b HTTPRoute none Accepted=False/TargetNotFound",
            "c Gateway gw Accepted=False/TargetNotFound",
            "d Gateway gw Accepted=False/TargetNotFound",
        ]
    );
    let with_problems: Vec<_> =
        translation.problems.iter().map(|problem| problem.object.name.as_str()).collect();
    assert_eq!(with_problems, ["a", "b", "c", "d"]);
    assert_eq!(listener(&translation), "; trust Accept");
}

#[test]
fn only_the_namespace_of_those_who_run_it_speaks_for_a_class() {
    let policy = policy("p", 0, &target("GatewayClass", "clearway"), &rate(3));
    let world = world(&[CLASS, GATEWAY, WEB, &route(), &policy]);
    let of = |namespace: Option<&str>| {
        let class_policies_in = namespace.map(str::to_owned);
        translate(&world, &Options { class_policies_in, ..Options::new(CONTROLLER) })
    };
    for namespace in [None, Some("default")] {
        assert_eq!(listener(&of(namespace)), "sampling 3/100; trust Accept");
    }
    let refused = of(Some("clearway"));
    assert_eq!(listener(&refused), "; trust Accept");
    assert_eq!(said(&refused), ["p GatewayClass clearway Accepted=False/RefNotPermitted"]);
}

#[test]
fn a_policy_that_cannot_be_read_says_so_to_its_ancestors() {
    let mut world = world(&[CLASS, GATEWAY, WEB, &route()]);
    let mut object = json!({
        "apiVersion": "clearway.dev/v1alpha1", "kind": "ObservabilityPolicy",
        "metadata": {"name": "p", "namespace": "default", "generation": 5},
        "spec": {
            "targetRefs": [{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": "r"}],
            "metrics": {"latency": "off"},
        },
    });
    let error = clearway_k8s::Object::read_in_place(&mut object).unwrap_err();
    world
        .unreadable
        .insert(ObjectName::new("ObservabilityPolicy", "default", "p"), Unreadable::new(error, &object));
    let translation = translate(&world, &Options::new(CONTROLLER));
    assert_eq!(said(&translation), ["p Gateway gw Accepted=False/Invalid"]);
    assert_eq!(translation.problems[0].field, "spec.metrics.latency");
}
