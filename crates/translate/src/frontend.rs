//! Validation of client certificates (`Gateway.spec.tls.frontend`, GEP-91): by port, with a default.
//!
//! It holds for the HTTPS listeners of the Gateway and of its ListenerSets. Without one good authority a listener stays
//! closed: serving it would let everybody in.

use std::collections::BTreeMap;

use clearway_k8s::conditions::reasons;
use clearway_k8s::gateway::{FrontendTlsConfig, FrontendValidation, FrontendValidationMode, Gateway};
use clearway_model::{ClientValidation, ClientValidationMode};

use crate::certificates::Referrer;
use crate::policies::{self, MAX_AUTHORITIES};
use crate::problem::Refusal;

/// What clients must prove on a port.
#[derive(Clone, Default)]
pub(crate) struct Proof {
    /// `None` when nothing is asked of them, or when there is a refusal.
    pub(crate) validation: Option<ClientValidation>,
    /// Why the listener stays closed.
    pub(crate) refusal: Option<Refusal>,
    /// The first reference that leads nowhere.
    pub(crate) unresolved: Option<Refusal>,
}

/// What clients must prove on each port of a Gateway.
#[derive(Default)]
pub(crate) struct Frontend {
    default: Proof,
    ports: BTreeMap<u16, Proof>,
    /// Whether clients without a good certificate are let in somewhere.
    pub(crate) insecure: bool,
}

impl Frontend {
    /// Reads the settings of a Gateway.
    pub(crate) fn of(gateway: &Gateway, referrer: &Referrer<'_, '_>) -> Self {
        let Some(frontend) = gateway.spec.tls.as_ref().and_then(|tls| tls.frontend.as_ref()) else {
            return Self::default();
        };
        let default = proof(&frontend.default, "spec.tls.frontend.default", referrer);
        let ports: BTreeMap<_, _> = frontend
            .per_port
            .iter()
            .enumerate()
            .map(|(index, entry)| {
                let field = format!("spec.tls.frontend.perPort[{index}].tls");
                (entry.port, proof(&entry.tls, &field, referrer))
            })
            .collect();
        let configs = frontend.per_port.iter().map(|entry| &entry.tls).chain([&frontend.default]);
        let mut modes =
            configs.filter_map(|config| config.validation.as_ref()).map(|validation| &validation.mode);
        let insecure = modes.any(|mode| *mode == FrontendValidationMode::AllowInsecureFallback);
        Self { default, ports, insecure }
    }

    /// What holds on a port.
    pub(crate) fn on(&self, port: u16) -> &Proof {
        self.ports.get(&port).unwrap_or(&self.default)
    }
}

fn proof(config: &FrontendTlsConfig, field: &str, referrer: &Referrer<'_, '_>) -> Proof {
    let Some(validation) = &config.validation else { return Proof::default() };
    let mode = match &validation.mode {
        FrontendValidationMode::AllowValidOnly => ClientValidationMode::Required,
        FrontendValidationMode::AllowInsecureFallback => ClientValidationMode::AllowInsecureFallback,
        FrontendValidationMode::Unknown(text) => {
            let known = FrontendValidationMode::KNOWN.join(", ");
            let message =
                format!("`{text}` is not supported, so the listener stays closed; use one of {known}");
            let field = format!("{field}.validation.mode");
            let refusal = Some(Refusal::new(reasons::UNSUPPORTED_VALUE, field, message));
            return Proof { refusal, ..Proof::default() };
        }
    };
    let (roots, unresolved) = authorities(validation, field, referrer);
    if roots.is_empty() {
        let message =
            "no certificate authority can be read, so the listener stays closed; mend caCertificateRefs";
        let field = format!("{field}.validation.caCertificateRefs");
        let refusal = Some(Refusal::new(reasons::NO_VALID_CA_CERTIFICATE, field, message));
        return Proof { validation: None, refusal, unresolved };
    }
    Proof { validation: Some(ClientValidation { roots: roots.into(), mode }), refusal: None, unresolved }
}

/// The PEM of every authority that can be read, and the first reference that leads nowhere.
fn authorities(
    validation: &FrontendValidation,
    field: &str,
    referrer: &Referrer<'_, '_>,
) -> (Vec<u8>, Option<Refusal>) {
    let mut pem = Vec::new();
    let mut bad = None;
    for (index, reference) in validation.ca_certificate_refs.iter().take(MAX_AUTHORITIES).enumerate() {
        let field = format!("{field}.validation.caCertificateRefs[{index}]");
        let found = if !reference.group.is_empty() || reference.kind != "ConfigMap" {
            let message = format!(
                "{} of group `{}` is no ConfigMap; put the authority under ca.crt of one",
                reference.kind, reference.group
            );
            Err(Refusal::new(reasons::INVALID_CA_CERTIFICATE_KIND, field.as_str(), message))
        } else {
            referrer.permitted(reference, &field).and_then(|key| {
                let text = policies::authority(&key, referrer.world);
                text.map_err(|message| Refusal::new(reasons::INVALID_CA_CERTIFICATE_REF, field, message))
            })
        };
        match found {
            Ok(text) => pem.extend_from_slice(text.as_bytes()),
            Err(refusal) => {
                bad.get_or_insert(refusal);
            }
        }
    }
    (pem, bad)
}
