//! ObservabilityPolicies: which one holds for what, what listeners and rules have of it, and its status.
//!
//! For each target one policy holds: the oldest, of equals the first by name. One that is refused holds for nothing. Of the
//! levels (GatewayClass, Gateway, listener, route, rule) the nearest word on each field wins: listeners have what was said up
//! to their name, rules what was said of their route, and the data plane puts the two together.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use clearway_k8s::conditions::{reasons, types};
use clearway_k8s::filter::Fraction;
use clearway_k8s::observability::{AccessLogFilter, ClientTrust, ObservabilityPolicy};
use clearway_k8s::policy::PolicyTarget;
use clearway_k8s::route::ParentReference;
use clearway_k8s::validate::validate_observability_policy;
use clearway_k8s::{Condition, GATEWAY_GROUP, Severity, parse_duration};
use clearway_model::{
    self as model, LogFilter, ObjectRef, Observability, RouteKind, RouteRef, RuleRef, TraceTrust,
};

use crate::Options;
use crate::gateways::GatewayState;
use crate::listeners::ListenerState;
use crate::problem::{ObjectName, Problems, Refusal};
use crate::status::{PolicyAncestorStatus, PolicyStatus, StatusPlan};
use crate::world::World;

/// Most ancestors that a status may hold (Gateway API, PolicyStatus), and most targets of a policy.
const MOST: usize = 16;

/// What a policy is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Class,
    Gateway,
    Route(RouteKind),
}

/// A target: an object, or one of its sections.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Target {
    level: Level,
    object: ObjectRef,
    section: Option<Arc<str>>,
}

impl Target {
    fn of(namespace: &str, reference: &PolicyTarget) -> Option<Self> {
        let level = match reference.kind.as_str() {
            "GatewayClass" => Level::Class,
            "Gateway" => Level::Gateway,
            "HTTPRoute" => Level::Route(RouteKind::Http),
            "GRPCRoute" => Level::Route(RouteKind::Grpc),
            _ => return None,
        };
        let namespace = if level == Level::Class { "" } else { namespace };
        let object = ObjectRef::new(namespace, reference.name.as_str());
        let section = reference.section_name.as_deref().map(Arc::from);
        (reference.group == GATEWAY_GROUP).then_some(Self { level, object, section })
    }
}

/// The policy that holds for a target.
struct Holder<'w> {
    key: &'w ObjectRef,
    says: Arc<Observability>,
}

/// Which policy holds where.
pub(crate) struct Observers<'w> {
    holders: BTreeMap<Target, Holder<'w>>,
}

impl<'w> Observers<'w> {
    pub(crate) fn of(world: &'w World, options: &Options) -> Self {
        let mut order: Vec<_> = world.observability_policies.iter().collect();
        order.sort_by_key(|(key, policy)| (policy.metadata.created(), *key));
        let mut holders = BTreeMap::new();
        for (key, policy) in order.into_iter().filter(|(_, policy)| refusal(policy).is_none()) {
            let says = Arc::new(settings(policy));
            let targets = policy.spec.target_refs.iter().filter_map(|one| Target::of(&key.namespace, one));
            for target in targets.filter(|target| may_say(key, target, options)) {
                holders.entry(target).or_insert_with(|| Holder { key, says: says.clone() });
            }
        }
        Self { holders }
    }

    fn find(&self, level: Level, object: &ObjectRef, section: Option<&str>) -> Option<&Arc<Observability>> {
        if self.holders.is_empty() {
            return None;
        }
        let target = Target { level, object: object.clone(), section: section.map(Arc::from) };
        self.holders.get(&target).map(|holder| &holder.says)
    }

    /// What is said of a listener by class, Gateway and name, and whom it trusts. The annotation of a Gateway stands between the
    /// Gateway's policy and the class's.
    pub(crate) fn listener(
        &self,
        gateway: &GatewayState<'_>,
        listener: &ListenerState<'_>,
        options: &Options,
    ) -> (Option<Arc<Observability>>, TraceTrust) {
        let class = ObjectRef::new("", gateway.gateway.spec.gateway_class_name.as_str());
        let class = self.find(Level::Class, &class, None);
        let whole = self.find(Level::Gateway, &gateway.key, None);
        // A Gateway does not speak for the listeners of its sets by name.
        let named = listener.set.is_none().then_some(listener.spec.name.as_str());
        let named = named.and_then(|name| self.find(Level::Gateway, &gateway.key, Some(name)));
        let near = [named, whole].into_iter().flatten().find_map(|says| says.trust);
        let trust = near.or(gateway.trace).or(class.and_then(|says| says.trust)).unwrap_or(options.trace);
        let levels = [named, whole, class].into_iter().flatten();
        let all = levels.fold(Observability::default(), |near, far| near.over(far));
        let all = Observability { trust: None, ..all };
        ((all != Observability::default()).then(|| Arc::new(all)), trust)
    }

    /// What is said of a rule by its route and its name.
    pub(crate) fn rule(&self, rule: &RuleRef) -> Option<Arc<Observability>> {
        let (level, object) = (Level::Route(rule.route.kind), &rule.route.object);
        let whole = self.find(level, object, None);
        let named = rule.name.as_deref().and_then(|name| self.find(level, object, Some(name)));
        match (named, whole) {
            (Some(named), Some(whole)) => Some(Arc::new(named.over(whole))),
            (one, other) => one.or(other).cloned(),
        }
    }
}

/// Routes that a policy is for: what is said of them may be another thing when it changes.
pub(crate) fn routes(policy: &ObservabilityPolicy) -> impl Iterator<Item = RouteRef> {
    let targets = policy.spec.target_refs.iter().take(MOST);
    targets.filter_map(|one| match Target::of(&policy.metadata.namespace, one)? {
        Target { level: Level::Route(kind), object, .. } => Some(RouteRef { kind, object }),
        _ => None,
    })
}

/// A GatewayClass belongs to the whole cluster, so only the namespace of those who run it speaks for it.
fn may_say(policy: &ObjectRef, target: &Target, options: &Options) -> bool {
    let only = options.class_policies_in.as_deref().filter(|_| target.level == Level::Class);
    only.is_none_or(|namespace| *namespace == *policy.namespace)
}

/// Why a policy holds for nothing.
fn refusal(policy: &ObservabilityPolicy) -> Option<Refusal> {
    let errors = validate_observability_policy(policy);
    let first = errors.into_iter().find(|error| error.severity == Severity::Error)?;
    Some(Refusal::new(reasons::INVALID, first.path, first.message))
}

fn settings(policy: &ObservabilityPolicy) -> Observability {
    let (tracing, log) = (policy.spec.tracing.as_ref(), policy.spec.access_log.as_ref());
    let metrics = policy.spec.metrics.clone().unwrap_or_default();
    let lower = |names: &Vec<String>| names.iter().map(|name| name.to_ascii_lowercase().into()).collect();
    Observability {
        sampling: tracing.and_then(|tracing| tracing.sampling_rate).map(share),
        trust: tracing.and_then(|tracing| tracing.client_trust.as_ref()).and_then(trust),
        log_filter: log.and_then(|log| log.filter.as_ref()).map(log_filter),
        request_headers: log.and_then(|log| log.request_headers.as_ref()).map(lower),
        response_headers: log.and_then(|log| log.response_headers.as_ref()).map(lower),
        status_code_metrics: metrics.status_code,
        bandwidth_metrics: metrics.bandwidth,
        latency_metrics: metrics.latency,
    }
}

fn share(fraction: Fraction) -> model::Fraction {
    model::Fraction { numerator: fraction.numerator, denominator: fraction.denominator }
}

fn trust(trust: &ClientTrust) -> Option<TraceTrust> {
    match trust {
        ClientTrust::Accept => Some(TraceTrust::Accept),
        ClientTrust::Link => Some(TraceTrust::Link),
        ClientTrust::Ignore => Some(TraceTrust::Ignore),
        ClientTrust::Unknown(_) => None,
    }
}

fn log_filter(filter: &AccessLogFilter) -> LogFilter {
    let classes: BTreeSet<u8> = filter.status_classes.iter().filter_map(|class| class.digit()).collect();
    LogFilter {
        classes: classes.into_iter().collect(),
        slower_than: filter.slower_than.as_deref().and_then(|text| parse_duration(text).ok()),
        ratio: filter.ratio.map_or(model::Fraction { numerator: 0, denominator: 1 }, share),
    }
}

/// What the status of policies is made from.
pub(crate) struct Scene<'a, 'w> {
    pub(crate) world: &'w World,
    pub(crate) options: &'a Options,
    pub(crate) gateways: &'a [GatewayState<'w>],
    pub(crate) observers: &'a Observers<'w>,
    /// Gateways of ours that a route names.
    pub(crate) parents: &'a dyn Fn(&RouteRef) -> BTreeSet<ObjectRef>,
}

/// Writes down the status of policies and what is wrong with them.
pub(crate) fn plan(scene: &Scene<'_, '_>, status: &mut StatusPlan, problems: &mut Problems) {
    for (key, policy) in &scene.world.observability_policies {
        let object = ObjectName::new("ObservabilityPolicy", &key.namespace, &key.name);
        let invalid = refusal(policy);
        let mut said: BTreeMap<ParentReference, Vec<Option<Refusal>>> = BTreeMap::new();
        for (index, reference) in policy.spec.target_refs.iter().take(MOST).enumerate() {
            let Some(target) = Target::of(&key.namespace, reference) else { continue };
            let field = format!("spec.targetRefs[{index}]");
            let (ancestors, missing) = scene.look(&target, reference, &field);
            let refusal = invalid.clone().or(missing).or_else(|| scene.loses(key, &target, &field));
            if let Some(refusal) = refusal.as_ref().filter(|_| !ancestors.is_empty()) {
                problems.error(&object, refusal);
            }
            ancestors.into_iter().for_each(|one| said.entry(one).or_default().push(refusal.clone()));
        }
        if let Some(refusal) = &invalid {
            problems.error(&object, refusal);
        }
        let generation = policy.metadata.generation;
        let each = said.into_iter().take(MOST);
        let ancestors = each.map(|(one, said)| scene.entry(one, vec![accepted(&said, generation)])).collect();
        status.observability_policies.insert(key.clone(), PolicyStatus { ancestors });
    }
}

/// A policy is accepted where it holds for something.
fn accepted(said: &[Option<Refusal>], generation: i64) -> Condition {
    let first = said.iter().flatten().next();
    let about = first.map(|refusal| format!("{}: {}", refusal.field, refusal.message)).unwrap_or_default();
    match first {
        None => {
            Condition::new(types::ACCEPTED, true, reasons::ACCEPTED, "The policy is in force.", generation)
        }
        Some(_) if said.contains(&None) => {
            let message = format!("The policy is in force, but not everywhere. {about}");
            Condition::new(types::ACCEPTED, true, reasons::ACCEPTED, message, generation)
        }
        Some(refusal) => Condition::new(types::ACCEPTED, false, refusal.reason, about, generation),
    }
}

impl Scene<'_, '_> {
    /// The entry of an ancestor.
    fn entry(&self, ancestor_ref: ParentReference, conditions: Vec<Condition>) -> PolicyAncestorStatus {
        let controller_name = self.options.controller_name.clone();
        PolicyAncestorStatus { ancestor_ref, controller_name, conditions }
    }

    /// What is said of a policy that cannot be read.
    pub(crate) fn entries(
        &self,
        namespace: &str,
        targets: &[PolicyTarget],
        conditions: &[Condition],
    ) -> Vec<PolicyAncestorStatus> {
        let found = targets.iter().take(MOST).filter_map(|reference| {
            let target = Target::of(namespace, reference)?;
            Some(self.look(&target, reference, "spec.targetRefs").0)
        });
        let all: BTreeSet<ParentReference> = found.flatten().collect();
        all.into_iter().take(MOST).map(|one| self.entry(one, conditions.to_vec())).collect()
    }

    /// The ancestors of a target: the class, or Gateways, or itself when nobody has it. None when it belongs to others.
    fn look(
        &self,
        target: &Target,
        reference: &PolicyTarget,
        field: &str,
    ) -> (BTreeSet<ParentReference>, Option<Refusal>) {
        let (world, object) = (self.world, &target.object);
        let refuse = |message: String| Refusal::new(reasons::TARGET_NOT_FOUND, field, message);
        let (known, ancestors) = match target.level {
            Level::Class => {
                let class = world.classes.get(&*object.name);
                let ours = class.filter(|one| one.spec.controller_name == self.options.controller_name);
                (class.is_some(), ours.map(|_| ancestor("GatewayClass", object)).into_iter().collect())
            }
            Level::Gateway => {
                let ours = self.gateways.iter().find(|gateway| gateway.key == *object);
                let ours = ours.map(|gateway| ancestor("Gateway", &gateway.key));
                (world.gateways.contains_key(object), ours.into_iter().collect())
            }
            Level::Route(kind) => {
                let known = match kind {
                    RouteKind::Grpc => world.grpc_routes.contains_key(object),
                    _ => world.http_routes.contains_key(object),
                };
                let parents = (self.parents)(&RouteRef { kind, object: object.clone() });
                (known, parents.iter().map(|gateway| ancestor("Gateway", gateway)).collect())
            }
        };
        if !known {
            let name = ObjectName::new(&reference.kind, &object.namespace, &object.name);
            let message = format!("{name} does not exist; add it or correct the name");
            let itself = ancestor(&reference.kind, object);
            return (BTreeSet::from([itself]), Some(refuse(message)));
        }
        let missing = target.section.as_deref().filter(|section| !self.has_section(target, section));
        let missing = missing.map(|section| {
            let part = if target.level == Level::Gateway { "listener of its own" } else { "rule" };
            refuse(format!("{} {object} has no {part} named {section}; correct sectionName", reference.kind))
        });
        (ancestors, missing)
    }

    fn has_section(&self, target: &Target, section: &str) -> bool {
        let (world, object) = (self.world, &target.object);
        match target.level {
            Level::Class => false,
            Level::Gateway => world.gateways.get(object).is_some_and(|gateway| {
                gateway.spec.listeners.iter().any(|listener| listener.name == section)
            }),
            Level::Route(RouteKind::Grpc) => world.grpc_routes.get(object).is_some_and(|route| {
                route.spec.rules.iter().any(|rule| rule.name.as_deref() == Some(section))
            }),
            Level::Route(_) => world.http_routes.get(object).is_some_and(|route| {
                route.spec.rules.iter().any(|rule| rule.name.as_deref() == Some(section))
            }),
        }
    }

    /// Why a policy does not hold for a target that is there.
    fn loses(&self, key: &ObjectRef, target: &Target, field: &str) -> Option<Refusal> {
        if !may_say(key, target, self.options) {
            let namespace = self.options.class_policies_in.as_deref().unwrap_or_default();
            let message = format!(
                "a GatewayClass belongs to the whole cluster, so only policies in namespace {namespace} may target it; move \
                 it there, or target a Gateway"
            );
            return Some(Refusal::new(reasons::REF_NOT_PERMITTED, field, message));
        }
        let holder = self.observers.holders.get(target).filter(|holder| holder.key != key)?;
        let message = format!("older policy {} holds for the same target; remove one of them", holder.key);
        Some(Refusal::new(reasons::CONFLICTED, field, message))
    }
}

fn ancestor(kind: &str, object: &ObjectRef) -> ParentReference {
    ParentReference {
        group: GATEWAY_GROUP.to_owned(),
        kind: kind.to_owned(),
        namespace: Some(object.namespace.to_string()).filter(|namespace| !namespace.is_empty()),
        name: object.name.to_string(),
        section_name: None,
        port: None,
    }
}
