//! What is known of each data plane, and what happens to it: the words that status, metrics and logs are made of.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use clearway_model::Version;

use crate::name::ResourceFault;

/// A data plane on one stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Number of the stream, never used twice by a hub.
    pub session: u64,
    /// What it calls itself: the name of its pod. A node that reconnects may be there twice for a moment.
    pub id: Arc<str>,
    /// Its fleet.
    pub fleet: Arc<str>,
    /// Where it connects from.
    pub peer: SocketAddr,
    /// DNS names and URIs of its certificate; empty without TLS.
    pub identity: Arc<[String]>,
}

/// What a data plane refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// The version of the snapshot.
    pub version: Version,
    /// The resources, as far as it names any.
    pub faults: Arc<[ResourceFault]>,
    /// Its sentence.
    pub message: Arc<str>,
}

/// A data plane and how far it is.
#[derive(Clone, Debug)]
pub struct NodeStatus {
    /// Who.
    pub node: Node,
    /// Since when it is connected.
    pub connected: SystemTime,
    /// The version that was sent last.
    pub sent: Option<Version>,
    /// The version that it serves, as it says.
    pub acked: Option<Version>,
    /// What it refused last; gone when a later version is acknowledged.
    pub rejected: Option<Rejection>,
    /// For how long it has not had the newest version of its fleet; zero when it has it, or when nothing may be sent
    /// yet.
    pub lag: Duration,
}

/// Something that happened to a data plane.
#[derive(Clone, Debug)]
pub struct NodeEvent {
    /// To whom.
    pub node: Node,
    /// What.
    pub kind: NodeEventKind,
}

/// What can happen to a data plane.
#[derive(Clone, Debug)]
pub enum NodeEventKind {
    /// It opened a stream and said who it is.
    Connected,
    /// A round of responses was handed to its connection.
    Sent {
        /// The version of the snapshot.
        version: Version,
        /// How many resources, the Manifest not counted.
        resources: usize,
        /// How many names of removed resources.
        removed: usize,
        /// Bytes of these resources and of the Manifest.
        bytes: usize,
    },
    /// It applied a version.
    Acked {
        /// The version.
        version: Version,
        /// From the publication, or from the moment that the node was there if that is later.
        lag: Duration,
        /// From the moment that the round was handed to its connection.
        answer: Duration,
    },
    /// It refused a version, and serves what it served before.
    Nacked(Rejection),
    /// Its stream ended.
    Disconnected {
        /// Why.
        reason: Arc<str>,
    },
}
