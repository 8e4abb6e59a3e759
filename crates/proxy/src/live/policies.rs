//! What ObservabilityPolicies say, made ready for each rule under each listener.
//!
//! Called while a listener is compiled. Where nobody says anything there is nothing, and a rule that says nothing of its own
//! shares the value of its listener.

use std::sync::Arc;

use clearway_model::{Listener, Rule};
use clearway_telemetry::Telemetry;
use clearway_telemetry::policy::RequestPolicy;

/// Whether two versions of a listener say the same to its rules.
pub(super) fn are_same(one: &Listener, other: &Listener) -> bool {
    one.observability == other.observability && one.trace == other.trace
}

/// What is said of requests that no rule has taken yet.
pub(super) fn of_listener(listener: &Listener, telemetry: &Telemetry) -> Option<Arc<RequestPolicy>> {
    let says = listener.observability.as_ref()?;
    Some(Arc::new(telemetry.request_policy(says)))
}

/// What is said of the requests of a rule under a listener: the nearest word on each field.
pub(super) fn of_rule(
    rule: &Rule,
    listener: &Listener,
    of_listener: Option<&Arc<RequestPolicy>>,
    telemetry: &Telemetry,
) -> Option<Arc<RequestPolicy>> {
    let Some(near) = &rule.observability else { return of_listener.cloned() };
    let mut policy = match &listener.observability {
        Some(far) => telemetry.request_policy(&near.over(far)),
        None => telemetry.request_policy(near),
    };
    let speaks_of_traces = near.sampling.is_some() || near.trust.is_some();
    policy.retrace = speaks_of_traces.then(|| near.trust.unwrap_or(listener.trace));
    Some(Arc::new(policy))
}
