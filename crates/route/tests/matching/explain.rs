//! The words of `clearway explain`.

use super::support::{Ask, any, call, exact, listener, path_regex, prefix, route, rules};
use clearway_model::Rule;
use clearway_route::{Criterion, Explanation, Reason, Table};

fn explain(rules: &[Rule], line: &str, headers: &[(&str, &str)]) -> Explanation {
    let borrowed: Vec<&Rule> = rules.iter().collect();
    let (table, _) = Table::compile_lenient(&listener("main"), &borrowed);
    table.explain(&Ask::new(line, headers).request(), &borrowed)
}

#[test]
fn every_rule_is_named_once_with_its_first_reason_nearest_first() {
    let rules = rules([
        route("taken").hosts(&["*.example"]).rule([prefix("/cart").method("GET").header("beta", "yes")]),
        route("short").hosts(&["*.example"]).rule([prefix("/")]),
        route("open").rule([prefix("/cart/items")]),
        route("host").hosts(&["a.test", "*.b.test"]).rule([any()]),
        route("path").rule([prefix("/admin"), path_regex("/a/.*")]),
        route("method").rule([any().method("PUT"), prefix("/none")]),
        route("header").rule([any().header("beta", "no")]),
        route("missing").rule([any().header("gone", "x")]),
        route("query").rule([any().query("color", "blue")]),
        route("calls").rule([call(Some(exact("pkg.A")), None)]),
        route("elsewhere").on(&["other"]).rule([any()]),
        route("bad").rule([path_regex("(")]),
    ]);
    let told = explain(&rules, "GET shop.example/cart/items/7?color=dark+red", &[("beta", "yes")]);
    let want = "\
HTTPRoute default/taken rule 0 is taken by match 0: hostname *.example, path prefix \"/cart\", method GET, header beta is \"yes\"
  not HTTPRoute default/open rule 0, match 0: less specific: HTTPRoute default/taken rule 0 wins by a more specific hostname
  not HTTPRoute default/short rule 0, match 0: less specific: HTTPRoute default/taken rule 0 wins by a more specific path
  not HTTPRoute default/query rule 0, match 0: query parameter: color is \"dark red\", not \"blue\"
  not HTTPRoute default/header rule 0, match 0: header: beta is \"yes\", not \"no\"
  not HTTPRoute default/missing rule 0, match 0: header: there is no gone; it wants \"x\"
  not HTTPRoute default/method rule 0, match 0: method: it wants PUT
  not HTTPRoute default/path rule 0, match 1: path: it wants path //a/.*/
  not GRPCRoute default/calls rule 0, match 0: the request is not a gRPC call
  not HTTPRoute default/host rule 0: hostname: it is for a.test, *.b.test
  not HTTPRoute default/bad rule 0: refused: it cannot be compiled
  not HTTPRoute default/elsewhere rule 0: not attached to this listener
";
    assert_eq!(told.to_string(), want);
}

#[test]
fn json_keeps_reasons_apart_by_a_tag() {
    let rules = rules([route("a").rule([prefix("/a")]), route("b").rule([any().query("q", "1")])]);
    let told = explain(&rules, "GET shop.example/a/x", &[]);
    let json = serde_json::to_value(&told).expect("plain data");
    assert_eq!(json["taken"]["rule"]["route"]["object"]["name"], "a");
    assert_eq!(json["taken"]["prefix_len"], 2);
    assert_eq!(json["losers"][0]["reason"], "query");
    assert_eq!(json["losers"][0]["want"], "\"1\"");
    assert_eq!(json["losers"][0]["got"], serde_json::Value::Null);
}

#[test]
fn each_criterion_is_named_when_it_decides() {
    let grpc: &[(&str, &str)] = &[("content-type", "application/grpc"), ("a", "1"), ("b", "1")];
    let a = || any().header("a", "1");
    let every = || call(None, None);
    let cases = [
        (vec![route("x").hosts(&["s.test"]).rule([any()]), route("y").rule([any()])], Criterion::Hostname),
        (vec![route("x").rule([every()]), route("y").rule([any()])], Criterion::RouteKind),
        (vec![route("x").rule([prefix("/p")]), route("y").rule([any()])], Criterion::Path),
        (
            vec![route("x").rule([call(Some(exact("p")), None)]), route("y").rule([every()])],
            Criterion::GrpcService,
        ),
        (
            vec![route("x").rule([call(None, Some(exact("m")))]), route("y").rule([every()])],
            Criterion::GrpcMethod,
        ),
        (vec![route("x").rule([any().method("POST")]), route("y").rule([a()])], Criterion::Method),
        (vec![route("x").rule([a().header("b", "1")]), route("y").rule([a()])], Criterion::Headers),
        (vec![route("x").rule([a().query("q", "1")]), route("y").rule([a()])], Criterion::QueryParams),
        (vec![route("x").rule([a()]), route("a").created(1).rule([a()])], Criterion::Age),
        (vec![route("x").rule([a()]), route("y").rule([a()])], Criterion::Name),
        (vec![route("x").rule([a()]).rule([a()])], Criterion::RuleOrder),
    ];
    for (routes, want) in cases {
        let told = explain(&rules(routes), "POST s.test/p/m?q=1", grpc);
        let taken = told.taken.expect("a winner");
        assert_eq!(&*taken.rule.route.object.name, "x", "{want:?}");
        assert_eq!(told.losers.len(), 1);
        assert_eq!(told.losers[0].reason, Reason::LessSpecific { than: taken.rule, by: want });
    }
}

#[test]
fn without_a_match_all_rules_are_losers() {
    let rules = rules([route("a").rule([prefix("/a")])]);
    let told = explain(&rules, "GET shop.example/b", &[]);
    assert_eq!(
        told.to_string(),
        "no rule matches\n  not HTTPRoute default/a rule 0, match 0: path: it wants path prefix \"/a\"\n"
    );
}
