//! Metrics of a data plane that gets its configuration from a control plane.

use super::label::*;
use super::{Group, Kind, Metric, Plane, Unit};

const GAUGE: Metric = Metric { plane: Plane::Fleet, ..Metric::BASE };
const COUNTER: Metric = Metric { kind: Kind::Counter, ..GAUGE };

/// Connection.
pub const XDS_CONNECTED: Metric = Metric {
    name: "clearway_dataplane_xds_connected",
    help: "1 while a stream to a control plane is open, else 0",
    question: "Does the data plane hear of changes?",
    ..GAUGE
};

/// Opened streams.
pub const XDS_STREAMS: Metric = Metric {
    name: "clearway_dataplane_xds_streams_total",
    help: "Streams to a control plane that were opened",
    question: "How often does the data plane reconnect?",
    ..COUNTER
};

/// Ends of streams.
pub const XDS_STREAM_ENDS: Metric = Metric {
    name: "clearway_dataplane_xds_stream_ends_total",
    help: "Streams, and attempts to open one, that ended, by reason",
    labels: &[STREAM_END],
    question: "Why is there no connection?",
    series: "4 reasons",
    ..COUNTER
};

/// Received version.
pub const XDS_RECEIVED_VERSION: Metric = Metric {
    name: "clearway_dataplane_xds_received_version",
    help: "Version that was received last, as a number: the first 52 bits of its hash",
    question: "What did the control plane send?",
    ..GAUGE
};

/// Applied version.
pub const XDS_APPLIED_VERSION: Metric = Metric {
    name: "clearway_dataplane_xds_applied_version",
    help: "Version from a control plane or from disk that was applied last, as a number: the first 52 bits of its hash",
    question: "Is what was sent also served?",
    ..GAUGE
};

/// Answers.
pub const XDS_ANSWERS: Metric = Metric {
    name: "clearway_dataplane_xds_answers_total",
    help: "Versions that were acknowledged or refused",
    labels: &[XDS_ANSWER],
    question: "Does this data plane refuse a version?",
    series: "2 answers",
    ..COUNTER
};

/// First configuration.
pub const XDS_FIRST_APPLY: Metric = Metric {
    name: "clearway_dataplane_xds_first_apply_seconds",
    unit: Unit::Seconds,
    help: "From the start of the process to the first configuration that was applied",
    question: "How long is a new data plane of no use?",
    ..GAUGE
};

/// Last good configuration.
pub const LAST_GOOD_IN_USE: Metric = Metric {
    name: "clearway_dataplane_last_good_in_use",
    help: "1 while the configuration comes from disk since no control plane has sent one yet, else 0",
    question: "Is an old configuration served because no control plane answers?",
    ..GAUGE
};

/// Age of the last good configuration.
pub const LAST_GOOD_SAVED: Metric = Metric {
    name: "clearway_dataplane_last_good_saved_timestamp_seconds",
    unit: Unit::Timestamp,
    help: "When the last good configuration on disk was written",
    question: "How old is what a restart without a control plane would serve?",
    ..GAUGE
};

/// Saves.
pub const LAST_GOOD_SAVES: Metric = Metric {
    name: "clearway_dataplane_last_good_saves_total",
    help: "Times that the last good configuration was written to disk, by result",
    labels: &[SAVE_RESULT],
    question: "Could a restart without a control plane serve?",
    series: "2 results",
    ..COUNTER
};

/// Loads.
pub const LAST_GOOD_LOADS: Metric = Metric {
    name: "clearway_dataplane_last_good_loads_total",
    help: "Looks for a last good configuration at the start, by what was found",
    labels: &[LOAD_RESULT],
    question: "Why did a restart not serve the last good configuration?",
    series: "1 of 6 results",
    ..COUNTER
};

pub(super) const GROUP: Group = Group {
    title: "Data plane: configuration from the control plane",
    metrics: &[
        &XDS_CONNECTED,
        &XDS_STREAMS,
        &XDS_STREAM_ENDS,
        &XDS_RECEIVED_VERSION,
        &XDS_APPLIED_VERSION,
        &XDS_ANSWERS,
        &XDS_FIRST_APPLY,
        &LAST_GOOD_IN_USE,
        &LAST_GOOD_SAVED,
        &LAST_GOOD_SAVES,
        &LAST_GOOD_LOADS,
    ],
};
