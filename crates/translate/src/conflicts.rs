//! Listeners that are in each other's way: within a Gateway nobody wins, between Gateways the older one does.

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
        within(&mut gateway.listeners);
    }
    if options.exposure == Exposure::Direct {
        between(gateways);
    }
}

/// A Gateway that names a port twice in ways that no request can tell apart must not be guessed at.
fn within(listeners: &mut [ListenerState<'_>]) {
    let mut ports: BTreeMap<u16, Vec<usize>> = BTreeMap::new();
    for (position, listener) in listeners.iter().enumerate() {
        if listener.refusal.is_none() {
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
            let field = format!("spec.listeners[{position}]");
            if let Some(rival) = rival {
                let message = format!(
                    "port {port} cannot be {} here and {} for listener {}; change one port",
                    this.spec.protocol, rival.spec.protocol, rival.spec.name
                );
                marks.push((*position, Refusal::new(reasons::PROTOCOL_CONFLICT, field, message)));
            } else if let Some(same) = same {
                let message = format!(
                    "port {port} with hostname {} is also that of listener {}; change a port or a hostname",
                    this.hostname, same.spec.name
                );
                marks.push((*position, Refusal::new(reasons::HOSTNAME_CONFLICT, field, message)));
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
        for (position, listener) in gateway.listeners.iter_mut().enumerate() {
            if !listener.is_accepted() {
                continue;
            }
            let port = listener.spec.port;
            let holder = held.entry((address, port)).or_insert_with(|| Holder {
                protocol: listener.spec.protocol.clone(),
                first: listener.key.clone(),
                hosts: BTreeMap::new(),
            });
            let field = format!("spec.listeners[{position}]");
            if holder.protocol != listener.spec.protocol {
                let message = format!(
                    "port {port} is held as {} by listener {} of an older Gateway; change the port",
                    holder.protocol, holder.first
                );
                listener.conflict = Some(Refusal::new(reasons::PROTOCOL_CONFLICT, field, message));
            } else if let Some(owner) = holder.hosts.get(&listener.hostname) {
                let message = format!(
                    "port {port} with hostname {} is held by listener {owner} of an older Gateway; change the port or \
                     the hostname",
                    listener.hostname
                );
                listener.conflict = Some(Refusal::new(reasons::HOSTNAME_CONFLICT, field, message));
            } else {
                holder.hosts.insert(listener.hostname.clone(), listener.key.clone());
            }
        }
    }
}
