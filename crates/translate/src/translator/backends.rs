//! Backends that routes are served by, remembered. Always holds: each is made from its Service or Backend, the Service's
//! EndpointSlices and the frame, and made anew when one of these or its use has changed.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use clearway_k8s::core::EndpointSlice;
use clearway_model::{Backend, BackendRef, ObjectRef};

use super::Scene;
use super::routes::Uses;
use crate::backends::{self, SERVICE};
use crate::problem::{ObjectName, Problems, Refusal};
use crate::version::Hashed;

/// All backends.
#[derive(Default)]
pub(super) struct Backends {
    /// EndpointSlices by Service, and by name.
    slices: HashMap<ObjectRef, BTreeMap<ObjectRef, Arc<EndpointSlice>>>,
    made: BTreeMap<BackendRef, Hashed<Backend>>,
    /// What is to be said of them.
    notes: BTreeMap<BackendRef, Vec<Refusal>>,
}

impl Backends {
    /// Takes the change of an EndpointSlice in; gives the Services that it concerns.
    pub(super) fn follow(
        &mut self,
        before: Option<&Arc<EndpointSlice>>,
        now: Option<&Arc<EndpointSlice>>,
    ) -> Vec<ObjectRef> {
        let mut services = Vec::new();
        for (slice, comes) in [(before, false), (now, true)] {
            let Some(slice) = slice else { continue };
            let Some(service) = slice.service_name() else { continue };
            let (namespace, name) = (slice.metadata.namespace.as_str(), slice.metadata.name.as_str());
            let (service, key) = (ObjectRef::new(namespace, service), ObjectRef::new(namespace, name));
            let of_service = self.slices.entry(service.clone()).or_default();
            if comes {
                of_service.insert(key, slice.clone());
            } else {
                of_service.remove(&key);
            }
            if of_service.is_empty() {
                self.slices.remove(&service);
            }
            services.push(service);
        }
        services
    }

    /// Makes what is stale anew.
    pub(super) fn update(
        &mut self,
        scene: &Scene<'_, '_>,
        uses: &BTreeMap<BackendRef, Uses>,
        stale: &BTreeSet<BackendRef>,
    ) {
        for backend in stale {
            let slices = self.slices.get(&backend.object).filter(|_| *backend.kind == *SERVICE);
            let slices: Vec<&EndpointSlice> =
                slices.into_iter().flat_map(|all| all.values().map(|one| &**one)).collect();
            let made = uses.get(backend).and_then(|uses| {
                backends::make(backend, uses.is_grpc(), scene.world, scene.policies, &slices)
            });
            let Some((made, notes)) = made else {
                self.made.remove(backend);
                self.notes.remove(backend);
                continue;
            };
            if notes.is_empty() {
                self.notes.remove(backend);
            } else {
                self.notes.insert(backend.clone(), notes);
            }
            if self.made.get(backend).is_none_or(|before| *before.value != made) {
                self.made.insert(backend.clone(), Hashed::new(made));
            }
        }
    }

    /// Says which have nobody to answer.
    pub(super) fn plan(&self, problems: &mut Problems) {
        for (backend, notes) in &self.notes {
            let name = ObjectName::new(&backend.kind, &backend.object.namespace, &backend.object.name);
            notes.iter().for_each(|note| problems.warning(&name, note));
        }
    }

    /// All of them.
    pub(super) fn all(&self) -> &BTreeMap<BackendRef, Hashed<Backend>> {
        &self.made
    }
}
