//! What clients must prove: verifiers of client certificates (GEP-91).
//!
//! Always holds: where a certificate is required no session is resumed, so every connection shows its certificate and
//! proves its key, to the authorities of now.

use std::sync::Arc;

use clearway_model::{ClientValidation, ClientValidationMode};
use rustls_pki_types::{CertificateDer, UnixTime};
use tokio_rustls::rustls::client::danger::HandshakeSignatureValid;
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use tokio_rustls::rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme,
};

use super::roots;

/// The verifier of a validation.
///
/// # Errors
/// Its authorities cannot be used.
pub(super) fn verifier(validation: &ClientValidation) -> Result<Arc<dyn ClientCertVerifier>, String> {
    let strict = WebPkiClientVerifier::builder_with_provider(
        roots::from_pem(&validation.roots)?,
        super::PROVIDER.clone(),
    )
    .build()
    .map_err(|error| format!("no certificate authority to verify clients with: {error}"))?;
    Ok(match validation.mode {
        ClientValidationMode::Required => strict,
        ClientValidationMode::AllowInsecureFallback => Arc::new(Lenient(strict)),
    })
}

/// Whether a connection that has proved `proof` may be what `wanted` asks for.
pub(super) fn suffices(proof: Option<&ClientValidation>, wanted: Option<&ClientValidation>) -> bool {
    match wanted {
        Some(wanted) if wanted.mode == ClientValidationMode::Required => proof == Some(wanted),
        _ => true,
    }
}

/// Asks for a certificate of the authorities and lets in whoever answers, with whatever. The certificate is neither
/// believed nor passed on.
#[derive(Debug)]
struct Lenient(Arc<dyn ClientCertVerifier>);

impl Lenient {
    /// A signature that is wrong breaks the protocol; a certificate that cannot be read or a key of an unknown kind
    /// only leaves nothing to verify.
    fn forgive(verified: Result<HandshakeSignatureValid, Error>) -> Result<HandshakeSignatureValid, Error> {
        match verified {
            Err(Error::InvalidCertificate(CertificateError::BadSignature)) | Ok(_) => verified,
            Err(_) => Ok(HandshakeSignatureValid::assertion()),
        }
    }
}

impl ClientCertVerifier for Lenient {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.0.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Self::forgive(self.0.verify_tls12_signature(message, cert, dss))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Self::forgive(self.0.verify_tls13_signature(message, cert, dss))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}
