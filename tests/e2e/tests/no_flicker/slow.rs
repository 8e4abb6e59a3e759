//! A slow way to the API server: a TCP relay on the node's address that lets little through at a time. TLS passes untouched.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::scene::Scene;

/// The node, where its pods reach it.
const NODE: [u8; 4] = [10, 244, 0, 1];
/// The API server on the node.
const SERVER: (&str, u16) = ("127.0.0.1", 6443);
/// Bytes that pass at a time ...
const PIECE: usize = 16 * 1024;
/// ... and the time between two of them, in each direction of each connection: 160 KiB each second.
const PAUSE: Duration = Duration::from_millis(100);

/// The relay. It ends with the value, connections included.
pub(crate) struct SlowWay {
    address: SocketAddr,
    state: Arc<State>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct State {
    ended: AtomicBool,
    bytes: AtomicU64,
}

impl SlowWay {
    /// Listens in the cluster's network.
    pub(crate) fn open(scene: &Scene) -> Self {
        let cluster = scene.cluster.clone();
        let (give, given) = std::sync::mpsc::channel();
        let state = Arc::new(State::default());
        let shared = state.clone();
        let thread = std::thread::spawn(move || {
            cluster.enter();
            // Threads stand in the network namespace of whoever starts them.
            drop(cluster);
            let listener = TcpListener::bind(SocketAddr::from((NODE, 0))).expect("the node's address");
            listener.set_nonblocking(true).expect("a listener that can be ended");
            give.send(listener.local_addr().expect("an address")).expect("somebody waits for it");
            while !shared.ended.load(Relaxed) {
                match listener.accept() {
                    Ok((client, _)) => relay(client, &shared),
                    Err(_) => std::thread::park_timeout(PAUSE),
                }
            }
        });
        let address = given.recv().expect("the relay listens");
        Self { address, state, thread: Some(thread) }
    }

    /// Where control planes find it.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// How much has passed.
    pub(crate) fn bytes(&self) -> u64 {
        self.state.bytes.load(Relaxed)
    }
}

/// Passes both directions on, each on a thread of its own.
fn relay(client: TcpStream, state: &Arc<State>) {
    let Ok(server) = TcpStream::connect(SERVER) else { return };
    client.set_nonblocking(false).expect("a connection that waits");
    let (Ok(from_client), Ok(from_server)) = (client.try_clone(), server.try_clone()) else { return };
    for (from, to) in [(from_client, server), (from_server, client)] {
        let state = state.clone();
        std::thread::spawn(move || pass(from, to, &state));
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, state: &State) {
    let mut piece = vec![0; PIECE];
    while let Ok(count) = from.read(&mut piece) {
        if count == 0 || state.ended.load(Relaxed) {
            break;
        }
        std::thread::park_timeout(PAUSE);
        if to.write_all(&piece[..count]).is_err() {
            break;
        }
        state.bytes.fetch_add(count as u64, Relaxed);
    }
    // Either side may be gone already.
    to.shutdown(Shutdown::Both).ok();
    from.shutdown(Shutdown::Both).ok();
}

impl Drop for SlowWay {
    fn drop(&mut self) {
        self.state.ended.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic there was printed; this one must not hide it.
            thread.join().ok();
        }
    }
}
