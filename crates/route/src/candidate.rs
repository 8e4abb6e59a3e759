//! A candidate: one match of one rule, ready to be asked. `bucket` finds the few that a host and a path leave,
//! `explain` asks all of them.
//!
//! Always holds: a bucket keeps its candidates sorted by precedence, so the smaller number wins.

use std::sync::Arc;

use http::Method;

use crate::Request;
use crate::condition::{HeaderCondition, QueryCondition};
use crate::grpc::Call;
use crate::order::Key;
use crate::text::{Pattern, Text};

/// One match of one rule.
#[derive(Debug)]
pub(crate) struct Candidate {
    /// The rule, by the slot that it has in its table as long as it does not change.
    pub(crate) slot: u32,
    /// The path, or service and method: decided by the bucket's lookups, kept for regular expressions and `explain`.
    pub(crate) target: Target,
    pub(crate) method: Option<Method>,
    pub(crate) headers: Box<[HeaderCondition]>,
    pub(crate) queries: Box<[QueryCondition]>,
    pub(crate) key: Key,
}

/// What a candidate asks of the path.
#[derive(Clone, Debug)]
pub(crate) enum Target {
    Exact(Arc<str>),
    /// Without its trailing `/`; empty for `/`.
    Prefix(Arc<str>),
    Regex(Pattern),
    Grpc {
        service: Option<Text>,
        method: Option<Text>,
    },
}

impl Candidate {
    /// Whether everything beside the path holds.
    pub(crate) fn rest_holds(&self, request: &Request<'_>) -> bool {
        self.method.as_ref().is_none_or(|method| method == request.method)
            && self.headers.iter().all(|condition| condition.holds(request.headers))
            && self.queries.iter().all(|condition| condition.holds(request.query))
    }
}

impl Target {
    /// Whether the path (or the call, for gRPC) falls under it. The slow form of the bucket's lookups.
    pub(crate) fn covers(&self, path: &str, call: Option<Call<'_>>) -> bool {
        match self {
            Self::Exact(want) => **want == *path,
            Self::Prefix(prefix) => {
                path.strip_prefix(&**prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            }
            Self::Regex(pattern) => pattern.covers(path.as_bytes()),
            Self::Grpc { service, method } => call.is_some_and(|call| {
                service.as_ref().is_none_or(|want| want.covers(call.service))
                    && method.as_ref().is_none_or(|want| want.covers(call.method))
            }),
        }
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let part = |text: &Option<Text>| text.as_ref().map_or_else(|| "any".to_owned(), Text::to_string);
        match self {
            Self::Exact(path) => write!(f, "path \"{path}\""),
            Self::Prefix(prefix) if prefix.is_empty() => f.write_str("path prefix \"/\""),
            Self::Prefix(prefix) => write!(f, "path prefix \"{prefix}\""),
            Self::Regex(pattern) => write!(f, "path /{}/", pattern.source()),
            Self::Grpc { service, method } => {
                write!(f, "gRPC service {}, method {}", part(service), part(method))
            }
        }
    }
}
