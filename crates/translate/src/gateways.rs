//! Gateways of our classes, read into a working state.

use std::net::IpAddr;

use clearway_k8s::conditions::reasons;
use clearway_k8s::gateway::{AddressType, Gateway};
use clearway_k8s::{FieldError, Severity, validate::validate_gateway};
use clearway_model::{ForwardedTrust, ObjectRef, TraceTrust};

use crate::certificates::Referrer;
use crate::classes::Classes;
use crate::frontend::Frontend;
use crate::listeners::{self, ListenerState, Written};
use crate::problem::{ObjectName, Problems, Refusal};
use crate::sets::SetState;
use crate::world::{Index, World};
use crate::{Exposure, Options};

/// A Gateway of ours while it is translated.
pub(crate) struct GatewayState<'w> {
    pub(crate) key: ObjectRef,
    pub(crate) gateway: &'w Gateway,
    /// Its own listeners, then those of its ListenerSets: in the order of precedence.
    pub(crate) listeners: Vec<ListenerState<'w>>,
    /// ListenerSets that name it, let in or not, the older first.
    pub(crate) sets: Vec<SetState<'w>>,
    pub(crate) frontend: Frontend,
    /// Why the Gateway as a whole is not accepted.
    pub(crate) refusal: Option<Refusal>,
    /// Why it lets in no ListenerSets, whatever it says.
    pub(crate) closed_to_sets: Option<Refusal>,
    /// Why the certificate towards backends is not used.
    pub(crate) unresolved: Option<Refusal>,
    /// The certificate towards backends.
    pub(crate) backend_certificate: Option<ObjectRef>,
    /// Address to bind.
    pub(crate) address: Option<IpAddr>,
    pub(crate) forwarded: ForwardedTrust,
    /// What its annotation says of clients' traces.
    pub(crate) trace: Option<TraceTrust>,
}

impl GatewayState<'_> {
    pub(crate) fn object(&self) -> ObjectName {
        ObjectName::new("Gateway", &self.key.namespace, &self.key.name)
    }

    /// Older Gateways come first; names decide between equals.
    pub(crate) fn age(&self) -> (i64, &ObjectRef) {
        (self.gateway.metadata.created(), &self.key)
    }

    /// Whether a listener is served.
    pub(crate) fn serves(&self, listener: &ListenerState<'_>) -> bool {
        self.refusal.is_none() && listener.is_served()
    }
}

/// Reads the Gateways of our classes; those of other controllers are left alone.
pub(crate) fn read<'w>(
    world: &'w World,
    index: &Index<'w>,
    options: &Options,
    classes: &Classes<'w>,
    problems: &mut Problems,
) -> Vec<GatewayState<'w>> {
    let mut states = Vec::new();
    for (key, gateway) in &world.gateways {
        let class = gateway.spec.gateway_class_name.as_str();
        let object = ObjectName::new("Gateway", &key.namespace, &key.name);
        let Some(accepted) = classes.get(class) else {
            if !world.classes.contains_key(class) {
                let message =
                    format!("GatewayClass {class} does not exist, so nobody serves this Gateway; add it");
                problems.error(&object, &Refusal::new(reasons::PENDING, "spec.gatewayClassName", message));
            }
            continue;
        };
        let class_refusal = (!accepted).then(|| {
            let message = format!("GatewayClass {class} is not accepted; mend it first");
            Refusal::new(reasons::PENDING, "spec.gatewayClassName", message)
        });
        let errors = validate_gateway(gateway);
        let (address, address_refusal) = address(gateway, options);
        let invalid = errors
            .iter()
            .find(|error| error.severity == Severity::Error && !is_partial(&error.path))
            .map(|error| Refusal::new(reasons::INVALID, &error.path, &error.message));
        let (forwarded, trace) = trusts(gateway, options, &object, problems);
        let referrer = Referrer { kind: "Gateway", namespace: &key.namespace, world, index };
        let frontend = Frontend::of(gateway, &referrer);
        let (backend_certificate, unresolved) = match client_certificate(gateway, &referrer) {
            Some(Ok(key)) => (Some(key), None),
            Some(Err(refusal)) => (None, Some(refusal)),
            None => (None, None),
        };
        let written = Written {
            gateway: key,
            set: None,
            generation: gateway.metadata.generation,
            listeners: &gateway.spec.listeners,
            errors: &errors,
        };
        states.push(GatewayState {
            key: key.clone(),
            gateway,
            listeners: listeners::read(&written, &referrer, &frontend),
            sets: Vec::new(),
            frontend,
            closed_to_sets: closed_to_sets(&errors),
            refusal: class_refusal.or(parameters(gateway)).or(address_refusal).or(invalid),
            unresolved,
            backend_certificate,
            address,
            forwarded,
            trace,
        });
    }
    states
}

fn parameters(gateway: &Gateway) -> Option<Refusal> {
    let parameters = gateway.spec.infrastructure.as_ref()?.parameters_ref.as_ref()?;
    let message = format!("{} {} is not known; remove parametersRef", parameters.kind, parameters.name);
    Some(Refusal::new(reasons::INVALID_PARAMETERS, "spec.infrastructure.parametersRef", message))
}

/// What is wrong with `spec.allowedListeners`: the Gateway's own listeners are served nevertheless.
fn closed_to_sets(errors: &[FieldError]) -> Option<Refusal> {
    let found = errors.iter().find(|error| error.path.starts_with(ALLOWED_LISTENERS))?;
    Some(Refusal::new(found.reason, &found.path, &found.message))
}

const ALLOWED_LISTENERS: &str = "spec.allowedListeners";

/// Parts whose faults do not concern the Gateway as a whole: one listener, or the ListenerSets that may not come in.
fn is_partial(path: &str) -> bool {
    path.starts_with("spec.listeners[") || path.starts_with(ALLOWED_LISTENERS)
}

/// The certificate that backends are shown. A bad reference leaves the Gateway accepted (GEP-3155).
fn client_certificate(gateway: &Gateway, referrer: &Referrer<'_, '_>) -> Option<Result<ObjectRef, Refusal>> {
    let reference = gateway.spec.tls.as_ref()?.backend.as_ref()?.client_certificate_ref.as_ref()?;
    let field = "spec.tls.backend.clientCertificateRef";
    Some(referrer.certificate(reference, field, reasons::INVALID_CLIENT_CERTIFICATE_REF))
}

/// The address to bind, or why there is none.
fn address(gateway: &Gateway, options: &Options) -> (Option<IpAddr>, Option<Refusal>) {
    let refuse =
        |field: String, message: String| Some(Refusal::new(reasons::UNSUPPORTED_ADDRESS, field, message));
    let mut bound = None;
    for (index, address) in gateway.spec.addresses.iter().enumerate() {
        let field = format!("spec.addresses[{index}]");
        if address.kind != AddressType::IpAddress {
            let message =
                format!("type {} is not supported; use IPAddress or remove the address", address.kind);
            return (None, refuse(format!("{field}.type"), message));
        }
        if address.value.is_empty() {
            continue;
        }
        let Ok(parsed) = address.value.parse::<IpAddr>() else {
            let message = format!("`{}` is no IP address", address.value);
            return (None, refuse(format!("{field}.value"), message));
        };
        // In a cluster the Service of the Gateway has the addresses; the data plane binds all of its own.
        if options.exposure == Exposure::Direct && bound.replace(parsed).is_some() {
            let message = "a second address cannot be bound; keep one, or none to bind all".to_owned();
            return (None, refuse(field, message));
        }
    }
    (bound, None)
}

fn trusts(
    gateway: &Gateway,
    options: &Options,
    object: &ObjectName,
    problems: &mut Problems,
) -> (ForwardedTrust, Option<TraceTrust>) {
    let annotations = &gateway.metadata.annotations;
    let mut wrong = |key: &str, value: &str, known: &str| {
        let message = format!("`{value}` is not known, so the default holds; use one of {known}");
        let field = format!("metadata.annotations.{key}");
        problems.warning(object, &Refusal::new(reasons::UNSUPPORTED_VALUE, field, message));
    };
    let key = "clearway.dev/forwarded-trust";
    let forwarded = match annotations.get(key).map(String::as_str) {
        None => options.forwarded,
        Some("replace") => ForwardedTrust::Replace,
        Some("append") => ForwardedTrust::Append,
        Some(other) => {
            wrong(key, other, "replace, append");
            options.forwarded
        }
    };
    let key = "clearway.dev/trace-trust";
    let trace = match annotations.get(key).map(String::as_str) {
        None => None,
        Some("accept") => Some(TraceTrust::Accept),
        Some("link") => Some(TraceTrust::Link),
        Some("ignore") => Some(TraceTrust::Ignore),
        Some(other) => {
            wrong(key, other, "accept, link, ignore");
            None
        }
    };
    (forwarded, trace)
}
