//! `/config`: what is served, since when, from what, and what is wrong with what was given.
//!
//! Written by hand from the snapshot, field by field, so that nothing appears by accident: no private key, and no value
//! of a header or query parameter, since operators put credentials there. The names stay.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use clearway_model::{
    Backend, EndpointAddress, Filter, HeaderModifier, Listener, ListenerProtocol, Match, PathMatch,
    PathRewrite, Rule, Snapshot, TextMatch, WeightedBackend,
};
use serde::Serialize;
use serde_json::{Value, json};

/// What a plane tells of its configuration.
#[derive(Clone, Debug)]
pub struct ConfigReport {
    /// Where it comes from: a folder, or the control plane's address.
    pub source: String,
    /// When the served snapshot came into force; `None` before the first.
    pub applied: Option<SystemTime>,
    /// What is served; `None` before the first.
    pub snapshot: Option<Arc<Snapshot>>,
    /// Objects read, by kind.
    pub objects: BTreeMap<String, usize>,
    /// What is wrong with the newest configuration. While it is refused as a whole the snapshot is an older one.
    pub problems: Vec<ConfigProblem>,
}

/// Something wrong in the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ConfigProblem {
    /// The object: `HTTPRoute default/shop`, or the file where it could not be read.
    pub object: String,
    /// Path of the field, such as `spec.rules[0].backendRefs[0]`; empty when the whole object is meant.
    pub field: String,
    /// A word of a closed list, usually a Gateway API reason.
    pub reason: String,
    /// The sentence for operators.
    pub message: String,
}

impl ConfigReport {
    /// The answer, as of `now`.
    pub(crate) fn to_json(&self, now: SystemTime) -> Value {
        let age = self.applied.map(|applied| now.duration_since(applied).unwrap_or_default().as_secs());
        let since = self.applied.and_then(|applied| applied.duration_since(UNIX_EPOCH).ok());
        let empty = Snapshot::default();
        let served = self.snapshot.as_deref().unwrap_or(&empty);
        json!({
            "version": self.snapshot.as_ref().map(|snapshot| snapshot.version.as_str()),
            "source": self.source,
            "applied_unix_seconds": since.map(|since| since.as_secs()),
            "age_seconds": age,
            "objects": self.objects,
            "problems": self.problems,
            "listeners": served.listeners.values().map(|one| listener(one)).collect::<Vec<_>>(),
            "routes": served.rules.values().map(|one| rule(one)).collect::<Vec<_>>(),
            "backends": served.backends.values().map(|one| backend(one)).collect::<Vec<_>>(),
            "certificates": served.certificates.keys().map(ToString::to_string).collect::<Vec<_>>(),
        })
    }
}

fn listener(listener: &Listener) -> Value {
    let protocol = match listener.protocol {
        ListenerProtocol::Http => "HTTP",
        ListenerProtocol::Https => "HTTPS",
    };
    let certificates = listener.tls.as_ref().map(|tls| texts(&tls.certificates));
    json!({
        "listener": listener.listener.to_string(),
        "address": listener.address,
        "port": listener.port,
        "protocol": protocol,
        "hostname": listener.hostname.to_string(),
        "certificates": certificates,
        "observability": listener.observability.as_ref().map(ToString::to_string),
    })
}

fn rule(rule: &Rule) -> Value {
    let parents: Vec<Value> = rule
        .parents
        .iter()
        .map(|parent| json!({ "listener": parent.listener.to_string(), "hostnames": texts(&parent.hostnames) }))
        .collect();
    let seconds = |time: Option<std::time::Duration>| time.map(|time| time.as_secs_f64());
    json!({
        "rule": rule.rule.to_string(),
        "parents": parents,
        "matches": rule.matches.iter().map(condition).collect::<Vec<_>>(),
        "filters": rule.filters.iter().map(filter).collect::<Vec<_>>(),
        "backends": rule.backends.iter().map(weighted).collect::<Vec<_>>(),
        "request_timeout_seconds": seconds(rule.timeouts.request),
        "backend_request_timeout_seconds": seconds(rule.timeouts.backend_request),
        "retry": rule.retry.as_ref().map(|retry| json!({ "attempts": retry.attempts, "codes": retry.codes })),
        "observability": rule.observability.as_ref().map(ToString::to_string),
    })
}

fn condition(condition: &Match) -> Value {
    match condition {
        Match::Http { path, headers, query, method } => {
            let (kind, value) = match path {
                PathMatch::Exact(value) => ("Exact", value),
                PathMatch::Prefix(value) => ("PathPrefix", value),
                PathMatch::Regex(value) => ("RegularExpression", value),
            };
            json!({
                "path": { "type": kind, "value": value },
                "method": method,
                "headers": headers.iter().map(|header| &header.name).collect::<Vec<_>>(),
                "query": query.iter().map(|parameter| &parameter.name).collect::<Vec<_>>(),
            })
        }
        Match::Grpc { method, headers } => {
            let text = |text: &TextMatch| match text {
                TextMatch::Exact(value) => json!({ "type": "Exact", "value": value }),
                TextMatch::Regex(value) => json!({ "type": "RegularExpression", "value": value }),
            };
            json!({
                "service": method.as_ref().and_then(|method| method.service.as_ref()).map(text),
                "grpc_method": method.as_ref().and_then(|method| method.method.as_ref()).map(text),
                "headers": headers.iter().map(|header| &header.name).collect::<Vec<_>>(),
            })
        }
    }
}

fn filter(filter: &Filter) -> Value {
    match filter {
        Filter::RequestHeaders(edits) => header_names("RequestHeaderModifier", edits),
        Filter::ResponseHeaders(edits) => header_names("ResponseHeaderModifier", edits),
        Filter::Redirect(to) => json!({
            "type": "RequestRedirect",
            "scheme": to.scheme, "hostname": to.hostname, "port": to.port, "status": to.status,
            "path": to.path.as_ref().map(path_rewrite),
        }),
        Filter::Rewrite(to) => json!({
            "type": "URLRewrite", "hostname": to.hostname, "path": to.path.as_ref().map(path_rewrite),
        }),
        Filter::Mirror(mirror) => {
            let (target, fault) = match &mirror.target {
                Ok(target) => (Some(target.to_string()), None),
                Err(fault) => (None, Some(&fault.message)),
            };
            let share = f64::from(mirror.fraction.numerator) / f64::from(mirror.fraction.denominator.max(1));
            json!({ "type": "RequestMirror", "backend": target, "problem": fault, "share": share })
        }
        Filter::Cors(_) => json!({ "type": "CORS" }),
        Filter::Unsupported { kind } => json!({ "type": kind, "problem": "this filter is not supported" }),
    }
}

fn header_names(kind: &str, edits: &HeaderModifier) -> Value {
    let HeaderModifier { set, add, remove } = edits;
    json!({
        "type": kind,
        "set": set.iter().map(|edit| &edit.name).collect::<Vec<_>>(),
        "add": add.iter().map(|edit| &edit.name).collect::<Vec<_>>(),
        "remove": remove,
    })
}

/// Without the query that somebody may have written into it.
fn path_rewrite(path: &PathRewrite) -> Value {
    let (kind, value) = match path {
        PathRewrite::Full(value) => ("ReplaceFullPath", value),
        PathRewrite::Prefix(value) => ("ReplacePrefixMatch", value),
    };
    json!({ "type": kind, "value": value.split('?').next() })
}

fn weighted(backend: &WeightedBackend) -> Value {
    let (target, fault) = match &backend.target {
        Ok(target) => (Some(target.to_string()), None),
        Err(fault) => (None, Some(json!({ "reason": fault.reason, "message": fault.message }))),
    };
    json!({
        "backend": target,
        "problem": fault,
        "weight": backend.weight,
        "filters": backend.filters.iter().map(filter).collect::<Vec<_>>(),
    })
}

fn backend(backend: &Backend) -> Value {
    let endpoint = |endpoint: &clearway_model::Endpoint| match &endpoint.address {
        EndpointAddress::Ip(address) => std::net::SocketAddr::new(*address, endpoint.port).to_string(),
        EndpointAddress::Host(name) => format!("{name}:{}", endpoint.port),
    };
    json!({
        "backend": backend.backend.to_string(),
        "protocol": backend.protocol,
        "tls": backend.tls.as_ref().map(|tls| json!({ "hostname": tls.hostname })),
        "endpoints": backend.endpoints.iter().map(endpoint).collect::<Vec<_>>(),
    })
}

fn texts(list: &[impl ToString]) -> Vec<String> {
    list.iter().map(ToString::to_string).collect()
}
