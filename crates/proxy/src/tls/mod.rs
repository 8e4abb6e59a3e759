//! Cloakroom: TLS with clients (who greets which name, and what they must prove) and with backends (whom to believe,
//! and as whom to come).
//!
//! Settings are made when the configuration is compiled. A certificate that cannot be read refuses the configuration
//! that names it; the last good one stays.

mod certificates;
mod client;
mod proof;
mod roots;
mod server;

pub(crate) use certificates::{Certificates, Loaded};
pub(crate) use client::client_config;
pub(crate) use server::PortTls;

use std::sync::{Arc, LazyLock};

use tokio_rustls::rustls::crypto::{CryptoProvider, aws_lc_rs};

/// The one crypto provider; nothing depends on a process-wide default.
pub(crate) static PROVIDER: LazyLock<Arc<CryptoProvider>> =
    LazyLock::new(|| Arc::new(aws_lc_rs::default_provider()));
