//! The control plane: watches objects of Kubernetes, translates them, publishes what data planes serve, and says in
//! status what became of each object.
//!
//! `crates/clearway` calls [`run`]. What always holds: nothing is published before every watch is in step, one malformed
//! object never stops another one, and only the holder of the Lease writes.

mod events;
mod journey;
mod lease;
mod options;
mod pipeline;
mod publish;
mod readiness;
mod rest;
mod run;
#[cfg(test)]
mod scene;
mod security;
mod services;
mod status;
mod watch;
mod world;

pub use journey::Tracing;
pub use options::{ControlOptions, XdsSecurity};
pub use run::{Metrics, RunError, Surroundings, run};
