//! Labels of the control plane, and of the data plane's side of the configuration's way.

use super::label::{GATEWAY_NAME, GATEWAY_NAMESPACE, configured, words};
use super::{Label, Values};
use crate::control::{
    EventResult, FleetState, KubeKind, Layer, LeaseReason, LeaseState, LoadResult, ReadinessReason,
    ReconcileResult, ResourceChange, ResourceType, StatusDrop, StreamEnd, StreamRefusal, TranslationOutcome,
    WatchReason, WriteResult, XdsAnswer,
};

/// Layer of readiness.
pub const LAYER: Label = words("layer", "Layer of readiness; all is all of them together", || {
    Layer::ALL.iter().map(|layer| layer.as_str()).chain(["all"]).collect()
});
/// What readiness became.
pub const READINESS: Label = words("to", "What it became", || vec!["ready", "not_ready"]);
/// Why readiness changed.
pub const READINESS_REASON: Label = words("reason", "Why readiness changed", || {
    ReadinessReason::ALL.iter().map(|word| word.as_str()).collect()
});
/// Kind of the Kubernetes object.
pub const KUBE_KIND: Label = words("kind", "Kind of the Kubernetes object", || {
    KubeKind::ALL.iter().map(|word| word.as_str()).collect()
});
/// Why the call or watch ended.
pub const WATCH_REASON: Label = words("reason", "Why the call or watch ended", || {
    WatchReason::ALL.iter().map(|word| word.as_str()).collect()
});
/// What came of the translation.
pub const TRANSLATION_OUTCOME: Label = words("outcome", "What came of the translation", || {
    TranslationOutcome::ALL.iter().map(|word| word.as_str()).collect()
});
/// Type of the xDS resource.
pub const RESOURCE_TYPE: Label = words("resource_type", "Type of the xDS resource", || {
    ResourceType::ALL.iter().map(|word| word.as_str()).collect()
});
/// What data planes are told of the resource.
pub const RESOURCE_CHANGE: Label = words("change", "What data planes are told of the resource", || {
    ResourceChange::ALL.iter().map(|word| word.as_str()).collect()
});
/// How far the data plane is.
pub const FLEET_STATE: Label = words("state", "How far the data plane is", || {
    FleetState::ALL.iter().map(|word| word.as_str()).collect()
});
/// Why the stream was refused.
pub const STREAM_REFUSAL: Label = words("reason", "Why the stream was refused", || {
    StreamRefusal::ALL.iter().map(|word| word.as_str()).collect()
});
/// What the pass came to.
pub const RECONCILE_RESULT: Label = words("result", "What the pass came to", || {
    ReconcileResult::ALL.iter().map(|word| word.as_str()).collect()
});
/// Why the write was given up.
pub const STATUS_DROP: Label = words("reason", "Why the write was given up", || {
    StatusDrop::ALL.iter().map(|word| word.as_str()).collect()
});
/// What the API server answered.
pub const WRITE_RESULT: Label = words("result", "What the API server answered", || {
    WriteResult::ALL.iter().map(|word| word.as_str()).collect()
});
/// What became of the Event.
pub const EVENT_RESULT: Label = words("result", "What became of the Event", || {
    EventResult::ALL.iter().map(|word| word.as_str()).collect()
});
/// What this replica is.
pub const LEASE_STATE: Label =
    words("state", "What this replica is", || LeaseState::ALL.iter().map(|word| word.as_str()).collect());
/// What this replica became.
pub const LEASE_TO: Label =
    words("to", "What this replica became", || LeaseState::ALL.iter().map(|word| word.as_str()).collect());
/// Why the lease changed hands.
pub const LEASE_REASON: Label = words("reason", "Why the lease changed hands", || {
    LeaseReason::ALL.iter().map(|word| word.as_str()).collect()
});
/// Why the stream, or the attempt to open one, ended.
pub const STREAM_END: Label = words("reason", "Why the stream, or the attempt to open one, ended", || {
    StreamEnd::ALL.iter().map(|word| word.as_str()).collect()
});
/// What the control plane was answered.
pub const XDS_ANSWER: Label = words("answer", "What the control plane was answered", || {
    XdsAnswer::ALL.iter().map(|word| word.as_str()).collect()
});
/// What was found on disk.
pub const LOAD_RESULT: Label =
    words("result", "What was found on disk", || LoadResult::ALL.iter().map(|word| word.as_str()).collect());
/// Whether it was written.
pub const SAVE_RESULT: Label = words("result", "Whether it was written", || vec!["written", "failed"]);
/// Name of the fleet.
pub const FLEET: Label = configured("fleet", "Name of the fleet of data planes", None);
/// Name of the data plane.
pub const DATAPLANE: Label = Label {
    name: "dataplane",
    help: "Name of the data plane: its pod",
    values: Values::Process,
    absent: None,
};
/// Namespace of the Gateway, always there.
pub const OF_GATEWAY_NAMESPACE: Label = Label { absent: None, ..GATEWAY_NAMESPACE };
/// Name of the Gateway, always there.
pub const OF_GATEWAY_NAME: Label = Label { absent: None, ..GATEWAY_NAME };
/// Type of the condition.
pub const CONDITION: Label =
    Label { name: "condition", help: "Type of the condition", values: Values::Api, absent: None };
/// Status of the condition.
pub const CONDITION_STATUS: Label =
    words("status", "Status of the condition", || vec!["True", "False", "Unknown"]);
/// Reason of the condition.
pub const CONDITION_REASON: Label =
    Label { name: "reason", help: "Reason of the condition", values: Values::Api, absent: None };
