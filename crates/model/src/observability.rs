//! What is observed of requests where an ObservabilityPolicy says so: sampling, access-log lines, metrics.
//!
//! A listener has what its GatewayClass, its Gateway and its own name were given, a rule what its route was given. The data
//! plane puts the two over each other with [`Observability::over`]: the nearest word on each field wins.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::filter::Fraction;
use crate::listener::TraceTrust;

/// What is said of requests; a field that is `None` is said further away, in the end by the settings of the process.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observability {
    /// Share of the traces that start here of which spans are recorded.
    pub sampling: Option<Fraction>,
    /// What to believe of a `traceparent` that clients send.
    pub trust: Option<TraceTrust>,
    /// Which requests have a line in the access log.
    pub log_filter: Option<LogFilter>,
    /// Request headers that are written besides those of the process, lower case.
    pub request_headers: Option<Vec<Arc<str>>>,
    /// Response headers that are written besides those of the process, lower case.
    pub response_headers: Option<Vec<Arc<str>>>,
    /// Whether requests and tries are counted by status code.
    pub status_code_metrics: Option<bool>,
    /// Whether body bytes are counted.
    pub bandwidth_metrics: Option<bool>,
    /// Whether durations are observed.
    pub latency_metrics: Option<bool>,
}

/// Which requests have a line: those that one of the conditions picks, and a share of the others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogFilter {
    /// Classes of status codes, 1 to 5 for `1xx` to `5xx`.
    pub classes: Vec<u8>,
    /// Requests that took longer.
    pub slower_than: Option<Duration>,
    /// Share of the others.
    pub ratio: Fraction,
}

impl Observability {
    /// This and, where it says nothing, what is said further away.
    pub fn over(&self, farther: &Self) -> Self {
        Self {
            sampling: self.sampling.or(farther.sampling),
            trust: self.trust.or(farther.trust),
            log_filter: self.log_filter.as_ref().or(farther.log_filter.as_ref()).cloned(),
            request_headers: self.request_headers.as_ref().or(farther.request_headers.as_ref()).cloned(),
            response_headers: self.response_headers.as_ref().or(farther.response_headers.as_ref()).cloned(),
            status_code_metrics: self.status_code_metrics.or(farther.status_code_metrics),
            bandwidth_metrics: self.bandwidth_metrics.or(farther.bandwidth_metrics),
            latency_metrics: self.latency_metrics.or(farther.latency_metrics),
        }
    }
}

/// For people: `sampling 1/100, client trust link, log 5xx or slower than 500ms and 0/1 of the others, ...`.
impl fmt::Display for Observability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headers = |what: &str, names: &Vec<Arc<str>>| format!("{what} headers [{}]", names.join(", "));
        let switch = |what: &str, on: bool| format!("{what} metrics {}", if on { "on" } else { "off" });
        let parts = [
            self.sampling.map(|ratio| format!("sampling {}/{}", ratio.numerator, ratio.denominator)),
            self.trust.map(|trust| format!("client trust {trust:?}").to_lowercase()),
            self.log_filter.as_ref().map(|filter| format!("log {filter}")),
            self.request_headers.as_ref().map(|names| headers("request", names)),
            self.response_headers.as_ref().map(|names| headers("response", names)),
            self.status_code_metrics.map(|on| switch("status code", on)),
            self.bandwidth_metrics.map(|on| switch("bandwidth", on)),
            self.latency_metrics.map(|on| switch("latency", on)),
        ];
        let said: Vec<String> = parts.into_iter().flatten().collect();
        f.write_str(&said.join(", "))
    }
}

impl fmt::Display for LogFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let classes = self.classes.iter().map(|class| format!("{class}xx"));
        let slow = self.slower_than.map(|time| format!("slower than {time:?}"));
        let picked: Vec<String> = classes.chain(slow).collect();
        let Fraction { numerator, denominator } = self.ratio;
        if !picked.is_empty() {
            write!(f, "{} and ", picked.join(" or "))?;
        }
        write!(f, "{numerator}/{denominator}")?;
        f.write_str(if picked.is_empty() { "" } else { " of the others" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_on_each_field_wins() {
        let fraction = |numerator| Fraction { numerator, denominator: 100 };
        let gateway = Observability {
            sampling: Some(fraction(1)),
            trust: Some(TraceTrust::Link),
            log_filter: Some(LogFilter { classes: vec![5], slower_than: None, ratio: fraction(0) }),
            request_headers: Some(vec!["x-tenant".into()]),
            response_headers: Some(vec!["x-shard".into()]),
            status_code_metrics: Some(false),
            bandwidth_metrics: Some(false),
            latency_metrics: Some(false),
        };
        let route = Observability {
            sampling: Some(fraction(50)),
            request_headers: Some(Vec::new()),
            latency_metrics: Some(true),
            ..Observability::default()
        };
        let both = Observability {
            sampling: route.sampling,
            request_headers: Some(Vec::new()),
            latency_metrics: Some(true),
            ..gateway.clone()
        };
        assert_eq!(route.over(&gateway), both);
        assert_eq!(Observability::default().over(&gateway), gateway);
        assert_eq!(gateway.over(&route), gateway);
    }

    #[test]
    fn people_read_what_is_said_and_nothing_else() {
        let fraction = |numerator| Fraction { numerator, denominator: 10 };
        let slower_than = Some(Duration::from_millis(500));
        let all = Observability {
            sampling: Some(fraction(1)),
            trust: Some(TraceTrust::Link),
            log_filter: Some(LogFilter { classes: vec![4, 5], slower_than, ratio: fraction(0) }),
            request_headers: Some(vec!["x-a".into(), "x-b".into()]),
            bandwidth_metrics: Some(false),
            ..Observability::default()
        };
        assert_eq!(
            all.to_string(),
            "sampling 1/10, client trust link, log 4xx or 5xx or slower than 500ms and 0/10 of the others, \
             request headers [x-a, x-b], bandwidth metrics off"
        );
        let share = LogFilter { classes: vec![], slower_than: None, ratio: fraction(3) };
        assert_eq!(share.to_string(), "3/10");
    }
}
