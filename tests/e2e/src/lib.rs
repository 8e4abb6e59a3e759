//! A real one-node Kubernetes as the scene of a test: both planes as pods, and the test's own sockets among them.
//!
//! Called by the tests of this crate alone. Always holds: each [`Cluster`] is one of its own that `tests/cluster` starts, and
//! is gone with the value, however the test ends; waits look at a state until it holds and fail by a deadline that says what
//! was missing; what the planes' logs said last is printed when a test fails.

mod cluster;
mod inside;
mod kubectl;
pub mod objects;
mod traffic;

pub use cluster::Cluster;
