//! Certificates of listeners and of Gateways towards backends: the reference, the grant, the Secret, and whether its PEM
//! can be read. The grant is checked before anything is said about the object.

use clearway_k8s::conditions::reasons;
use clearway_k8s::core::Secret;
use clearway_k8s::gateway::{GatewayListener, ObjectReference, SecretReference};
use clearway_k8s::{CrossReference, GATEWAY_GROUP};
use clearway_model::{Certificate, ObjectRef};

use crate::pem;
use crate::problem::Refusal;
use crate::world::{Index, World};

/// An object that refers to others, and the world that it is in.
pub(crate) struct Referrer<'a, 'w> {
    /// Its kind, as a ReferenceGrant names it.
    pub(crate) kind: &'static str,
    /// Its namespace.
    pub(crate) namespace: &'a str,
    pub(crate) world: &'w World,
    pub(crate) index: &'a Index<'w>,
}

impl Referrer<'_, '_> {
    /// The object that is referred to, when a grant allows it.
    pub(crate) fn permitted(&self, to: &ObjectReference, field: &str) -> Result<ObjectRef, Refusal> {
        let namespace = to.namespace.as_deref().unwrap_or(self.namespace);
        let cross = CrossReference {
            from_group: GATEWAY_GROUP,
            from_kind: self.kind,
            from_namespace: self.namespace,
            to_group: &to.group,
            to_kind: &to.kind,
            to_namespace: namespace,
            to_name: &to.name,
        };
        if self.index.permits(cross) {
            return Ok(ObjectRef::new(namespace, to.name.as_str()));
        }
        let message = format!(
            "{} {namespace}/{} is in another namespace; add a ReferenceGrant in {namespace} that lets {}s of {} refer to \
             it",
            to.kind, to.name, self.kind, self.namespace
        );
        Err(Refusal::new(reasons::REF_NOT_PERMITTED, field, message))
    }

    /// The Secret of a reference, when it is allowed and holds a certificate with its key; else a refusal with `reason`.
    pub(crate) fn certificate(
        &self,
        reference: &SecretReference,
        field: &str,
        reason: &'static str,
    ) -> Result<ObjectRef, Refusal> {
        if !reference.group.is_empty() || reference.kind != "Secret" {
            let message = format!("{} of group `{}` is no Secret", reference.kind, reference.group);
            return Err(Refusal::new(reason, field, message));
        }
        let key = self.permitted(&reference.object(), field)?;
        let secret = self.world.secrets.get(&key);
        let secret = secret.ok_or_else(|| format!("Secret {key} does not exist; add it"));
        match secret.and_then(|secret| read(&key, secret)) {
            Ok(_) => Ok(key),
            Err(message) => Err(Refusal::new(reason, field, message)),
        }
    }
}

/// Most certificates of a listener.
const MAX_CERTIFICATES: usize = 64;

/// The certificates of a listener that can be served, and the first reference that leads nowhere.
pub(crate) fn resolve(
    listener: &GatewayListener,
    path: &str,
    referrer: &Referrer<'_, '_>,
) -> (Vec<ObjectRef>, Option<Refusal>) {
    let refs = listener.tls.as_ref().map_or(&[][..], |tls| tls.certificate_refs.as_slice());
    let mut found = Vec::new();
    let mut bad = None;
    if refs.is_empty() {
        let message = "is empty; name a Secret with tls.crt and tls.key";
        let field = format!("{path}.tls.certificateRefs");
        bad = Some(Refusal::new(reasons::INVALID_CERTIFICATE_REF, field, message));
    }
    for (position, reference) in refs.iter().take(MAX_CERTIFICATES).enumerate() {
        let field = format!("{path}.tls.certificateRefs[{position}]");
        match referrer.certificate(reference, &field, reasons::INVALID_CERTIFICATE_REF) {
            Ok(key) if found.contains(&key) => {}
            Ok(key) => found.push(key),
            Err(refusal) => {
                bad.get_or_insert(refusal);
            }
        }
    }
    (found, bad)
}

/// Reads certificate and key of a Secret that can be served.
pub(crate) fn read(key: &ObjectRef, secret: &Secret) -> Result<Certificate, String> {
    let value = |name: &str| {
        let bytes = secret.value(name).map_err(|error| format!("{name} of Secret {key} {error}"))?;
        bytes.ok_or_else(|| format!("Secret {key} has no {name}; it needs tls.crt and tls.key"))
    };
    let (chain_pem, key_pem) = (value("tls.crt")?, value("tls.key")?);
    let verdict = secret.pair.or_judge(|| pem::check_pair(&chain_pem, &key_pem));
    verdict.map_err(|reason| format!("Secret {key}: {reason}"))?;
    Ok(Certificate { secret: key.clone(), chain_pem: chain_pem.into(), key_pem: key_pem.into() })
}
