//! BackendTLSPolicies, Backends, and the little that is checked of core kinds.

use std::collections::BTreeSet;

use super::{FieldError, Findings, text};
use crate::backend::{Backend, BackendAppProtocol};
use crate::core::{AddressFamily, EndpointSlice, SERVICE_NAME_LABEL, Service, ServiceType};
use crate::grant::ReferenceGrant;
use crate::policy::{BackendTlsPolicy, SubjectAltName, SubjectAltNameType, WellKnownCaCertificates};

/// Most endpoints of a Backend.
const MOST_OWN_ENDPOINTS: usize = 64;
/// Most endpoints of an EndpointSlice.
const MOST_ENDPOINTS: usize = 1_000;

/// Everything that is wrong with a BackendTLSPolicy.
pub fn validate_backend_tls_policy(policy: &BackendTlsPolicy) -> Vec<FieldError> {
    let mut findings = Findings::default();
    let spec = &policy.spec;
    if spec.target_refs.is_empty() {
        findings.refuse("spec.targetRefs", "is empty; name at least one Service");
    }
    let targets = findings.at_most(|| "spec.targetRefs".to_owned(), &spec.target_refs, 16);
    let mut seen = BTreeSet::new();
    for (index, target) in targets.iter().enumerate() {
        if !seen.insert(target) {
            findings.refuse(format!("spec.targetRefs[{index}]"), "stands twice; remove one of them");
        }
    }
    let validation = &spec.validation;
    findings.check(|| "spec.validation.hostname".to_owned(), text::hostname(&validation.hostname, false));
    let path = || "spec.validation.caCertificateRefs".to_owned();
    findings.at_most(path, &validation.ca_certificate_refs, 8);
    match (validation.ca_certificate_refs.is_empty(), &validation.well_known_ca_certificates) {
        (true, None) => findings.refuse(
            "spec.validation",
            "believes nobody; give caCertificateRefs or wellKnownCACertificates: System",
        ),
        (false, Some(_)) => findings.refuse(
            "spec.validation.wellKnownCACertificates",
            "does not go together with caCertificateRefs; remove one of them",
        ),
        _ => {}
    }
    if let Some(set) = &validation.well_known_ca_certificates {
        let path = || "spec.validation.wellKnownCACertificates".to_owned();
        findings.known(path, set.is_unknown(), set.as_str(), WellKnownCaCertificates::KNOWN);
    }
    alt_names(&validation.subject_alt_names, "spec.validation.subjectAltNames", &mut findings);
    findings.into_errors()
}

fn alt_names(names: &[SubjectAltName], path: &str, findings: &mut Findings) {
    let names = findings.at_most(|| path.to_owned(), names, 5);
    for (index, name) in names.iter().enumerate() {
        let path = format!("{path}[{index}]");
        let kind = &name.kind;
        findings.known(
            || format!("{path}.type"),
            kind.is_unknown(),
            kind.as_str(),
            SubjectAltNameType::KNOWN,
        );
        let is_hostname = *kind == SubjectAltNameType::Hostname;
        if name.hostname.is_some() != is_hostname {
            findings.refuse(format!("{path}.hostname"), "goes with type Hostname and with no other");
        }
        if name.uri.is_some() != (*kind == SubjectAltNameType::Uri) {
            findings.refuse(format!("{path}.uri"), "goes with type URI and with no other");
        }
        if let Some(hostname) = &name.hostname {
            findings.check(|| format!("{path}.hostname"), text::hostname(hostname, true));
        }
        if name.uri.as_deref().is_some_and(|uri| !uri.contains("://")) {
            findings.refuse(format!("{path}.uri"), "must be absolute, such as spiffe://domain.example/app");
        }
    }
}

/// Everything that is wrong with a Backend.
pub fn validate_backend(backend: &Backend) -> Vec<FieldError> {
    let mut findings = Findings::default();
    let spec = &backend.spec;
    let protocol = &spec.protocol;
    if spec.endpoints.is_empty() {
        findings.refuse("spec.endpoints", "is empty; give at least one host or ip with its port");
    }
    let endpoints = findings.at_most(|| "spec.endpoints".to_owned(), &spec.endpoints, MOST_OWN_ENDPOINTS);
    for (index, endpoint) in endpoints.iter().enumerate() {
        let path = format!("spec.endpoints[{index}]");
        if endpoint.host.is_some() == endpoint.ip.is_some() {
            findings.refuse(&path, "needs exactly one of host and ip");
        }
        if let Some(host) = &endpoint.host {
            findings.check(|| format!("{path}.host"), text::hostname(host, false));
        }
        findings.port(|| format!("{path}.port"), Some(endpoint.port));
    }
    let path = || "spec.protocol".to_owned();
    findings.known(path, protocol.is_unknown(), protocol.as_str(), BackendAppProtocol::KNOWN);
    match &spec.tls {
        Some(_) if !protocol.is_tls() => {
            findings.refuse("spec.tls", format!("does not go with protocol {protocol}; use https or h2"));
        }
        Some(tls) => {
            if let Some(hostname) = &tls.hostname {
                findings.check(|| "spec.tls.hostname".to_owned(), text::hostname(hostname, false));
            }
            if tls.system && tls.ca_certificate_ref.is_some() {
                findings.refuse("spec.tls.system", "does not go with caCertificateRef; remove one of them");
            }
            alt_names(&tls.subject_alt_names, "spec.tls.subjectAltNames", &mut findings);
        }
        None => {}
    }
    let named = spec.tls.as_ref().is_some_and(|tls| tls.hostname.is_some());
    let hosts: BTreeSet<_> = spec.endpoints.iter().map(|endpoint| &endpoint.host).collect();
    if protocol.is_tls() && !named && (hosts.len() != 1 || hosts.contains(&None)) {
        findings.refuse(
            "spec.tls.hostname",
            "is missing; without exactly one host among the endpoints it must say which name to verify",
        );
    }
    findings.into_errors()
}

pub(super) fn service(service: &Service) -> Vec<FieldError> {
    let mut findings = Findings::default();
    let kind = &service.spec.kind;
    findings.known(|| "spec.type".to_owned(), kind.is_unknown(), kind.as_str(), ServiceType::KNOWN);
    let mut seen = BTreeSet::new();
    for (index, port) in service.spec.ports.iter().enumerate() {
        let path = format!("spec.ports[{index}]");
        findings.port(|| format!("{path}.port"), Some(port.port));
        if service.spec.ports.len() > 1 && port.name.is_empty() {
            findings.refuse(format!("{path}.name"), "is missing; with several ports each needs a name");
        }
        if !seen.insert(&port.name) {
            findings.refuse(format!("{path}.name"), format!("`{}` names two ports", port.name));
        }
    }
    findings.into_errors()
}

pub(super) fn slice(slice: &EndpointSlice) -> Vec<FieldError> {
    let mut findings = Findings::default();
    let family = &slice.address_type;
    findings.known(|| "addressType".to_owned(), family.is_unknown(), family.as_str(), AddressFamily::KNOWN);
    let endpoints = findings.at_most(|| "endpoints".to_owned(), &slice.endpoints, MOST_ENDPOINTS);
    for (index, endpoint) in endpoints.iter().enumerate() {
        for (inner, address) in endpoint.addresses.iter().enumerate() {
            let good = match family {
                AddressFamily::Ipv4 => address.parse::<std::net::Ipv4Addr>().is_ok(),
                AddressFamily::Ipv6 => address.parse::<std::net::Ipv6Addr>().is_ok(),
                AddressFamily::Fqdn => text::hostname(address, false).is_none(),
                AddressFamily::Unknown(_) => true,
            };
            if !good {
                let message = format!("`{address}` is no {family} address");
                findings.refuse(format!("endpoints[{index}].addresses[{inner}]"), message);
            }
        }
    }
    for (index, port) in slice.ports.iter().enumerate() {
        findings.port(|| format!("ports[{index}].port"), port.port);
    }
    if slice.service_name().is_none() {
        findings.warn(
            "metadata.labels",
            format!(
                "has no label {SERVICE_NAME_LABEL}, so the slice belongs to no Service and has no effect"
            ),
        );
    }
    findings.into_errors()
}

pub(super) fn grant(grant: &ReferenceGrant) -> Vec<FieldError> {
    let mut findings = Findings::default();
    if grant.spec.from.is_empty() {
        findings.refuse("spec.from", "is empty; say who may refer");
    }
    if grant.spec.to.is_empty() {
        findings.refuse("spec.to", "is empty; say what may be referred to");
    }
    findings.at_most(|| "spec.from".to_owned(), &grant.spec.from, 16);
    findings.at_most(|| "spec.to".to_owned(), &grant.spec.to, 16);
    findings.into_errors()
}
