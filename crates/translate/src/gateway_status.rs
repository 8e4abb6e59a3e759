//! The status of Gateways: conditions, addresses, and the listeners that are written in the Gateway itself.

use std::net::IpAddr;

use clearway_k8s::Condition;
use clearway_k8s::conditions::{reasons, types};

use crate::gateways::GatewayState;
use crate::listeners::{self, ListenerState};
use crate::problem::{Problems, Refusal};
use crate::status::{GatewayStatus, StatusAddress, StatusPlan};
use crate::world::World;
use crate::{Exposure, Options};

/// Writes down the status of Gateways and what is wrong with them and with all their listeners.
pub(crate) fn plan(
    gateways: &[GatewayState<'_>],
    world: &World,
    options: &Options,
    status: &mut StatusPlan,
    problems: &mut Problems,
) {
    for state in gateways {
        let object = state.object();
        let addresses = addresses(state, world, options);
        let unusable = unusable(state, &addresses, options);
        for refusal in
            state.refusal.iter().chain(&state.closed_to_sets).chain(&state.unresolved).chain(&unusable)
        {
            problems.error(&object, refusal);
        }
        for listener in &state.listeners {
            let object = listener.object();
            listener.refusals().for_each(|refusal| problems.error(&object, refusal));
        }
        let own = || state.listeners.iter().filter(|listener| listener.set.is_none());
        let attached = state.sets.iter().filter(|set| set.is_attached(state)).count();
        let planned = GatewayStatus {
            conditions: conditions(state, &addresses, unusable, options),
            addresses,
            attached_listener_sets: u32::try_from(attached).unwrap_or(u32::MAX),
            listeners: listeners::statuses(own(), state),
        };
        status.gateways.insert(state.key.clone(), planned);
    }
}

/// In a cluster what the Service was given, else the address that is bound.
fn addresses(state: &GatewayState<'_>, world: &World, options: &Options) -> Vec<StatusAddress> {
    let values: Vec<String> = match options.exposure {
        Exposure::Direct => state.address.iter().map(IpAddr::to_string).collect(),
        Exposure::Cluster => {
            world.addresses.get(&state.key).map(|given| given.assigned.clone()).unwrap_or_default()
        }
    };
    let one = |value: String| {
        let is_ip = value.parse::<IpAddr>().is_ok();
        StatusAddress { kind: if is_ip { "IPAddress" } else { "Hostname" }, value }
    };
    values.into_iter().map(one).collect()
}

/// Addresses that are asked for and that the Service was not given.
fn unusable(state: &GatewayState<'_>, given: &[StatusAddress], options: &Options) -> Option<Refusal> {
    if options.exposure == Exposure::Direct || state.refusal.is_some() {
        return None;
    }
    let parse = |text: &str| text.parse::<IpAddr>().ok();
    let has = |wanted: IpAddr| given.iter().any(|address| parse(&address.value) == Some(wanted));
    let asked = state.gateway.spec.addresses.iter().enumerate();
    let mut missing = asked.filter(|(_, address)| parse(&address.value).is_some_and(|wanted| !has(wanted)));
    missing.next().map(|(index, address)| {
        let message = format!(
            "{} was not given to the Gateway's Service; use an address that the load balancer has, or remove it",
            address.value
        );
        Refusal::new(reasons::ADDRESS_NOT_USABLE, format!("spec.addresses[{index}]"), message)
    })
}

fn conditions(
    state: &GatewayState<'_>,
    addresses: &[StatusAddress],
    unusable: Option<Refusal>,
    options: &Options,
) -> Vec<Condition> {
    let generation = state.gateway.metadata.generation;
    let condition =
        |kind, holds, reason, message: String| Condition::new(kind, holds, reason, message, generation);
    let (holds, reason, message) = accepted(state);
    let mut conditions = vec![condition(types::ACCEPTED, holds, reason, message)];
    let unassigned = options.exposure == Exposure::Cluster && addresses.is_empty();
    let (holds, reason, message) = programmed(state, unusable, unassigned);
    conditions.push(condition(types::PROGRAMMED, holds, reason, message));
    conditions.push(match unresolved(state) {
        None => {
            let message = "All references are resolved.".to_owned();
            condition(types::RESOLVED_REFS, true, reasons::RESOLVED_REFS, message)
        }
        Some(refusal) => condition(types::RESOLVED_REFS, false, refusal.reason, refusal.message),
    });
    if state.frontend.insecure {
        let message = "Clients without a valid certificate are let in, because a validation mode is \
                       AllowInsecureFallback; use AllowValidOnly to refuse them.";
        let kind = types::INSECURE_FRONTEND_VALIDATION_MODE;
        conditions.push(condition(kind, true, reasons::CONFIGURATION_CHANGED, message.to_owned()));
    }
    conditions
}

type Verdict = (bool, &'static str, String);

/// By the Gateway's own listeners: those of ListenerSets have a status of their own.
fn accepted(state: &GatewayState<'_>) -> Verdict {
    if let Some(refusal) = &state.refusal {
        return (false, refusal.reason, format!("{}: {}", refusal.field, refusal.message));
    }
    let own = || state.listeners.iter().filter(|listener| listener.set.is_none());
    let refused: Vec<&str> =
        own().filter(|listener| !listener.is_served()).map(|listener| listener.spec.name.as_str()).collect();
    if let (Some(refusal), true) = (&state.closed_to_sets, refused.is_empty()) {
        let message = format!("{}: {}; no ListenerSet is let in", refusal.field, refusal.message);
        return (true, reasons::LISTENERS_NOT_VALID, message);
    }
    if refused.is_empty() {
        return (true, reasons::ACCEPTED, "All listeners are valid.".to_owned());
    }
    let some_valid = own().any(ListenerState::is_accepted);
    let message = format!("Listeners that are not served: {}; see their conditions.", refused.join(", "));
    (some_valid, reasons::LISTENERS_NOT_VALID, message)
}

fn programmed(state: &GatewayState<'_>, unusable: Option<Refusal>, unassigned: bool) -> Verdict {
    let served = state.listeners.iter().any(|listener| state.serves(listener));
    let reachable = state.listeners.iter().any(|listener| state.serves(listener) && listener.is_reachable());
    match unusable {
        _ if !served => (false, reasons::INVALID, "No listener is served; see their conditions.".to_owned()),
        Some(refusal) => (false, refusal.reason, format!("{}: {}", refusal.field, refusal.message)),
        None if !reachable => {
            (false, reasons::PENDING, "The ports are being set up; this takes a moment.".to_owned())
        }
        None if unassigned => {
            let message =
                "The Gateway's Service has no address yet; a load balancer of the cluster gives it one.";
            (false, reasons::ADDRESS_NOT_ASSIGNED, message.to_owned())
        }
        None => (true, reasons::PROGRAMMED, "Listeners are served.".to_owned()),
    }
}

fn unresolved(state: &GatewayState<'_>) -> Option<Refusal> {
    if let Some(refusal) = &state.unresolved {
        let message = format!("{}: {}", refusal.field, refusal.message);
        return Some(Refusal::new(refusal.reason, "", message));
    }
    let own = state.listeners.iter().filter(|listener| listener.set.is_none());
    let names: Vec<_> = own
        .filter(|listener| listener.unresolved.is_some())
        .map(|listener| listener.spec.name.as_str())
        .collect();
    (!names.is_empty()).then(|| {
        let message =
            format!("References of listeners are not resolved: {}; see their conditions.", names.join(", "));
        Refusal::new(reasons::LISTENERS_NOT_RESOLVED, "", message)
    })
}
