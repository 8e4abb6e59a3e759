//! ObservabilityPolicies.

use std::collections::BTreeSet;

use super::{FieldError, Findings, text};
use crate::filter::Fraction;
use crate::meta::GATEWAY_GROUP;
use crate::observability::{
    AccessLogFilter, AccessLogSettings, ClientTrust, ObservabilityPolicy, StatusClass,
};
use crate::parse_duration;

/// Kinds that it may target.
pub const OBSERVABLE_KINDS: &[&str] = &["GatewayClass", "Gateway", "HTTPRoute", "GRPCRoute"];
/// Most targets of a policy.
const MOST_TARGETS: usize = 16;
/// Most headers of a list.
pub(crate) const MOST_HEADERS: usize = 32;
/// Headers that carry credentials; they are never written.
pub const CREDENTIALS: &[&str] = &["authorization", "proxy-authorization", "cookie", "set-cookie"];

/// Everything that is wrong with an ObservabilityPolicy.
pub fn validate_observability_policy(policy: &ObservabilityPolicy) -> Vec<FieldError> {
    let mut findings = Findings::default();
    let spec = &policy.spec;
    targets(policy, &mut findings);
    if spec.tracing.is_none() && spec.access_log.is_none() && spec.metrics.is_none() {
        findings.refuse("spec", "says nothing; give at least one of tracing, accessLog and metrics");
    }
    if let Some(tracing) = &spec.tracing {
        fraction("spec.tracing.samplingRate", tracing.sampling_rate, &mut findings);
        if let Some(trust) = &tracing.client_trust {
            let path = || "spec.tracing.clientTrust".to_owned();
            findings.known(path, trust.is_unknown(), trust.as_str(), ClientTrust::KNOWN);
        }
    }
    if let Some(log) = &spec.access_log {
        access_log(log, &mut findings);
    }
    findings.into_errors()
}

fn targets(policy: &ObservabilityPolicy, findings: &mut Findings) {
    let all = &policy.spec.target_refs;
    if all.is_empty() {
        findings.refuse("spec.targetRefs", "is empty; name at least one GatewayClass, Gateway or route");
    }
    let mut seen = BTreeSet::new();
    let targets = findings.at_most(|| "spec.targetRefs".to_owned(), all, MOST_TARGETS);
    for (index, target) in targets.iter().enumerate() {
        let path = format!("spec.targetRefs[{index}]");
        let groups = &[GATEWAY_GROUP];
        let group = || format!("{path}.group");
        findings.known(group, target.group != GATEWAY_GROUP, &target.group, groups);
        let kind = target.kind.as_str();
        findings.known(|| format!("{path}.kind"), !OBSERVABLE_KINDS.contains(&kind), kind, OBSERVABLE_KINDS);
        if let Some(section) = &target.section_name {
            findings.check(|| format!("{path}.sectionName"), text::section_name(section));
            if kind == "GatewayClass" {
                findings.refuse(format!("{path}.sectionName"), "does not go with a GatewayClass; remove it");
            }
        }
        if !seen.insert(target) {
            findings.refuse(path, "stands twice; remove one of them");
        }
    }
}

fn access_log(log: &AccessLogSettings, findings: &mut Findings) {
    if let Some(filter) = &log.filter {
        log_filter(filter, findings);
    }
    for (field, list) in
        [("requestHeaders", &log.request_headers), ("responseHeaders", &log.response_headers)]
    {
        let path = format!("spec.accessLog.{field}");
        let mut seen = BTreeSet::new();
        let list = list.as_deref().unwrap_or_default();
        for (index, name) in findings.at_most(|| path.clone(), list, MOST_HEADERS).iter().enumerate() {
            let path = format!("{path}[{index}]");
            let lower = name.to_ascii_lowercase();
            findings.check(|| path.clone(), text::header_name(name));
            if CREDENTIALS.contains(&lower.as_str()) {
                findings
                    .refuse(&path, format!("`{name}` carries credentials and is never written; remove it"));
            }
            if !seen.insert(lower) {
                findings.refuse(&path, format!("`{name}` stands twice; remove one of them"));
            }
        }
    }
}

fn log_filter(filter: &AccessLogFilter, findings: &mut Findings) {
    let path = "spec.accessLog.filter";
    if filter.status_classes.is_empty() && filter.slower_than.is_none() && filter.ratio.is_none() {
        findings.refuse(path, "says nothing; give at least one of statusClasses, slowerThan and ratio");
    }
    let list = || format!("{path}.statusClasses");
    for (index, class) in findings.at_most(list, &filter.status_classes, 5).iter().enumerate() {
        let path = || format!("{path}.statusClasses[{index}]");
        findings.known(path, class.is_unknown(), class.as_str(), StatusClass::KNOWN);
    }
    if let Some(time) = &filter.slower_than {
        findings.check(|| format!("{path}.slowerThan"), parse_duration(time).err());
    }
    fraction(&format!("{path}.ratio"), filter.ratio, findings);
}

fn fraction(path: &str, fraction: Option<Fraction>, findings: &mut Findings) {
    if fraction.is_some_and(|one| one.denominator == 0 || one.numerator > one.denominator) {
        findings.refuse(path, "must be at most one: numerator at most denominator, and denominator not 0");
    }
}
