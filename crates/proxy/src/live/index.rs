//! Which backend is where: names to places in [`super::Live::backends`], for each identity that Gateways show.
//!
//! Called while a configuration is compiled. Always holds: a TLS backend has a place of its own for each certificate
//! that some Gateway shows to it, so that connections of different identities meet in no pool.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use clearway_model::{BackendFault, BackendRef, Filter, ObjectRef, Rule, Snapshot};
use clearway_telemetry::Telemetry;

use super::backends::{LiveBackend, PoolKey};
use crate::tls::Certificates;

/// Places of backends.
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

impl BackendIndex {
    /// Compiles the backends of a snapshot, with each identity that reaches them. `before` lends what did not change.
    pub(super) fn compile(
        snapshot: &Snapshot,
        certificates: &Certificates,
        telemetry: &Telemetry,
        before: &[Arc<LiveBackend>],
    ) -> (Self, Vec<Arc<LiveBackend>>) {
        let known: HashMap<PoolKey, &Arc<LiveBackend>> =
            before.iter().map(|backend| (backend.pool_key(), backend)).collect();
        let known = |backend: &BackendRef, identity: Option<&ObjectRef>| {
            let key = PoolKey { backend: backend.clone(), identity: identity.cloned() };
            known.get(&key).map(|known| &***known)
        };
        let mut index = Self::default();
        let mut compiled = Vec::with_capacity(snapshot.backends.len());
        for backend in snapshot.backends.values() {
            index.plain.insert(backend.backend.clone(), compiled.len());
            let before = known(&backend.backend, None);
            compiled.push(Arc::new(LiveBackend::compile(backend, telemetry, before)));
        }
        for (secret, targets) in reached_with_identity(snapshot) {
            let places = index.with_identity.entry(secret.clone()).or_default();
            for target in targets {
                let (Some(backend), Some(plain)) = (snapshot.backends.get(target), index.plain.get(target))
                else {
                    continue;
                };
                let before = known(target, Some(secret));
                let Some(as_it) =
                    compiled.get(*plain).map(|plain| plain.compile_as(backend, secret, certificates, before))
                else {
                    continue;
                };
                places.insert(target.clone(), compiled.len());
                compiled.push(Arc::new(as_it));
            }
        }
        (index, compiled)
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

/// The certificates that listeners of a rule show to backends; `None` is no certificate. Never more than listeners.
pub(super) fn identities<'a>(snapshot: &'a Snapshot, rule: &Rule) -> BTreeSet<Option<&'a ObjectRef>> {
    let listeners = rule.parents.iter().filter_map(|parent| snapshot.listeners.get(&parent.listener));
    listeners.map(|listener| listener.backend_certificate.as_ref()).collect()
}

/// TLS backends by the certificate that they are shown.
fn reached_with_identity(snapshot: &Snapshot) -> BTreeMap<&ObjectRef, BTreeSet<&BackendRef>> {
    let mut all: BTreeMap<&ObjectRef, BTreeSet<&BackendRef>> = BTreeMap::new();
    for rule in snapshot.rules.values() {
        for secret in identities(snapshot, rule).into_iter().flatten() {
            let secured = targets(rule)
                .filter(|target| snapshot.backends.get(target).is_some_and(|backend| backend.tls.is_some()));
            all.entry(secret).or_default().extend(secured);
        }
    }
    all
}

/// Every backend that a rule names, mirrors included.
fn targets(rule: &Rule) -> impl Iterator<Item = &BackendRef> {
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
