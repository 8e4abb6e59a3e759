//! Makes the certificates of the xDS port: pure but for randomness, told the time.
//!
//! What always holds: a new authority is trusted by everybody for a week before anything is signed with it, and the old
//! one stays trusted until it ends, so that planes that read their files at different times never refuse each other.

use std::time::Duration;

use clearway_k8s::Time;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use x509_parser::prelude::{FromDer, X509Certificate};

const DAY: i64 = 24 * 60 * 60;
/// Clocks of nodes differ: certificates begin this much in the past.
const SKEW: i64 = 60 * 60;
/// How long an authority lasts.
const AUTHORITY_LIFE: i64 = 3650 * DAY;
/// So long before an authority ends the next one is made.
const AUTHORITY_RENEWAL: i64 = 365 * DAY;
/// So long the next authority is trusted before anything is signed with it.
const AUTHORITY_TRUST: i64 = 7 * DAY;
/// How long a certificate lasts.
const LEAF_LIFE: i64 = 90 * DAY;
/// So long before a certificate ends the next one is made.
const LEAF_RENEWAL: i64 = 30 * DAY;

/// A certificate and its key, both PEM.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Pair {
    /// The certificate.
    pub(crate) certificate: String,
    /// The key, PKCS #8.
    pub(crate) key: String,
}

/// Without the key.
impl std::fmt::Debug for Pair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pair").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

/// The authority of one installation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Authority {
    /// What signs now.
    pub(crate) current: Pair,
    /// What will sign: trusted already.
    pub(crate) next: Option<Pair>,
    /// Certificates that signed before: trusted still.
    pub(crate) previous: Option<String>,
}

/// A certificate with what its holder trusts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Leaf {
    /// Certificate and key.
    pub(crate) pair: Pair,
    /// Authorities that are trusted, PEM.
    pub(crate) trusted: String,
}

/// Whose certificate it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// The control plane's, with the names by which it is reached.
    Server(Vec<String>),
    /// The data planes', with the name of the fleet.
    Client(String),
}

/// A certificate that cannot be made or read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IssueError {
    /// It cannot be made.
    #[error("a certificate cannot be made: {0}")]
    Make(#[from] rcgen::Error),
    /// It cannot be read.
    #[error("a certificate cannot be read: {0}")]
    Read(String),
}

impl Authority {
    /// A new one.
    pub(crate) fn new(name: &str, now: Time) -> Result<Self, IssueError> {
        Ok(Self { current: sign_itself(name, now)?, next: None, previous: None })
    }

    /// What everybody trusts.
    pub(crate) fn trusted(&self) -> String {
        let next = self.next.iter().map(|pair| pair.certificate.as_str());
        let all = [self.current.certificate.as_str()].into_iter().chain(next).chain(self.previous.as_deref());
        all.collect()
    }

    /// What it should be at this time; `None` when it is so already.
    pub(crate) fn renewed(&self, name: &str, now: Time) -> Result<Option<Self>, IssueError> {
        let mut renewed = self.clone();
        if let Some(next) = &self.next {
            if Facts::of(&next.certificate)?.begins + SKEW + AUTHORITY_TRUST <= now.0 {
                renewed.previous = Some(self.current.certificate.clone());
                renewed.current = next.clone();
                renewed.next = None;
            }
        } else if Facts::of(&self.current.certificate)?.ends - AUTHORITY_RENEWAL <= now.0 {
            renewed.next = Some(sign_itself(name, now)?);
        }
        if let Some(previous) = &renewed.previous
            && Facts::of(previous)?.ends <= now.0
        {
            renewed.previous = None;
        }
        Ok((renewed != *self).then_some(renewed))
    }

    /// A certificate in place of `held`; `None` when that one is still good.
    pub(crate) fn issue(
        &self,
        held: Option<&Leaf>,
        role: &Role,
        now: Time,
    ) -> Result<Option<Leaf>, IssueError> {
        let trusted = self.trusted();
        let still_good = |leaf: &Leaf| -> Result<bool, IssueError> {
            let (leaf, authority) =
                (Facts::of(&leaf.pair.certificate)?, Facts::of(&self.current.certificate)?);
            let fits = leaf.issuer == authority.subject && leaf.names == role.names();
            Ok(fits && now.0 < leaf.ends - LEAF_RENEWAL)
        };
        // One that cannot be read is replaced like one that has ended.
        match held {
            Some(leaf) if still_good(leaf).unwrap_or(false) => {
                let pair = leaf.pair.clone();
                Ok((leaf.trusted != trusted).then_some(Leaf { pair, trusted }))
            }
            _ => Ok(Some(Leaf { pair: self.sign(role, now)?, trusted })),
        }
    }

    fn sign(&self, role: &Role, now: Time) -> Result<Pair, IssueError> {
        let mut params = parameters(role.names(), role.common_name(), now, LEAF_LIFE)?;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![match role {
            Role::Server(_) => ExtendedKeyUsagePurpose::ServerAuth,
            Role::Client(_) => ExtendedKeyUsagePurpose::ClientAuth,
        }];
        params.use_authority_key_identifier_extension = true;
        let issuer =
            Issuer::from_ca_cert_pem(&self.current.certificate, KeyPair::from_pem(&self.current.key)?)?;
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &issuer)?;
        Ok(Pair { certificate: certificate.pem(), key: key.serialize_pem() })
    }
}

impl Role {
    fn names(&self) -> Vec<String> {
        match self {
            Self::Server(names) => names.clone(),
            Self::Client(fleet) => vec![fleet.clone()],
        }
    }

    fn common_name(&self) -> String {
        self.names().into_iter().next().unwrap_or_default().chars().take(64).collect()
    }
}

fn sign_itself(name: &str, now: Time) -> Result<Pair, IssueError> {
    // The time makes the name unique, so that an issuer is told from its successor.
    let name: String = format!("{now} {name}").chars().take(64).collect();
    let mut params = parameters(Vec::new(), name, now, AUTHORITY_LIFE)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?;
    Ok(Pair { certificate: certificate.pem(), key: key.serialize_pem() })
}

fn parameters(
    names: Vec<String>,
    common_name: String,
    now: Time,
    life: i64,
) -> Result<CertificateParams, IssueError> {
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    let at = |seconds: i64| {
        rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(u64::try_from(seconds).unwrap_or_default())
    };
    params.not_before = at(now.0 - SKEW);
    params.not_after = at(now.0 + life);
    Ok(params)
}

/// What matters of a certificate.
#[derive(Debug)]
pub(crate) struct Facts {
    /// Seconds since 1970.
    pub(crate) begins: i64,
    /// Seconds since 1970.
    pub(crate) ends: i64,
    subject: String,
    issuer: String,
    names: Vec<String>,
}

impl Facts {
    /// Reads the first certificate of a PEM text.
    pub(crate) fn of(pem: &str) -> Result<Self, IssueError> {
        let read = |error: &dyn std::fmt::Display| IssueError::Read(error.to_string());
        let der = CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|error| read(&error))?;
        let (_, certificate) = X509Certificate::from_der(&der).map_err(|error| read(&error))?;
        let alternative = certificate.subject_alternative_name().map_err(|error| read(&error))?;
        let names = alternative.iter().flat_map(|extension| &extension.value.general_names);
        let names = names.filter_map(|name| match name {
            x509_parser::extensions::GeneralName::DNSName(name) => Some((*name).to_owned()),
            _ => None,
        });
        Ok(Self {
            begins: certificate.validity().not_before.timestamp(),
            ends: certificate.validity().not_after.timestamp(),
            subject: certificate.subject().to_string(),
            issuer: certificate.issuer().to_string(),
            names: names.collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: i64 = 1_790_000_000;

    fn server() -> Role {
        Role::Server(vec!["edge-controlplane-grpc".into(), "edge-controlplane-grpc.infra.svc".into()])
    }

    #[test]
    fn a_certificate_is_kept_until_a_month_before_its_end() {
        let authority = Authority::new("edge", Time(START)).unwrap();
        let leaf = authority.issue(None, &server(), Time(START)).unwrap().unwrap();
        let later = |days: i64| authority.issue(Some(&leaf), &server(), Time(START + days * DAY)).unwrap();
        assert_eq!(later(59), None);
        let renewed = later(60).unwrap();
        assert_ne!(renewed.pair, leaf.pair);
        let client =
            authority.issue(Some(&leaf), &Role::Client("edge-dataplane".into()), Time(START)).unwrap();
        assert!(client.is_some(), "another role needs another certificate");
    }

    #[test]
    fn what_is_made_here_can_be_served_with_and_what_is_mixed_up_cannot() {
        let authority = Authority::new("edge", Time(START)).unwrap();
        let leaf = || authority.issue(None, &server(), Time(START)).unwrap().unwrap();
        let (one, other) = (leaf(), leaf());
        let build = |key: &str| {
            let (roots, chain) = (one.trusted.as_bytes(), one.pair.certificate.as_bytes());
            clearway_xds::ServerTls::from_pem(roots, chain, key.as_bytes())
        };
        build(&one.pair.key).unwrap();
        build(&other.pair.key).unwrap_err();
    }

    #[test]
    fn a_new_authority_is_trusted_before_it_signs_and_the_old_one_until_it_ends() {
        let old = Authority::new("edge", Time(START)).unwrap();
        let leaf = old.issue(None, &server(), Time(START)).unwrap().unwrap();
        let year_nine = START + AUTHORITY_LIFE - AUTHORITY_RENEWAL;
        assert_eq!(old.renewed("edge", Time(year_nine - 1)).unwrap(), None);

        let both = old.renewed("edge", Time(year_nine)).unwrap().unwrap();
        assert_eq!(both.current, old.current);
        assert_eq!(both.trusted().matches("BEGIN CERTIFICATE").count(), 2);
        let spread = both.issue(Some(&leaf), &server(), Time(START)).unwrap().unwrap();
        assert_eq!((spread.pair, spread.trusted), (leaf.pair.clone(), both.trusted()));
        assert_eq!(both.renewed("edge", Time(year_nine + AUTHORITY_TRUST - 1)).unwrap(), None);

        let turned = both.renewed("edge", Time(year_nine + AUTHORITY_TRUST)).unwrap().unwrap();
        assert_eq!(Some(&turned.current), both.next.as_ref());
        assert_eq!(turned.previous.as_ref(), Some(&old.current.certificate));
        let signed = turned.issue(Some(&leaf), &server(), Time(START)).unwrap().unwrap();
        assert_ne!(signed.pair, leaf.pair, "signed by the authority that signs now");

        let alone = turned.renewed("edge", Time(START + AUTHORITY_LIFE)).unwrap().unwrap();
        assert_eq!((alone.previous, alone.current), (None, turned.current));
    }
}
