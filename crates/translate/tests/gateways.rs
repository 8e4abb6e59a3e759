//! Gateways and listeners: the status that the conformance suite asks for, and what is served.

mod common;

use clearway_model::{ForwardedTrust, TraceTrust};
use clearway_translate::{Exposure, Options, translate};
use common::{
    CLASS, CONTROLLER, GATEWAY, TO_WEB, WEB, gateway_lines, http_route, listener_condition, run, secret,
    world,
};

/// A Gateway `default/gw` with listeners as flow YAML.
fn gateway(listeners: &str) -> String {
    format!(
        "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {{name: gw, generation: 7}}\nspec:\n  \
         gatewayClassName: clearway\n  listeners: {listeners}\n"
    )
}

fn https(refs: &str) -> String {
    gateway(&format!("[{{name: tls, port: 443, protocol: HTTPS, tls: {{certificateRefs: {refs}}}}}]"))
}

#[test]
fn every_condition_has_the_generation_and_routes_are_counted() {
    let translation = run(&[CLASS, GATEWAY, WEB, &http_route("r", "default", "[{name: gw}]", TO_WEB)]);
    assert_eq!(
        gateway_lines(&translation),
        [
            "default/gw Accepted=True/Accepted@7 Programmed=True/Programmed@7 ResolvedRefs=True/ResolvedRefs@7",
            "default/gw/http [HTTPRoute,GRPCRoute] 1 Accepted=True/Accepted@7 Programmed=True/Programmed@7 \
             ResolvedRefs=True/ResolvedRefs@7 Conflicted=False/NoConflicts@7",
        ]
    );
    let class = &translation.status.classes["clearway"];
    assert!(class.conditions[0].is_true() && class.conditions[0].observed_generation == 4);
    assert!(class.supported_features.contains(&"HTTPRoute"));
}

#[test]
fn gateways_of_other_classes_are_left_alone_and_missing_classes_are_named() {
    let other = CLASS.replace("name: clearway", "name: other").replace("k8s.io/clearway", "k8s.io/other");
    let translation = run(&[&other, &GATEWAY.replace("clearway", "other")]);
    assert!(translation.status.gateways.is_empty() && translation.problems.is_empty());
    let translation = run(&[GATEWAY]);
    assert_eq!(
        translation.problems[0].to_string(),
        "error: Gateway default/gw, spec.gatewayClassName: GatewayClass clearway does not exist, so nobody serves this \
         Gateway; add it (Pending)"
    );
}

#[test]
fn listeners_that_cannot_be_served_are_refused_one_by_one() {
    let cases = [
        // GatewayListenerUnsupportedProtocol: none valid, then one valid.
        (
            "[{name: a, port: 80, protocol: TCP}]",
            "False/ListenersNotValid",
            vec![("a", "False/UnsupportedProtocol")],
        ),
        (
            "[{name: a, port: 80, protocol: example.com/x}, {name: b, port: 81, protocol: HTTP}]",
            "True/ListenersNotValid",
            vec![("a", "False/UnsupportedProtocol"), ("b", "True/Accepted")],
        ),
        // Indistinct listeners of one Gateway: nobody wins.
        (
            "[{name: a, port: 80, protocol: HTTP}, {name: b, port: 80, protocol: HTTP}, {name: c, port: 81, protocol: HTTP}]",
            "True/ListenersNotValid",
            vec![("a", "False/HostnameConflict"), ("b", "False/HostnameConflict"), ("c", "True/Accepted")],
        ),
        (
            "[{name: a, port: 80, protocol: HTTP, hostname: a.example}, {name: b, port: 80, protocol: HTTP, hostname: a.example}]",
            "False/ListenersNotValid",
            vec![("b", "False/HostnameConflict")],
        ),
        (
            "[{name: a, port: 80, protocol: HTTP, hostname: a.example}, {name: b, port: 80, protocol: HTTPS, hostname: b.example, tls: {certificateRefs: [{name: s}]}}]",
            "False/ListenersNotValid",
            vec![("a", "False/ProtocolConflict"), ("b", "False/ProtocolConflict")],
        ),
        (
            "[{name: a, port: 80, protocol: HTTP}, {name: b, port: 80, protocol: HTTP, hostname: '*.a.example'}]",
            "True/Accepted",
            vec![("a", "True/Accepted"), ("b", "True/Accepted")],
        ),
        (
            "[{name: a, port: 80, protocol: HTTP, filters: {requests: []}}]",
            "False/ListenersNotValid",
            vec![("a", "False/UnsupportedValue")],
        ),
    ];
    for (listeners, accepted, want) in cases {
        let translation = run(&[CLASS, &gateway(listeners)]);
        let condition = &translation.status.gateways.values().next().unwrap().conditions[0];
        let is = format!("{:?}/{}", condition.status, condition.reason);
        assert_eq!(is, accepted, "{listeners}");
        for (name, want) in want {
            assert_eq!(listener_condition(&translation, name, "Accepted"), want, "{listeners} {name}");
            let served = translation.snapshot.listeners.keys().any(|key| *key.name == *name);
            assert_eq!(served, want.starts_with("True"), "{listeners} {name}");
            let conflicted = listener_condition(&translation, name, "Conflicted").starts_with("True");
            assert_eq!(conflicted, want.contains("Conflict"), "{listeners} {name}");
        }
    }
}

#[test]
fn kinds_of_routes_are_narrowed_and_unknown_kinds_said() {
    let cases = [
        ("[{kind: HTTPRoute}]", "HTTPRoute", "True/ResolvedRefs", 1),
        ("[{kind: InvalidRoute}]", "", "False/InvalidRouteKinds", 0),
        ("[{kind: InvalidRoute}, {kind: HTTPRoute}]", "HTTPRoute", "False/InvalidRouteKinds", 1),
        (
            "[{kind: HTTPRoute, group: other.example}, {kind: GRPCRoute}]",
            "GRPCRoute",
            "False/InvalidRouteKinds",
            1,
        ),
    ];
    for (kinds, want, resolved, served) in cases {
        let text =
            gateway(&format!("[{{name: a, port: 80, protocol: HTTP, allowedRoutes: {{kinds: {kinds}}}}}]"));
        let translation = run(&[CLASS, &text]);
        assert!(gateway_lines(&translation)[1].starts_with(&format!("default/gw/a [{want}] ")), "{kinds}");
        assert_eq!(listener_condition(&translation, "a", "ResolvedRefs"), resolved, "{kinds}");
        assert_eq!(translation.snapshot.listeners.len(), served, "{kinds}");
    }
}

#[test]
fn certificates_are_followed_with_the_grant_checked_first() {
    let grant = |to: &str| {
        format!(
            "apiVersion: gateway.networking.k8s.io/v1beta1\nkind: ReferenceGrant\nmetadata: {{name: g, namespace: \
             certs}}\nspec:\n  from: [{{group: gateway.networking.k8s.io, kind: Gateway, namespace: default}}]\n  to: \
             [{to}]\n"
        )
    };
    let broken =
        "apiVersion: v1\nkind: Secret\nmetadata: {name: broken}\nstringData: {tls.crt: bad, tls.key: bad}\n";
    let (own, far) = (secret("default", "s"), secret("certs", "far"));
    let (all, one, wrong) = (
        grant("{group: '', kind: Secret}"),
        grant("{kind: Secret, name: far}"),
        grant("{kind: Secret, name: not-far}"),
    );
    let cases: [(&str, Vec<&str>, &str, usize); 11] = [
        ("[{name: s}]", vec![&own], "True/ResolvedRefs", 1),
        ("[{name: s}]", vec![], "False/InvalidCertificateRef", 0),
        ("[{name: s, kind: ConfigMap}]", vec![&own], "False/InvalidCertificateRef", 0),
        ("[{name: s, group: x.example}]", vec![&own], "False/InvalidCertificateRef", 0),
        ("[{name: broken}]", vec![broken], "False/InvalidCertificateRef", 0),
        ("[{name: far, namespace: certs}]", vec![&far], "False/RefNotPermitted", 0),
        ("[{name: far, namespace: certs}]", vec![], "False/RefNotPermitted", 0),
        ("[{name: far, namespace: certs}]", vec![&far, &wrong], "False/RefNotPermitted", 0),
        ("[{name: far, namespace: certs}]", vec![&far, &all], "True/ResolvedRefs", 1),
        ("[{name: far, namespace: certs}]", vec![&far, &one], "True/ResolvedRefs", 1),
        ("[{name: s}, {name: missing}]", vec![&own], "False/InvalidCertificateRef", 1),
    ];
    for (refs, others, want, served) in cases {
        let text = https(refs);
        let mut texts = vec![CLASS, &text];
        texts.extend(others);
        let translation = run(&texts);
        assert_eq!(listener_condition(&translation, "tls", "ResolvedRefs"), want, "{refs}");
        assert_eq!(listener_condition(&translation, "tls", "Accepted"), "True/Accepted", "{refs}");
        let programmed = if served == 1 { "True/Programmed" } else { "False/Invalid" };
        assert_eq!(listener_condition(&translation, "tls", "Programmed"), programmed, "{refs}");
        assert_eq!(translation.snapshot.listeners.len(), served, "{refs}");
        assert_eq!(translation.snapshot.certificates.len(), served, "{refs}");
    }
}

#[test]
fn the_older_gateway_keeps_a_port_and_a_cluster_has_no_such_quarrel() {
    let other = GATEWAY.replace("name: gw,", "name: elder, creationTimestamp: '1969-01-01T00:00:00Z',");
    let mut both = world(&[CLASS, GATEWAY, &other]);
    let translation = translate(&both, &Options::new(CONTROLLER));
    let lines = gateway_lines(&translation);
    assert!(
        lines[1].contains("default/elder/http [HTTPRoute,GRPCRoute] 0 Accepted=True/Accepted"),
        "{lines:?}"
    );
    assert!(lines[3].contains("Conflicted=True/HostnameConflict"), "{lines:?}");
    assert_eq!(translation.snapshot.listeners.len(), 1);
    assert!(
        translation.problems[0]
            .message
            .contains("is held by listener default/elder/http, which is of an older Gateway"),
        "{:?}",
        translation.problems
    );
    let cluster = Options { exposure: Exposure::Cluster, ..Options::new(CONTROLLER) };
    let translation = translate(&both, &cluster);
    assert_eq!((translation.snapshot.listeners.len(), translation.problems.len()), (2, 0));
    assert!(both.remove("Gateway", "default", "elder"));
    assert_eq!(translate(&both, &Options::new(CONTROLLER)).problems, []);
}

#[test]
fn what_cannot_be_done_is_refused_and_not_skipped() {
    let cases = [
        ("addresses: [{type: Hostname, value: a.example}]", "Accepted=False/UnsupportedAddress", 0),
        ("addresses: [{value: 127.0.0.1}]", "Accepted=True/Accepted", 1),
        ("addresses: [{type: IPAddress}]", "Accepted=True/Accepted", 1),
        ("addresses: [{value: 127.0.0.1}, {value: 127.0.0.2}]", "Accepted=False/UnsupportedAddress", 0),
        (
            "infrastructure: {parametersRef: {group: x.example, kind: Z, name: z}}",
            "Accepted=False/InvalidParameters",
            0,
        ),
        (
            "tls: {backend: {clientCertificateRef: {name: c}}}",
            "Accepted=True/Accepted@7 Programmed=True/Programmed@7 ResolvedRefs=False/InvalidClientCertificateRef",
            1,
        ),
    ];
    for (field, want, served) in cases {
        let translation = run(&[CLASS, &format!("{GATEWAY}  {field}\n")]);
        let line = &gateway_lines(&translation)[0];
        assert!(line.contains(want), "{field}: {line}");
        assert_eq!(translation.snapshot.listeners.len(), served, "{field}");
    }
}

#[test]
fn annotations_set_trust_and_wrong_values_keep_the_default() {
    let text = GATEWAY.replace(
        "generation: 7",
        "annotations: {clearway.dev/forwarded-trust: append, clearway.dev/trace-trust: maybe}",
    );
    let translation = run(&[CLASS, &text]);
    let listener = translation.snapshot.listeners.values().next().unwrap();
    assert_eq!((listener.forwarded, listener.trace), (ForwardedTrust::Append, TraceTrust::Accept));
    assert_eq!(translation.problems.len(), 1);
    assert_eq!(translation.problems[0].field, "metadata.annotations.clearway.dev/trace-trust");
}
