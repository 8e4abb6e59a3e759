//! The room of dashboards: typed code that writes Grafana dashboards, for `grafana/dashboards/`.
//!
//! Each page beside this one is a dashboard and reads from top to bottom as an operator asks. Always holds: every panel can
//! show something, or its description says what it needs first; what is zero shows zero.

mod choices;
mod configuration;
mod controlplane;
mod errors;
mod json;
mod kinds;
mod logs_traces;
mod model;
mod network;
mod overview;
mod panel;
mod resources;
mod telemetry;
mod traffic;
mod upstreams;
mod variables;
mod words;

pub use choices::{Annotation, LabelVariable, Variable};
pub use kinds::{Kind, Needs, Source, Unit};
pub use model::{Dashboard, Panel, Row, Target};

use crate::Asset;

/// The folder of the files.
const FOLDER: &str = "grafana/dashboards";

/// Every dashboard, in the order in which an operator opens them.
pub fn all() -> Vec<Dashboard> {
    vec![
        overview::dashboard(),
        traffic::dashboard(),
        errors::dashboard(),
        upstreams::dashboard(),
        network::dashboard(),
        configuration::dashboard(),
        controlplane::dashboard(),
        resources::dashboard(),
        telemetry::dashboard(),
        logs_traces::dashboard(),
    ]
}

/// The files of this room.
pub fn assets() -> Vec<Asset> {
    let file =
        |dashboard: &Dashboard| Asset::new(format!("{FOLDER}/{}.json", dashboard.uid), json::text(dashboard));
    all().iter().map(file).collect()
}
