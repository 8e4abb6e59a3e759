//! Client certificates both ways: what clients must prove to a Gateway, and what a Gateway shows to backends.

mod common;

use clearway_model::{ClientValidationMode, ObjectRef};
use common::{
    CLASS, authority, gateway, gateway_lines, listener_condition, listener_set, plain, run, run_in_cluster,
    secret,
};

fn https(listeners: &[(&str, u16)]) -> String {
    let each = listeners.iter().map(|(name, port)| {
        format!("{{name: {name}, port: {port}, protocol: HTTPS, tls: {{certificateRefs: [{{name: s}}]}}}}")
    });
    format!("listeners: [{}, {{name: plain, port: 80, protocol: HTTP}}]", each.collect::<Vec<_>>().join(", "))
}

fn validation(refs: &str) -> String {
    format!("{{validation: {{caCertificateRefs: [{refs}]}}}}")
}

#[test]
fn bad_authorities_close_their_port_and_no_other() {
    let frontend = format!(
        "tls: {{frontend: {{default: {}, perPort: [{{port: 7443, tls: {}}}, {{port: 8443, tls: {}}}, {{port: 6443, tls: \
         {}}}, {{port: 5443, tls: {}}}, {{port: 4443, tls: {{}}}}]}}}}",
        validation("{kind: ConfigMap, group: '', name: ca}"),
        validation("{kind: ConfigMap, group: '', name: missing}"),
        validation("{kind: Service, group: '', name: web}"),
        validation("{kind: ConfigMap, group: '', name: ca, namespace: other}"),
        validation("{kind: ConfigMap, group: '', name: missing}, {kind: ConfigMap, group: '', name: ca}"),
    );
    let listeners = https(&[
        ("good", 443),
        ("gone", 7443),
        ("kind", 8443),
        ("grant", 6443),
        ("half", 5443),
        ("free", 4443),
    ]);
    let texts = [&gateway(&[&frontend, &listeners]), &secret("default", "s"), &authority("default", "ca")];
    let other = authority("other", "ca");
    let translation = run(&[CLASS, texts[0], texts[1], texts[2], &other]);
    let cases = [
        ("good", "True/Accepted", "True/ResolvedRefs", Some(true)),
        ("gone", "False/NoValidCACertificate", "False/InvalidCACertificateRef", None),
        ("kind", "False/NoValidCACertificate", "False/InvalidCACertificateKind", None),
        ("grant", "False/NoValidCACertificate", "False/RefNotPermitted", None),
        ("half", "True/Accepted", "False/InvalidCACertificateRef", Some(true)),
        ("free", "True/Accepted", "True/ResolvedRefs", Some(false)),
        ("plain", "True/Accepted", "True/ResolvedRefs", Some(false)),
    ];
    for (name, accepted, resolved, validates) in cases {
        assert_eq!(listener_condition(&translation, name, "Accepted"), accepted, "{name}");
        assert_eq!(listener_condition(&translation, name, "ResolvedRefs"), resolved, "{name}");
        let programmed = if validates.is_some() { "True/Programmed" } else { "False/Invalid" };
        assert_eq!(listener_condition(&translation, name, "Programmed"), programmed, "{name}");
        let served = translation.snapshot.listeners.iter().find(|(key, _)| &*key.name == name);
        assert_eq!(served.map(|(_, listener)| listener.client_validation.is_some()), validates, "{name}");
    }
    let grant = "apiVersion: gateway.networking.k8s.io/v1\nkind: ReferenceGrant\nmetadata: {name: g, namespace: \
                 other}\nspec: {from: [{group: gateway.networking.k8s.io, kind: Gateway, namespace: default}], to: [{group: \
                 '', kind: ConfigMap}]}\n";
    let translation = run(&[CLASS, texts[0], texts[1], texts[2], &other, grant]);
    assert_eq!(listener_condition(&translation, "grant", "Accepted"), "True/Accepted");
}

#[test]
fn a_broken_default_hurts_https_only() {
    let frontend = format!(
        "tls: {{frontend: {{default: {}, perPort: [{{port: 80, tls: {}}}]}}}}",
        validation("{kind: ConfigMap, group: '', name: missing}"),
        validation("{kind: ConfigMap, group: '', name: ca}"),
    );
    let text = gateway(&[&frontend, &https(&[("https", 443)])]);
    let translation = run_in_cluster(&[CLASS, &text, &secret("default", "s"), &authority("default", "ca")]);
    assert_eq!(listener_condition(&translation, "plain", "Programmed"), "True/Programmed");
    assert_eq!(listener_condition(&translation, "https", "Accepted"), "False/NoValidCACertificate");
    assert_eq!(listener_condition(&translation, "https", "ResolvedRefs"), "False/InvalidCACertificateRef");
    // Nothing listens behind a closed port.
    let plan = &translation.infrastructure[&ObjectRef::new("default", "gw")];
    assert_eq!(plan.ports, [80]);
}

#[test]
fn insecure_fallback_is_said_aloud_and_holds_for_listener_sets_too() {
    let mode = |mode: &str| {
        let frontend = format!(
            "tls: {{frontend: {{default: {{validation: {{mode: {mode}, caCertificateRefs: [{{kind: ConfigMap, group: '', \
             name: ca}}]}}}}}}}}"
        );
        let open = "allowedListeners: {namespaces: {from: All}}";
        let set = "[{name: more, port: 8443, protocol: HTTPS, tls: {certificateRefs: [{name: s}]}}]";
        run_in_cluster(&[
            CLASS,
            &gateway(&[&frontend, &https(&[("https", 443)]), open]),
            &listener_set("default", "set", set),
            &secret("default", "s"),
            &authority("default", "ca"),
        ])
    };
    let translation = mode("AllowInsecureFallback");
    let conditions = plain(&translation.status.gateways[&ObjectRef::new("default", "gw")].conditions);
    assert!(conditions.ends_with("InsecureFrontendValidationMode=True/ConfigurationChanged"), "{conditions}");
    let modes: Vec<_> = translation
        .snapshot
        .listeners
        .values()
        .filter_map(|listener| listener.client_validation.as_ref().map(|validation| validation.mode))
        .collect();
    assert_eq!(modes, [ClientValidationMode::AllowInsecureFallback; 2]);
    let translation = mode("AllowValidOnly");
    assert!(!gateway_lines(&translation)[0].contains("InsecureFrontendValidationMode"));
    let translation = mode("Mauve");
    assert_eq!(listener_condition(&translation, "https", "Accepted"), "False/UnsupportedValue");
    assert_eq!(translation.snapshot.listeners.len(), 1);
}

#[test]
fn the_certificate_towards_backends_is_resolved_and_never_closes_the_gateway() {
    let malformed = "apiVersion: v1\nkind: Secret\nmetadata: {name: bad}\ntype: Opaque\ndata: {}\n";
    let cases = [
        ("{name: s}", "True/ResolvedRefs", true),
        ("{name: missing}", "False/InvalidClientCertificateRef", false),
        ("{name: s, group: wrong.example}", "False/InvalidClientCertificateRef", false),
        ("{name: s, kind: WrongKind}", "False/InvalidClientCertificateRef", false),
        ("{name: bad}", "False/InvalidClientCertificateRef", false),
        ("{name: far, namespace: other}", "False/RefNotPermitted", false),
    ];
    for (reference, want, shown) in cases {
        let tls = format!("tls: {{backend: {{clientCertificateRef: {reference}}}}}");
        let text = gateway(&[&tls, "listeners: [{name: plain, port: 80, protocol: HTTP}]"]);
        let translation =
            run_in_cluster(&[CLASS, &text, &secret("default", "s"), &secret("other", "far"), malformed]);
        let conditions = plain(&translation.status.gateways[&ObjectRef::new("default", "gw")].conditions);
        let wanted = format!("Accepted=True/Accepted Programmed=True/Programmed ResolvedRefs={want}");
        assert_eq!(conditions, wanted, "{reference}");
        let listener = translation.snapshot.listeners.values().next().unwrap();
        assert_eq!(listener.backend_certificate.is_some(), shown, "{reference}");
        assert_eq!(translation.snapshot.certificates.len(), usize::from(shown), "{reference}");
    }
}
