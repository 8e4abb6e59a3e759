//! Gateways of our classes: read into a working state, and the status that comes of it in the end.

use std::net::IpAddr;

use clearway_k8s::conditions::{reasons, types};
use clearway_k8s::gateway::{AddressType, Gateway};
use clearway_k8s::{Condition, Severity, validate::validate_gateway};
use clearway_model::{ForwardedTrust, ObjectRef, TraceTrust};

use crate::classes::Classes;
use crate::listeners::{self, ListenerState};
use crate::problem::{ObjectName, Problems, Refusal};
use crate::status::{GatewayStatus, StatusPlan};
use crate::world::{Index, World};
use crate::{Exposure, Options};

/// A Gateway of ours while it is translated.
pub(crate) struct GatewayState<'w> {
    pub(crate) key: ObjectRef,
    pub(crate) gateway: &'w Gateway,
    pub(crate) listeners: Vec<ListenerState<'w>>,
    /// Why the Gateway as a whole is not accepted.
    pub(crate) refusal: Option<Refusal>,
    /// Why the certificate towards backends is not used.
    pub(crate) unresolved: Option<Refusal>,
    /// Address to bind.
    pub(crate) address: Option<IpAddr>,
    pub(crate) forwarded: ForwardedTrust,
    pub(crate) trace: TraceTrust,
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
            .find(|error| error.severity == Severity::Error && !error.path.starts_with("spec.listeners["))
            .map(|error| Refusal::new(reasons::INVALID, &error.path, &error.message));
        let (forwarded, trace) = trusts(gateway, options, &object, problems);
        states.push(GatewayState {
            key: key.clone(),
            gateway,
            listeners: listeners::read(key, gateway, world, index, &errors),
            refusal: class_refusal.or(parameters(gateway)).or(address_refusal).or(invalid),
            unresolved: client_certificate(gateway),
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

/// Being silent about it would send requests without the certificate that the backend asks for.
fn client_certificate(gateway: &Gateway) -> Option<Refusal> {
    gateway.spec.tls.as_ref()?.backend.as_ref()?.client_certificate_ref.as_ref()?;
    Some(Refusal::new(
        reasons::UNSUPPORTED_VALUE,
        "spec.tls.backend.clientCertificateRef",
        "client certificates towards backends are not supported yet, so none is presented; remove it",
    ))
}

/// The address to bind, or why there is none.
fn address(gateway: &Gateway, options: &Options) -> (Option<IpAddr>, Option<Refusal>) {
    let refuse =
        |field: String, message: String| Some(Refusal::new(reasons::UNSUPPORTED_ADDRESS, field, message));
    let mut bound = None;
    for (index, address) in gateway.spec.addresses.iter().enumerate() {
        let field = format!("spec.addresses[{index}]");
        if address.kind != AddressType::IpAddress {
            let message = format!("type {} is not supported; use IPAddress", address.kind);
            return (None, refuse(format!("{field}.type"), message));
        }
        if address.value.is_empty() {
            continue;
        }
        let Ok(parsed) = address.value.parse::<IpAddr>() else {
            let message = format!("`{}` is no IP address", address.value);
            return (None, refuse(format!("{field}.value"), message));
        };
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
) -> (ForwardedTrust, TraceTrust) {
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
        None => options.trace,
        Some("accept") => TraceTrust::Accept,
        Some("link") => TraceTrust::Link,
        Some("ignore") => TraceTrust::Ignore,
        Some(other) => {
            wrong(key, other, "accept, link, ignore");
            options.trace
        }
    };
    (forwarded, trace)
}

/// Writes down the status of Gateways and what is wrong with them.
pub(crate) fn plan(gateways: &[GatewayState<'_>], status: &mut StatusPlan, problems: &mut Problems) {
    for state in gateways {
        let object = state.object();
        for refusal in state.refusal.iter() {
            problems.error(&object, refusal);
        }
        for refusal in state.unresolved.iter() {
            problems.warning(&object, refusal);
        }
        for refusal in state.listeners.iter().flat_map(ListenerState::refusals) {
            problems.error(&object, refusal);
        }
        let listeners = state.listeners.iter().map(|listener| listener.status(state)).collect();
        status.gateways.insert(state.key.clone(), GatewayStatus { conditions: conditions(state), listeners });
    }
}

fn conditions(state: &GatewayState<'_>) -> Vec<Condition> {
    let generation = state.gateway.metadata.generation;
    let refused: Vec<&str> = state
        .listeners
        .iter()
        .filter(|listener| !listener.is_served())
        .map(|listener| listener.spec.name.as_str())
        .collect();
    let some_valid = state.listeners.iter().any(ListenerState::is_accepted);
    let served = state.listeners.iter().any(|listener| state.serves(listener));
    let not_valid = format!("Listeners that are not served: {}.", refused.join(", "));
    let accepted = match &state.refusal {
        Some(refusal) => {
            let message = format!("{}: {}", refusal.field, refusal.message);
            Condition::new(types::ACCEPTED, false, refusal.reason, message, generation)
        }
        None if refused.is_empty() => {
            Condition::new(types::ACCEPTED, true, reasons::ACCEPTED, "All listeners are valid.", generation)
        }
        None => Condition::new(
            types::ACCEPTED,
            some_valid,
            reasons::LISTENERS_NOT_VALID,
            not_valid.as_str(),
            generation,
        ),
    };
    let programmed = if served {
        Condition::new(types::PROGRAMMED, true, reasons::PROGRAMMED, "Listeners are served.", generation)
    } else {
        Condition::new(types::PROGRAMMED, false, reasons::INVALID, "No listener is served.", generation)
    };
    let unresolved = state.unresolved.clone().or_else(|| {
        let names: Vec<_> = state.listeners.iter().filter(|listener| listener.unresolved.is_some()).collect();
        (!names.is_empty()).then(|| {
            let names: Vec<_> = names.iter().map(|listener| listener.spec.name.as_str()).collect();
            let message = format!("references of listeners {} are not resolved", names.join(", "));
            Refusal::new(reasons::LISTENERS_NOT_RESOLVED, "", message)
        })
    });
    let resolved = match unresolved {
        None => Condition::new(
            types::RESOLVED_REFS,
            true,
            reasons::RESOLVED_REFS,
            "All references are resolved.",
            generation,
        ),
        Some(refusal) => {
            Condition::new(types::RESOLVED_REFS, false, refusal.reason, refusal.message, generation)
        }
    };
    vec![accepted, programmed, resolved]
}
