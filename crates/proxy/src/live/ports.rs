//! Ports: what is bound, which listener takes a host, and which rules it has.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use clearway_model::{Listener, ListenerProtocol, ListenerRef, Rule, Snapshot};
use clearway_route::{ListenerIndex, Table};
use clearway_telemetry::Telemetry;
use clearway_telemetry::families::{
    ListenerTelemetry, RuleIdentity, RuleTelemetry, SocketIdentity, SocketTelemetry,
};

use super::CompileProblem;
use super::rules::{LiveRule, Rules};
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
    pub(crate) listener: Listener,
    pub(crate) table: Table,
    /// Rules in the order that the table counts in.
    pub(crate) attached: Vec<Attached>,
    pub(crate) telemetry: Arc<ListenerTelemetry>,
}

/// A rule under a listener.
#[derive(Debug)]
pub(crate) struct Attached {
    pub(crate) rule: Arc<LiveRule>,
    pub(crate) telemetry: Arc<RuleTelemetry>,
}

/// What ports are made of, besides the snapshot.
pub(super) struct Parts<'a> {
    pub(super) telemetry: &'a Telemetry,
    pub(super) rules: &'a Rules<'a>,
    pub(super) certificates: &'a Certificates,
    /// Ports of the configuration before: they lend the TLS settings that did not change.
    pub(super) before: Option<&'a BTreeMap<SocketKey, Arc<Port>>>,
}

/// Compiles every port of a snapshot.
pub(super) fn compile(
    snapshot: &Snapshot,
    parts: &Parts<'_>,
    problems: &mut Vec<CompileProblem>,
) -> BTreeMap<SocketKey, Arc<Port>> {
    let mut by_listener: HashMap<&ListenerRef, Vec<&Rule>> = HashMap::new();
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
    let mut live: HashMap<&ListenerRef, Arc<LiveListener>> = HashMap::new();
    for listener in snapshot.listeners.values() {
        let mine = by_listener.get(&listener.listener).map_or(&[][..], Vec::as_slice);
        match compile_listener(listener, mine, parts) {
            Ok(compiled) => _ = live.insert(&listener.listener, Arc::new(compiled)),
            Err(problem) => problems.push(problem),
        }
    }
    let mut ports = BTreeMap::new();
    for (key, listeners) in by_socket {
        let compiled: Vec<_> =
            listeners.iter().filter_map(|listener| live.get(&listener.listener).cloned()).collect();
        let before = parts.before.and_then(|before| before.get(&key)?.tls.as_ref());
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

fn compile_listener(
    listener: &Listener,
    rules: &[&Rule],
    parts: &Parts<'_>,
) -> Result<LiveListener, CompileProblem> {
    let table = Table::compile(&listener.listener, rules).map_err(|error| CompileProblem {
        object: listener.listener.to_string(),
        reason: error.to_string(),
    })?;
    let attached = rules
        .iter()
        .filter_map(|rule| parts.rules.get(&rule.rule, listener.backend_certificate.as_ref()))
        .map(|rule| Attached {
            rule: rule.clone(),
            telemetry: parts.telemetry.rule(&RuleIdentity {
                listener: Some(listener.listener.clone()),
                rule: Some(rule.rule.clone()),
            }),
        })
        .collect();
    let telemetry = parts.telemetry.listener(&listener.listener);
    Ok(LiveListener { listener: listener.clone(), table, attached, telemetry })
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
