//! What the fault run relies on.

use super::query::{Labels, fill, line, names, shorten};
use super::*;

const PAGE: &str = r#"# ClearwayExample

## Meaning
Words.
```yaml
an: example
```

## Diagnosis
```promql expect="\{.*reason=\"no_endpoint\".*\} [1-9]"
sum by (reason) (rate(clearway_requests_total[5m]))
```
- In a list:
  ```sh cluster changes expect="\bok\b"
  if true; then
    echo ok
  fi
  ```
```promql expect="none"
clearway_config_valid == 0
```
"#;

#[test]
fn reads_what_can_be_executed() {
    let (page, faults) = read(PAGE);
    assert_eq!(faults, []);
    assert_eq!(page.title, "ClearwayExample");
    let sections: Vec<_> =
        page.sections.iter().map(|section| (section.title.as_str(), section.line)).collect();
    assert_eq!(sections, [("Meaning", 3), ("Diagnosis", 9)]);
    let [first, second, third] = page.blocks.as_slice() else { panic!("{:#?}", page.blocks) };
    assert_eq!((first.language, first.line, first.section.as_str()), (Language::Promql, 11, "Diagnosis"));
    assert_eq!(first.expect, Expect::Line("\\{.*reason=\"no_endpoint\".*\\} [1-9]".to_owned()));
    assert_eq!((second.cluster, second.changes), (true, true));
    assert_eq!(second.text, "if true; then\n  echo ok\nfi\n");
    assert_eq!(second.expect, Expect::Line("\\bok\\b".to_owned()));
    assert_eq!((&third.expect, third.cluster, third.line), (&Expect::Nothing, false, 20));
}

#[test]
fn says_what_it_does_not_understand() {
    for (text, part) in [
        ("```sh expect=\"(\"\ntrue\n```\n", "no regular expression"),
        ("```sh expect=\"a\ntrue\n```\n", "no closing quote"),
        ("```sh clutser\ntrue\n```\n", "`clutser`"),
        ("```sh expect=\"none\"\ntrue\n```\n", "for queries"),
        ("```sh\ntrue\n", "never closed"),
        ("```promql\n\n```\n", "empty"),
    ] {
        let (_, faults) = read(text);
        assert!(faults.len() == 1 && faults[0].reason.contains(part), "{text}: {faults:?}");
    }
}

#[test]
fn makes_a_query_that_of_an_alert() {
    let labels =
        Labels::from([("pod".to_owned(), "a\"b".to_owned()), ("pod_ip".to_owned(), "::1".to_owned())]);
    let text = "up{pod=\"$pod\", ip=\"$pod_ip\", job=\"$job\", a=~\"b$\"}";
    assert_eq!(fill(text, &labels), "up{pod=\"a\\\"b\", ip=\"::1\", job=\"\", a=~\"b$\"}");
    assert_eq!(names(text), ["pod", "pod_ip", "job"]);
    let text = "rate(a{b=\"[5m]\"}[5m]) > max_over_time(c[1h:1m] offset 2h) and d[30s]";
    assert_eq!(
        shorten(text, "20s"),
        "rate(a{b=\"[5m]\"}[20s]) > max_over_time(c[20s:1m] offset 20s) and d[30s]"
    );
    let labels = Labels::from([("__name__".to_owned(), "a".to_owned()), ("b".to_owned(), "c".to_owned())]);
    assert_eq!(line(&labels, "1"), "{b=\"c\"} 1");
    assert_eq!(line(&Labels::new(), "0.5"), "{} 0.5");
    assert_eq!(
        (alert_of("runbooks/A.md"), alert_of("runbooks/README.md"), alert_of("docs/A.md")),
        (Some("A"), None, None)
    );
}
