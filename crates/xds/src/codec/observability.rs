//! What is observed of requests on the wire (`observability.proto`).

use std::sync::Arc;

use clearway_model::{LogFilter, Observability, TraceTrust};

use super::{Wire, Wrong, enumerated, optional, required, shared, texts, unknown};
use crate::wire::config as pb;

impl Wire for Observability {
    type Message = pb::Observability;

    fn to_wire(&self) -> pb::Observability {
        let Self {
            sampling,
            trust,
            log_filter,
            request_headers,
            response_headers,
            status_code_metrics,
            bandwidth_metrics,
            latency_metrics,
        } = self;
        pb::Observability {
            sampling: sampling.as_ref().map(Wire::to_wire),
            trust: trust.map(|trust| trust_to_wire(trust).into()),
            log_filter: log_filter.as_ref().map(Wire::to_wire),
            request_headers: request_headers.as_deref().map(names_to_wire),
            response_headers: response_headers.as_deref().map(names_to_wire),
            status_code_metrics: *status_code_metrics,
            bandwidth_metrics: *bandwidth_metrics,
            latency_metrics: *latency_metrics,
        }
    }

    fn from_wire(message: pb::Observability) -> Result<Self, Wrong> {
        let pb::Observability {
            sampling,
            trust,
            log_filter,
            request_headers,
            response_headers,
            status_code_metrics,
            bandwidth_metrics,
            latency_metrics,
        } = message;
        let names = |names: pb::HeaderNames| shared(names.names);
        Ok(Self {
            sampling: optional("sampling", sampling)?,
            trust: trust.map(|trust| trust_from_wire("trust", trust)).transpose()?,
            log_filter: optional("log_filter", log_filter)?,
            request_headers: request_headers.map(names),
            response_headers: response_headers.map(names),
            status_code_metrics,
            bandwidth_metrics,
            latency_metrics,
        })
    }
}

impl Wire for LogFilter {
    type Message = pb::LogFilter;

    fn to_wire(&self) -> pb::LogFilter {
        let Self { classes, slower_than, ratio } = self;
        pb::LogFilter {
            classes: classes.iter().copied().map(u32::from).collect(),
            slower_than: slower_than.as_ref().map(Wire::to_wire),
            ratio: Some(ratio.to_wire()),
        }
    }

    fn from_wire(message: pb::LogFilter) -> Result<Self, Wrong> {
        let pb::LogFilter { classes, slower_than, ratio } = message;
        let class = |class: u32| match u8::try_from(class) {
            Ok(class @ 1..=5) => Ok(class),
            _ => Err(Wrong::new(format!("holds {class}, which is no class of status codes")).of("classes")),
        };
        Ok(Self {
            classes: classes.into_iter().map(class).collect::<Result<_, _>>()?,
            slower_than: optional("slower_than", slower_than)?,
            ratio: required("ratio", ratio)?,
        })
    }
}

fn names_to_wire(names: &[Arc<str>]) -> pb::HeaderNames {
    pb::HeaderNames { names: texts(names) }
}

pub(super) fn trust_to_wire(trust: TraceTrust) -> pb::TraceTrust {
    match trust {
        TraceTrust::Accept => pb::TraceTrust::Accept,
        TraceTrust::Link => pb::TraceTrust::Link,
        TraceTrust::Ignore => pb::TraceTrust::Ignore,
    }
}

pub(super) fn trust_from_wire(field: &str, number: i32) -> Result<TraceTrust, Wrong> {
    match enumerated(field, number)? {
        pb::TraceTrust::Unspecified => Err(unknown(field, number)),
        pb::TraceTrust::Accept => Ok(TraceTrust::Accept),
        pb::TraceTrust::Link => Ok(TraceTrust::Link),
        pb::TraceTrust::Ignore => Ok(TraceTrust::Ignore),
    }
}
