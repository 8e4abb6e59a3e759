//! Requests: by rule, by listener, mirrored.

use std::sync::Arc;

use super::super::page::{Labels, Page};
use super::{listener_labels, rule_labels};
use crate::catalog::{label, metrics};
use crate::families::{BYTES_RECEIVED, BYTES_SENT, ListenerTelemetry, RuleTelemetry};
use crate::hub::Telemetry;
use crate::key::{MirrorOutcome, RequestKey};
use crate::words::{GRPC_STATUS, Phase};

pub(super) fn collect(page: &mut Page<'_>, hub: &Telemetry) {
    let mut rules = hub.rules.all();
    rules.sort_unstable_by(|a, b| a.identity.cmp(&b.identity));
    let mut listeners = hub.listeners.all();
    listeners.sort_unstable_by(|a, b| a.listener.cmp(&b.listener));
    counts(page, &rules);
    durations(page, &rules, &listeners);
    page.family(&metrics::REQUESTS_IN_FLIGHT, |samples| {
        for listener in &listeners {
            let mut labels = Labels::none();
            listener_labels(&mut labels, listener.listener.as_ref());
            samples.gauge(&labels, listener.in_flight.get());
        }
    });
    for (metric, key) in
        [(&metrics::REQUEST_BODY_BYTES, BYTES_RECEIVED), (&metrics::RESPONSE_BODY_BYTES, BYTES_SENT)]
    {
        page.family(metric, |samples| {
            for rule in &rules {
                if let Some(bytes) = rule.bytes.collect().get(&key) {
                    samples.whole(&identity(rule), *bytes);
                }
            }
        });
    }
    page.family(&metrics::MIRRORED_REQUESTS, |samples| {
        for (number, count) in hub.mirrors.collect() {
            let outcome = usize::try_from(number).ok().and_then(|at| MirrorOutcome::ALL.get(at));
            if let Some(outcome) = outcome {
                samples.whole(&Labels::one(&label::MIRROR_OUTCOME, outcome.as_str()), count);
            }
        }
    });
}

fn counts(page: &mut Page<'_>, rules: &[Arc<RuleTelemetry>]) {
    page.family(&metrics::REQUESTS, |samples| {
        for rule in rules {
            let mut labels = identity(rule);
            let own = labels.len();
            for (number, count) in rule.requests.collect() {
                let key = RequestKey::unpack(number);
                labels.truncate(own);
                labels
                    .add(&label::CODE, key.code.to_string())
                    .add(&label::CODE_CLASS, label::code_class(key.code))
                    .add(&label::METHOD, key.method.as_str())
                    .add(&label::PROTOCOL, key.protocol.as_str())
                    .add(&label::ANSWERED_BY, key.answered_by.as_str())
                    .add(&label::REASON, key.flag.as_str());
                if let Some(status) = key.grpc_status {
                    let name = GRPC_STATUS.get(usize::from(status)).copied().unwrap_or("_OTHER");
                    labels.add(&label::GRPC_STATUS_NAME, name);
                }
                samples.whole(&labels, count);
            }
        }
    });
}

fn durations(page: &mut Page<'_>, rules: &[Arc<RuleTelemetry>], listeners: &[Arc<ListenerTelemetry>]) {
    page.family(&metrics::REQUEST_DURATION, |samples| {
        for rule in rules {
            let mut labels = Labels::none();
            for (class, histogram) in label::CODE_CLASSES.iter().zip(&rule.durations) {
                if histogram.is_empty() {
                    continue;
                }
                if labels.len() == 0 {
                    labels = identity(rule);
                }
                let own = labels.len();
                labels.add(&label::CODE_CLASS, *class);
                samples.histogram(&labels, &histogram.collect());
                labels.truncate(own);
            }
        }
    });
    page.family(&metrics::REQUEST_PHASE_DURATION, |samples| {
        for listener in listeners {
            let mut labels = Labels::none();
            listener_labels(&mut labels, listener.listener.as_ref());
            let own = labels.len();
            for (phase, histogram) in Phase::ALL.iter().zip(&listener.phases) {
                labels.truncate(own);
                labels.add(&label::PHASE, phase.as_str());
                samples.histogram(&labels, &histogram.collect());
            }
        }
    });
}

fn identity(rule: &RuleTelemetry) -> Labels<'_> {
    let mut labels = Labels::none();
    listener_labels(&mut labels, rule.identity.listener.as_ref());
    rule_labels(&mut labels, rule.identity.rule.as_ref());
    labels
}
