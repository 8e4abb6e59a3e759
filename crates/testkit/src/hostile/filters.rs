//! Filters that stand twice, contradict each other, or lack what belongs to them.

use serde_json::{Value, json};

use super::Case;
use super::make::{case, http_backends, http_filter, http_rule, with};

pub(super) fn add(all: &mut Vec<Case>) {
    settings(all);
    together(all);
    values(all);
    long(all);
}

const TYPES: &[(&str, &str)] = &[
    ("RequestHeaderModifier", "requestHeaderModifier"),
    ("ResponseHeaderModifier", "responseHeaderModifier"),
    ("RequestMirror", "requestMirror"),
    ("RequestRedirect", "requestRedirect"),
    ("URLRewrite", "urlRewrite"),
    ("CORS", "cors"),
    ("ExtensionRef", "extensionRef"),
];

/// A setting that is missing, and one that belongs to another type.
fn settings(all: &mut Vec<Case>) {
    for (number, (kind, field)) in TYPES.iter().enumerate() {
        let name = format!("filter-{}", kind.to_ascii_lowercase());
        let line = format!("Accepted=False/UnsupportedValue ~ spec.rules[0].filters[0].{field}");
        let rule = json!({"filters": [{"type": kind}], "backendRefs": []});
        case(all, "filter-without-setting", vec![http_rule(&format!("{name}-bare"), rule)], &[&line]);
        let (other, _) = TYPES[(number + 1) % TYPES.len()];
        let mut filter = json!({"type": other});
        filter[field] = match *kind {
            "RequestMirror" => json!({"backendRef": {"name": "web", "port": 80}}),
            "ExtensionRef" => json!({"group": "", "kind": "A", "name": "a"}),
            _ => json!({}),
        };
        let rule = json!({"filters": [filter], "backendRefs": []});
        let line = "Accepted=False/UnsupportedValue ~ spec.rules[0].filters[0].";
        case(all, "filter-with-other-setting", vec![http_rule(&format!("{name}-other"), rule)], &[line]);
    }
}

fn together(all: &mut Vec<Case>) {
    let header = json!({"type": "RequestHeaderModifier", "requestHeaderModifier": {"remove": ["x-a"]}});
    let response = json!({"type": "ResponseHeaderModifier", "responseHeaderModifier": {"remove": ["x-a"]}});
    let redirect = json!({"type": "RequestRedirect", "requestRedirect": {"scheme": "https"}});
    let rewrite = json!({"type": "URLRewrite", "urlRewrite": {"hostname": "a.example"}});
    let cors = json!({"type": "CORS", "cors": {"allowOrigins": ["https://a.example"]}});
    for (name, filters, field) in [
        ("request", json!([header, header]), "filters[1]"),
        ("response", json!([response, header, response]), "filters[2]"),
        ("redirect", json!([redirect, redirect]), "filters[1]"),
        ("rewrite", json!([rewrite, rewrite]), "filters[1]"),
        ("cors", json!([cors, cors]), "filters[1]"),
        ("redirect-and-rewrite", json!([redirect, rewrite]), "filters"),
    ] {
        let rule = json!({"filters": filters, "backendRefs": []});
        let line = format!("Accepted=False/IncompatibleFilters ~ spec.rules[0].{field}");
        case(all, "filter-incompatible", vec![http_rule(&format!("filter-twice-{name}"), rule)], &[&line]);
    }
    let line = "Accepted=False/IncompatibleFilters ~ spec.rules[0].backendRefs";
    case(all, "filter-incompatible", vec![http_filter("filter-redirect-backends", redirect)], &[line]);
    let at_backend = json!([{"name": "web", "port": 80, "filters": [header, header]}]);
    let line = "Accepted=False/IncompatibleFilters ~ spec.rules[0].backendRefs[0].filters[1]";
    case(all, "filter-incompatible", vec![http_backends("filter-twice-backend", at_backend)], &[line]);
}

fn values(all: &mut Vec<Case>) {
    let mut add = |family, name: &str, filter: Value, field: &str| {
        let rule = json!({"filters": [filter], "backendRefs": []});
        let line = format!("Accepted=False/UnsupportedValue ~ spec.rules[0].filters[0].{field}");
        case(all, family, vec![http_rule(name, rule)], &[&line]);
    };
    for code in [0, 100, 200, 300, 304, 399, 500, 65_535] {
        let filter = json!({"type": "RequestRedirect", "requestRedirect": {"statusCode": code}});
        add("redirect-code", &format!("redirect-{code}"), filter, "requestRedirect.statusCode");
    }
    let filter = json!({"type": "RequestRedirect", "requestRedirect": {"port": 0}});
    add("redirect-port", "redirect-port-0", filter, "requestRedirect.port");
    let mirror = |share: Value| {
        with(
            with(
                json!({"type": "RequestMirror", "requestMirror": share}),
                "requestMirror.backendRef",
                json!({"name": "web", "port": 80}),
            ),
            "requestMirror.backendRef.kind",
            json!("Service"),
        )
    };
    for (name, share, field) in [
        ("percent", json!({"percent": 101}), "requestMirror.percent"),
        ("percent-max", json!({"percent": 4_294_967_295_u32}), "requestMirror.percent"),
        ("both", json!({"percent": 1, "fraction": {"numerator": 1}}), "requestMirror.fraction"),
        ("zero", json!({"fraction": {"numerator": 1, "denominator": 0}}), "requestMirror.fraction"),
        ("zero-zero", json!({"fraction": {"numerator": 0, "denominator": 0}}), "requestMirror.fraction"),
        ("more", json!({"fraction": {"numerator": 5, "denominator": 4}}), "requestMirror.fraction"),
    ] {
        add("mirror-share", &format!("mirror-{name}"), mirror(share), field);
    }
    let cors = |fields: Value| json!({"type": "CORS", "cors": fields});
    for (name, fields, field) in [
        ("age", json!({"maxAge": 0}), "cors.maxAge"),
        ("star", json!({"allowOrigins": ["*", "https://a.example"]}), "cors.allowOrigins"),
        ("origin", json!({"allowOrigins": ["a.example"]}), "cors.allowOrigins[0]"),
        ("origin-path", json!({"allowOrigins": ["https://a.example/b"]}), "cors.allowOrigins[0]"),
        ("origin-port", json!({"allowOrigins": ["https://a.example:99999"]}), "cors.allowOrigins[0]"),
        ("origin-line", json!({"allowOrigins": ["https://a.example\r\nX-A: b"]}), "cors.allowOrigins[0]"),
        ("origin-null", json!({"allowOrigins": ["null"]}), "cors.allowOrigins[0]"),
        ("header", json!({"allowHeaders": ["x a"]}), "cors.allowHeaders[0]"),
        ("expose", json!({"exposeHeaders": ["x:a"]}), "cors.exposeHeaders[0]"),
        ("methods", json!({"allowMethods": ["GET", "*"]}), "cors.allowMethods"),
    ] {
        add("cors", &format!("cors-{name}"), cors(fields), field);
    }
    for (name, matches) in [
        ("exact", json!([{"path": {"type": "Exact", "value": "/a"}}])),
        ("expression", json!([{"path": {"type": "RegularExpression", "value": "/a"}}])),
        ("two", json!([{"path": {"value": "/a"}}, {"path": {"value": "/b"}}])),
    ] {
        let path = json!({"type": "ReplacePrefixMatch", "replacePrefixMatch": "/b"});
        let filter = json!({"type": "URLRewrite", "urlRewrite": {"path": path}});
        let route = http_rule(&format!("prefix-{name}"), json!({"filters": [filter], "matches": matches}));
        let line = "Accepted=False/UnsupportedValue ~ spec.rules[0].filters[0].urlRewrite.path.type";
        case(all, "prefix-without-prefix", vec![route], &[line]);
    }
}

/// Lists that are much too long.
fn long(all: &mut Vec<Case>) {
    let header = |n: usize| json!({"name": format!("x-{n}"), "value": "a"});
    let list = |count: usize| (0..count).map(header).collect::<Value>();
    let mut add = |family, name: &str, rule: Value, field: &str| {
        let line = format!("Accepted=False/UnsupportedValue ~ spec.rules[0].{field}");
        case(all, family, vec![http_rule(name, rule)], &[&line]);
    };
    for (name, count) in [("17", 17), ("thousands", 20_000)] {
        let filter = json!({"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": list(count)}});
        let field = "filters[0].requestHeaderModifier.set";
        add("long-header-filter", &format!("long-set-{name}"), json!({"filters": [filter]}), field);
        let same = (0..count).map(|_| header(1)).collect::<Value>();
        let filter = json!({"type": "RequestHeaderModifier", "requestHeaderModifier": {"add": same}});
        let field = "filters[0].requestHeaderModifier.add";
        add("long-header-filter", &format!("long-add-{name}"), json!({"filters": [filter]}), field);
        let remove = (0..count).map(|n| format!("x-{n}")).collect::<Vec<_>>();
        let filter = json!({"type": "ResponseHeaderModifier", "responseHeaderModifier": {"remove": remove}});
        let field = "filters[0].responseHeaderModifier.remove";
        add("long-header-filter", &format!("long-remove-{name}"), json!({"filters": [filter]}), field);
        let mirror =
            json!({"type": "RequestMirror", "requestMirror": {"backendRef": {"name": "web", "port": 80}}});
        let mirrors = (0..count.min(9_000)).map(|_| mirror.clone()).collect::<Value>();
        add("long-filters", &format!("long-mirrors-{name}"), json!({"filters": mirrors}), "filters");
        let origins = (0..count.max(65)).map(|n| format!("https://a{n}.example")).collect::<Vec<_>>();
        let cors = json!({"type": "CORS", "cors": {"allowOrigins": origins}});
        add(
            "long-cors",
            &format!("long-origins-{name}"),
            json!({"filters": [cors]}),
            "filters[0].cors.allowOrigins",
        );
    }
}
