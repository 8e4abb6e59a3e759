//! TLS with clients: the listener is chosen by server name, then the certificate that fits the name best.

use std::sync::Arc;

use clearway_model::{Hostname, Listener};
use clearway_route::ListenerIndex;
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{ServerConfig, version};

use super::PROVIDER;
use super::certificates::{Certificates, Loaded};

/// Settings of one HTTPS port with all of its listeners: TLS 1.2 and 1.3, HTTP/2 and HTTP/1.1 by ALPN.
pub(crate) fn server_config(
    listeners: &[&Listener],
    certificates: &Certificates,
) -> Result<ServerConfig, String> {
    let resolver = Resolver::new(listeners, certificates)?;
    let mut config = ServerConfig::builder_with_provider(PROVIDER.clone())
        .with_protocol_versions(&[&version::TLS13, &version::TLS12])
        .map_err(|error| format!("TLS cannot be set up: {error}"))?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(resolver));
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

#[derive(Debug)]
struct Resolver {
    hosts: ListenerIndex,
    listeners: Vec<Vec<Arc<Loaded>>>,
}

impl Resolver {
    fn new(listeners: &[&Listener], certificates: &Certificates) -> Result<Self, String> {
        let hosts: Vec<(usize, &Hostname)> =
            listeners.iter().enumerate().map(|(index, listener)| (index, &listener.hostname)).collect();
        let mut loaded = Vec::new();
        for listener in listeners {
            let names = listener.tls.as_ref().map_or(&[][..], |tls| &tls.certificates);
            let of_listener: Vec<_> =
                names.iter().filter_map(|secret| certificates.get(secret).cloned()).collect();
            if of_listener.is_empty() {
                return Err(format!("listener {} has no usable certificate", listener.listener));
            }
            loaded.push(of_listener);
        }
        Ok(Self { hosts: ListenerIndex::compile(&hosts), listeners: loaded })
    }
}

impl ResolvesServerCert for Resolver {
    /// `None` ends the handshake with `unrecognized_name`: no listener takes the name (RFC 6066 section 3).
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name().unwrap_or_default().to_ascii_lowercase();
        let found = self.hosts.find(&name);
        // A client without SNI may be of any listener; the first one greets it, and Host decides later.
        let index = found.or_else(|| name.is_empty().then_some(0))?;
        let certificates = self.listeners.get(index)?;
        let fits =
            certificates.iter().find(|one| one.names.iter().any(|cert| Hostname::parse(cert).covers(&name)));
        Some(fits.or(certificates.first())?.key.clone())
    }
}
