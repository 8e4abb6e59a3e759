//! Pure matching: which listener a host belongs to, and which rule a request takes.
//!
//! The data path compiles one [`ListenerIndex`] per port and one [`Table`] per listener whenever the configuration
//! changes, and calls [`ListenerIndex::find`] and [`Table::find`] once per request. `translate` calls [`validate`]
//! to refuse a rule before it is served, and `clearway explain` calls [`Table::explain`].
//!
//! What always holds:
//! - A lookup does no IO, takes no lock of its own and allocates nothing, but for two rare cases named at
//!   [`Table::find`]. Its cost depends on the request and on how many rules tie on host and path, not on the number
//!   of rules in the table.
//! - Precedence is the Gateway API's: it is written once, in `order.rs`, and both [`Table::find`] and
//!   [`Table::explain`] follow it.
//! - Hash tables are keyed by configuration. Request bytes are only looked up, never inserted, so a client cannot
//!   flood a bucket and a fast hash that resists no attacker is enough.

mod bucket;
mod candidate;
mod choices;
mod compile;
mod condition;
mod explain;
mod grpc;
mod hosts;
mod order;
mod query;
mod regexes;
mod slots;
mod table;
mod text;

pub use compile::{CompileError, validate};
pub use explain::{Explanation, Loser, Reason, Taken};
pub use hosts::ListenerIndex;
pub use order::Criterion;
pub use table::{Before, Found, Table};
pub use text::expression_cost;

/// The parts of a request that rules look at.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Host in lower case, without a port and without a trailing dot; empty when the request names none.
    pub host: &'a str,
    /// Path as received: not decoded, not normalised. Empty counts as `/`.
    pub path: &'a str,
    /// Query as received, without the `?`.
    pub query: Option<&'a str>,
    /// Method.
    pub method: &'a http::Method,
    /// Header fields.
    pub headers: &'a http::HeaderMap,
}

/// Hash map keyed by configuration; see the crate's words on hashing.
type Map<K, V> = hashbrown::HashMap<K, V>;
