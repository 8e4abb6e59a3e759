//! Objects to served configuration: attach routes to listeners, check grants, resolve backends, and say what is wrong.
//!
//! The standalone mode calls [`translate`], the control plane keeps a [`Translator`]. Both are pure: no IO, no clock, and the
//! same world gives the same bytes, whatever order the objects came in. Every refusal is a [`Problem`] and a condition.

mod attach;
mod backends;
mod binds;
mod certificates;
mod classes;
mod conflicts;
mod endpoints;
mod exclusive;
mod features;
mod filters;
mod frontend;
mod gateway_status;
mod gateways;
mod infrastructure;
mod listeners;
mod matches;
mod observability;
mod pem;
mod policies;
mod problem;
mod reach;
mod references;
pub mod report;
mod routes;
mod rules;
mod sets;
pub mod status;
mod translator;
mod unreadable;
mod version;
mod world;

use std::collections::BTreeMap;

use clearway_model::{ForwardedTrust, ObjectRef, Snapshot, TraceTrust};

pub use features::SUPPORTED_FEATURES;
pub use infrastructure::{InfrastructurePlan, shortened};
pub use pem::unusable_pem;
pub use problem::{ObjectName, Problem};
pub use references::Reference;
pub use report::Report;
pub use status::StatusPlan;
pub use translator::Translator;
pub use world::{GatewayAddresses, InstalledApi, World};

/// What translation needs to know besides the objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Only GatewayClasses with this `controllerName` are ours.
    pub controller_name: String,
    /// How listeners reach the outside.
    pub exposure: Exposure,
    /// With [`Exposure::Cluster`]: ports that HTTP listeners on 80 and HTTPS listeners on 443 of all Gateways are bound to
    /// besides their private ones, for one entry that Gateways share. Of two that claim a hostname the older one has it.
    pub merged: Option<(u16, u16)>,
    /// For Gateways without the annotation `clearway.dev/forwarded-trust`.
    pub forwarded: ForwardedTrust,
    /// For Gateways without the annotation `clearway.dev/trace-trust`.
    pub trace: TraceTrust,
    /// Only ObservabilityPolicies of this namespace may target GatewayClasses; `None`: those of every namespace.
    pub class_policies_in: Option<String>,
}

/// How listeners reach the outside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Exposure {
    /// Ports are bound as written on this machine, so Gateways share them. `spec.addresses` is the address to bind.
    #[default]
    Direct,
    /// Every Gateway has addresses of its own; ports of different Gateways never meet. Private ports are bound:
    /// [`World::ports`].
    Cluster,
}

impl Options {
    /// Options for one controller, with defaults for everything else.
    pub fn new(controller_name: impl Into<String>) -> Self {
        Self {
            controller_name: controller_name.into(),
            exposure: Exposure::default(),
            merged: None,
            forwarded: ForwardedTrust::default(),
            trace: TraceTrust::default(),
            class_policies_in: None,
        }
    }
}

/// What comes of a world.
#[derive(Clone, Debug, PartialEq)]
pub struct Translation {
    /// What is served.
    pub snapshot: Snapshot,
    /// What is said about each object.
    pub status: StatusPlan,
    /// What must be made for each Gateway of ours that is accepted. One that is refused has none: what was made for it
    /// stays as it is until the Gateway is mended or deleted.
    pub infrastructure: BTreeMap<ObjectRef, InfrastructurePlan>,
    /// What is wrong, sorted by object.
    pub problems: Vec<Problem>,
}

/// Turns objects into served configuration. Whoever does it again and again keeps a [`Translator`].
pub fn translate(world: &World, options: &Options) -> Translation {
    Translator::default().translate(world, options)
}
