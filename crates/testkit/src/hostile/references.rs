//! References that lead nowhere, to the wrong kind, or into another namespace without a ReferenceGrant.

use serde_json::{Value, json};

use super::Case;
use super::make::{
    case, gateway, gateway_with, grpc_rule, http_backends, http_filter, listener_set, object, own, secured,
    stream, to_own, with,
};

pub(super) fn add(all: &mut Vec<Case>) {
    backends(all);
    mirrors(all);
    certificates(all);
    authorities(all);
    grants(all);
}

/// What a route may name, the reason that must come of it.
fn bad_backends() -> Vec<(&'static str, Value, &'static str)> {
    vec![
        ("missing", json!({"name": "not-there", "port": 80}), "BackendNotFound"),
        ("port", json!({"name": "web", "port": 81}), "BackendNotFound"),
        ("udp-port", json!({"name": "web", "port": 53}), "BackendNotFound"),
        ("empty", json!({"name": "", "port": 80}), "BackendNotFound"),
        (
            "namespace-missing",
            json!({"name": "web", "namespace": "not-there", "port": 80}),
            "RefNotPermitted",
        ),
        ("forbidden", json!({"name": "web", "namespace": "elsewhere", "port": 80}), "RefNotPermitted"),
        (
            "forbidden-missing",
            json!({"name": "not-there", "namespace": "elsewhere", "port": 80}),
            "RefNotPermitted",
        ),
        ("apiserver", json!({"name": "kubernetes", "namespace": "default", "port": 443}), "RefNotPermitted"),
        ("kind", json!({"kind": "Mauve", "name": "web", "port": 80}), "InvalidKind"),
        ("group", json!({"group": "a.example", "kind": "Service", "name": "web", "port": 80}), "InvalidKind"),
        ("secret", json!({"kind": "Secret", "name": "web", "port": 80}), "InvalidKind"),
        ("kind-case", json!({"kind": "service", "name": "web", "port": 80}), "InvalidKind"),
        ("kind-empty", json!({"kind": "", "name": "web", "port": 80}), "InvalidKind"),
        (
            "own-missing",
            json!({"group": "clearway.dev", "kind": "Backend", "name": "not-there"}),
            "BackendNotFound",
        ),
        (
            "own-forbidden",
            json!({"group": "clearway.dev", "kind": "Backend", "name": "a", "namespace": "elsewhere"}),
            "RefNotPermitted",
        ),
        ("own-kind", json!({"group": "clearway.dev", "kind": "Frontend", "name": "a"}), "InvalidKind"),
        ("tls-without-policy", json!({"name": "web", "port": 443}), "UnsupportedProtocol"),
        ("path-name", json!({"name": "../web", "port": 80}), "BackendNotFound"),
        (
            "slash-namespace",
            json!({"name": "web", "namespace": "good/../elsewhere", "port": 80}),
            "RefNotPermitted",
        ),
    ]
}

fn backends(all: &mut Vec<Case>) {
    for (name, reference, reason) in bad_backends() {
        let line = format!("ResolvedRefs=False/{reason} ~ spec.rules[0].backendRefs[0]");
        let bad = http_backends(&format!("ref-http-{name}"), json!([reference]));
        case(all, "reference-http-backend", vec![bad], &[&line, "Accepted=True/Accepted"]);
        let bad = grpc_rule(&format!("ref-grpc-{name}"), json!({"backendRefs": [reference]}));
        case(all, "reference-grpc-backend", vec![bad], &[&line, "Accepted=True/Accepted"]);
    }
    for (name, reference, reason) in bad_backends()
        .into_iter()
        .filter(|(name, ..)| !name.contains("port") && *name != "tls-without-policy")
    {
        let bad =
            stream("TCPRoute", &format!("ref-tcp-{name}"), json!({"rules": [{"backendRefs": [reference]}]}));
        let line = format!("ResolvedRefs=False/{reason} ~ spec.rules[0].backendRefs[0]");
        case(all, "reference-tcp-backend", vec![bad], &[&line]);
    }
    let half = json!([{"name": "web", "port": 80}, {"name": "not-there", "port": 80, "weight": 9}]);
    let half = http_backends("ref-half", half);
    case(
        all,
        "reference-half",
        vec![half],
        &["Accepted=True/Accepted", "ResolvedRefs=False/BackendNotFound ~ spec.rules[0].backendRefs[1]"],
    );
}

fn mirrors(all: &mut Vec<Case>) {
    for (name, reference, reason) in bad_backends() {
        let filter = json!({"type": "RequestMirror", "requestMirror": {"backendRef": reference}});
        let bad = http_filter(&format!("ref-mirror-{name}"), filter);
        let line = format!("ResolvedRefs=False/{reason} ~ spec.rules[0].filters[0].requestMirror.backendRef");
        case(all, "reference-mirror", vec![bad], &[&line]);
    }
    let filter =
        json!({"type": "ExtensionRef", "extensionRef": {"group": "a.example", "kind": "Mauve", "name": "a"}});
    case(
        all,
        "reference-extension",
        vec![http_filter("ref-extension", filter.clone())],
        &["ResolvedRefs=False/InvalidKind ~ spec.rules[0].filters[0].extensionRef"],
    );
    let bad =
        http_backends("ref-extension-backend", json!([{"name": "web", "port": 80, "filters": [filter]}]));
    let line = "ResolvedRefs=False/InvalidKind ~ spec.rules[0].backendRefs[0].filters[0].extensionRef";
    case(all, "reference-extension", vec![bad], &[line]);
}

/// What a listener may name as its certificate.
fn bad_secrets() -> Vec<(&'static str, Value, &'static str)> {
    vec![
        ("missing", json!({"name": "not-there"}), "InvalidCertificateRef"),
        ("empty", json!({"name": ""}), "InvalidCertificateRef"),
        ("kind", json!({"kind": "ConfigMap", "name": "a"}), "InvalidCertificateRef"),
        ("group", json!({"group": "a.example", "kind": "Secret", "name": "a"}), "InvalidCertificateRef"),
        ("forbidden", json!({"name": "good", "namespace": "good"}), "RefNotPermitted"),
        ("forbidden-missing", json!({"name": "not-there", "namespace": "elsewhere"}), "RefNotPermitted"),
        ("system", json!({"name": "clearway-xds-ca", "namespace": "clearway"}), "RefNotPermitted"),
    ]
}

fn certificates(all: &mut Vec<Case>) {
    for (name, reference, reason) in bad_secrets() {
        let bad = secured(&format!("ref-secret-{name}"), json!([reference]));
        case(
            all,
            "reference-certificate",
            vec![bad],
            &[
                &format!("[bad] ResolvedRefs=False/{reason} ~ spec.listeners[0].tls.certificateRefs[0]"),
                "[bad] Programmed=False/Invalid",
                "[good] Accepted=True/Accepted",
                "ResolvedRefs=False/ListenersNotResolved ~ bad",
            ],
        );
        let reason = if reason == "RefNotPermitted" { reason } else { "InvalidClientCertificateRef" };
        let tls = json!({"tls": {"backend": {"clientCertificateRef": reference}}});
        let line = format!("ResolvedRefs=False/{reason} ~ spec.tls.backend.clientCertificateRef");
        let bad = gateway_with(&format!("ref-client-{name}"), tls);
        case(all, "reference-client-certificate", vec![bad], &[&line, "Accepted=True/Accepted"]);
    }
    for (name, reference, reason) in bad_secrets() {
        let listener = json!([{
            "name": "bad", "port": 443, "protocol": "HTTPS", "hostname": format!("ref-{name}.hostile.example"),
            "tls": {"certificateRefs": [reference]},
        }]);
        let line = format!("[bad] ResolvedRefs=False/{reason} ~ spec.listeners[0].tls.certificateRefs[0]");
        let bad = listener_set(&format!("ref-set-{name}"), listener);
        case(
            all,
            "reference-certificate-of-set",
            vec![bad],
            &[&line, "Accepted=False/ListenersNotValid ~ bad"],
        );
    }
    let beside = json!([{"name": "not-there"}, {"name": "good", "namespace": "good"}]);
    let line = "[bad] ResolvedRefs=False/InvalidCertificateRef ~ spec.listeners[0].tls.certificateRefs[0]";
    case(all, "reference-certificate", vec![secured("ref-secret-two", beside)], &[line]);
}

fn authorities(all: &mut Vec<Case>) {
    for (name, reference) in [
        ("missing", json!({"group": "", "kind": "ConfigMap", "name": "not-there"})),
        ("secret", json!({"group": "", "kind": "Secret", "name": "a"})),
        ("kind", json!({"group": "", "kind": "Mauve", "name": "a"})),
        ("group", json!({"group": "a.example", "kind": "ConfigMap", "name": "a"})),
        ("forbidden", json!({"group": "", "kind": "ConfigMap", "name": "a", "namespace": "good"})),
    ] {
        let validation = json!({"frontend": {"default": {"validation": {"caCertificateRefs": [reference]}}}});
        let bad =
            with(secured(&format!("ref-ca-{name}"), json!([{"name": "not-there"}])), "spec.tls", validation);
        let field = "spec.tls.frontend.default.validation.caCertificateRefs";
        case(
            all,
            "reference-authority",
            vec![bad],
            &[
                &format!("[bad] Accepted=False/NoValidCACertificate ~ {field}"),
                "[good] Accepted=True/Accepted",
            ],
        );
        let port = json!({"frontend": {"perPort": [{"port": 8080, "tls": {"validation": {"caCertificateRefs": [reference]}}}]}});
        let listeners = json!([{
            "name": "bad", "port": 8080, "protocol": "HTTPS", "tls": {"certificateRefs": [{"name": "good", "namespace": "good"}]},
        }]);
        let bad = with(gateway(&format!("ref-port-ca-{name}"), listeners), "spec.tls", port);
        let field = "spec.tls.frontend.perPort[0].tls.validation.caCertificateRefs";
        let line = format!("[bad] Accepted=False/NoValidCACertificate ~ {field}");
        case(all, "reference-authority", vec![bad], &[&line, "Accepted=False/ListenersNotValid ~ bad"]);
    }
    let reference = json!({"group": "", "kind": "ConfigMap", "name": "not-there"});
    let tls = json!({"caCertificateRef": reference});
    let spec = json!({"endpoints": [{"host": "a.example", "port": 443}], "protocol": "https", "tls": tls});
    let line = "ResolvedRefs=False/InvalidCACertificateRef ~ spec.tls.caCertificateRef";
    case(
        all,
        "reference-own-authority",
        vec![to_own("ref-own-ca", "ref-own-ca"), own("ref-own-ca", spec)],
        &[line],
    );
}

/// Grants that almost fit.
fn grants(all: &mut Vec<Case>) {
    let group = "gateway.networking.k8s.io";
    for (name, from, to) in [
        (
            "from-kind",
            json!({"group": group, "kind": "GRPCRoute", "namespace": "hostile"}),
            json!({"group": "", "kind": "Service", "name": "almost"}),
        ),
        (
            "from-group",
            json!({"group": "", "kind": "HTTPRoute", "namespace": "hostile"}),
            json!({"group": "", "kind": "Service", "name": "almost"}),
        ),
        (
            "from-namespace",
            json!({"group": group, "kind": "HTTPRoute", "namespace": "good"}),
            json!({"group": "", "kind": "Service", "name": "almost"}),
        ),
        (
            "from-star",
            json!({"group": "*", "kind": "*", "namespace": "*"}),
            json!({"group": "", "kind": "Service", "name": "almost"}),
        ),
        (
            "to-kind",
            json!({"group": group, "kind": "HTTPRoute", "namespace": "hostile"}),
            json!({"group": "", "kind": "Secret", "name": "almost"}),
        ),
        (
            "to-name",
            json!({"group": group, "kind": "HTTPRoute", "namespace": "hostile"}),
            json!({"group": "", "kind": "Service", "name": "almost-not"}),
        ),
        (
            "to-star",
            json!({"group": group, "kind": "HTTPRoute", "namespace": "hostile"}),
            json!({"group": "", "kind": "*", "name": "*"}),
        ),
    ] {
        let name = format!("grant-{name}");
        let grant = object("ReferenceGrant", &name, json!({"from": [from], "to": [to]}));
        let grant = with(grant, "metadata.namespace", json!("elsewhere"));
        let route = http_backends(&name, json!([{"name": "almost", "namespace": "elsewhere", "port": 80}]));
        let line = "ResolvedRefs=False/RefNotPermitted ~ spec.rules[0].backendRefs[0]";
        case(all, "grant-almost", vec![route, grant], &[line]);
    }
    for (name, path) in [("no-from", "spec.from"), ("no-to", "spec.to")] {
        let grant = object(
            "ReferenceGrant",
            &format!("grant-{name}"),
            json!({"from": [{"group": group, "kind": "HTTPRoute", "namespace": "b"}], "to": [{"group": "", "kind": "Service"}]}),
        );
        let line = format!("problem UnsupportedValue ~ {path}");
        case(all, "grant-empty", vec![with(grant, path, json!([]))], &[&line]);
    }
}
