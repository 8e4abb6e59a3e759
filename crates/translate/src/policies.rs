//! BackendTLSPolicies: which one holds for a port of a Service, whom it trusts, and its status.

use std::collections::{BTreeMap, BTreeSet};

use clearway_k8s::conditions::{reasons, types};
use clearway_k8s::filter::LocalObjectReference;
use clearway_k8s::policy::{self, BackendTlsPolicy, PolicyTarget};
use clearway_k8s::route::ParentReference;
use clearway_k8s::validate::validate_backend_tls_policy;
use clearway_k8s::{Condition, GATEWAY_GROUP};
use clearway_model::{BackendTls, ObjectRef, SubjectAltName, TrustedRoots};

use crate::Options;
use crate::listeners::shared;
use crate::pem;
use crate::problem::{ObjectName, Problems, Refusal};
use crate::status::{PolicyAncestorStatus, PolicyStatus, StatusPlan};
use crate::world::World;

/// Most ancestors that a status may hold (Gateway API, PolicyStatus).
const MAX_ANCESTORS: usize = 16;

/// Most ConfigMaps with authorities that one object may name.
pub(crate) const MAX_AUTHORITIES: usize = 8;
/// Most targets of a policy.
const MAX_TARGETS: usize = 16;

/// A Service, or one of its ports by name.
type Target = (ObjectRef, Option<String>);

/// Which policy holds where.
pub(crate) struct Policies<'w> {
    winners: BTreeMap<Target, (&'w ObjectRef, &'w BackendTlsPolicy)>,
    /// Targets of policies that cannot be read: nobody knows whom to trust there, and it must not be everybody.
    unreadable: BTreeMap<Target, ObjectRef>,
    /// Services with a policy, each with the Gateways whose routes use it.
    users: BTreeMap<ObjectRef, BTreeSet<ObjectRef>>,
    /// Policies by key.
    world: &'w World,
}

impl<'w> Policies<'w> {
    pub(crate) fn of(world: &'w World) -> Self {
        let mut order: Vec<_> = world.tls_policies.iter().collect();
        order.sort_by_key(|(key, policy)| (policy.metadata.created(), *key));
        let mut winners = BTreeMap::new();
        let mut users = BTreeMap::new();
        for (key, policy) in order {
            let policy: &BackendTlsPolicy = policy;
            for target in services(&key.namespace, &policy.spec.target_refs) {
                users.entry(target.0.clone()).or_insert_with(BTreeSet::new);
                winners.entry(target).or_insert((key, policy));
            }
        }
        let mut unreadable = BTreeMap::new();
        for (object, policy) in
            world.unreadable.iter().filter(|(object, _)| object.kind == "BackendTLSPolicy")
        {
            let key = ObjectRef::new(object.namespace.as_str(), object.name.as_str());
            for target in services(&object.namespace, &policy.targets) {
                users.entry(target.0.clone()).or_insert_with(BTreeSet::new);
                unreadable.entry(target).or_insert_with(|| key.clone());
            }
        }
        Self { winners, unreadable, users, world }
    }

    /// Whether there are none.
    pub(crate) fn are_none(&self) -> bool {
        self.users.is_empty()
    }

    /// Notes that routes of some Gateways use a Service.
    pub(crate) fn used(&mut self, service: &ObjectRef, gateways: &BTreeSet<ObjectRef>) {
        if let Some(users) = self.users.get_mut(service) {
            users.extend(gateways.iter().cloned());
        }
    }

    /// TLS towards a port of a Service. A policy for the port beats one for the whole Service.
    pub(crate) fn tls(&self, service: &ObjectRef, port: &str, world: &World) -> Option<BackendTls> {
        if !self.users.contains_key(service) {
            return None;
        }
        let (of_port, of_all) = ((service.clone(), Some(port.to_owned())), (service.clone(), None));
        let winner = self.winners.get(&of_port).or_else(|| self.winners.get(&of_all));
        let Some((_, policy)) = winner else {
            let unreadable = self.unreadable.get(&of_port).or_else(|| self.unreadable.get(&of_all))?;
            return Some(BackendTls {
                hostname: shared(""),
                subject_alt_names: Vec::new(),
                roots: TrustedRoots::Broken(format!("BackendTLSPolicy {unreadable} cannot be read").into()),
            });
        };
        let validation = &policy.spec.validation;
        Some(BackendTls {
            hostname: shared(&validation.hostname),
            subject_alt_names: alt_names(&validation.subject_alt_names),
            roots: match trust(policy, world) {
                Ok(roots) => roots,
                Err(refusals) => TrustedRoots::Broken(
                    refusals
                        .first()
                        .map_or("no certificate authority", |refusal| refusal.message.as_str())
                        .into(),
                ),
            },
        })
    }

    fn wins(&self, key: &ObjectRef, target: &Target) -> bool {
        self.winners.get(target).is_some_and(|(winner, _)| *winner == key)
    }
}

fn is_service(target: &PolicyTarget) -> bool {
    target.group.is_empty() && target.kind == "Service"
}

fn services(namespace: &str, targets: &[PolicyTarget]) -> Vec<Target> {
    let each = targets.iter().take(MAX_TARGETS).filter(|target| is_service(target));
    each.map(|target| {
        let section = target.section_name.clone().filter(|name| !name.is_empty());
        (ObjectRef::new(namespace, target.name.as_str()), section)
    })
    .collect()
}

/// Gateways whose routes use one of the Services that are targets.
pub(crate) fn users(
    namespace: &str,
    targets: &[PolicyTarget],
    policies: &Policies<'_>,
) -> BTreeSet<ObjectRef> {
    let targets = services(namespace, targets).into_iter();
    targets.filter_map(|(service, _)| policies.users.get(&service)).flatten().cloned().collect()
}

/// What is said of a policy to each Gateway whose routes use its target.
pub(crate) fn ancestors(
    users: &BTreeSet<ObjectRef>,
    options: &Options,
    conditions: &[Condition],
) -> Vec<PolicyAncestorStatus> {
    let each = users.iter().take(MAX_ANCESTORS).map(|gateway| PolicyAncestorStatus {
        ancestor_ref: ParentReference {
            group: GATEWAY_GROUP.to_owned(),
            kind: "Gateway".to_owned(),
            namespace: Some(gateway.namespace.to_string()),
            name: gateway.name.to_string(),
            section_name: None,
            port: None,
        },
        controller_name: options.controller_name.clone(),
        conditions: conditions.to_vec(),
    });
    each.collect()
}

/// Whom a policy trusts, or why nobody. References that are bad beside a good one are left out.
fn trust(policy: &BackendTlsPolicy, world: &World) -> Result<TrustedRoots, Vec<Refusal>> {
    if let Some(error) = validate_backend_tls_policy(policy).into_iter().next() {
        return Err(vec![Refusal::new(reasons::INVALID, error.path, error.message)]);
    }
    let validation = &policy.spec.validation;
    if validation.well_known_ca_certificates.is_some() {
        return Ok(TrustedRoots::System);
    }
    let namespace = &policy.metadata.namespace;
    let refs = &validation.ca_certificate_refs;
    let authorities = authorities(refs, namespace, "spec.validation.caCertificateRefs", world);
    if authorities.pem.is_empty() {
        return Err(authorities.refusals);
    }
    Ok(TrustedRoots::Pem(authorities.pem.into()))
}

/// Certificate authorities of ConfigMaps.
pub(crate) struct Authorities {
    /// Their PEM, one after the other.
    pub(crate) pem: Vec<u8>,
    /// References that lead nowhere.
    pub(crate) refusals: Vec<Refusal>,
}

/// Reads `ca.crt` of ConfigMaps in a namespace.
pub(crate) fn authorities(
    refs: &[LocalObjectReference],
    namespace: &str,
    field: &str,
    world: &World,
) -> Authorities {
    let mut found = Authorities { pem: Vec::new(), refusals: Vec::new() };
    for (index, reference) in refs.iter().take(MAX_AUTHORITIES).enumerate() {
        let field = format!("{field}[{index}]");
        if !reference.group.is_empty() || reference.kind != "ConfigMap" {
            let message = format!("{} of group `{}` is no ConfigMap", reference.kind, reference.group);
            found.refusals.push(Refusal::new(reasons::INVALID_KIND, field, message));
            continue;
        }
        let key = ObjectRef::new(namespace, reference.name.as_str());
        match authority(&key, world) {
            Ok(pem) => found.pem.extend_from_slice(pem.as_bytes()),
            Err(problem) => {
                found.refusals.push(Refusal::new(reasons::INVALID_CA_CERTIFICATE_REF, field, problem));
            }
        }
    }
    found
}

/// `ca.crt` of a ConfigMap with a line end behind it, or what is wrong with it.
pub(crate) fn authority(key: &ObjectRef, world: &World) -> Result<String, String> {
    let map = world.config_maps.get(key).ok_or_else(|| format!("ConfigMap {key} does not exist; add it"))?;
    let text = map.data.get("ca.crt");
    let text =
        text.ok_or_else(|| format!("ConfigMap {key} has no ca.crt; put the PEM of the authority there"))?;
    let verdict = map.authority.or_judge(|| pem::check_authorities(text));
    verdict.map_err(|reason| format!("ConfigMap {key}: {reason}"))?;
    Ok(format!("{text}\n"))
}

/// Names to verify.
pub(crate) fn alt_names(names: &[policy::SubjectAltName]) -> Vec<SubjectAltName> {
    let one = |name: &policy::SubjectAltName| {
        let host = name.hostname.as_deref().map(|host| SubjectAltName::Dns(shared(host)));
        host.or_else(|| name.uri.as_deref().map(|uri| SubjectAltName::Uri(shared(uri))))
    };
    names.iter().filter_map(one).collect()
}

/// Writes down the status of policies and what is wrong with them.
pub(crate) fn plan(
    policies: &Policies<'_>,
    options: &Options,
    status: &mut StatusPlan,
    problems: &mut Problems,
) {
    for (key, policy) in &policies.world.tls_policies {
        let object = ObjectName::new("BackendTLSPolicy", &key.namespace, &key.name);
        let targets = services(&key.namespace, &policy.spec.target_refs);
        for (index, target) in policy.spec.target_refs.iter().take(MAX_TARGETS).enumerate() {
            if !is_service(target) {
                let message = format!(
                    "{} of group `{}` is no Service, so the policy has no effect on it",
                    target.kind, target.group
                );
                let field = format!("spec.targetRefs[{index}]");
                problems.warning(&object, &Refusal::new(reasons::TARGET_NOT_FOUND, field, message));
            }
        }
        for (service, _) in &targets {
            if !policies.world.services.contains_key(service) {
                let message = format!("Service {service} does not exist, so the policy has no effect on it");
                problems
                    .warning(&object, &Refusal::new(reasons::TARGET_NOT_FOUND, "spec.targetRefs", message));
            }
        }
        let (conditions, refusals) = conditions(key, policy, policies, &targets);
        refusals.iter().for_each(|refusal| problems.error(&object, refusal));
        let users = users(&key.namespace, &policy.spec.target_refs, policies);
        let ancestors = ancestors(&users, options, &conditions);
        status.tls_policies.insert(key.clone(), PolicyStatus { ancestors });
    }
}

fn conditions(
    key: &ObjectRef,
    policy: &BackendTlsPolicy,
    policies: &Policies<'_>,
    targets: &[Target],
) -> (Vec<Condition>, Vec<Refusal>) {
    let generation = policy.metadata.generation;
    let field = "spec.validation.caCertificateRefs";
    let namespace = &policy.metadata.namespace;
    let unresolved =
        authorities(&policy.spec.validation.ca_certificate_refs, namespace, field, policies.world).refusals;
    let winner = targets.iter().find_map(|target| policies.winners.get(target));
    let refusal = match (trust(policy, policies.world), winner) {
        (_, Some((winner, _))) if !targets.iter().any(|target| policies.wins(key, target)) => {
            let message = format!("older policy {winner} holds for the same target; remove one of them");
            Some(Refusal::new(reasons::CONFLICTED, "spec.targetRefs", message))
        }
        (Err(_), _) if !unresolved.is_empty() => {
            let message =
                "no certificate authority can be read, so requests are answered 5xx; mend caCertificateRefs";
            Some(Refusal::new(reasons::NO_VALID_CA_CERTIFICATE, field, message))
        }
        (Err(refusals), _) => refusals.into_iter().next(),
        (Ok(_), _) => None,
    };
    let condition = |kind, refusal: Option<&Refusal>, reason, message: &str| match refusal {
        Some(refusal) => Condition::new(
            kind,
            false,
            refusal.reason,
            format!("{}: {}", refusal.field, refusal.message),
            generation,
        ),
        None => Condition::new(kind, true, reason, message, generation),
    };
    let conditions = vec![
        condition(types::ACCEPTED, refusal.as_ref(), reasons::ACCEPTED, "The policy is in force."),
        condition(
            types::RESOLVED_REFS,
            unresolved.first(),
            reasons::RESOLVED_REFS,
            "All references are resolved.",
        ),
    ];
    (conditions, refusal.into_iter().chain(unresolved).collect())
}
