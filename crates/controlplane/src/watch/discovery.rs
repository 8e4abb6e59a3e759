//! Which kinds the apiserver has, and in which version they are watched.
//!
//! Kinds of our own and of the Gateway API come and go with their custom resource definitions. A missing one is named
//! and asked for again; it counts as empty only after the apiserver itself has said that it is not there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use clearway_k8s::GATEWAY_GROUP;
use clearway_translate::InstalledApi;
use kube::Client;
use kube::api::ApiResource;
use serde_json::Value;
use tokio::sync::{Notify, mpsc, watch};

use super::backoff::Backoff;
use super::change::{Change, What};
use super::kinds::{CONFIG_MAP, KINDS, Kind, SECRET};

/// How often kinds that are missing are asked for.
const AGAIN: Duration = Duration::from_secs(10);
/// How often anything new is looked for when nothing is missing: newer versions, a newer bundle.
const LOOK: Duration = Duration::from_secs(300);
/// The definition whose annotations say which bundle of the Gateway API is installed.
const BUNDLE: &str =
    "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/gateways.gateway.networking.k8s.io";
/// Only the metadata of it.
const METADATA: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
/// A kind that was there is believed to be gone after so many answers in a row without it.
const GONE_AFTER: u32 = 2;
/// Between two such answers.
const GONE_PAUSE: Duration = Duration::from_secs(2);

/// What is known of a kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Availability {
    /// Nothing yet.
    Unknown,
    /// It is there.
    Served(ApiResource),
    /// It is not there, and why.
    Absent(Arc<str>),
}

type Known = BTreeMap<&'static str, Availability>;

/// Asks the apiserver which kinds it has.
pub(crate) struct Discovery {
    client: Client,
    known: watch::Sender<Known>,
    doubt: Notify,
    changes: mpsc::Sender<Change>,
}

/// An answer of the apiserver.
struct Answer {
    known: Known,
    installed: Option<InstalledApi>,
}

impl Discovery {
    /// Knows nothing yet.
    pub(crate) fn new(client: Client, changes: mpsc::Sender<Change>) -> Arc<Self> {
        let kinds = KINDS.iter().chain([SECRET, CONFIG_MAP]);
        let known = kinds.map(|kind| (kind.name, first_view(kind))).collect();
        Arc::new(Self { client, known: watch::Sender::new(known), doubt: Notify::new(), changes })
    }

    /// Answers that change over time.
    pub(crate) fn subscribe(&self, kind: &'static Kind) -> Answers {
        Answers { kind, known: self.known.subscribe() }
    }

    /// A watch was told that its kind is not there: ask again now.
    pub(crate) fn doubt(&self) {
        self.doubt.notify_one();
    }

    /// Asks until the process ends.
    pub(crate) async fn run(&self) {
        let mut backoff = Backoff::default();
        let (mut missed, mut told) = (BTreeMap::new(), None);
        loop {
            let wait = match self.ask().await {
                Ok(answer) => {
                    backoff.reset();
                    // The world hears of the bundle before any watch of its kinds begins.
                    if answer.installed.is_some() && answer.installed != told {
                        self.tell(answer.installed.clone()).await;
                        told = answer.installed;
                    }
                    self.learn(answer.known, &mut missed)
                }
                Err(error) => {
                    tracing::warn!(%error, "The apiserver does not say which kinds it has; asking again.");
                    backoff.next()
                }
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.doubt.notified() => {}
            }
        }
    }

    async fn tell(&self, installed: Option<InstalledApi>) {
        let Some(api) = installed else { return };
        // Nobody listens any more when the process ends.
        self.changes.send(Change { seen: Instant::now(), what: What::Installed(api) }).await.ok();
    }

    /// Takes the answers in; the time until the next question.
    fn learn(&self, found: Known, missed: &mut BTreeMap<&'static str, u32>) -> Duration {
        let mut wait = LOOK;
        let mut next = self.known.borrow().clone();
        for (kind, answer) in found {
            let misses = missed.entry(kind).or_default();
            let doubtful = match answer {
                Availability::Absent(_) => {
                    *misses += 1;
                    matches!(next.get(kind), Some(Availability::Served(_))) && *misses < GONE_AFTER
                }
                _ => {
                    *misses = 0;
                    false
                }
            };
            wait = match (&answer, doubtful) {
                (Availability::Absent(_), true) => GONE_PAUSE,
                (Availability::Absent(_), false) => wait.min(AGAIN),
                _ => wait,
            };
            if !doubtful {
                next.insert(kind, answer);
            }
        }
        self.known.send_if_modified(|known| {
            let changed = *known != next;
            *known = next;
            changed
        });
        wait.mul_f64(0.8 + fastrand::f64() * 0.4)
    }

    async fn ask(&self) -> kube::Result<Answer> {
        let groups = self.client.list_api_groups().await?;
        let mut resources: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut found = Known::new();
        for kind in KINDS.iter().filter(|kind| kind.is_custom()) {
            let Some(group) = groups.groups.iter().find(|group| group.name == kind.group) else {
                found.insert(kind.name, Availability::Absent(no_group(kind)));
                continue;
            };
            let mut with_kind = Vec::new();
            for version in group.versions.iter().map(|version| version.group_version.as_str()) {
                if !resources.contains_key(version) {
                    let list = self.client.list_api_group_resources(version).await?;
                    let names = list.resources.into_iter().map(|resource| resource.name).collect();
                    resources.insert(version.to_owned(), names);
                }
                let served =
                    resources.get(version).is_some_and(|names| names.iter().any(|n| n == kind.plural));
                with_kind.extend(served.then_some(version));
            }
            found.insert(kind.name, choose(kind, &with_kind));
        }
        let installed = self.bundle(&found).await?;
        Ok(Answer { known: found, installed })
    }

    /// The installed bundle of the Gateway API; `None` when there is none, or when the role may not read it.
    async fn bundle(&self, found: &Known) -> kube::Result<Option<InstalledApi>> {
        let request = http::Request::get(BUNDLE)
            .header(http::header::ACCEPT, METADATA)
            .body(Vec::new())
            .map_err(kube::Error::HttpError)?;
        let metadata: Value = match self.client.request(request).await {
            Ok(metadata) => metadata,
            Err(kube::Error::Api(status)) if matches!(status.code, 403 | 404) => return Ok(None),
            Err(error) => return Err(error),
        };
        let annotation = |name: &str| {
            let annotations = metadata.pointer("/metadata/annotations");
            annotations.and_then(|all| all.get(name)).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let kinds: BTreeSet<String> = KINDS
            .iter()
            .filter(|kind| kind.group == GATEWAY_GROUP)
            .filter(|kind| matches!(found.get(kind.name), Some(Availability::Served(_))))
            .map(|kind| kind.name.to_owned())
            .collect();
        Ok(Some(InstalledApi {
            bundle_version: annotation("gateway.networking.k8s.io/bundle-version"),
            experimental: annotation("gateway.networking.k8s.io/channel") == "experimental",
            kinds,
        }))
    }
}

/// What is known of one kind, as it changes.
#[derive(Debug)]
pub(crate) struct Answers {
    kind: &'static Kind,
    known: watch::Receiver<Known>,
}

impl Answers {
    /// What is known now; later changes are seen by [`Answers::changed`].
    pub(crate) fn now(&mut self) -> Availability {
        self.known.borrow_and_update().get(self.kind.name).cloned().unwrap_or(Availability::Unknown)
    }

    /// Waits until something is known that may be new.
    pub(crate) async fn changed(&mut self) {
        if self.known.changed().await.is_err() {
            // Nobody asks any more: the process ends.
            std::future::pending::<()>().await;
        }
    }
}

/// A kind in one version, as the apiserver has it.
pub(crate) fn resource(kind: &Kind, version: &str) -> ApiResource {
    let api_version =
        if kind.group.is_empty() { version.to_owned() } else { format!("{}/{version}", kind.group) };
    ApiResource {
        group: kind.group.to_owned(),
        version: version.to_owned(),
        api_version,
        kind: kind.name.to_owned(),
        plural: kind.plural.to_owned(),
    }
}

/// Kinds of Kubernetes itself are there.
fn first_view(kind: &'static Kind) -> Availability {
    match kind.versions.first() {
        Some(version) if !kind.is_custom() => Availability::Served(resource(kind, version)),
        _ => Availability::Unknown,
    }
}

fn no_group(kind: &Kind) -> Arc<str> {
    format!("the API group {} is not installed: apply its custom resource definitions", kind.group).into()
}

/// The best version that is both served and read. `served` holds `group/version`.
fn choose(kind: &'static Kind, served: &[&str]) -> Availability {
    let short = |full: &&str| full.rsplit('/').next().unwrap_or_default().to_owned();
    let served: Vec<String> = served.iter().map(short).collect();
    if let Some(version) = kind.versions.iter().find(|version| served.iter().any(|one| one == *version)) {
        return Availability::Served(resource(kind, version));
    }
    let wanted = kind.versions.join(" or ");
    let reason = if served.is_empty() {
        format!("the custom resource definition of {}.{} is not installed", kind.plural, kind.group)
    } else {
        format!(
            "{}.{} is served as {} only, and {wanted} is read: install newer custom resource definitions",
            kind.plural,
            kind.group,
            served.join(" and ")
        )
    };
    Availability::Absent(reason.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(name: &str) -> &'static Kind {
        KINDS.iter().find(|kind| kind.name == name).unwrap()
    }

    #[test]
    fn the_best_version_that_is_read_is_watched() {
        let group = "gateway.networking.k8s.io";
        let (old, new) = (format!("{group}/v1beta1"), format!("{group}/v1"));
        let Availability::Served(found) = choose(kind("HTTPRoute"), &[&old, &new]) else {
            panic!("is served")
        };
        assert_eq!(found.api_version, new);
        let Availability::Served(found) = choose(kind("HTTPRoute"), &[&old]) else { panic!("is served") };
        assert_eq!(found.api_version, old);
    }

    #[test]
    fn a_version_that_is_too_old_and_a_missing_definition_are_told_apart() {
        let Availability::Absent(old) = choose(kind("BackendTLSPolicy"), &["g/v1alpha3"]) else {
            panic!("absent")
        };
        assert!(old.contains("is served as v1alpha3 only, and v1 is read"), "{old}");
        let Availability::Absent(none) = choose(kind("BackendTLSPolicy"), &[]) else { panic!("absent") };
        assert!(none.contains("backendtlspolicies.gateway.networking.k8s.io is not installed"), "{none}");
    }
}
