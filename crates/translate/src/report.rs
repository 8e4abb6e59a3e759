//! What became of every listener and route, for `clearway check`: as JSON through serde, as text through `Display`.

mod text;

use std::collections::BTreeMap;
use std::sync::Arc;

use clearway_k8s::conditions::types;
use clearway_k8s::gateway::GatewayListener;
use clearway_k8s::route::ParentReference;
use clearway_k8s::{Condition, Severity};
use clearway_model::{BackendFault, BackendRef, Hostname, Observability, RouteKind, RouteRef, Rule, RuleRef};
use serde::Serialize;

use crate::status::{ListenerStatus, PolicyAncestorStatus};
use crate::{Problem, Translation, World};

/// What became of everything.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Version of the configuration.
    pub version: String,
    /// Listeners of our Gateways, by Gateway and in the order of the spec.
    pub listeners: Vec<ListenerReport>,
    /// Routes, by kind, namespace and name.
    pub routes: Vec<RouteReport>,
    /// ObservabilityPolicies, by namespace and name.
    pub policies: Vec<PolicyReport>,
    /// Gateways, ListenerSets and routes that belong to others, as `Kind namespace/name`.
    pub not_ours: Vec<String>,
    /// What is wrong.
    pub problems: Vec<Problem>,
}

/// What became of an ObservabilityPolicy.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyReport {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// What is said of it to each class or Gateway that it is for; nothing when that belongs to others.
    pub ancestors: Vec<ParentReport>,
}

/// What became of a listener.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListenerReport {
    /// `namespace/gateway/listener`, or `namespace/gateway/set namespace/set/listener`.
    pub listener: String,
    /// Port.
    pub port: u16,
    /// Protocol.
    pub protocol: String,
    /// Hostname; `*` is all.
    pub hostname: String,
    /// Whether it is served.
    pub served: bool,
    /// Routes that are attached.
    pub attached_routes: u32,
    /// What ObservabilityPolicies say of its requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observability: Option<Arc<Observability>>,
    /// Why it is not served or not complete: `reason: message`.
    pub reasons: Vec<String>,
}

/// What became of a route.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RouteReport {
    /// Kind.
    pub kind: String,
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// Its parents that are ours.
    pub parents: Vec<ParentReport>,
    /// Listeners that serve it.
    pub attached: Vec<AttachmentReport>,
    /// Rules that are served.
    pub rules: Vec<RuleReport>,
}

/// What a Gateway said to a route.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ParentReport {
    /// `namespace/gateway`, with the section and port that the route names.
    pub parent: String,
    /// Whether the route is accepted.
    pub accepted: bool,
    /// Why not, or what of it is not complete: `reason: message`.
    pub reasons: Vec<String>,
}

/// A listener that serves a route.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AttachmentReport {
    /// `namespace/gateway/listener`.
    pub listener: String,
    /// Hostnames that it serves.
    pub hostnames: Vec<String>,
}

/// A rule that is served.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RuleReport {
    /// Its name, or its index.
    pub rule: String,
    /// Where its requests go.
    pub backends: Vec<BackendReport>,
    /// What ObservabilityPolicies say of its requests; the listener's word holds where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observability: Option<Arc<Observability>>,
}

/// Where requests go.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BackendReport {
    /// `Kind namespace/name:port`; empty when the reference leads nowhere.
    pub backend: String,
    /// Share of the traffic.
    pub weight: u32,
    /// Endpoints that take requests.
    pub endpoints: usize,
    /// Why the reference leads nowhere: `reason: message`.
    pub fault: Option<String>,
}

impl Report {
    /// Reads a translation of a world.
    pub fn from(translation: &Translation, world: &World) -> Self {
        let mut rules: BTreeMap<&RouteRef, Vec<&Rule>> = BTreeMap::new();
        for rule in translation.snapshot.rules.values() {
            rules.entry(&rule.rule.route).or_default().push(rule);
        }
        let routes = translation.status.routes.iter().map(|(key, status)| RouteReport {
            kind: key.kind.as_str().to_owned(),
            namespace: key.object.namespace.to_string(),
            name: key.object.name.to_string(),
            parents: status
                .parents
                .iter()
                .map(|entry| parent(&key.object.namespace, &entry.parent_ref, &entry.conditions))
                .collect(),
            attached: attachments(rules.get(key).map_or(&[][..], Vec::as_slice)),
            rules: rules.get(key).into_iter().flatten().map(|rule| rule_report(rule, translation)).collect(),
        });
        Self {
            version: translation.snapshot.version.to_string(),
            listeners: listeners(translation, world),
            routes: routes.collect(),
            policies: policies(translation),
            not_ours: not_ours(translation, world),
            problems: translation.problems.clone(),
        }
    }

    /// Whether anything cannot be served as written.
    pub fn has_errors(&self) -> bool {
        self.problems.iter().any(|problem| problem.severity == Severity::Error)
    }
}

fn listeners(translation: &Translation, world: &World) -> Vec<ListenerReport> {
    let mut found = Vec::new();
    for (key, status) in &translation.status.gateways {
        let Some(gateway) = world.gateways.get(key) else { continue };
        let refusal = failures(&status.conditions, &[types::ACCEPTED]);
        for (spec, entry) in gateway.spec.listeners.iter().zip(&status.listeners) {
            found.push(listener(format!("{key}/{}", spec.name), spec, entry, &refusal));
        }
    }
    for (key, status) in &translation.status.listener_sets {
        let Some(set) = world.listener_sets.get(key) else { continue };
        let parent = &set.spec.parent_ref;
        let namespace = parent.namespace.as_deref().unwrap_or(&key.namespace);
        let refusal = failures(&status.conditions, &[types::ACCEPTED]);
        for (spec, entry) in set.spec.listeners.iter().zip(&status.listeners) {
            let name = format!("{namespace}/{}/{key}/{}", parent.name, spec.name);
            found.push(listener(name, spec, entry, &refusal));
        }
    }
    let served = translation.snapshot.listeners.values();
    let observed: BTreeMap<String, &Arc<Observability>> =
        served.filter_map(|one| Some((one.listener.to_string(), one.observability.as_ref()?))).collect();
    for report in &mut found {
        report.observability = observed.get(&report.listener).map(|says| Arc::clone(says));
    }
    found
}

fn policies(translation: &Translation) -> Vec<PolicyReport> {
    let all = translation.status.observability_policies.iter();
    let each = all.map(|(key, status)| PolicyReport {
        namespace: key.namespace.to_string(),
        name: key.name.to_string(),
        ancestors: status.ancestors.iter().map(ancestor).collect(),
    });
    each.collect()
}

fn ancestor(entry: &PolicyAncestorStatus) -> ParentReport {
    let ParentReference { kind, namespace, name, .. } = &entry.ancestor_ref;
    let parent = match namespace {
        Some(namespace) => format!("{kind} {namespace}/{name}"),
        None => format!("{kind} {name}"),
    };
    let accepted = holds(&entry.conditions, types::ACCEPTED);
    ParentReport { parent, accepted, reasons: failures(&entry.conditions, &[types::ACCEPTED]) }
}

fn listener(
    name: String,
    spec: &GatewayListener,
    entry: &ListenerStatus,
    parent_refusal: &[String],
) -> ListenerReport {
    let mut reasons = failures(&entry.conditions, &[types::ACCEPTED, types::RESOLVED_REFS]);
    let served = holds(&entry.conditions, types::PROGRAMMED);
    if reasons.is_empty() && !served {
        reasons = parent_refusal.to_vec();
    }
    ListenerReport {
        listener: name,
        port: spec.port,
        protocol: spec.protocol.to_string(),
        hostname: Hostname::parse(spec.hostname.as_deref().unwrap_or_default()).to_string(),
        served,
        attached_routes: entry.attached_routes,
        observability: None,
        reasons,
    }
}

fn holds(conditions: &[Condition], kind: &str) -> bool {
    conditions.iter().any(|condition| condition.kind == kind && condition.is_true())
}

/// `reason: message` of the conditions of these types that are false.
fn failures(conditions: &[Condition], kinds: &[&str]) -> Vec<String> {
    let failed = conditions
        .iter()
        .filter(|condition| kinds.contains(&condition.kind.as_str()) && !condition.is_true());
    failed.map(|condition| format!("{}: {}", condition.reason, condition.message)).collect()
}

fn parent(route_namespace: &str, reference: &ParentReference, conditions: &[Condition]) -> ParentReport {
    let namespace = reference.namespace.as_deref().unwrap_or(route_namespace);
    let mut text = format!("{namespace}/{}", reference.name);
    if let Some(section) = &reference.section_name {
        text.push_str(&format!(", listener {section}"));
    }
    if let Some(port) = reference.port {
        text.push_str(&format!(", port {port}"));
    }
    let mut reasons = failures(conditions, &[types::ACCEPTED, types::RESOLVED_REFS]);
    let partial = conditions.iter().filter(|condition| condition.kind == types::PARTIALLY_INVALID);
    reasons.extend(partial.map(|condition| format!("{}: {}", condition.kind, condition.message)));
    ParentReport { parent: text, accepted: holds(conditions, types::ACCEPTED), reasons }
}

/// All rules of a route have the same parents.
fn attachments(rules: &[&Rule]) -> Vec<AttachmentReport> {
    let parents = rules.first().map_or(&[][..], |rule| rule.parents.as_slice());
    let each = parents.iter().map(|parent| AttachmentReport {
        listener: parent.listener.to_string(),
        hostnames: parent.hostnames.iter().map(ToString::to_string).collect(),
    });
    each.collect()
}

fn rule_report(rule: &Rule, translation: &Translation) -> RuleReport {
    let endpoints = |backend: &BackendRef| {
        translation.snapshot.backends.get(backend).map_or(0, |backend| backend.endpoints.len())
    };
    let backends = rule.backends.iter().map(|entry| match &entry.target {
        Ok(backend) => BackendReport {
            backend: backend.to_string(),
            weight: entry.weight,
            endpoints: endpoints(backend),
            fault: None,
        },
        Err(BackendFault { reason, message }) => BackendReport {
            backend: String::new(),
            weight: entry.weight,
            endpoints: 0,
            fault: Some(format!("{reason}: {message}")),
        },
    });
    let observability = rule.observability.clone();
    RuleReport { rule: label(&rule.rule), backends: backends.collect(), observability }
}

fn label(rule: &RuleRef) -> String {
    match &rule.name {
        Some(name) => format!("{} ({name})", rule.index),
        None => rule.index.to_string(),
    }
}

fn not_ours(translation: &Translation, world: &World) -> Vec<String> {
    let status = &translation.status;
    let gateways = world
        .gateways
        .keys()
        .filter(|key| !status.gateways.contains_key(*key))
        .map(|key| format!("Gateway {key}"));
    let sets = world
        .listener_sets
        .keys()
        .filter(|key| !status.listener_sets.contains_key(*key))
        .map(|key| format!("ListenerSet {key}"));
    let http = world.http_routes.keys().map(|key| (RouteKind::Http, key));
    let grpc = world.grpc_routes.keys().map(|key| (RouteKind::Grpc, key));
    let tls = world.tls_routes.keys().map(|key| (RouteKind::Tls, key));
    let tcp = world.tcp_routes.keys().map(|key| (RouteKind::Tcp, key));
    let udp = world.udp_routes.keys().map(|key| (RouteKind::Udp, key));
    let routes = http
        .chain(grpc)
        .chain(tls)
        .chain(tcp)
        .chain(udp)
        .map(|(kind, key)| RouteRef { kind, object: key.clone() })
        .filter(|key| !status.routes.contains_key(key))
        .map(|key| key.to_string());
    gateways.chain(sets).chain(routes).collect()
}
