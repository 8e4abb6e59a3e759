//! Paths, header names and values, regular expressions and rule names that cannot be served.

use serde_json::{Value, json};

use super::Case;
use super::make::{case, http, http_filter, http_match, rule};

pub(super) fn add(all: &mut Vec<Case>) {
    paths(all);
    headers(all);
    expressions(all);
    rule_names(all);
}

fn paths(all: &mut Vec<Case>) {
    let bad = [
        "",
        "a",
        "*",
        "//",
        "/a//b",
        "/a/../b",
        "/a/..",
        "/./a",
        "/a/.",
        "/a%2Fb",
        "/a%2fb",
        "/a#b",
        "/a b",
        "/a?b",
        "/a%2",
        "/a%zz",
        "/ä",
        "/a\u{0}",
        "/a\r\nHost: b",
        "/a\\b",
        "/a\"b",
        "/<script>",
        "/\u{202e}a",
        "http://a/b",
    ];
    for (number, path) in bad.into_iter().enumerate() {
        let kind = if number % 2 == 0 { "Exact" } else { "PathPrefix" };
        let route = http_match(&format!("path-{number:02}"), json!({"path": {"type": kind, "value": path}}));
        let line = "Accepted=False/UnsupportedValue ~ spec.rules[0].matches[0].path.value";
        case(all, "path", vec![route], &[line]);
    }
    let long = format!("/{}", "a".repeat(200_000));
    let route = http_match("path-huge", json!({"path": {"type": "Exact", "value": long}}));
    case(
        all,
        "path",
        vec![route],
        &["Accepted=False/UnsupportedValue ~ spec.rules[0].matches[0].path.value"],
    );
    for (number, path) in ["/a b", "/a\r\nX-A: b", "/a#b", "/ä", "/a\u{7f}"].into_iter().enumerate() {
        let modifier = json!({"type": "ReplaceFullPath", "replaceFullPath": path});
        let filter = json!({"type": "URLRewrite", "urlRewrite": {"path": modifier}});
        let line =
            "Accepted=False/UnsupportedValue ~ spec.rules[0].filters[0].urlRewrite.path.replaceFullPath";
        case(all, "path-of-rewrite", vec![http_filter(&format!("rewrite-{number}"), filter)], &[line]);
    }
}

fn headers(all: &mut Vec<Case>) {
    let names = ["", "x a", "x:a", "x\r\na", "x\u{0}", "ü", "(a)", "x,a", "\"a\"", ":authority"];
    for (number, name) in names.into_iter().enumerate() {
        let entry = json!({"headers": [{"name": name, "value": "a"}]});
        let line = "Accepted=False/UnsupportedValue ~ spec.rules[0].matches[0].headers[0].name";
        case(all, "header-name", vec![http_match(&format!("header-match-{number}"), entry)], &[line]);
        let set = json!({"set": [{"name": name, "value": "a"}]});
        let filter = json!({"type": "RequestHeaderModifier", "requestHeaderModifier": set});
        let line = "Accepted=False/UnsupportedValue ~ requestHeaderModifier.set[0].name";
        case(
            all,
            "header-name-of-filter",
            vec![http_filter(&format!("header-set-{number}"), filter)],
            &[line],
        );
        let filter = json!({"type": "ResponseHeaderModifier", "responseHeaderModifier": {"remove": [name]}});
        let line = "Accepted=False/UnsupportedValue ~ responseHeaderModifier.remove[0]";
        case(
            all,
            "header-name-of-filter",
            vec![http_filter(&format!("header-remove-{number}"), filter)],
            &[line],
        );
    }
    let huge = "a".repeat(10_000);
    for (number, value) in
        ["a\r\nSet-Cookie: b", "a\nb", "a\u{0}", "a\u{7f}", "a\rb", huge.as_str()].into_iter().enumerate()
    {
        let add = json!({"add": [{"name": "x-a", "value": value}]});
        let filter = json!({"type": "ResponseHeaderModifier", "responseHeaderModifier": add});
        let line = "Accepted=False/UnsupportedValue ~ responseHeaderModifier.add[0].value";
        case(all, "header-value", vec![http_filter(&format!("header-value-{number}"), filter)], &[line]);
    }
}

fn expressions(all: &mut Vec<Case>) {
    let bad = [
        "a(",
        "a)",
        "[z-a]",
        "(?=a)",
        "(?<!a)b",
        r"(a)\1",
        "*",
        "a{2,1}",
        "(?P<n>a)(?P<n>b)",
        "a)|(?:b",
        r"\p{Mauve}",
        "(?x)a # b",
        "((a{100}){100}){100}",
        "a{1000000}",
        r"\xZZ",
        "(?i",
        "a{99999999999}",
    ];
    for (number, text) in bad.into_iter().enumerate() {
        let (entry, field) = match number % 3 {
            0 => (json!({"path": {"type": "RegularExpression", "value": text}}), "path.value"),
            1 => (
                json!({"headers": [{"type": "RegularExpression", "name": "x-a", "value": text}]}),
                "headers[0].value",
            ),
            _ => (
                json!({"queryParams": [{"type": "RegularExpression", "name": "a", "value": text}]}),
                "queryParams[0].value",
            ),
        };
        let line = format!("Accepted=False/UnsupportedValue ~ spec.rules[0].matches[0].{field}");
        case(all, "expression", vec![http_match(&format!("expression-{number:02}"), entry)], &[&line]);
    }
    for (number, text) in ["(", "(?#", "[a", "(?Z)"].into_iter().map(|text| text.repeat(20_000)).enumerate() {
        let entry = json!({"path": {"type": "RegularExpression", "value": text}});
        let line = "Accepted=False/UnsupportedValue ~ spec.rules[0].matches[0].path.value";
        case(all, "expression-huge", vec![http_match(&format!("expression-huge-{number}"), entry)], &[line]);
    }
    dear_expressions(all);
}

fn dear_expressions(all: &mut Vec<Case>) {
    // Catastrophic for engines that go back; here linear, so they are served.
    for (number, text) in
        ["(a+)+$", "(a|a)*b", "(.*a){20}", "^(([a-z])+.)+[A-Z]([a-z])+$"].into_iter().enumerate()
    {
        let entry = json!({"path": {"type": "RegularExpression", "value": text}});
        case(
            all,
            "expression-linear",
            vec![http_match(&format!("expression-linear-{number}"), entry)],
            &["Accepted=True/Accepted"],
        );
    }
    // Each below the bound of one, together far above what a route may cost.
    let costly: Vec<Value> = (0..64)
        .map(|n| json!({"path": {"type": "RegularExpression", "value": format!("/{n}/([a-z0-9]{{1,60}}[.]){{1,60}}x")}}))
        .collect();
    let many = http("expression-sum", json!({"rules": [rule(json!({"matches": costly})), rule(json!({}))]}));
    case(
        all,
        "expression-sum",
        vec![many],
        &["Accepted=True/Accepted", "PartiallyInvalid=True/UnsupportedValue ~ spec.rules[0].matches["],
    );
}

fn rule_names(all: &mut Vec<Case>) {
    let long = "a".repeat(300);
    for (number, name) in
        ["", "A", "a/b", "a b", "-a", "ü", "a\u{0}", long.as_str(), "../a"].into_iter().enumerate()
    {
        let route = http(&format!("rule-name-{number}"), json!({"rules": [rule(json!({"name": name}))]}));
        case(all, "rule-name", vec![route], &["Accepted=False/UnsupportedValue ~ spec.rules[0].name"]);
    }
    let twice =
        http("rule-name-twice", json!({"rules": [rule(json!({"name": "a"})), rule(json!({"name": "a"}))]}));
    let lines = ["Accepted=True/Accepted", "PartiallyInvalid=True/UnsupportedValue ~ spec.rules[1].name"];
    case(all, "rule-name", vec![twice], &lines);
}
