//! Keeps the world up to date: takes one change after the other and says whether it may alter what is served.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use clearway_k8s::{Loaded, Object, shortened, validate};
use clearway_model::ObjectRef;
use clearway_translate::{GatewayAddresses, ObjectName, Reference, World};
use serde_json::Value;

use super::service::GatewayService;
use super::view::{FleetPod, View};
use crate::watch::{Change, Content, Kind, Reach, Unit, What};

/// What a change comes to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Nothing.
    None,
    /// The world is another one.
    Changed,
    /// Everything that a watch saw at its beginning is in the world.
    InStep(Unit),
}

/// Everything that is known.
#[derive(Debug, Default)]
pub(crate) struct Store {
    controller_name: String,
    world: World,
    services: Arc<BTreeMap<ObjectRef, Arc<Value>>>,
    slices: Arc<BTreeMap<ObjectRef, Arc<Value>>>,
    pods: BTreeMap<ObjectRef, FleetPod>,
    wanted: BTreeSet<Reference>,
    /// Whether something changed that may name Secrets and ConfigMaps.
    names_changed: bool,
}

impl Store {
    /// An empty world.
    pub(crate) fn new(controller_name: &str) -> Self {
        Self { controller_name: controller_name.to_owned(), ..Self::default() }
    }

    /// Takes a change in.
    pub(crate) fn take(&mut self, change: Change) -> Effect {
        match change.what {
            What::InStep(unit) => Effect::InStep(unit),
            What::Installed(api) => {
                self.world.api = Some(api);
                Effect::Changed
            }
            What::Gone { kind, key } => self.remove(kind, &key),
            What::Applied { kind, key, content } => {
                // A watch that nobody wants any more may have had something to say still.
                if kind.reach == Reach::Referenced && !self.wants(kind, &key) {
                    return Effect::None;
                }
                match content {
                    Content::Object(loaded, json) => self.apply(kind, &key, *loaded, json),
                    Content::Json(json) => {
                        self.pods.insert(key, FleetPod::read(&json));
                    }
                    Content::Unreadable(unreadable) => {
                        // The last good one stays: a newer version that cannot be read takes nothing away.
                        let error = &unreadable.error;
                        tracing::error!(%error, "An object cannot be read; what was known of it stays.");
                        self.world.unreadable.insert(name(kind, &key), *unreadable);
                    }
                }
                Effect::Changed
            }
        }
    }

    fn apply(&mut self, kind: &'static Kind, key: &ObjectRef, loaded: Loaded, json: Option<Arc<Value>>) {
        self.names_changed |= may_name(kind);
        let name = name(kind, key);
        self.world.unreadable.remove(&name);
        if kind.is_custom() && !loaded.unknown_fields.is_empty() {
            // A newer definition, most likely: what it means is not done.
            tracing::warn!(object = %name, fields = shortened(loaded.unknown_fields.join(", ")), "Some fields are not known here.");
        }
        if !kind.has_status {
            self.judge(name, &loaded.object);
        }
        self.own(kind, key, json);
        self.world.insert(loaded.object);
    }

    /// Remembers what is wrong with an object that has no status to say it in.
    fn judge(&mut self, name: ObjectName, object: &Object) {
        let errors = validate(object);
        if errors.is_empty() {
            self.world.findings.remove(&name);
        } else {
            self.world.findings.insert(name, errors);
        }
    }

    /// Remembers the JSON of what this installation made, or that it is not of its making any more.
    fn own(&mut self, kind: &'static Kind, key: &ObjectRef, json: Option<Arc<Value>>) {
        let kept = match kind.name {
            "Service" => &mut self.services,
            "EndpointSlice" => &mut self.slices,
            _ => return,
        };
        match json {
            Some(json) => {
                Arc::make_mut(kept).insert(key.clone(), json);
            }
            None if kept.contains_key(key) => {
                Arc::make_mut(kept).remove(key);
            }
            None => {}
        }
    }

    fn remove(&mut self, kind: &'static Kind, key: &ObjectRef) -> Effect {
        let name = name(kind, key);
        self.names_changed |= may_name(kind);
        self.world.unreadable.remove(&name);
        self.world.findings.remove(&name);
        self.own(kind, key, None);
        if kind.reach == Reach::Fleet {
            self.pods.remove(key);
        }
        self.world.remove(kind.name, &key.namespace, &key.name);
        Effect::Changed
    }

    /// Secrets and ConfigMaps that are named now, when they may be others than before. What is named no more is forgotten.
    pub(crate) fn references(&mut self) -> Option<&BTreeSet<Reference>> {
        if !std::mem::take(&mut self.names_changed) {
            return None;
        }
        let wanted = self.world.references(&self.controller_name);
        for Reference { kind, object } in self.wanted.difference(&wanted) {
            self.world.remove(kind, &object.namespace, &object.name);
            self.world.unreadable.remove(&ObjectName::new(kind, &object.namespace, &object.name));
        }
        self.wanted = wanted;
        Some(&self.wanted)
    }

    fn wants(&self, kind: &'static Kind, key: &ObjectRef) -> bool {
        self.wanted.contains(&Reference { kind: kind.name, object: key.clone() })
    }

    /// Hands the world out for a translation; it must come back by [`Store::put_back`].
    pub(crate) fn hand_out(&mut self) -> World {
        self.fill_in();
        std::mem::take(&mut self.world)
    }

    /// Takes the world back.
    pub(crate) fn put_back(&mut self, world: World) {
        self.world = world;
    }

    /// What the leader's writers work from.
    pub(crate) fn view(&self) -> View {
        let world = &self.world;
        let ours = |class: &str| {
            world.classes.get(class).is_some_and(|class| class.spec.controller_name == self.controller_name)
        };
        let gateways = world.gateways.iter().filter(|(_, gateway)| ours(&gateway.spec.gateway_class_name));
        let gateways = gateways.map(|(key, gateway)| (key.clone(), gateway.clone())).collect();
        View {
            gateways: Arc::new(gateways),
            services: self.services.clone(),
            slices: self.slices.clone(),
            pods: Arc::new(self.pods.values().cloned().collect()),
        }
    }

    /// Ports and addresses that the Services say.
    fn fill_in(&mut self) {
        self.world.ports.clear();
        self.world.addresses.clear();
        for service in self.services.values() {
            let GatewayService { gateway: Some(gateway), ports, ingress } = GatewayService::read(service)
            else {
                continue;
            };
            let ports = ports.into_iter().map(|(port, private)| ((gateway.clone(), port), private));
            self.world.ports.extend(ports);
            self.world.addresses.insert(gateway, GatewayAddresses { assigned: ingress });
        }
    }
}

/// Whether objects of a kind name Secrets or ConfigMaps, or decide whether others may.
fn may_name(kind: &Kind) -> bool {
    let routes = ["HTTPRoute", "GRPCRoute", "TLSRoute", "TCPRoute", "UDPRoute"];
    let others = ["EndpointSlice", "Namespace", "Pod", "Secret", "ConfigMap", "ObservabilityPolicy"];
    !routes.contains(&kind.name) && !others.contains(&kind.name)
}

fn name(kind: &'static Kind, key: &ObjectRef) -> ObjectName {
    ObjectName::new(kind.name, &key.namespace, &key.name)
}
