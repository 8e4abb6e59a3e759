//! What the kernel says of the TCP connections, on both sides: round-trip times and segments sent again.
//!
//! Called by nobody once [`start`] is: a thread of its own asks the kernel's socket monitor (sock_diag(7), netlink) for
//! all TCP sockets at every [`PERIOD`], so no request and no worker pays for it. Only sockets of this process count; a
//! connection that opens and closes between two looks is not seen. `getsockopt(TCP_INFO)` would see it, but no library
//! offers that without unsafe code here.

mod dump;

use std::collections::{HashMap, HashSet};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::time::Duration;

use arc_swap::ArcSwap;
use clearway_telemetry::WorkerId;
use clearway_telemetry::families::{BackendTelemetry, SocketTelemetry, TcpTelemetry};

use crate::live::{Live, SocketKey};
use dump::Connection;

/// How often the kernel is asked.
const PERIOD: Duration = Duration::from_secs(5);

/// Keeps the thread running; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Watch {
    _stop: Sender<()>,
}

/// Starts looking at the connections of what is live.
///
/// # Errors
/// The kernel does not answer sock_diag, or there is no thread left.
pub(crate) fn start(id: WorkerId, live: Arc<ArcSwap<Live>>) -> io::Result<Watch> {
    // Asked once here, so that a process that may not ask says so when it starts.
    dump::connections().map_err(|error| {
        let advice = "allow netlink sockets, or run with --tcp-metrics off";
        io::Error::new(
            error.kind(),
            format!("TCP metrics: the kernel does not answer sock_diag: {error}; {advice}"),
        )
    })?;
    let (stop, stopped) = mpsc::channel::<()>();
    std::thread::Builder::new().name("tcp-info".into()).spawn(move || {
        let mut books = Books::new(id);
        while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(PERIOD) {
            // A look that fails is missed; the next one catches up with its retransmits.
            if let (Ok(connections), Ok(own)) = (dump::connections(), dump::own_inodes()) {
                books.count(&connections, &own, &Targets::of(&live.load()));
            }
        }
    })?;
    Ok(Watch { _stop: stop })
}

/// Whose connections are whose.
#[derive(Debug, Default)]
struct Targets {
    sockets: Vec<(SocketKey, Arc<SocketTelemetry>)>,
    /// Where two backends share an endpoint, the first in their order has its connections.
    endpoints: HashMap<SocketAddr, Arc<BackendTelemetry>>,
}

impl Targets {
    fn of(live: &Live) -> Self {
        let sockets = live.ports.values().map(|port| (port.key, port.telemetry.clone())).collect();
        let mut endpoints = HashMap::new();
        for backend in &live.backends {
            for endpoint in &backend.endpoints {
                endpoints.entry(endpoint.address).or_insert_with(|| backend.telemetry.clone());
            }
        }
        Self { sockets, endpoints }
    }

    fn find(&self, connection: &Connection) -> Option<&TcpTelemetry> {
        let here = |key: &SocketKey| {
            key.port == connection.local.port()
                && key.address.is_none_or(|address| {
                    address.is_unspecified() || address.to_canonical() == connection.local.ip()
                })
        };
        let socket = self.sockets.iter().find(|(key, _)| here(key)).map(|(_, telemetry)| &telemetry.tcp);
        socket.or_else(|| self.endpoints.get(&connection.peer).map(|telemetry| &telemetry.tcp))
    }
}

/// What was counted already.
struct Books {
    id: WorkerId,
    /// Segments sent again, by the kernel's cookie of the connection.
    seen: HashMap<u64, u32>,
}

impl Books {
    fn new(id: WorkerId) -> Self {
        Self { id, seen: HashMap::new() }
    }

    fn count(&mut self, connections: &[Connection], own: &HashSet<u32>, targets: &Targets) {
        let mut seen = HashMap::with_capacity(self.seen.len());
        for connection in connections.iter().filter(|connection| own.contains(&connection.inode)) {
            let Some(tcp) = targets.find(connection) else { continue };
            // Zero: nothing was acknowledged yet.
            if !connection.rtt.is_zero() {
                tcp.rtt.observe(&self.id, connection.rtt);
            }
            let before = self.seen.get(&connection.cookie).copied().unwrap_or(0);
            tcp.retransmits.add(&self.id, connection.retransmits.saturating_sub(before).into());
            seen.insert(connection.cookie, connection.retransmits);
        }
        self.seen = seen;
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};

    use clearway_model::{BackendRef, ListenerRef, ObjectRef};
    use clearway_telemetry::families::SocketIdentity;
    use clearway_telemetry::{Switches, Telemetry};

    use super::*;

    fn watched(
        hub: &Telemetry,
        server: SocketAddr,
    ) -> (Targets, Arc<SocketTelemetry>, Arc<BackendTelemetry>) {
        let listener = ListenerRef::new(ObjectRef::new("infra", "edge"), "http");
        let socket = hub.socket(&SocketIdentity { listener: Some(listener), port: server.port() });
        let backend = hub.backend(&BackendRef {
            kind: "Service".into(),
            object: ObjectRef::new("store", "cart"),
            port: 80,
        });
        let key = SocketKey { address: None, port: server.port() };
        let targets = Targets {
            sockets: vec![(key, socket.clone())],
            endpoints: HashMap::from([(server, backend.clone())]),
        };
        (targets, socket, backend)
    }

    fn hub() -> Arc<Telemetry> {
        Telemetry::new(1, Switches { tcp_metrics: true, ..Switches::OFF })
    }

    /// Both ends of real connections, over IPv4, and IPv4 on a socket for both families.
    #[test]
    fn both_ends_of_a_connection_are_seen_with_their_round_trip_time() {
        for bind in ["127.0.0.1:0", "[::]:0"] {
            let listener = TcpListener::bind(bind).expect("listener");
            let port = listener.local_addr().expect("address").port();
            let server: SocketAddr = ([127, 0, 0, 1], port).into();
            let mut client = TcpStream::connect(server).expect("client");
            let (mut accepted, _) = listener.accept().expect("accepted");
            let mut byte = [0];
            client.write_all(b"x").and_then(|()| accepted.read_exact(&mut byte)).expect("there");
            accepted.write_all(b"y").and_then(|()| client.read_exact(&mut byte)).expect("and back");
            let hub = hub();
            let (targets, socket, backend) = watched(&hub, server);
            let mut books = Books::new(hub.tcp_watcher().expect("switched on"));
            let connections = dump::connections().expect("sock_diag");
            books.count(&connections, &dump::own_inodes().expect("/proc"), &targets);
            assert_eq!(books.seen.len(), 2, "{connections:?}");
            assert_eq!((socket.tcp.rtt.collect().count, backend.tcp.rtt.collect().count), (1, 1));
            books.count(&connections, &HashSet::new(), &targets);
            assert_eq!(socket.tcp.rtt.collect().count, 1, "sockets of others do not count");
        }
    }

    #[test]
    fn segments_sent_again_are_counted_once() {
        let server: SocketAddr = ([127, 0, 0, 1], 80).into();
        let hub = hub();
        let (targets, socket, backend) = watched(&hub, server);
        let mut books = Books::new(hub.tcp_watcher().expect("switched on"));
        let other: SocketAddr = ([192, 0, 2, 7], 4711).into();
        let own = HashSet::from([1]);
        let at = |cookie, (local, peer), retransmits| Connection {
            local,
            peer,
            cookie,
            inode: 1,
            rtt: Duration::from_micros(300),
            retransmits,
        };
        for (down, up) in [(3, 0), (3, 2), (5, 2)] {
            books.count(&[at(1, (server, other), down), at(2, (other, server), up)], &own, &targets);
        }
        assert_eq!((socket.tcp.retransmits.get(), backend.tcp.retransmits.get()), (5, 2));
        books.count(&[at(3, (server, other), 1), at(4, (other, other), 9)], &own, &targets);
        assert_eq!((socket.tcp.retransmits.get(), backend.tcp.retransmits.get()), (6, 2), "a new connection");
        assert_eq!(books.seen.len(), 1, "those that are gone are forgotten");
    }
}
