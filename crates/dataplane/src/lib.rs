//! The data plane: configuration comes in (files now, xDS in Kubernetes), is compiled off the path and handed to the
//! proxy. The last good configuration stays until a better one is served.

mod apply;
pub mod files;
mod resolve;
mod standalone;
mod state;
mod watch;

pub use apply::{Applier, ApplyOutcome};
pub use standalone::{Standalone, StandaloneOptions};
pub use state::{ConfigState, Fault, Refusal, Served};
