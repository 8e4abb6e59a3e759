//! A round: the responses that lead one node from what it has to one published snapshot, and its answer to them.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use prost::Message as _;

use super::hub::Published;
use super::status::Rejection;
use crate::kind::{Kind, MANIFEST_URL};
use crate::name::ResourceFault;
use crate::resources::Changes;
use crate::wire::{config, core, discovery, protobuf, rpc};

/// A response is not made longer than this by adding another resource to it.
const RESPONSE: usize = 1 << 20;

/// A round under way, or answered.
#[derive(Debug)]
pub(super) struct Round {
    pub(super) published: Arc<Published>,
    /// Its nonces are `first..=last`; the last is that of the Manifest.
    first: u64,
    last: u64,
    pub(super) resources: usize,
    pub(super) removed: usize,
    pub(super) bytes: usize,
    /// When the last response was handed to the connection.
    pub(super) sent: Option<Instant>,
    pub(super) answered: bool,
    refused: Option<(Vec<ResourceFault>, String)>,
}

/// What a request with a nonce means.
#[derive(Debug)]
pub(super) enum Answer {
    /// Of another round, or not the last word of this.
    Partial,
    /// The whole round is applied.
    Ack,
    /// The whole round is refused.
    Nack(Rejection),
}

/// Makes responses, numbering them.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) nonce: u64,
    pub(super) identifier: Arc<str>,
}

impl Writer {
    /// The responses of a round.
    pub(super) fn round(
        &mut self,
        published: Arc<Published>,
        fleet: &str,
        changes: Vec<(Kind, Changes)>,
    ) -> (Round, VecDeque<discovery::DeltaDiscoveryResponse>) {
        let mut round = Round {
            first: self.nonce + 1,
            last: 0,
            resources: 0,
            removed: 0,
            bytes: published.resources.manifest_bytes().len(),
            sent: None,
            answered: false,
            refused: None,
            published,
        };
        let version = round.published.resources.version().as_str().to_owned();
        let mut queue = VecDeque::new();
        for (kind, Changes { changed, removed }) in changes {
            round.resources += changed.len();
            round.removed += removed.len();
            let mut response = self.response(kind.type_url(), &version);
            response.removed_resources = removed.iter().map(ToString::to_string).collect();
            let mut length = 0;
            for (name, encoded) in changed {
                if length > 0 && length + encoded.bytes.len() > RESPONSE {
                    queue.push_back(std::mem::replace(
                        &mut response,
                        self.response(kind.type_url(), &version),
                    ));
                    length = 0;
                }
                length += encoded.bytes.len();
                round.bytes += encoded.bytes.len();
                response.resources.push(resource(
                    kind.type_url(),
                    &name,
                    &encoded.version,
                    encoded.bytes.clone(),
                ));
            }
            queue.push_back(response);
        }
        let mut manifest = self.response(MANIFEST_URL, &version);
        let bytes = round.published.resources.manifest_bytes().clone();
        manifest.resources.push(resource(MANIFEST_URL, fleet, &version, bytes));
        queue.push_back(manifest);
        round.last = self.nonce;
        (round, queue)
    }

    fn response(&mut self, type_url: &str, version: &str) -> discovery::DeltaDiscoveryResponse {
        self.nonce += 1;
        discovery::DeltaDiscoveryResponse {
            system_version_info: version.to_owned(),
            resources: Vec::new(),
            type_url: type_url.to_owned(),
            nonce: self.nonce.to_string(),
            removed_resources: Vec::new(),
            control_plane: Some(core::ControlPlane { identifier: self.identifier.to_string() }),
        }
    }
}

impl Round {
    /// Takes an answer in. The Manifest's is the last word, and may be given again: a node that could apply at a second
    /// try says so.
    pub(super) fn answer(&mut self, nonce: &str, error: Option<rpc::Status>) -> Answer {
        let Ok(nonce) = nonce.parse::<u64>() else { return Answer::Partial };
        if !(self.first..=self.last).contains(&nonce) {
            return Answer::Partial;
        }
        if let Some(error) = error {
            let (faults, message) = self.refused.get_or_insert_default();
            faults.extend(
                read_faults(&error).into_iter().filter(|fault| !faults.contains(fault)).collect::<Vec<_>>(),
            );
            *message = error.message;
        }
        if nonce != self.last {
            return Answer::Partial;
        }
        self.answered = true;
        match self.refused.take() {
            None => Answer::Ack,
            Some((faults, message)) => Answer::Nack(Rejection {
                version: self.published.resources.version().clone(),
                faults: faults.into(),
                message: message.into(),
            }),
        }
    }
}

fn resource(type_url: &str, name: &str, version: &str, value: bytes::Bytes) -> discovery::Resource {
    discovery::Resource {
        version: version.to_owned(),
        resource: Some(protobuf::Any { type_url: type_url.to_owned(), value }),
        name: name.to_owned(),
    }
}

fn read_faults(error: &rpc::Status) -> Vec<ResourceFault> {
    let rejections =
        error.details.iter().filter_map(|detail| config::Rejection::decode(detail.value.clone()).ok());
    let read = |config::Fault { type_url, name, message }| {
        Some(ResourceFault {
            kind: Kind::from_type_url(&type_url)?,
            name: name.into(),
            message: message.into(),
        })
    };
    rejections.flat_map(|rejection| rejection.faults).filter_map(read).collect()
}
