//! The hub: what is published for each fleet, and who has it.
//!
//! The control plane publishes into it and reads from it; sessions follow it. What always holds: publishing waits for
//! nobody; a session that is slow sees only the newest.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Instant, SystemTime};

use clearway_model::Version;
use tokio::sync::{broadcast, watch};

use super::status::{Node, NodeEvent, NodeEventKind, NodeStatus, Rejection};
use crate::resources::Resources;

/// Events that a receiver may be behind.
const EVENTS: usize = 1024;

/// What is published for a fleet.
#[derive(Debug)]
pub(super) struct Published {
    pub(super) resources: Arc<Resources>,
    pub(super) at: Instant,
    /// When the next version was published.
    superseded: OnceLock<Instant>,
}

/// What sessions wait for.
#[derive(Clone, Debug, Default)]
pub(super) struct Board {
    open: bool,
    fleets: BTreeMap<Arc<str>, Arc<Published>>,
}

impl Board {
    /// What a fleet's sessions may be sent now.
    pub(super) fn of(&self, fleet: &str) -> Option<Arc<Published>> {
        if self.open { self.fleets.get(fleet).cloned() } else { None }
    }
}

/// What the hub remembers of a session.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) node: Node,
    connected: (SystemTime, Instant),
    pub(super) sent: Option<Version>,
    pub(super) acked: Option<Arc<Published>>,
    pub(super) rejected: Option<Rejection>,
}

impl Record {
    pub(super) fn new(node: Node) -> Self {
        Self { node, connected: (SystemTime::now(), Instant::now()), sent: None, acked: None, rejected: None }
    }

    fn status(&self, newest: Option<&Published>) -> NodeStatus {
        let acked = self.acked.as_ref().map(|acked| acked.resources.version().clone());
        let lag = newest.and_then(|newest| match &self.acked {
            Some(acked) if acked.resources.version() == newest.resources.version() => None,
            Some(acked) => acked.superseded.get().map(Instant::elapsed),
            None => Some(self.waited_since(newest).elapsed()),
        });
        NodeStatus {
            node: self.node.clone(),
            connected: self.connected.0,
            sent: self.sent.clone(),
            acked,
            rejected: self.rejected.clone(),
            lag: lag.unwrap_or_default(),
        }
    }

    /// From when on the node could have had a publication.
    pub(super) fn waited_since(&self, published: &Published) -> Instant {
        published.at.max(self.connected.1)
    }
}

/// The meeting point of the control plane and its data planes. Clones are the same hub.
#[derive(Clone, Debug)]
pub struct Hub {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    board: watch::Sender<Board>,
    sessions: Mutex<Sessions>,
    events: broadcast::Sender<NodeEvent>,
}

#[derive(Debug, Default)]
struct Sessions {
    last: u64,
    records: BTreeMap<u64, Record>,
}

impl Default for Hub {
    fn default() -> Self {
        Self::new()
    }
}

impl Hub {
    /// A hub whose gate is closed and that has nothing published.
    pub fn new() -> Self {
        let shared = Shared {
            board: watch::Sender::new(Board::default()),
            sessions: Mutex::default(),
            events: broadcast::Sender::new(EVENTS),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Opens the gate, for good. Before that, streams are accepted and get nothing: what is published may be one part
    /// of the truth only, and a data plane must never serve less than it does already.
    pub fn open_gate(&self) {
        self.shared.board.send_if_modified(|board| !std::mem::replace(&mut board.open, true));
    }

    /// Whether the gate is open.
    pub fn is_open(&self) -> bool {
        self.shared.board.borrow().open
    }

    /// Makes a snapshot the newest of a fleet. False when its version is the newest already: nothing is sent then.
    pub fn publish(&self, fleet: &str, resources: Arc<Resources>) -> bool {
        let now = Instant::now();
        self.shared.board.send_if_modified(|board| {
            if let Some(before) = board.fleets.get(fleet) {
                if before.resources.version() == resources.version() {
                    return false;
                }
                before.superseded.get_or_init(|| now);
            }
            let published = Published { resources, at: now, superseded: OnceLock::new() };
            board.fleets.insert(fleet.into(), Arc::new(published));
            true
        })
    }

    /// What is published for a fleet.
    pub fn published(&self, fleet: &str) -> Option<Arc<Resources>> {
        self.shared.board.borrow().fleets.get(fleet).map(|published| published.resources.clone())
    }

    /// All data planes that are connected, in the order of their coming.
    pub fn nodes(&self) -> Vec<NodeStatus> {
        let board = self.shared.board.borrow().clone();
        let sessions = self.sessions();
        let status = |record: &Record| record.status(board.of(&record.node.fleet).as_deref());
        sessions.records.values().map(status).collect()
    }

    /// What happens from now on. A receiver that is more than 1,024 events behind loses the oldest
    /// (`RecvError::Lagged`); [`Hub::nodes`] tells how things stand then.
    pub fn events(&self) -> broadcast::Receiver<NodeEvent> {
        self.shared.events.subscribe()
    }

    pub(super) fn board(&self) -> watch::Receiver<Board> {
        self.shared.board.subscribe()
    }

    /// Takes a node in and gives it its number.
    pub(super) fn register(&self, mut node: Node) -> u64 {
        let mut sessions = self.sessions();
        sessions.last += 1;
        let session = sessions.last;
        node.session = session;
        sessions.records.insert(session, Record::new(node.clone()));
        drop(sessions);
        self.tell(node, NodeEventKind::Connected);
        session
    }

    /// Notes what happened to a session; `change` gives the event.
    pub(super) fn note(&self, session: u64, change: impl FnOnce(&mut Record) -> NodeEventKind) {
        let mut sessions = self.sessions();
        let Some(record) = sessions.records.get_mut(&session) else { return };
        let kind = change(record);
        let node = record.node.clone();
        drop(sessions);
        self.tell(node, kind);
    }

    /// The version that a session has acknowledged was published anew: it counts as acknowledged.
    pub(super) fn renew(&self, session: u64, published: &Arc<Published>) {
        let mut sessions = self.sessions();
        let acked = sessions.records.get_mut(&session).and_then(|record| record.acked.as_mut());
        if let Some(acked) = acked.filter(|acked| acked.resources.version() == published.resources.version())
        {
            *acked = published.clone();
        }
    }

    pub(super) fn unregister(&self, session: u64, reason: Arc<str>) {
        let Some(record) = self.sessions().records.remove(&session) else { return };
        self.tell(record.node, NodeEventKind::Disconnected { reason });
    }

    fn tell(&self, node: Node, kind: NodeEventKind) {
        // Nobody has to listen.
        drop(self.shared.events.send(NodeEvent { node, kind }));
    }

    fn sessions(&self) -> MutexGuard<'_, Sessions> {
        // Every change is a single step, so a panic elsewhere leaves nothing half done.
        self.shared.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
