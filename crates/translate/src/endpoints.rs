//! Endpoints of one port of a Service, from its EndpointSlices.

use std::collections::BTreeSet;
use std::net::IpAddr;

use clearway_k8s::core::{
    AddressFamily, EndpointConditions, EndpointSlice, IntOrString, SERVICE_NAME_LABEL, ServicePort,
};
use clearway_model::{Endpoint, EndpointAddress, ObjectRef};

use crate::problem::Refusal;

/// Reason of the warning that nobody answers; it is not one of the API, because `ResolvedRefs` stays true.
const NO_READY_ENDPOINTS: &str = "NoReadyEndpoints";

/// Ready endpoints, sorted; those that still serve while terminating when none is ready. Notes say why there are none.
pub(crate) fn of(
    service: &ObjectRef,
    port: &ServicePort,
    slices: &[&EndpointSlice],
) -> (Vec<Endpoint>, Vec<Refusal>) {
    let mut ready = BTreeSet::new();
    let mut serving = BTreeSet::new();
    let mut seen = 0_usize;
    let mut other_names = BTreeSet::new();
    for slice in slices {
        let ports = slice.ports.iter().filter(|entry| entry.protocol == "TCP");
        let (mine, others): (Vec<_>, Vec<_>) = ports.partition(|entry| entry.name == port.name);
        other_names.extend(others.into_iter().map(|entry| entry.name.as_str()));
        for number in mine.into_iter().map(|entry| entry.port.unwrap_or_else(|| target(port))) {
            for endpoint in &slice.endpoints {
                let set = match state(endpoint.conditions) {
                    State::Ready => &mut ready,
                    State::Serving => &mut serving,
                    State::Gone => {
                        seen += 1;
                        continue;
                    }
                };
                let addresses =
                    endpoint.addresses.iter().filter_map(|text| address(&slice.address_type, text));
                set.extend(addresses.map(|address| Endpoint { address, port: number }));
            }
        }
    }
    let chosen = if ready.is_empty() { serving } else { ready };
    let notes = if chosen.is_empty() {
        vec![why_none(service, port, slices, seen, &other_names)]
    } else {
        Vec::new()
    };
    (chosen.into_iter().collect(), notes)
}

/// The port of endpoints whose slice leaves it open.
fn target(port: &ServicePort) -> u16 {
    match port.target_port {
        Some(IntOrString::Int(number)) => number,
        _ => port.port,
    }
}

enum State {
    Ready,
    Serving,
    Gone,
}

/// What is absent is unknown: unknown readiness counts as ready, unknown serving counts like readiness.
fn state(conditions: EndpointConditions) -> State {
    let ready = conditions.ready.unwrap_or(true);
    let serving = conditions.serving.unwrap_or(ready);
    if ready {
        State::Ready
    } else if serving && conditions.terminating.unwrap_or(false) {
        State::Serving
    } else {
        State::Gone
    }
}

fn address(family: &AddressFamily, text: &str) -> Option<EndpointAddress> {
    match family {
        AddressFamily::Fqdn => Some(EndpointAddress::Host(text.to_ascii_lowercase().into())),
        _ => text.parse::<IpAddr>().ok().map(EndpointAddress::Ip),
    }
}

fn why_none(
    service: &ObjectRef,
    port: &ServicePort,
    slices: &[&EndpointSlice],
    not_ready: usize,
    other_names: &BTreeSet<&str>,
) -> Refusal {
    let called =
        if port.name.is_empty() { "without a name".to_owned() } else { format!("named {}", port.name) };
    let message = if slices.is_empty() {
        format!(
            "port {} has no endpoint; add an EndpointSlice with the label {SERVICE_NAME_LABEL}: {}",
            port.port, service.name
        )
    } else if not_ready > 0 {
        format!("port {} has {not_ready} endpoints and none is ready", port.port)
    } else if other_names.is_empty() {
        format!("port {} has no endpoint; its EndpointSlices are empty", port.port)
    } else {
        let names: Vec<_> = other_names.iter().map(|name| format!("`{name}`")).collect();
        format!(
            "port {} has no endpoint; its EndpointSlices have no TCP port {called}, only {}",
            port.port,
            names.join(", ")
        )
    };
    Refusal::new(NO_READY_ENDPOINTS, "spec.ports", message)
}
