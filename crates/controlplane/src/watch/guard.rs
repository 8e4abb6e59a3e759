//! One guarded watch: it follows the objects of one kind for as long as the process lives, whatever happens to the
//! connection, the apiserver, the kind or a single object.
//!
//! What always holds: an object is told to the world before it counts as known, so a watch that is cut off anywhere and
//! begins again loses nothing; what vanished while nobody watched is told as gone; nothing is told twice unless it differs.

use std::collections::{HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clearway_k8s::{Object, ObjectError, Unreadable};
use clearway_model::ObjectRef;
use futures_util::StreamExt;
use kube::Api;
use kube::api::{ApiResource, ListParams, WatchEvent, WatchParams};
use tokio::time::timeout;

use super::Context;
use super::backoff::Backoff;
use super::change::{Change, Content, What};
use super::discovery::{Answers, Availability};
use super::failure::{Failure, Reason};
use super::kinds::Reach;
use super::raw::Raw;
use super::unit::{Range, Unit};
use crate::world::{MANAGED_BY, Observed};

/// After so long the apiserver ends a watch and it is taken up again: a dead connection is noticed by then.
const WATCH_SECONDS: u32 = 120;
/// After so long without a word the connection is dead.
const IDLE: Duration = Duration::from_secs(WATCH_SECONDS as u64 + 5);
/// An apiserver that cannot stream lists never says that the list is over.
const LIST_IDLE: Duration = Duration::from_secs(10);
/// Objects on a page of a list.
const PAGE: u32 = 500;
/// The mark on the bookmark that ends a streamed list.
const INITIAL_END: &str = "k8s.io/initial-events-end";

/// Where a watch goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Position {
    /// With all that is there.
    Start,
    /// After this version.
    After(String),
}

/// One watch.
pub(crate) struct Guard {
    unit: Unit,
    context: Arc<Context>,
    /// Digests of what the world knows.
    known: HashMap<ObjectRef, u64>,
    backoff: Backoff,
    streams_lists: bool,
}

impl Guard {
    /// A watch that knows nothing yet.
    pub(crate) fn new(unit: Unit, context: Arc<Context>) -> Self {
        // One object is listed faster than streamed: a stream waits until the apiserver is sure to be up to date.
        let streams_lists = !matches!(unit.range, Range::Object(_));
        Self { unit, context, known: HashMap::new(), backoff: Backoff::default(), streams_lists }
    }

    /// Watches for ever.
    pub(crate) async fn run(mut self) {
        let mut answers = self.context.discovery.subscribe(self.unit.kind);
        loop {
            let now = answers.now();
            // A watch that is cut off here begins again with all that is there.
            tokio::select! {
                () = self.attend(&now) => {}
                () = differs(&mut answers, &now) => {}
            }
        }
    }

    async fn attend(&mut self, availability: &Availability) {
        match availability {
            Availability::Unknown => {}
            Availability::Absent(reason) => {
                self.context.board.absent(&self.unit, reason);
                self.settle(&HashSet::new()).await;
            }
            Availability::Served(resource) => return self.follow(resource).await,
        }
        std::future::pending().await
    }

    /// Follows the kind in one version; ends never, except by being dropped.
    async fn follow(&mut self, resource: &ApiResource) {
        let api: Api<Raw> = match self.unit.namespace() {
            Some(namespace) => Api::namespaced_with(self.context.client.clone(), namespace, resource),
            None => Api::all_with(self.context.client.clone(), resource),
        };
        let mut position = Position::Start;
        self.context.board.watching(&self.unit);
        loop {
            if position == Position::Start && !self.streams_lists {
                if let Err(failure) = self.list(&api, resource, &mut position).await {
                    self.mend(&failure, &mut position).await;
                }
                continue;
            }
            let ended = self.stream(&api, &mut position).await;
            let Err(failure) = ended else {
                self.context.board.closed(&self.unit);
                continue;
            };
            self.mend(&failure, &mut position).await;
        }
    }

    /// What has to be done about a failure before the next try.
    async fn mend(&mut self, failure: &Failure, position: &mut Position) {
        self.context.board.failed(&self.unit, failure);
        match failure.reason {
            Reason::Unsupported => {
                self.streams_lists = false;
                return;
            }
            Reason::Expired | Reason::Malformed => *position = Position::Start,
            Reason::NotFound => self.context.discovery.doubt(),
            _ => {}
        }
        let nothing_known = self.known.is_empty() && matches!(self.unit.range, Range::Object(_));
        if failure.is_answer() && nothing_known {
            // Whoever waits for this object must not wait for ever: it counts as not there. One that was there stays.
            self.settle(&HashSet::new()).await;
        }
        self.backoff.wait().await;
    }

    /// Takes up a watch until it ends. With [`Position::Start`] it begins with all that is there.
    async fn stream(&mut self, api: &Api<Raw>, position: &mut Position) -> Result<(), Failure> {
        let mut listed = (*position == Position::Start).then(HashSet::new);
        let params = self.watch_params(listed.is_some());
        // An empty version asks for the newest; any other could be older than what a replica before us has served.
        let version = match position {
            Position::Start => "",
            Position::After(version) => version.as_str(),
        };
        let stream = api.watch(&params, version).await.map_err(|error| Failure::of(&error))?;
        let mut stream = pin!(stream);
        loop {
            let patience = if listed.is_some() { LIST_IDLE } else { IDLE };
            let event = match timeout(patience, stream.next()).await {
                Ok(Some(event)) => event.map_err(|error| Failure::of(&error))?,
                Err(_) if listed.is_some() => return Err(no_end_of_list()),
                Ok(None) | Err(_) => return Ok(()),
            };
            let version = match event {
                WatchEvent::Added(raw) | WatchEvent::Modified(raw) => {
                    let version = raw.resource_version().to_owned();
                    if let Some(listed) = &mut listed {
                        listed.insert(raw.key());
                    }
                    self.apply(raw).await;
                    version
                }
                WatchEvent::Deleted(raw) => {
                    self.gone(&raw.key()).await;
                    raw.resource_version().to_owned()
                }
                WatchEvent::Bookmark(bookmark) => {
                    if bookmark.metadata.annotations.contains_key(INITIAL_END)
                        && let Some(listed) = listed.take()
                    {
                        self.settle(&listed).await;
                    }
                    bookmark.metadata.resource_version
                }
                WatchEvent::Error(status) => return Err(Failure::of_status(&status)),
            };
            if listed.is_none() {
                self.context.board.objects(&self.unit, self.known.len());
                self.backoff.reset();
                *position = Position::After(version);
            }
        }
    }

    /// Lists all that is there, page by page: for apiservers that cannot stream it.
    async fn list(
        &mut self,
        api: &Api<Raw>,
        resource: &ApiResource,
        position: &mut Position,
    ) -> Result<(), Failure> {
        let watch = self.watch_params(false);
        let mut params = ListParams {
            label_selector: watch.label_selector,
            field_selector: watch.field_selector,
            limit: Some(PAGE),
            ..ListParams::default()
        };
        let mut listed = HashSet::new();
        loop {
            let page = api.list(&params).await.map_err(|error| Failure::of(&error))?;
            for mut raw in page.items {
                raw.set_type(resource);
                listed.insert(raw.key());
                self.apply(raw).await;
            }
            params.continue_token = page.metadata.continue_.filter(|token| !token.is_empty());
            if params.continue_token.is_none() {
                self.settle(&listed).await;
                self.backoff.reset();
                *position = Position::After(page.metadata.resource_version.unwrap_or_default());
                return Ok(());
            }
        }
    }

    fn watch_params(&self, initial: bool) -> WatchParams {
        let (labels, fields) = match &self.unit.range {
            Range::All => (None, None),
            Range::Namespace(_, labels) => (labels.clone(), None),
            Range::Object(object) => (None, Some(format!("metadata.name={}", object.name))),
        };
        WatchParams {
            label_selector: labels,
            field_selector: fields,
            timeout: Some(WATCH_SECONDS),
            bookmarks: true,
            send_initial_events: initial,
        }
    }

    /// Tells the world about an object, when it differs from what the world knows.
    async fn apply(&mut self, mut raw: Raw) {
        let (kind, key, seen) = (self.unit.kind, raw.key(), Instant::now());
        let ours = raw.label(MANAGED_BY) == Some(&self.context.managed_by);
        if kind.has_status {
            let observed = observed(&mut raw);
            self.context.observed.put(kind.name, &key, &observed);
        } else if kind.reach != Reach::Fleet && !ours {
            raw.take_status();
        }
        let digest = raw.digest();
        if self.known.get(&key) == Some(&digest) {
            return;
        }
        let content = if kind.reach == Reach::Fleet {
            Content::Json(Arc::new(raw.into_value()))
        } else {
            let json = ours.then(|| Arc::new(raw.value().clone()));
            read(raw, json)
        };
        if matches!(content, Content::Unreadable(_)) {
            self.context.board.malformed(&self.unit);
        }
        self.tell(Change { seen, what: What::Applied { kind, key: key.clone(), content } }).await;
        self.known.insert(key, digest);
    }

    async fn gone(&mut self, key: &ObjectRef) {
        let kind = self.unit.kind;
        if kind.has_status {
            self.context.observed.remove(kind.name, key);
        }
        if self.known.contains_key(key) {
            self.tell(Change { seen: Instant::now(), what: What::Gone { kind, key: key.clone() } }).await;
            self.known.remove(key);
        }
    }

    /// All that is there has been listed: what is known and not among it is gone.
    async fn settle(&mut self, listed: &HashSet<ObjectRef>) {
        let vanished: Vec<ObjectRef> =
            self.known.keys().filter(|key| !listed.contains(*key)).cloned().collect();
        for key in vanished {
            self.gone(&key).await;
        }
        self.context.board.listed(&self.unit, self.known.len());
        self.tell(Change { seen: Instant::now(), what: What::InStep(self.unit.clone()) }).await;
    }

    async fn tell(&self, change: Change) {
        if self.context.changes.send(change).await.is_err() {
            // Nobody listens any more: the process ends.
            std::future::pending::<()>().await;
        }
    }
}

async fn differs(answers: &mut Answers, known: &Availability) {
    loop {
        answers.changed().await;
        if answers.now() != *known {
            return;
        }
    }
}

fn no_end_of_list() -> Failure {
    let message = "the apiserver does not end streamed lists; listing page by page".to_owned();
    Failure { reason: Reason::Unsupported, message }
}

/// Takes out of an object what the status writer needs.
fn observed(raw: &mut Raw) -> Observed {
    let status = raw.take_status();
    let text = |path: &str| raw.value().pointer(path).and_then(|value| value.as_str()).unwrap_or_default();
    Observed {
        api_version: text("/apiVersion").into(),
        resource_version: text("/metadata/resourceVersion").to_owned(),
        generation: raw.value().pointer("/metadata/generation").and_then(|n| n.as_i64()).unwrap_or_default(),
        uid: text("/metadata/uid").to_owned(),
        status,
    }
}

/// Reads an object. One that makes the reader fail in an unforeseen way is unreadable, like any other that is malformed.
fn read(raw: Raw, json: Option<Arc<serde_json::Value>>) -> Content {
    let key = raw.key();
    let mut value = raw.into_value();
    let error = match catch_unwind(AssertUnwindSafe(|| Object::read_in_place(&mut value))) {
        Ok(Ok(loaded)) => return Content::Object(Box::new(loaded), json),
        Ok(Err(error)) => error,
        Err(_) => ObjectError {
            kind: value.get("kind").and_then(|kind| kind.as_str()).unwrap_or_default().to_owned(),
            namespace: key.namespace.to_string(),
            name: key.name.to_string(),
            path: String::new(),
            reason: "reading it broke off: this is a defect of Clearway, please report it".to_owned(),
        },
    };
    Content::Unreadable(Box::new(Unreadable::new(error, &value)))
}
