//! What the control plane writes, the lease, objects and their conditions; and the data plane's side of all this.

use std::sync::atomic::Ordering::Relaxed;

use super::super::page::{Labels, Page};
use crate::catalog::{Label, Metric, label, metrics};
use crate::config::version_number;
use crate::control::{ControlTelemetry, KubeKind, LeaseState, XdsTelemetry};

pub(super) fn status(page: &mut Page<'_>, control: &ControlTelemetry) {
    let writes = &control.writes;
    page.family(&metrics::RECONCILES, |samples| {
        for ((kind, result), count) in writes.reconciles.read() {
            samples.whole(&of_kind(kind, &label::RECONCILE_RESULT, result.as_str()), count);
        }
    });
    page.family(&metrics::RECONCILE_DURATION, |samples| {
        for ((kind, result), times) in writes.reconcile_duration.read() {
            samples.histogram(&of_kind(kind, &label::RECONCILE_RESULT, result.as_str()), &times);
        }
    });
    for (metric, value) in
        [(&metrics::STATUS_QUEUE, &writes.queue), (&metrics::STATUS_QUEUE_CAPACITY, &writes.capacity)]
    {
        page.family(metric, |samples| samples.whole(&Labels::none(), value.load(Relaxed)));
    }
    page.family(&metrics::STATUS_DROPPED, |samples| {
        for (reason, count) in writes.dropped.read() {
            samples.whole(&Labels::one(&label::STATUS_DROP, reason.as_str()), count);
        }
    });
    page.family(&metrics::STATUS_WRITES, |samples| {
        for ((kind, result), count) in writes.writes.read() {
            samples.whole(&of_kind(kind, &label::WRITE_RESULT, result.as_str()), count);
        }
    });
    page.family(&metrics::STATUS_WRITE_DURATION, |samples| {
        for ((kind, result), times) in writes.write_duration.read() {
            samples.histogram(&of_kind(kind, &label::WRITE_RESULT, result.as_str()), &times);
        }
    });
    page.family(&metrics::KUBERNETES_EVENTS, |samples| {
        for (result, count) in writes.events.read() {
            samples.whole(&Labels::one(&label::EVENT_RESULT, result.as_str()), count);
        }
    });
}

pub(super) fn lease(page: &mut Page<'_>, control: &ControlTelemetry) {
    let now = control.writes.lease();
    page.family(&metrics::LEASE, |samples| {
        for state in LeaseState::ALL {
            samples.whole(&Labels::one(&label::LEASE_STATE, state.as_str()), (state == now).into());
        }
    });
    page.family(&metrics::LEASE_TRANSITIONS, |samples| {
        for ((to, reason), count) in control.writes.lease_transitions.read() {
            let mut labels = Labels::one(&label::LEASE_TO, to.as_str());
            labels.add(&label::LEASE_REASON, reason.as_str());
            samples.whole(&labels, count);
        }
    });
    page.family(&metrics::LEASE_ERRORS, |samples| {
        for (reason, count) in control.writes.lease_errors.read() {
            samples.whole(&Labels::one(&label::WATCH_REASON, reason.as_str()), count);
        }
    });
}

pub(super) fn objects(page: &mut Page<'_>, control: &ControlTelemetry) {
    page.family(&metrics::OBJECTS, |samples| {
        for (kind, count) in control.objects.objects() {
            samples.whole(&Labels::one(&label::KUBE_KIND, kind.as_str()), count);
        }
    });
    page.family(&metrics::CONDITIONS, |samples| {
        for ((kind, condition, status, reason), count) in control.objects.conditions() {
            let mut labels = Labels::one(&label::KUBE_KIND, kind.as_str());
            labels
                .add(&label::CONDITION, &*condition)
                .add(&label::CONDITION_STATUS, &*status)
                .add(&label::CONDITION_REASON, &*reason);
            samples.whole(&labels, count);
        }
    });
    page.family(&metrics::GATEWAY_CONDITION, |samples| {
        for of in control.objects.gateways() {
            let mut labels = Labels::one(&label::OF_GATEWAY_NAMESPACE, &*of.gateway.namespace);
            labels
                .add(&label::OF_GATEWAY_NAME, &*of.gateway.name)
                .add(&label::CONDITION, &*of.condition)
                .add(&label::CONDITION_STATUS, &*of.status)
                .add(&label::CONDITION_REASON, &*of.reason);
            samples.whole(&labels, 1);
        }
    });
}

/// The data plane's side.
pub(super) fn xds(page: &mut Page<'_>, xds: &XdsTelemetry) {
    let status = xds.status();
    page.family(&metrics::XDS_CONNECTED, |samples| samples.whole(&Labels::none(), status.connected.into()));
    page.family(&metrics::XDS_STREAMS, |samples| samples.whole(&Labels::none(), status.streams));
    page.family(&metrics::XDS_STREAM_ENDS, |samples| {
        for (reason, count) in xds.ends.read() {
            samples.whole(&Labels::one(&label::STREAM_END, reason.as_str()), count);
        }
    });
    for (metric, version) in
        [(&metrics::XDS_RECEIVED_VERSION, &status.received), (&metrics::XDS_APPLIED_VERSION, &status.applied)]
    {
        page.family(metric, |samples| {
            if let Some(version) = version {
                samples.whole(&Labels::none(), version_number(version));
            }
        });
    }
    page.family(&metrics::XDS_ANSWERS, |samples| {
        for (answer, count) in xds.answers.read() {
            samples.whole(&Labels::one(&label::XDS_ANSWER, answer.as_str()), count);
        }
    });
    optional(page, &metrics::XDS_FIRST_APPLY, status.first_apply.map(|time| time.as_secs_f64()));
    page.family(&metrics::LAST_GOOD_IN_USE, |samples| {
        samples.whole(&Labels::none(), status.last_good_in_use.into());
    });
    optional(page, &metrics::LAST_GOOD_SAVED, status.saved);
    page.family(&metrics::LAST_GOOD_SAVES, |samples| {
        for (written, count) in xds.saves.read() {
            let result = if written { "written" } else { "failed" };
            samples.whole(&Labels::one(&label::SAVE_RESULT, result), count);
        }
    });
    page.family(&metrics::LAST_GOOD_LOADS, |samples| {
        for (result, count) in xds.loads.read() {
            samples.whole(&Labels::one(&label::LOAD_RESULT, result.as_str()), count);
        }
    });
}

fn optional(page: &mut Page<'_>, metric: &'static Metric, value: Option<f64>) {
    page.family(metric, |samples| {
        if let Some(value) = value {
            samples.float(&Labels::none(), value);
        }
    });
}

fn of_kind(kind: KubeKind, label: &Label, word: &'static str) -> Labels<'static> {
    let mut labels = Labels::one(&label::KUBE_KIND, kind.as_str());
    labels.add(label, word);
    labels
}
