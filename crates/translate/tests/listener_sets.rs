//! ListenerSets, as the conformance suite asks for them: who is let in, who comes first, and whose routes are whose.

mod common;

use clearway_model::ObjectRef;
use clearway_translate::{Report, Translation, translate};
use common::{
    CLASS, WEB, cluster, furnish, gateway, gateway_lines, http_route, listener_set, plain, route_lines,
    run_in_cluster, secret, set_lines, world,
};

const ACCEPTED: &str = "Accepted=True/Accepted Programmed=True/Programmed ResolvedRefs=True/ResolvedRefs Conflicted=False/NoConflicts";

/// A listener on port 80 for a host, open to every namespace.
fn http(name: &str, host: &str) -> String {
    format!(
        "{{name: {name}, port: 80, protocol: HTTP, hostname: {host}, allowedRoutes: {{namespaces: {{from: All}}}}}}"
    )
}

fn open_gateway(from: &str) -> String {
    let listeners = format!("listeners: [{}]", http("own", "own.example"));
    gateway(&[&listeners, &format!("allowedListeners: {{namespaces: {from}}}")])
}

#[test]
fn a_gateway_lets_in_the_sets_that_it_says_and_by_default_none() {
    let namespace = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {team: a}}\n";
    let closed = gateway(&[&format!("listeners: [{}]", http("own", "own.example"))]);
    let cases = [
        (closed, [false, false, false]),
        (open_gateway("{from: None}"), [false, false, false]),
        (open_gateway("{from: Mauve}"), [false, false, false]),
        (open_gateway("{from: Same}"), [true, false, false]),
        (open_gateway("{from: All}"), [true, true, true]),
        (open_gateway("{from: Selector, selector: {matchLabels: {team: a}}}"), [false, true, false]),
        (open_gateway("{from: Selector, selector: {}}"), [true, true, true]),
    ];
    for (gateway, let_in) in cases {
        let sets = ["default", "shop", "other"].map(|name| {
            listener_set(name, &format!("in-{name}"), &format!("[{}]", http("l", &format!("{name}.example"))))
        });
        let translation = run_in_cluster(&[CLASS, &gateway, namespace, &sets[0], &sets[1], &sets[2]]);
        let status = &translation.status.gateways[&ObjectRef::new("default", "gw")];
        let count = u32::try_from(let_in.iter().filter(|yes| **yes).count()).unwrap();
        assert_eq!(status.attached_listener_sets, count, "{gateway}");
        // Its own listeners are served even when nobody knows which sets it lets in, and it says so.
        let reason = if gateway.contains("Mauve") { "ListenersNotValid" } else { "Accepted" };
        assert_eq!(plain(&status.conditions[..1]), format!("Accepted=True/{reason}"), "{gateway}");
        for (name, yes) in ["default", "shop", "other"].into_iter().zip(let_in) {
            let set = &translation.status.listener_sets[&ObjectRef::new(name, format!("in-{name}"))];
            let want = if yes {
                "Accepted=True/Accepted Programmed=True/Programmed"
            } else {
                "Accepted=False/NotAllowed Programmed=False/NotAllowed"
            };
            assert_eq!(plain(&set.conditions), want, "{gateway} {name}");
            assert!(set.conditions.iter().all(|condition| condition.observed_generation == 3));
            assert_eq!(set.listeners.len(), usize::from(yes));
        }
        assert_eq!(translation.snapshot.listeners.len(), 1 + usize::try_from(count).unwrap());
    }
}

/// The four sets of the suite's two conflict tests: with the Gateway and with an older set, each among good ones and alone.
fn four_sets(with_gateway: &str, with_set: &str, first: &str) -> [String; 4] {
    let good = |name: &str| http(name, &format!("{name}.example"));
    [
        listener_set("default", "a", &format!("[{}, {with_gateway}, {first}]", good("a-good"))),
        listener_set("default", "b", &format!("[{with_gateway}]")),
        listener_set("default", "c", &format!("[{}, {with_set}]", good("c-good"))),
        listener_set("default", "d", &format!("[{with_set}]")),
    ]
}

fn check_conflicts(sets: &[String; 4], reason: &str) {
    let own = format!("listeners: [{}, {}]", http("own", "own.example"), http("both", "both.example"));
    let gateway = gateway(&[&own, "allowedListeners: {namespaces: {from: Same}}"]);
    let translation = run_in_cluster(&[CLASS, &gateway, &sets[0], &sets[1], &sets[2], &sets[3]]);
    let refused = format!(
        "Accepted=False/{reason} Programmed=False/{reason} ResolvedRefs=True/ResolvedRefs Conflicted=True/{reason}"
    );
    let some = "Accepted=True/ListenersNotValid Programmed=True/Programmed";
    let none = "Accepted=False/ListenersNotValid Programmed=False/ListenersNotValid";
    let want = [
        format!("a {some}"),
        format!("a/a-good 0 {ACCEPTED}"),
        format!("a/clash 0 {refused}"),
        format!("a/first 0 {ACCEPTED}"),
        format!("b {none}"),
        format!("b/clash 0 {refused}"),
        format!("c {some}"),
        format!("c/c-good 0 {ACCEPTED}"),
        format!("c/clash 0 {refused}"),
        format!("d {none}"),
        format!("d/clash 0 {refused}"),
    ];
    assert_eq!(set_lines(&translation), want);
    let status = &translation.status.gateways[&ObjectRef::new("default", "gw")];
    assert_eq!(status.attached_listener_sets, 2);
    assert_eq!(plain(&status.conditions[..1]), "Accepted=True/Accepted");
    assert!(status.listeners.iter().all(|listener| plain(&listener.conditions) == ACCEPTED));
    assert_eq!(translation.snapshot.listeners.len(), 5);
}

#[test]
fn the_gateway_keeps_its_hostnames_and_then_the_older_set() {
    let sets = four_sets(
        &http("clash", "both.example"),
        &http("clash", "first.example"),
        &http("first", "first.example"),
    );
    check_conflicts(&sets, "HostnameConflict");
}

#[test]
fn a_listener_of_another_protocol_says_conflict_though_the_protocol_is_not_served_either() {
    let tcp = "{name: clash, port: 80, protocol: TCP, allowedRoutes: {namespaces: {from: All}}}";
    let sets = four_sets(tcp, tcp, &http("first", "first.example"));
    check_conflicts(&sets, "ProtocolConflict");
    // On a port of its own it is the protocol that is the trouble.
    let alone = listener_set(
        "default",
        "a",
        "[{name: tcp, port: 9000, protocol: TCP}, {name: udp, port: 53, protocol: UDP}]",
    );
    let translation = run_in_cluster(&[CLASS, &open_gateway("{from: All}"), &alone]);
    let lines = set_lines(&translation);
    assert!(
        lines[1].starts_with("a/tcp 0 Accepted=False/UnsupportedProtocol Programmed=False/Invalid"),
        "{lines:?}"
    );
}

#[test]
fn an_older_set_comes_before_a_younger_one_and_listeners_of_one_set_do_not_guess() {
    let young = listener_set("default", "a", &format!("[{}]", http("l", "x.example")))
        .replace("generation: 3", "creationTimestamp: '2026-01-02T00:00:00Z'");
    let old = listener_set("default", "b", &format!("[{}]", http("l", "x.example")))
        .replace("generation: 3", "creationTimestamp: '2026-01-01T00:00:00Z'");
    let twice =
        listener_set("default", "c", &format!("[{}, {}]", http("l", "y.example"), http("m", "y.example")));
    let translation = run_in_cluster(&[CLASS, &open_gateway("{from: All}"), &young, &old, &twice]);
    let lines = set_lines(&translation);
    let accepted: Vec<_> = lines
        .iter()
        .filter(|line| line.contains(ACCEPTED))
        .filter_map(|line| line.split(' ').next())
        .collect();
    assert_eq!(accepted, ["b/l"], "{lines:?}");
    let message = &translation.problems[0];
    assert_eq!(
        message.to_string(),
        "error: ListenerSet default/a, spec.listeners[0]: port 80 with hostname x.example is held by listener \
         default/gw/default/b/l, which comes first; change the port or the hostname (HostnameConflict)"
    );
}

#[test]
fn a_grant_to_gateways_is_none_to_listener_sets() {
    let grant = |kind: &str| {
        format!(
            "apiVersion: gateway.networking.k8s.io/v1\nkind: ReferenceGrant\nmetadata: {{name: for-{}, namespace: \
             certs}}\nspec: {{from: [{{group: gateway.networking.k8s.io, kind: {kind}, namespace: default}}], to: \
             [{{group: '', kind: Secret}}]}}\n",
            kind.to_lowercase()
        )
    };
    let https = |name: &str| {
        format!(
            "[{{name: {name}, port: 443, protocol: HTTPS, hostname: {name}.example, tls: {{certificateRefs: [{{name: \
             far, namespace: certs}}]}}}}]"
        )
    };
    let gateway =
        gateway(&[&format!("listeners: {}", https("own")), "allowedListeners: {namespaces: {from: All}}"]);
    let (granted, stranger) =
        (listener_set("default", "a", &https("a")), listener_set("shop", "b", &https("b")));
    let (for_gateway, for_sets, certificate) =
        (grant("Gateway"), grant("ListenerSet"), secret("certs", "far"));
    let texts = [CLASS, &gateway, &granted, &stranger, &certificate, &for_gateway];
    let with = |more: &[&str]| set_lines(&run_in_cluster(&[&texts[..], more].concat()));
    let unresolved = "Accepted=True/Accepted Programmed=False/Invalid ResolvedRefs=False/RefNotPermitted \
                      Conflicted=False/NoConflicts";
    let none = "Accepted=False/ListenersNotValid Programmed=False/ListenersNotValid";
    assert_eq!(
        with(&[]),
        [
            format!("a {none}"),
            format!("a/a 0 {unresolved}"),
            format!("b {none}"),
            format!("b/b 0 {unresolved}")
        ]
    );
    assert_eq!(
        with(&[&for_sets]),
        [
            "a Accepted=True/Accepted Programmed=True/Programmed".to_owned(),
            format!("a/a 0 {ACCEPTED}"),
            format!("b {none}"),
            format!("b/b 0 {unresolved}")
        ]
    );
}

/// Routes of every sort of parent, translated.
fn routes_of_all_parents() -> Translation {
    let sets = [
        listener_set("default", "one", &format!("[{}, {}]", http("l1", "l1.one"), http("l2", "l2.one"))),
        listener_set("shop", "far", "[{name: l1, port: 80, protocol: HTTP, hostname: l1.far}]"),
    ];
    let to_set = "{kind: ListenerSet, name: one, namespace: default}";
    let to_far = "{kind: ListenerSet, name: far, namespace: shop}";
    let routes = [
        http_route("all", "default", &format!("[{{name: gw}}, {to_set}]"), common::TO_WEB),
        http_route("gw-only", "default", "[{name: gw}]", common::TO_WEB),
        http_route("section", "default", "[{kind: ListenerSet, name: one, sectionName: l1}]", common::TO_WEB),
        // A Gateway does not speak for its sets, and a set not for its Gateway.
        http_route("wrong", "default", "[{name: gw, sectionName: l1}]", common::TO_WEB),
        http_route(
            "mixed",
            "default",
            &format!("[{{name: gw, sectionName: nope}}, {to_set}]"),
            common::TO_WEB,
        ),
        http_route(
            "set-own",
            "default",
            "[{kind: ListenerSet, name: one, sectionName: own}]",
            common::TO_WEB,
        ),
        // `from: Same` is the namespace of the set, not that of the Gateway.
        http_route("near", "shop", &format!("[{to_far}]"), ""),
        http_route("not-near", "default", &format!("[{to_far}]"), ""),
    ];
    let gateway = open_gateway("{from: All}");
    let mut texts = vec![CLASS, &gateway, WEB, &sets[0], &sets[1]];
    texts.extend(routes.iter().map(String::as_str));
    run_in_cluster(&texts)
}

#[test]
fn a_route_attaches_to_exactly_the_parents_that_it_names() {
    let translation = routes_of_all_parents();
    let lines = route_lines(&translation);
    let accepted = "Accepted=True/Accepted ResolvedRefs=True/ResolvedRefs";
    let no_parent = "Accepted=False/NoMatchingParent ResolvedRefs=True/ResolvedRefs";
    assert_eq!(
        lines,
        [
            format!("HTTPRoute default/all gw {accepted}"),
            format!("HTTPRoute default/all one {accepted}"),
            format!("HTTPRoute default/gw-only gw {accepted}"),
            format!("HTTPRoute default/mixed gw/nope {no_parent}"),
            format!("HTTPRoute default/mixed one {accepted}"),
            "HTTPRoute default/not-near far Accepted=False/NotAllowedByListeners ResolvedRefs=True/ResolvedRefs".to_owned(),
            format!("HTTPRoute default/section one/l1 {accepted}"),
            format!("HTTPRoute default/set-own one/own {no_parent}"),
            format!("HTTPRoute default/wrong gw/l1 {no_parent}"),
            format!("HTTPRoute shop/near far {accepted}"),
        ]
    );
}

#[test]
fn listeners_of_sets_count_and_serve_their_own_routes() {
    let translation = routes_of_all_parents();
    let counts: Vec<_> = set_lines(&translation)
        .iter()
        .filter(|line| line.contains('/') && line.contains("ResolvedRefs="))
        .map(|line| line.split(" Acc").next().unwrap().to_owned())
        .collect();
    assert_eq!(counts, ["one/l1 3", "one/l2 2", "far/l1 1"]);
    assert!(gateway_lines(&translation)[1].starts_with("default/gw/own [HTTPRoute,GRPCRoute] 2 "));
    let served: Vec<_> = translation
        .snapshot
        .rules
        .values()
        .map(|rule| {
            let parents: Vec<_> =
                rule.parents.iter().map(|parent| parent.listener.label().into_owned()).collect();
            format!("{}: {}", rule.rule.route.object.name, parents.join(" "))
        })
        .collect();
    assert_eq!(
        served,
        [
            "all: own default/one/l1 default/one/l2",
            "gw-only: own",
            "mixed: default/one/l1 default/one/l2",
            "section: default/one/l1",
            "near: shop/far/l1",
        ]
    );
}

#[test]
fn sets_without_a_gateway_of_ours_are_left_alone_and_refused_ones_hold_no_route() {
    let set = listener_set("default", "one", &format!("[{}]", http("l", "x.example")));
    let route = http_route("r", "default", "[{kind: ListenerSet, name: one}]", common::TO_WEB);
    let translation = run_in_cluster(&[CLASS, WEB, &set, &route]);
    assert!(translation.status.listener_sets.is_empty() && translation.status.routes.is_empty());
    assert_eq!(
        translation.problems[0].to_string(),
        "error: ListenerSet default/one, spec.parentRef: Gateway default/gw does not exist; add it or correct the name \
         (Pending)"
    );
    let texts = [CLASS, &open_gateway("{from: None}"), WEB, &set, &route];
    let translation = run_in_cluster(&texts);
    assert_eq!(
        route_lines(&translation),
        ["HTTPRoute default/r one Accepted=False/NoMatchingParent ResolvedRefs=True/ResolvedRefs"]
    );
    assert!(translation.snapshot.rules.is_empty());
    let broken =
        open_gateway("{from: All}").replace("spec:\n", "spec:\n  addresses: [{type: Hostname, value: x}]\n");
    let mut world = world(&[CLASS, &broken, WEB, &set, &route]);
    furnish(&mut world);
    let translation = translate(&world, &cluster());
    assert_eq!(
        set_lines(&translation)[0],
        "one Accepted=False/ParentNotAccepted Programmed=False/ParentNotProgrammed"
    );
    assert!(translation.snapshot.listeners.is_empty() && translation.infrastructure.is_empty());
    let report = Report::from(&translation, &world);
    assert_eq!(report.listeners[1].listener, "default/gw/default/one/l");
    assert!(!report.listeners[1].served);
}

#[test]
fn a_tls_listener_that_takes_http_routes_has_invalid_kinds() {
    let tls = "[{name: t, port: 443, protocol: TLS, hostname: t.example, tls: {mode: Passthrough}, allowedRoutes: {kinds: \
               [{kind: HTTPRoute}]}}]";
    let translation =
        run_in_cluster(&[CLASS, &open_gateway("{from: All}"), &listener_set("default", "one", tls)]);
    assert_eq!(
        set_lines(&translation)[1],
        "one/t 0 Accepted=False/UnsupportedProtocol Programmed=False/Invalid ResolvedRefs=False/InvalidRouteKinds \
         Conflicted=False/NoConflicts"
    );
}
