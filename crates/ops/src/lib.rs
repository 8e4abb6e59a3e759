//! What operators take with them: rules, dashboards, monitors and runbooks, made here and checked against the catalog.
//!
//! `cargo xtask gen` writes the files of [`assets`] and `gen --check` compares them; nothing here is part of the
//! program that serves. What always holds: a file is made from the code alone, the same bytes every time, and every
//! PromQL string in it names metrics, labels and words that the catalog has ([`lint`]).

pub mod asset;
pub mod dashboards;
pub mod lint;
pub mod monitors;
pub mod query;
pub mod rules;
pub mod runbooks;

pub use asset::Asset;

/// Every generated file, in the order of their paths within each room.
pub fn assets() -> Vec<Asset> {
    let dashboards = dashboards::assets();
    // Helm reads only what is inside of the chart.
    let copies: Vec<Asset> = dashboards
        .iter()
        .filter_map(|asset| {
            let name = asset.path.strip_prefix("grafana/dashboards/")?;
            Some(Asset::new(format!("charts/clearway/files/dashboards/{name}"), asset.content.clone()))
        })
        .collect();
    [rules::assets(), dashboards, copies, monitors::assets(), runbooks::assets()].concat()
}
