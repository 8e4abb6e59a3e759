//! Listeners that are in each other's way: within one object nobody wins, a Gateway wins over its ListenerSets, an older
//! set over a younger one, and on one machine an older Gateway over a younger one.

use std::collections::BTreeMap;
use std::net::IpAddr;

use clearway_k8s::conditions::reasons;
use clearway_k8s::gateway::Protocol;
use clearway_model::{Hostname, ListenerRef};

use crate::gateways::GatewayState;
use crate::listeners::ListenerState;
use crate::problem::Refusal;
use crate::{Exposure, Options};

/// Marks conflicts.
pub(crate) fn find(gateways: &mut [GatewayState<'_>], options: &Options) {
    for gateway in gateways.iter_mut() {
        within_gateway(&mut gateway.listeners);
    }
    if options.exposure == Exposure::Direct {
        between(gateways);
    }
}

/// The Gateway's own listeners, then set by set: whoever comes first keeps a port and a hostname, and listeners that are
/// written in one object in ways that no request can tell apart all lose: which of them is meant must not be guessed.
fn within_gateway(listeners: &mut [ListenerState<'_>]) {
    let mut held: BTreeMap<(bool, u16), Holder> = BTreeMap::new();
    for level in listeners.chunk_by_mut(|one, next| one.set == next.set) {
        let mut taken = Vec::new();
        for listener in level.iter_mut() {
            let holder = held.get(&transport(listener));
            listener.conflict = holder.and_then(|holder| holder.against(listener, "comes first"));
            taken.push(listener.conflict.is_some());
        }
        within(level);
        for (listener, taken) in level.iter().zip(taken) {
            // A listener that is broken keeps its place: others must not take it until it is mended.
            let known = matches!(listener.spec.protocol, Protocol::Http | Protocol::Https);
            if known && !taken {
                let holder = held.entry(transport(listener)).or_insert_with(|| Holder::new(listener));
                holder.hosts.entry(listener.hostname.clone()).or_insert_with(|| listener.key.clone());
            }
        }
    }
}

/// UDP has ports of its own.
fn transport(listener: &ListenerState<'_>) -> (bool, u16) {
    (listener.spec.protocol == Protocol::Udp, listener.spec.port)
}

/// Listeners of one object.
fn within(listeners: &mut [ListenerState<'_>]) {
    let mut ports: BTreeMap<u16, Vec<usize>> = BTreeMap::new();
    for (position, listener) in listeners.iter().enumerate() {
        if listener.is_accepted() {
            ports.entry(listener.spec.port).or_default().push(position);
        }
    }
    let mut marks: Vec<(usize, Refusal)> = Vec::new();
    for (port, members) in ports {
        let member = |position: &usize| listeners.get(*position);
        for position in &members {
            let Some(this) = member(position) else { continue };
            let others = || members.iter().filter(|other| *other != position).filter_map(member);
            let rival = others().find(|other| other.spec.protocol != this.spec.protocol);
            let same = others().find(|other| other.hostname == this.hostname);
            if let Some(rival) = rival {
                let message = format!(
                    "port {port} cannot be {} here and {} for listener {}; change one port",
                    this.spec.protocol, rival.spec.protocol, rival.spec.name
                );
                marks.push((*position, Refusal::new(reasons::PROTOCOL_CONFLICT, &this.path, message)));
            } else if let Some(same) = same {
                let message = format!(
                    "port {port} with hostname {} is also that of listener {}; change a port or a hostname",
                    this.hostname, same.spec.name
                );
                marks.push((*position, Refusal::new(reasons::HOSTNAME_CONFLICT, &this.path, message)));
            }
        }
    }
    for (position, refusal) in marks {
        if let Some(listener) = listeners.get_mut(position) {
            listener.conflict = Some(refusal);
        }
    }
}

/// Who holds a port: the protocol, and a listener for each hostname.
struct Holder {
    protocol: Protocol,
    first: ListenerRef,
    hosts: BTreeMap<Hostname, ListenerRef>,
}

impl Holder {
    fn new(listener: &ListenerState<'_>) -> Self {
        Self { protocol: listener.spec.protocol.clone(), first: listener.key.clone(), hosts: BTreeMap::new() }
    }

    /// Why a listener cannot have the port too; `why` says what puts the holder before it.
    fn against(&self, listener: &ListenerState<'_>, why: &str) -> Option<Refusal> {
        let port = listener.spec.port;
        if self.protocol != listener.spec.protocol {
            let message = format!(
                "port {port} is held as {} by listener {}, which {why}; change the port",
                self.protocol, self.first
            );
            return Some(Refusal::new(reasons::PROTOCOL_CONFLICT, &listener.path, message));
        }
        let owner = self.hosts.get(&listener.hostname)?;
        let message = format!(
            "port {port} with hostname {} is held by listener {owner}, which {why}; change the port or the hostname",
            listener.hostname
        );
        Some(Refusal::new(reasons::HOSTNAME_CONFLICT, &listener.path, message))
    }
}

fn between(gateways: &mut [GatewayState<'_>]) {
    let mut order: Vec<usize> = (0..gateways.len()).collect();
    order.sort_by(|a, b| {
        gateways.get(*a).map(GatewayState::age).cmp(&gateways.get(*b).map(GatewayState::age))
    });
    let mut held: BTreeMap<(Option<IpAddr>, u16), Holder> = BTreeMap::new();
    for position in order {
        let Some(gateway) = gateways.get_mut(position) else { continue };
        if gateway.refusal.is_some() {
            continue;
        }
        let address = gateway.address;
        for listener in gateway.listeners.iter_mut().filter(|listener| listener.is_accepted()) {
            let place = (address, listener.spec.port);
            let holder = held.entry(place).or_insert_with(|| Holder::new(listener));
            match holder.against(listener, "is of an older Gateway") {
                Some(refusal) => listener.conflict = Some(refusal),
                None => _ = holder.hosts.insert(listener.hostname.clone(), listener.key.clone()),
            }
        }
    }
}
