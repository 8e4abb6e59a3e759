//! Certificates of listeners: the reference, the grant, the Secret, and whether its PEM can be read.

use clearway_k8s::conditions::reasons;
use clearway_k8s::core::Secret;
use clearway_k8s::gateway::GatewayListener;
use clearway_k8s::{CrossReference, GATEWAY_GROUP};
use clearway_model::{Certificate, ObjectRef};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::problem::Refusal;
use crate::world::{Index, World};

/// The certificates of a listener that can be served, and the first reference that leads nowhere.
pub(crate) fn resolve(
    listener: &GatewayListener,
    path: &str,
    gateway: &ObjectRef,
    world: &World,
    index: &Index<'_>,
) -> (Vec<ObjectRef>, Option<Refusal>) {
    let refs = listener.tls.as_ref().map_or(&[][..], |tls| tls.certificate_refs.as_slice());
    let mut found = Vec::new();
    let mut bad = None;
    if refs.is_empty() {
        let message = "is empty; name a Secret with tls.crt and tls.key";
        let field = format!("{path}.tls.certificateRefs");
        bad = Some(Refusal::new(reasons::INVALID_CERTIFICATE_REF, field, message));
    }
    for (position, reference) in refs.iter().enumerate() {
        let field = format!("{path}.tls.certificateRefs[{position}]");
        let namespace = reference.namespace.as_deref().unwrap_or(&gateway.namespace);
        let key = ObjectRef::new(namespace, reference.name.as_str());
        let cross = CrossReference {
            from_group: GATEWAY_GROUP,
            from_kind: "Gateway",
            from_namespace: &gateway.namespace,
            to_group: &reference.group,
            to_kind: &reference.kind,
            to_namespace: namespace,
            to_name: &reference.name,
        };
        let verdict = if !reference.group.is_empty() || reference.kind != "Secret" {
            let message = format!("{} of group `{}` is no Secret", reference.kind, reference.group);
            Err(Refusal::new(reasons::INVALID_CERTIFICATE_REF, field, message))
        } else if !index.permits(cross) {
            let message = format!(
                "Secret {key} is in another namespace; add a ReferenceGrant in {namespace} that lets Gateways of {} \
                 refer to it",
                gateway.namespace
            );
            Err(Refusal::new(reasons::REF_NOT_PERMITTED, field, message))
        } else {
            let secret =
                world.secrets.get(&key).ok_or_else(|| format!("Secret {key} does not exist; add it"));
            secret
                .and_then(|secret| read(&key, secret))
                .map_err(|message| Refusal::new(reasons::INVALID_CERTIFICATE_REF, field, message))
        };
        match verdict {
            Ok(_) if found.contains(&key) => {}
            Ok(_) => found.push(key),
            Err(refusal) => {
                bad.get_or_insert(refusal);
            }
        }
    }
    (found, bad)
}

/// Reads certificate and key of a Secret. Both must be PEM with something in it.
pub(crate) fn read(key: &ObjectRef, secret: &Secret) -> Result<Certificate, String> {
    let value = |name: &str| {
        let bytes = secret.value(name).map_err(|error| format!("{name} of Secret {key} {error}"))?;
        bytes.ok_or_else(|| format!("Secret {key} has no {name}; it needs tls.crt and tls.key"))
    };
    let (chain_pem, key_pem) = (value("tls.crt")?, value("tls.key")?);
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&chain_pem).collect();
    if !chain.is_ok_and(|chain| !chain.is_empty()) {
        return Err(format!("tls.crt of Secret {key} holds no certificate in PEM; replace it"));
    }
    if PrivateKeyDer::from_pem_slice(&key_pem).is_err() {
        return Err(format!("tls.key of Secret {key} holds no private key in PEM; replace it"));
    }
    Ok(Certificate { secret: key.clone(), chain_pem: chain_pem.into(), key_pem: key_pem.into() })
}
