//! The handle of the data path: start it, give it configurations, drain it.

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use clearway_telemetry::Telemetry;
use tokio::runtime::Handle;
use tokio::sync::{Mutex, oneshot};

use crate::door::bind;
use crate::ledger::LedgerOptions;
use crate::live::{Live, SocketKey};
use crate::options::Options;
use crate::tcp_info;
use crate::worker::{self, Command, WorkerHandle};

/// The running data path.
pub struct Proxy {
    options: Arc<Options>,
    live: Arc<ArcSwap<Live>>,
    workers: Vec<WorkerHandle>,
    /// Ends of the workers, waited for once.
    threads: Mutex<Vec<JoinHandle<()>>>,
    draining: AtomicBool,
    /// Looks at TCP connections, when that is switched on.
    _tcp: Option<tcp_info::Watch>,
    /// Sockets that are bound. Held while a configuration is applied: one at a time.
    bound: Mutex<BTreeSet<SocketKey>>,
}

/// How long the steps of an application took.
#[derive(Clone, Copy, Debug, Default)]
pub struct Applied {
    /// Binding new sockets.
    pub bind: Duration,
    /// Swapping the pointer and seeing every worker take it.
    pub swap: Duration,
}

/// A configuration that cannot be served here; the one before it goes on.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// A port cannot be bound.
    #[error("{address} cannot be bound: {source}; free the port or change the listener")]
    Bind {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// A worker has ended.
    #[error("a worker thread has ended; restart the process")]
    WorkerGone,
}

impl Proxy {
    /// Starts the workers, without any listener yet.
    ///
    /// # Errors
    /// The operating system's, when a thread cannot be had.
    pub fn start(options: Options, ledger: &LedgerOptions, telemetry: &Arc<Telemetry>) -> io::Result<Self> {
        let options = Arc::new(options);
        telemetry.set_record_policy(&ledger.policy);
        let live = Arc::new(ArcSwap::from_pointee(Live::empty()));
        let tcp = telemetry.tcp_watcher().map(|id| tcp_info::start(id, live.clone())).transpose()?;
        let connections = options.limits.connections.saturating_mul(options.workers);
        telemetry.set_connection_limit(connections as u64);
        let mut workers = Vec::with_capacity(options.workers);
        let mut threads = Vec::with_capacity(options.workers);
        for index in 0..options.workers {
            let (worker, thread) = worker::start(index, &options, ledger, telemetry, &live)?;
            workers.push(worker);
            threads.push(thread);
        }
        Ok(Self {
            options,
            live,
            workers,
            threads: Mutex::new(threads),
            _tcp: tcp,
            draining: AtomicBool::new(false),
            bound: Mutex::new(BTreeSet::new()),
        })
    }

    /// The configuration that is served.
    pub fn live(&self) -> Arc<Live> {
        self.live.load_full()
    }

    /// The workers' runtimes, for their metrics.
    pub fn runtimes(&self) -> Vec<Handle> {
        self.workers.iter().map(|worker| worker.runtime.clone()).collect()
    }

    /// Serves a configuration: binds what is new, swaps the pointer, lets go of what is old. When this returns, no
    /// request that starts is answered by an older one.
    ///
    /// # Errors
    /// A port that cannot be bound; then nothing has changed.
    pub async fn apply(&self, live: Live) -> Result<Applied, ApplyError> {
        let mut bound = self.bound.lock().await;
        let began = Instant::now();
        let wanted: BTreeSet<SocketKey> = live.ports.keys().copied().collect();
        let mut fresh = Vec::new();
        for key in wanted.difference(&bound) {
            let sockets = bind::bind(*key, self.workers.len())
                .map_err(|source| ApplyError::Bind { address: key.socket_addr(), source })?;
            fresh.push((*key, sockets));
        }
        let bind = began.elapsed();
        let began = Instant::now();
        live.announce();
        // It is let go of here, when workers have: they have better things to do than to take it apart.
        let before = self.live.swap(Arc::new(live));
        self.refresh().await?;
        drop(before);
        for (key, sockets) in fresh {
            self.listen(key, sockets).await?;
        }
        for key in bound.difference(&wanted) {
            for worker in &self.workers {
                worker.commands.send(Command::Unlisten { key: *key }).map_err(|_| ApplyError::WorkerGone)?;
            }
        }
        *bound = wanted;
        Ok(Applied { bind, swap: began.elapsed() })
    }

    async fn refresh(&self) -> Result<(), ApplyError> {
        let mut all = Vec::new();
        for worker in &self.workers {
            let (done, refreshed) = oneshot::channel();
            worker.commands.send(Command::Refresh { done }).map_err(|_| ApplyError::WorkerGone)?;
            all.push(refreshed);
        }
        for refreshed in all {
            refreshed.await.map_err(|_| ApplyError::WorkerGone)?;
        }
        Ok(())
    }

    async fn listen(&self, key: SocketKey, sockets: Vec<std::net::TcpListener>) -> Result<(), ApplyError> {
        for (worker, socket) in self.workers.iter().zip(sockets) {
            let (done, listening) = oneshot::channel();
            worker
                .commands
                .send(Command::Listen { key, socket, done })
                .map_err(|_| ApplyError::WorkerGone)?;
            listening
                .await
                .map_err(|_| ApplyError::WorkerGone)?
                .map_err(|source| ApplyError::Bind { address: key.socket_addr(), source })?;
        }
        Ok(())
    }

    /// Tells clients to go elsewhere: `Connection: close`, GOAWAY. New connections are still taken, for those who have not
    /// heard yet. From here on it counts as draining.
    pub fn leave(&self) {
        self.draining.store(true, Relaxed);
        for worker in &self.workers {
            worker.commands.send(Command::Leave).ok();
        }
    }

    /// Stops accepting, lets requests finish within the drain's time, and ends the workers.
    pub async fn drain(&self) {
        self.draining.store(true, Relaxed);
        for worker in &self.workers {
            worker.commands.send(Command::Drain).ok();
        }
        let threads = std::mem::take(&mut *self.threads.lock().await);
        // Joining blocks, so it is done where blocking is allowed.
        let joined = tokio::task::spawn_blocking(move || {
            for thread in threads {
                thread.join().ok();
            }
        });
        joined.await.ok();
    }

    /// Whether it has been told to end.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Relaxed)
    }

    /// Workers that run, and workers that should.
    pub fn workers(&self) -> (usize, usize) {
        let running = self.workers.iter().filter(|worker| !worker.commands.is_closed()).count();
        (running, self.workers.len())
    }

    /// The settings it was started with.
    pub fn options(&self) -> &Options {
        &self.options
    }
}

impl std::fmt::Debug for Proxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Proxy").field("workers", &self.workers.len()).finish_non_exhaustive()
    }
}
