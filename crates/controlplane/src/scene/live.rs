//! The same with real programs: a kube-apiserver with its etcd, and an OpenTelemetry Collector. `make test-cluster` runs it.

use std::time::Duration;

use clearway_testkit::DEADLINE;
use clearway_testkit::process::{Process, Program, ReservedPort, TempDir, tool};
use serde_json::{Value, json};

use super::{Scene, class, current, gateway, route};
use crate::rest::Rest;
use crate::status::live::apiserver::ApiServer;

const GATEWAY_API: &str = "/apis/gateway.networking.k8s.io/v1";

/// A Collector that writes what it receives into a file.
struct Collector {
    process: Process,
    endpoint: String,
    folder: TempDir,
    _port: ReservedPort,
}

impl Collector {
    fn start() -> Self {
        let (port, folder) = (ReservedPort::new(), TempDir::new("otelcol"));
        let config = json!({
            "receivers": {"otlp": {"protocols": {"grpc": {"endpoint": port.address().to_string()}}}},
            "exporters": {"file": {"path": folder.join("traces.json"), "flush_interval": "100ms"}},
            "service": {
                "telemetry": {"metrics": {"level": "none"}},
                "pipelines": {"traces": {"receivers": ["otlp"], "exporters": ["file"]}},
            },
        });
        let path = folder.join("config.yaml");
        std::fs::write(&path, config.to_string()).unwrap();
        let mut process = Program::new(tool("otelcol")).arg("--config").arg(path).start();
        process.wait_regex("Everything is ready", 2 * DEADLINE);
        Self { process, endpoint: format!("http://{}", port.address()), folder, _port: port }
    }

    /// The spans, each with its resource, once it has ended.
    fn stop(mut self) -> Vec<(Value, Value)> {
        assert!(self.process.terminate(2 * DEADLINE).success());
        let text = std::fs::read_to_string(self.folder.join("traces.json")).unwrap();
        let mut spans = Vec::new();
        for line in text.lines() {
            let message: Value = serde_json::from_str(line).unwrap();
            for batch in message["resourceSpans"].as_array().unwrap() {
                let scopes = batch["scopeSpans"].as_array().unwrap();
                let of_scopes = scopes.iter().flat_map(|scope| scope["spans"].as_array().unwrap());
                spans.extend(of_scopes.map(|span| (batch["resource"].clone(), span.clone())));
            }
        }
        spans
    }
}

/// An attribute as text.
fn attribute<'v>(of: &'v Value, name: &str) -> Option<&'v Value> {
    let all = of["attributes"].as_array()?;
    all.iter().find(|pair| pair["key"] == name)?["value"].as_object()?.values().next()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs kube-apiserver, etcd and the Collector: make test-cluster"]
async fn live_a_change_in_a_real_apiserver_is_a_trace_in_a_real_collector() {
    let (server, collector) = (ApiServer::start().await, Collector::start());
    let rest: &Rest = &server.rest;
    let make = async |collection: &str, object: Value| drop(rest.create(collection, &object).await.unwrap());
    for name in ["infra", "shop"] {
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        make("/api/v1/namespaces", namespace).await;
    }
    make(&format!("{GATEWAY_API}/gatewayclasses"), class()).await;
    make(&format!("{GATEWAY_API}/namespaces/shop/gateways"), gateway()).await;
    let scene = Scene::start(server.client.clone(), Duration::from_secs(60), &collector.endpoint);
    let data = scene.dataplane("pod-a");
    data.applying.open();
    scene.says("readyz check passed").await;
    current(&scene, 1.0).await;
    let published = scene.page().await.metric("clearway_config_version").sum();
    make(&format!("{GATEWAY_API}/namespaces/shop/httproutes"), route("cart", "cart.example")).await;
    while scene.page().await.metric("clearway_config_version").sum() == published {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    current(&scene, 1.0).await;
    let books = scene.stop().await;
    let spans = collector.stop();
    assert_eq!((books.produced, books.exported), (spans.len() as u64, spans.len() as u64));
    let named = |span: &Value| {
        attribute(span, "clearway.config.objects")
            .is_some_and(|objects| objects.to_string().contains("HTTPRoute shop/cart"))
    };
    let (_, root) = spans.iter().find(|(_, span)| named(span)).expect("the trace of the route");
    let trace = spans.iter().filter(|(_, span)| span["traceId"] == root["traceId"]);
    let mut names: Vec<&str> = trace.map(|(_, span)| span["name"].as_str().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, ["ack", "config.change", "encode", "publish", "served", "translate", "watch"]);
    assert!(spans.iter().all(|(resource, _)| {
        attribute(resource, "service.version").is_some() && attribute(resource, "service.name").is_some()
    }));
}
