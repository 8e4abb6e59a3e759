//! Whether to try again, and after how long. Pure: the corridor does what is decided here.

use std::time::Duration;

use clearway_telemetry::ResponseFlag;
use http::{Method, StatusCode};

use crate::error::{ProxyError, RetryAdvice};
use crate::live::LiveRetry;

/// Other endpoints that are tried without a retry policy when nothing was sent.
const FREE_FAILOVERS: u32 = 2;

/// What was tried so far.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tries {
    /// Tries that ended.
    pub(crate) made: u32,
    /// Whether the request can be sent once more, head and body.
    pub(crate) repeatable: bool,
    /// Whether the last try went over a connection that had served before.
    pub(crate) reused: bool,
    /// Tries that a closed idle connection cost; they are nobody's fault.
    pub(crate) stale: u32,
}

/// Whether the failed try may be followed by another.
pub(crate) fn after_error(
    policy: Option<&LiveRetry>,
    tries: Tries,
    method: &Method,
    error: &ProxyError,
) -> bool {
    if !tries.repeatable {
        return false;
    }
    let allowed = policy.map_or(0, |policy| policy.attempts);
    let counted = tries.made.saturating_sub(tries.stale);
    match error.retry {
        RetryAdvice::No => false,
        RetryAdvice::NothingSent => counted <= allowed.max(FREE_FAILOVERS),
        // An idle connection that the backend closed as we wrote: once, and only for what may be repeated.
        RetryAdvice::IfRepeatable
            if error.flag == ResponseFlag::UpstreamReset
                && tries.reused
                && tries.stale == 0
                && method.is_idempotent() =>
        {
            true
        }
        RetryAdvice::IfRepeatable => counted <= allowed,
    }
}

/// Whether a response is dropped for another try.
pub(crate) fn after_status(policy: Option<&LiveRetry>, tries: Tries, status: StatusCode) -> bool {
    policy.is_some_and(|policy| {
        tries.repeatable
            && tries.made.saturating_sub(tries.stale) <= policy.attempts
            && policy.codes.contains(&status.as_u16())
    })
}

/// The wait before the next try: the policy's least wait, doubled by each try and spread by up to a quarter, at most
/// ten times the least wait.
pub(crate) fn wait(policy: Option<&LiveRetry>, made: u32, rng: &mut fastrand::Rng) -> Duration {
    let Some(base) = policy.and_then(|policy| policy.backoff) else { return Duration::ZERO };
    let grown = base.saturating_mul(1 << made.saturating_sub(1).min(8)).min(base.saturating_mul(10));
    grown + grown.mul_f64(rng.f64() / 4.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(attempts: u32) -> LiveRetry {
        LiveRetry { attempts, codes: vec![503], backoff: Some(Duration::from_millis(10)) }
    }

    fn tries(made: u32) -> Tries {
        Tries { made, repeatable: true, reused: false, stale: 0 }
    }

    #[test]
    fn attempts_are_tries_after_the_first() {
        let two = policy(2);
        assert!(after_status(Some(&two), tries(1), StatusCode::SERVICE_UNAVAILABLE));
        assert!(after_status(Some(&two), tries(2), StatusCode::SERVICE_UNAVAILABLE));
        assert!(!after_status(Some(&two), tries(3), StatusCode::SERVICE_UNAVAILABLE));
        assert!(!after_status(Some(&two), tries(1), StatusCode::BAD_GATEWAY));
        assert!(!after_status(None, tries(1), StatusCode::SERVICE_UNAVAILABLE));
    }

    #[test]
    fn a_connect_that_fails_goes_elsewhere_without_any_policy() {
        let refused = ProxyError::unsent(ResponseFlag::ConnectFailed, "refused");
        assert!(after_error(None, tries(1), &Method::POST, &refused));
        assert!(after_error(None, tries(2), &Method::POST, &refused));
        assert!(!after_error(None, tries(3), &Method::POST, &refused));
    }

    #[test]
    fn what_may_have_been_seen_is_repeated_by_policy_or_when_a_stale_connection_is_to_blame() {
        let reset = ProxyError::sent(ResponseFlag::UpstreamReset, "reset");
        assert!(!after_error(None, tries(1), &Method::GET, &reset));
        assert!(after_error(Some(&policy(1)), tries(1), &Method::POST, &reset));
        assert!(!after_error(Some(&policy(1)), tries(2), &Method::POST, &reset));
        let stale = Tries { reused: true, ..tries(1) };
        assert!(after_error(None, stale, &Method::GET, &reset));
        assert!(!after_error(None, stale, &Method::POST, &reset));
        let late = ProxyError::sent(ResponseFlag::BackendTimeout, "late");
        assert!(!after_error(None, stale, &Method::GET, &late), "slow is not stale");
        assert!(!after_error(None, Tries { made: 2, stale: 1, ..stale }, &Method::GET, &reset));
    }

    #[test]
    fn a_body_that_is_gone_is_never_repeated() {
        let gone = Tries { repeatable: false, ..tries(1) };
        let refused = ProxyError::unsent(ResponseFlag::ConnectFailed, "refused");
        assert!(!after_error(Some(&policy(5)), gone, &Method::GET, &refused));
        assert!(!after_status(Some(&policy(5)), gone, StatusCode::SERVICE_UNAVAILABLE));
    }

    #[test]
    fn waits_grow_and_end() {
        let mut rng = fastrand::Rng::with_seed(7);
        for made in 1..20 {
            let wait = wait(Some(&policy(30)), made, &mut rng);
            assert!(wait >= Duration::from_millis(10) && wait <= Duration::from_millis(125), "{wait:?}");
        }
        assert_eq!(wait(None, 1, &mut rng), Duration::ZERO);
    }
}
