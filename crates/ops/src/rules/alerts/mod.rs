//! The alerts, by what they are about. [`super::FILES`] puts them into groups.

pub(super) mod backends;
pub(super) mod collector;
pub(super) mod configuration;
pub(super) mod connections;
pub(super) mod planes;
pub(super) mod requests;
pub(super) mod resources;
pub(super) mod telemetry;
