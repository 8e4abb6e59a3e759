//! The admin server in process, on a free port, asked over real sockets.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail anywhere")]

mod access;
mod client;
mod limits;
mod paths;
#[cfg(feature = "profiling")]
mod profile;
mod site;
