//! Backends: ports, protocols, endpoints, TLS policies and the own kind.

mod common;

use clearway_model::{Backend, BackendProtocol, EndpointAddress, SubjectAltName, TrustedRoots};
use clearway_translate::Translation;
use common::{CLASS, GATEWAY, TO_WEB, WEB, http_route, route_lines, run};

fn endpoints(backend: &Backend) -> Vec<String> {
    let each = backend.endpoints.iter().map(|endpoint| match &endpoint.address {
        EndpointAddress::Ip(address) => format!("{address}:{}", endpoint.port),
        EndpointAddress::Host(name) => format!("{name}:{}", endpoint.port),
    });
    each.collect()
}

fn with(texts: &[&str]) -> Translation {
    let route = http_route("r", "default", "[{name: gw}]", TO_WEB);
    let mut all = vec![CLASS, GATEWAY, &route];
    all.extend(texts);
    run(&all)
}

fn only(translation: &Translation) -> &Backend {
    assert_eq!(translation.snapshot.backends.len(), 1, "{:?}", translation.problems);
    translation.snapshot.backends.values().next().unwrap_or_else(|| panic!("no backend"))
}

const SERVICE: &str = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {ports: [{name: http, port: 80, targetPort: 8080}]}\n";

fn slice(name: &str, ports: &str, endpoints: &str) -> String {
    format!(
        "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {{name: {name}, labels: \
         {{kubernetes.io/service-name: web}}}}\naddressType: IPv4\nports: {ports}\nendpoints: {endpoints}\n"
    )
}

#[test]
fn ready_endpoints_are_sorted_and_stand_once() {
    let more = slice(
        "web-2",
        "[{name: http, port: 8080}, {name: other, port: 9}]",
        "[{addresses: [10.0.0.1]}, {addresses: [10.0.0.9], conditions: {terminating: true, ready: false, serving: true}}]",
    );
    let translation = with(&[WEB, &more]);
    assert_eq!(endpoints(only(&translation)), ["10.0.0.1:8080", "10.0.0.2:8080"]);
    assert_eq!(translation.problems, []);
}

#[test]
fn endpoints_that_still_serve_answer_when_none_is_ready() {
    let ports = "[{name: http, port: 8080}]";
    let draining = "{addresses: [10.0.0.9], conditions: {terminating: true, ready: false, serving: true}}";
    let dead = "{addresses: [10.0.0.8], conditions: {ready: false, serving: true}}";
    let translation = with(&[SERVICE, &slice("a", ports, &format!("[{draining}, {dead}]"))]);
    assert_eq!(endpoints(only(&translation)), ["10.0.0.9:8080"]);
}

#[test]
fn a_backend_without_endpoints_says_why_and_what_to_do() {
    let cases = [
        (None, "add an EndpointSlice with the label kubernetes.io/service-name: web"),
        (Some(slice("a", "[{port: 8080}]", "[{addresses: [10.0.0.1]}]")), "no TCP port named http, only ``"),
        (Some(slice("a", "[{name: http, port: 1}]", "[]")), "its EndpointSlices are empty"),
        (
            Some(slice(
                "a",
                "[{name: http, port: 1}]",
                "[{addresses: [10.0.0.1], conditions: {ready: false}}]",
            )),
            "1 endpoints and none is ready",
        ),
    ];
    for (slice, want) in cases {
        let mut texts = vec![SERVICE];
        texts.extend(slice.as_deref());
        let translation = with(&texts);
        assert_eq!(endpoints(only(&translation)), Vec::<String>::new());
        let [problem] = &translation.problems[..] else { panic!("{:?}", translation.problems) };
        assert!(problem.message.contains(want), "{problem}");
        assert!(problem.to_string().starts_with("warning: Service default/web, spec.ports: "), "{problem}");
        assert!(route_lines(&translation)[0].contains("ResolvedRefs=True"));
    }
}

#[test]
fn an_open_slice_port_leads_to_the_target_port() {
    let translation = with(&[SERVICE, &slice("a", "[{name: http}]", "[{addresses: [10.0.0.1]}]")]);
    assert_eq!(endpoints(only(&translation)), ["10.0.0.1:8080"]);
}

#[test]
fn app_protocols_choose_what_is_spoken() {
    let cases = [
        ("http", BackendProtocol::Http1),
        ("kubernetes.io/ws", BackendProtocol::Http1),
        ("kubernetes.io/h2c", BackendProtocol::Http2),
    ];
    for (text, want) in cases {
        let service = SERVICE.replace("targetPort: 8080", &format!("appProtocol: {text}"));
        assert_eq!(only(&with(&[&service])).protocol, want, "{text}");
    }
    let grpc = "apiVersion: gateway.networking.k8s.io/v1\nkind: GRPCRoute\nmetadata: {name: g}\nspec:\n  parentRefs: [{name: gw}]\n  rules: [{backendRefs: [{name: web, port: 80}]}]\n";
    let translation = run(&[CLASS, GATEWAY, WEB, grpc]);
    assert_eq!(only(&translation).protocol, BackendProtocol::Http2);
    let ws = SERVICE.replace("targetPort: 8080", "appProtocol: kubernetes.io/ws");
    let translation = run(&[CLASS, GATEWAY, &ws, grpc]);
    assert!(route_lines(&translation)[0].contains("ResolvedRefs=False/UnsupportedProtocol"));
}

fn policy(name: &str, created: &str, section: &str, validation: &str) -> String {
    format!(
        "apiVersion: gateway.networking.k8s.io/v1\nkind: BackendTLSPolicy\nmetadata: {{name: {name}, \
         creationTimestamp: '{created}', generation: 3}}\nspec:\n  targetRefs: [{{group: '', kind: Service, name: \
         web{section}}}]\n  validation: {{hostname: {name}.example, {validation}}}\n"
    )
}

fn policy_lines(translation: &Translation) -> Vec<String> {
    let each = translation.status.tls_policies.iter().flat_map(|(key, status)| {
        status.ancestors.iter().map(move |ancestor| {
            let conditions: Vec<_> = ancestor
                .conditions
                .iter()
                .map(|condition| format!("{}={:?}/{}", condition.kind, condition.status, condition.reason))
                .collect();
            format!("{} {} {}", key.name, ancestor.ancestor_ref.name, conditions.join(" "))
        })
    });
    each.collect()
}

#[test]
fn the_oldest_policy_of_the_narrowest_target_holds() {
    let system = "wellKnownCACertificates: System, subjectAltNames: [{type: URI, uri: 'spiffe://a/b'}]";
    let young = policy("young", "2026-02-01T00:00:00Z", "", system);
    let old = policy("old", "2026-01-01T00:00:00Z", "", system);
    let narrow = policy("narrow", "2026-03-01T00:00:00Z", ", sectionName: http", system);
    let translation = with(&[WEB, &young, &old]);
    let tls = only(&translation).tls.as_ref().unwrap();
    assert_eq!((&*tls.hostname, &tls.roots), ("old.example", &TrustedRoots::System));
    assert_eq!(tls.subject_alt_names, [SubjectAltName::Uri("spiffe://a/b".into())]);
    assert_eq!(
        policy_lines(&translation),
        [
            "old gw Accepted=True/Accepted ResolvedRefs=True/ResolvedRefs",
            "young gw Accepted=False/Conflicted ResolvedRefs=True/ResolvedRefs",
        ]
    );
    let translation = with(&[WEB, &old, &narrow]);
    assert_eq!(&*only(&translation).tls.as_ref().unwrap().hostname, "narrow.example");
    assert_eq!(translation.problems, []);
    // TLS by appProtocol is fine once somebody says whom to trust.
    let https = WEB.replace("targetPort: 8080", "appProtocol: https");
    assert!(only(&with(&[&https, &old])).tls.is_some());
}

#[test]
fn a_policy_with_a_bad_authority_breaks_connections_and_says_so() {
    let map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ca}\ndata: {ca.crt: no pem}\n";
    let cases = [
        ("caCertificateRefs: [{kind: ConfigMap, name: nobody}]", "InvalidCACertificateRef"),
        ("caCertificateRefs: [{kind: ConfigMap, name: ca}]", "InvalidCACertificateRef"),
        ("caCertificateRefs: [{kind: Secret, name: ca}]", "InvalidKind"),
    ];
    for (validation, reason) in cases {
        let translation = with(&[WEB, map, &policy("p", "2026-01-01T00:00:00Z", "", validation)]);
        let tls = only(&translation).tls.as_ref().unwrap();
        assert!(matches!(tls.roots, TrustedRoots::Broken(_)), "{validation}");
        assert_eq!(
            policy_lines(&translation),
            [format!("p gw Accepted=False/NoValidCACertificate ResolvedRefs=False/{reason}")],
            "{validation}"
        );
    }
}

#[test]
fn the_own_kind_takes_hosts_addresses_and_tls() {
    let backend = |spec: &str| {
        format!("apiVersion: clearway.dev/v1alpha1\nkind: Backend\nmetadata: {{name: b}}\nspec: {spec}\n")
    };
    let case = |spec: &str, reference: &str| {
        let rules = format!(
            "  rules: [{{backendRefs: [{{group: clearway.dev, kind: Backend, name: b{reference}}}]}}]"
        );
        run(&[CLASS, GATEWAY, &backend(spec), &http_route("r", "default", "[{name: gw}]", &rules)])
    };
    let two = "{endpoints: [{host: b.example, port: 81}, {ip: 10.0.0.1, port: 80}, {ip: '::1', port: 80}]}";
    let translation = case(two, "");
    assert_eq!(endpoints(only(&translation)), ["10.0.0.1:80", "::1:80", "b.example:81"]);
    assert_eq!(only(&translation).backend.port, 0);
    let translation = case(two, ", port: 81");
    assert_eq!(
        (endpoints(only(&translation)), only(&translation).backend.port),
        (vec!["b.example:81".to_owned()], 81)
    );
    assert!(route_lines(&case(two, ", port: 9"))[0].contains("ResolvedRefs=False/BackendNotFound"));

    let translation = case("{endpoints: [{host: b.example, port: 443}], protocol: h2}", "");
    let found = only(&translation);
    assert_eq!((found.backend.port, found.protocol), (443, BackendProtocol::Http2));
    let tls = found.tls.as_ref().unwrap();
    assert_eq!((&*tls.hostname, &tls.roots), ("b.example", &TrustedRoots::System));
    let missing = case(
        "{endpoints: [{host: b.example, port: 443}], protocol: https, tls: {caCertificateRef: {kind: ConfigMap, name: ca}}}",
        "",
    );
    assert!(route_lines(&missing)[0].contains("ResolvedRefs=False/InvalidCACertificateRef"));
    assert!(route_lines(&case("{endpoints: []}", ""))[0].contains("ResolvedRefs=False/UnsupportedValue"));
}
