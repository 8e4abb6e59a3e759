//! Kubernetes Events (`events.k8s.io/v1`): what `kubectl describe` shows when something is refused, and when it is well again.
//!
//! The status writer and the keeper of Services tell; one task writes. What always holds: the same words about the same
//! object become one Event with a count, an object that flaps and a cluster full of mistakes stay within a rate, and
//! whoever tells never waits.

mod limit;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clearway_model::ObjectRef;
use clearway_telemetry::control::{ControlTelemetry, EventResult};
use kube::Client;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::lease::micro_time;
use crate::options::ControlOptions;
use crate::rest::{Failure, Place, Rest};
use crate::status::shortened;

use limit::Limits;

/// Notices that wait to be written.
const WAITING: usize = 1024;
/// Longest note (the apiserver's limit is 1 kB).
const LONGEST_NOTE: usize = 1000;
/// Longest reason, action and name of an instance (the apiserver's limit).
const LONGEST_WORD: usize = 128;
/// The same words within this time are counted in one Event.
const SERIES: Duration = Duration::from_secs(600);
/// Most series that are remembered.
const MOST_SERIES: usize = 2048;

/// The object that an Event is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Regarding {
    /// Its `apiVersion`.
    pub(crate) api_version: String,
    /// Its kind.
    pub(crate) kind: String,
    /// Its names; the namespace is empty for kinds that have none.
    pub(crate) object: ObjectRef,
    /// Its identity.
    pub(crate) uid: String,
}

/// Something to tell.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Notice {
    /// About what.
    pub(crate) regarding: Regarding,
    /// Whether it is bad.
    pub(crate) warning: bool,
    /// What was done when it happened: one word in CamelCase.
    pub(crate) action: &'static str,
    /// Why: the reason of a condition.
    pub(crate) reason: String,
    /// What happened, and what to do.
    pub(crate) note: String,
}

/// Where things are told.
#[derive(Clone, Debug)]
pub(crate) struct Notices {
    sender: mpsc::Sender<Notice>,
    telemetry: Arc<ControlTelemetry>,
}

impl Notices {
    /// Tells. When too many wait it is dropped and counted: the status says the same.
    pub(crate) fn tell(&self, notice: Notice) {
        if self.sender.try_send(notice).is_err() {
            self.telemetry.event_recorded(EventResult::Dropped);
        }
    }
}

/// Writes Events.
#[derive(Debug)]
pub(crate) struct Recorder {
    rest: Rest,
    telemetry: Arc<ControlTelemetry>,
    options: Arc<ControlOptions>,
    receiver: mpsc::Receiver<Notice>,
    limits: Limits,
    series: HashMap<Notice, Series>,
}

/// An Event that was written, and how often it happened since.
#[derive(Clone, Debug)]
struct Series {
    name: String,
    count: u64,
    last: Instant,
}

impl Recorder {
    /// A recorder, and where to tell it.
    pub(crate) fn new(
        client: Client,
        telemetry: Arc<ControlTelemetry>,
        options: Arc<ControlOptions>,
    ) -> (Self, Notices) {
        let (sender, receiver) = mpsc::channel(WAITING);
        let notices = Notices { sender, telemetry: telemetry.clone() };
        let rest = Rest::new(client);
        let limits = Limits::new(Instant::now());
        (Self { rest, telemetry, options, receiver, limits, series: HashMap::new() }, notices)
    }

    /// Writes until the process ends.
    pub(crate) async fn run(mut self, mut shutdown: watch::Receiver<bool>) {
        let write = async {
            while let Some(notice) = self.receiver.recv().await {
                self.record(notice).await;
            }
        };
        tokio::select! {
            () = write => {}
            // Nobody to set it any more means the same.
            _ = shutdown.wait_for(|ends| *ends) => {}
        }
    }

    async fn record(&mut self, notice: Notice) {
        let now = Instant::now();
        if !self.limits.allow(&notice.regarding, now) {
            self.telemetry.event_recorded(EventResult::Dropped);
            return;
        }
        self.series.retain(|_, series| now.duration_since(series.last) < SERIES);
        let outcome = match self.series.get(&notice).cloned() {
            Some(series) => self.repeat(notice, series, now).await,
            None => self.first(notice, now).await,
        };
        let result = match outcome {
            Ok(()) => EventResult::Written,
            Err(failure) => {
                tracing::debug!(%failure, "An Event is not written; the status says the same.");
                EventResult::Failed
            }
        };
        self.telemetry.event_recorded(result);
    }

    async fn first(&mut self, notice: Notice, now: Instant) -> Result<(), Failure> {
        let name = name(&notice, fastrand::u64(..));
        let time = since_1970();
        let body = body(&notice, &name, &self.options, &micro_time(time));
        self.rest.create(&place(&notice).all(), &body).await?;
        if self.series.len() < MOST_SERIES {
            self.series.insert(notice, Series { name, count: 1, last: now });
        }
        Ok(())
    }

    async fn repeat(&mut self, notice: Notice, mut series: Series, now: Instant) -> Result<(), Failure> {
        series.count += 1;
        series.last = now;
        let patch =
            json!({ "series": { "count": series.count, "lastObservedTime": micro_time(since_1970()) } });
        match self.rest.patch(&place(&notice).one(&series.name), &patch).await {
            // It has been cleaned up: begin anew.
            Err(Failure::NotFound) => self.first(notice, now).await,
            Err(failure) => Err(failure),
            Ok(_) => {
                self.series.insert(notice, series);
                Ok(())
            }
        }
    }
}

/// Events about objects without a namespace live in `default`.
fn namespace(notice: &Notice) -> &str {
    let namespace = &*notice.regarding.object.namespace;
    if namespace.is_empty() { "default" } else { namespace }
}

fn place(notice: &Notice) -> Place<'_> {
    Place { api_version: "events.k8s.io/v1", plural: "events", namespace: namespace(notice) }
}

/// `<object>.<16 digits>`, at most 253 characters.
fn name(notice: &Notice, digits: u64) -> String {
    let object = &*notice.regarding.object.name;
    let tail = format!(".{digits:016x}");
    if object.len() + tail.len() <= 253 {
        return format!("{object}{tail}");
    }
    let hash: String = Sha256::digest(object).iter().take(5).map(|byte| format!("{byte:02x}")).collect();
    let head: String = object.chars().take(253 - tail.len() - hash.len() - 1).collect();
    format!("{}-{hash}{tail}", head.trim_end_matches(['-', '.']))
}

fn body(notice: &Notice, name: &str, options: &ControlOptions, time: &str) -> Value {
    let mut regarding = json!({
        "apiVersion": notice.regarding.api_version, "kind": notice.regarding.kind,
        "name": &*notice.regarding.object.name, "uid": notice.regarding.uid,
    });
    if !notice.regarding.object.namespace.is_empty() {
        regarding["namespace"] = (*notice.regarding.object.namespace).into();
    }
    let reason = if notice.reason.is_empty() { "Unknown" } else { &notice.reason };
    json!({
        "apiVersion": "events.k8s.io/v1", "kind": "Event",
        "metadata": { "name": name, "namespace": namespace(notice) },
        "eventTime": time,
        "reportingController": shortened(&options.controller_name, LONGEST_WORD),
        "reportingInstance": shortened(&options.pod_name, LONGEST_WORD),
        "action": notice.action,
        "reason": shortened(reason, LONGEST_WORD),
        "regarding": regarding,
        "note": bytes_at_most(&notice.note, LONGEST_NOTE),
        "type": if notice.warning { "Warning" } else { "Normal" },
    })
}

/// The apiserver counts bytes here.
fn bytes_at_most(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let mut kept = String::new();
    for letter in text.chars() {
        if kept.len() + letter.len_utf8() > most - '…'.len_utf8() {
            break;
        }
        kept.push(letter);
    }
    kept.push('…');
    kept
}

fn since_1970() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notice(namespace: &str, object: &str) -> Notice {
        Notice {
            regarding: Regarding {
                api_version: "gateway.networking.k8s.io/v1".into(),
                kind: "Gateway".into(),
                object: ObjectRef::new(namespace, object),
                uid: "u".into(),
            },
            warning: true,
            action: "Translate",
            reason: "Invalid".into(),
            note: "é".repeat(900),
        }
    }

    #[test]
    fn an_event_fits_what_the_apiserver_takes() {
        let long = "a.".repeat(126) + "b";
        let name = name(&notice("n", &long), 7);
        assert!(name.len() <= 253 && name.ends_with(".0000000000000007"), "{name}");
        assert_eq!(super::name(&notice("n", "web"), 7), "web.0000000000000007");
        let body = body(&notice("n", "web"), "web.1", &ControlOptions::new("edge", "infra"), "t");
        assert!(
            body["note"].as_str().unwrap().len() <= 1000 && body["note"].as_str().unwrap().ends_with('…')
        );
        assert_eq!((&body["type"], &body["regarding"]["namespace"]), (&json!("Warning"), &json!("n")));
        assert_eq!(body["reportingController"], "gateway.networking.k8s.io/edge");
    }

    #[test]
    fn events_about_cluster_wide_objects_live_in_default() {
        let body = body(&notice("", "edge"), "edge.1", &ControlOptions::new("edge", "infra"), "t");
        assert_eq!(body["metadata"]["namespace"], "default");
        assert!(body["regarding"].get("namespace").is_none());
    }
}
