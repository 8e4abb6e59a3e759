//! A TLS client whose server name, ALPN, trust and versions the test chooses.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{
    ALL_VERSIONS, ClientConfig, DigitallySignedStruct, Error, SignatureScheme, SupportedProtocolVersion,
};

use crate::certs::{Authority, ServerCert, provider};
use crate::transport::Transport;

/// How to do a handshake.
#[derive(Clone, Debug)]
pub struct ClientTls {
    authority: Option<CertificateDer<'static>>,
    server_name: String,
    send_sni: bool,
    alpn: Vec<Vec<u8>>,
    versions: &'static [&'static SupportedProtocolVersion],
    identity: Option<ServerCert>,
}

impl ClientTls {
    /// Trusts this authority, asks for `server_name` by SNI and verifies the certificate against it.
    pub fn new(authority: &Authority, server_name: &str) -> Self {
        Self { authority: Some(authority.der().clone()), ..Self::unverified(server_name) }
    }

    /// Takes any certificate (its key must still be proved), asks for `server_name` by SNI.
    pub fn unverified(server_name: &str) -> Self {
        let server_name = server_name.to_owned();
        Self {
            authority: None,
            server_name,
            send_sni: true,
            alpn: Vec::new(),
            versions: ALL_VERSIONS,
            identity: None,
        }
    }

    /// Sends no SNI; the certificate is still verified against the server name.
    pub fn no_sni(self) -> Self {
        Self { send_sni: false, ..self }
    }

    /// Shows this certificate to a server that asks for one.
    pub fn certificate(self, certificate: &ServerCert) -> Self {
        Self { identity: Some(certificate.clone()), ..self }
    }

    /// Offers these protocols by ALPN; by default what the client that uses it speaks, or nothing.
    pub fn alpn(self, protocols: &[&str]) -> Self {
        Self { alpn: protocols.iter().map(|name| name.as_bytes().to_vec()).collect(), ..self }
    }

    /// Speaks TLS 1.2 only.
    pub fn tls12(self) -> Self {
        static ONLY: [&SupportedProtocolVersion; 1] = [&TLS12];
        Self { versions: &ONLY, ..self }
    }

    /// Speaks TLS 1.3 only.
    pub fn tls13(self) -> Self {
        static ONLY: [&SupportedProtocolVersion; 1] = [&TLS13];
        Self { versions: &ONLY, ..self }
    }

    /// True when the test has chosen ALPN protocols.
    pub(super) fn has_alpn(&self) -> bool {
        !self.alpn.is_empty()
    }

    /// Connects and does the handshake.
    ///
    /// # Errors
    /// The kernel's, and rustls's for a failed handshake (an alert, a certificate that is not trusted).
    pub async fn connect(&self, address: SocketAddr) -> io::Result<Transport> {
        self.handshake(Transport::connect(address).await?).await
    }

    /// Does the handshake on an open connection in clear text; panics on any other.
    ///
    /// # Errors
    /// As [`Self::connect`].
    pub async fn handshake(&self, transport: Transport) -> io::Result<Transport> {
        let Transport::Tcp(stream) = transport else { panic!("the connection speaks TLS already") };
        let name = ServerName::try_from(self.server_name.clone());
        let name = name.unwrap_or_else(|_| panic!("not a server name: {}", self.server_name));
        let stream = TlsConnector::from(Arc::new(self.config())).connect(name, stream).await?;
        Ok(Transport::Tls(Box::new(stream)))
    }

    fn config(&self) -> ClientConfig {
        let builder = ClientConfig::builder_with_provider(provider()).with_protocol_versions(self.versions);
        let builder =
            builder.unwrap_or_else(|error| panic!("rustls refuses its own protocol versions: {error}"));
        let builder = match &self.authority {
            Some(authority) => {
                let mut roots = tokio_rustls::rustls::RootCertStore::empty();
                if let Err(error) = roots.add(authority.clone()) {
                    panic!("not an authority's certificate: {error}");
                }
                builder.with_root_certificates(roots)
            }
            None => {
                let anything = Arc::new(Anything(provider()));
                builder.dangerous().with_custom_certificate_verifier(anything)
            }
        };
        let mut config = match &self.identity {
            None => builder.with_no_client_auth(),
            Some(identity) => builder
                .with_client_auth_cert(vec![identity.der.clone()], identity.private_key())
                .unwrap_or_else(|error| panic!("rustls refuses the certificate: {error}")),
        };
        config.alpn_protocols = self.alpn.clone();
        config.enable_sni = self.send_sni;
        config
    }
}

impl Transport {
    /// The certificate that the server has shown; `None` on clear text.
    pub fn peer_certificate(&self) -> Option<CertificateDer<'static>> {
        let Self::Tls(stream) = self else { return None };
        stream.get_ref().1.peer_certificates()?.first().map(|der| der.clone().into_owned())
    }

    /// The protocol that ALPN has chosen; `None` when nothing was, and on clear text.
    pub fn alpn(&self) -> Option<String> {
        let Self::Tls(stream) = self else { return None };
        stream.get_ref().1.alpn_protocol().map(|name| String::from_utf8_lossy(name).into_owned())
    }
}

/// Takes every certificate.
#[derive(Debug)]
struct Anything(Arc<CryptoProvider>);

impl ServerCertVerifier for Anything {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
