//! Routes and what became of them, remembered. Always holds: the rules, uses and users are those of the outcomes.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use clearway_model::{BackendRef, ObjectRef, RouteKind, RouteRef, Rule, RuleRef};

use super::{Scene, Stale};
use crate::attach::{self, Parents, RouteSource, RouteState};
use crate::backends::{Finder, Seen, Target};
use crate::exclusive::{self, Lost};
use crate::gateways::GatewayState;
use crate::policies::Policies;
use crate::problem::{Problems, Refusal};
use crate::routes::{self, Outcome};
use crate::status::{RouteStatus, StatusPlan};
use crate::version::Hashed;

/// All routes.
#[derive(Default)]
pub(super) struct Routes {
    kept: BTreeMap<RouteRef, Kept>,
    /// Attachments that routes lose to older ones of the other kind.
    lost: BTreeMap<RouteRef, Lost>,
    rules: BTreeMap<RuleRef, Hashed<Rule>>,
    /// Routes by what their references name.
    users: HashMap<Target, BTreeSet<RouteRef>>,
    /// Backends by how many routes are served by them.
    uses: BTreeMap<BackendRef, Uses>,
}

/// A route, and what became of it.
struct Kept {
    /// How it stands to its parents, other routes apart.
    state: RouteState,
    rules: Vec<RuleRef>,
    status: Option<Arc<RouteStatus>>,
    problems: Vec<Refusal>,
    counted: BTreeSet<(usize, usize)>,
    gateways: BTreeSet<ObjectRef>,
    seen: Seen,
}

/// How many routes are served by a backend.
#[derive(Clone, Copy, Default)]
pub(super) struct Uses {
    all: usize,
    grpc: usize,
}

impl Uses {
    /// Whether a GRPCRoute is.
    pub(super) fn is_grpc(self) -> bool {
        self.grpc > 0
    }
}

impl Routes {
    /// Names of all routes.
    pub(super) fn names(&self) -> impl Iterator<Item = &RouteRef> {
        self.kept.keys()
    }

    /// Routes with a reference to an object.
    pub(super) fn users(&self, target: &Target) -> impl Iterator<Item = RouteRef> {
        self.users.get(target).into_iter().flatten().cloned()
    }

    /// Backends that routes are served by.
    pub(super) fn uses(&self) -> &BTreeMap<BackendRef, Uses> {
        &self.uses
    }

    /// Those of them that belong to an object.
    pub(super) fn uses_of(&self, kind: &str, object: &ObjectRef) -> impl Iterator<Item = BackendRef> {
        let first = BackendRef { kind: kind.into(), object: object.clone(), port: 0 };
        let last = BackendRef { port: u16::MAX, ..first.clone() };
        self.uses.range(first..=last).map(|(backend, _)| backend.clone())
    }

    /// All rules that are served.
    pub(super) fn rules(&self) -> &BTreeMap<RuleRef, Hashed<Rule>> {
        &self.rules
    }

    /// Listeners that count a route, for each route.
    pub(super) fn counted(&self) -> impl Iterator<Item = &BTreeSet<(usize, usize)>> {
        self.kept.values().map(|kept| &kept.counted)
    }

    /// Looks at stale routes anew; backends whose use changes become stale too.
    pub(super) fn update(&mut self, scene: &Scene<'_, '_>, stale: &mut Stale) {
        let parents = Parents::of(scene.gateways);
        let mut fresh = BTreeMap::new();
        for key in &stale.routes {
            if let Some(source) = RouteSource::find(scene.world, key) {
                fresh.insert(key.clone(), attach::read(key, source, &parents, scene.world));
            }
        }
        let lost = self.losses(scene, &stale.routes, &fresh);
        let keys = lost.keys().chain(self.lost.keys());
        let moved: Vec<_> = keys.filter(|key| lost.get(*key) != self.lost.get(*key)).cloned().collect();
        self.lost = lost;
        for key in moved {
            if stale.routes.insert(key.clone())
                && let Some(kept) = self.kept.get(&key)
            {
                fresh.insert(key, kept.state.clone());
            }
        }
        for key in &stale.routes {
            self.forget(key, &mut stale.backends);
            if let Some(state) = fresh.remove(key) {
                self.serve(state, scene, &mut stale.backends);
            }
        }
        self.drop_rules(&stale.routes);
    }

    /// Which routes lose attachments, as things stand now.
    fn losses(
        &self,
        scene: &Scene<'_, '_>,
        stale: &BTreeSet<RouteRef>,
        fresh: &BTreeMap<RouteRef, RouteState>,
    ) -> BTreeMap<RouteRef, Lost> {
        if scene.world.http_routes.is_empty() || scene.world.grpc_routes.is_empty() {
            return BTreeMap::new();
        }
        let same = self.kept.iter().filter(|(key, _)| !stale.contains(*key)).map(|(_, kept)| &kept.state);
        let mut all: Vec<&RouteState> = same.chain(fresh.values()).collect();
        all.sort_by(|one, other| one.key.cmp(&other.key));
        exclusive::find(&all)
    }

    /// Makes a route's outcome and remembers it.
    fn serve(&mut self, state: RouteState, scene: &Scene<'_, '_>, backends: &mut BTreeSet<BackendRef>) {
        let finder = Finder::new(scene.world, scene.index, scene.policies);
        let key = state.key.clone();
        let outcome = match self.lost.get(&key) {
            None => routes::serve(&state, scene.gateways, scene.options, finder),
            Some(lost) => {
                let mut left = state.clone();
                lost.iter().for_each(|place| exclusive::take_away(&mut left, *place));
                routes::serve(&left, scene.gateways, scene.options, finder)
            }
        };
        let Outcome { rules, status, problems, counted, gateways, seen } = outcome;
        for target in &seen.objects {
            self.users.entry(target.clone()).or_default().insert(key.clone());
        }
        for backend in &seen.backends {
            let uses = self.uses.entry(backend.clone()).or_default();
            uses.all += 1;
            uses.grpc += usize::from(key.kind == RouteKind::Grpc);
            backends.insert(backend.clone());
        }
        let names = rules.iter().map(|rule| rule.rule.clone()).collect();
        for mut rule in rules {
            rule.observability = scene.observers.rule(&rule.rule);
            // What came out the same stays the same pointer.
            if self.rules.get(&rule.rule).is_none_or(|before| *before.value != rule) {
                self.rules.insert(rule.rule.clone(), Hashed::new(rule));
            }
        }
        let status = status.map(Arc::new);
        self.kept.insert(key, Kept { state, rules: names, status, problems, counted, gateways, seen });
    }

    /// Forgets a route, all but its rules.
    fn forget(&mut self, key: &RouteRef, backends: &mut BTreeSet<BackendRef>) {
        let Some(kept) = self.kept.remove(key) else { return };
        for target in &kept.seen.objects {
            if let Some(users) = self.users.get_mut(target) {
                users.remove(key);
                if users.is_empty() {
                    self.users.remove(target);
                }
            }
        }
        for backend in kept.seen.backends {
            if let Some(uses) = self.uses.get_mut(&backend) {
                uses.all -= 1;
                uses.grpc -= usize::from(key.kind == RouteKind::Grpc);
                if uses.all == 0 {
                    self.uses.remove(&backend);
                }
            }
            backends.insert(backend);
        }
    }

    /// Takes rules away that their routes do not have any more.
    fn drop_rules(&mut self, routes: &BTreeSet<RouteRef>) {
        for route in routes {
            let first = RuleRef { route: route.clone(), index: 0, name: None };
            let of_route = self.rules.range(first..).take_while(|(rule, _)| rule.route == *route);
            let kept = self.kept.get(route).map_or(&[][..], |kept| &kept.rules);
            let gone: Vec<_> =
                of_route.map(|(rule, _)| rule).filter(|rule| !kept.contains(rule)).cloned().collect();
            gone.iter().for_each(|rule| _ = self.rules.remove(rule));
        }
    }

    /// Tells policies which Gateways use their Services.
    pub(super) fn note_users(&self, policies: &mut Policies<'_>) {
        if policies.are_none() {
            return;
        }
        for kept in self.kept.values() {
            kept.seen.services.iter().for_each(|service| policies.used(service, &kept.gateways));
        }
    }

    /// Gateways of ours that a route names, whether they let it in or not.
    pub(super) fn parents(&self, route: &RouteRef, gateways: &[GatewayState<'_>]) -> BTreeSet<ObjectRef> {
        let parents = self.kept.get(route).into_iter().flat_map(|kept| &kept.state.parents);
        parents.filter_map(|parent| gateways.get(parent.gateway)).map(|state| state.key.clone()).collect()
    }

    /// Writes down the status of routes and what is wrong with them.
    pub(super) fn plan(&self, status: &mut StatusPlan, problems: &mut Problems) {
        for kept in self.kept.values().filter(|kept| !kept.problems.is_empty()) {
            let object = kept.state.object();
            kept.problems.iter().for_each(|refusal| problems.error(&object, refusal));
        }
        let said = self.kept.iter().filter_map(|(key, kept)| Some((key.clone(), kept.status.clone()?)));
        status.routes = said.collect();
    }
}
