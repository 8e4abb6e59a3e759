//! What the client is doing, for readiness, metrics and people.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use clearway_model::Version;

use crate::server::Rejection;

/// The state of a client.
#[derive(Clone, Debug, Default)]
pub struct ClientState {
    /// Since when it is connected, and to whom; `None` while it is not.
    pub connected: Option<(SystemTime, SocketAddr)>,
    /// Connections made so far.
    pub connections: u64,
    /// Why the last connection ended, or could not be made; kept when the next one stands.
    pub last_error: Option<Arc<str>>,
    /// The version that the control plane sent last, whole or not.
    pub offered: Option<Version>,
    /// The version that the sink applied last.
    pub applied: Option<Version>,
    /// What was refused last; gone when a later version is applied.
    pub rejected: Option<Rejection>,
}

impl ClientState {
    /// Whether a whole snapshot has been applied.
    pub fn is_complete(&self) -> bool {
        self.applied.is_some()
    }

    pub(super) fn connect(&mut self, peer: SocketAddr) {
        self.connected = Some((SystemTime::now(), peer));
        self.connections += 1;
    }

    pub(super) fn disconnect(&mut self, reason: &str) {
        self.connected = None;
        self.last_error = Some(reason.into());
    }

    pub(super) fn accept(&mut self, version: Version) {
        self.applied = Some(version);
        self.rejected = None;
    }
}
