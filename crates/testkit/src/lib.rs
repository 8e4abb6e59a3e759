//! What the tests need around Clearway, all of it real: servers and clients on loopback sockets, programs as processes.
//!
//! Dev-only: every crate's tests may use it, no shipped binary does, and it depends on no other crate of the workspace.
//! Always holds: ports are chosen by the kernel; nothing waits by sleeping (waits end by an event or fail by a deadline
//! that says what was missing); a helper that cannot do its work panics with the reason and the next step.

pub mod backend;
pub mod certs;
pub mod client;
pub mod grpc;
pub mod hostile;
pub mod load;
pub mod manifest;
pub mod otlp;
pub mod process;
pub mod prom;
mod room;
mod transport;
pub mod wait;

pub use backend::{Backend, Reply};
pub use transport::Transport;
pub use wait::{DEADLINE, Gate, within};
