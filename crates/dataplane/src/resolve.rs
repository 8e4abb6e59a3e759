//! Names of endpoints: resolved before a snapshot is compiled, and again and again after. A name that cannot be resolved
//! keeps the addresses it had.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use clearway_model::{Endpoint, EndpointAddress, Snapshot};

/// Addresses by name.
#[derive(Debug, Default)]
pub(crate) struct Resolver {
    known: BTreeMap<Arc<str>, BTreeSet<IpAddr>>,
}

impl Resolver {
    /// Whether a snapshot has names at all.
    pub(crate) fn has_names(snapshot: &Snapshot) -> bool {
        names(snapshot).next().is_some()
    }

    /// Looks all names of a snapshot up; true when an answer differs from the last.
    pub(crate) async fn look_up(&mut self, snapshot: &Snapshot) -> bool {
        let wanted: BTreeSet<Arc<str>> = names(snapshot).cloned().collect();
        let mut changed = false;
        let mut lookups = tokio::task::JoinSet::new();
        for name in &wanted {
            let name = name.clone();
            lookups.spawn(async move {
                let found = tokio::net::lookup_host((&*name, 0)).await;
                let found = found.map(|all| all.map(|one| one.ip()).collect::<BTreeSet<_>>());
                (name, found)
            });
        }
        while let Some(done) = lookups.join_next().await {
            match done {
                Ok((name, Ok(found))) if !found.is_empty() => {
                    changed |= self.known.insert(name, found.clone()).as_ref() != Some(&found);
                }
                Ok((name, Ok(_))) => {
                    tracing::warn!(%name, "A backend's name has no address; the last known ones stay.");
                }
                Ok((name, Err(error))) => {
                    tracing::warn!(%name, %error, "A backend's name cannot be resolved; the last known addresses stay.");
                }
                Err(error) => tracing::error!(%error, "A look-up broke off."),
            }
        }
        self.known.retain(|name, _| wanted.contains(name));
        changed
    }

    /// The snapshot with addresses in place of names.
    pub(crate) fn resolve(&self, snapshot: &Snapshot) -> Snapshot {
        let mut resolved = snapshot.clone();
        for backend in resolved.backends.values_mut() {
            if !backend.endpoints.iter().any(|one| matches!(one.address, EndpointAddress::Host(_))) {
                continue;
            }
            let all: BTreeSet<Endpoint> = backend
                .endpoints
                .iter()
                .flat_map(|endpoint| match &endpoint.address {
                    EndpointAddress::Ip(_) => vec![endpoint.clone()],
                    EndpointAddress::Host(name) => self.addresses(name, endpoint.port),
                })
                .collect();
            backend.endpoints = all.into_iter().collect();
        }
        resolved
    }

    fn addresses(&self, name: &Arc<str>, port: u16) -> Vec<Endpoint> {
        let found = self.known.get(name).into_iter().flatten();
        found.map(|ip| Endpoint { address: EndpointAddress::Ip(*ip), port }).collect()
    }
}

fn names(snapshot: &Snapshot) -> impl Iterator<Item = &Arc<str>> {
    snapshot.backends.values().flat_map(|backend| &backend.endpoints).filter_map(|endpoint| {
        match &endpoint.address {
            EndpointAddress::Host(name) => Some(name),
            EndpointAddress::Ip(_) => None,
        }
    })
}
