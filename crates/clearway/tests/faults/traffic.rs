//! Clients that go on until they are dropped.

use std::net::SocketAddr;
use std::thread::JoinHandle;
use std::time::Duration;

use clearway_testkit::client::HttpClient;
use http::Method;
use tokio::sync::oneshot;

/// Work on a thread of its own. It is broken off when the value is dropped.
pub(crate) struct Background {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Background {
    /// Starts it among the addresses that the calling thread sees.
    pub(crate) fn start<F: Future<Output = ()>>(work: impl FnOnce() -> F + Send + 'static) -> Self {
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            let tasks = tokio::task::LocalSet::new();
            runtime.block_on(async move {
                tokio::select! {
                    () = tasks.run_until(work()) => {}
                    _ = stopped => {}
                }
            });
        });
        Self { stop: Some(stop), thread: Some(thread) }
    }

    /// So many clients that ask for a path of a host, each with a pause between an answer and the next request.
    pub(crate) fn visits(
        address: SocketAddr,
        host: &str,
        path: &str,
        clients: usize,
        pause: Duration,
    ) -> Self {
        let (host, path) = (host.to_owned(), path.to_owned());
        Self::start(move || async move {
            let mut all = tokio::task::JoinSet::new();
            for _ in 0..clients {
                let (host, path) = (host.clone(), path.clone());
                all.spawn_local(async move { visit(address, &host, &path, pause).await });
            }
            while all.join_next().await.is_some() {}
        })
    }
}

/// One client, for ever. How its requests end is what Prometheus is asked for.
async fn visit(address: SocketAddr, host: &str, path: &str, pause: Duration) {
    loop {
        if let Ok(mut client) = HttpClient::h1(address).await {
            while client.try_request(Method::GET, path, &[("host", host)], "").await.is_ok() {
                tokio::time::sleep(pause).await;
            }
        }
        tokio::time::sleep(pause.max(Duration::from_millis(20))).await;
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}
