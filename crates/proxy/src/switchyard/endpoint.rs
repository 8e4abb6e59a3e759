//! One endpoint as one worker sees it: its pool, its requests in flight, and who waits for a connection.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{Semaphore, oneshot};

use crate::bridge::{IdleConnection, MultiplexedConnection};
use crate::live::{EndpointHealth, LiveEndpoint};

/// One endpoint of one backend.
pub(crate) struct WorkerEndpoint {
    pub(crate) address: SocketAddr,
    pub(crate) health: Arc<EndpointHealth>,
    /// Requests under way there.
    pub(crate) in_flight: Cell<u32>,
    /// HTTP/1 connections that lie idle; the last one in is the first one out, so that the rest can age.
    pub(crate) idle: RefCell<Vec<IdleConnection>>,
    /// HTTP/2 connections.
    pub(crate) multiplexed: RefCell<Vec<MultiplexedConnection>>,
    /// Connections that are open or being opened.
    pub(crate) open: Cell<usize>,
    /// Requests that wait for a connection, the longest wait first.
    pub(crate) waiting: RefCell<VecDeque<oneshot::Sender<()>>>,
    /// Lets one request at a time open an HTTP/2 connection; the others will share it.
    pub(crate) opening: Semaphore,
    /// When opening an HTTP/2 connection last failed.
    pub(crate) opening_failed: Cell<Option<Instant>>,
}

impl WorkerEndpoint {
    pub(crate) fn new(endpoint: &LiveEndpoint) -> Rc<Self> {
        Rc::new(Self {
            address: endpoint.address,
            health: endpoint.health.clone(),
            in_flight: Cell::new(0),
            idle: RefCell::new(Vec::new()),
            multiplexed: RefCell::new(Vec::new()),
            open: Cell::new(0),
            waiting: RefCell::new(VecDeque::new()),
            opening: Semaphore::new(1),
            opening_failed: Cell::new(None),
        })
    }

    /// A place or a connection became free: the longest waiting request may look again.
    pub(crate) fn wake_one(&self) {
        let mut waiting = self.waiting.borrow_mut();
        while let Some(next) = waiting.pop_front() {
            if next.send(()).is_ok() {
                return;
            }
        }
    }
}

/// Counts a request at its endpoint for as long as it lives.
pub(crate) struct InFlight(Rc<WorkerEndpoint>);

impl InFlight {
    pub(crate) fn at(endpoint: &Rc<WorkerEndpoint>) -> Self {
        endpoint.in_flight.set(endpoint.in_flight.get() + 1);
        Self(endpoint.clone())
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.set(self.0.in_flight.get().saturating_sub(1));
    }
}
