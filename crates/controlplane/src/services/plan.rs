//! What is wanted for every Gateway now, and what has to be done for one of them. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use clearway_model::ObjectRef;
use clearway_translate::InfrastructurePlan;
use serde_json::Value;

use super::ports::{Claim, Ports, allocate};
use super::service::{Wish, gateway_of};
use super::slices;
use crate::options::ControlOptions;
use crate::world::{FleetPod, View, managed_by, service_name};

/// Everything that the keeper works from.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted {
    /// Gateways that want a Service.
    pub(crate) wishes: BTreeMap<ObjectRef, Wish>,
    /// What is there.
    pub(crate) view: View,
    /// Where the fleet's pods are.
    pub(crate) pod_namespace: String,
}

/// Something to do at the apiserver.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Action {
    /// Make it.
    Create(Kind, Value),
    /// Change it.
    Patch(Kind, ObjectRef, Value),
    /// Take it away: it is this very one.
    Delete(Kind, ObjectRef, Arc<Value>),
}

/// What is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `v1` Service.
    Service,
    /// `discovery.k8s.io/v1` EndpointSlice.
    Slice,
}

impl Kind {
    /// Version and resource.
    pub(crate) const fn resource(self) -> (&'static str, &'static str) {
        match self {
            Self::Service => ("v1", "services"),
            Self::Slice => ("discovery.k8s.io/v1", "endpointslices"),
        }
    }

    /// The word for messages.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Service => "Service",
            Self::Slice => "EndpointSlice",
        }
    }
}

impl Wanted {
    /// Works out what is wanted. `given` holds the ports that were given since the Services were read, and takes the new
    /// ones in.
    pub(crate) fn new(
        plans: &BTreeMap<ObjectRef, InfrastructurePlan>,
        view: View,
        options: &ControlOptions,
        given: &mut BTreeMap<ObjectRef, Ports>,
    ) -> Self {
        given.retain(|gateway, _| view.gateways.contains_key(gateway));
        let read =
            view.services.values().filter_map(|service| Some(Claim::read(&gateway_of(service)?, service)));
        let fresh = given.iter().map(|(gateway, ports)| Claim {
            created: String::new(),
            gateway: gateway.clone(),
            ports: ports.clone(),
        });
        let claims: Vec<Claim> = fresh.chain(read).collect();
        let allocated =
            allocate(&claims, plans.iter().map(|(gateway, plan)| (gateway, plan.ports.as_slice())));
        let wishes = plans.iter().map(|(gateway, plan)| {
            let ports = allocated.get(gateway).cloned().unwrap_or_default();
            given.insert(gateway.clone(), ports.clone());
            let wish = Wish {
                name: service_name(gateway, options),
                gateway: gateway.clone(),
                managed_by: managed_by(options),
                plan: plan.clone(),
                ports,
            };
            (gateway.clone(), wish)
        });
        Self { wishes: wishes.collect(), view, pod_namespace: options.namespace.clone() }
    }

    /// Gateways that something has to be done for.
    pub(crate) fn pending(&self) -> BTreeSet<ObjectRef> {
        let wished = self.wishes.keys().filter(|gateway| !self.actions(gateway).is_empty());
        wished.cloned().chain(self.left_behind()).collect()
    }

    /// Gateways that are not ours any more, and still have something of ours.
    pub(crate) fn left_behind(&self) -> BTreeSet<ObjectRef> {
        let made = self.view.services.values().chain(self.view.slices.values());
        made.filter_map(|object| gateway_of(object))
            .filter(|gateway| !self.view.gateways.contains_key(gateway))
            .collect()
    }

    /// What has to be done for a Gateway that is ours. For one that is refused that is nothing: it keeps what it has.
    pub(crate) fn actions(&self, gateway: &ObjectRef) -> Vec<Action> {
        let Some(wish) = self.wishes.get(gateway) else { return Vec::new() };
        let mut actions = Vec::new();
        let key = |name: &str| ObjectRef::new(gateway.namespace.clone(), name);
        match self.view.services.get(&key(&wish.name)) {
            // A Service must have a port.
            None if wish.ports.is_empty() => {}
            None => actions.push(Action::Create(Kind::Service, wish.service())),
            // It goes; its end is seen, and then it is made anew.
            Some(service) if service.pointer("/metadata/deletionTimestamp").is_some() => {}
            Some(service) => {
                let change = wish.service_patch(service);
                actions.extend(change.map(|change| Action::Patch(Kind::Service, key(&wish.name), change)));
            }
        }
        let mut wanted = slices::wanted(wish, &self.ordered_pods(), &self.pod_namespace);
        for (key, slice) in &*self.view.slices {
            if gateway_of(slice).as_ref() != Some(gateway) {
                continue;
            }
            match wanted.remove(&*key.name) {
                Some(fresh) => {
                    let change = slices::slice_patch(wish, slice, &fresh);
                    actions.extend(change.map(|change| Action::Patch(Kind::Slice, key.clone(), change)));
                }
                // A Service that nobody uses keeps its ports, and its slices.
                None if wish.ports.is_empty() => {}
                None => actions.push(Action::Delete(Kind::Slice, key.clone(), slice.clone())),
            }
        }
        actions.extend(wanted.into_values().map(|slice| Action::Create(Kind::Slice, slice)));
        actions
    }

    /// Takes away what was made for a Gateway that is not ours any more.
    pub(crate) fn removals(&self, gateway: &ObjectRef) -> Vec<Action> {
        let of = |kind: Kind, made: &BTreeMap<ObjectRef, Arc<Value>>| -> Vec<Action> {
            let made = made.iter().filter(|(_, object)| gateway_of(object).as_ref() == Some(gateway));
            made.map(|(key, object)| Action::Delete(kind, key.clone(), object.clone())).collect()
        };
        let mut actions = of(Kind::Service, &self.view.services);
        actions.extend(of(Kind::Slice, &self.view.slices));
        actions
    }

    /// Pods in an order that does not move when one comes: slices change as little as can be.
    fn ordered_pods(&self) -> Vec<FleetPod> {
        let mut pods = self.view.pods.to_vec();
        pods.sort_by(|a, b| a.name.cmp(&b.name));
        pods
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn options() -> ControlOptions {
        ControlOptions::new("edge", "infra")
    }

    fn gateway(name: &str) -> ObjectRef {
        ObjectRef::new("shop", name)
    }

    fn plan(ports: &[u16]) -> InfrastructurePlan {
        InfrastructurePlan { owner_uid: "u".into(), ports: ports.to_vec(), ..InfrastructurePlan::default() }
    }

    fn view(gateways: &[&str], made: &[Value]) -> View {
        let read = |name: &&str| {
            let object = json!({"metadata": {"name": name, "namespace": "shop"}, "spec": {"gatewayClassName": "edge"}});
            (gateway(name), serde_json::from_value(object).unwrap())
        };
        let of = |kind: &str| {
            let objects = made.iter().filter(|object| object["kind"] == kind).map(|object| {
                let text = |key: &str| object["metadata"][key].as_str().unwrap();
                (ObjectRef::new(text("namespace"), text("name")), Arc::new(object.clone()))
            });
            Arc::new(objects.collect::<BTreeMap<_, _>>())
        };
        let pod = FleetPod {
            name: "p".into(),
            addresses: vec!["10.0.0.1".parse().unwrap()],
            ready: true,
            ..FleetPod::default()
        };
        View {
            gateways: Arc::new(gateways.iter().map(read).collect()),
            services: of("Service"),
            slices: of("EndpointSlice"),
            pods: Arc::new(vec![pod]),
        }
    }

    fn wanted(plans: &[(&str, &[u16])], view: View) -> Wanted {
        let plans = plans.iter().map(|(name, ports)| (gateway(name), plan(ports))).collect();
        Wanted::new(&plans, view, &options(), &mut BTreeMap::new())
    }

    fn made(wanted: &Wanted, name: &str) -> Vec<Value> {
        let created = wanted.actions(&gateway(name)).into_iter().map(|action| match action {
            Action::Create(_, object) => object,
            other => panic!("{other:?}"),
        });
        created.collect()
    }

    #[test]
    fn a_gateway_gets_its_service_and_slices_and_then_nothing_more() {
        let first = wanted(&[("web", &[80])], view(&["web"], &[]));
        let made = made(&first, "web");
        assert_eq!(made.len(), 2);
        assert_eq!(first.pending().len(), 1);
        let second = wanted(&[("web", &[80])], view(&["web"], &made));
        assert!(second.pending().is_empty(), "{:?}", second.actions(&gateway("web")));
    }

    #[test]
    fn ports_stay_while_the_services_are_not_read_back_yet() {
        let mut given = BTreeMap::new();
        let plans = |ports: &[u16]| BTreeMap::from([(gateway("web"), plan(ports))]);
        let first = Wanted::new(&plans(&[80]), view(&["web"], &[]), &options(), &mut given);
        let second = Wanted::new(&plans(&[80, 81]), view(&["web"], &[]), &options(), &mut given);
        let private = |wanted: &Wanted| wanted.wishes[&gateway("web")].ports[&80];
        assert_eq!(private(&first), private(&second));
        Wanted::new(&BTreeMap::new(), view(&[], &[]), &options(), &mut given);
        assert!(given.is_empty(), "a Gateway that is gone gives its ports back");
    }

    #[test]
    fn a_gateway_without_a_good_listener_makes_nothing_and_loses_nothing() {
        let none = wanted(&[("web", &[])], view(&["web"], &[]));
        assert!(none.pending().is_empty());
        let made = made(&wanted(&[("web", &[80])], view(&["web"], &[])), "web");
        assert!(wanted(&[("web", &[])], view(&["web"], &made)).pending().is_empty());
        assert!(
            wanted(&[], view(&["web"], &made)).pending().is_empty(),
            "a refused Gateway keeps its address"
        );
    }

    #[test]
    fn a_service_that_is_being_deleted_is_left_to_end() {
        let mut made = made(&wanted(&[("web", &[80])], view(&["web"], &[])), "web");
        made[0]["metadata"]["deletionTimestamp"] = "2026-11-21T05:00:00Z".into();
        assert!(wanted(&[("web", &[80])], view(&["web"], &made)).pending().is_empty());
    }

    #[test]
    fn what_was_made_for_a_gateway_that_is_gone_is_found() {
        let made = made(&wanted(&[("web", &[80])], view(&["web"], &[])), "web");
        let after = wanted(&[], view(&["other"], &made));
        assert_eq!(after.pending(), BTreeSet::from([gateway("web")]));
        assert!(after.actions(&gateway("web")).is_empty());
        let removals = after.removals(&gateway("web"));
        assert!(matches!(removals[..], [Action::Delete(Kind::Service, ..), Action::Delete(Kind::Slice, ..)]));
    }

    #[test]
    fn a_slice_without_pods_goes() {
        let made = made(&wanted(&[("web", &[80])], view(&["web"], &[])), "web");
        let view = View { pods: Arc::default(), ..view(&["web"], &made) };
        let actions = wanted(&[("web", &[80])], view).actions(&gateway("web"));
        assert!(matches!(actions[..], [Action::Delete(Kind::Slice, ..)]), "{actions:?}");
    }
}
