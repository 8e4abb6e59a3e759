//! What a backend's thread and the test's thread both see: script, counts, recorded requests, open connections.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::HeaderMap;
use tokio::sync::watch;

use super::connection::{Connection, Fate};
use super::recorded::{Outcome, Recorded};
use super::reply::Reply;

type Handler = Arc<dyn Fn(&Recorded) -> Option<Reply> + Send + Sync>;

/// What the test has told the backend to do.
#[derive(Default)]
pub(super) struct Script {
    pub(super) next: VecDeque<Reply>,
    pub(super) paths: HashMap<String, Reply>,
    pub(super) handler: Option<Handler>,
}

pub(super) struct Shared {
    name: String,
    address: SocketAddr,
    keep_requests: usize,
    keep_alive: AtomicBool,
    accepted: AtomicU64,
    seen: AtomicU64,
    script: Mutex<Script>,
    requests: Mutex<Vec<Recorded>>,
    connections: Mutex<HashMap<u64, Arc<Connection>>>,
    listening: watch::Sender<Listening>,
    changed: watch::Sender<()>,
}

/// Whether the listener is to be, and is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Listening {
    Yes,
    ToEnd,
    Ended,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Backend")
            .field("name", &self.name)
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub(super) fn new(name: &str, address: SocketAddr, keep_requests: usize) -> Self {
        Self {
            name: name.to_owned(),
            address,
            keep_requests,
            keep_alive: AtomicBool::new(true),
            accepted: AtomicU64::new(0),
            seen: AtomicU64::new(0),
            script: Mutex::default(),
            requests: Mutex::default(),
            connections: Mutex::default(),
            listening: watch::channel(Listening::Yes).0,
            changed: watch::channel(()).0,
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn script(&self) -> MutexGuard<'_, Script> {
        lock(&self.script)
    }

    /// The scripted reply for a request, if there is one.
    pub(super) fn scripted(&self, request: &Recorded) -> Option<Reply> {
        let handler = {
            let mut script = self.script();
            if let Some(reply) = script.next.pop_front() {
                return Some(reply);
            }
            if let Some(reply) = script.paths.get(request.uri.path()) {
                return Some(reply.clone());
            }
            script.handler.clone()
        };
        // Called without the lock: a handler may change the script.
        handler.and_then(|handler| handler(request))
    }

    pub(super) fn keep_alive(&self) -> bool {
        self.keep_alive.load(Ordering::Relaxed)
    }

    pub(super) fn set_keep_alive(&self, keep_alive: bool) {
        self.keep_alive.store(keep_alive, Ordering::Relaxed);
    }

    pub(super) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    fn poke(&self) {
        self.changed.send_replace(());
    }

    // --- listener ---

    pub(super) fn listening(&self) -> watch::Receiver<Listening> {
        self.listening.subscribe()
    }

    pub(super) fn stop_accepting(&self) {
        self.listening.send_replace(Listening::ToEnd);
    }

    pub(super) fn listener_ended(&self) {
        self.listening.send_replace(Listening::Ended);
        self.poke();
    }

    pub(super) fn listener_closed(&self) -> bool {
        *self.listening.borrow() == Listening::Ended
    }

    // --- connections ---

    pub(super) fn connection_opened(&self, peer: SocketAddr) -> Arc<Connection> {
        let id = self.accepted.fetch_add(1, Ordering::Relaxed) + 1;
        let connection = Arc::new(Connection::new(id, peer));
        lock(&self.connections).insert(id, Arc::clone(&connection));
        self.poke();
        connection
    }

    pub(super) fn connection_closed(&self, id: u64) {
        lock(&self.connections).remove(&id);
        self.poke();
    }

    pub(super) fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }

    pub(super) fn open(&self) -> usize {
        lock(&self.connections).len()
    }

    pub(super) fn end_connections(&self, fate: Fate, only_idle: bool) -> usize {
        let connections: Vec<_> = lock(&self.connections).values().cloned().collect();
        let chosen = connections.iter().filter(|connection| !only_idle || connection.is_idle());
        chosen.inspect(|connection| connection.end(fate)).count()
    }

    // --- requests ---

    /// Counts a request; its number, from 1.
    pub(super) fn request_seen(&self) -> u64 {
        self.seen.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(super) fn record(&self, request: Recorded) {
        let mut requests = lock(&self.requests);
        if requests.len() < self.keep_requests {
            requests.push(request);
        }
        drop(requests);
        self.poke();
    }

    fn amend(&self, id: u64, change: impl FnOnce(&mut Recorded)) {
        if let Some(request) = lock(&self.requests).iter_mut().rev().find(|request| request.id == id) {
            change(request);
        }
        self.poke();
    }

    pub(super) fn body_read(&self, id: u64, body: Bytes, bytes: u64, trailers: Option<HeaderMap>) {
        self.amend(id, |request| {
            request.body = body;
            request.body_bytes = bytes;
            request.trailers = trailers;
            request.body_complete = true;
        });
    }

    pub(super) fn closed(&self, id: u64, outcome: Outcome) {
        self.amend(id, |request| request.outcome = outcome);
    }

    pub(super) fn count(&self) -> u64 {
        self.seen.load(Ordering::Relaxed)
    }

    pub(super) fn requests(&self) -> Vec<Recorded> {
        lock(&self.requests).clone()
    }

    pub(super) fn forget(&self) {
        lock(&self.requests).clear();
    }
}
