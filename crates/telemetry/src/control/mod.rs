//! What the control plane counts, and the data plane's side of the configuration's way.
//!
//! [`ControlTelemetry`] is written by watches, the pipeline, the xDS server and the writers of status, [`XdsTelemetry`]
//! by the data plane's client; the exposition reads both. What happens here is rare beside requests, so plain locks and
//! atomics guard it. What always holds: no method waits for IO, and every label is a word of [`words`] or the name of
//! a configured object, of a fleet, or of one of at most [`MAX_NAMED`] data planes.

mod caches;
mod fleet;
mod objects;
mod readiness;
mod series;
mod words;
mod writes;
mod xds;

use std::sync::Arc;
use std::time::Instant;

pub use fleet::{MAX_NAMED, SentRound, SnapshotSize};
pub use objects::{ConditionCount, GatewayCondition};
pub use words::*;
pub use xds::XdsTelemetry;

pub(crate) use caches::Caches;
pub(crate) use fleet::Fleets;
pub(crate) use objects::Objects;
pub(crate) use readiness::ReadinessBook;
pub(crate) use writes::Writes;

use crate::config::ConfigTelemetry;

/// Everything that a control plane counts. One for a process.
#[derive(Debug)]
pub struct ControlTelemetry {
    /// The configuration that is published, and the times of its stages.
    pub config: Arc<ConfigTelemetry>,
    started: Instant,
    pub(crate) readiness: ReadinessBook,
    pub(crate) caches: Caches,
    pub(crate) fleets: Fleets,
    pub(crate) writes: Writes,
    pub(crate) objects: Objects,
}

impl ControlTelemetry {
    /// An empty record. Times "since the start of the process" begin here.
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            config: Arc::new(ConfigTelemetry::new()),
            started: Instant::now(),
            readiness: ReadinessBook::default(),
            caches: Caches::default(),
            fleets: Fleets::default(),
            writes: Writes::default(),
            objects: Objects::default(),
        })
    }
}

#[cfg(test)]
mod tests;
