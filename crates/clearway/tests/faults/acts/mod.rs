//! The faults, by what they are about. Each function makes its fault, waits for its alerts, ends it and waits again.

mod backends;
mod clients;
mod collector;
mod fleet;
mod planes;
mod processes;
mod records;
mod routes;

use super::stage::Stage;

/// A fault, or several that one scene makes.
#[derive(Clone, Copy)]
pub(crate) struct Fault {
    /// The alerts that it makes fire.
    pub(crate) alerts: &'static [&'static str],
    /// The releases that it needs besides the base release.
    pub(crate) releases: &'static [&'static str],
    pub(crate) play: fn(&Stage),
}

/// A fault that needs no release of its own.
const fn fault(alerts: &'static [&'static str], play: fn(&Stage)) -> Fault {
    Fault { alerts, releases: &[], play }
}

/// All of them.
pub(crate) fn all() -> Vec<Fault> {
    let rooms = [
        routes::FAULTS,
        backends::FAULTS,
        clients::FAULTS,
        planes::FAULTS,
        fleet::FAULTS,
        processes::FAULTS,
        records::FAULTS,
        collector::FAULTS,
    ];
    rooms.concat()
}
