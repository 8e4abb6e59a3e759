//! Durations, codes and numbers of tries.

use serde_json::{Value, json};

use super::Case;
use super::make::{case, http_rule};

pub(super) fn add(all: &mut Vec<Case>) {
    let texts = [
        "",
        "1",
        "s",
        "-1s",
        "+1s",
        "1.5s",
        "1d",
        "1 s",
        "1s ",
        "100000s",
        "1h1m1s1ms1h",
        "1m1",
        "1µs",
        "١s",
        "1e3s",
        "99999999999999999999h",
        "0x10s",
        "P1D",
        "infinity",
        "1s\n",
    ];
    for (number, text) in texts.into_iter().enumerate() {
        let fields = [
            ("request", json!({"timeouts": {"request": text}}), "timeouts.request"),
            ("backend", json!({"timeouts": {"backendRequest": text}}), "timeouts.backendRequest"),
            ("backoff", json!({"retry": {"attempts": 1, "backoff": text}}), "retry.backoff"),
        ];
        let (name, fields, field) = &fields[number % 3];
        let route = http_rule(&format!("duration-{name}-{number:02}"), fields.clone());
        let line = format!("Accepted=False/UnsupportedValue ~ spec.rules[0].{field}");
        case(all, "duration", vec![route], &[&line]);
    }
    let longer = json!({"timeouts": {"request": "1s", "backendRequest": "2s"}});
    let mut add = |family, name: &str, fields: Value, field: &str| {
        let line = format!("Accepted=False/UnsupportedValue ~ spec.rules[0].{field}");
        case(all, family, vec![http_rule(name, fields)], &[&line]);
    };
    add("duration-longer", "duration-longer", longer, "timeouts.backendRequest");
    for code in [0, 99, 200, 399, 600, 65_535] {
        add(
            "retry-code",
            &format!("retry-code-{code}"),
            json!({"retry": {"codes": [500, code]}}),
            "retry.codes[1]",
        );
    }
    let codes: Vec<u32> = (0..50_000).map(|n| n % 400).collect();
    add("retry-code", "retry-code-many", json!({"retry": {"codes": codes}}), "retry.codes");
    for attempts in [33, 4_294_967_295_u32] {
        add(
            "retry-attempts",
            &format!("retry-attempts-{attempts}"),
            json!({"retry": {"attempts": attempts}}),
            "retry.attempts",
        );
    }
}
