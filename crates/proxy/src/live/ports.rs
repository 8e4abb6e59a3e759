//! Ports: what is bound, which listener takes a host, and which rules it has.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use clearway_model::{Listener, ListenerProtocol, ListenerRef, Rule, Snapshot};
use clearway_route::{Before, CompileError, ListenerIndex, Table};
use clearway_telemetry::Telemetry;
use clearway_telemetry::families::{
    ListenerTelemetry, RuleIdentity, RuleTelemetry, SocketIdentity, SocketTelemetry,
};
use clearway_telemetry::policy::RequestPolicy;

use super::rules::{LiveRule, Rules};
use super::{CompileProblem, policies};
use crate::tls::{Certificates, PortTls};

/// An address and port to bind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct SocketKey {
    pub(crate) address: Option<IpAddr>,
    pub(crate) port: u16,
}

impl SocketKey {
    /// The address to bind; all addresses is `[::]`, which takes IPv4 too.
    pub(crate) fn socket_addr(self) -> SocketAddr {
        SocketAddr::new(self.address.unwrap_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED)), self.port)
    }
}

/// One bound port.
#[derive(Debug)]
pub(crate) struct Port {
    pub(crate) key: SocketKey,
    pub(crate) listeners: Vec<Arc<LiveListener>>,
    /// Listeners by host.
    pub(crate) hosts: ListenerIndex,
    /// TLS settings: present exactly for HTTPS ports.
    pub(crate) tls: Option<Arc<PortTls>>,
    pub(crate) telemetry: Arc<SocketTelemetry>,
}

/// One listener; all ports that it is bound to share it.
#[derive(Debug)]
pub(crate) struct LiveListener {
    pub(crate) listener: Arc<Listener>,
    pub(crate) table: Table,
    /// Rules in the order that the table counts in.
    pub(crate) attached: Vec<Attached>,
    pub(crate) telemetry: Arc<ListenerTelemetry>,
    /// What policies say of requests before a rule takes them.
    pub(crate) policy: Option<Arc<RequestPolicy>>,
}

/// A rule under a listener.
#[derive(Clone, Debug)]
pub(crate) struct Attached {
    /// What it was compiled from.
    source: Arc<Rule>,
    pub(crate) rule: Arc<LiveRule>,
    pub(crate) telemetry: Arc<RuleTelemetry>,
    /// What policies of the rule and the listener say together.
    pub(crate) policy: Option<Arc<RequestPolicy>>,
}

/// What ports are made of, besides the snapshot.
pub(super) struct Parts<'a> {
    pub(super) telemetry: &'a Telemetry,
    pub(super) certificates: &'a Certificates,
    /// Ports of the configuration before: they lend what did not change.
    pub(super) before: &'a BTreeMap<SocketKey, Arc<Port>>,
}

/// Compiles every port of a snapshot.
pub(super) fn compile<'a>(
    snapshot: &'a Snapshot,
    parts: &Parts<'_>,
    mut rules: Rules<'a>,
    problems: &mut Vec<CompileProblem>,
) -> BTreeMap<SocketKey, Arc<Port>> {
    let mut by_listener: HashMap<&ListenerRef, Vec<&Arc<Rule>>> = HashMap::new();
    for rule in snapshot.rules.values() {
        for parent in &rule.parents {
            by_listener.entry(&parent.listener).or_default().push(rule);
        }
    }
    let mut by_socket: BTreeMap<SocketKey, Vec<&Listener>> = BTreeMap::new();
    for listener in snapshot.listeners.values() {
        for port in &listener.binds {
            let key = SocketKey { address: listener.address, port: *port };
            by_socket.entry(key).or_default().push(listener);
        }
    }
    let before: HashMap<&ListenerRef, &Arc<LiveListener>> = parts
        .before
        .values()
        .flat_map(|port| &port.listeners)
        .map(|live| (&live.listener.listener, live))
        .collect();
    let mut live: HashMap<&ListenerRef, Arc<LiveListener>> = HashMap::new();
    for listener in snapshot.listeners.values() {
        let mine = by_listener.get(&listener.listener).map_or(&[][..], Vec::as_slice);
        let before = before.get(&listener.listener).copied();
        match compile_listener(listener, mine, parts.telemetry, &mut rules, before) {
            Ok(compiled) => _ = live.insert(&listener.listener, compiled),
            Err(problem) => problems.push(problem),
        }
    }
    let mut ports = BTreeMap::new();
    for (key, listeners) in by_socket {
        let compiled: Vec<_> =
            listeners.iter().filter_map(|listener| live.get(&listener.listener).cloned()).collect();
        let before = parts.before.get(&key).and_then(|before| before.tls.as_ref());
        let tls = match port_tls(key.port, &listeners, parts.certificates, before) {
            Ok(tls) => tls,
            Err(problem) => {
                problems.push(problem);
                continue;
            }
        };
        let only = match &*listeners {
            [only] => Some(only.listener.clone()),
            _ => None,
        };
        let hosts: Vec<_> = compiled.iter().enumerate().map(|(i, l)| (i, &l.listener.hostname)).collect();
        let hosts = ListenerIndex::compile(&hosts);
        let telemetry = parts.telemetry.socket(&SocketIdentity { listener: only, port: key.port });
        ports.insert(key, Arc::new(Port { key, listeners: compiled, hosts, tls, telemetry }));
    }
    ports
}

/// Compiles a listener. It takes over the rules that did not change, and stays itself when nothing of it did.
fn compile_listener<'a>(
    listener: &'a Arc<Listener>,
    rules: &[&Arc<Rule>],
    telemetry: &Telemetry,
    compiled: &mut Rules<'a>,
    before: Option<&Arc<LiveListener>>,
) -> Result<Arc<LiveListener>, CompileProblem> {
    let identity = listener.backend_certificate.as_ref();
    let kept = before.filter(|before| {
        before.listener.backend_certificate.as_ref() == identity
            && policies::are_same(&before.listener, listener)
    });
    let policy = policies::of_listener(listener, telemetry);
    let old = before.map_or(&[][..], |before| &before.attached);
    let same = unchanged(rules, old);
    let mut stays =
        before.is_some_and(|before| before.listener == *listener && before.attached.len() == rules.len());
    let mut attached = Vec::with_capacity(rules.len());
    for (rule, same) in rules.iter().zip(&same) {
        let known = same.and_then(|index| kept?.attached.get(index));
        let known = known.filter(|one| compiled.still_leads(rule, &one.rule, identity));
        stays &= known.is_some();
        attached.push(known.cloned().unwrap_or_else(|| Attached {
            source: Arc::clone(rule),
            rule: compiled.get(rule, identity),
            telemetry: telemetry.rule(&RuleIdentity {
                listener: Some(listener.listener.clone()),
                rule: Some(rule.rule.clone()),
            }),
            policy: policies::of_rule(rule, listener, policy.as_ref(), telemetry),
        }));
    }
    if let Some(before) = before.filter(|_| stays) {
        return Ok(before.clone());
    }
    let table = table(&listener.listener, rules, before, &same).map_err(|error| CompileProblem {
        object: listener.listener.to_string(),
        reason: error.to_string(),
    })?;
    let telemetry = telemetry.listener(&listener.listener);
    Ok(Arc::new(LiveListener { listener: listener.clone(), table, attached, telemetry, policy }))
}

/// For each rule its place among the old ones, if it is there unchanged.
fn unchanged(rules: &[&Arc<Rule>], old: &[Attached]) -> Vec<Option<usize>> {
    let mut old = old.iter().map(|one| &one.source).enumerate().peekable();
    let find = |rule: &&Arc<Rule>| {
        // Both lists are sorted by name.
        while old.next_if(|(_, one)| !Arc::ptr_eq(one, rule) && one.rule < rule.rule).is_some() {}
        let (index, one) = old.next_if(|(_, one)| Arc::ptr_eq(one, rule) || one.rule == rule.rule)?;
        (Arc::ptr_eq(one, rule) || **one == ***rule).then_some(index)
    };
    rules.iter().map(find).collect()
}

fn table(
    listener: &ListenerRef,
    rules: &[&Arc<Rule>],
    before: Option<&Arc<LiveListener>>,
    same: &[Option<usize>],
) -> Result<Table, CompileError> {
    let rules: Vec<&Rule> = rules.iter().map(|rule| &***rule).collect();
    let Some(before) = before else { return Table::compile(listener, &rules) };
    let old: Vec<&Rule> = before.attached.iter().map(|one| &*one.source).collect();
    Table::compile_after(listener, &rules, Before { table: &before.table, rules: &old, same })
}

fn port_tls(
    port: u16,
    listeners: &[&Listener],
    certificates: &Certificates,
    before: Option<&Arc<PortTls>>,
) -> Result<Option<Arc<PortTls>>, CompileProblem> {
    let secured: Vec<_> =
        listeners.iter().filter(|l| l.protocol == ListenerProtocol::Https).copied().collect();
    match secured.first() {
        None => Ok(None),
        Some(first) if secured.len() < listeners.len() => Err(CompileProblem {
            object: first.listener.to_string(),
            reason: format!(
                "port {port} is HTTPS here and HTTP in another listener; give one of them its own port"
            ),
        }),
        Some(_) => PortTls::compile(&secured, certificates, before)
            .map(Some)
            .map_err(|(object, reason)| CompileProblem { object, reason }),
    }
}
