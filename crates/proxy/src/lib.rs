//! The data path: connections in, requests through the rooms, responses out, and one record of each.
//!
//! One worker per core, each a thread with a runtime, sockets, pools and counters of its own. The data plane gives a
//! compiled [`Live`] configuration; this crate knows neither xDS nor Kubernetes. The rooms, in the order of a request:
//! `door`, `tls`, `http` (reception and corridor), `signpost`, `gate`, `wardrobe`, `switchyard`, `bridge`, the way back
//! (`body`), `ledger`.

mod body;
mod bridge;
mod conduit;
mod door;
mod error;
mod gate;
mod http;
mod ledger;
mod live;
mod options;
mod proxy;
mod signpost;
mod switchyard;
mod tcp_info;
mod tls;
mod wardrobe;
mod worker;

pub use error::{ProxyError, RetryAdvice};
pub use ledger::LedgerOptions;
pub use live::{CompileProblem, Live};
pub use options::{Limits, Options, Outlier, Timeouts};
pub use proxy::{Applied, ApplyError, Proxy};
