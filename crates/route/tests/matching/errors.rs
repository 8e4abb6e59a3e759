//! Rules that cannot be compiled: named one by one, and never in the way of the others.

use super::support::{Ask, M, any, call, listener, path, path_regex, prefix, regex, route, rules};
use clearway_model::Rule;
use clearway_route::{Table, validate};

#[test]
fn errors_name_the_route_the_field_and_the_reason() {
    let cases: [(M, &str, &str); 10] = [
        (path_regex("/a("), "path.value", "unclosed group"),
        (path_regex("((a{100}){100}){100}"), "path.value", "more than 1048576 bytes"),
        (path("no-slash"), "path.value", "\"no-slash\" does not begin with /"),
        (prefix("no-slash"), "path.value", "does not begin with /"),
        (any().method("GE T"), "method", "\"GE T\" is not a method"),
        (any().header("ok", "1").header("not ok", "1"), "headers[1].name", "\"not ok\" is not a header name"),
        (any().header_is("ok", regex("[")), "headers[0].value", "unclosed character class"),
        (any().query_is("ok", regex("*")), "queryParams[0].value", "repetition operator"),
        (call(Some(regex("(")), None), "method.service", "unclosed group"),
        (call(None, Some(regex("("))), "method.method", "unclosed group"),
    ];
    for (bad, field, reason) in cases {
        let good =
            if field.ends_with("service") || field.ends_with(".method") { call(None, None) } else { any() };
        let rules = rules([route("shop/web").rule([good.clone()]).rule([good, bad])]);
        assert_eq!(validate(&rules[0]), Ok(()));
        let error = validate(&rules[1]).expect_err(field);
        assert_eq!(error.rule, rules[1].rule);
        assert_eq!(error.field, format!("spec.rules[1].matches[1].{field}"));
        assert!(error.reason.contains(reason), "{error}");
        let borrowed: Vec<&Rule> = rules.iter().collect();
        assert_eq!(Table::compile(&listener("main"), &borrowed).expect_err(field), error);
    }
}

#[test]
fn an_error_reads_as_one_sentence() {
    let rules = rules([route("shop/web").rule([path_regex("/a(")])]);
    let error = validate(&rules[0]).expect_err("an unclosed group");
    assert_eq!(
        error.to_string(),
        "HTTPRoute shop/web: spec.rules[0].matches[0].path.value: the regular expression is not valid: unclosed group"
    );
}

#[test]
fn lenient_compilation_serves_the_good_rules_under_their_own_indexes() {
    let rules = rules([
        route("bad").rule([any(), path_regex("(")]),
        route("elsewhere").on(&["other"]).rule([path_regex("(")]),
        route("good").rule([any()]),
    ]);
    let borrowed: Vec<&Rule> = rules.iter().collect();
    let (table, errors) = Table::compile_lenient(&listener("main"), &borrowed);
    let named: Vec<_> = errors.iter().map(|error| &*error.rule.route.object.name).collect();
    assert_eq!(named, ["bad"], "the rule of another listener is not looked at");
    let found = table.find(&Ask::new("GET shop.example/", &[]).request()).expect("the good rule");
    assert_eq!(found.rule, 2);
}
