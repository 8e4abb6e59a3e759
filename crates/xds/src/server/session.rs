//! A session: one stream of one data plane.
//!
//! One task, so its state needs no lock. A round is sent, then answered, then the next may begin: what is published
//! meanwhile is coalesced to the newest, and a client that takes nothing holds up nobody but itself.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{mpsc, watch};
use tonic::{Status, Streaming};

use super::ServerOptions;
use super::hub::{Board, Hub};
use super::refusal::{OnRefusal, Refused, StreamRefusal};
use super::round::{Answer, Round, Writer};
use super::status::{Node, NodeEventKind};
use crate::kind::{Kind, MANIFEST_URL};
use crate::resources::{Changes, Resources};
use crate::wire::discovery::{DeltaDiscoveryRequest, DeltaDiscoveryResponse};

/// Whom a connection is to.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    pub(super) address: SocketAddr,
    /// DNS names and URIs of its certificate; `None` without TLS.
    pub(super) identity: Option<Arc<[String]>>,
}

/// What the node has of one kind.
#[derive(Debug)]
enum Held {
    /// What it says that it brought, name to version.
    Brought(BTreeMap<String, String>),
    /// What it was sent.
    Sent(Arc<Resources>),
}

impl Held {
    fn changes(&self, kind: Kind, newest: &Resources) -> Changes {
        match self {
            Self::Brought(held) => newest
                .changes_from(kind, held.iter().map(|(name, version)| (name.as_str(), version.as_str()))),
            Self::Sent(held) => newest.changes(kind, Some(held)),
        }
    }
}

type Outbound = mpsc::Sender<Result<DeltaDiscoveryResponse, Status>>;

/// The state of a stream.
pub(super) struct Session {
    hub: Hub,
    board: watch::Receiver<Board>,
    peer: Peer,
    writer: Writer,
    on_refusal: OnRefusal,
    /// The node's number and fleet, once it has said who it is.
    node: Option<(u64, Arc<str>)>,
    /// By kind; `None` is not subscribed.
    held: [Option<Held>; 4],
    /// Whether the Manifest is subscribed: a client subscribes it last, so that the first round is whole.
    manifest: bool,
    round: Option<Round>,
    queue: VecDeque<DeltaDiscoveryResponse>,
}

impl Session {
    pub(super) fn new(hub: Hub, peer: Peer, options: &ServerOptions) -> Self {
        Self {
            board: hub.board(),
            hub,
            peer,
            writer: Writer { nonce: 0, identifier: options.identifier.clone() },
            on_refusal: options.on_refusal.clone(),
            node: None,
            held: [const { None }; 4],
            manifest: false,
            round: None,
            queue: VecDeque::new(),
        }
    }

    /// Lives until the stream ends, by whichever side.
    pub(super) async fn run(
        mut self,
        requests: Streaming<DeltaDiscoveryRequest>,
        outbound: Outbound,
        end: watch::Receiver<bool>,
    ) {
        let reason: Arc<str> = match self.converse(requests, &outbound, end).await {
            Ok(reason) => reason.into(),
            Err(Refused { why, status }) => {
                let reason: Arc<str> = status.message().into();
                tracing::warn!(peer = %self.peer.address, %reason, "Refused an xDS stream.");
                self.on_refusal.of(why);
                // A client that takes no response does not read this either.
                drop(outbound.try_send(Err(status)));
                reason
            }
        };
        if let Some((session, _)) = self.node {
            self.hub.unregister(session, reason);
        }
    }

    async fn converse(
        &mut self,
        mut requests: Streaming<DeltaDiscoveryRequest>,
        outbound: &Outbound,
        mut end: watch::Receiver<bool>,
    ) -> Result<&'static str, Refused> {
        loop {
            tokio::select! {
                _ = end.wait_for(|end| *end) => return Ok("the control plane shuts down"),
                () = outbound.closed() => return Ok("the connection is closed"),
                request = requests.message() => match request {
                    Ok(Some(request)) => self.handle(request)?,
                    Ok(None) => return Ok("the data plane closed the stream"),
                    Err(status) => {
                        tracing::debug!(peer = %self.peer.address, %status, "An xDS stream broke.");
                        return Ok("the connection broke");
                    }
                },
                changed = self.board.changed() => if changed.is_err() { return Ok("the hub is gone") },
                permit = outbound.reserve(), if !self.queue.is_empty() => {
                    let Ok(permit) = permit else { return Ok("the connection is closed") };
                    if let Some(response) = self.queue.pop_front() {
                        permit.send(Ok(response));
                        self.sent();
                    }
                }
            }
            self.begin();
        }
    }

    fn handle(&mut self, request: DeltaDiscoveryRequest) -> Result<(), Refused> {
        if self.node.is_none() {
            self.introduce(&request)?;
        }
        let kind = Kind::from_type_url(&request.type_url);
        if kind.is_none() && request.type_url != MANIFEST_URL {
            let url = &request.type_url;
            return Err(Refused::protocol(format!("{url:?} is no type of resource that is served here")));
        }
        let named = request.resource_names_subscribe.iter().find(|name| *name != "*");
        if let Some(name) = named.or(request.resource_names_unsubscribe.first()) {
            return Err(Refused::protocol(format!(
                "resources are served by type, not by name; do not name {name:?}, subscribe to \"*\""
            )));
        }
        if !request.response_nonce.is_empty() {
            self.answer(&request.response_nonce, request.error_detail);
            return Ok(());
        }
        match kind {
            None => self.manifest = true,
            // A second subscription changes nothing.
            Some(kind) => {
                self.held[kind.index()].get_or_insert(Held::Brought(request.initial_resource_versions));
            }
        }
        Ok(())
    }

    fn introduce(&mut self, request: &DeltaDiscoveryRequest) -> Result<(), Refused> {
        let node = request.node.clone().unwrap_or_default();
        let refused = |status| Refused { why: StreamRefusal::Identity, status };
        if node.id.is_empty() || node.cluster.is_empty() {
            let words = "the first request must say node.id and node.cluster, the fleet";
            return Err(refused(Status::invalid_argument(words)));
        }
        let identity = self.peer.identity.clone();
        if let Some(names) = identity.as_ref().filter(|names| !names.contains(&node.cluster)) {
            let words = format!(
                "the certificate is not one of the fleet {:?}: its subjectAltName holds {names:?}; give the data planes a \
                 certificate with the fleet as a DNS name",
                node.cluster
            );
            return Err(refused(Status::permission_denied(words)));
        }
        let fleet: Arc<str> = node.cluster.into();
        let session = self.hub.register(Node {
            session: 0,
            id: node.id.into(),
            fleet: fleet.clone(),
            peer: self.peer.address,
            identity: identity.unwrap_or_default(),
        });
        self.node = Some((session, fleet));
        Ok(())
    }

    fn answer(&mut self, nonce: &str, error: Option<crate::wire::rpc::Status>) {
        let (Some(round), Some((session, _))) = (&mut self.round, &self.node) else { return };
        let answer = round.answer(nonce, error);
        let published = round.published.clone();
        let handed = round.sent.unwrap_or_else(Instant::now);
        match answer {
            Answer::Partial => {}
            Answer::Ack => self.hub.note(*session, |record| {
                let version = published.resources.version().clone();
                let lag = record.waited_since(&published).elapsed();
                record.acked = Some(published);
                record.rejected = None;
                NodeEventKind::Acked { version, lag, answer: handed.elapsed() }
            }),
            Answer::Nack(rejection) => self.hub.note(*session, |record| {
                record.rejected = Some(rejection.clone());
                NodeEventKind::Nacked(rejection)
            }),
        }
    }

    /// Begins a round when the last is answered and there is something newer.
    fn begin(&mut self) {
        let Some((session, fleet)) = &self.node else { return };
        if !self.manifest || self.round.as_ref().is_some_and(|round| !round.answered) {
            return;
        }
        let Some(published) = self.board.borrow().of(fleet) else { return };
        let resources = &published.resources;
        let mut changes = Vec::new();
        for kind in Kind::ALL {
            let Some(held) = &mut self.held[kind.index()] else { continue };
            let one = held.changes(kind, resources);
            *held = Held::Sent(resources.clone());
            if !one.is_empty() {
                changes.push((kind, one));
            }
        }
        let same = |round: &Round| round.published.resources.version() == resources.version();
        if changes.is_empty() && self.round.as_ref().is_some_and(same) {
            // There and back again before the node saw it: what it has is the newest publication once more.
            self.hub.renew(*session, &published);
            return;
        }
        let (round, queue) = self.writer.round(published, fleet, changes);
        self.round = Some(round);
        self.queue = queue;
    }

    /// A response was handed over: perhaps the last of the round.
    fn sent(&mut self) {
        let (Some(round), Some((session, _))) = (&mut self.round, &self.node) else { return };
        if !self.queue.is_empty() {
            return;
        }
        round.sent = Some(Instant::now());
        let version = round.published.resources.version().clone();
        let Round { resources, removed, bytes, .. } = *round;
        self.hub.note(*session, |record| {
            record.sent = Some(version.clone());
            NodeEventKind::Sent { version, resources, removed, bytes }
        });
    }
}
