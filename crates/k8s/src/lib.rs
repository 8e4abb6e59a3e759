//! Kubernetes objects: small own types of the Gateway API, of the core kinds it needs, and of our own kinds.
//!
//! Files and watches read objects through [`Object::from_value`]; `translate` turns them into served
//! configuration. Every enum keeps a value that it does not know, so a newer CRD never makes an object unreadable.
//! Nothing here does IO or knows the served configuration.

pub mod backend;
pub mod conditions;
pub mod core;
pub mod crd;
mod duration;
pub mod files;
pub mod filter;
pub mod gateway;
mod gateway_tls;
pub mod grant;
pub mod listener_set;
mod locate;
mod meta;
mod object;
pub mod observability;
mod open_enum;
pub mod policy;
pub mod route;
pub mod selector;
pub mod stream_route;
mod strict;
mod unreadable;
pub mod validate;
mod verdict;
mod words;

pub use conditions::{Condition, ConditionStatus};
pub use duration::parse_duration;
pub use files::{FileError, FileObject, FileWarning, parse_documents};
pub use grant::{CrossReference, permits};
pub use meta::{CLEARWAY_GROUP, GATEWAY_GROUP, ObjectMeta, Time};
pub use object::{Loaded, Object, ObjectError};
pub use unreadable::Unreadable;
pub use validate::{FieldError, Severity, validate};
pub use verdict::Verdict;
pub use words::shortened;
