//! What the rest of the crate relies on in the parser.

use super::*;

const BURN: &str = r#"
  sum by (route_namespace, route_name) (rate(a_total{code=~"5..", reason!="none"}[5m]))
    / on (route_namespace, route_name) group_left (objective)
  (b > 0) and histogram_quantile(0.99, sum by (le) (rate(c_bucket{le="1.0"}[1h:30s]))) > 0.5"#;

#[test]
fn tells_what_a_query_asks_for() {
    let query = Query::parse(BURN).unwrap();
    let selectors = query.selectors();
    let names: Vec<_> = selectors.iter().filter_map(|selector| selector.name).collect();
    assert_eq!(names, ["a_total", "b", "c_bucket"]);
    assert_eq!(selectors[0].inside, ["rate", "sum"]);
    assert_eq!(selectors[0].range, Some(Duration::from_secs(300)));
    assert_eq!(selectors[0].matchers.len(), 2);
    assert_eq!(query.functions(), ["rate", "histogram_quantile", "rate"]);
    assert_eq!(query.groupings().len(), 2);
    let joins = query.joins();
    let join = joins.iter().find(|join| join.on).unwrap();
    assert_eq!((join.labels.len(), join.from_right), (2, ["objective".to_owned()].as_slice()));
    assert_eq!(query.ranges(), [Duration::from_secs(300), Duration::from_secs(3600)]);
}

#[test]
fn parses_what_prometheus_3_has() {
    for text in [
        "absent_over_time(up{job=\"a\"}[6h])",
        "a unless on () b or vector(1)",
        "last_over_time(a[5m] offset 1m)",
        "a @ end()",
        "histogram_fraction(0, 0.5, rate(a[5m]))",
        "label_replace(a, \"x\", \"$1\", \"y\", \"(.*)\")",
        "topk by (namespace) (5, a)",
        "predict_linear(a[1h], 4 * 3600) > 1e9",
        "count_values(\"version\", a)",
        "{__name__=\"a\", b=\"c\"}",
    ] {
        Query::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    }
    assert_eq!(Query::parse("{__name__=\"a\"}").unwrap().selectors()[0].name, Some("a"));
    assert!(Query::parse("sum(rate(a[5m])").is_err());
    assert!(Query::parse("rate(a)").is_err());
}

#[test]
fn fills_what_grafana_fills() {
    let text = "sum(rate(a_total{route_name=~\"$route\", job=~\"${job:regex}\"}[$__rate_interval]))";
    let query = Query::parse_panel(text).unwrap();
    assert_eq!(query.ranges(), [RATE_INTERVAL]);
    assert_eq!(query.text(), text);
    assert!(is_variable(&query.selectors()[0].matchers[0].value));
    assert_eq!(Query::parse_panel("increase(a[${__range}])").unwrap().ranges(), [RANGE]);
    assert_eq!(Query::parse_panel("max_over_time(a[$__interval])").unwrap().ranges(), [INTERVAL]);
    assert!(Query::parse("rate(a[$__rate_interval])").is_err(), "rules have no variables");
}
