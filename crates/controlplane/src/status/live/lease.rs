//! Three processes and one Lease.

use std::sync::Arc;
use std::time::Duration;

use clearway_telemetry::control::ControlTelemetry;
use tokio::sync::watch;
use tokio::time::Instant;

use super::apiserver::ApiServer;
use super::until;
use crate::lease::Lease;
use crate::options::ControlOptions;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs kube-apiserver and etcd: make test-cluster"]
async fn live_the_lease_has_one_holder_is_handed_over_and_runs_out() {
    let server = ApiServer::start().await;
    let lease = |pod: &str| {
        let options = ControlOptions { pod_name: pod.to_owned(), ..ControlOptions::new("edge", "default") };
        Lease::new(server.client.clone(), ControlTelemetry::new(), Arc::new(options))
    };
    let start = |lease: Lease| {
        let (leading, (stop, stopped)) = (lease.leading(), watch::channel(false));
        let task = tokio::spawn(lease.run(stopped));
        (leading, stop, task)
    };
    let leads = async |mut leading: watch::Receiver<bool>| {
        let waiting = leading.wait_for(|leads| *leads);
        tokio::time::timeout(Duration::from_secs(60), waiting).await.map(drop).unwrap();
    };
    let (first, stop_first, task) = start(lease("one"));
    leads(first.clone()).await;
    let (second, _stop_second, crashing) = start(lease("two"));
    let record = async || {
        server
            .rest
            .get("/apis/coordination.k8s.io/v1/namespaces/default/leases/edge-controlplane")
            .await
            .unwrap()
    };
    until("the first one renews", async || {
        (record().await["spec"]["renewTime"] != record().await["spec"]["acquireTime"]).then_some(())
    })
    .await;
    assert!(*first.borrow() && !*second.borrow(), "one holder only");

    let started = Instant::now();
    stop_first.send_replace(true);
    task.await.unwrap();
    leads(second.clone()).await;
    println!("handed over in {:?}", started.elapsed());
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    let handed = record().await;
    assert!(handed["spec"]["holderIdentity"].as_str().unwrap().starts_with("two_"));
    assert_eq!(handed["spec"]["leaseTransitions"], 1);

    // The second one breaks off without a word.
    let (third, _stop_third, _task) = start(lease("three"));
    crashing.abort();
    let started = Instant::now();
    leads(third).await;
    println!("taken over from a holder that broke off in {:?}", started.elapsed());
    assert!(
        started.elapsed() > Duration::from_secs(10),
        "not before it has run out: {:?}",
        started.elapsed()
    );
    assert_eq!(record().await["spec"]["leaseTransitions"], 2);
}
