//! Metrics of the control plane's way from watch to data planes.

use super::label::*;
use super::{Group, Kind, Metric, Plane, Unit};
use crate::config::STAGE_BUCKETS;

/// Bounds of syncs and first pushes, seconds: a large cluster takes minutes.
const SYNC_BUCKETS: &[f64] = &[0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0];

const GAUGE: Metric = Metric { plane: Plane::Control, ..Metric::BASE };
const COUNTER: Metric = Metric { kind: Kind::Counter, ..GAUGE };
const HISTOGRAM: Metric = Metric { kind: Kind::Histogram, unit: Unit::Seconds, ..GAUGE };

/// State of the layers.
pub const READINESS_LAYER: Metric = Metric {
    name: "clearway_controlplane_readiness_layer",
    help: "1 while the layer of readiness holds, else 0",
    labels: &[LAYER],
    question: "What keeps the control plane from being ready?",
    series: "3 layers and all",
    ..GAUGE
};

/// Time to readiness.
pub const READINESS_DURATION: Metric = Metric {
    name: "clearway_controlplane_readiness_layer_duration_seconds",
    unit: Unit::Seconds,
    help: "From the start of the process to the first time that the layer held",
    labels: &[LAYER],
    question: "How long does a restart take, and which layer takes the time?",
    series: "3 layers and all",
    ..GAUGE
};

/// Changes of readiness.
pub const READINESS_TRANSITIONS: Metric = Metric {
    name: "clearway_controlplane_readiness_transitions_total",
    help: "Changes of the layers of readiness, by what they became and why",
    labels: &[LAYER, READINESS, READINESS_REASON],
    question: "Why did readiness flap?",
    series: "layers x reasons that occurred",
    ..COUNTER
};

pub(super) const READINESS_GROUP: Group = Group {
    title: "Control plane: readiness",
    metrics: &[&READINESS_LAYER, &READINESS_DURATION, &READINESS_TRANSITIONS],
};

/// State of the caches.
pub const CACHE_SYNCED: Metric = Metric {
    name: "clearway_controlplane_cache_synced",
    help: "1 when all that the first listing of the kind named has been taken in, else 0",
    labels: &[KUBE_KIND],
    question: "Which kind is not in step?",
    series: "watched kinds",
    ..GAUGE
};

/// Time of a sync.
pub const CACHE_SYNC_DURATION: Metric = Metric {
    name: "clearway_controlplane_cache_sync_duration_seconds",
    help: "From the begin of a watch to the moment that all it listed has been taken in",
    labels: &[KUBE_KIND],
    buckets: SYNC_BUCKETS,
    question: "Which kind takes long at a start?",
    series: "watched kinds x 13 (classic) or 1 (native)",
    ..HISTOGRAM
};

/// Objects in the caches.
pub const CACHE_OBJECTS: Metric = Metric {
    name: "clearway_controlplane_cache_objects",
    help: "Objects that are held in memory, by kind",
    labels: &[KUBE_KIND],
    question: "How much does the control plane hold?",
    series: "watched kinds",
    ..GAUGE
};

/// Events of first listings.
pub const INITIAL_EVENTS: Metric = Metric {
    name: "clearway_controlplane_initial_events_processed_total",
    help: "Objects of first listings that have been taken in",
    labels: &[KUBE_KIND],
    question: "Does the sync make progress?",
    series: "watched kinds",
    ..COUNTER
};

/// Syncs that take too long.
pub const CACHE_SYNC_TIMEOUTS: Metric = Metric {
    name: "clearway_controlplane_cache_sync_timeouts_total",
    help: "Times that a cache was not in step within the time that it is given",
    labels: &[KUBE_KIND],
    question: "Which cache never syncs?",
    series: "watched kinds",
    ..COUNTER
};

/// Errors of watches.
pub const WATCH_ERRORS: Metric = Metric {
    name: "clearway_controlplane_watch_errors_total",
    help: "Errors of watches, by kind and reason",
    labels: &[KUBE_KIND, WATCH_REASON],
    question: "Is the API server in trouble, or a permission missing?",
    series: "watched kinds x reasons that occurred",
    ..COUNTER
};

/// Restarts of watches.
pub const WATCH_RESTARTS: Metric = Metric {
    name: "clearway_controlplane_watch_restarts_total",
    help: "Watches that were begun again, by kind and reason",
    labels: &[KUBE_KIND, WATCH_REASON],
    question: "Which watches break off, and why?",
    series: "watched kinds x reasons that occurred",
    ..COUNTER
};

/// Objects that could not be read.
pub const MALFORMED_OBJECTS: Metric = Metric {
    name: "clearway_controlplane_malformed_objects_total",
    help: "Objects that could not be read; each is reported and left out, the others are served",
    labels: &[KUBE_KIND],
    question: "Is there an object that the control plane does not understand?",
    series: "watched kinds",
    ..COUNTER
};

pub(super) const WATCH_GROUP: Group = Group {
    title: "Control plane: watches and caches",
    metrics: &[
        &CACHE_SYNCED,
        &CACHE_SYNC_DURATION,
        &CACHE_OBJECTS,
        &INITIAL_EVENTS,
        &CACHE_SYNC_TIMEOUTS,
        &WATCH_ERRORS,
        &WATCH_RESTARTS,
        &MALFORMED_OBJECTS,
    ],
};

/// Translations.
pub const TRANSLATIONS: Metric = Metric {
    name: "clearway_controlplane_translations_total",
    help: "Translations of the whole world, by outcome",
    labels: &[TRANSLATION_OUTCOME],
    question: "How often is the configuration made anew?",
    series: "3 outcomes",
    ..COUNTER
};

/// Time of translations.
pub const TRANSLATION_DURATION: Metric = Metric {
    name: "clearway_controlplane_translation_duration_seconds",
    help: "Time of a translation, by outcome",
    labels: &[TRANSLATION_OUTCOME],
    buckets: STAGE_BUCKETS,
    question: "Does translation grow with the number of objects?",
    series: "3 outcomes x 13 (classic) or 1 (native)",
    ..HISTOGRAM
};

/// First translation.
pub const FIRST_TRANSLATION: Metric = Metric {
    name: "clearway_controlplane_first_translation_seconds",
    unit: Unit::Seconds,
    help: "From the start of the process to the end of the first translation that was published",
    question: "How long is a new control plane of no use?",
    ..GAUGE
};

/// First push.
pub const FIRST_PUSH: Metric = Metric {
    name: "clearway_controlplane_first_push_seconds",
    unit: Unit::Seconds,
    help: "From the start of the process to the first ACK of a data plane",
    question: "How long until a new control plane configures the first data plane?",
    ..GAUGE
};

/// First push of a stream.
pub const STREAM_FIRST_PUSH: Metric = Metric {
    name: "clearway_controlplane_stream_first_push_duration_seconds",
    help: "From the connection of a data plane to its first ACK",
    labels: &[FLEET],
    buckets: SYNC_BUCKETS,
    question: "How long does a new data plane wait for its configuration?",
    series: "fleets x 13 (classic) or 1 (native)",
    ..HISTOGRAM
};

/// Resources of a snapshot.
pub const SNAPSHOT_RESOURCES: Metric = Metric {
    name: "clearway_controlplane_snapshot_resources",
    help: "Resources in the newest snapshot of a fleet, by type",
    labels: &[FLEET, RESOURCE_TYPE],
    question: "How large is what data planes hold?",
    series: "fleets x 5 types",
    ..GAUGE
};

/// Bytes of a snapshot.
pub const SNAPSHOT_BYTES: Metric = Metric {
    name: "clearway_controlplane_snapshot_bytes",
    unit: Unit::Bytes,
    help: "Encoded size of the newest snapshot of a fleet, by type",
    labels: &[FLEET, RESOURCE_TYPE],
    question: "How large is what a new data plane receives?",
    series: "fleets x 5 types",
    ..GAUGE
};

/// Resources that were sent.
pub const SENT_RESOURCES: Metric = Metric {
    name: "clearway_controlplane_sent_resources_total",
    help: "Resources that were sent to data planes, once for each; removed are only named",
    labels: &[FLEET, RESOURCE_CHANGE],
    question: "Does one change send one resource?",
    series: "fleets x 2",
    ..COUNTER
};

/// Bytes that were sent.
pub const SENT_BYTES: Metric = Metric {
    name: "clearway_controlplane_sent_bytes_total",
    unit: Unit::Bytes,
    help: "Bytes of resources that were sent to data planes",
    labels: &[FLEET],
    question: "What does distributing the configuration cost?",
    series: "fleets",
    ..COUNTER
};

pub(super) const TRANSLATION_GROUP: Group = Group {
    title: "Control plane: translation and snapshots",
    metrics: &[
        &TRANSLATIONS,
        &TRANSLATION_DURATION,
        &FIRST_TRANSLATION,
        &FIRST_PUSH,
        &STREAM_FIRST_PUSH,
        &SNAPSHOT_RESOURCES,
        &SNAPSHOT_BYTES,
        &SENT_RESOURCES,
        &SENT_BYTES,
    ],
};

/// Data planes.
pub const DATAPLANES: Metric = Metric {
    name: "clearway_controlplane_dataplanes",
    help: "Data planes that are connected, by how far they are",
    labels: &[FLEET, FLEET_STATE],
    question: "Do all data planes follow?",
    series: "fleets x 4 states",
    ..GAUGE
};

/// Acknowledged versions.
pub const DATAPLANE_VERSION: Metric = Metric {
    name: "clearway_controlplane_dataplane_acknowledged_version",
    help: "Version that the data plane acknowledged last, as a number: the first 52 bits of its hash",
    labels: &[FLEET, DATAPLANE],
    question: "Which data plane serves something else?",
    series: "data planes, at most 200",
    ..GAUGE
};

/// Lag.
pub const DATAPLANE_LAG: Metric = Metric {
    name: "clearway_controlplane_dataplane_lag_seconds",
    unit: Unit::Seconds,
    help: "For how long the data plane has not had the newest version; 0 when it has it",
    labels: &[FLEET, DATAPLANE],
    question: "Which data plane is behind, and how far?",
    series: "data planes, at most 200",
    ..GAUGE
};

/// Refusals.
pub const NACKS: Metric = Metric {
    name: "clearway_controlplane_nacks_total",
    help: "Versions that a data plane refused, by the type of the resource that it names",
    labels: &[FLEET, RESOURCE_TYPE],
    question: "Do data planes refuse what the control plane makes?",
    series: "fleets x 5 types",
    ..COUNTER
};

/// Refused streams.
pub const STREAM_REFUSALS: Metric = Metric {
    name: "clearway_controlplane_stream_refusals_total",
    help: "Streams and connections of data planes that were refused",
    labels: &[STREAM_REFUSAL],
    question: "Does somebody without a certificate knock, or did a certificate expire?",
    series: "4 reasons",
    ..COUNTER
};

pub(super) const FLEET_GROUP: Group = Group {
    title: "Control plane: data planes",
    metrics: &[&DATAPLANES, &DATAPLANE_VERSION, &DATAPLANE_LAG, &NACKS, &STREAM_REFUSALS],
};
