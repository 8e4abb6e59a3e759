//! The switchyard: which backend, which endpoint, and whether to try again.

mod endpoint;
pub(crate) mod retry;

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use clearway_telemetry::families::BackendTelemetry;
use clearway_telemetry::{Held, ResponseFlag};

use crate::error::{ProxyError, Result};
use crate::live::{LiveBackend, LiveRule};

pub(crate) use endpoint::{InFlight, WorkerEndpoint};

/// A backend with this worker's pools.
pub(crate) struct WorkerBackend {
    pub(crate) backend: Arc<LiveBackend>,
    pub(crate) endpoints: Vec<Rc<WorkerEndpoint>>,
    pub(crate) telemetry: Held<BackendTelemetry>,
}

impl WorkerBackend {
    /// Pools to the endpoints of `backend`; those of `before` are kept where they still fit.
    pub(crate) fn new(backend: Arc<LiveBackend>, before: Option<&Self>) -> Self {
        let before = before.filter(|before| before.speaks_as(&backend));
        let endpoints = backend
            .endpoints
            .iter()
            .map(|endpoint| {
                let kept =
                    before.into_iter().flat_map(|b| &b.endpoints).find(|e| e.address == endpoint.address);
                kept.cloned().unwrap_or_else(|| WorkerEndpoint::new(endpoint))
            })
            .collect();
        let telemetry = Rc::new(backend.telemetry.clone());
        Self { backend, endpoints, telemetry }
    }

    fn speaks_as(&self, backend: &LiveBackend) -> bool {
        let same_tls = match (&self.backend.tls, &backend.tls) {
            (None, None) => true,
            (Some(Ok(one)), Some(Ok(other))) => Arc::ptr_eq(&one.config, &other.config),
            _ => false,
        };
        same_tls && self.backend.protocol == backend.protocol
    }

    /// Power of two choices by requests in flight, among endpoints that are neither ejected nor in `tried`.
    ///
    /// With all of them ejected or tried, any is better than none: ejection must not turn trouble into an outage.
    pub(crate) fn choose(
        &self,
        rng: &mut fastrand::Rng,
        tried: &[SocketAddr],
    ) -> Option<&Rc<WorkerEndpoint>> {
        let all = &self.endpoints;
        if let [only] = &**all {
            return Some(only);
        }
        if all.is_empty() {
            return None;
        }
        let (a, b) = two_of(rng, all.len());
        let fits = |endpoint: &Rc<WorkerEndpoint>| {
            !tried.contains(&endpoint.address) && !endpoint.health.is_ejected()
        };
        match (all.get(a).filter(|e| fits(e)), all.get(b).filter(|e| fits(e))) {
            (Some(a), Some(b)) => return Some(if b.in_flight.get() < a.in_flight.get() { b } else { a }),
            (Some(one), None) | (None, Some(one)) => return Some(one),
            (None, None) => {}
        }
        let start = rng.usize(..all.len());
        let around = || all.iter().cycle().skip(start).take(all.len());
        around()
            .find(|e| fits(e))
            .or_else(|| around().find(|e| !tried.contains(&e.address)))
            .or_else(|| all.get(start))
    }
}

fn two_of(rng: &mut fastrand::Rng, n: usize) -> (usize, usize) {
    let a = rng.usize(..n);
    let b = rng.usize(..n - 1);
    (a, if b >= a { b + 1 } else { b })
}

/// Draws one of the rule's backends by weight; the answer is its index among the choices.
///
/// # Errors
/// The rule has no backend with a weight: 500, as the Gateway API says.
pub(crate) fn draw(rule: &LiveRule, rng: &mut fastrand::Rng) -> Result<usize> {
    if let ([choice], true) = (&*rule.choices, rule.total_weight > 0) {
        debug_assert!(choice.weight > 0);
        return Ok(0);
    }
    if rule.total_weight == 0 {
        return Err(ProxyError::refuse(
            ResponseFlag::NoBackend,
            format!("{} has no backend with a weight above zero; add backendRefs", rule.rule),
        ));
    }
    let mut ticket = rng.u64(..rule.total_weight);
    for (index, choice) in rule.choices.iter().enumerate() {
        match ticket.checked_sub(choice.weight) {
            None => return Ok(index),
            Some(rest) => ticket = rest,
        }
    }
    Ok(0)
}
