//! GatewayClasses, Gateways and ListenerSets. What is wrong within `spec.listeners[i]` concerns that listener alone.

use std::collections::BTreeSet;

use super::{FieldError, Findings, text};
use crate::gateway::{
    FromNamespaces, FrontendTls, Gateway, GatewayClass, GatewayInfrastructure, GatewayListener, Protocol,
    TlsMode,
};
use crate::listener_set::ListenerSet;
use crate::selector::{LabelOperator, LabelSelector};

/// Most bytes of labels or annotations; Kubernetes takes 256 KiB of annotations, and some are ours.
const MOST_METADATA: usize = 128 << 10;
/// Most listeners of one object.
pub const MOST_LISTENERS: usize = 64;

/// Everything that is wrong with a GatewayClass.
pub fn validate_gateway_class(class: &GatewayClass) -> Vec<FieldError> {
    let mut findings = Findings::default();
    let name = &class.spec.controller_name;
    let good = name
        .split_once('/')
        .is_some_and(|(domain, path)| !path.is_empty() && text::section_name(domain).is_none());
    if !good {
        let message = format!("`{name}` is no controller name; write it as domain.example/path");
        findings.refuse("spec.controllerName", message);
    }
    findings.into_errors()
}

/// Everything that is wrong with a Gateway.
pub fn validate_gateway(gateway: &Gateway) -> Vec<FieldError> {
    let mut findings = Findings::default();
    let spec = &gateway.spec;
    if spec.gateway_class_name.is_empty() {
        findings.refuse("spec.gatewayClassName", "is empty; name a GatewayClass");
    }
    if spec.listeners.is_empty() {
        findings.refuse("spec.listeners", "is empty; a Gateway needs at least one listener");
    }
    check_listeners(&spec.listeners, "a Gateway", &mut findings);
    findings.at_most(|| "spec.addresses".to_owned(), &spec.addresses, 16);
    if let Some(infrastructure) = &spec.infrastructure {
        check_infrastructure(infrastructure, &mut findings);
    }
    let allowed = &spec.allowed_listeners.namespaces;
    let path = "spec.allowedListeners.namespaces";
    check_namespaces(&allowed.from, allowed.selector.as_ref(), path, &mut findings);
    if let Some(frontend) = spec.tls.as_ref().and_then(|tls| tls.frontend.as_ref()) {
        check_frontend(frontend, &mut findings);
    }
    findings.into_errors()
}

/// Everything that is wrong with a ListenerSet.
pub fn validate_listener_set(set: &ListenerSet) -> Vec<FieldError> {
    let mut findings = Findings::default();
    if set.spec.listeners.is_empty() {
        findings.refuse("spec.listeners", "is empty; a ListenerSet needs at least one listener");
    }
    check_listeners(&set.spec.listeners, "a ListenerSet", &mut findings);
    findings.into_errors()
}

fn check_listeners(listeners: &[GatewayListener], whose: &str, findings: &mut Findings) {
    let listeners = findings.at_most(|| "spec.listeners".to_owned(), listeners, MOST_LISTENERS);
    let mut seen = BTreeSet::new();
    for (index, listener) in listeners.iter().enumerate() {
        if !seen.insert(&listener.name) {
            let message = format!("two listeners are named `{}`; names are unique in {whose}", listener.name);
            findings.refuse("spec.listeners", message);
        }
        check_listener(listener, &format!("spec.listeners[{index}]"), findings);
    }
}

/// References that lead nowhere and unknown modes concern listeners, so translation says them there.
fn check_frontend(frontend: &FrontendTls, findings: &mut Findings) {
    let mut seen = BTreeSet::new();
    let ports = findings.at_most(|| "spec.tls.frontend.perPort".to_owned(), &frontend.per_port, 64);
    for (index, entry) in ports.iter().enumerate() {
        let path = || format!("spec.tls.frontend.perPort[{index}].port");
        findings.port(path, Some(entry.port));
        if !seen.insert(entry.port) {
            findings.refuse(path(), format!("port {} stands twice; remove one of them", entry.port));
        }
    }
}

/// They end on a Service, which no apiserver takes with anything else.
fn check_infrastructure(infrastructure: &GatewayInfrastructure, findings: &mut Findings) {
    let GatewayInfrastructure { labels, annotations, parameters_ref: _ } = infrastructure;
    for (key, value) in labels {
        let path = || "spec.infrastructure.labels".to_owned();
        findings.check(path, text::qualified_name(key));
        findings.check(path, text::label_value(value));
    }
    for key in annotations.keys() {
        findings.check(|| "spec.infrastructure.annotations".to_owned(), text::qualified_name(key));
    }
    for (path, map) in [("labels", labels), ("annotations", annotations)] {
        let bytes: usize = map.iter().map(|(key, value)| key.len() + value.len()).sum();
        if bytes > MOST_METADATA {
            let message = format!("hold {bytes} bytes; at most {MOST_METADATA} are allowed");
            findings.refuse(format!("spec.infrastructure.{path}"), message);
        }
    }
}

fn check_listener(listener: &GatewayListener, path: &str, findings: &mut Findings) {
    findings.check(|| format!("{path}.name"), text::section_name(&listener.name));
    findings.port(|| format!("{path}.port"), Some(listener.port));
    if let Some(hostname) = listener.hostname.as_deref().filter(|hostname| !hostname.is_empty()) {
        findings.check(|| format!("{path}.hostname"), text::hostname(hostname, true));
        if matches!(listener.protocol, Protocol::Tcp | Protocol::Udp) {
            findings.refuse(format!("{path}.hostname"), format!("is not for protocol {}", listener.protocol));
        }
    }
    match (&listener.protocol, &listener.tls) {
        (Protocol::Http | Protocol::Tcp | Protocol::Udp, Some(_)) => {
            let message = format!("is not for protocol {}; use HTTPS or remove it", listener.protocol);
            findings.refuse(format!("{path}.tls"), message);
        }
        (Protocol::Https, Some(tls)) if tls.mode != TlsMode::Terminate => {
            findings
                .refuse(format!("{path}.tls.mode"), format!("{} is not for HTTPS; use Terminate", tls.mode));
        }
        (Protocol::Https, Some(tls)) if tls.certificate_refs.is_empty() && tls.options.is_empty() => {
            findings
                .refuse(format!("{path}.tls.certificateRefs"), "is empty; name a Secret with a certificate");
        }
        (Protocol::Https, None) => {
            findings.refuse(format!("{path}.tls"), "is missing; HTTPS needs tls.certificateRefs");
        }
        (_, Some(tls)) => {
            let known = TlsMode::KNOWN;
            findings.known(|| format!("{path}.tls.mode"), tls.mode.is_unknown(), tls.mode.as_str(), known);
            findings.at_most(|| format!("{path}.tls.certificateRefs"), &tls.certificate_refs, 64);
        }
        _ => {}
    }
    if listener.has_filters {
        findings.refuse(format!("{path}.filters"), "are not supported; move them to the rules of the routes");
    }
    allowed_routes(listener, path, findings);
}

fn allowed_routes(listener: &GatewayListener, path: &str, findings: &mut Findings) {
    let namespaces = &listener.allowed_routes.namespaces;
    let path = format!("{path}.allowedRoutes.namespaces");
    check_namespaces(&namespaces.from, namespaces.selector.as_ref(), &path, findings);
}

fn check_namespaces(
    from: &FromNamespaces,
    selector: Option<&LabelSelector>,
    path: &str,
    findings: &mut Findings,
) {
    findings.known(|| format!("{path}.from"), from.is_unknown(), from.as_str(), FromNamespaces::KNOWN);
    if *from == FromNamespaces::Selector && selector.is_none() {
        findings.refuse(format!("{path}.selector"), "is missing; `from: Selector` needs it");
    }
    let expressions = selector.map_or(&[][..], |selector| selector.match_expressions.as_slice());
    let expressions = findings.at_most(|| format!("{path}.selector.matchExpressions"), expressions, 64);
    for (index, expression) in expressions.iter().enumerate() {
        let path = || format!("{path}.selector.matchExpressions[{index}].operator");
        let operator = &expression.operator;
        findings.known(path, operator.is_unknown(), operator.as_str(), LabelOperator::KNOWN);
    }
}
