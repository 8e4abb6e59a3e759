//! The translator: a translation that remembers the one before, so that a change costs what it changes.
//!
//! The control plane keeps one; [`crate::translate`] takes a new one each time. What always holds: the answer depends on
//! the world and the options alone, never on what was translated before (`tests/incremental.rs` compares the two over
//! random edits). What is remembered is keyed by what went into it: a route by its object, the frame (`frame`) and the
//! objects that its references name, a backend by its Service, its EndpointSlices and the frame.

mod backends;
mod frame;
mod routes;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use clearway_model::{BackendRef, Difference, ObjectRef, RouteKind, RouteRef, Snapshot, differences};

use crate::backends::{OWN, SERVICE, Target};
use crate::gateways::GatewayState;
use crate::observability::{self, Observers};
use crate::policies::Policies;
use crate::problem::Problems;
use crate::status::StatusPlan;
use crate::version::{self, Versioner};
use crate::world::{Index, World};
use crate::{
    Options, Translation, attach, binds, classes, conflicts, gateway_status, gateways, infrastructure,
    listeners, policies, sets, unreadable,
};
use backends::Backends;
use frame::Frame;
use routes::Routes;

/// Turns objects into served configuration, again and again.
#[derive(Default)]
pub struct Translator {
    frame: Option<Frame>,
    /// Routes and what their references name, as they were.
    seen: World,
    routes: Routes,
    backends: Backends,
}

/// What has to be looked at anew.
#[derive(Default)]
struct Stale {
    routes: BTreeSet<RouteRef>,
    backends: BTreeSet<BackendRef>,
}

/// What everything is translated in.
struct Scene<'a, 'w> {
    world: &'w World,
    options: &'a Options,
    index: &'a Index<'w>,
    gateways: &'a [GatewayState<'w>],
    policies: &'a Policies<'w>,
    observers: &'a Observers<'w>,
}

impl Translator {
    /// Turns a world into served configuration. Rules and backends that are as they were are the same pointers as before.
    pub fn translate(&mut self, world: &World, options: &Options) -> Translation {
        let index = Index::of(world);
        let mut problems = Problems::default();
        let mut status = StatusPlan::default();
        let mut snapshot = Snapshot::default();

        let classes = classes::accept(world, options, &mut status, &mut problems);
        let mut gateways = gateways::read(world, &index, options, &classes, &mut problems);
        sets::attach(&mut gateways, world, &index, &mut problems);
        conflicts::find(&mut gateways, options);
        binds::assign(&mut gateways, world, options);
        let observers = Observers::of(world, options);
        listeners::serve(&gateways, world, (&observers, options), &mut snapshot);

        let mut stale = self.catch_up(world, options);
        let mut policies = Policies::of(world);
        let scene = Scene {
            world,
            options,
            index: &index,
            gateways: &gateways,
            policies: &policies,
            observers: &observers,
        };
        self.routes.update(&scene, &mut stale);
        self.backends.update(&scene, self.routes.uses(), &stale.backends);
        attach::count(&mut gateways, self.routes.counted());
        self.routes.note_users(&mut policies);

        self.routes.plan(&mut status, &mut problems);
        gateway_status::plan(&gateways, world, options, &mut status, &mut problems);
        sets::plan(&gateways, &mut status, &mut problems);
        policies::plan(&policies, options, &mut status, &mut problems);
        let parents = |route: &RouteRef| self.routes.parents(route, &gateways);
        let observability = observability::Scene {
            world,
            options,
            gateways: &gateways,
            observers: &observers,
            parents: &parents,
        };
        observability::plan(&observability, &mut status, &mut problems);
        let refused = unreadable::Scene {
            world,
            options,
            gateways: &gateways,
            policies: &policies,
            observability: &observability,
        };
        unreadable::plan(&refused, &mut status, &mut problems);
        problems.fields(&world.findings);
        self.backends.plan(&mut problems);
        self.assemble(&mut snapshot);
        let infrastructure = infrastructure::plan(&gateways);
        Translation { snapshot, status, infrastructure, problems: problems.into_sorted() }
    }

    /// Finds out what has changed since the last time.
    fn catch_up(&mut self, world: &World, options: &Options) -> Stale {
        let mut stale = Stale::default();
        if !self.frame.as_ref().is_some_and(|frame| frame.holds(world, options)) {
            self.frame = Some(Frame::of(world, options));
            stale.routes.extend(self.routes.names().cloned());
            stale.backends.extend(self.routes.uses().keys().cloned());
        }
        let routes = &mut stale.routes;
        catch_up_routes(RouteKind::Http, &mut self.seen.http_routes, &world.http_routes, routes);
        catch_up_routes(RouteKind::Grpc, &mut self.seen.grpc_routes, &world.grpc_routes, routes);
        catch_up_routes(RouteKind::Tls, &mut self.seen.tls_routes, &world.tls_routes, routes);
        catch_up_routes(RouteKind::Tcp, &mut self.seen.tcp_routes, &world.tcp_routes, routes);
        catch_up_routes(RouteKind::Udp, &mut self.seen.udp_routes, &world.udp_routes, routes);
        let known = &self.routes;
        follow(&mut self.seen.services, &world.services, |found| {
            stale.routes.extend(known.users(&Target::Service(found.key.clone())));
            stale.backends.extend(known.uses_of(SERVICE, found.key));
        });
        follow(&mut self.seen.backends, &world.backends, |found| {
            stale.routes.extend(known.users(&Target::Own(found.key.clone())));
            stale.backends.extend(known.uses_of(OWN, found.key));
        });
        follow(&mut self.seen.observability_policies, &world.observability_policies, |found| {
            let both = found.before.into_iter().chain(found.now);
            both.for_each(|policy| stale.routes.extend(observability::routes(policy)));
        });
        let backends = &mut self.backends;
        follow(&mut self.seen.slices, &world.slices, |found| {
            let services = backends.follow(found.before, found.now);
            services.iter().for_each(|service| stale.backends.extend(known.uses_of(SERVICE, service)));
        });
        stale
    }

    /// Puts everything that is served into the snapshot, and its version.
    fn assemble(&self, snapshot: &mut Snapshot) {
        let (rules, backends) = (self.routes.rules(), self.backends.all());
        snapshot.rules = rules.iter().map(|(key, one)| (key.clone(), one.value.clone())).collect();
        snapshot.backends = backends.iter().map(|(key, one)| (key.clone(), one.value.clone())).collect();
        let mut versioner = Versioner::default();
        let listeners = snapshot.listeners.values().map(|listener| version::digest(&**listener));
        versioner.section("listeners", listeners);
        versioner.section("rules", rules.values().map(|one| one.digest));
        versioner.section("backends", backends.values().map(|one| one.digest));
        let certificates = snapshot.certificates.values().map(|one| version::of_certificate(one));
        versioner.section("certificates", certificates);
        snapshot.version = versioner.finish();
    }
}

impl std::fmt::Debug for Translator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Translator").field("framed", &self.frame.is_some()).finish_non_exhaustive()
    }
}

type Objects<T> = BTreeMap<ObjectRef, Arc<T>>;

/// Calls `found` for each object that is new, gone or another, and remembers how they are now.
fn follow<T: PartialEq>(
    seen: &mut Objects<T>,
    now: &Objects<T>,
    mut found: impl FnMut(Difference<'_, ObjectRef, T>),
) {
    let mut differ = false;
    differences(seen, now, |one| {
        differ = true;
        found(one);
    });
    if differ {
        seen.clone_from(now);
    }
}

fn catch_up_routes<T: PartialEq>(
    kind: RouteKind,
    seen: &mut Objects<T>,
    now: &Objects<T>,
    stale: &mut BTreeSet<RouteRef>,
) {
    follow(seen, now, |found| {
        stale.insert(RouteRef { kind, object: found.key.clone() });
    });
}
