//! Each tie of the precedence, in the order in which the specification breaks them, and long lists that are split.

use super::support::{Ask, M, Port, any, listener, path, prefix, route, rules};
use clearway_model::Rule;
use clearway_route::Table;

#[test]
fn each_criterion_outweighs_all_that_follow() {
    // Each route wins over all below it although those have everything that follows in the order.
    let rich = |one: M| one.header("h1", "1").header("h2", "1").query("q1", "1").query("q2", "1");
    let port = Port::open([
        route("host").created(9).hosts(&["a.example"]).rule([any().query("level", "1")]),
        route("exact").created(8).rule([path("/x/y").query("level", "2")]),
        route("long-prefix").created(7).rule([prefix("/x/y").query("level", "3")]),
        route("method").created(6).rule([prefix("/x").method("GET").query("level", "4")]),
        route("headers").created(5).rule([prefix("/x").header("h1", "1").header("h2", "1")]),
        route("queries").created(4).rule([prefix("/x").header("h1", "1").query("q1", "1").query("q2", "1")]),
        route("age").created(1).rule([prefix("/x").header("h1", "1")]),
        route("alphabet").created(2).rule([prefix("/x").header("h1", "1")]),
        route("beta").created(2).rule([prefix("/x").header("h1", "1")]),
        route("rich-but-short").created(0).rule([rich(any())]),
    ]);
    let all: &[(&str, &str)] = &[("h1", "1"), ("h2", "1")];
    let one: &[(&str, &str)] = &[("h1", "1")];
    port.check(&[
        ("GET a.example/x/y?level=1&q1=1&q2=1", all, "host/0/0"),
        ("GET b.example/x/y?level=2&q1=1&q2=1", all, "exact/0/0"),
        ("GET b.example/x/y?level=3&q1=1&q2=1", all, "long-prefix/0/0"),
        ("GET b.example/x/y?level=4&q1=1&q2=1", all, "method/0/0"),
        ("GET b.example/x/y?q1=1&q2=1", all, "headers/0/0"),
        ("GET b.example/x/y?q1=1&q2=1", one, "queries/0/0"),
        ("GET b.example/x/y", one, "age/0/0"),
        ("GET b.example/?q1=1&q2=1", all, "rich-but-short/0/0"),
    ]);
}

#[test]
fn equal_matches_go_by_age_then_by_namespace_and_name_as_one_text() {
    let same = |name: &str, created| route(name).created(created).rule([any()]);
    let winner = |routes: Vec<_>| Port::open(routes).take("GET /", &[]);
    assert_eq!(winner(vec![same("a/young", 2), same("z/old", 1)]), "old/0/0");
    assert_eq!(winner(vec![same("b/first", 1), same("a/second", 1)]), "second/0/0");
    assert_eq!(winner(vec![same("a/b", 1), same("a/a", 1)]), "a/0/0");
    // "team-x/one" stands before "team/two", for "-" stands before "/".
    assert_eq!(winner(vec![same("team/two", 1), same("team-x/one", 1)]), "one/0/0");
}

#[test]
fn conditions_of_one_name_count_once() {
    let port = Port::open([
        route("doubled").created(9).rule([any()
            .header("a", "1")
            .header("A", "2")
            .query("q", "1")
            .query("q", "2")]),
        route("single").created(1).rule([any().header("a", "1").query("q", "1")]),
    ]);
    assert_eq!(port.take("GET /?q=1", &[("a", "1")]), "single/0/0");
}

#[test]
fn ten_thousand_tenants_under_one_path_are_told_apart_by_a_header() {
    let tenant = |number: usize| any().header("tenant", &number.to_string());
    let mut routes: Vec<_> = (0..10_000).map(|n| route(&format!("t{n}")).rule([tenant(n)])).collect();
    routes.push(route("put").rule([any().method("PUT")]));
    routes.push(route("vip").rule([tenant(7).header("vip", "yes")]));
    routes.push(route("joined").rule([any().header("tenant", "1,2")]));
    routes.push(route("rest").rule([any()]));
    let port = Port::open(routes);
    port.check(&[
        ("GET /", &[("tenant", "0")], "t0/0/0"),
        ("GET /", &[("Tenant", "9999")], "t9999/0/0"),
        ("PUT /", &[("tenant", "9999")], "put/0/0"),
        ("GET /", &[("tenant", "7"), ("vip", "yes")], "vip/0/0"),
        ("GET /", &[("tenant", "1"), ("tenant", "2")], "joined/0/0"),
        ("GET /", &[("tenant", "10000")], "rest/0/0"),
        ("GET /", &[], "rest/0/0"),
    ]);
}

#[test]
fn the_covered_prefix_leaves_a_rest_that_is_empty_or_begins_with_a_slash() {
    let rules = rules([route("p")
        .rule([prefix("/")])
        .rule([prefix("/foo/")])
        .rule([prefix("/foo/bar")])
        .rule([path("/foo/exact")])]);
    let borrowed: Vec<&Rule> = rules.iter().collect();
    let table = Table::compile(&listener("main"), &borrowed).expect("good rules");
    let cases = [
        ("", Some(0)),
        ("/", Some(0)),
        ("/x", Some(0)),
        ("/foo", Some(4)),
        ("/foo/", Some(4)),
        ("/foo/x", Some(4)),
        ("/foo/bar", Some(8)),
        ("/foo/bar//", Some(8)),
        ("/foo/exact", None),
    ];
    for (path, want) in cases {
        let found = table.find(&Ask::new(&format!("GET shop.example{path}"), &[]).request());
        assert_eq!(found.expect("the prefix / covers all").prefix_len, want, "{path}");
        if let Some(length) = want {
            let rest = path.split_at(length).1;
            assert!(rest.is_empty() || rest.starts_with('/'), "{path}");
        }
    }
}

#[test]
fn a_path_without_a_slash_is_under_no_prefix() {
    let rules = rules([route("p").rule([prefix("/")])]);
    let borrowed: Vec<&Rule> = rules.iter().collect();
    let table = Table::compile(&listener("main"), &borrowed).expect("good rules");
    let mut ask = Ask::new("OPTIONS shop.example/", &[]);
    assert!(table.find(&ask.request()).is_some());
    ask.path = "*".to_owned();
    assert_eq!(table.find(&ask.request()), None, "OPTIONS * is about the gateway, not about a path");
}
