//! Certificate authorities out of PEM: those that vouch for backends, and those that vouch for clients.

use std::sync::Arc;

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use tokio_rustls::rustls::RootCertStore;

/// The authorities of a `ca.crt`, all of them or an error.
///
/// # Errors
/// It is not PEM, holds no certificate, or one that is no authority's.
pub(super) fn from_pem(pem: &[u8]) -> Result<Arc<RootCertStore>, String> {
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|error| format!("ca.crt is not PEM: {error}"))?;
        store.add(certificate).map_err(|error| format!("ca.crt cannot be used: {error}"))?;
    }
    if store.is_empty() { Err("ca.crt holds no certificate".into()) } else { Ok(Arc::new(store)) }
}
