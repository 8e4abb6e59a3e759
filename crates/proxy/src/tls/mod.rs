//! Cloakroom: TLS with clients (who greets which name) and with backends (whom to believe).
//!
//! Settings are made when the configuration is compiled. A certificate that cannot be read refuses the configuration
//! that names it; the last good one stays.

mod certificates;
mod client;
mod server;

pub(crate) use certificates::Certificates;
pub(crate) use client::client_config;
pub(crate) use server::server_config;

use std::sync::{Arc, LazyLock};

use tokio_rustls::rustls::crypto::{CryptoProvider, aws_lc_rs};

/// The one crypto provider; nothing depends on a process-wide default.
pub(crate) static PROVIDER: LazyLock<Arc<CryptoProvider>> =
    LazyLock::new(|| Arc::new(aws_lc_rs::default_provider()));
