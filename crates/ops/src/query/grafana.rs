//! Variables of Grafana that stand where PromQL wants a duration or a number.

use std::time::Duration;

/// What `$__rate_interval` becomes; no query writes such a duration itself.
pub const RATE_INTERVAL: Duration = Duration::from_millis(240_007);
/// What `$__interval` becomes.
pub const INTERVAL: Duration = Duration::from_millis(60_007);
/// What `$__range` becomes.
pub const RANGE: Duration = Duration::from_millis(3_600_007);

/// What a variable outside of quotes becomes.
const NUMBER: &str = "1";

/// Longest names first: a name may begin like another one.
const FILLED: [(&str, &str); 8] = [
    ("__rate_interval_ms", "240007"),
    ("__rate_interval", "240007ms"),
    ("__interval_ms", "60007"),
    ("__interval", "60007ms"),
    ("__range_ms", "3600007"),
    ("__range_s", "3600"),
    ("__range", "3600007ms"),
    ("__from", "0"),
];

/// Fills in the variables of time, then what else stands where PromQL wants a number: outside of quotes.
pub(super) fn fill(text: &str) -> String {
    let filled = FILLED.iter().fold(text.to_owned(), |text, (name, value)| {
        text.replace(&format!("${{{name}}}"), value).replace(&format!("${name}"), value)
    });
    let (mut out, mut quoted, mut name) = (String::with_capacity(filled.len()), false, false);
    for letter in filled.chars() {
        quoted ^= letter == '"';
        name = name && (letter.is_ascii_alphanumeric() || letter == '_');
        if !quoted && letter == '$' {
            out.push_str(NUMBER);
            name = true;
        } else if !name {
            out.push(letter);
        }
    }
    out
}
