//! The admin server in process, on a free port, asked over real sockets.

mod access;
mod client;
mod limits;
mod paths;
#[cfg(feature = "profiling")]
mod profile;
mod site;
