//! The exposition parser and its selections.

use clearway_testkit::prom::{Exposition, Format, Kind, scrape};
use clearway_testkit::{Backend, Reply};

const OPEN: &str = r##"# HELP req Requests, with a \\ and a \" and a
# TYPE req counter
req_total{code="200",path="a\\b\"c\nd"} 3 # {trace_id="ab"} 0.5 1700000000.5
req_total{code="500",path=""} 1.5e1
# TYPE lat_seconds histogram
# UNIT lat_seconds seconds
lat_seconds_bucket{le="0.1"} 1
lat_seconds_bucket{le="+Inf"} 4
lat_seconds_sum 2.5
lat_seconds_count 4
# TYPE build info
build_info{version="1"} 1
# TYPE temp gauge
temp NaN
# EOF
"##;

fn open(text: &str) -> Exposition {
    Exposition::parse(text, Format::OpenMetrics).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn it_reads_labels_escapes_exemplars_and_numbers() {
    let scrape = open(OPEN);
    assert_eq!(scrape.problems(), Vec::<String>::new());
    assert_eq!(scrape.metric("req_total").sum(), 18.0);
    assert_eq!(scrape.metric("req_total").label("code", "500").total(), 15);
    assert_eq!(scrape.metric("req_total").label_not("code", "500").value(), 3.0);
    assert_eq!(scrape.metric("req_total").label("path", "a\\b\"c\nd").count(), 1);
    assert_eq!(scrape.metric("req_total").label("path", "").label("absent", "").count(), 1);
    assert_eq!(scrape.metric("none").total(), 0);
    let exemplars = scrape.metric("req_total").exemplars();
    assert_eq!(
        (exemplars.len(), exemplars[0].value, exemplars[0].timestamp),
        (1, 0.5, Some(1_700_000_000.5))
    );
    assert_eq!(exemplars[0].labels["trace_id"], "ab");
    assert!(scrape.metric("temp").value().is_nan());
    let family = scrape.family("req").unwrap();
    assert_eq!((family.kind, family.help.as_str()), (Kind::Counter, "Requests, with a \\ and a \" and a"));
    assert_eq!(scrape.family("lat_seconds").unwrap().unit, "seconds");
    let histogram = scrape.metric("lat_seconds_bucket").histogram();
    assert_eq!((histogram.count(), histogram.at_most(0.1)), (4.0, 1.0));
    assert_eq!(scrape.metric("req_total").sum_by("code")["200"], 3.0);
    assert_eq!(scrape.series(), 8);
}

#[test]
fn it_reads_text_0_0_4() {
    let text =
        "# a comment\n\n# TYPE req_total counter\nreq_total{a=\"b\",} 3 1700000000000\nuntyped  +Inf\n";
    let scrape = Exposition::parse(text, Format::Text).unwrap();
    assert_eq!(scrape.family("req_total").unwrap().kind, Kind::Counter);
    assert_eq!(scrape.metric("req_total").samples()[0].timestamp, Some(1_700_000_000_000.0));
    assert_eq!(scrape.metric("untyped").value(), f64::INFINITY);
}

#[test]
fn it_names_the_line_that_is_wrong() {
    let wrong = [
        ("a 1\n", 1, "# EOF"),
        ("# EOF\na 1\n", 2, "after # EOF"),
        ("a{b=\"c} 1\n# EOF\n", 1, "closing quote"),
        ("a{b=\"\\x\"} 1\n# EOF\n", 1, "not an escape"),
        ("a{b=\"1\",b=\"2\"} 1\n# EOF\n", 1, "twice"),
        ("a{1b=\"1\"} 1\n# EOF\n", 1, "not a label name"),
        ("1a 1\n# EOF\n", 1, "not a metric name"),
        ("a infinity\n# EOF\n", 1, "not a number"),
        ("a 1\n# TYPE a gauge\n# EOF\n", 2, "after its samples"),
        ("# TYPE a counter\na 1\n# EOF\n", 2, "suffix"),
        ("# TYPE a gauge\n# UNIT a seconds\n# EOF\n", 2, "does not end with its unit"),
        ("# TYPE a thing\n# EOF\n", 1, "no type"),
        ("a  1\n# EOF\n", 1, "not a number"),
        ("# EOF", 1, "line feed"),
    ];
    for (text, line, why) in wrong {
        let error = Exposition::parse(text, Format::OpenMetrics).unwrap_err();
        assert!(error.line == line && error.why.contains(why), "{text:?}: {error}");
    }
}

#[test]
fn it_finds_what_single_lines_do_not_show() {
    let problems = |text: &str| open(&format!("{text}# EOF\n")).problems().join("; ");
    assert!(problems("a{b=\"1\"} 1\na{b=\"1\"} 2\n").contains("already"));
    assert!(problems("a 1\nb 1\na{x=\"y\"} 1\n").contains("not together"));
    assert!(problems("# TYPE a counter\na_total -1\n").contains("counter of -1"));
    let histogram = |body: &str| problems(&format!("# TYPE h histogram\n{body}"));
    assert!(histogram("h_bucket{le=\"1\"} 1\nh_count 1\nh_sum 1\n").contains("+Inf"));
    assert!(
        histogram("h_bucket{le=\"1\"} 2\nh_bucket{le=\"+Inf\"} 1\nh_count 1\nh_sum 1\n").contains("fall")
    );
    assert!(
        histogram("h_bucket{le=\"2\"} 0\nh_bucket{le=\"1\"} 0\nh_bucket{le=\"+Inf\"} 1\nh_count 1\n")
            .contains("rise")
    );
    assert!(histogram("h_bucket{le=\"+Inf\"} 1\nh_count 2\nh_sum 1\n").contains("_count"));
    assert!(histogram("h_bucket{le=\"+Inf\"} 1\nh_count 1\n").contains("_sum"));
}

#[tokio::test]
async fn a_scrape_asks_for_its_format() {
    let backend = Backend::start("metrics");
    let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    backend.on("/metrics", Reply::text(OPEN).header("content-type", content_type));
    let scrape = scrape(backend.address(), "/metrics", Format::OpenMetrics).await;
    assert_eq!(scrape.metric("req_total").count(), 2);
    assert_eq!(backend.last().header("accept"), "application/openmetrics-text;version=1.0.0");
}
