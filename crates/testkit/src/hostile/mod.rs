//! Bad objects: malformed, contradictory or hostile, each with what its status or `/config` must say of it.
//!
//! The test in process and the one on a real cluster use the same [`corpus`]. What always holds: the corpus is the same in every run but
//! for keys and certificates, names of cases are unique, and no object stands in two cases.

#![allow(clippy::needless_pass_by_value, reason = "builders take what `json!` makes, and most hand it on")]

mod backends;
mod certificates;
mod core;
mod enums;
mod expected;
mod filters;
mod gateways;
mod grpc;
mod hostnames;
mod make;
mod names;
mod observability;
mod parents;
mod policies;
mod references;
mod scene;
mod shapes;
mod shapes_more;
mod sizes;
mod sizes_in_process;
mod streams;
mod texts;
mod timeouts;

use serde_json::Value;

pub use expected::{Expected, Place, Told};
pub use make::{CONTROLLER, HOSTILE};
pub use scene::{good, good_slices, hostile_scene};
pub use sizes_in_process::too_large_for_etcd;

/// A bad object with what it needs around it, and what must become of it.
#[derive(Clone, Debug)]
pub struct Case {
    /// Unique.
    pub name: String,
    /// What kind of badness it is.
    pub family: &'static str,
    /// The bad object first.
    pub objects: Vec<Value>,
    /// What must be said.
    pub expected: Vec<Expected>,
    /// Whether a real apiserver takes it when the custom resource definitions let every `spec` in.
    pub admitted: bool,
}

/// All cases that fit into an apiserver.
pub fn corpus() -> Vec<Case> {
    let mut all = Vec::new();
    for add in [
        enums::add,
        shapes::add,
        shapes_more::add,
        references::add,
        parents::add,
        hostnames::add,
        texts::add,
        filters::add,
        backends::add,
        timeouts::add,
        gateways::add,
        certificates::add,
        policies::add,
        observability::add,
        names::add,
        sizes::add,
        core::add,
        grpc::add,
        streams::add,
    ] {
        add(&mut all);
    }
    all
}
