//! Others in the same cluster: a second release of Clearway, and a controller that is not ours. Nobody disturbs anybody.

use std::net::SocketAddr;

use clearway_e2e::Cluster;
use clearway_e2e::objects::{
    GATEWAY_API, condition, demo_backend, entry_of, forward_to, gateway, http_route, is_true, namespace,
    redirect_to,
};
use serde_json::{Value, json};

const SPACE: &str = "shop";
const RELEASES: [&str; 2] = ["blue", "green"];
const FOREIGN: &str = "example.com/foreign";
const GROUP: &str = "gateway.networking.k8s.io";

#[test]
fn releases_and_foreign_controllers_do_not_disturb_each_other() {
    let mut cluster = Cluster::start("neighbours");
    for release in RELEASES {
        cluster.deploy(release, &[]);
    }
    furnish(&cluster);
    let addresses = RELEASES.map(|release| cluster.gateway_address(SPACE, release, 80));
    let routes_have_one_entry_of_each = |route: &Value| {
        RELEASES.iter().all(|release| {
            let entry = entry_of(&route["status"]["parents"], &controller(release));
            entry["parentRef"]["name"] == *release && is_true(&entry["conditions"], "Accepted")
        })
    };
    cluster.until_get(
        "a route of both releases is accepted by each",
        &["-n", SPACE, "httproute", "shared"],
        routes_have_one_entry_of_each,
    );
    each_serves_its_own(&cluster, &addresses);
    a_foreign_controller_is_left_alone(&cluster);
    one_leaves_and_the_other_goes_on(&cluster, &addresses);
}

fn controller(release: &str) -> String {
    format!("gateway.networking.k8s.io/{release}")
}

fn furnish(cluster: &Cluster) {
    let mut objects = vec![namespace(SPACE)];
    objects.extend(demo_backend(SPACE, "till", 1));
    for release in RELEASES {
        objects.push(gateway(SPACE, release, release));
        let host = format!("{release}.example");
        objects.push(http_route(SPACE, release, release, &host, &redirect_to("elsewhere.example")));
    }
    let mut shared = http_route(SPACE, "shared", "blue", "shared.example", &forward_to("till"));
    shared["spec"]["parentRefs"] = json!([{"name": "blue"}, {"name": "green"}]);
    objects.push(shared);
    cluster.apply(&objects);
    cluster.kubectl(&["-n", SPACE, "rollout", "status", "deployment/till", "--timeout=120s"]);
}

fn each_serves_its_own(cluster: &Cluster, addresses: &[SocketAddr; 2]) {
    for (release, address) in RELEASES.iter().zip(addresses) {
        for host in ["blue.example", "green.example", "shared.example"] {
            let wanted = match host.strip_suffix(".example") {
                Some("shared") => 200,
                Some(name) if name == *release => 302,
                _ => 404,
            };
            cluster.until_code(*address, host, wanted);
        }
    }
}

/// Writes status as somebody else's controller does, lets both releases look at the world again, and compares.
fn a_foreign_controller_is_left_alone(cluster: &Cluster) {
    cluster.apply(&[
        json!({
            "apiVersion": GATEWAY_API, "kind": "GatewayClass", "metadata": {"name": "foreign"},
            "spec": {"controllerName": FOREIGN},
        }),
        gateway(SPACE, "foreign", "foreign"),
    ]);
    let condition = json!({
        "type": "Accepted", "status": "False", "reason": "Mine", "message": "Said by somebody else.",
        "lastTransitionTime": "2026-01-01T00:00:00Z", "observedGeneration": 1,
    });
    let mut parents = cluster.get(&["-n", SPACE, "httproute", "shared"])["status"]["parents"].clone();
    let entry = json!({"controllerName": FOREIGN, "parentRef": {"group": GROUP, "kind": "Gateway", "name": "foreign"}, "conditions": [condition]});
    parents.as_array_mut().expect("parents").push(entry.clone());
    patch_status(cluster, "httproute", "shared", &json!({ "parents": parents }));
    patch_status(cluster, "gateway", "foreign", &json!({ "conditions": [condition] }));

    let before = versions(cluster);
    // The newcomer's status shows that both releases have looked at a world in which the foreign words stand.
    let mut newcomer =
        http_route(SPACE, "newcomer", "blue", "newcomer.example", &redirect_to("elsewhere.example"));
    newcomer["spec"]["parentRefs"] = json!([{"name": "blue"}, {"name": "green"}, {"name": "foreign"}]);
    cluster.apply(&[newcomer]);
    let seen = cluster.until_get("the newcomer's status", &["-n", SPACE, "httproute", "newcomer"], |route| {
        RELEASES.iter().all(|release| entry_of(&route["status"]["parents"], &controller(release)).is_object())
    });
    assert_eq!(
        seen["status"]["parents"].as_array().map(Vec::len),
        Some(2),
        "nobody speaks for the foreign parent"
    );
    let shared = cluster.get(&["-n", SPACE, "httproute", "shared"]);
    assert_eq!(
        *entry_of(&shared["status"]["parents"], FOREIGN),
        entry,
        "the foreign entry stands as it was written"
    );
    assert_eq!(versions(cluster), before, "nobody writes what nobody changed");

    // A change that both must write about keeps the foreign entry too.
    let change = json!({"spec": {"rules": [{"backendRefs": [{"name": "nowhere", "port": 80}]}]}});
    cluster.kubectl(&[
        "-n",
        SPACE,
        "patch",
        "httproute",
        "shared",
        "--type=merge",
        "-p",
        &change.to_string(),
    ]);
    let shared =
        cluster.until_get("both say what is wrong", &["-n", SPACE, "httproute", "shared"], |route| {
            RELEASES.iter().all(|release| {
                let entry = entry_of(&route["status"]["parents"], &controller(release));
                condition_is(entry, "ResolvedRefs", "BackendNotFound")
            })
        });
    assert_eq!(*entry_of(&shared["status"]["parents"], FOREIGN), entry, "a write keeps the foreign entry");
}

fn condition_is(entry: &Value, kind: &str, reason: &str) -> bool {
    condition(&entry["conditions"], kind)["reason"] == reason
}

fn patch_status(cluster: &Cluster, kind: &str, name: &str, status: &Value) {
    let patch = json!({ "status": status }).to_string();
    cluster.kubectl(&[
        "-n",
        SPACE,
        "patch",
        kind,
        name,
        "--subresource=status",
        "--type=merge",
        "-p",
        &patch,
    ]);
}

/// The resource versions of what both releases and the foreign controller have written status for.
fn versions(cluster: &Cluster) -> Vec<(String, String)> {
    let list = cluster.get(&[
        "-n",
        SPACE,
        "httproute/shared",
        "gateway/foreign",
        "httproute/blue",
        "httproute/green",
    ]);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let items = list["items"].as_array().expect("a list");
    items
        .iter()
        .map(|item| (text(&item["metadata"]["name"]), text(&item["metadata"]["resourceVersion"])))
        .collect()
}

fn one_leaves_and_the_other_goes_on(cluster: &Cluster, addresses: &[SocketAddr; 2]) {
    let green = cluster.get(&["-n", SPACE, "gateway", "green"])["status"].clone();
    cluster.script("deploy", &["--release", "blue", "--delete"]).success();
    assert!(cluster.get(&["gatewayclass", "blue"]).is_null());
    assert_eq!(cluster.code(addresses[1], "green.example"), 302, "green serves on");
    cluster.apply(&[http_route(SPACE, "late", "green", "late.example", &redirect_to("elsewhere.example"))]);
    cluster.until_code(addresses[1], "late.example", 302);
    let now = cluster.get(&["-n", SPACE, "gateway", "green"])["status"].clone();
    assert_eq!(without_counts(now), without_counts(green), "its status is what it was");
}

/// A Gateway's status without the number of routes, which a new route changes.
fn without_counts(mut status: Value) -> Value {
    for listener in status["listeners"].as_array_mut().into_iter().flatten() {
        listener["attachedRoutes"] = Value::Null;
    }
    status
}
