//! Constant load by a strict client: it sends at its rate whatever comes back, keeps connections alive, goes when it is told to
//! (`Connection: close`, GOAWAY), and counts everything that is not a whole 200.
//!
//! Called by tests that must not lose a request. Always holds: a request is counted once, as good or as failed; a request is sent
//! again only where RFC 9110 section 9.2.2 lets a client do so by itself, and that is counted apart; an instant that passes
//! while all clients wait is not skipped, its request goes out late and the delay is counted as latency.

mod client;
mod tally;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::time::Instant;

use crate::client::Protocol;
pub use tally::Tally;

/// What to send, where to, and how fast.
#[derive(Clone, Debug)]
pub struct LoadOptions {
    /// Where to connect.
    pub address: SocketAddr,
    /// Requests each second.
    pub rate: u32,
    /// Clients that speak HTTP/1.1, one connection each. Every other one takes a new connection after [`Self::lifetime`] requests.
    pub http1: usize,
    /// Clients that speak HTTP/2 by prior knowledge, one connection each.
    pub http2: usize,
    /// Requests of a connection before every other client of HTTP/1.1 closes it itself; 0 is without end.
    pub lifetime: u32,
    /// Host and path of the requests, in turn.
    pub targets: Vec<(String, String)>,
    /// From the moment a request is sent to the end of its answer.
    pub timeout: Duration,
}

impl LoadOptions {
    /// `GET /` of the address itself, 24 connections of HTTP/1.1 and 8 of HTTP/2, no answer later than 10 s.
    pub fn new(address: SocketAddr, rate: u32) -> Self {
        let targets = vec![(address.to_string(), "/".to_owned())];
        Self { address, rate, http1: 24, http2: 8, lifetime: 100, targets, timeout: Duration::from_secs(10) }
    }
}

/// Load that runs until it is stopped or dropped.
#[derive(Debug)]
pub struct Load {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// What the clients have in common.
#[derive(Debug)]
struct Shared {
    options: LoadOptions,
    /// Requests that were given out.
    given: AtomicU64,
    stopped: AtomicBool,
    tally: Mutex<Tally>,
}

impl Shared {
    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Load {
    /// Starts on a thread of its own, on which `enter` is called first: there a test enters the network where the address is.
    pub fn start(options: LoadOptions, enter: impl FnOnce() + Send + 'static) -> Self {
        assert!(options.rate > 0 && !options.targets.is_empty(), "nothing to send: {options:?}");
        let shared = Arc::new(Shared {
            options,
            given: AtomicU64::new(0),
            stopped: AtomicBool::new(false),
            tally: Mutex::new(Tally::new()),
        });
        let work = shared.clone();
        let thread = std::thread::Builder::new().name("load".to_owned()).spawn(move || {
            enter();
            run(&work);
        });
        let thread = thread.unwrap_or_else(|error| panic!("no thread for load: {error}"));
        Self { shared, thread: Some(thread) }
    }

    /// What has been counted since the last call; counting begins anew.
    pub fn take(&self) -> Tally {
        std::mem::replace(&mut *self.shared.tally(), Tally::new())
    }

    /// Lets requests under way finish, and gives what has been counted since the last [`Self::take`].
    pub fn stop(mut self) -> Tally {
        self.end();
        self.take()
    }

    fn end(&mut self) {
        self.shared.stopped.store(true, Relaxed);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
            && !std::thread::panicking()
        {
            panic!("the load broke off");
        }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.end();
    }
}

fn run(shared: &Arc<Shared>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.unwrap_or_else(|error| panic!("no runtime for load: {error}"));
    let LoadOptions { http1, http2, .. } = shared.options;
    runtime.block_on(async {
        let start = Instant::now();
        let protocols =
            std::iter::repeat_n(Protocol::Http1, http1).chain(std::iter::repeat_n(Protocol::Http2, http2));
        let clients: Vec<_> = protocols
            .enumerate()
            .map(|(number, protocol)| tokio::spawn(client::run(shared.clone(), protocol, number, start)))
            .collect();
        for client in clients {
            if let Err(error) = client.await {
                panic!("a client of the load broke off: {error}");
            }
        }
    });
}
