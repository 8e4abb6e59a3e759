//! The data plane: configuration comes in (files now, xDS in Kubernetes), is compiled off the path and handed to the
//! proxy. The last good configuration stays until a better one is served.

mod apply;
pub mod files;
mod last_good;
mod resolve;
mod standalone;
mod state;
mod watch;
mod xds;

pub use apply::{Applier, ApplyOutcome};
pub use last_good::{LastGood, LoadError, Stored};
pub use standalone::{Standalone, StandaloneOptions};
pub use state::{ConfigState, Fault, Refusal, Served};
pub use xds::{Origin, TlsFiles, XdsOptions, XdsSource, XdsStatus};
