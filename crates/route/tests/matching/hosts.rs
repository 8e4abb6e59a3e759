//! Conformance tests about hostnames of listeners and routes.

use super::support::{Port, any, prefix, route};

#[test]
fn http_route_hostname_intersection() {
    let all = ["1", "2", "3"];
    let port = Port::new(
        &[("1", "very.specific.com"), ("2", "*.wildcard.io"), ("3", "*.anotherwildcard.io")],
        [
            route("s1")
                .on(&all)
                .hosts(&["non.matching.com", "*.nonmatchingwildcard.io", "very.specific.com"])
                .rule([prefix("/s1")]),
            route("s2")
                .on(&all)
                .hosts(&[
                    "non.matching.com",
                    "wildcard.io",
                    "foo.wildcard.io",
                    "bar.wildcard.io",
                    "foo.bar.wildcard.io",
                ])
                .rule([prefix("/s2")]),
            route("s3").on(&all).hosts(&["non.matching.com", "*.specific.com"]).rule([prefix("/s3")]),
            route("s4").on(&all).hosts(&["*.anotherwildcard.io"]).rule([prefix("/s4")]),
            route("s5").on(&all).hosts(&["specific.but.wrong.com", "wildcard.io"]).rule([prefix("/s5")]),
        ],
    );
    let served = [
        ("s1", "very.specific.com"),
        ("s2", "foo.wildcard.io"),
        ("s2", "bar.wildcard.io"),
        ("s2", "foo.bar.wildcard.io"),
        ("s3", "very.specific.com"),
        ("s4", "foo.anotherwildcard.io"),
        ("s4", "bar.anotherwildcard.io"),
        ("s4", "foo.bar.anotherwildcard.io"),
    ];
    let hosts = [
        "very.specific.com",
        "non.matching.com",
        "foo.nonmatchingwildcard.io",
        "foo.specific.com",
        "foo.wildcard.io",
        "bar.wildcard.io",
        "foo.bar.wildcard.io",
        "wildcard.io",
        "foo.anotherwildcard.io",
        "bar.anotherwildcard.io",
        "foo.bar.anotherwildcard.io",
        "anotherwildcard.io",
        "specific.but.wrong.com",
    ];
    for name in ["s1", "s2", "s3", "s4", "s5"] {
        for host in hosts {
            let want = if served.contains(&(name, host)) { format!("{name}/0/0") } else { "none".to_owned() };
            assert_eq!(port.take(&format!("GET {host}/{name}"), &[]), want, "{host}/{name}");
        }
    }
    assert_eq!(port.take("GET very.specific.com/non-matching-prefix", &[]), "none");
}

#[test]
fn http_route_hostname_intersection_with_a_listener_for_all() {
    let hosts = ["first.com", "sub.first.com", "second.com", "sub.second.com"];
    let port = Port::open([route("all").hosts(&hosts).rule([any()])]);
    for host in hosts {
        assert_eq!(port.take(&format!("GET {host}/"), &[]), "all/0/0", "{host}");
    }
    port.check(&[("GET third.com/", &[], "none"), ("GET sub.third.com/", &[], "none")]);
}

#[test]
fn http_route_listener_hostname_matching() {
    let port = Port::new(
        &[("1", "bar.com"), ("2", "foo.bar.com"), ("3", "*.bar.com"), ("4", "*.foo.com")],
        [
            route("v1").on(&["1"]).rule([any()]),
            route("v2").on(&["2"]).rule([any()]),
            route("v3").on(&["3", "4"]).rule([any()]),
        ],
    );
    port.check(&[
        ("GET bar.com/", &[], "v1/0/0"),
        ("GET foo.bar.com/", &[], "v2/0/0"),
        ("GET baz.bar.com/", &[], "v3/0/0"),
        ("GET boo.bar.com/", &[], "v3/0/0"),
        ("GET multiple.prefixes.bar.com/", &[], "v3/0/0"),
        ("GET multiple.prefixes.foo.com/", &[], "v3/0/0"),
        ("GET foo.com/", &[], "none"),
        ("GET no.matching.host/", &[], "none"),
    ]);
}

#[test]
fn gateway_http_listener_isolation() {
    let listeners = [
        ("empty-hostname", "*"),
        ("wildcard-example-com", "*.example.com"),
        ("wildcard-foo-example-com", "*.foo.example.com"),
        ("abc-foo-example-com", "abc.foo.example.com"),
    ];
    let own =
        |name: &str, hosts: &[&str]| route(name).on(&[name]).hosts(hosts).rule([prefix(&format!("/{name}"))]);
    // Once with hostnames on the listeners only, once on the routes too.
    let on_listeners = listeners.map(|(name, _)| own(name, &["*"]));
    let on_both = listeners.map(|(name, host)| own(name, &[host]));
    let owner = [
        ("bar.com", "empty-hostname"),
        ("bar.example.com", "wildcard-example-com"),
        ("bar.foo.example.com", "wildcard-foo-example-com"),
        ("abc.foo.example.com", "abc-foo-example-com"),
    ];
    for routes in [on_listeners, on_both] {
        let port = Port::new(&listeners, routes);
        for (host, owned_by) in owner {
            for (name, _) in listeners {
                let want = if name == owned_by { format!("{name}/0/0") } else { "none".to_owned() };
                assert_eq!(port.take(&format!("GET {host}/{name}"), &[]), want, "{host}/{name}");
            }
        }
    }
}

#[test]
fn what_the_specific_hostname_does_not_match_falls_through_to_the_next() {
    let port = Port::open([
        route("exact").hosts(&["a.b.example"]).rule([prefix("/one")]),
        route("long").hosts(&["*.b.example"]).rule([prefix("/two").method("PUT")]),
        route("short").hosts(&["*.example"]).rule([prefix("/three"), prefix("/one/deeper")]),
        route("open").rule([any()]),
    ]);
    port.check(&[
        ("GET a.b.example/one/deeper", &[], "exact/0/0"),
        ("PUT a.b.example/two", &[], "long/0/0"),
        ("GET a.b.example/two", &[], "open/0/0"),
        ("GET a.b.example/three", &[], "short/0/0"),
        ("GET c.b.example/one/deeper", &[], "short/0/1"),
        ("GET b.example/three", &[], "short/0/0"),
        ("GET example/three", &[], "open/0/0"),
    ]);
}
