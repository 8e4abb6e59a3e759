//! A worker: one thread, one runtime, its own sockets, pools and shards. Nothing here is shared with another worker
//! but the live configuration, the health of endpoints and the switch that ends everything.

mod local;
mod sweep;
mod thread;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;
use bytes::BytesMut;
use clearway_telemetry::Telemetry;
use tokio::sync::Notify;

use crate::door::conn::ConnState;
use crate::ledger::Ledger;
use crate::live::{Live, PoolKey};
use crate::options::Options;
use crate::switchyard::WorkerBackend;
use crate::wardrobe::head_copy::HeadCopies;

pub(crate) use local::{LocalRule, WorkerLive, WorkerPort};
pub(crate) use thread::{Command, WorkerHandle, start};

/// What all rooms of one worker share.
pub(crate) struct Worker {
    pub(crate) options: Arc<Options>,
    pub(crate) ledger: Ledger,
    pub(crate) telemetry: Arc<Telemetry>,
    pub(crate) rng: RefCell<fastrand::Rng>,
    /// Copies of heads, for use again.
    pub(crate) heads: RefCell<HeadCopies>,
    /// Values of our own are cut from it: one allocation for many requests.
    pub(crate) values: RefCell<BytesMut>,
    /// Connections from clients.
    pub(crate) conns: RefCell<slab::Slab<Rc<ConnState>>>,
    /// Set once: clients are told to go elsewhere, and requests are the last of their connections.
    pub(crate) leaving: Cell<bool>,
    /// Set once, later: no new connections.
    pub(crate) draining: Cell<bool>,
    /// Sockets that are being accepted from.
    pub(crate) doors: Cell<usize>,
    /// Set when the drain's deadline has passed.
    pub(crate) cut_off: Cell<bool>,
    /// Mirrored requests under way.
    pub(crate) mirrors: Cell<usize>,
    /// The time of the last tick: near enough for idle times, and read without a clock.
    pub(crate) coarse_now: Cell<Instant>,
    /// Connections from clients, from accept to close, tunnels included.
    pub(crate) open: Cell<usize>,
    /// Upgraded connections.
    pub(crate) tunnels: Cell<usize>,
    /// Woken when the drain's deadline has passed.
    pub(crate) cutting: Notify,
    current: RefCell<Rc<WorkerLive>>,
    shared: Arc<ArcSwap<Live>>,
    /// Backends by name and identity: pools outlive a reload.
    backends: RefCell<HashMap<PoolKey, Rc<WorkerBackend>>>,
}

impl Worker {
    pub(crate) fn new(
        options: Arc<Options>,
        ledger: Ledger,
        telemetry: Arc<Telemetry>,
        shared: Arc<ArcSwap<Live>>,
    ) -> Rc<Self> {
        let nothing = Arc::new(Live::empty());
        let mut backends = HashMap::new();
        let current = Rc::new(WorkerLive::of(nothing, None, &mut backends, &telemetry));
        let worker = Rc::new(Self {
            options,
            ledger,
            telemetry,
            rng: RefCell::new(fastrand::Rng::new()),
            heads: RefCell::default(),
            values: RefCell::default(),
            conns: RefCell::new(slab::Slab::new()),
            leaving: Cell::new(false),
            draining: Cell::new(false),
            doors: Cell::new(0),
            cut_off: Cell::new(false),
            mirrors: Cell::new(0),
            coarse_now: Cell::new(Instant::now()),
            open: Cell::new(0),
            tunnels: Cell::new(0),
            cutting: Notify::new(),
            current: RefCell::new(current),
            shared,
            backends: RefCell::new(backends),
        });
        worker.live();
        worker
    }

    /// The live configuration, as this worker holds it. One pointer comparison unless it has changed.
    pub(crate) fn live(&self) -> Rc<WorkerLive> {
        let shared = self.shared.load();
        let current = self.current.borrow();
        if Arc::ptr_eq(&shared, &current.live) {
            return current.clone();
        }
        let before = current.clone();
        drop(current);
        let fresh = Rc::new(WorkerLive::of(
            arc_swap::Guard::into_inner(shared),
            Some(&before),
            &mut self.backends.borrow_mut(),
            &self.telemetry,
        ));
        *self.current.borrow_mut() = fresh.clone();
        self.review(&before, &fresh);
        fresh
    }

    /// Ends connections that may not go on under `fresh`: those whose clients have not proved what is asked for now.
    /// All others stay.
    fn review(&self, old: &WorkerLive, fresh: &WorkerLive) {
        let tls =
            |live: &WorkerLive, key| live.port(key).and_then(|port| port.port.tls.as_ref().map(Arc::as_ptr));
        let changed: Vec<_> =
            fresh.ports.iter().filter(|port| tls(old, port.port.key) != tls(fresh, port.port.key)).collect();
        if changed.is_empty() {
            return;
        }
        let deadline = Instant::now() + self.options.drain;
        for (_, conn) in self.conns.borrow().iter() {
            let port = changed.iter().find(|port| port.port.key == conn.socket);
            if port.is_some_and(|port| !conn.is_admitted(port.port.tls.as_deref())) {
                conn.revoke(deadline);
            }
        }
    }

    /// Whether anything is left that a drain waits for.
    fn has_guests(&self) -> bool {
        self.doors.get() + self.open.get() + self.tunnels.get() > 0
    }

    /// Resolves when the drain's deadline has passed.
    pub(crate) async fn cut_off(self: Rc<Self>) {
        let cutting = self.cutting.notified();
        if !self.cut_off.get() {
            cutting.await;
        }
    }

    /// Closes idle connections: the worker ends.
    pub(crate) fn forget_pools(&self) {
        for backend in self.backends.borrow_mut().drain().map(|(_, backend)| backend) {
            for endpoint in &backend.endpoints {
                endpoint.idle.borrow_mut().clear();
                endpoint.multiplexed.borrow_mut().clear();
            }
        }
    }

    /// The backends that this worker has pools to.
    pub(crate) fn backends(&self) -> Vec<Rc<WorkerBackend>> {
        self.backends.borrow().values().cloned().collect()
    }
}

impl std::fmt::Debug for Worker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Worker").field("draining", &self.draining).finish_non_exhaustive()
    }
}
