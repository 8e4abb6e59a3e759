//! Delta xDS between the planes: the control plane publishes snapshots, data planes get what changed, apply it whole
//! and answer.
//!
//! The transport is the standard `envoy.service.discovery.v3` incremental ADS; the resources are our own
//! (`proto/clearway/config/v1`) and mirror `clearway_model`. The control plane uses [`Resources`], [`Hub`] and
//! [`serve`]; the data plane uses [`Client`]. What always holds:
//! - a resource's version is a hash of its bytes, so equal content is never sent twice, whoever encoded it;
//! - a client applies only a set of resources that equals the [`Manifest`], which is sent last;
//! - a client answers a round of responses after it has applied it; what it refuses, it names;
//! - publishing never waits for a client: a slow one gets the newest snapshot when it comes back.

mod client;
mod codec;
mod digest;
mod kind;
mod manifest;
mod name;
mod resources;
mod server;
mod tls;
mod wire;

pub use client::{Backoff, Client, ClientOptions, ClientState, Sink};
pub use digest::Digest;
pub use kind::{Kind, MANIFEST_URL};
pub use manifest::{Inventory, Manifest};
pub use name::{ResourceFault, ResourceRef};
pub use resources::{Changes, Encoded, Resources};
pub use server::{
    Hub, Node, NodeEvent, NodeEventKind, NodeStatus, OnRefusal, Rejection, ServerOptions, StreamRefusal,
    serve,
};
pub use tls::{ClientTls, ServerTls, TlsError};
