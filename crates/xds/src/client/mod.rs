//! The client of the data plane: it follows one fleet's snapshots and hands each to a sink, whole.
//!
//! `dataplane` runs it. What always holds: what was received is kept across connections, and only differences are
//! asked for; the sink gets a snapshot only when it equals the Manifest; each round is answered after the sink has
//! spoken; nothing that a control plane does, or does not do, takes away what the sink has.

mod backoff;
mod connect;
mod state;
mod store;
mod stream;

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use clearway_model::Snapshot;
use tokio::sync::watch;

pub use backoff::Backoff;
pub use state::ClientState;

use crate::name::ResourceFault;
use crate::server::Rejection;
use crate::tls::ClientTls;
use connect::Connector;
use store::Store;
use stream::End;

/// Who takes snapshots.
pub trait Sink: Send {
    /// Applies a whole snapshot: afterwards it is served, or nothing has changed and the faults say why. The list may
    /// be empty when no single resource is to blame. A refused snapshot is given again after 1 s, 2 s, and so on up to
    /// every 60 s, until it is applied or a newer one comes.
    fn apply(&mut self, snapshot: Snapshot) -> impl Future<Output = Result<(), Vec<ResourceFault>>> + Send;
}

/// Settings of the client.
#[derive(Clone, Debug)]
pub struct ClientOptions {
    /// Where the control plane is: a DNS name or an IP address. The name is resolved for each connection.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// What this data plane calls itself: the name of its pod.
    pub id: Arc<str>,
    /// Its fleet.
    pub fleet: Arc<str>,
    /// Its release, for the control plane's eyes.
    pub release: Arc<str>,
    /// Each connection uses the newest value. `None`: clear text, for loopback only.
    pub tls: Option<watch::Receiver<ClientTls>>,
    /// Waits between tries to connect.
    pub backoff: Backoff,
    /// How long an address has to accept, and to shake hands.
    pub connect: Duration,
    /// A connection is pinged this often, and given up when a ping is not answered for as long.
    pub keepalive: Duration,
}

impl ClientOptions {
    /// The defaults: clear text, backoff from 100 ms to 5 s, connect 3 s, keepalive 10 s.
    pub fn new(
        host: impl Into<String>,
        port: u16,
        id: impl Into<Arc<str>>,
        fleet: impl Into<Arc<str>>,
    ) -> Self {
        Self {
            host: host.into(),
            port,
            id: id.into(),
            fleet: fleet.into(),
            release: env!("CARGO_PKG_VERSION").into(),
            tls: None,
            backoff: Backoff::default(),
            connect: Duration::from_secs(3),
            keepalive: Duration::from_secs(10),
        }
    }
}

/// The client.
#[derive(Debug)]
pub struct Client {
    options: ClientOptions,
    store: Store,
    state: watch::Sender<ClientState>,
}

impl Client {
    /// A client that is not connected yet, and where its state is to be seen.
    pub fn new(options: ClientOptions) -> (Self, watch::Receiver<ClientState>) {
        let (state, seen) = watch::channel(ClientState::default());
        (Self { options, store: Store::default(), state }, seen)
    }

    /// Follows the control plane for ever; drop the future to end it.
    pub async fn run(mut self, mut sink: impl Sink) -> Infallible {
        let connector = Connector::new(&self.options);
        let mut waits = self.options.backoff.waits();
        loop {
            let end = match connector.connect().await {
                Ok(connection) => {
                    let peer = connection.peer();
                    self.state.send_modify(|state| state.connect(peer));
                    self.follow(connection, &mut sink).await
                }
                Err(error) => End { reason: error.to_string(), heard: false },
            };
            tracing::debug!(reason = end.reason, "The xDS stream ended; connecting again.");
            self.state.send_modify(|state| state.disconnect(&end.reason));
            if end.heard {
                waits = self.options.backoff.waits();
            }
            tokio::time::sleep(waits.next_wait()).await;
        }
    }
}

/// What a sink refused, for the state.
fn rejection(version: &clearway_model::Version, faults: Vec<ResourceFault>) -> Rejection {
    let message = match faults.as_slice() {
        [] => "the snapshot was refused".to_owned(),
        [one] => one.to_string(),
        [one, rest @ ..] => format!("{one}; and {} more", rest.len()),
    };
    Rejection { version: version.clone(), faults: faults.into(), message: message.into() }
}
