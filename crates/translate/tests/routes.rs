//! Routes: attachment, references, invalid rules, and the two kinds on one hostname.

mod common;

use clearway_model::{Filter, Match, PathMatch};
use common::{CLASS, GATEWAY, TO_WEB, WEB, http_route, route_lines, run};

const OK: &str = "Accepted=True/Accepted ResolvedRefs=True/ResolvedRefs";

fn outcome(texts: &[&str]) -> String {
    let mut all = vec![CLASS, GATEWAY, WEB];
    all.extend(texts);
    route_lines(&run(&all)).join("; ")
}

#[test]
fn parents_and_hostnames_decide_attachment() {
    let gateway = "\
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: many}
spec:
  gatewayClassName: clearway
  listeners:
  - {name: same, port: 8080, protocol: HTTP}
  - {name: host, port: 8081, protocol: HTTP, hostname: '*.shop.example', allowedRoutes: {namespaces: {from: All}}}
  - {name: pick, port: 8082, protocol: HTTP, allowedRoutes: {namespaces: {from: Selector, selector: {matchLabels: {team: a}}}}}
  - {name: grpc, port: 8083, protocol: HTTP, allowedRoutes: {kinds: [{kind: GRPCRoute}]}}
---
apiVersion: v1
kind: Namespace
metadata: {name: team-a, labels: {team: a}}
";
    let cases = [
        ("default", "[{name: many}]", "", "Accepted=True/Accepted"),
        ("default", "[{name: many, sectionName: none}]", "", "Accepted=False/NoMatchingParent"),
        ("default", "[{name: many, port: 9}]", "", "Accepted=False/NoMatchingParent"),
        ("default", "[{name: many, sectionName: same, port: 8081}]", "", "Accepted=False/NoMatchingParent"),
        ("default", "[{name: many, sectionName: same, port: 8080}]", "", "Accepted=True/Accepted"),
        ("default", "[{name: many, sectionName: grpc}]", "", "Accepted=False/NotAllowedByListeners"),
        (
            "team-b",
            "[{name: many, namespace: default, sectionName: same}]",
            "",
            "Accepted=False/NotAllowedByListeners",
        ),
        (
            "team-b",
            "[{name: many, namespace: default, sectionName: pick}]",
            "",
            "Accepted=False/NotAllowedByListeners",
        ),
        ("team-a", "[{name: many, namespace: default, sectionName: pick}]", "", "Accepted=True/Accepted"),
        (
            "team-b",
            "[{name: many, namespace: default, sectionName: host}]",
            "  hostnames: [a.example]",
            "Accepted=False/NoMatchingListenerHostname",
        ),
        (
            "team-b",
            "[{name: many, namespace: default, sectionName: host}]",
            "  hostnames: [a.example, x.y.shop.example]",
            "Accepted=True/Accepted",
        ),
    ];
    for (namespace, parents, rest, want) in cases {
        let got = outcome(&[gateway, &http_route("r", namespace, parents, rest)]);
        assert!(got.contains(want), "{namespace} {parents} {rest}: {got}");
    }
    let strangers = outcome(&[&http_route(
        "r",
        "default",
        "[{name: absent}, {name: web, kind: Service, group: ''}]",
        "",
    )]);
    assert_eq!(strangers, "");
}

#[test]
fn a_route_counts_once_per_listener_even_when_it_is_not_resolved() {
    let route = http_route(
        "r",
        "default",
        "[{name: gw}, {name: gw, sectionName: http}]",
        "  rules: [{backendRefs: [{name: nobody, port: 80}]}]",
    );
    let translation = run(&[CLASS, GATEWAY, &route]);
    let listener = &translation.status.gateways.values().next().unwrap().listeners[0];
    assert_eq!(listener.attached_routes, 1);
    assert_eq!(route_lines(&translation).len(), 2);
    let rule = translation.snapshot.rules.values().next().unwrap();
    assert_eq!(rule.parents.len(), 1);
    assert_eq!(rule.backends[0].target.as_ref().unwrap_err().reason.as_ref(), "BackendNotFound");
}

#[test]
fn references_that_lead_nowhere_have_the_reason_of_the_api() {
    let far = "apiVersion: v1\nkind: Service\nmetadata: {name: far, namespace: other}\nspec: {ports: [{port: 80}]}\n";
    let external = "apiVersion: v1\nkind: Service\nmetadata: {name: ext}\nspec: {type: ExternalName, ports: [{port: 80}]}\n";
    let odd = "apiVersion: v1\nkind: Service\nmetadata: {name: odd}\nspec: {ports: [{port: 80, appProtocol: mysql, name: a}, {port: 81, appProtocol: https, name: b}, {port: 82, protocol: UDP, name: c}]}\n";
    let grant = "apiVersion: gateway.networking.k8s.io/v1\nkind: ReferenceGrant\nmetadata: {name: g, namespace: other}\nspec:\n  from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: default}]\n  to: [{kind: Service}]\n";
    let cases: [(&str, Vec<&str>, &str); 12] = [
        ("{name: web, port: 80}", vec![], "True/ResolvedRefs"),
        ("{name: nobody, port: 80}", vec![], "False/BackendNotFound"),
        ("{name: web, port: 81}", vec![], "False/BackendNotFound"),
        ("{name: web, port: 80, kind: Pod}", vec![], "False/InvalidKind"),
        ("{name: web, port: 80, group: x.example}", vec![], "False/InvalidKind"),
        ("{name: far, namespace: other, port: 80}", vec![far], "False/RefNotPermitted"),
        ("{name: nobody, namespace: other, port: 80}", vec![], "False/RefNotPermitted"),
        ("{name: far, namespace: other, port: 80}", vec![far, grant], "True/ResolvedRefs"),
        ("{name: ext, port: 80}", vec![external], "False/InvalidKind"),
        ("{name: odd, port: 80}", vec![odd], "False/UnsupportedProtocol"),
        ("{name: odd, port: 81}", vec![odd], "False/UnsupportedProtocol"),
        ("{name: odd, port: 82}", vec![odd], "False/BackendNotFound"),
    ];
    for (reference, others, want) in cases {
        let as_backend = format!("  rules: [{{backendRefs: [{reference}]}}]");
        let as_mirror = format!(
            "  rules: [{{filters: [{{type: RequestMirror, requestMirror: {{backendRef: {reference}}}}}], backendRefs: \
             [{{name: web, port: 80}}]}}]"
        );
        for rules in [as_backend, as_mirror] {
            let route = http_route("r", "default", "[{name: gw}]", &rules);
            let mut texts = vec![route.as_str()];
            texts.extend(&others);
            assert_eq!(
                outcome(&texts),
                format!("HTTPRoute default/r gw Accepted=True/Accepted ResolvedRefs={want}"),
                "{rules}"
            );
        }
    }
}

#[test]
fn invalid_rules_are_dropped_and_a_route_without_a_valid_one_is_refused() {
    let good = "{backendRefs: [{name: web, port: 80}]}";
    let cases = [
        ("{matches: [{path: {type: Glob, value: /}}]}", "UnsupportedValue"),
        ("{matches: [{path: {type: RegularExpression, value: '('}}]}", "UnsupportedValue"),
        (
            "{matches: [{headers: [{type: RegularExpression, name: a, value: '\\w{9999}{9999}'}]}]}",
            "UnsupportedValue",
        ),
        ("{timeouts: {request: 1x}}", "UnsupportedValue"),
        (
            "{filters: [{type: URLRewrite, urlRewrite: {}}, {type: RequestRedirect, requestRedirect: {}}]}",
            "IncompatibleFilters",
        ),
        ("{filters: [{type: Teleport}]}", "UnsupportedValue"),
    ];
    for (bad, reason) in cases {
        let alone = http_route("r", "default", "[{name: gw}]", &format!("  rules: [{bad}]"));
        let got = outcome(&[&alone]);
        assert!(got.starts_with(&format!("HTTPRoute default/r gw Accepted=False/{reason} ")), "{bad}: {got}");
        assert!(!got.contains("PartiallyInvalid"), "{bad}: {got}");

        let mixed = http_route("r", "default", "[{name: gw}]", &format!("  rules: [{bad}, {good}]"));
        let translation = run(&[CLASS, GATEWAY, WEB, &mixed]);
        assert_eq!(
            route_lines(&translation),
            [format!("HTTPRoute default/r gw {OK} PartiallyInvalid=True/UnsupportedValue")],
            "{bad}"
        );
        let message = &translation.status.routes.values().next().unwrap().parents[0].conditions[2].message;
        assert!(message.starts_with("Dropped Rule 0 (spec.rules[0]"), "{message}");
        let rules: Vec<_> = translation.snapshot.rules.values().collect();
        if bad.contains("Teleport") {
            assert_eq!(rules.len(), 2);
            assert_eq!(rules[0].filters, [Filter::Unsupported { kind: "Teleport".into() }]);
        } else {
            assert_eq!(rules.len(), 1, "{bad}");
            assert_eq!(rules[0].rule.index, 1);
        }
        assert_eq!(translation.problems.len(), 1, "{bad}: {:?}", translation.problems);
    }
}

#[test]
fn an_extension_ref_is_answered_500_and_said() {
    let rules = "  rules: [{filters: [{type: ExtensionRef, extensionRef: {group: x.example, kind: Auth, name: a}}], \
                 backendRefs: [{name: web, port: 80}]}]";
    let translation = run(&[CLASS, GATEWAY, WEB, &http_route("r", "default", "[{name: gw}]", rules)]);
    assert_eq!(
        route_lines(&translation),
        ["HTTPRoute default/r gw Accepted=True/Accepted ResolvedRefs=False/InvalidKind"]
    );
    let rule = translation.snapshot.rules.values().next().unwrap();
    assert_eq!(rule.filters, [Filter::Unsupported { kind: "ExtensionRef".into() }]);
}

#[test]
fn an_unknown_filter_of_one_backend_fails_the_rule_closed() {
    let rules = "  rules: [{backendRefs: [{name: web, port: 80, filters: [{type: Teleport}]}]}, {backendRefs: [{name: web, port: 80}]}]";
    let translation = run(&[CLASS, GATEWAY, WEB, &http_route("r", "default", "[{name: gw}]", rules)]);
    let rule = translation.snapshot.rules.values().next().unwrap();
    assert!(matches!(rule.filters[..], [Filter::Unsupported { .. }]), "{rule:?}");
}

#[test]
fn rules_carry_defaults_and_names() {
    let rules = "  rules:\n  - name: first\n    matches: [{headers: [{name: X-A, value: '1'}, {name: x-a, value: '2'}], method: GET}]\n    timeouts: {request: 0s, backendRequest: 2s}\n    retry: {codes: [503, 500, 503]}\n  - retry: {attempts: 0}";
    let translation = run(&[CLASS, GATEWAY, &http_route("r", "default", "[{name: gw}]", rules)]);
    let rules: Vec<_> = translation.snapshot.rules.values().collect();
    assert_eq!(rules[0].rule.name.as_deref(), Some("first"));
    assert_eq!(rules[0].timeouts.request, None);
    assert_eq!(rules[0].timeouts.backend_request, Some(std::time::Duration::from_secs(2)));
    let retry = rules[0].retry.as_ref().unwrap();
    assert_eq!((retry.attempts, &retry.codes[..]), (1, &[500, 503][..]));
    let Match::Http { path, headers, method, .. } = &rules[0].matches[0] else { panic!("no HTTP match") };
    assert_eq!(*path, PathMatch::Prefix("/".into()));
    assert_eq!((headers.len(), &*headers[0].name, method.as_deref()), (1, "x-a", Some("GET")));
    assert_eq!((rules[1].retry.as_ref(), rules[1].matches.len(), rules[1].backends.len()), (None, 1, 0));
}

#[test]
fn http_and_grpc_routes_never_share_a_hostname_of_a_listener() {
    let grpc = |host: &str, created: &str| {
        format!(
            "apiVersion: gateway.networking.k8s.io/v1\nkind: GRPCRoute\nmetadata: {{name: g, creationTimestamp: \
             '{created}'}}\nspec:\n  parentRefs: [{{name: gw}}]\n  hostnames: ['{host}']\n  rules: [{{backendRefs: \
             [{{name: web, port: 80}}]}}]\n"
        )
    };
    let http = http_route("h", "default", "[{name: gw}]", &format!("  hostnames: ['*.a.example']\n{TO_WEB}"))
        .replace("generation: 2", "creationTimestamp: '2026-01-02T00:00:00Z'");
    let cases = [
        ("x.a.example", "2026-01-01T00:00:00Z", "HTTPRoute default/h gw Accepted=False/HostnameConflict"),
        ("x.a.example", "2026-01-03T00:00:00Z", "GRPCRoute default/g gw Accepted=False/HostnameConflict"),
        ("x.a.example", "2026-01-02T00:00:00Z", "HTTPRoute default/h gw Accepted=False/HostnameConflict"),
        ("*.example", "2026-01-03T00:00:00Z", "GRPCRoute default/g gw Accepted=False/HostnameConflict"),
    ];
    for (host, created, want) in cases {
        let got = outcome(&[&http, &grpc(host, created)]);
        assert_eq!(got.matches("Accepted=False").count(), 1, "{host} {created}: {got}");
        assert!(got.contains(want), "{host} {created}: {got}");
    }
    let apart = outcome(&[&http, &grpc("b.example", "2026-01-03T00:00:00Z")]);
    assert!(!apart.contains("False"), "{apart}");
}
