//! Words that stand in the queries of every dashboard, so that each is written once.
//!
//! `@process`, `@gateway`, `@route` and `@backend` are the label matchers of the variables at the top; `@client`,
//! `@upstream` and `@own` are the words of the label `reason` by whose fault they are, from the one vocabulary of flags.

use clearway_telemetry::{ResponseFlag, Side};

const PROCESS: &str = r#"cluster=~"$cluster",job=~"$job",instance=~"$instance""#;
const GATEWAY: &str = r#"gateway_namespace=~"$gateway_namespace",gateway_name=~"$gateway""#;
const ROUTE: &str = r#"route_name=~"$route""#;
const BACKEND: &str = r#"backend_namespace=~"$backend_namespace",backend_name=~"$backend""#;

/// Server errors of gRPC (OpenTelemetry `rpc`, server side): the others are the caller's.
const GRPC_ERRORS: &str = "UNKNOWN|DEADLINE_EXCEEDED|UNIMPLEMENTED|INTERNAL|UNAVAILABLE|DATA_LOSS";

/// Replaces the `@` words.
pub(super) fn expand(text: &str) -> String {
    text.replace("@process", PROCESS)
        .replace("@gateway", &format!("{PROCESS},{GATEWAY}"))
        .replace("@route", &format!("{PROCESS},{GATEWAY},{ROUTE}"))
        .replace("@backend", &format!("{PROCESS},{BACKEND}"))
        .replace("@client", &reasons(Side::Downstream))
        .replace("@upstream", &reasons(Side::Upstream))
        .replace("@own", &reasons(Side::Internal))
        .replace("@grpc_errors", GRPC_ERRORS)
}

/// The words of one side as a regular expression.
fn reasons(side: Side) -> String {
    let flags = ResponseFlag::ALL.iter().filter(|flag| flag.side() == side);
    flags.map(|flag| flag.as_str()).collect::<Vec<_>>().join("|")
}

/// A sum of rates: `labels` is what it is summed by, or nothing.
pub(super) fn rate(labels: &str, selector: &str) -> String {
    format!("{}(rate({selector}[$__rate_interval]))", sum_by(labels))
}

/// A sum over the time range of the dashboard.
pub(super) fn total(labels: &str, selector: &str) -> String {
    format!("{}(increase({selector}[$__range]))", sum_by(labels))
}

/// A part, or zero where the whole is there and the part is not: an outcome has no series before it first happens.
pub(super) fn zero(part: &str, whole: &str) -> String {
    format!("{part} or 0 * {whole}")
}

/// The share of a part in the whole; nothing while the whole is zero.
pub(super) fn share(part: &str, whole: &str) -> String {
    format!("({part} or 0 * {whole}) / ({whole} > 0)")
}

/// A quantile of a histogram, over classic buckets.
pub(super) fn quantile(q: &str, labels: &str, selector: &str) -> String {
    let labels = if labels.is_empty() { "le".to_owned() } else { format!("le, {labels}") };
    format!("histogram_quantile({q}, {})", rate(&labels, selector))
}

/// The mean of a histogram.
pub(super) fn mean(labels: &str, name: &str, matchers: &str) -> String {
    let sum = rate(labels, &format!("{name}_sum{{{matchers}}}"));
    let count = rate(labels, &format!("{name}_count{{{matchers}}}"));
    format!("{sum} / ({count} > 0)")
}

/// The mean of a histogram since each process started: for what happens at a start, before the first scrape, where a rate
/// sees nothing.
pub(super) fn lifetime_mean(labels: &str, name: &str, matchers: &str) -> String {
    let all = |suffix: &str| {
        format!("sum by ({labels}) (last_over_time({name}_{suffix}{{@process{matchers}}}[$__rate_interval]))")
    };
    format!("{} / ({} > 0)", all("sum"), all("count"))
}

fn sum_by(labels: &str) -> String {
    if labels.is_empty() { "sum".to_owned() } else { format!("sum by ({labels}) ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_become_matchers_and_vocabularies() {
        let text = expand(r#"a_total{@route,reason=~"@own"}"#);
        assert!(text.starts_with(r#"a_total{cluster=~"$cluster",job=~"$job""#), "{text}");
        assert!(text.contains(r#"route_name=~"$route",reason=~"drained|"#), "{text}");
        assert!(!text.contains('@'), "{text}");
    }

    #[test]
    fn sums_name_their_labels() {
        assert_eq!(rate("", "a_total"), "sum(rate(a_total[$__rate_interval]))");
        assert_eq!(
            quantile("0.9", "route_name", "b_bucket"),
            "histogram_quantile(0.9, sum by (le, route_name) (rate(b_bucket[$__rate_interval])))"
        );
    }
}
