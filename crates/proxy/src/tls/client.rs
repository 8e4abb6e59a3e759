//! TLS with backends: SNI and verification by BackendTLSPolicy, never a silent fall-back to anything weaker, and the
//! Gateway's own certificate where it has one for backends (GEP-3155).

use std::sync::{Arc, LazyLock};

use clearway_model::{BackendProtocol, BackendTls, SubjectAltName, TrustedRoots};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::server::ParsedCertificate;
use tokio_rustls::rustls::sign::{CertifiedKey, SingleCertAndKey};
use tokio_rustls::rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme, version,
};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use super::{PROVIDER, roots};

static SYSTEM: LazyLock<Arc<RootCertStore>> = LazyLock::new(|| {
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    Arc::new(store)
});

/// Settings towards one backend. `identity` is shown to a backend that asks for a certificate.
pub(crate) fn client_config(
    settings: &BackendTls,
    protocol: BackendProtocol,
    identity: Option<&Arc<CertifiedKey>>,
) -> Result<ClientConfig, String> {
    let roots = trusted(&settings.roots)?;
    let inner = WebPkiServerVerifier::builder_with_provider(roots.clone(), PROVIDER.clone())
        .build()
        .map_err(|error| format!("no certificate authority to verify with: {error}"))?;
    let verifier = Verifier { inner, roots, names: settings.subject_alt_names.clone() };
    let builder = ClientConfig::builder_with_provider(PROVIDER.clone())
        .with_protocol_versions(&[&version::TLS13, &version::TLS12])
        .map_err(|error| format!("TLS cannot be set up: {error}"))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let mut config = match identity {
        None => builder.with_no_client_auth(),
        Some(key) => builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(key.clone()))),
    };
    config.alpn_protocols = match protocol {
        BackendProtocol::Http1 => vec![b"http/1.1".to_vec()],
        BackendProtocol::Http2 => vec![b"h2".to_vec()],
    };
    Ok(config)
}

fn trusted(roots: &TrustedRoots) -> Result<Arc<RootCertStore>, String> {
    match roots {
        TrustedRoots::System if SYSTEM.is_empty() => {
            Err("this machine has no certificate authorities; install ca-certificates or name a CA".into())
        }
        TrustedRoots::System => Ok(SYSTEM.clone()),
        // A store that trusts a key nobody has cannot be built; the verifier below refuses everything instead.
        TrustedRoots::Broken(reason) => Err(format!("its CA cannot be used: {reason}")),
        TrustedRoots::Pem(pem) => roots::from_pem(pem),
    }
}

/// Verifies the chain as webpki does, and the name either by webpki or against the policy's alternative names, which
/// may be URIs (SPIFFE ids) that webpki does not know.
#[derive(Debug)]
struct Verifier {
    inner: Arc<WebPkiServerVerifier>,
    roots: Arc<RootCertStore>,
    names: Vec<SubjectAltName>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.names.is_empty() {
            return self.inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        }
        let parsed = ParsedCertificate::try_from(end_entity)?;
        tokio_rustls::rustls::client::verify_server_cert_signed_by_trust_anchor(
            &parsed,
            &self.roots,
            intermediates,
            now,
            PROVIDER.signature_verification_algorithms.all,
        )?;
        if carries_one(end_entity, &self.names) {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(Error::InvalidCertificate(CertificateError::NotValidForName))
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

fn carries_one(certificate: &CertificateDer<'_>, names: &[SubjectAltName]) -> bool {
    let Ok((_, parsed)) = X509Certificate::from_der(certificate) else { return false };
    let Ok(Some(extension)) = parsed.subject_alternative_name() else { return false };
    extension.value.general_names.iter().any(|carried| {
        names.iter().any(|wanted| match (carried, wanted) {
            (GeneralName::DNSName(dns), SubjectAltName::Dns(name)) => {
                let carried = clearway_model::Hostname::parse(dns);
                carried.covers(&name.to_ascii_lowercase()) || dns.eq_ignore_ascii_case(name)
            }
            (GeneralName::URI(uri), SubjectAltName::Uri(wanted)) => **uri == **wanted,
            _ => false,
        })
    })
}
