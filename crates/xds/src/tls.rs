//! Mutual TLS between the planes: TLS 1.3, certificates of one authority on both sides, nothing without one.
//!
//! A configuration of this module is the only kind that server and client take, so no server can be started that asks
//! for no certificate. To rotate, send a new one through the `watch` channel: the next connection uses it.

use std::sync::Arc;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::crypto::{CryptoProvider, aws_lc_rs};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::version::TLS13;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

/// HTTP/2, which gRPC is spoken over.
const ALPN: &[u8] = b"h2";

/// Why a configuration cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A PEM text does not hold what it should.
    #[error("{what} cannot be read: {reason}")]
    Pem {
        /// Which one.
        what: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// The server's name is neither a DNS name nor an IP address.
    #[error("{name:?} is no name of a server; give a DNS name or an IP address")]
    ServerName {
        /// As given.
        name: String,
    },
    /// rustls refuses, for instance because key and certificate do not belong together.
    #[error("TLS between the planes cannot be set up: {0}")]
    Refused(String),
}

/// The server's side: its certificate, and the authority that clients' certificates must come from.
#[derive(Clone, Debug)]
pub struct ServerTls(pub(crate) Arc<ServerConfig>);

/// The client's side: its certificate, the authority that the server's must come from, and the server's name.
#[derive(Clone, Debug)]
pub struct ClientTls {
    pub(crate) config: Arc<ClientConfig>,
    pub(crate) server_name: ServerName<'static>,
}

impl ServerTls {
    /// From PEM: authorities of clients, own chain (leaf first), own key.
    pub fn from_pem(authorities: &[u8], chain: &[u8], key: &[u8]) -> Result<Self, TlsError> {
        let roots = Arc::new(roots(authorities)?);
        let clients =
            WebPkiClientVerifier::builder_with_provider(roots, provider()).build().map_err(refused)?;
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13])
            .map_err(refused)?
            .with_client_cert_verifier(clients)
            .with_single_cert(certificates("the certificate", chain)?, private_key(key)?)
            .map_err(refused)?;
        config.alpn_protocols = vec![ALPN.to_vec()];
        Ok(Self(Arc::new(config)))
    }
}

impl ClientTls {
    /// From PEM: authorities of the server, own chain (leaf first), own key; and the name that the server's certificate
    /// must bear.
    pub fn from_pem(
        authorities: &[u8],
        chain: &[u8],
        key: &[u8],
        server_name: &str,
    ) -> Result<Self, TlsError> {
        let mut config = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13])
            .map_err(refused)?
            .with_root_certificates(roots(authorities)?)
            .with_client_auth_cert(certificates("the certificate", chain)?, private_key(key)?)
            .map_err(refused)?;
        config.alpn_protocols = vec![ALPN.to_vec()];
        let server_name = ServerName::try_from(server_name.to_owned())
            .map_err(|_| TlsError::ServerName { name: server_name.to_owned() })?;
        Ok(Self { config: Arc::new(config), server_name })
    }
}

/// The names that a certificate bears: DNS names and URIs of its subjectAltName (RFC 5280 section 4.2.1.6).
pub(crate) fn identity(leaf: &CertificateDer<'_>) -> Vec<String> {
    let Ok((_, certificate)) = X509Certificate::from_der(leaf) else { return Vec::new() };
    let Ok(Some(names)) = certificate.subject_alternative_name() else { return Vec::new() };
    let text = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) | GeneralName::URI(name) => Some((*name).to_owned()),
        _ => None,
    };
    names.value.general_names.iter().filter_map(text).collect()
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn roots(authorities: &[u8]) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates("the authority's certificate", authorities)? {
        roots.add(certificate).map_err(refused)?;
    }
    Ok(roots)
}

fn certificates(what: &'static str, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let error = |reason: String| TlsError::Pem { what, reason };
    let found = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
    let found = found.map_err(|broken| error(format!("it is not PEM: {broken}")))?;
    if found.is_empty() { Err(error("it holds no certificate".to_owned())) } else { Ok(found) }
}

fn private_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_slice(pem)
        .map_err(|broken| TlsError::Pem { what: "the private key", reason: broken.to_string() })
}

fn refused(error: impl std::error::Error) -> TlsError {
    TlsError::Refused(error.to_string())
}
