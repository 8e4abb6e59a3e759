//! Matching as a user sees it: routes in, the rule that a request takes out.
//!
//! `http`, `grpc` and `hosts` follow the conformance tests of the Gateway API by name; `precedence` covers each tie;
//! `property` compares the table with a naive reading of the specification on random tables.

mod errors;
mod explain;
mod grpc;
mod hosts;
mod http;
mod precedence;
mod property;
mod support;
