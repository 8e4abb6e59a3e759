//! Metrics of what the control plane writes: status, Events, the lease; and of the objects themselves.

use super::label::*;
use super::{Group, Kind, Metric, Plane, Unit};
use crate::config::STAGE_BUCKETS;

const GAUGE: Metric = Metric { plane: Plane::Control, ..Metric::BASE };
const COUNTER: Metric = Metric { kind: Kind::Counter, ..GAUGE };
const HISTOGRAM: Metric = Metric { kind: Kind::Histogram, unit: Unit::Seconds, ..GAUGE };

/// Passes.
pub const RECONCILES: Metric = Metric {
    name: "clearway_controlplane_reconciles_total",
    help: "Passes over one object that must be brought in line, by kind and result",
    labels: &[KUBE_KIND, RECONCILE_RESULT],
    question: "Which objects keep the control plane busy?",
    series: "kinds x 4 results",
    ..COUNTER
};

/// Time of passes.
pub const RECONCILE_DURATION: Metric = Metric {
    name: "clearway_controlplane_reconcile_duration_seconds",
    help: "Time of a pass over one object",
    labels: &[KUBE_KIND, RECONCILE_RESULT],
    buckets: STAGE_BUCKETS,
    question: "Which kind takes long?",
    series: "kinds x 4 results x 13 (classic) or 1 (native)",
    ..HISTOGRAM
};

/// Length of the queue.
pub const STATUS_QUEUE: Metric = Metric {
    name: "clearway_controlplane_status_queue_objects",
    help: "Objects whose status waits to be written",
    question: "Does the writing of status keep up?",
    ..GAUGE
};

/// Capacity of the queue.
pub const STATUS_QUEUE_CAPACITY: Metric = Metric {
    name: "clearway_controlplane_status_queue_capacity_objects",
    help: "Objects that the queue of status writes holds at most",
    question: "How near is the queue to dropping?",
    ..GAUGE
};

/// Dropped writes.
pub const STATUS_DROPPED: Metric = Metric {
    name: "clearway_controlplane_status_dropped_total",
    help: "Writes of status that were given up, by reason",
    labels: &[STATUS_DROP],
    question: "Is there a status that says something old?",
    series: "5 reasons",
    ..COUNTER
};

/// Writes.
pub const STATUS_WRITES: Metric = Metric {
    name: "clearway_controlplane_status_writes_total",
    help: "Calls that write a status, by kind and what the API server answered",
    labels: &[KUBE_KIND, WRITE_RESULT],
    question: "Are writes refused, or many for nothing?",
    series: "kinds x results that occurred",
    ..COUNTER
};

/// Time of writes.
pub const STATUS_WRITE_DURATION: Metric = Metric {
    name: "clearway_controlplane_status_write_duration_seconds",
    help: "Time of a call that writes a status",
    labels: &[KUBE_KIND, WRITE_RESULT],
    buckets: STAGE_BUCKETS,
    question: "Is the API server slow?",
    series: "kinds x results that occurred x 13 (classic) or 1 (native)",
    ..HISTOGRAM
};

/// Events.
pub const KUBERNETES_EVENTS: Metric = Metric {
    name: "clearway_controlplane_kubernetes_events_total",
    help: "Kubernetes Events about refusals and recoveries, by what became of them",
    labels: &[EVENT_RESULT],
    question: "Do operators get to see Events?",
    series: "3 results",
    ..COUNTER
};

pub(super) const STATUS_GROUP: Group = Group {
    title: "Control plane: status and other writes",
    metrics: &[
        &RECONCILES,
        &RECONCILE_DURATION,
        &STATUS_QUEUE,
        &STATUS_QUEUE_CAPACITY,
        &STATUS_DROPPED,
        &STATUS_WRITES,
        &STATUS_WRITE_DURATION,
        &KUBERNETES_EVENTS,
    ],
};

/// State of the lease.
pub const LEASE: Metric = Metric {
    name: "clearway_controlplane_lease_state",
    help: "1 for what this replica is, 0 for what it is not; the leader alone writes status",
    labels: &[LEASE_STATE],
    question: "Which replica writes status, and is there exactly one?",
    series: "2 states",
    ..GAUGE
};

/// Changes of the lease.
pub const LEASE_TRANSITIONS: Metric = Metric {
    name: "clearway_controlplane_lease_transitions_total",
    help: "Times that this replica became leader or stopped being it",
    labels: &[LEASE_TO, LEASE_REASON],
    question: "Does leadership flap?",
    series: "states x reasons that occurred",
    ..COUNTER
};

/// Errors of the lease.
pub const LEASE_ERRORS: Metric = Metric {
    name: "clearway_controlplane_lease_errors_total",
    help: "Calls for the lease that failed",
    labels: &[WATCH_REASON],
    question: "Why is there no leader?",
    series: "reasons that occurred",
    ..COUNTER
};

pub(super) const LEASE_GROUP: Group =
    Group { title: "Control plane: lease", metrics: &[&LEASE, &LEASE_TRANSITIONS, &LEASE_ERRORS] };

/// Objects.
pub const OBJECTS: Metric = Metric {
    name: "clearway_controlplane_objects",
    help: "Objects that are ours to serve, by kind",
    labels: &[KUBE_KIND],
    question: "How many Gateways and routes are there?",
    series: "kinds",
    ..GAUGE
};

/// Conditions.
pub const CONDITIONS: Metric = Metric {
    name: "clearway_controlplane_conditions",
    help: "Objects by the conditions that they have; a route counts once for each parent",
    labels: &[KUBE_KIND, CONDITION, CONDITION_STATUS, CONDITION_REASON],
    question: "How many objects are refused, and why?",
    series: "kinds x conditions x reasons that occur",
    ..GAUGE
};

/// Conditions of Gateways.
pub const GATEWAY_CONDITION: Metric = Metric {
    name: "clearway_controlplane_gateway_condition",
    help: "1 for each condition that a Gateway has",
    labels: &[OF_GATEWAY_NAMESPACE, OF_GATEWAY_NAME, CONDITION, CONDITION_STATUS, CONDITION_REASON],
    question: "Which Gateway is not programmed, and why?",
    series: "Gateways x 3 conditions",
    ..GAUGE
};

pub(super) const OBJECTS_GROUP: Group = Group {
    title: "Control plane: objects and conditions",
    metrics: &[&OBJECTS, &CONDITIONS, &GATEWAY_CONDITION],
};
