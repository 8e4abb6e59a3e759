//! The bridge: get the request across. A connection from the pool or a new one, then one try on it.
//!
//! Pools belong to a worker. A connection goes back when the body of its response has ended, and never with anything
//! of the last exchange still on it.

mod connect;
mod pool;
mod send;

pub(crate) use connect::Timing;
pub(crate) use pool::{IdleConnection, Lease, MultiplexedConnection, Sender, checkout};
pub(crate) use send::{SendFailure, send};
