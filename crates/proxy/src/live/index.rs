//! Which backend is where: names to places in [`super::Live::backends`], for each identity that Gateways show.
//!
//! Called while a configuration is compiled. Always holds: a TLS backend has a place of its own for each certificate
//! that some Gateway shows to it, so that connections of different identities meet in no pool.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use clearway_model::{BackendFault, BackendRef, Filter, ObjectRef, Rule, Snapshot, differences};
use clearway_telemetry::Telemetry;

use super::Live;
use super::backends::LiveBackend;
use crate::tls::Certificates;

/// Places of backends. One that stays keeps its place, so that rules that lead there stay as they are.
#[derive(Debug, Default)]
pub(crate) struct BackendIndex {
    plain: HashMap<BackendRef, usize>,
    /// TLS backends as they are reached with a certificate.
    with_identity: HashMap<ObjectRef, HashMap<BackendRef, usize>>,
}

/// The places that rules of one identity use.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reach<'a> {
    index: &'a BackendIndex,
    identity: Option<&'a ObjectRef>,
}

/// Compiles the backends of a snapshot, with each identity that reaches them. `before` lends what did not change.
pub(super) fn compile(
    snapshot: &Snapshot,
    certificates: &Certificates,
    telemetry: &Telemetry,
    before: &Live,
) -> (Arc<BackendIndex>, Vec<Arc<LiveBackend>>) {
    let (old, new) = (&before.snapshot.backends, &snapshot.backends);
    let reached = reached_with_identity(snapshot);
    let plain = |at: &BackendRef, known: Option<&Arc<LiveBackend>>| {
        let backend = new.get(at)?;
        Some(Arc::new(LiveBackend::compile(backend, telemetry, known.map(|known| &**known))))
    };
    if reached.is_empty() && before.index.with_identity.is_empty() && old.keys().eq(new.keys()) {
        let mut backends = before.backends.clone();
        differences(old, new, |found| {
            let slot = before.index.plain.get(found.key).and_then(|at| backends.get_mut(*at));
            if let Some(slot) = slot
                && let Some(compiled) = plain(found.key, Some(&*slot))
            {
                *slot = compiled;
            }
        });
        return (before.index.clone(), backends);
    }
    let wanted: Vec<Wanted<'_>> = new
        .keys()
        .map(|backend| (backend, None))
        .chain(
            reached.iter().flat_map(|(secret, all)| all.iter().map(move |backend| (*backend, Some(*secret)))),
        )
        .collect();
    let places = before.index.assign(&wanted);
    let known = |(backend, identity): Wanted<'_>| before.backends.get(before.index.place(backend, identity)?);
    let mut compiled: HashMap<&BackendRef, Arc<LiveBackend>> = HashMap::new();
    for backend in new.keys() {
        let known = known((backend, None));
        let same = known.filter(|_| old.get(backend) == new.get(backend)).cloned();
        compiled.extend(same.or_else(|| plain(backend, known)).map(|one| (backend, one)));
    }
    let mut index = BackendIndex::default();
    let mut backends = Vec::with_capacity(places.len());
    for (backend, identity) in places {
        let (Some(model), Some(as_nobody)) = (new.get(backend), compiled.get(backend)) else { continue };
        let (at, as_it) = match identity {
            None => (&mut index.plain, as_nobody.clone()),
            Some(secret) => {
                let known = known((backend, identity)).map(|known| &**known);
                let as_it = as_nobody.compile_as(model, secret, certificates, known);
                (index.with_identity.entry(secret.clone()).or_default(), Arc::new(as_it))
            }
        };
        at.insert(backend.clone(), backends.len());
        backends.push(as_it);
    }
    (Arc::new(index), backends)
}

/// A backend, and the certificate that it is shown.
type Wanted<'a> = (&'a BackendRef, Option<&'a ObjectRef>);

impl BackendIndex {
    /// Puts backends in their places: those that had one within the new length keep it, the others fill the gaps.
    fn assign<'a>(&self, wanted: &[Wanted<'a>]) -> Vec<Wanted<'a>> {
        let mut places: Vec<Option<Wanted<'a>>> = vec![None; wanted.len()];
        let mut others = Vec::new();
        for one in wanted {
            match self.place(one.0, one.1).and_then(|at| places.get_mut(at)) {
                Some(place) => *place = Some(*one),
                None => others.push(*one),
            }
        }
        let mut others = others.into_iter();
        places.into_iter().filter_map(|place| place.or_else(|| others.next())).collect()
    }

    fn place(&self, backend: &BackendRef, identity: Option<&ObjectRef>) -> Option<usize> {
        match identity {
            None => self.plain.get(backend).copied(),
            Some(secret) => self.with_identity.get(secret)?.get(backend).copied(),
        }
    }

    /// The places for rules under listeners of this identity.
    pub(super) fn reach<'a>(&'a self, identity: Option<&'a ObjectRef>) -> Reach<'a> {
        Reach { index: self, identity }
    }
}

impl Reach<'_> {
    /// The place of a backend.
    ///
    /// # Errors
    /// The configuration does not have it.
    pub(super) fn find(&self, target: &BackendRef) -> Result<usize, BackendFault> {
        let with_identity =
            self.identity.and_then(|secret| self.index.with_identity.get(secret)?.get(target));
        with_identity.or_else(|| self.index.plain.get(target)).copied().ok_or_else(|| BackendFault {
            reason: "BackendNotFound".into(),
            message: format!("{target} is not in the configuration; check that it exists").into(),
        })
    }
}

/// The certificates that listeners of a rule show to backends. Never more than listeners.
fn identities<'a>(snapshot: &'a Snapshot, rule: &Rule) -> BTreeSet<&'a ObjectRef> {
    let listeners = rule.parents.iter().filter_map(|parent| snapshot.listeners.get(&parent.listener));
    listeners.filter_map(|listener| listener.backend_certificate.as_ref()).collect()
}

/// TLS backends by the certificate that they are shown.
fn reached_with_identity(snapshot: &Snapshot) -> BTreeMap<&ObjectRef, BTreeSet<&BackendRef>> {
    let mut all: BTreeMap<&ObjectRef, BTreeSet<&BackendRef>> = BTreeMap::new();
    if snapshot.listeners.values().all(|listener| listener.backend_certificate.is_none()) {
        return all;
    }
    for rule in snapshot.rules.values() {
        for secret in identities(snapshot, rule) {
            let secured = targets(rule)
                .filter(|target| snapshot.backends.get(target).is_some_and(|backend| backend.tls.is_some()));
            all.entry(secret).or_default().extend(secured);
        }
    }
    all
}

/// Every backend that a rule names, mirrors included.
pub(super) fn targets(rule: &Rule) -> impl Iterator<Item = &BackendRef> {
    let mirrors = rule.filters.iter().filter_map(mirror_target);
    let chosen = rule.backends.iter().flat_map(|choice| {
        choice.target.as_ref().ok().into_iter().chain(choice.filters.iter().filter_map(mirror_target))
    });
    mirrors.chain(chosen)
}

fn mirror_target(filter: &Filter) -> Option<&BackendRef> {
    match filter {
        Filter::Mirror(mirror) => mirror.target.as_ref().ok(),
        _ => None,
    }
}
