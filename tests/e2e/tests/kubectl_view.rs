//! What an operator sees by kubectl: columns, conditions that say what to do, and Events when something is refused and
//! when it is well again; and what Prometheus finds by the monitors that are shipped.

#[path = "kubectl_view/monitors.rs"]
mod monitors;

use std::time::Duration;

use clearway_e2e::Cluster;
use clearway_e2e::objects::{
    condition, demo_backend, entry_of, forward_to, gateway, http_route, is_true, namespace,
};
use serde_json::{Value, json};

const SPACE: &str = "shop";
const CLASS: &str = "clearway";
const CONTROLLER: &str = "gateway.networking.k8s.io/clearway";

#[test]
fn kubectl_shows_what_an_operator_needs() {
    let mut cluster = Cluster::start("kubectl-view");
    cluster.deploy(CLASS, &[]);
    furnish(&cluster);
    let address = cluster.gateway_address(SPACE, "web", 80);
    columns_tell_the_state(&cluster, &address.ip().to_string());
    a_refusal_and_its_end_are_told(&cluster);
    cluster.until_code(address, "shop.example", 200);
    a_listener_says_why_it_is_refused(&cluster);
    logs_tell_what_happens(&cluster);
    monitors::prometheus_finds_every_pod(&cluster);
}

fn furnish(cluster: &Cluster) {
    let mut objects = vec![namespace(SPACE), gateway(SPACE, "web", CLASS)];
    objects.push(http_route(SPACE, "shop", "web", "shop.example", &forward_to("till")));
    objects.push(json!({
        "apiVersion": "clearway.dev/v1alpha1", "kind": "Backend",
        "metadata": {"namespace": SPACE, "name": "archive"},
        "spec": {"endpoints": [{"host": "archive.example", "port": 8443}]},
    }));
    objects.push(json!({
        "apiVersion": "clearway.dev/v1alpha1", "kind": "ObservabilityPolicy",
        "metadata": {"namespace": SPACE, "name": "quiet"},
        "spec": {
            "targetRefs": [{"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "web"}],
            "accessLog": {"filter": {"statusClasses": ["5xx"], "slowerThan": "1s"}, "requestHeaders": ["x-tenant"]},
        },
    }));
    cluster.apply(&objects);
}

/// Rows of `kubectl get`, each as `(column, cell)`.
fn table(cluster: &Cluster, arguments: &[&str]) -> Vec<Vec<(String, String)>> {
    let text = cluster.kubectl(&[&["get"], arguments].concat());
    let mut lines = text.lines();
    let heads = lines.next().unwrap_or_default();
    // Columns stand below their heads; cells may hold spaces, heads do not.
    let starts: Vec<_> = heads.split_whitespace().map(|head| (head, heads.find(head).unwrap_or(0))).collect();
    let cells = |line: &str| {
        let ends = starts.iter().skip(1).map(|(_, start)| *start).chain([usize::MAX]);
        let each = starts.iter().zip(ends).map(|((head, start), end)| {
            let cell: String = line.chars().skip(*start).take(end - start).collect();
            ((*head).to_owned(), cell.trim().to_owned())
        });
        each.collect()
    };
    lines.map(cells).collect()
}

fn columns_tell_the_state(cluster: &Cluster, address: &str) {
    let cell = |rows: &[Vec<(String, String)>], name: &str, column: &str| {
        let row = rows.iter().find(|row| row.iter().any(|(head, cell)| head == "NAME" && cell == name));
        let found = row.and_then(|row| row.iter().find(|(head, _)| head == column));
        found.unwrap_or_else(|| panic!("no {column} of {name} in {rows:?}")).1.clone()
    };
    let classes = table(cluster, &["gatewayclass"]);
    assert_eq!(cell(&classes, CLASS, "CONTROLLER"), CONTROLLER);
    assert_eq!(cell(&classes, CLASS, "ACCEPTED"), "True");
    let gateways = table(cluster, &["-n", SPACE, "gateway"]);
    assert_eq!(cell(&gateways, "web", "CLASS"), CLASS);
    assert_eq!(cell(&gateways, "web", "ADDRESS"), address);
    assert_eq!(cell(&gateways, "web", "PROGRAMMED"), "True");
    let routes = table(cluster, &["-n", SPACE, "httproute"]);
    assert_eq!(cell(&routes, "shop", "HOSTNAMES"), r#"["shop.example"]"#);
    let backends = table(cluster, &["-n", SPACE, "backends.clearway.dev"]);
    assert_eq!(cell(&backends, "archive", "HOST"), "archive.example");
    let quiet = ["-n", SPACE, "observabilitypolicies.clearway.dev", "quiet"];
    cluster.until_get("the policy is accepted", &quiet, |policy| {
        is_true(&entry_of(&policy["status"]["ancestors"], CONTROLLER)["conditions"], "Accepted")
    });
    let policies = table(cluster, &quiet);
    assert_eq!(cell(&policies, "quiet", "ACCEPTED"), "True");
    assert_eq!(cell(&policies, "quiet", "TARGET"), "web");
    let secret = json!({"spec": {"accessLog": {"requestHeaders": ["Cookie"]}}}).to_string();
    let refused =
        cluster.try_kubectl(&["-n", SPACE, "patch", quiet[2], "quiet", "--type=merge", "-p", &secret]);
    assert!(!refused.status.success(), "credentials are let into the log");
}

/// A message that helps: it names what it is about and what to do.
fn helps(message: &Value, names: &str) {
    let message = message.as_str().unwrap_or_default();
    assert!(message.contains(names), "{names} is not named in: {message}");
    let advice = ["add", "make", "create", "correct", "change", "use", "choose", "wait", "remove"];
    let lower = message.to_lowercase();
    assert!(advice.iter().any(|word| lower.contains(word)), "it does not say what to do: {message}");
}

/// The Event about an object with this reason, once it is there.
fn event(cluster: &Cluster, kind: &str, name: &str, reason: &str) -> Value {
    let about = format!("involvedObject.kind={kind},involvedObject.name={name},reason={reason}");
    cluster.until(&format!("an Event {reason} about {kind} {name}"), Duration::from_secs(60), || {
        let list = cluster.get(&["-n", SPACE, "events", "--field-selector", &about]);
        list["items"].as_array().and_then(|items| items.first().cloned())
    })
}

fn a_refusal_and_its_end_are_told(cluster: &Cluster) {
    let refused = |route: &Value| {
        let entry = entry_of(&route["status"]["parents"], CONTROLLER);
        condition(&entry["conditions"], "ResolvedRefs")["reason"] == "BackendNotFound"
    };
    let route = cluster.until_get("a missing backend is told", &["-n", SPACE, "httproute", "shop"], refused);
    let entry = entry_of(&route["status"]["parents"], CONTROLLER);
    helps(&condition(&entry["conditions"], "ResolvedRefs")["message"], "till");
    for condition in entry["conditions"].as_array().expect("conditions") {
        assert_eq!(condition["observedGeneration"], route["metadata"]["generation"], "{condition}");
    }
    let bad = event(cluster, "HTTPRoute", "shop", "BackendNotFound");
    assert_eq!(bad["type"], "Warning", "{bad:#}");
    helps(&bad["message"], "till");

    cluster.apply(&demo_backend(SPACE, "till", 1));
    cluster.until_get("the backend is found", &["-n", SPACE, "httproute", "shop"], |route| {
        is_true(&entry_of(&route["status"]["parents"], CONTROLLER)["conditions"], "ResolvedRefs")
    });
    let good = event(cluster, "HTTPRoute", "shop", "ResolvedRefs");
    assert_eq!(good["type"], "Normal", "{good:#}");
    let described = cluster.kubectl(&["-n", SPACE, "describe", "httproute", "shop"]);
    for words in ["BackendNotFound", "ResolvedRefs is True again", "Gateway shop/web"] {
        assert!(described.contains(words), "`kubectl describe` does not say {words}:\n{described}");
    }
}

fn a_listener_says_why_it_is_refused(cluster: &Cluster) {
    let mut broken = gateway(SPACE, "broken", CLASS);
    broken["spec"]["listeners"] = json!([
        {"name": "https", "port": 443, "protocol": "HTTPS", "tls": {"certificateRefs": [{"name": "lost"}]}},
    ]);
    cluster.apply(&[broken]);
    let gateway =
        cluster.until_get("a missing certificate is told", &["-n", SPACE, "gateway", "broken"], |gateway| {
            let listener = &gateway["status"]["listeners"][0];
            condition(&listener["conditions"], "ResolvedRefs")["reason"] == "InvalidCertificateRef"
        });
    helps(&condition(&gateway["status"]["listeners"][0]["conditions"], "ResolvedRefs")["message"], "lost");
    let told = event(cluster, "Gateway", "broken", "InvalidCertificateRef");
    assert_eq!(told["type"], "Warning", "{told:#}");
}

/// Requirements S001-19 and S001-20: what each plane's log holds after a change.
fn logs_tell_what_happens(cluster: &Cluster) {
    for (plane, words) in [("controlplane", "Published."), ("dataplane", "Configuration applied")] {
        let deployment = format!("deployment/{CLASS}-{plane}");
        cluster.until(&format!("{words} in the log of {plane}"), Duration::from_secs(20), || {
            cluster.kubectl(&["-n", CLASS, "logs", &deployment, "--tail=400"]).contains(words).then_some(())
        });
    }
}
