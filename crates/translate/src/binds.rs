//! Which ports are bound for a listener: those of the spec on a machine, private ones in a cluster.

use std::collections::BTreeSet;

use clearway_k8s::gateway::Protocol;
use clearway_model::Hostname;

use crate::gateways::GatewayState;
use crate::world::World;
use crate::{Exposure, Options};

/// Gives every served listener its ports. Conflicts within a Gateway were found before, so a private port and a hostname
/// are one listener's; of the merged entry it is made so here.
pub(crate) fn assign(gateways: &mut [GatewayState<'_>], world: &World, options: &Options) {
    let mut order: Vec<usize> = (0..gateways.len()).collect();
    order.sort_by(|a, b| {
        gateways.get(*a).map(GatewayState::age).cmp(&gateways.get(*b).map(GatewayState::age))
    });
    let mut merged: BTreeSet<(u16, Hostname)> = BTreeSet::new();
    for position in order {
        let Some(gateway) = gateways.get_mut(position) else { continue };
        let refused = gateway.refusal.is_some();
        for listener in gateway.listeners.iter_mut().filter(|listener| !refused && listener.is_served()) {
            let port = listener.spec.port;
            if options.exposure == Exposure::Direct {
                listener.binds.push(port);
                listener.reachable = true;
                continue;
            }
            if let Some(private) = world.ports.get(&(gateway.key.clone(), port)) {
                listener.binds.push(*private);
                listener.reachable = true;
            }
            let entry = options.merged.and_then(|(http, https)| match (&listener.spec.protocol, port) {
                (Protocol::Http, 80) => Some(http),
                (Protocol::Https, 443) => Some(https),
                _ => None,
            });
            if let Some(entry) = entry
                && merged.insert((entry, listener.hostname.clone()))
            {
                listener.binds.push(entry);
            }
            listener.binds.sort_unstable();
            listener.binds.dedup();
        }
    }
}
