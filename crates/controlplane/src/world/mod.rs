//! The world: every object that is known, brought up to date by one change after the other. One task owns it
//! (`pipeline`), so nothing here is locked.

mod names;
mod observed;
mod service;
mod store;
mod view;

pub(crate) use names::{GATEWAY_NAME, MANAGED_BY, managed_by, service_name, shorten};
pub(crate) use observed::{Observations, Observed};
pub(crate) use store::{Effect, Store};
pub(crate) use view::{FleetPod, View};
