//! The corpus of bad objects beside a good world, in process: read, translated, sent by real xDS and compiled. Each bad object
//! gets its condition, and the good ones are served to the byte as if they were alone.

mod scene;
mod verdicts;

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use clearway_model::Snapshot;
use clearway_testkit::hostile::{Case, corpus, good, good_slices, hostile_scene, too_large_for_etcd};
use clearway_translate::Translation;
use clearway_xds::{Kind, ResourceRef, Resources};
use scene::{Age, Scene};
use serde_json::Value;

/// The good world, with the same certificate each time.
static GOOD: LazyLock<Vec<Value>> = LazyLock::new(good);

/// Longest a translation of everything may take here; in the debug profile, on a machine that is busy with other tests.
const BOUND: Duration = Duration::from_secs(30);

/// The good world, with what bad objects lead to.
fn alone() -> Scene {
    let mut scene = Scene::default();
    scene.add(GOOD.iter().cloned().chain(good_slices()).chain(hostile_scene()), Age::Old);
    scene
}

fn translated(scene: &mut Scene, cases: &[Case]) -> Translation {
    scene.add(cases.iter().flat_map(|case| case.objects.iter().cloned()), Age::Young);
    scene.furnish();
    let began = Instant::now();
    let translation = scene.translate();
    println!("{} cases translated in {:?}", cases.len(), began.elapsed());
    assert!(began.elapsed() < BOUND, "{:?}", began.elapsed());
    translation
}

/// What is served of the good ones must be what it is without anybody else, byte by byte.
fn assert_unharmed(alone: &Snapshot, together: &Snapshot) {
    let [alone, together] = [alone, together].map(|one| Resources::encode(Arc::new(one.clone()), None));
    let bytes = |resources: &Resources, name: &ResourceRef| {
        resources.get(name.kind(), &name.name()).map(|encoded| encoded.bytes.clone())
    };
    let snapshot = alone.snapshot();
    let good = |namespace: &str| namespace == "good";
    let rules = snapshot.rules.keys().filter(|rule| good(&rule.route.object.namespace));
    let listeners = snapshot.listeners.keys().filter(|listener| good(&listener.gateway.namespace));
    let backends = snapshot.backends.keys().filter(|backend| good(&backend.object.namespace));
    let certificates = snapshot.certificates.keys().filter(|secret| good(&secret.namespace));
    let all: Vec<ResourceRef> = rules
        .cloned()
        .map(ResourceRef::Rule)
        .chain(listeners.cloned().map(ResourceRef::Listener))
        .chain(backends.cloned().map(ResourceRef::Backend))
        .chain(certificates.cloned().map(ResourceRef::Certificate))
        .collect();
    assert_eq!(all.iter().filter(|name| name.kind() == Kind::Rule).count(), 50);
    assert!(all.len() >= 54, "{} resources", all.len());
    for name in &all {
        assert!(bytes(&together, name) == bytes(&alone, name), "{name} is served differently");
    }
}

#[test]
fn the_corpus_is_large_and_various() {
    let corpus = corpus();
    let families: BTreeSet<_> = corpus.iter().map(|case| case.family).collect();
    let names: BTreeSet<_> = corpus.iter().map(|case| &case.name).collect();
    let objects: Vec<_> = corpus.iter().flat_map(|case| &case.objects).map(scene::name_of).collect();
    let distinct: BTreeSet<_> = objects.iter().collect();
    println!("{} cases of {} families, {} objects", corpus.len(), families.len(), objects.len());
    assert!(corpus.len() >= 500 && families.len() >= 40);
    assert_eq!((names.len(), distinct.len()), (corpus.len(), objects.len()), "each name once");
    let unsaid: Vec<_> =
        corpus.iter().filter(|case| case.expected.is_empty()).map(|case| &case.name).collect();
    assert!(unsaid.iter().all(|name| name.starts_with("ReferenceGrant ")), "{unsaid:?}");
}

#[test]
fn every_bad_object_gets_its_condition_and_the_good_ones_are_served_unchanged() {
    let before = translated(&mut alone(), &[]);
    let corpus = corpus();
    let together = translated(&mut alone(), &corpus);
    let wrong: Vec<String> = corpus.iter().flat_map(|case| verdicts::wrong(case, &together)).collect();
    assert!(wrong.is_empty(), "{} are wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert_unharmed(&before.snapshot, &together.snapshot);
}

#[test]
fn more_than_any_apiserver_stores_is_refused_in_bounded_time() {
    let before = translated(&mut alone(), &[]);
    let cases = too_large_for_etcd();
    let together = translated(&mut alone(), &cases);
    let wrong: Vec<String> = cases.iter().flat_map(|case| verdicts::wrong(case, &together)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_unharmed(&before.snapshot, &together.snapshot);
    let told: usize = together.problems.iter().map(|problem| problem.message.len()).sum();
    assert!(told < 1 << 20, "{told} bytes of problems");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_data_plane_takes_it_all() {
    let together = translated(&mut alone(), &corpus());
    let snapshot = Arc::new(together.snapshot);
    let (applied, compiled) = scene::send(snapshot.clone()).await;
    assert_eq!(applied.version, snapshot.version, "what arrives is what was sent");
    assert_eq!(compiled, Ok(()), "nothing that an object says may keep a data plane from the others");
    assert_unharmed(&snapshot, &applied);
}
