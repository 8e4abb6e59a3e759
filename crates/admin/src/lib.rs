//! The admin server, one for both planes: `/metrics`, the probes, what is served, the log level, profiles.
//!
//! A plane builds its [`Parts`], binds an [`AdminServer`] on a runtime that serves no requests of users, and runs it
//! until the process ends. What always holds: answers are made in memory before they are sent, so a slow client keeps
//! nothing but its own connection; `/metrics` and the probes are open unless configured otherwise, and everything else
//! needs a client on this machine or a token.

mod access;
mod answer;
mod config_report;
mod io;
mod log_level;
mod options;
mod parts;
mod profile;
mod query;
mod readiness;
mod routes;
mod server;
pub mod surface;

pub use config_report::{ConfigProblem, ConfigReport};
pub use log_level::{LevelControl, LevelError, LevelReport, is_verbose};
pub use options::{AdminOptions, Token, TokenError};
pub use parts::{ConfigSource, MetricsSource, Parts, Rendered};
pub use readiness::{Check, Readiness};
pub use server::{AdminError, AdminServer};
