//! Bad objects: how they come in and go, and what is said of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::Duration;

use clearway_e2e::Cluster;
use clearway_testkit::hostile::{CONTROLLER, Case, Expected, Place, Told};
use serde_json::{Value, json};

use super::BAD_NAMESPACES;

/// Kinds whose definitions are relaxed, with those of Kubernetes beside them.
const CUSTOM: &str = "gatewayclasses,gateways,listenersets,httproutes,grpcroutes,tlsroutes,tcproutes,udproutes,\
                      backendtlspolicies,referencegrants.gateway.networking.k8s.io,backends.clearway.dev,\
                      observabilitypolicies.clearway.dev";
const CORE: &str = "services,endpointslices,secrets,configmaps";

/// An object: kind, namespace, name.
type Key = (String, String, String);
/// What an object's status says.
pub(crate) type Statuses = BTreeMap<Key, Value>;
/// What `/config` says: object, reason, field and message.
pub(crate) type Problems = Vec<(String, String, String)>;

fn key(object: &Value) -> Key {
    let text = |path: &str| object.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
    (text("/kind"), text("/metadata/namespace"), text("/metadata/name"))
}

/// Makes the definitions of our kinds let in any `spec`, as a newer or an older definition might.
pub(crate) fn relax(cluster: &Cluster) {
    let list = cluster.get(&["crds"]);
    for mut definition in list["items"].as_array().cloned().unwrap_or_default() {
        let group = definition["spec"]["group"].as_str().unwrap_or_default().to_owned();
        if !matches!(group.as_str(), "gateway.networking.k8s.io" | "clearway.dev") {
            continue;
        }
        for version in definition["spec"]["versions"].as_array_mut().into_iter().flatten() {
            let schema = &mut version["schema"]["openAPIV3Schema"];
            schema["properties"]["spec"] = json!({"x-kubernetes-preserve-unknown-fields": true});
            if let Some(schema) = schema.as_object_mut() {
                schema.remove("required");
                schema.remove("x-kubernetes-validations");
            }
        }
        let name = definition["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        let patch =
            json!([{"op": "replace", "path": "/spec/versions", "value": definition["spec"]["versions"]}]);
        let file = file(cluster, &format!("{name}.json"), &patch);
        cluster.kubectl(&["patch", "crd", &name, "--type=json", "--patch-file", &file]);
    }
    let probe = json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
        "metadata": {"name": "probe", "namespace": "default"}, "spec": {"rules": 7},
    });
    cluster.until("the definitions let everything in", Duration::from_secs(60), || {
        let file = write(cluster, std::slice::from_ref(&probe), "probe.json");
        let tried = cluster.try_kubectl(&["create", "--validate=false", "--dry-run=server", "-f", &file]);
        tried.status.success().then_some(())
    });
}

/// A list of objects as a file.
fn write(cluster: &Cluster, objects: &[Value], name: &str) -> String {
    file(cluster, name, &json!({"apiVersion": "v1", "kind": "List", "items": objects}))
}

fn folder(cluster: &Cluster) -> std::path::PathBuf {
    std::env::temp_dir().join(format!("clearway-{}", cluster.name()))
}

fn file(cluster: &Cluster, name: &str, content: &Value) -> String {
    let folder = folder(cluster);
    let file = folder.join(name);
    let written = std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(&file, content.to_string()));
    written.unwrap_or_else(|error| panic!("cannot write {}: {error}", file.display()));
    file.to_string_lossy().into_owned()
}

/// Creates whatever the apiserver takes.
pub(crate) fn create(cluster: &Cluster, objects: &[Value]) {
    for (number, part) in objects.chunks(100).enumerate() {
        let file = write(cluster, part, &format!("bad-{number}.json"));
        cluster.try_kubectl(&["create", "--validate=false", "-f", &file]);
    }
}

/// Those that are refused are just those that every apiserver refuses.
pub(crate) fn assert_admitted(cluster: &Cluster, corpus: &[Case], objects: &[Value]) {
    let there = names(cluster);
    let refused: BTreeSet<Key> = objects.iter().map(key).filter(|key| !there.contains(key)).collect();
    println!("{} of {} objects are refused by the apiserver", refused.len(), objects.len());
    let mut wrong = String::new();
    for case in corpus {
        let missing: Vec<Key> = case.objects.iter().map(key).filter(|key| refused.contains(key)).collect();
        if case.admitted != missing.is_empty() {
            writeln!(wrong, "{}: refused are {missing:?}", case.name.chars().take(80).collect::<String>())
                .ok();
        }
    }
    assert!(wrong.is_empty(), "what the apiserver takes is not what was expected:\n{wrong}");
}

fn names(cluster: &Cluster) -> BTreeSet<Key> {
    let columns = "custom-columns=K:.kind,N:.metadata.namespace,M:.metadata.name";
    let kinds = format!("{CUSTOM},{CORE}");
    let text = cluster.kubectl(&["get", &kinds, "-A", "--no-headers", "-o", columns]);
    let none = |text: &str| if text == "<none>" { String::new() } else { text.to_owned() };
    text.lines()
        .filter_map(|line| {
            let mut parts = line.split_whitespace();
            Some((parts.next()?.to_owned(), none(parts.next()?), parts.next()?.to_owned()))
        })
        .collect()
}

/// Statuses of everything that has one.
pub(crate) fn statuses(cluster: &Cluster) -> Statuses {
    let path = "jsonpath={range .items[*]}{.kind}{\"\\t\"}{.metadata.namespace}{\"\\t\"}{.metadata.name}{\"\\t\"}{.status}{\"\\n\"}{end}";
    let text = cluster.kubectl(&["get", CUSTOM, "-A", "-o", path]);
    text.lines()
        .filter_map(|line| {
            let mut parts = line.splitn(4, '\t').map(str::to_owned);
            let key = (parts.next()?, parts.next()?, parts.next()?);
            let status = parts.next().and_then(|text| serde_json::from_str(&text).ok());
            Some((key, status.unwrap_or_default()))
        })
        .collect()
}

/// Deletes them all, and waits until what was made for them is gone too.
pub(crate) fn delete(cluster: &Cluster, objects: &[Value]) {
    for namespace in BAD_NAMESPACES {
        cluster.kubectl(&["delete", "namespace", namespace, "--wait=false"]);
    }
    let classes = objects.iter().filter(|object| object["kind"] == "GatewayClass").map(|class| key(class).2);
    for class in classes {
        cluster.kubectl(&["delete", "gatewayclass", &class, "--ignore-not-found"]);
    }
    for namespace in BAD_NAMESPACES {
        cluster.until("a namespace is gone", Duration::from_secs(180), || {
            cluster.get(&["namespace", namespace]).is_null().then_some(())
        });
    }
    std::fs::remove_dir_all(folder(cluster)).ok();
}

/// Everything that is not said as it must be.
pub(crate) fn wrong(corpus: &[Case], statuses: &Statuses, problems: &Problems) -> Vec<String> {
    let admitted = corpus.iter().filter(|case| case.admitted);
    let each = admitted.flat_map(|case| case.expected.iter().map(move |expected| (case, expected)));
    each.filter_map(|(case, expected)| {
        let seen = judge(expected, statuses, problems).err()?;
        let Expected { kind, namespace, told, about, .. } = expected;
        let name: String = case.name.chars().take(80).collect();
        Some(format!(
            "{name} ({}): {kind} in {namespace} must say {told:?} about `{about}`: {seen}",
            case.family
        ))
    })
    .collect()
}

fn judge(expected: &Expected, statuses: &Statuses, problems: &Problems) -> Result<(), String> {
    let Expected { kind, namespace, name, told, about } = expected;
    let key = (kind.clone(), namespace.clone(), name.clone());
    let status = statuses.get(&key).cloned().unwrap_or_default();
    match told {
        Told::Nothing => {
            let ours = ours(&status).len() + own_conditions(kind, &status);
            if ours == 0 { Ok(()) } else { Err(format!("it has a status: {status}")) }
        }
        Told::Problem { reason } => {
            let object = if namespace.is_empty() {
                format!("{kind} {name}")
            } else {
                format!("{kind} {namespace}/{name}")
            };
            let mine = || problems.iter().filter(|(of, ..)| *of == object);
            let told = mine().any(|(_, found, words)| found == reason && words.contains(about));
            if told { Ok(()) } else { Err(format!("/config says {:?}", mine().collect::<Vec<_>>())) }
        }
        Told::Condition { place, kind, status: wanted, reason } => {
            let conditions = match place {
                Place::Object => status["conditions"].clone(),
                Place::Listener(listener) => {
                    let all = status["listeners"].as_array().cloned().unwrap_or_default();
                    all.into_iter().find(|one| one["name"] == *listener).unwrap_or_default()["conditions"]
                        .clone()
                }
                Place::Entry(index) => {
                    ours(&status).get(*index).map(|one| one["conditions"].clone()).unwrap_or_default()
                }
            };
            let found = conditions.as_array().into_iter().flatten().find(|one| one["type"] == *kind);
            let fits = found.is_some_and(|one| {
                one["status"] == *wanted
                    && one["reason"] == *reason
                    && one["message"].as_str().is_some_and(|message| message.contains(about))
                    && one["observedGeneration"].as_i64().is_some_and(|generation| generation >= 1)
            });
            if fits { Ok(()) } else { Err(conditions.to_string().chars().take(900).collect()) }
        }
    }
}

/// Our entries among a route's parents or a policy's ancestors.
fn ours(status: &Value) -> Vec<&Value> {
    let lists = ["parents", "ancestors"].into_iter().filter_map(|list| status[list].as_array());
    lists.flatten().filter(|entry| entry["controllerName"] == CONTROLLER).collect()
}

/// How many conditions a Gateway, ListenerSet or class has that a controller wrote: the API's defaults say `Unknown`.
fn own_conditions(kind: &str, status: &Value) -> usize {
    if !matches!(kind, "Gateway" | "ListenerSet" | "GatewayClass") {
        return 0;
    }
    let conditions = status["conditions"].as_array();
    conditions.into_iter().flatten().filter(|condition| condition["status"] != "Unknown").count()
}
