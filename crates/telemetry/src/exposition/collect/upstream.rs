//! Backends: tries, connections, health.

use std::sync::{Arc, PoisonError};

use super::super::page::{Labels, Page};
use super::{backend_labels, rule_labels};
use crate::catalog::{Metric, label, metrics};
use crate::families::BackendTelemetry;
use crate::histogram::Histogram;
use crate::hub::Telemetry;
use crate::key::{AttemptKey, ConnectOutcome};
use crate::shard::Counter;

pub(super) fn collect(page: &mut Page<'_>, hub: &Telemetry, backends: &[Arc<BackendTelemetry>]) {
    attempts(page, hub);
    histogram(page, &metrics::UPSTREAM_FIRST_BYTE_DURATION, backends, |backend| &backend.first_byte);
    histogram(page, &metrics::UPSTREAM_CONNECT_DURATION, backends, |backend| &backend.connect);
    histogram(page, &metrics::UPSTREAM_TLS_HANDSHAKE_DURATION, backends, |backend| &backend.tls);
    page.family(&metrics::UPSTREAM_CONNECTS, |samples| {
        for backend in backends {
            for (number, count) in backend.connects.collect() {
                let outcome = usize::try_from(number).ok().and_then(|at| ConnectOutcome::ALL.get(at));
                if let Some(outcome) = outcome {
                    let mut labels = labels(backend);
                    labels.add(&label::CONNECT_OUTCOME, outcome.as_str());
                    samples.whole(&labels, count);
                }
            }
        }
    });
    connections(page, backends);
    endpoints(page, backends);
    counter(page, &metrics::UPSTREAM_EJECTIONS, backends, |backend| &backend.ejections);
}

fn attempts(page: &mut Page<'_>, hub: &Telemetry) {
    let mut attempts = hub.attempts.all();
    attempts.sort_unstable_by(|a, b| a.identity.cmp(&b.identity));
    page.family(&metrics::UPSTREAM_ATTEMPTS, |samples| {
        for handle in &attempts {
            let mut labels = Labels::none();
            rule_labels(&mut labels, Some(&handle.identity.rule));
            backend_labels(&mut labels, &handle.identity.backend);
            let own = labels.len();
            for (number, count) in handle.attempts.collect() {
                let key = AttemptKey::unpack(number);
                labels.truncate(own);
                match key.code {
                    Some(code) => labels.add(&label::CODE, code.to_string()),
                    None => labels.add(&label::CODE, "none"),
                };
                labels
                    .add(&label::REASON, key.flag.as_str())
                    .add(&label::RETRY, if key.retry { "true" } else { "false" });
                samples.whole(&labels, count);
            }
        }
    });
}

fn connections(page: &mut Page<'_>, backends: &[Arc<BackendTelemetry>]) {
    page.family(&metrics::UPSTREAM_CONNECTIONS, |samples| {
        for backend in backends {
            for (state, gauge) in [("open", &backend.open), ("idle", &backend.idle)] {
                let mut labels = labels(backend);
                labels.add(&label::CONNECTION_STATE, state);
                samples.gauge(&labels, gauge.get());
            }
        }
    });
    counter(page, &metrics::UPSTREAM_REUSED, backends, |backend| &backend.reused);
    page.family(&metrics::UPSTREAM_PENDING_REQUESTS, |samples| {
        for backend in backends {
            samples.gauge(&labels(backend), backend.pending.get());
        }
    });
}

fn endpoints(page: &mut Page<'_>, backends: &[Arc<BackendTelemetry>]) {
    page.family(&metrics::UPSTREAM_ENDPOINTS, |samples| {
        for backend in backends {
            let census = backend.endpoints.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let Some((configured, ejected)) = census.map(|census| census.count()) else { continue };
            for (state, count) in [("configured", configured), ("ejected", ejected)] {
                let mut labels = labels(backend);
                labels.add(&label::ENDPOINT_STATE, state);
                samples.whole(&labels, count as u64);
            }
        }
    });
}

fn histogram(
    page: &mut Page<'_>,
    metric: &'static Metric,
    backends: &[Arc<BackendTelemetry>],
    of: fn(&BackendTelemetry) -> &Histogram,
) {
    page.family(metric, |samples| {
        for backend in backends {
            samples.histogram(&labels(backend), &of(backend).collect());
        }
    });
}

fn counter(
    page: &mut Page<'_>,
    metric: &'static Metric,
    backends: &[Arc<BackendTelemetry>],
    of: fn(&BackendTelemetry) -> &Counter,
) {
    page.family(metric, |samples| {
        for backend in backends {
            samples.whole(&labels(backend), of(backend).get());
        }
    });
}

fn labels(backend: &BackendTelemetry) -> Labels<'_> {
    let mut labels = Labels::none();
    backend_labels(&mut labels, &backend.backend);
    labels
}
