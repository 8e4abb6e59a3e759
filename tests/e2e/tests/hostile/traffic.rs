//! Requests to good routes, one after the other, for as long as the test goes on: each must be answered 200.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::{Scope, ScopedJoinHandle};
use std::time::Duration;

use clearway_e2e::Cluster;
use clearway_testkit::client::HttpClient;
use http::Method;

/// Between two requests.
const PAUSE: Duration = Duration::from_millis(10);

/// Requests under way; they end with the value.
pub(crate) struct Traffic<'scope> {
    stop: Arc<AtomicBool>,
    thread: Option<ScopedJoinHandle<'scope, Result<u64, String>>>,
}

impl<'scope> Traffic<'scope> {
    /// Starts a thread that asks each host in turn, on a connection of its own each time.
    pub(crate) fn start(
        scope: &'scope Scope<'scope, '_>,
        cluster: &'scope Cluster,
        address: SocketAddr,
        hosts: Vec<String>,
    ) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = scope.spawn(move || {
            cluster.enter();
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(ask(address, &hosts, &stopped))
        });
        Self { stop, thread: Some(thread) }
    }

    /// Ends it; gives the number of requests, all of which were answered 200.
    pub(crate) fn end(mut self) -> u64 {
        self.stop.store(true, Relaxed);
        let thread = self.thread.take().expect("it ends once");
        match thread.join().expect("the thread of requests") {
            Ok(answered) => answered,
            Err(failure) => panic!("a good route failed: {failure}"),
        }
    }
}

impl Drop for Traffic<'_> {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
    }
}

async fn ask(address: SocketAddr, hosts: &[String], stop: &AtomicBool) -> Result<u64, String> {
    let (mut answered, mut failed) = (0, Vec::new());
    while !stop.load(Relaxed) {
        for host in hosts {
            match once(address, host).await {
                Ok(200) => answered += 1,
                Ok(code) => failed.push(format!("{host} is answered {code} after {answered} good answers")),
                Err(error) => failed.push(format!("{host}: {error} after {answered} good answers")),
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
    let (count, first) = (failed.len(), failed.into_iter().take(20).collect::<Vec<_>>());
    if count == 0 { Ok(answered) } else { Err(format!("{count} of {}: {first:?}", answered + count as u64)) }
}

async fn once(address: SocketAddr, host: &str) -> std::io::Result<u16> {
    let mut client = HttpClient::h1(address).await?;
    client.try_request(Method::GET, "/", &[("host", host)], "").await.map(|answer| answer.status)
}
