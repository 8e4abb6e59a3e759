//! Each path, asked from this machine.

use std::sync::atomic::Ordering;
use std::time::Duration;

use clearway_admin::surface::{CONFIG, LIVEZ, LOG_LEVEL, METRICS, PATHS, READYZ};

use crate::client::{ask, get};
use crate::site::{SECRET, Site};

#[tokio::test]
async fn metrics_pass_negotiation_through() {
    let site = Site::start(|_| ()).await;
    let plain = get(site.address, METRICS).await;
    assert_eq!((plain.status, plain.text()), (200, "clearway_up 1\n"));
    assert_eq!(plain.header("content-type"), Some("text/plain; version=0.0.4"));
    assert_eq!(plain.header("content-encoding"), None);
    assert_eq!(plain.header("vary"), Some("accept, accept-encoding"));
    let headers =
        ["host: x", "accept: application/openmetrics-text", "accept: */*;q=0.1", "accept-encoding: gzip"];
    let packed = ask(site.address, "GET /metrics?whatever=1", &headers, "").await;
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    let joined = Some("application/openmetrics-text, */*;q=0.1".to_owned());
    assert_eq!(*site.scrapes.lock().unwrap(), [(None, None), (joined, Some("gzip".to_owned()))]);
}

#[tokio::test]
async fn probes_say_what_is_missing() {
    let site = Site::start(|_| ()).await;
    assert_eq!(get(site.address, LIVEZ).await.status, 200);
    let ready = get(site.address, READYZ).await;
    assert_eq!((ready.status, ready.text()), (200, "ok\n"));
    let verbose = get(site.address, "/readyz?verbose").await;
    let all = "[+]listeners ok\n[+]config ok: serving v1; 1 problem\n[+]sync ok\nreadyz check passed\n";
    assert_eq!((verbose.status, verbose.text()), (200, all));

    site.ready.store(false, Ordering::SeqCst);
    assert_eq!(get(site.address, LIVEZ).await.status, 200);
    let missing = get(site.address, READYZ).await;
    let reason = "[-]sync: HTTPRoute has not been listed\nreadyz check failed\n";
    assert_eq!((missing.status, missing.text()), (503, reason));
    assert!(get(site.address, "/readyz?verbose").await.text().starts_with("[+]listeners ok\n"));
    let json = ask(site.address, "GET /readyz", &["host: x", "accept: application/json"], "").await;
    assert_eq!(json.status, 503);
    assert_eq!(json.json()["ready"], false);
    assert_eq!(json.json()["checks"][2]["detail"], "HTTPRoute has not been listed");
}

#[tokio::test]
async fn config_tells_what_is_served_and_no_secret() {
    let site = Site::start(|_| ()).await;
    let answer = get(site.address, CONFIG).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
    let config = answer.json();
    assert_eq!(config["version"], "v1");
    assert_eq!(config["problems"][0]["field"], "spec.rules[0].backendRefs[0]");
    assert_eq!(config["objects"]["HTTPRoute"], 1);
    assert_eq!(config["routes"][0]["matches"][0]["path"]["value"], "/cart");
    assert_eq!(config["routes"][0]["matches"][0]["headers"][0], "x-api-key");
    assert_eq!(config["routes"][0]["filters"][0]["set"][0], "authorization");
    assert_eq!(config["certificates"][0], "default/cert");
    assert!(config["age_seconds"].is_u64());
    assert!(!answer.text().contains(SECRET), "{}", answer.text());
}

#[tokio::test]
async fn the_log_level_changes_and_what_is_wrong_is_said() {
    let site = Site::start(|_| ()).await;
    let debug_is_on = || {
        site.filter
            .with_current(|targets| targets.would_enable("clearway_proxy", &tracing::Level::DEBUG))
            .unwrap()
    };
    assert_eq!(get(site.address, LOG_LEVEL).await.json()["level"], "info");
    let local = ["host: localhost"];
    let set = ask(site.address, "PUT /log-level?level=info,clearway_proxy%3Ddebug&for=10m", &local, "").await;
    assert_eq!((set.status, set.json()["usual"].as_str()), (200, Some("info")));
    assert!(debug_is_on() && site.verbose.load(Ordering::SeqCst));
    let shown = get(site.address, LOG_LEVEL).await.json();
    assert_eq!(shown["level"], "info,clearway_proxy=debug");
    assert!(shown["returns_in_seconds"].as_u64().is_some_and(|left| (590..=600).contains(&left)), "{shown}");

    let body = ask(site.address, "POST /log-level", &local, "warn\n").await;
    assert_eq!(body.json()["level"], "warn");
    assert_eq!(body.json()["returns_in_seconds"], serde_json::Value::Null);
    assert!(!debug_is_on() && !site.verbose.load(Ordering::SeqCst));

    let refusals = [
        ("PUT /log-level?level=a%3Dloud", "", "'a=loud' is no log level"),
        ("PUT /log-level?level=debug&for=ten", "", "for='ten' is no time"),
        ("PUT /log-level?levle=debug", "", "no parameter 'levle'"),
        ("PUT /log-level?level=debug", "info", "give one"),
        ("PUT /log-level", "", "no level is given"),
    ];
    for (line, body, sentence) in refusals {
        let refused = ask(site.address, line, &local, body).await;
        assert_eq!(refused.status, 400, "{line}");
        assert!(refused.text().contains(sentence), "{line}: {}", refused.text());
    }
    let long = ask(site.address, "PUT /log-level", &local, &"x".repeat(5000)).await;
    assert_eq!(long.status, 400);
    assert_eq!(get(site.address, LOG_LEVEL).await.json()["level"], "warn");
}

#[tokio::test]
async fn a_level_for_a_second_returns() {
    let site = Site::start(|_| ()).await;
    let set = ask(site.address, "PUT /log-level?level=debug&for=1s", &["host: localhost"], "").await;
    assert_eq!(set.json()["returns_in_seconds"], 1);
    let back = async {
        while get(site.address, LOG_LEVEL).await.json()["level"] != "info" {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), back).await.expect("the level returns");
    assert!(!site.verbose.load(Ordering::SeqCst));
}

#[tokio::test]
async fn every_path_is_listed_and_others_are_not_found() {
    let site = Site::start(|_| ()).await;
    let (index, unknown) = (get(site.address, "/").await, get(site.address, "/metrics/").await);
    assert_eq!((index.status, unknown.status), (200, 404));
    for known in PATHS {
        assert!(index.text().contains(known.path) && unknown.text().contains(known.path), "{}", known.path);
    }
    let wrong = ask(site.address, "DELETE /config", &["host: localhost"], "").await;
    assert_eq!((wrong.status, wrong.header("allow")), (405, Some("get, head")));
    let head = ask(site.address, "HEAD /livez", &["host: localhost"], "").await;
    assert_eq!((head.status, head.body.len()), (200, 0));
}
