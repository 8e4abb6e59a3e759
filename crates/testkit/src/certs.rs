//! A certificate authority for tests: server certificates with any names and any validity, as PEM and as rustls types.
//!
//! Used by TLS backends, TLS clients and the manifests' Secrets. Keys are ECDSA P-256 and live for one test.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use tokio_rustls::rustls::crypto::{CryptoProvider, aws_lc_rs};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A certificate authority.
#[derive(Debug)]
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    der: CertificateDer<'static>,
    pem: String,
}

/// What to put into a certificate.
#[derive(Clone, Debug)]
pub struct Leaf {
    /// Subject alternative names: DNS names (a wildcard too) and IP addresses. The first is the common name as well.
    pub names: Vec<String>,
    /// Subject alternative names that are URIs, such as SPIFFE ids.
    pub uris: Vec<String>,
    /// Not valid before.
    pub not_before: SystemTime,
    /// Not valid after.
    pub not_after: SystemTime,
}

impl Leaf {
    /// Valid from yesterday for 30 days.
    pub fn new(names: &[&str]) -> Self {
        let now = SystemTime::now();
        let names = names.iter().map(ToString::to_string).collect();
        Self { names, uris: Vec::new(), not_before: now - DAY, not_after: now + 30 * DAY }
    }

    /// The same, with a URI among its names.
    pub fn uri(mut self, uri: &str) -> Self {
        self.uris.push(uri.to_owned());
        self
    }

    /// The same, ending then.
    pub fn not_after(self, not_after: SystemTime) -> Self {
        Self { not_after, ..self }
    }

    /// The same, beginning then.
    pub fn not_before(self, not_before: SystemTime) -> Self {
        Self { not_before, ..self }
    }
}

/// A certificate with its private key.
#[derive(Clone, Debug)]
pub struct ServerCert {
    /// The certificate.
    pub cert_pem: String,
    /// PKCS #8 private key.
    pub key_pem: String,
    /// The certificate, DER.
    pub der: CertificateDer<'static>,
    /// The certificate's end of validity, in whole seconds.
    pub not_after: SystemTime,
    key: Vec<u8>,
}

impl Authority {
    /// A new authority with this common name, valid for ten years.
    pub fn new(name: &str) -> Self {
        let mut params = parameters(&Leaf::new(&[]).not_after(SystemTime::now() + 3650 * DAY));
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = key_pair();
        let certificate =
            params.self_signed(&key).unwrap_or_else(|error| panic!("cannot sign {name}: {error}"));
        let (der, pem) = (certificate.der().clone(), certificate.pem());
        Self { issuer: Issuer::new(params, key), der, pem }
    }

    /// The authority's certificate, PEM: what a client trusts.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// The authority's certificate, DER.
    pub fn der(&self) -> &CertificateDer<'static> {
        &self.der
    }

    /// A server certificate for these names, valid for 30 days.
    pub fn issue(&self, names: &[&str]) -> ServerCert {
        self.issue_leaf(&Leaf::new(names))
    }

    /// A server certificate; panics when a name is neither a DNS name nor an IP address.
    pub fn issue_leaf(&self, leaf: &Leaf) -> ServerCert {
        let mut params = parameters(leaf);
        if let Some(first) = leaf.names.first() {
            params.distinguished_name.push(DnType::CommonName, first.as_str());
        }
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let key = key_pair();
        let signed = params.signed_by(&key, &self.issuer);
        let certificate = signed.unwrap_or_else(|error| panic!("cannot sign {:?}: {error}", leaf.names));
        let seconds = Duration::from_secs(since_epoch(leaf.not_after).as_secs());
        ServerCert {
            cert_pem: certificate.pem(),
            key_pem: key.serialize_pem(),
            der: certificate.der().clone(),
            not_after: UNIX_EPOCH + seconds,
            key: key.serialize_der(),
        }
    }

    /// A root store that holds this authority alone.
    pub fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        if let Err(error) = roots.add(self.der.clone()) {
            unreachable!("a certificate made here is well formed: {error}");
        }
        roots
    }
}

impl ServerCert {
    /// A rustls server configuration that serves it, with these ALPN protocols in order of preference.
    pub fn server_config(&self, alpn: &[&str]) -> Arc<ServerConfig> {
        self.server_config_for(alpn, None)
    }

    /// As [`Self::server_config`]; with an authority, clients must show a certificate of it.
    pub fn server_config_for(&self, alpn: &[&str], clients: Option<&Authority>) -> Arc<ServerConfig> {
        let builder = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
        let builder =
            builder.unwrap_or_else(|error| panic!("rustls refuses its own protocol versions: {error}"));
        let builder = match clients {
            None => builder.with_no_client_auth(),
            Some(authority) => {
                let roots = Arc::new(authority.roots());
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider()).build();
                builder.with_client_cert_verifier(
                    verifier.unwrap_or_else(|error| panic!("rustls refuses the authority: {error}")),
                )
            }
        };
        let config = builder.with_single_cert(vec![self.der.clone()], self.private_key());
        let mut config = config.unwrap_or_else(|error| panic!("rustls refuses the certificate: {error}"));
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        Arc::new(config)
    }

    /// The private key as rustls takes it.
    pub(crate) fn private_key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::from(PrivatePkcs8KeyDer::from(self.key.clone()))
    }
}

/// The cryptography that every TLS peer of the kit uses.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn key_pair() -> KeyPair {
    KeyPair::generate().unwrap_or_else(|error| panic!("cannot generate a key: {error}"))
}

fn since_epoch(time: SystemTime) -> Duration {
    time.duration_since(UNIX_EPOCH).unwrap_or_else(|_| panic!("certificates begin in 1970 at the earliest"))
}

fn parameters(leaf: &Leaf) -> CertificateParams {
    let params = CertificateParams::new(leaf.names.clone());
    let mut params =
        params.unwrap_or_else(|error| panic!("not certificate names: {:?}: {error}", leaf.names));
    for uri in &leaf.uris {
        let uri = uri.as_str().try_into().unwrap_or_else(|error| panic!("not a URI: {uri}: {error}"));
        params.subject_alt_names.push(SanType::URI(uri));
    }
    params.distinguished_name = rcgen::DistinguishedName::new();
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    params.not_before = epoch + since_epoch(leaf.not_before);
    params.not_after = epoch + since_epoch(leaf.not_after);
    params.use_authority_key_identifier_extension = true;
    params
}
