//! What ObservabilityPolicies say of a request, made ready: one value for each rule or listener that has any.
//!
//! `proxy/live` compiles it with the configuration and an [`Exchange`] holds it, so that a request without a policy pays for
//! one look at an empty option, and one with a policy for no lock, no search and no allocation but of headers that it keeps.

use std::sync::Arc;
use std::time::Duration;

use clearway_model::{Fraction, LogFilter, Observability, TraceTrust};

use crate::exchange::Exchange;
use crate::families::Switches;
use crate::redact::RecordPolicy;
use crate::trace::Sampler;

/// What is said of requests, compiled.
#[derive(Debug)]
pub struct RequestPolicy {
    /// Decides which traces that start here are sampled.
    pub sampler: Option<Sampler>,
    /// What to believe of a client's trace, when the rule itself speaks of traces: the request's place in a trace is found
    /// anew once the rule is known.
    pub retrace: Option<TraceTrust>,
    /// Which families of metrics by rule are kept: never one that the process has switched off.
    pub switches: Switches,
    filter: Option<Filter>,
    record: Option<Arc<RecordPolicy>>,
}

#[derive(Debug)]
struct Filter {
    /// Bit `n`: status codes of class `n`.
    classes: u8,
    slower_than: Option<Duration>,
    ratio: Sampler,
}

impl RequestPolicy {
    /// Compiles what is said, over the settings of the process.
    pub fn compile(says: &Observability, process: &RecordPolicy, switches: Switches) -> Self {
        let on = |own: bool, says: Option<bool>| own && says.unwrap_or(true);
        let request = says.request_headers.as_deref().unwrap_or_default();
        let response = says.response_headers.as_deref().unwrap_or_default();
        let asks = !request.is_empty() || !response.is_empty();
        Self {
            sampler: says.sampling.map(sampler),
            retrace: None,
            switches: Switches {
                status_code_metrics: on(switches.status_code_metrics, says.status_code_metrics),
                bandwidth_metrics: on(switches.bandwidth_metrics, says.bandwidth_metrics),
                latency_metrics: on(switches.latency_metrics, says.latency_metrics),
                ..switches
            },
            filter: says.log_filter.as_ref().map(Filter::compile),
            record: asks.then(|| Arc::new(process.with_headers(request, response))),
        }
    }

    /// Whether a finished request has a line in the access log.
    pub fn keeps_line(&self, exchange: &Exchange) -> bool {
        self.filter.as_ref().is_none_or(|filter| filter.keeps(exchange))
    }

    /// What of the request may be written, when it is more than the process is told to write.
    pub fn record(&self) -> Option<&RecordPolicy> {
        self.record.as_deref()
    }
}

impl Filter {
    fn compile(filter: &LogFilter) -> Self {
        let LogFilter { classes, slower_than, ratio } = filter;
        let classes =
            classes.iter().fold(0, |bits, class| bits | 1_u8.checked_shl(u32::from(*class)).unwrap_or(0));
        Self { classes, slower_than: *slower_than, ratio: sampler(*ratio) }
    }

    fn keeps(&self, exchange: &Exchange) -> bool {
        let class = 1_u8.checked_shl(u32::from(exchange.response.status / 100)).unwrap_or(0);
        self.classes & class != 0
            || self.slower_than.is_some_and(|limit| exchange.total() > limit)
            || self.ratio.decide(&exchange.trace.trace_id)
    }
}

fn sampler(share: Fraction) -> Sampler {
    Sampler::new(f64::from(share.numerator) / f64::from(share.denominator.max(1)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access_log::fixture;
    use crate::redact::RecordOptions;

    fn process() -> Arc<RecordPolicy> {
        let options = RecordOptions { request_headers: vec!["x-own".into()], ..RecordOptions::default() };
        RecordPolicy::new(&options).expect("options")
    }

    fn policy(says: &Observability) -> RequestPolicy {
        RequestPolicy::compile(says, &process(), Switches::default())
    }

    fn share(numerator: u32) -> Fraction {
        Fraction { numerator, denominator: 10 }
    }

    #[test]
    fn a_line_is_kept_for_one_of_three_reasons() {
        let mut exchange = fixture::exchange("/");
        let total = exchange.total();
        let cases = [
            // Classes, slower than, ratio, status, kept.
            (vec![5], None, share(0), 200, false),
            (vec![5], None, share(0), 503, true),
            (vec![4, 5], None, share(0), 499, true),
            (vec![2], None, share(0), 0, false),
            (vec![], Some(total), share(0), 200, false),
            (vec![], Some(total - Duration::from_nanos(1)), share(0), 200, true),
            (vec![], None, share(10), 200, true),
            (vec![], None, share(0), 200, false),
            (vec![1, 2, 3, 4, 5], None, share(0), 999, false),
        ];
        for (classes, slower_than, ratio, status, kept) in cases {
            exchange.response.status = status;
            let filter = LogFilter { classes, slower_than, ratio };
            let says = Observability { log_filter: Some(filter), ..Observability::default() };
            assert_eq!(policy(&says).keeps_line(&exchange), kept, "{says:?} of {status}");
        }
        assert!(policy(&Observability::default()).keeps_line(&exchange));
    }

    #[test]
    fn a_switch_turns_off_and_never_on() {
        let says = |on: bool| Observability {
            status_code_metrics: Some(on),
            bandwidth_metrics: Some(on),
            latency_metrics: Some(on),
            ..Observability::default()
        };
        let compiled = |on, switches| RequestPolicy::compile(&says(on), &process(), switches).switches;
        let off = Switches {
            status_code_metrics: false,
            bandwidth_metrics: false,
            latency_metrics: false,
            ..Switches::default()
        };
        assert_eq!(compiled(false, Switches::default()), off);
        assert_eq!(compiled(true, Switches::default()), Switches::default());
        assert_eq!(compiled(true, Switches::OFF), Switches::OFF);
        assert_eq!(policy(&Observability::default()).switches, Switches::default());
    }

    #[test]
    fn headers_are_added_to_those_of_the_process_and_credentials_never() {
        let names = |names: &[&str]| Some(names.iter().map(|name| Arc::from(*name)).collect());
        let says = Observability {
            request_headers: names(&["x-tenant", "x-own", "authorization", "no name"]),
            ..Observability::default()
        };
        let (policy, process) = (policy(&says), process());
        let record = policy.record().expect("headers are asked for");
        let mut headers = http::HeaderMap::new();
        for name in ["x-own", "x-tenant", "authorization"] {
            headers.insert(http::HeaderName::from_static(name), http::HeaderValue::from_static("v"));
        }
        let mut captured = process.capture_request(&headers);
        for _ in 0..2 {
            record.capture_more(&headers, &mut captured);
            let names: Vec<_> = captured
                .iter()
                .filter_map(|(index, _)| Some(record.request_header(*index)?.name.as_str()))
                .collect();
            assert_eq!(names, ["x-own", "x-tenant"]);
        }
        assert!(self::policy(&Observability::default()).record().is_none());
    }
}
