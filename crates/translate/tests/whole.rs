//! The translation as a whole: the shipped example, same bytes for the same world, and ten thousand routes.

mod common;

use std::time::Instant;

use clearway_k8s::{Object, parse_documents};
use clearway_translate::{Options, Report, Translation, World, translate};
use serde_json::{Value, json};

use common::{CLASS, CONTROLLER, GATEWAY, WEB, http_route, objects, run, world};

fn quickstart() -> Vec<Object> {
    let files = [
        ("gatewayclass.yaml", include_str!("../../../examples/quickstart/gatewayclass.yaml")),
        ("gateway.yaml", include_str!("../../../examples/quickstart/gateway.yaml")),
        ("routes.yaml", include_str!("../../../examples/quickstart/routes.yaml")),
        ("services.yaml", include_str!("../../../examples/quickstart/services.yaml")),
    ];
    let mut found = Vec::new();
    for (name, text) in files {
        for document in parse_documents(name, text) {
            let document = document.unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(document.warnings, []);
            found.push(document.object);
        }
    }
    found
}

fn gather(objects: impl IntoIterator<Item = Object>) -> World {
    let mut world = World::default();
    objects.into_iter().for_each(|object| assert!(!world.insert(object)));
    world
}

fn text(translation: &Translation) -> String {
    format!("{translation:#?}")
}

const QUICKSTART_REPORT: &str = "\
LISTENERS
  served  default/demo/http on port 10080 (HTTP, host *): 1 route attached
  served  default/demo/https on port 10443 (HTTPS, host *): 1 route attached
ROUTES
  HTTPRoute default/demo
    accepted by default/demo
    attached to default/demo/http for *
    attached to default/demo/https for *
    rule 0 (split): Service default/demo-a:80 weight 90, 1 endpoint
    rule 0 (split): Service default/demo-b:80 weight 10, 1 endpoint
    rule 1 (redirect): no backend
    rule 2 (rewrite): Service default/demo-a:80 weight 1, 1 endpoint
    rule 3 (headers): Service default/demo-b:80 weight 1, 1 endpoint
    rule 4 (careful): Service default/demo-a:80 weight 1, 1 endpoint
    rule 4 (careful): Service default/demo-b:80 weight 1, 1 endpoint
0 errors, 0 warnings; version VERSION
";

#[test]
fn the_shipped_example_is_served_whole() {
    let world = gather(quickstart());
    let translation = translate(&world, &Options::new(CONTROLLER));
    let report = Report::from(&translation, &world);
    assert!(!report.has_errors());
    assert_eq!(
        report.to_string(),
        QUICKSTART_REPORT.replace("VERSION", translation.snapshot.version.as_str())
    );
    assert_eq!(translation.snapshot.version.as_str().len(), 32);
}

#[test]
fn a_report_names_what_is_refused_and_why() {
    let broken = http_route("broken", "default", "[{name: gw, sectionName: nope}]", "");
    let half = http_route(
        "half",
        "shop",
        "[{name: gw, namespace: default}]",
        "  rules: [{backendRefs: [{name: web, port: 80, weight: 3}]}, {timeouts: {request: x}}]",
    );
    let stranger = "apiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\nmetadata: {name: other}\nspec: {controllerName: other.example/x}\n";
    let foreign = GATEWAY.replace("name: gw", "name: theirs").replace("clearway", "other");
    let texts = [CLASS, GATEWAY, WEB, &broken, &half, stranger, &foreign];
    let translation = run(&texts);
    let report = Report::from(&translation, &world(&texts));
    assert!(report.has_errors());
    let version = translation.snapshot.version.as_str();
    let want = "\
LISTENERS
  served  default/gw/http on port 80 (HTTP, host *): 1 route attached
ROUTES
  HTTPRoute default/broken
    refused by default/gw, listener nope
      NoMatchingParent: spec.parentRefs[0]: Gateway default/gw has no listener named nope; it has http (port 80)
  HTTPRoute shop/half
    accepted by default/gw
      BackendNotFound: spec.rules[0].backendRefs[0]: Service shop/web does not exist; add it or correct the name
      PartiallyInvalid: Dropped Rule 1 (spec.rules[1].timeouts.request: `x` is no duration; write up to four numbers with h, m, s or ms, such as 1m30s)
    attached to default/gw/http for *
    rule 0: weight 3 is answered 500, BackendNotFound: Service shop/web does not exist; add it or correct the name
NOT OURS
  Gateway default/theirs
PROBLEMS
  error: HTTPRoute default/broken, spec.parentRefs[0]: Gateway default/gw has no listener named nope; it has http (port 80) (NoMatchingParent)
  error: HTTPRoute shop/half, spec.rules[0].backendRefs[0]: Service shop/web does not exist; add it or correct the name (BackendNotFound)
  error: HTTPRoute shop/half, spec.rules[1].timeouts.request: `x` is no duration; write up to four numbers with h, m, s or ms, such as 1m30s (UnsupportedValue)
3 errors, 0 warnings; version ";
    assert_eq!(report.to_string(), format!("{want}{version}\n"));
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["routes"][1]["rules"][0]["backends"][0]["weight"], 3);
    assert_eq!(json["problems"][0]["severity"], "error");
    assert_eq!(json["listeners"][0]["attachedRoutes"], 1);
}

/// A small generator of permutations; the same seed gives the same order.
fn shuffle<T>(items: &mut [T], mut seed: u64) {
    for last in (1..items.len()).rev() {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        items.swap(last, usize::try_from(seed >> 33).unwrap_or(0) % (last + 1));
    }
}

#[test]
fn the_same_world_gives_the_same_bytes_in_whatever_order_it_was_learned() {
    let mut all = quickstart();
    all.retain(|object| object.kind() != "GatewayClass");
    let elder = GATEWAY.replace("name: gw,", "name: elder, creationTimestamp: '2020-01-01T00:00:00Z',");
    let more: Vec<String> = (0..40)
        .map(|index| {
            http_route(
                &format!("r{index}"),
                "default",
                "[{name: gw}, {name: demo}]",
                &format!(
                    "  hostnames: [h{}.example]\n  rules: [{{backendRefs: [{{name: web, port: 80}}]}}]",
                    index % 7
                ),
            )
        })
        .collect();
    let mut texts = vec![CLASS, GATEWAY, &elder, WEB];
    texts.extend(more.iter().map(String::as_str));
    all.extend(objects(&texts));
    let options = Options::new(CONTROLLER);
    let first = translate(&gather(all.clone()), &options);
    for seed in 0..20 {
        shuffle(&mut all, seed);
        let again = translate(&gather(all.clone()), &options);
        assert_eq!(again, first, "seed {seed}");
        assert_eq!(text(&again), text(&first), "seed {seed}");
    }
}

#[test]
fn the_version_follows_every_byte_that_is_served_and_nothing_else() {
    let base = run(&[CLASS, GATEWAY, WEB, &http_route("r", "default", "[{name: gw}]", common::TO_WEB)]);
    let route = |text: &str| run(&[CLASS, GATEWAY, WEB, &http_route("r", "default", "[{name: gw}]", text)]);
    let same = route(common::TO_WEB);
    assert_eq!(same.snapshot.version, base.snapshot.version);
    let weight = route("  rules: [{backendRefs: [{name: web, port: 80, weight: 2}]}]");
    assert_ne!(weight.snapshot.version, base.snapshot.version);
    let unused = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: unused}\n";
    let with_unused =
        run(&[CLASS, GATEWAY, WEB, unused, &http_route("r", "default", "[{name: gw}]", common::TO_WEB)]);
    assert_eq!(with_unused.snapshot.version, base.snapshot.version);

    // The key of a certificate is not serialised, yet a new key is a new version.
    let secret = |key: &str| {
        let mut world = gather(quickstart());
        let text = include_str!("../../../examples/quickstart/gateway.yaml")
            .replace("-----END PRIVATE KEY-----", key);
        let objects = parse_documents("g", &text).into_iter().flatten().map(|document| document.object);
        objects.filter(|object| object.kind() == "Secret").for_each(|object| assert!(world.insert(object)));
        translate(&world, &Options::new(CONTROLLER)).snapshot
    };
    let (one, two) =
        (secret("-----END PRIVATE KEY-----"), secret("-----END PRIVATE KEY-----\n    # renewed"));
    assert_eq!((one.certificates.len(), two.certificates.len()), (1, 1));
    assert_ne!(one.version, two.version);
}

/// A Service, its EndpointSlice and an HTTPRoute with two rules.
fn many(index: usize, count: usize) -> [Value; 3] {
    let name = format!("web-{index}");
    let other = format!("web-{}", (index * 7) % count);
    [
        json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
            "spec": {"ports": [{"name": "http", "port": 80, "targetPort": 8080}]},
        }),
        json!({
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
            "metadata": {"name": name, "labels": {"kubernetes.io/service-name": name}},
            "addressType": "IPv4", "ports": [{"name": "http", "port": 8080}],
            "endpoints": [{"addresses": ["10.0.0.1"]}, {"addresses": ["10.0.0.2"]}],
        }),
        json!({
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": name},
            "spec": {
                "parentRefs": [{"name": "gw"}],
                "hostnames": [format!("h{index}.example")],
                "rules": [
                    {"matches": [{"path": {"value": "/a"}}], "backendRefs": [{"name": name, "port": 80}]},
                    {"backendRefs": [{"name": other, "port": 80}]},
                ],
            },
        }),
    ]
}

#[test]
fn ten_thousand_routes_and_services_take_linear_time() {
    let measure = |count: usize| {
        let mut world = world(&[CLASS, GATEWAY]);
        for index in 0..count {
            for value in many(index, count) {
                let object = Object::from_value(value).unwrap_or_else(|error| panic!("{error}"));
                assert!(!world.insert(object));
            }
        }
        let options = Options::new(CONTROLLER);
        let mut best = std::time::Duration::MAX;
        for _ in 0..3 {
            let start = Instant::now();
            let translation = translate(&world, &options);
            best = best.min(start.elapsed());
            assert_eq!((translation.snapshot.rules.len(), translation.problems.len()), (2 * count, 0));
            assert_eq!(translation.snapshot.backends.len(), count);
        }
        best
    };
    let (small, large) = (measure(1_000), measure(10_000));
    println!("1,000 routes: {small:?}; 10,000 routes: {large:?}");
    // Ten times the work; a quadratic step would make it a hundred times.
    assert!(large < small * 40, "{small:?} {large:?}");
}
