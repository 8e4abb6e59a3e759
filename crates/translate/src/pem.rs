//! PEM as the data path will read it: a certificate with its key, and certificate authorities.
//!
//! A data plane refuses a configuration as a whole when something in it cannot be compiled, so that one broken Secret would
//! keep every other change from being served. What a Secret or ConfigMap holds is therefore tried here, where only the
//! objects that name it suffer. `clearway_proxy::tls` does the same with the same libraries.

use std::sync::{Arc, LazyLock};

use clearway_k8s::Object;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::crypto::{CryptoProvider, aws_lc_rs};
use tokio_rustls::rustls::sign::CertifiedKey;
use x509_parser::prelude::{FromDer, X509Certificate};

static PROVIDER: LazyLock<Arc<CryptoProvider>> = LazyLock::new(|| Arc::new(aws_lc_rs::default_provider()));

/// The field and the fault of a Secret or ConfigMap that looks like a certificate with its key, or like an authority, and
/// cannot be used as one. Files are refused for it, as they are for everything that a data path would not take.
pub fn unusable_pem(object: &Object) -> Option<(&'static str, String)> {
    let certificate =
        |pem: &[u8]| CertificateDer::pem_slice_iter(pem).next().is_some_and(|first| first.is_ok());
    match object {
        Object::Secret(secret) => {
            let value = |name: &str| secret.value(name).ok().flatten();
            let (chain, key) = (value("tls.crt")?, value("tls.key")?);
            let looks = certificate(&chain) && PrivateKeyDer::from_pem_slice(&key).is_ok();
            let fault = check_pair(&chain, &key).err().filter(|_| looks)?;
            Some(("tls.crt", fault))
        }
        Object::ConfigMap(map) => {
            let text = map.data.get("ca.crt").filter(|text| certificate(text.as_bytes()))?;
            Some(("ca.crt", check_authorities(text).err()?))
        }
        _ => None,
    }
}

/// Whether a chain of certificates, the leaf first, and a private key can be served.
pub(crate) fn check_pair(chain_pem: &[u8], key_pem: &[u8]) -> Result<(), String> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(chain_pem).collect();
    let chain = chain.ok().filter(|chain| !chain.is_empty());
    let chain = chain.ok_or("tls.crt holds no certificate in PEM; replace it")?;
    if let Some(leaf) = chain.first() {
        X509Certificate::from_der(leaf)
            .map_err(|error| format!("tls.crt is no X.509: {error}; replace it"))?;
    }
    let key = PrivateKeyDer::from_pem_slice(key_pem)
        .map_err(|_| "tls.key holds no private key in PEM; replace it".to_owned())?;
    CertifiedKey::from_der(chain, key, &PROVIDER)
        .map(drop)
        .map_err(|error| format!("tls.key and tls.crt do not go together: {error}; replace them"))
}

/// Whether a text holds certificate authorities, and nothing that is none.
pub(crate) fn check_authorities(text: &str) -> Result<(), String> {
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(text.as_bytes()) {
        let certificate = certificate.map_err(|error| format!("ca.crt is not PEM: {error}; replace it"))?;
        store.add(certificate).map_err(|error| format!("ca.crt cannot be used: {error}; replace it"))?;
    }
    if store.is_empty() { Err("ca.crt holds no certificate in PEM; replace it".to_owned()) } else { Ok(()) }
}
