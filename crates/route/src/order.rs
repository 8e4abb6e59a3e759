//! Precedence: which of two matches wins. The table sorts by it when it is compiled; `explain` names the criterion.
//!
//! The order is the Gateway API's (`HTTPRouteRule.matches`, `GRPCRouteRule.matches`), after the hostname, which the
//! host lookup decides: path (Exact, then RegularExpression, then PathPrefix, each the longer first), a method, more
//! headers, more query parameters; for gRPC the service, the method (each exact before regular expression before
//! none, the longer first), more headers. Then for both the older route, the name, the rule's place, the match's.
//! The place of regular expressions is left to implementations; below the prefix `/` they could never win.

use std::cmp::{Ordering, Reverse};

use clearway_model::{Hostname, RouteRef};
use serde::Serialize;

/// What decided between two matches that both hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Criterion {
    /// A more specific hostname of the route.
    Hostname,
    /// A gRPC call takes a GRPCRoute before an HTTPRoute of the same hostname.
    RouteKind,
    /// An exact path before a regular expression before a prefix, and the longer before the shorter.
    Path,
    /// A more specific gRPC service.
    GrpcService,
    /// A more specific gRPC method.
    GrpcMethod,
    /// A condition on the HTTP method before none.
    Method,
    /// More conditions on headers.
    Headers,
    /// More conditions on query parameters.
    QueryParams,
    /// The older route.
    Age,
    /// The route first in the alphabet by `namespace/name`.
    Name,
    /// The earlier rule of the route.
    RuleOrder,
    /// The earlier match of the rule.
    MatchOrder,
}

impl Criterion {
    /// The criterion in a sentence: `A wins by ...`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hostname => "a more specific hostname",
            Self::RouteKind => "its kind: a gRPC call takes a GRPCRoute first",
            Self::Path => "a more specific path",
            Self::GrpcService => "a more specific gRPC service",
            Self::GrpcMethod => "a more specific gRPC method",
            Self::Method => "a condition on the method",
            Self::Headers => "more header conditions",
            Self::QueryParams => "more query parameter conditions",
            Self::Age => "the older route",
            Self::Name => "the route's name in the alphabet",
            Self::RuleOrder => "the earlier rule",
            Self::MatchOrder => "the earlier match",
        }
    }
}

/// How narrow a condition on a text is: greater wins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Narrowness {
    class: u8,
    length: usize,
}

impl Narrowness {
    pub(crate) const NONE: Self = Self { class: 0, length: 0 };

    pub(crate) fn exact(text: &str) -> Self {
        Self { class: 3, length: text.chars().count() }
    }

    pub(crate) fn regex(source: &str) -> Self {
        Self { class: 2, length: source.chars().count() }
    }

    pub(crate) fn prefix(text: &str) -> Self {
        Self { class: 1, length: text.chars().count() }
    }
}

/// The place of one match among all matches of a listener.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) specifics: Specifics,
    pub(crate) headers: usize,
    pub(crate) created: i64,
    pub(crate) route: RouteRef,
    pub(crate) rule_index: u32,
    pub(crate) match_index: usize,
}

/// The part of the key that the two kinds of match have of their own.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Specifics {
    Grpc { service: Narrowness, method: Narrowness },
    Http { path: Narrowness, method: bool, queries: usize },
}

impl Key {
    /// `Less` when `self` takes precedence, with the criterion that decides.
    pub(crate) fn compare(&self, other: &Self) -> (Ordering, Criterion) {
        let (before_headers, after_headers) = self.specifics.compare(other.specifics);
        let headers = (Reverse(self.headers).cmp(&Reverse(other.headers)), Criterion::Headers);
        let ties = [
            (self.created.cmp(&other.created), Criterion::Age),
            (self.name().cmp(other.name()), Criterion::Name),
            (self.rule_index.cmp(&other.rule_index), Criterion::RuleOrder),
        ];
        before_headers
            .into_iter()
            .chain([headers, after_headers])
            .chain(ties)
            .find(|(order, _)| order.is_ne())
            .unwrap_or((self.match_index.cmp(&other.match_index), Criterion::MatchOrder))
    }

    /// `namespace/name` as one text: comparing the two parts one by one would sort `a-b/c` after `a/c`.
    fn name(&self) -> impl Iterator<Item = u8> {
        self.route.object.namespace.bytes().chain([b'/']).chain(self.route.object.name.bytes())
    }
}

impl Specifics {
    /// What is compared before the number of headers, and what after it.
    fn compare(self, other: Self) -> ([(Ordering, Criterion); 2], (Ordering, Criterion)) {
        let none = |criterion| (Ordering::Equal, criterion);
        match (self, other) {
            (Self::Grpc { service, method }, Self::Grpc { service: other_service, method: other_method }) => {
                (
                    [
                        (other_service.cmp(&service), Criterion::GrpcService),
                        (other_method.cmp(&method), Criterion::GrpcMethod),
                    ],
                    none(Criterion::QueryParams),
                )
            }
            (
                Self::Http { path, method, queries },
                Self::Http { path: other_path, method: other_method, queries: other_queries },
            ) => (
                [(other_path.cmp(&path), Criterion::Path), (other_method.cmp(&method), Criterion::Method)],
                (other_queries.cmp(&queries), Criterion::QueryParams),
            ),
            (Self::Grpc { .. }, Self::Http { .. }) => {
                ([(Ordering::Less, Criterion::RouteKind); 2], none(Criterion::RouteKind))
            }
            (Self::Http { .. }, Self::Grpc { .. }) => {
                ([(Ordering::Greater, Criterion::RouteKind); 2], none(Criterion::RouteKind))
            }
        }
    }
}

/// How specific a hostname is: greater wins.
pub(crate) fn hostname_rank(hostname: &Hostname) -> (u8, usize) {
    match hostname {
        Hostname::Any => (0, 0),
        Hostname::Wildcard(suffix) => (1, suffix.len()),
        Hostname::Exact(name) => (2, name.len()),
    }
}
