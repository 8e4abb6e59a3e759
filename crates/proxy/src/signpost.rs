//! The signpost: which listener, and which rule? Hosts choose among the listeners of the port; the port's TLS name and
//! the request's host must lead to the same one.

use std::rc::Rc;
use std::time::Instant;

use clearway_model::{Listener, TraceTrust};
use clearway_route::Request;
use clearway_telemetry::policy::RequestPolicy;
use clearway_telemetry::trace::TraceContext;
use clearway_telemetry::{Held, RequestFacts, ResponseFlag};
use http::HeaderMap;

use crate::door::conn::ConnState;
use crate::error::{ProxyError, Result};
use crate::http::serve::Visit;
use crate::ledger::Entry;
use crate::worker::{LocalRule, Worker, WorkerLive, WorkerPort};

/// Where a request goes.
pub(crate) struct Spot {
    pub(crate) rule: Rc<LocalRule>,
    /// Bytes of the path that the matched prefix covers, for rewrites of the prefix.
    pub(crate) prefix_len: Option<usize>,
    /// The listener's port as the spec has it, for redirects: what is bound may be another.
    pub(crate) port: u16,
}

/// What the listener says of the client's headers.
#[derive(Clone, Copy)]
pub(crate) struct Trust {
    pub(crate) trace: TraceTrust,
    pub(crate) forwarded: clearway_model::ForwardedTrust,
}

impl From<&Listener> for Trust {
    fn from(listener: &Listener) -> Self {
        Self { trace: listener.trace, forwarded: listener.forwarded }
    }
}

/// The listener that takes a request's host, in a configuration: its port among the ports, and itself among theirs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct At {
    port: usize,
    listener: usize,
}

/// What is known of a request before any room looks at it.
pub(crate) struct Opened {
    pub(crate) entry: Entry,
    /// `None` when no listener of the port takes the host.
    pub(crate) at: Option<At>,
    pub(crate) trust: Option<Trust>,
}

/// Opens the record under the listener that takes the host, or under nobody.
pub(crate) fn open(
    worker: &Rc<Worker>,
    conn: &Rc<ConnState>,
    live: &WorkerLive,
    times: (Instant, Instant),
    facts: RequestFacts,
) -> Opened {
    let found = live.place(conn.socket).and_then(|place| {
        let port = live.ports.get(place)?;
        let index = port.port.hosts.find(&host_name(&facts))?;
        let at = At { port: place, listener: index };
        Some((at, port.listeners.get(index)?, port.port.listeners.get(index)?))
    });
    let (at, handles, trust, policy) = match found {
        Some((at, local, listener)) => {
            let handles = (local.telemetry.clone(), local.no_route.clone());
            (Some(at), handles, Some(Trust::from(&*listener.listener)), local.policy.clone())
        }
        None => (None, (live.nobody.clone(), live.nobodys_rule.clone()), None, None),
    };
    let mut entry = Entry::open(worker, conn, times, facts, handles);
    entry.version = Some(live.version.clone());
    entry.policy = policy;
    Opened { entry, at, trust }
}

/// Finds the rule of a request.
///
/// # Errors
/// `no_route`, or `misdirected_request` when the host belongs to another listener than the TLS name did.
pub(crate) fn find(visit: &mut Visit) -> Result<Spot> {
    let conn = visit.entry.conn().clone();
    let live = visit.live.clone();
    let nowhere = || ProxyError::refuse(ResponseFlag::NoRoute, "no listener of this port takes the host");
    let at = visit.at.ok_or_else(nowhere)?;
    let port: &Rc<WorkerPort> = live.ports.get(at.port).ok_or_else(nowhere)?;
    let index = at.listener;
    let host = host_name(&visit.entry.request);
    if let Some(name) = conn.server_name.as_deref().filter(|name| **name != *host)
        && port.port.hosts.find(name) != Some(index)
    {
        return Err(ProxyError::refuse(
            ResponseFlag::Misdirected,
            "the host belongs to another listener than the one whose name TLS was set up for",
        ));
    }
    let listener = port.port.listeners.get(index).ok_or_else(nowhere)?;
    let uri = &visit.parts.uri;
    let request = Request {
        host: &host,
        path: uri.path(),
        query: uri.query(),
        method: &visit.parts.method,
        headers: &visit.parts.headers,
    };
    let found = listener.table.find(&request).ok_or_else(|| {
        ProxyError::refuse(ResponseFlag::NoRoute, "no rule of the listener takes the request")
    })?;
    let rule = port.rule(index, found.rule).ok_or_else(nowhere)?.clone();
    visit.entry.rule = rule.telemetry.clone();
    if let Some(policy) = &rule.policy {
        observe(visit, policy);
    }
    Ok(Spot { rule, prefix_len: found.prefix_len, port: listener.listener.port })
}

/// What policies say of the rule's requests holds from here on. Nothing has used the request's place in a trace yet, so it
/// can be found anew.
fn observe(visit: &mut Visit, policy: &Held<RequestPolicy>) {
    let entry = &mut visit.entry;
    entry.policy = Some(policy.clone());
    if let Some(trust) = policy.retrace {
        entry.trace = begin_trace(entry.worker(), &visit.parts.headers, trust, Some(policy));
    }
    if let Some(record) = policy.record() {
        record.capture_more(&visit.parts.headers, &mut entry.request.captured);
    }
}

/// Finds a request's place in a trace. A policy's sampling counts only where spans go somewhere.
pub(crate) fn begin_trace(
    worker: &Worker,
    headers: &HeaderMap,
    trust: TraceTrust,
    policy: Option<&Held<RequestPolicy>>,
) -> TraceContext {
    let ledger = &worker.ledger;
    let sampler = policy.and_then(|policy| policy.sampler.as_ref()).filter(|_| ledger.records_spans);
    let sampler = sampler.unwrap_or(&ledger.sampler);
    TraceContext::begin(headers, trust, ledger.propagation, sampler, &mut worker.rng.borrow_mut())
}

/// The request's host in lower case, without port and trailing dot. Borrowed in the common case.
pub(crate) fn host_name(facts: &RequestFacts) -> std::borrow::Cow<'_, str> {
    let text = facts.host.as_ref().and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = without_port(text);
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        name.to_ascii_lowercase().into()
    } else {
        name.into()
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        // `[::1]` has colons of its own; a port follows the bracket.
        Some((name, port)) if !port.ends_with(']') => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::without_port;

    #[test]
    fn ports_are_cut_off_and_addresses_kept() {
        for (host, want) in [
            ("a.example:80", "a.example"),
            ("a.example", "a.example"),
            ("[::1]", "[::1]"),
            ("[::1]:8080", "[::1]"),
            ("", ""),
        ] {
            assert_eq!(without_port(host), want);
        }
    }
}
