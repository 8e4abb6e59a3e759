//! Certificates of Gateways, towards clients and towards backends, parsed: keys ready to sign, names to choose by, ends of validity to warn of.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use clearway_model::{Certificate, ObjectRef};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::sign::CertifiedKey;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use super::PROVIDER;
use crate::live::CompileProblem;

/// Parsed certificates by Secret.
#[derive(Clone, Debug, Default)]
pub(crate) struct Certificates {
    loaded: HashMap<ObjectRef, Arc<Loaded>>,
}

/// One certificate.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) key: Arc<CertifiedKey>,
    /// DNS names, lower case; wildcards as `*.suffix`.
    pub(crate) names: Vec<String>,
    not_after: i64,
    source: Certificate,
}

impl Certificates {
    /// Parses all; those that cannot be read become problems. Those that `before` holds already are taken from it, so
    /// that equal pointers mean equal certificates.
    pub(crate) fn load(
        certificates: &BTreeMap<ObjectRef, Arc<Certificate>>,
        before: Option<&Self>,
        problems: &mut Vec<CompileProblem>,
    ) -> Self {
        let mut loaded = HashMap::new();
        for (secret, certificate) in certificates {
            let known = before.and_then(|before| before.get(secret));
            if let Some(same) = known.filter(|known| known.source == **certificate) {
                loaded.insert(secret.clone(), same.clone());
                continue;
            }
            match load(certificate) {
                Ok(one) => {
                    loaded.insert(secret.clone(), Arc::new(one));
                }
                Err(reason) => problems.push(CompileProblem { object: format!("Secret {secret}"), reason }),
            }
        }
        Self { loaded }
    }

    pub(crate) fn get(&self, secret: &ObjectRef) -> Option<&Arc<Loaded>> {
        self.loaded.get(secret)
    }

    /// The end of each certificate's validity, seconds since 1970.
    pub(crate) fn expiry(&self) -> Vec<(ObjectRef, i64)> {
        let mut all: Vec<_> =
            self.loaded.iter().map(|(secret, one)| (secret.clone(), one.not_after)).collect();
        all.sort();
        all
    }
}

fn load(certificate: &Certificate) -> Result<Loaded, String> {
    let chain = CertificateDer::pem_slice_iter(&certificate.chain_pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| format!("tls.crt is not PEM: {error}"))?;
    let leaf = chain.first().ok_or("tls.crt holds no certificate; put the leaf first, then its issuers")?;
    let (_, parsed) =
        X509Certificate::from_der(leaf).map_err(|error| format!("tls.crt is no X.509: {error}"))?;
    let names = match parsed.subject_alternative_name() {
        Ok(Some(extension)) => extension.value.general_names.iter().filter_map(dns_name).collect(),
        _ => Vec::new(),
    };
    let not_after = parsed.validity().not_after.timestamp();
    let key = PrivateKeyDer::from_pem_slice(&certificate.key_pem)
        .map_err(|error| format!("tls.key holds no private key in PEM: {error}"))?;
    let key = CertifiedKey::from_der(chain, key, &PROVIDER)
        .map_err(|error| format!("tls.key and tls.crt do not go together: {error}"))?;
    Ok(Loaded { key: Arc::new(key), names, not_after, source: certificate.clone() })
}

fn dns_name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(dns) => Some(dns.to_ascii_lowercase()),
        _ => None,
    }
}
