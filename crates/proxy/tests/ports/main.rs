//! The data path by itself, given configurations by hand: bound ports, certificates of clients, certificates for backends.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail anywhere")]

mod backend_certificates;
mod backend_names;
mod binds;
mod client_certificates;
mod support;
