//! What only a cluster has: private ports and the merged entry, addresses, what is made for a Gateway, and what is read.

mod common;

use clearway_k8s::Object;
use clearway_model::ObjectRef;
use clearway_translate::{GatewayAddresses, InstalledApi, translate};
use common::{
    CLASS, CONTROLLER, WEB, authority, cluster, furnish, gateway, gateway_lines, http_route,
    listener_condition, listener_set, plain, route_lines, run_in_cluster, secret, set_lines, world,
};

const LISTENERS: &str = "listeners: [{name: web, port: 80, protocol: HTTP}, {name: tls, port: 443, protocol: HTTPS, tls: \
                         {certificateRefs: [{name: s}]}}, {name: odd, port: 8080, protocol: HTTP}]";

fn gw() -> ObjectRef {
    ObjectRef::new("default", "gw")
}

#[test]
fn private_ports_are_bound_and_the_merged_entry_belongs_to_the_older_gateway() {
    let elder =
        gateway(&[LISTENERS]).replace("name: gw,", "name: elder, creationTimestamp: '1969-01-01T00:00:00Z',");
    let mut world = world(&[CLASS, &gateway(&[LISTENERS]), &elder, &secret("default", "s")]);
    let binds = |world: &clearway_translate::World| -> Vec<String> {
        let translation = translate(world, &cluster());
        let each = translation.snapshot.listeners.values();
        each.map(|listener| {
            assert_eq!(listener.address, None);
            format!("{} {} {:?}", listener.listener, listener.port, listener.binds)
        })
        .collect()
    };
    // Nothing is allocated yet: only the merged entry is there.
    assert_eq!(
        binds(&world),
        [
            "default/elder/odd 8080 []",
            "default/elder/tls 443 [10443]",
            "default/elder/web 80 [10080]",
            "default/gw/odd 8080 []",
            "default/gw/tls 443 []",
            "default/gw/web 80 []",
        ]
    );
    let translation = translate(&world, &cluster());
    assert_eq!(listener_condition(&translation, "web", "Programmed"), "False/Pending");
    assert!(gateway_lines(&translation)[0].contains("Programmed=False/Pending"));
    furnish(&mut world);
    assert_eq!(
        binds(&world),
        [
            "default/elder/odd 8080 [20002]",
            "default/elder/tls 443 [10443, 20001]",
            "default/elder/web 80 [10080, 20000]",
            "default/gw/odd 8080 [20005]",
            "default/gw/tls 443 [20004]",
            "default/gw/web 80 [20003]",
        ]
    );
    let programmed = gateway_lines(&translate(&world, &cluster()));
    assert!(programmed.iter().all(|line| line.contains("Programmed=True/Programmed")), "{programmed:?}");
}

#[test]
fn every_bound_port_and_hostname_is_one_listeners() {
    let hosts = |name: &str, created: &str| {
        let listeners = "listeners: [{name: a, port: 80, protocol: HTTP, hostname: a.example}, {name: any, port: 80, \
                         protocol: HTTP}]";
        gateway(&[listeners]).replace("name: gw,", &format!("name: {name}, creationTimestamp: '{created}',"))
    };
    let (one, two) = (hosts("one", "2026-01-01T00:00:00Z"), hosts("two", "2026-01-02T00:00:00Z"));
    let translation = run_in_cluster(&[CLASS, &one, &two]);
    let mut seen = std::collections::BTreeSet::new();
    for listener in translation.snapshot.listeners.values() {
        for bind in &listener.binds {
            assert!(seen.insert((*bind, listener.hostname.clone())), "{listener:?}");
        }
    }
    assert_eq!(seen.len(), 6);
}

#[test]
fn addresses_are_those_that_the_service_was_given() {
    let with = |addresses: &str, given: &[&str]| {
        let listeners = "listeners: [{name: http, port: 8080, protocol: HTTP}]";
        let mut world = world(&[CLASS, &gateway(&[listeners, &format!("addresses: {addresses}")])]);
        furnish(&mut world);
        let assigned = given.iter().map(|text| (*text).to_owned()).collect();
        world.addresses.insert(gw(), GatewayAddresses { assigned });
        let translation = translate(&world, &cluster());
        let status = &translation.status.gateways[&gw()];
        let addresses: Vec<_> =
            status.addresses.iter().map(|address| format!("{}={}", address.kind, address.value)).collect();
        let asked = translation.infrastructure.get(&gw()).map(|plan| plan.addresses.len());
        (plain(&status.conditions[..2]), addresses.join(" "), asked)
    };
    let accepted = "Accepted=True/Accepted";
    let cases = [
        // GatewayStaticAddresses, in its three steps.
        (
            "[{type: test/fake, value: x}, {value: 240.0.0.1}, {value: 192.0.2.7}]",
            vec![],
            "Accepted=False/UnsupportedAddress Programmed=False/Invalid".to_owned(),
            "",
            None,
        ),
        (
            "[{value: 240.0.0.1}, {value: 192.0.2.7}]",
            vec!["192.0.2.7"],
            format!("{accepted} Programmed=False/AddressNotUsable"),
            "IPAddress=192.0.2.7",
            Some(2),
        ),
        (
            "[{value: 192.0.2.7}]",
            vec!["192.0.2.7"],
            format!("{accepted} Programmed=True/Programmed"),
            "IPAddress=192.0.2.7",
            Some(1),
        ),
        // GatewayOptionalAddressValue.
        (
            "[{type: IPAddress}]",
            vec!["192.0.2.1"],
            format!("{accepted} Programmed=True/Programmed"),
            "IPAddress=192.0.2.1",
            Some(0),
        ),
        ("[]", vec![], format!("{accepted} Programmed=False/AddressNotAssigned"), "", Some(0)),
        (
            "[{value: '2001:DB8::1'}]",
            vec!["2001:db8::1", "lb.example"],
            format!("{accepted} Programmed=True/Programmed"),
            "IPAddress=2001:db8::1 Hostname=lb.example",
            Some(1),
        ),
    ];
    for (addresses, given, conditions, status, asked) in cases {
        assert_eq!(with(addresses, &given), (conditions, status.to_owned(), asked), "{addresses}");
    }
}

#[test]
fn the_plan_carries_labels_annotations_and_the_ports_of_all_listeners() {
    let set = "[{name: more, port: 9090, protocol: HTTP}, {name: tcp, port: 9091, protocol: TCP}]";
    let texts = [
        CLASS,
        &gateway(&[
            LISTENERS,
            "allowedListeners: {namespaces: {from: All}}",
            "infrastructure: {labels: {key2: value2}, annotations: {key1: value1}}",
        ]),
        &listener_set("shop", "set", set),
    ];
    let translation = run_in_cluster(&texts);
    let plan = &translation.infrastructure[&gw()];
    assert_eq!(plan.owner_uid, "u-1");
    assert_eq!(plan.ports, [80, 443, 8080, 9090]);
    assert_eq!(plan.annotations, [("key1".to_owned(), "value1".to_owned())].into());
    let labels: Vec<_> = plan.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    assert_eq!(
        labels,
        [
            "gateway.networking.k8s.io/gateway-class-name=clearway",
            "gateway.networking.k8s.io/gateway-name=gw",
            "key2=value2"
        ]
    );
    let long = "a".repeat(253);
    let translation =
        run_in_cluster(&[CLASS, &gateway(&[LISTENERS]).replace("name: gw,", &format!("name: {long},"))]);
    let plan = translation.infrastructure.values().next().unwrap();
    assert_eq!(plan.labels["gateway.networking.k8s.io/gateway-name"].len(), 63);
}

#[test]
fn only_permitted_secrets_and_config_maps_of_our_own_are_read() {
    let frontend = "tls: {backend: {clientCertificateRef: {name: mine}}, frontend: {default: {validation: \
                    {caCertificateRefs: [{group: '', kind: ConfigMap, name: ca}, {group: '', kind: Service, name: x}]}}, \
                    perPort: [{port: 1, tls: {validation: {caCertificateRefs: [{group: '', kind: ConfigMap, name: ca-1}]}}}]}}";
    let listeners = "listeners: [{name: a, port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: s}, {name: \
                     denied, namespace: other}, {name: odd, group: x.example}]}}]";
    let set = "[{name: a, port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: of-set}]}}]";
    let policy = |service: &str| {
        format!(
            "apiVersion: gateway.networking.k8s.io/v1\nkind: BackendTLSPolicy\nmetadata: {{name: {service}}}\nspec: \
             {{targetRefs: [{{group: '', kind: Service, name: {service}}}], validation: {{hostname: x.example, \
             caCertificateRefs: [{{group: '', kind: ConfigMap, name: ca-of-{service}}}]}}}}\n"
        )
    };
    let backend = "apiVersion: clearway.dev/v1alpha1\nkind: Backend\nmetadata: {name: b}\nspec: {endpoints: [{host: \
                   x.example, port: 443}], protocol: https, tls: {caCertificateRef: {kind: ConfigMap, name: ca-of-b}}}\n";
    let theirs = gateway(&[
        "listeners: [{name: a, port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: theirs}]}}]",
    ])
    .replace("name: gw,", "name: theirs,")
    .replace("clearway", "other");
    let mut world = world(&[
        CLASS,
        &gateway(&[frontend, listeners]),
        &theirs,
        &listener_set("shop", "set", set),
        WEB,
        &policy("web"),
        &policy("nobody"),
        backend,
    ]);
    let read = |world: &clearway_translate::World| -> Vec<String> {
        let found = world.references(CONTROLLER);
        found.into_iter().map(|reference| format!("{} {}", reference.kind, reference.object)).collect()
    };
    assert_eq!(
        read(&world),
        [
            "ConfigMap default/ca",
            "ConfigMap default/ca-1",
            "ConfigMap default/ca-of-b",
            "ConfigMap default/ca-of-web",
            "Secret default/mine",
            "Secret default/s",
            "Secret shop/of-set",
        ]
    );
    let grant = "apiVersion: gateway.networking.k8s.io/v1\nkind: ReferenceGrant\nmetadata: {name: g, namespace: \
                 other}\nspec: {from: [{group: gateway.networking.k8s.io, kind: Gateway, namespace: default}], to: [{kind: \
                 Secret}]}\n";
    common::objects(&[grant]).into_iter().for_each(|object| assert!(!world.insert(object)));
    assert!(read(&world).contains(&"Secret other/denied".to_owned()));
}

#[test]
fn routes_of_streams_are_told_that_nobody_takes_them() {
    let route = |kind: &str, spec: &str| {
        format!(
            "apiVersion: gateway.networking.k8s.io/v1\nkind: {kind}\nmetadata: {{name: r, generation: 5}}\nspec: {spec}\n"
        )
    };
    let listeners = "listeners: [{name: web, port: 80, protocol: HTTP}, {name: tls, port: 443, protocol: TLS, tls: {mode: \
                     Passthrough}, allowedRoutes: {kinds: [{kind: TLSRoute}]}}]";
    let texts = [
        CLASS,
        &gateway(&[listeners]),
        WEB,
        &route(
            "TLSRoute",
            "{parentRefs: [{name: gw, sectionName: tls}], hostnames: [a.example], rules: [{backendRefs: [{name: web, port: 80}]}]}",
        ),
        &route(
            "TCPRoute",
            "{parentRefs: [{name: gw, sectionName: nope}], rules: [{backendRefs: [{name: missing, port: 80}]}]}",
        ),
        &route(
            "UDPRoute",
            "{parentRefs: [{name: gw}], rules: [{backendRefs: [{name: web, namespace: other, port: 80}]}]}",
        ),
        // HTTPRouteDisallowedKind.
        &http_route("http", "default", "[{name: gw, sectionName: tls}]", common::TO_WEB),
    ];
    let mut world = world(&texts);
    furnish(&mut world);
    let translation = translate(&world, &cluster());
    assert_eq!(
        route_lines(&translation),
        [
            "HTTPRoute default/http gw/tls Accepted=False/NotAllowedByListeners ResolvedRefs=True/ResolvedRefs",
            "TLSRoute default/r gw/tls Accepted=False/NotAllowedByListeners ResolvedRefs=True/ResolvedRefs",
            "TCPRoute default/r gw/nope Accepted=False/NoMatchingParent ResolvedRefs=False/BackendNotFound",
            "UDPRoute default/r gw Accepted=False/NotAllowedByListeners ResolvedRefs=False/RefNotPermitted",
        ]
    );
    assert!(translation.snapshot.rules.is_empty() && translation.snapshot.backends.is_empty());
    assert_eq!(
        gateway_lines(&translation)[2],
        "default/gw/tls [] 0 Accepted=False/UnsupportedProtocol@7 Programmed=False/Invalid@7 \
         ResolvedRefs=False/InvalidRouteKinds@7 Conflicted=False/NoConflicts@7"
    );
    for kind in ["TLSRoute", "TCPRoute", "UDPRoute"] {
        assert!(world.remove(kind, "default", "r") && !world.remove(kind, "default", "r"));
    }
    assert_eq!(translate(&world, &cluster()).status.routes.len(), 1);
}

#[test]
fn the_class_says_which_version_is_installed_and_claims_what_it_can_express() {
    let mut world = world(&[CLASS]);
    let mut class = |api: Option<InstalledApi>| {
        world.api = api;
        let status = translate(&world, &cluster()).status.classes.remove("clearway").unwrap();
        (plain(&status.conditions), status.supported_features.len())
    };
    let kinds = ["BackendTLSPolicy", "GRPCRoute", "HTTPRoute", "ListenerSet", "ReferenceGrant"];
    let api = |version: &str| InstalledApi {
        bundle_version: version.to_owned(),
        experimental: true,
        kinds: kinds.map(str::to_owned).into(),
    };
    let all = clearway_translate::SUPPORTED_FEATURES.len();
    assert_eq!(class(None), ("Accepted=True/Accepted".to_owned(), all));
    let good = "Accepted=True/Accepted SupportedVersion=True/SupportedVersion";
    assert_eq!(class(Some(api("v1.6.3"))), (good.to_owned(), all));
    let other = "Accepted=True/Accepted SupportedVersion=False/UnsupportedVersion";
    for version in ["v1.5.1", "v1.60.0", "v1.7.0", ""] {
        assert_eq!(class(Some(api(version))), (other.to_owned(), all), "{version}");
    }
}

#[test]
fn sets_come_and_go() {
    let set = listener_set("default", "set", "[{name: more, port: 80, protocol: HTTP, hostname: x.example}]");
    let open = gateway(&[LISTENERS, "allowedListeners: {namespaces: {from: Same}}"]);
    let mut world = world(&[CLASS, &open, &set, &authority("default", "unused")]);
    furnish(&mut world);
    assert_eq!(set_lines(&translate(&world, &cluster())).len(), 2);
    assert!(world.remove("ListenerSet", "default", "set"));
    let translation = translate(&world, &cluster());
    assert_eq!(translation.status.gateways[&gw()].attached_listener_sets, 0);
    assert!(set_lines(&translation).is_empty());
    let value = serde_json::json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "ListenerSet", "metadata": {"name": "x"}, "spec": {"parentRef": {"name": "gw"}, "listeners": []}});
    assert!(!world.insert(Object::from_value(value).unwrap()));
    assert!(set_lines(&translate(&world, &cluster()))[0].contains("Accepted=False/Invalid"));
}
