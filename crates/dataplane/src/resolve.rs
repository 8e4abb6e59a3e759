//! Names of endpoints: resolved before a snapshot is compiled, and again and again after. A name that cannot be resolved
//! keeps the addresses it had.
//!
//! Whoever answers for a name may be slow on purpose. So a change waits shortly, and only for names that are new; all
//! others are looked up beside it.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use clearway_model::{Endpoint, EndpointAddress, Snapshot, is_special_address};

/// Names to look up.
pub(crate) type Names = BTreeSet<Arc<str>>;
/// What names lead to.
pub(crate) type Answers = Vec<(Arc<str>, io::Result<BTreeSet<IpAddr>>)>;

/// Addresses by name.
#[derive(Debug, Default)]
pub(crate) struct Resolver {
    known: BTreeMap<Arc<str>, BTreeSet<IpAddr>>,
    /// Names that were asked for, whatever came of it.
    asked: Names,
    /// Whether addresses of this machine and link-local ones are left out: in a cluster no name of a user may lead there.
    guarded: bool,
}

impl Resolver {
    /// One that leaves out what leads to this machine or its link.
    pub(crate) fn guarded() -> Self {
        Self { guarded: true, ..Self::default() }
    }

    /// Names of a snapshot that nobody has asked for yet.
    pub(crate) fn new_names(&self, snapshot: &Snapshot) -> Names {
        names(snapshot).filter(|name| !self.asked.contains(*name)).cloned().collect()
    }

    /// All names of a snapshot.
    pub(crate) fn names(snapshot: &Snapshot) -> Names {
        names(snapshot).cloned().collect()
    }

    /// Forgets names that a snapshot does not have any more.
    pub(crate) fn keep(&mut self, snapshot: &Snapshot) {
        let wanted = Self::names(snapshot);
        self.known.retain(|name, _| wanted.contains(name));
        self.asked.retain(|name| wanted.contains(name));
    }

    /// Takes answers in; true when one differs from the last.
    pub(crate) fn learn(&mut self, answers: Answers) -> bool {
        let mut changed = false;
        for (name, answer) in answers {
            self.asked.insert(name.clone());
            match answer {
                Ok(mut found) if !found.is_empty() => {
                    if self.guarded && found.iter().any(|ip| is_special_address(*ip)) {
                        tracing::warn!(%name, "A backend's name leads to the gateway's own machine or link; nothing is sent there.");
                        found.retain(|ip| !is_special_address(*ip));
                    }
                    changed |= self.known.insert(name, found.clone()).as_ref() != Some(&found);
                }
                Ok(_) => tracing::warn!(%name, "A backend's name has no address; the last known ones stay."),
                Err(error) => {
                    tracing::warn!(%name, %error, "A backend's name cannot be resolved; the last known addresses stay.");
                }
            }
        }
        changed
    }

    /// The snapshot with addresses in place of names.
    pub(crate) fn resolve(&self, snapshot: &Arc<Snapshot>) -> Arc<Snapshot> {
        if names(snapshot).next().is_none() {
            return snapshot.clone();
        }
        let mut resolved = Snapshot::clone(snapshot);
        for shared in resolved.backends.values_mut() {
            if !shared.endpoints.iter().any(|one| matches!(one.address, EndpointAddress::Host(_))) {
                continue;
            }
            let backend = Arc::make_mut(shared);
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
        Arc::new(resolved)
    }

    fn addresses(&self, name: &Arc<str>, port: u16) -> Vec<Endpoint> {
        let found = self.known.get(name).into_iter().flatten();
        found.map(|ip| Endpoint { address: EndpointAddress::Ip(*ip), port }).collect()
    }
}

/// Looks names up, all at once, for so long at most.
pub(crate) async fn look_up(names: Names, limit: Duration) -> Answers {
    ask_all(names, limit, |name| async move {
        let found = tokio::net::lookup_host((&*name, 0)).await?;
        Ok(found.map(|one| one.ip()).collect())
    })
    .await
}

async fn ask_all<F>(names: Names, limit: Duration, ask: impl Fn(Arc<str>) -> F) -> Answers
where
    F: Future<Output = io::Result<BTreeSet<IpAddr>>> + Send + 'static,
{
    let mut lookups = tokio::task::JoinSet::new();
    for name in names {
        let answer = tokio::time::timeout(limit, ask(name.clone()));
        lookups.spawn(async move {
            let late = || io::Error::new(io::ErrorKind::TimedOut, format!("no answer within {limit:?}"));
            (name, answer.await.unwrap_or_else(|_| Err(late())))
        });
    }
    let mut answers = Vec::new();
    while let Some(done) = lookups.join_next().await {
        match done {
            Ok(answer) => answers.push(answer),
            Err(error) => tracing::error!(%error, "A look-up broke off."),
        }
    }
    answers
}

fn names(snapshot: &Snapshot) -> impl Iterator<Item = &Arc<str>> {
    snapshot.backends.values().flat_map(|backend| &backend.endpoints).filter_map(|endpoint| {
        match &endpoint.address {
            EndpointAddress::Host(name) => Some(name),
            EndpointAddress::Ip(_) => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ips(texts: &[&str]) -> BTreeSet<IpAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_name_that_is_never_answered_holds_nobody_up() {
        let names: Names = ["fast.example", "never.example"].map(Arc::from).into();
        let began = tokio::time::Instant::now();
        let limit = Duration::from_secs(1);
        let answers = ask_all(names, limit, |name| async move {
            if name.starts_with("never") {
                std::future::pending::<()>().await;
            }
            Ok(ips(&["192.0.2.1"]))
        })
        .await;
        assert_eq!(began.elapsed(), limit);
        let told: BTreeMap<_, _> =
            answers.iter().map(|(name, answer)| (&**name, answer.as_ref().ok().cloned())).collect();
        assert_eq!(told["fast.example"], Some(ips(&["192.0.2.1"])));
        assert_eq!(told["never.example"], None);
    }

    #[test]
    fn a_guarded_resolver_follows_no_name_to_its_own_machine() {
        let answer = || vec![("a.example".into(), Ok(ips(&["127.0.0.1", "192.0.2.1", "169.254.169.254"])))];
        let (mut guarded, mut plain) = (Resolver::guarded(), Resolver::default());
        assert!(guarded.learn(answer()) && plain.learn(answer()));
        let name: Arc<str> = "a.example".into();
        assert_eq!(guarded.addresses(&name, 80).len(), 1);
        assert_eq!(plain.addresses(&name, 80).len(), 3);
        assert!(!guarded.learn(answer()), "the same again");
    }
}
