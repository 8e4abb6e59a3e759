//! Telemetry: one vocabulary, one record for each request, and everything that is written from it.
//!
//! The data path holds handles ([`families`]) and fills an [`Exchange`]; the catalog names every metric, log field and
//! span attribute once; exporters carry them away and count what they could not carry.

pub mod access_log;
pub mod accounting;
pub mod buckets;
pub mod catalog;
pub mod config;
pub mod control;
pub mod exchange;
pub mod exposition;
pub mod families;
mod flag;
pub mod histogram;
mod hub;
pub mod json;
pub mod key;
pub mod otlp;
pub mod otlp_logs;
pub mod policy;
pub mod process;
pub mod redact;
pub mod runtime;
mod shard;
pub mod spans;
pub mod trace;
mod words;

pub use exchange::{Attempt, Exchange, Held, RequestFacts, ResponseFacts};
pub use families::Switches;
pub use flag::{ResponseFlag, Side};
pub use hub::Telemetry;
pub use shard::{Counter, KeyedCounters, WorkerId};
pub use words::{AnsweredBy, GRPC_STATUS, MethodLabel, Phase, Protocol};
