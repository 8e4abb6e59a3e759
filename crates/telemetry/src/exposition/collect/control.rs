//! The control plane: readiness, watches, translations, data planes.

use std::borrow::Cow;

use super::super::page::{Labels, Page, Samples};
use crate::catalog::{Label, Metric, label, metrics};
use crate::control::{ControlTelemetry, FleetState, KubeKind, Layer, TranslationOutcome, WatchReason};

pub(super) fn collect(page: &mut Page<'_>, control: &ControlTelemetry) {
    readiness(page, control);
    watches(page, control);
    translation(page, control);
    fleets(page, control);
}

fn readiness(page: &mut Page<'_>, control: &ControlTelemetry) {
    let name = |layer: Option<Layer>| layer.map_or("all", Layer::as_str);
    let layers = control.readiness.read();
    page.family(&metrics::READINESS_LAYER, |samples| {
        for (layer, view) in &layers {
            samples.whole(&Labels::one(&label::LAYER, name(*layer)), view.ready.into());
        }
    });
    page.family(&metrics::READINESS_DURATION, |samples| {
        for (layer, view) in &layers {
            if let Some(first) = view.first {
                samples.float(&Labels::one(&label::LAYER, name(*layer)), first.as_secs_f64());
            }
        }
    });
    page.family(&metrics::READINESS_TRANSITIONS, |samples| {
        for ((layer, ready, reason), count) in control.readiness.transitions.read() {
            let mut labels = Labels::one(&label::LAYER, name(layer));
            labels.add(&label::READINESS, if ready { "ready" } else { "not_ready" });
            labels.add(&label::READINESS_REASON, reason.as_str());
            samples.whole(&labels, count);
        }
    });
}

fn watches(page: &mut Page<'_>, control: &ControlTelemetry) {
    let caches = control.caches.read();
    page.family(&metrics::CACHE_SYNCED, |samples| {
        for (kind, cache) in &caches {
            samples.whole(&kind_label(*kind), cache.synced.into());
        }
    });
    page.family(&metrics::CACHE_SYNC_DURATION, |samples| {
        for (kind, times) in control.caches.sync.read() {
            samples.histogram(&kind_label(kind), &times);
        }
    });
    page.family(&metrics::CACHE_OBJECTS, |samples| {
        for (kind, cache) in &caches {
            samples.whole(&kind_label(*kind), cache.objects);
        }
    });
    for (metric, tally) in [
        (&metrics::INITIAL_EVENTS, &control.caches.initial_events),
        (&metrics::CACHE_SYNC_TIMEOUTS, &control.caches.timeouts),
    ] {
        page.family(metric, |samples| by_kind(samples, tally.read()));
    }
    for (metric, tally) in [
        (&metrics::WATCH_ERRORS, &control.caches.errors),
        (&metrics::WATCH_RESTARTS, &control.caches.restarts),
    ] {
        page.family(metric, |samples| {
            for ((kind, reason), count) in tally.read() {
                samples.whole(&kind_and_reason(kind, reason), count);
            }
        });
    }
    page.family(&metrics::MALFORMED_OBJECTS, |samples| by_kind(samples, control.caches.malformed.read()));
}

fn translation(page: &mut Page<'_>, control: &ControlTelemetry) {
    let outcome = |outcome: TranslationOutcome| Labels::one(&label::TRANSLATION_OUTCOME, outcome.as_str());
    page.family(&metrics::TRANSLATIONS, |samples| {
        for (of, count) in control.caches.translated.read() {
            samples.whole(&outcome(of), count);
        }
    });
    page.family(&metrics::TRANSLATION_DURATION, |samples| {
        for (of, times) in control.caches.translations.read() {
            samples.histogram(&outcome(of), &times);
        }
    });
    for (metric, first) in [
        (&metrics::FIRST_TRANSLATION, control.caches.first_translation.get()),
        (&metrics::FIRST_PUSH, control.fleets.first_push.get()),
    ] {
        page.family(metric, |samples| {
            if let Some(first) = first {
                samples.float(&Labels::none(), first.as_secs_f64());
            }
        });
    }
    page.family(&metrics::STREAM_FIRST_PUSH, |samples| {
        for (fleet, times) in control.fleets.stream_first_push.read() {
            samples.histogram(&Labels::one(&label::FLEET, &*fleet), &times);
        }
    });
}

/// One of the numbers of a snapshot's size.
type Part = fn(crate::control::SnapshotSize) -> u64;

fn fleets(page: &mut Page<'_>, control: &ControlTelemetry) {
    let fleets = control.fleets.read();
    let sizes: [(&'static Metric, Part); 2] = [
        (&metrics::SNAPSHOT_RESOURCES, |size| size.resources),
        (&metrics::SNAPSHOT_BYTES, |size| size.bytes),
    ];
    for (metric, of) in sizes {
        page.family(metric, |samples| {
            for (fleet, view) in &fleets {
                for (kind, size) in &view.sizes {
                    samples.whole(&of_fleet(fleet, &label::RESOURCE_TYPE, kind.as_str()), of(*size));
                }
            }
        });
    }
    page.family(&metrics::SENT_RESOURCES, |samples| {
        for ((fleet, change), count) in control.fleets.sent.read() {
            samples.whole(&of_fleet(&fleet, &label::RESOURCE_CHANGE, change.as_str()), count);
        }
    });
    page.family(&metrics::SENT_BYTES, |samples| {
        for (fleet, count) in control.fleets.sent_bytes.read() {
            samples.whole(&Labels::one(&label::FLEET, &*fleet), count);
        }
    });
    page.family(&metrics::DATAPLANES, |samples| {
        for (fleet, view) in &fleets {
            for (state, count) in FleetState::ALL.iter().zip(view.states) {
                samples.whole(&of_fleet(fleet, &label::FLEET_STATE, state.as_str()), count);
            }
        }
    });
    page.family(&metrics::DATAPLANE_VERSION, |samples| {
        for (fleet, view) in &fleets {
            for (node, version, _) in &view.nodes {
                if let Some(version) = version {
                    samples.whole(&of_fleet(fleet, &label::DATAPLANE, &**node), *version);
                }
            }
        }
    });
    page.family(&metrics::DATAPLANE_LAG, |samples| {
        for (fleet, view) in &fleets {
            for (node, _, lag) in &view.nodes {
                samples.float(&of_fleet(fleet, &label::DATAPLANE, &**node), lag.as_secs_f64());
            }
        }
    });
    page.family(&metrics::NACKS, |samples| {
        for ((fleet, kind), count) in control.fleets.nacks.read() {
            samples.whole(&of_fleet(&fleet, &label::RESOURCE_TYPE, kind.as_str()), count);
        }
    });
    page.family(&metrics::STREAM_REFUSALS, |samples| {
        for (reason, count) in control.fleets.refusals.read() {
            samples.whole(&Labels::one(&label::STREAM_REFUSAL, reason.as_str()), count);
        }
    });
}

fn of_fleet<'a>(fleet: &'a str, label: &Label, value: impl Into<Cow<'a, str>>) -> Labels<'a> {
    let mut labels = Labels::one(&label::FLEET, fleet);
    labels.add(label, value);
    labels
}

fn kind_label(kind: KubeKind) -> Labels<'static> {
    Labels::one(&label::KUBE_KIND, kind.as_str())
}

fn kind_and_reason(kind: KubeKind, reason: WatchReason) -> Labels<'static> {
    let mut labels = kind_label(kind);
    labels.add(&label::WATCH_REASON, reason.as_str());
    labels
}

fn by_kind(samples: &mut Samples<'_>, counts: impl IntoIterator<Item = (KubeKind, u64)>) {
    for (kind, count) in counts {
        samples.whole(&kind_label(kind), count);
    }
}
