//! The pool of one endpoint: idle HTTP/1 connections, shared HTTP/2 connections, and a bounded queue for the rest.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Instant;

use clearway_model::BackendProtocol;
use clearway_telemetry::ResponseFlag;
use hyper::client::conn::{http1, http2};
use tokio::sync::oneshot;

use super::connect::{self, Timing};
use crate::body::UpBody;
use crate::error::{ProxyError, Result};
use crate::ledger::GaugeGuard;
use crate::switchyard::{WorkerBackend, WorkerEndpoint};
use crate::worker::Worker;

/// Streams on one HTTP/2 connection before another is opened.
const STREAMS: usize = 100;

/// The sending end of a connection.
pub(crate) enum Sender {
    Http1(http1::SendRequest<UpBody>),
    Http2(MultiplexedConnection),
}

/// An idle HTTP/1 connection.
pub(crate) struct IdleConnection {
    sender: http1::SendRequest<UpBody>,
    local: Option<SocketAddr>,
    /// Since when it has been idle.
    pub(crate) since: Instant,
    /// Counts it while it lies idle.
    _count: GaugeGuard,
}

impl IdleConnection {
    /// Whether the backend has closed it.
    pub(crate) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }
}

/// An HTTP/2 connection that many requests share.
#[derive(Clone)]
pub(crate) struct MultiplexedConnection {
    pub(crate) sender: http2::SendRequest<UpBody>,
    local: Option<SocketAddr>,
    streams: Rc<Cell<usize>>,
    /// When its last stream ended.
    pub(crate) idle_since: Rc<Cell<Instant>>,
}

impl MultiplexedConnection {
    pub(crate) fn new(sender: http2::SendRequest<UpBody>) -> Self {
        let idle_since = Rc::new(Cell::new(Instant::now()));
        Self { sender, local: None, streams: Rc::new(Cell::new(0)), idle_since }
    }

    /// Requests on it.
    pub(crate) fn streams(&self) -> usize {
        self.streams.get()
    }
}

/// A connection on loan to one request.
pub(crate) struct Lease {
    pub(crate) sender: Option<Sender>,
    pub(crate) local: Option<SocketAddr>,
    /// Whether it had served before.
    pub(crate) reused: bool,
    pub(crate) timing: Timing,
    /// Whether it was had without any wait.
    pub(crate) at_hand: bool,
    worker: Rc<Worker>,
    backend: Rc<WorkerBackend>,
    endpoint: Rc<WorkerEndpoint>,
}

impl Lease {
    /// Gives the connection back for the next request: everything of this one has been sent and read.
    pub(crate) fn give_back(mut self) {
        let Some(Sender::Http1(sender)) = self.sender.take() else { return };
        if sender.is_closed() || self.worker.draining.get() {
            return;
        }
        let mut idle = self.endpoint.idle.borrow_mut();
        if idle.len() >= self.worker.options.limits.idle_connections {
            return;
        }
        let count = self.worker.clone().upstream_idle(&self.backend.telemetry);
        idle.push(IdleConnection {
            sender,
            local: self.local,
            since: self.worker.coarse_now.get(),
            _count: count,
        });
        drop(idle);
        self.endpoint.wake_one();
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(Sender::Http2(shared)) = &self.sender {
            shared.streams.set(shared.streams.get().saturating_sub(1));
            shared.idle_since.set(self.worker.coarse_now.get());
        }
    }
}

/// A connection for one request: an idle or shared one, or a new one, or a turn in the queue.
///
/// # Errors
/// `pending_limit`, or those of opening a connection; nothing was sent.
pub(crate) async fn checkout(
    worker: &Rc<Worker>,
    backend: &Rc<WorkerBackend>,
    endpoint: &Rc<WorkerEndpoint>,
) -> Result<Lease> {
    let mut waited = false;
    let lease = |sender, local, reused, timing| Lease {
        sender: Some(sender),
        local,
        reused,
        timing,
        at_hand: false,
        worker: worker.clone(),
        backend: backend.clone(),
        endpoint: endpoint.clone(),
    };
    loop {
        if let Some(shared) = shared_connection(endpoint) {
            let local = shared.local;
            let mut lease = lease(Sender::Http2(shared), local, true, Timing::default());
            lease.at_hand = !waited;
            return Ok(lease);
        }
        if let Some(idle) = idle_connection(endpoint).await {
            let mut lease = lease(Sender::Http1(idle.sender), idle.local, true, Timing::default());
            lease.at_hand = !waited;
            return Ok(lease);
        }
        waited = true;
        if endpoint.open.get() >= worker.options.limits.endpoint_connections {
            wait_for_turn(worker, backend, endpoint).await?;
            continue;
        }
        if backend.backend.protocol == BackendProtocol::Http2
            && let Some(shared) = open_shared(worker, backend, endpoint).await?
        {
            return Ok(lease(Sender::Http2(shared.0), shared.1, shared.2, shared.3));
        }
        if backend.backend.protocol == BackendProtocol::Http2 {
            continue;
        }
        let fresh = connect::open(worker, backend, endpoint).await?;
        let sender = match fresh.sender {
            Sender::Http2(shared) => Sender::Http2(share(endpoint, shared, fresh.local)),
            one => one,
        };
        return Ok(lease(sender, fresh.local, false, fresh.timing));
    }
}

fn shared_connection(endpoint: &WorkerEndpoint) -> Option<MultiplexedConnection> {
    let mut all = endpoint.multiplexed.borrow_mut();
    if all.is_empty() {
        return None;
    }
    all.retain(|one| !one.sender.is_closed());
    let found = all.iter().filter(|one| one.streams.get() < STREAMS).min_by_key(|one| one.streams.get())?;
    found.streams.set(found.streams.get() + 1);
    Some(found.clone())
}

async fn idle_connection(endpoint: &WorkerEndpoint) -> Option<IdleConnection> {
    loop {
        let mut one = endpoint.idle.borrow_mut().pop()?;
        // Its task may not have got round to reading the end of the last response.
        if one.sender.is_ready() || (!one.sender.is_closed() && one.sender.ready().await.is_ok()) {
            return Some(one);
        }
    }
}

async fn wait_for_turn(
    worker: &Rc<Worker>,
    backend: &WorkerBackend,
    endpoint: &WorkerEndpoint,
) -> Result<()> {
    let (ready, turn) = oneshot::channel();
    {
        let mut waiting = endpoint.waiting.borrow_mut();
        waiting.retain(|one| !one.is_closed());
        if waiting.len() >= worker.options.limits.pending {
            return Err(ProxyError::refuse(
                ResponseFlag::PendingLimit,
                format!(
                    "{} requests wait for {} already; see --max-pending-requests",
                    waiting.len(),
                    endpoint.address
                ),
            ));
        }
        waiting.push_back(ready);
    }
    let pending = worker.clone().upstream_pending(&backend.telemetry);
    turn.await.ok();
    drop(pending);
    Ok(())
}

type Shared = (MultiplexedConnection, Option<SocketAddr>, bool, Timing);

/// Opens an HTTP/2 connection unless somebody else does just now; then theirs will do. A failure is everybody's who
/// waited for it: nobody queues up to fail one by one.
async fn open_shared(
    worker: &Rc<Worker>,
    backend: &Rc<WorkerBackend>,
    endpoint: &Rc<WorkerEndpoint>,
) -> Result<Option<Shared>> {
    let asked = Instant::now();
    let Ok(_turn) = endpoint.opening.acquire().await else { return Ok(None) };
    if let Some(shared) = shared_connection(endpoint) {
        return Ok(Some((shared.clone(), shared.local, true, Timing::default())));
    }
    if endpoint.opening_failed.get().is_some_and(|at| at > asked) {
        let detail = format!("{}: the connection that this request waited for failed", endpoint.address);
        return Err(ProxyError::unsent(ResponseFlag::ConnectFailed, detail));
    }
    match connect::open(worker, backend, endpoint).await {
        Ok(fresh) => match fresh.sender {
            Sender::Http2(shared) => {
                Ok(Some((share(endpoint, shared, fresh.local), fresh.local, false, fresh.timing)))
            }
            Sender::Http1(_) => Ok(None),
        },
        Err(error) => {
            endpoint.opening_failed.set(Some(Instant::now()));
            Err(error)
        }
    }
}

fn share(
    endpoint: &WorkerEndpoint,
    mut shared: MultiplexedConnection,
    local: Option<SocketAddr>,
) -> MultiplexedConnection {
    shared.local = local;
    shared.streams.set(1);
    endpoint.multiplexed.borrow_mut().push(shared.clone());
    shared
}
