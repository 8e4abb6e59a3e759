//! Statuses, Services and Events of 2,000 routes.

use std::time::Duration;

use futures_util::StreamExt;
use serde_json::json;
use tokio::time::Instant;

use super::{GATEWAY_API, ROUTES, Running, Stage, class, condition, gateway, list, make, route, until};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs kube-apiserver and etcd: make test-cluster"]
async fn live_statuses_services_and_events_on_a_real_apiserver() {
    let stage = Stage::new().await;
    let gateways = format!("{GATEWAY_API}/namespaces/default/gateways");
    let routes = format!("{GATEWAY_API}/namespaces/default/httproutes");
    make(stage.rest(), &gateways, gateway("web")).await;
    let started = Instant::now();
    futures_util::stream::iter(0..ROUTES)
        .for_each_concurrent(16, |n| make(stage.rest(), &routes, route(&format!("r{n}"))))
        .await;
    println!("{ROUTES} routes made in {:?}", started.elapsed());
    stage.look().await;

    // Somebody else writes an entry after the watch has looked: the first write conflicts, and the entry stays.
    let theirs = json!({"parentRef": {"name": "web"}, "controllerName": "example.com/theirs", "conditions": [
        {"type": "Accepted", "status": "True", "reason": "Accepted", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"},
    ]});
    stage
        .rest()
        .patch(&format!("{routes}/r7/status"), &json!({"status": {"parents": [theirs]}}))
        .await
        .unwrap();

    let started = Instant::now();
    let running = stage.start();
    until("every route has its status", async || {
        let all = list(stage.rest(), &routes).await;
        let written = all.iter().filter(|route| {
            let parents = route["status"]["parents"].as_array();
            parents.is_some_and(|parents| {
                parents.iter().any(|p| p["controllerName"] == "gateway.networking.k8s.io/edge")
            })
        });
        (written.count() == ROUTES).then_some(())
    })
    .await;
    println!("{ROUTES} statuses written in {:?}", started.elapsed());
    assert!(started.elapsed() < Duration::from_secs(8), "{:?}", started.elapsed());
    let seven = stage.get(&format!("{routes}/r7")).await.unwrap();
    let parents = seven["status"]["parents"].as_array().unwrap();
    assert_eq!(parents.len(), 2, "{parents:?}");
    assert_eq!(parents[0]["controllerName"], "example.com/theirs");
    assert_eq!(condition(&parents[1]["conditions"], "ResolvedRefs").unwrap()["reason"], "BackendNotFound");

    services(&stage).await;
    let running = quiet(&stage, running, &routes, &gateways).await;
    stale(&stage, &routes).await;
    events(&stage).await;
    running.end().await;
}

/// The Service and its slices are made, repaired, and left alone when they are somebody else's.
async fn services(stage: &Stage) {
    let service = "/api/v1/namespaces/default/services/web-edge";
    let slice = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/web-edge-ipv4-0";
    let made = until("the Service", async || stage.get(service).await).await;
    let found = until("the slice", async || stage.get(slice).await).await;
    let private = made["spec"]["ports"][0]["targetPort"].as_u64().unwrap();
    assert!((20_000..30_000).contains(&private));
    assert_eq!(
        (&made["metadata"]["labels"]["team"], &found["ports"][0]["port"]),
        (&json!("blue"), &json!(private))
    );
    assert_eq!(made["metadata"]["ownerReferences"][0]["kind"], "Gateway");

    let drift = json!({"metadata": {"labels": {"team": "red"}}, "spec": {"ports": [{"name": "x", "port": 80, "targetPort": 1, "protocol": "TCP"}]}});
    stage.rest().patch(service, &drift).await.unwrap();
    stage.look().await;
    until("the drift is repaired", async || {
        let now = stage.get(service).await?;
        let same =
            now["spec"]["ports"][0]["targetPort"] == private && now["metadata"]["labels"]["team"] == "blue";
        same.then_some(())
    })
    .await;

    let foreign = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "taken-edge", "namespace": "default"}, "spec": {"ports": [{"port": 1}]}});
    make(stage.rest(), "/api/v1/namespaces/default/services", foreign).await;
    make(stage.rest(), &format!("{GATEWAY_API}/namespaces/default/gateways"), gateway("taken")).await;
    stage.look().await;
    let said = until("the Gateway says that its Service is somebody else's", async || {
        let now = stage.get(&format!("{GATEWAY_API}/namespaces/default/gateways/taken")).await?;
        let programmed = condition(&now["status"]["conditions"], "Programmed")?.clone();
        (programmed["reason"] == "NoResources").then_some(programmed)
    })
    .await;
    assert!(said["message"].as_str().unwrap().contains("Service taken-edge exists"), "{said}");
    let left = stage.get("/api/v1/namespaces/default/services/taken-edge").await.unwrap();
    assert_eq!(left["spec"]["type"], "ClusterIP", "it stays as it is");

    stage
        .rest()
        .delete(&format!("{GATEWAY_API}/namespaces/default/gateways/taken"), &json!({}))
        .await
        .unwrap();
    stage.rest().delete(&format!("{GATEWAY_API}/namespaces/default/gateways/web"), &json!({})).await.unwrap();
    stage.look().await;
    until("the Service goes with its Gateway, without a garbage collector here", async || {
        stage.get(service).await.is_none().then_some(())
    })
    .await;
    make(stage.rest(), &format!("{GATEWAY_API}/namespaces/default/gateways"), gateway("web")).await;
    stage.look().await;
    let again = until("the Service is made anew", async || stage.get(service).await).await;
    assert_eq!(again["spec"]["ports"][0]["targetPort"], private, "on the same private port");
    stage.look().await;
}

/// Once everything says the right thing, nothing is written, whoever looks.
async fn quiet(stage: &Stage, running: Running, routes: &str, gateways: &str) -> Running {
    let versions = async || {
        let mut all = list(stage.rest(), routes).await;
        all.extend(list(stage.rest(), gateways).await);
        all.iter()
            .map(|object| object["metadata"]["resourceVersion"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    // Until the writer has caught up with what happened to the Gateway.
    until("two looks that find the same", async || {
        stage.look().await;
        let before = versions().await;
        tokio::time::sleep(Duration::from_millis(500)).await;
        (versions().await == before).then_some(())
    })
    .await;
    let before = versions().await;
    // Another leader, that remembers nothing, looks at everything.
    running.end().await;
    let running = stage.start();
    stage.look().await;
    // The newest object of all: when it has its status, the rest has been looked at.
    make(stage.rest(), &format!("{GATEWAY_API}/gatewayclasses"), class("last")).await;
    stage.look().await;
    until("the last one is written", async || {
        let now = stage.get(&format!("{GATEWAY_API}/gatewayclasses/last")).await?;
        condition(&now["status"]["conditions"], "Accepted")
            .filter(|accepted| accepted["status"] == "True")
            .map(drop)
    })
    .await;
    assert!(versions().await == before, "an unchanged status was written");
    running
}

/// Entries of ours go when the route turns away; those of others stay.
async fn stale(stage: &Stage, routes: &str) {
    let path = format!("{routes}/r7");
    stage.rest().patch(&path, &json!({"spec": {"parentRefs": [{"name": "elsewhere"}]}})).await.unwrap();
    stage.look().await;
    let left = until("our entry goes", async || {
        let now = stage.get(&path).await?;
        let parents = now["status"]["parents"].as_array()?.clone();
        (parents.len() == 1).then_some(parents)
    })
    .await;
    assert_eq!(left[0]["controllerName"], "example.com/theirs");
}

/// Refusals are told once; there are 2,001 of them, so most are dropped by the rate.
async fn events(stage: &Stage) {
    let events = list(stage.rest(), "/apis/events.k8s.io/v1/namespaces/default/events").await;
    let refused =
        events.iter().filter(|event| event["reason"] == "BackendNotFound" && event["type"] == "Warning");
    let refused = refused.count();
    println!("{refused} of {ROUTES} refusals are Events");
    assert!((200..ROUTES).contains(&refused), "{refused}");
    assert!(
        events
            .iter()
            .any(|event| event["reason"] == "ServiceCreated" && event["regarding"]["kind"] == "Gateway")
    );
}
