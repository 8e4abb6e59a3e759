//! Files as people write them: several documents, mistakes, and what is said about them.

use clearway_k8s::filter::FilterType;
use clearway_k8s::route::PathMatchType;
use clearway_k8s::{FileError, FileObject, Object, parse_documents};

fn texts(found: &[Result<FileObject, FileError>]) -> Vec<String> {
    found
        .iter()
        .flat_map(|entry| match entry {
            Ok(object) => {
                let meta = object.object.meta().cloned().unwrap_or_default();
                let head =
                    format!("{}: {} {}/{}", object.line, object.object.kind(), meta.namespace, meta.name);
                let warnings =
                    object.warnings.iter().map(|warning| format!("{}: warn {}", warning.line, warning.error));
                std::iter::once(head).chain(warnings).collect::<Vec<_>>()
            }
            Err(error) => vec![error.to_string()],
        })
        .collect()
}

#[test]
fn one_broken_document_does_not_hide_the_others_and_every_line_is_right() {
    let text = "\
# a comment
kind: Service
apiVersion: v1
metadata:
  name: one
spec:
  ports: null
---
kind: Service
apiVersion: v1
metadata: {name: two
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: three
  namespace: shop
spec:
  hostnmaes: [a.example]
  rules:
  - matches:
    - path: {value: no-slash}
    backendRefs:
    - name: x
---

---
apiVersion: v1
kind: Service
metadata: {name: four}
spec:
  ports:
  - port: 70000
---
apiVersion: v1
kind: List
items:
- kind: Secret
  apiVersion: v1
  metadata: {name: five}
  typ: x
- kind: ServiceMonitor
  apiVersion: monitoring.coreos.com/v1
";
    let found = texts(&parse_documents("a.yaml", text));
    assert_eq!(found[0], "2: Service default/one");
    assert!(found[1].starts_with("a.yaml:") && found[1].contains("this is no valid YAML"), "{}", found[1]);
    assert_eq!(
        found[2..],
        [
            "a.yaml:22: HTTPRoute shop/three, spec.rules[0].matches[0].path.value: `no-slash` must start with `/`",
            "a.yaml:24: HTTPRoute shop/three, spec.rules[0].backendRefs[0].port: is missing; a reference to a \
             Service needs its port",
            "a.yaml:33: Service four, spec.ports[0].port: invalid value: integer `70000`, expected u16",
            "38: Secret default/five",
            "41: warn typ: is no known field and has no effect; check its spelling and place",
            "42: ServiceMonitor /",
        ]
    );
}

#[test]
fn a_typing_mistake_is_named_with_its_line() {
    let text = "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: r}\nspec:\n  hostnmaes: \
                [a.example]\n  rules:\n  - backendRefs:\n    - {name: x, port: 80, wieght: 3}\n";
    assert_eq!(
        texts(&parse_documents("r.yaml", text)),
        [
            "2: HTTPRoute default/r",
            "5: warn spec.hostnmaes: is no known field and has no effect; check its spelling and place",
            "8: warn spec.rules[0].backendRefs[0].wieght: is no known field and has no effect; check its spelling \
             and place",
        ]
    );
}

#[test]
fn values_of_a_newer_api_keep_the_object_readable() {
    let value = serde_json::json!({
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "new", "namespace": "a", "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"rules": [{
            "matches": [{"path": {"type": "Glob", "value": "/*"}, "method": "QUERY"}],
            "filters": [{"type": "Teleport", "teleport": {"to": "mars"}}],
        }]},
        "status": {"parents": []},
    });
    let loaded = Object::read(value).unwrap();
    assert_eq!(loaded.unknown_fields, ["spec.rules[0].filters[0].teleport"]);
    let Object::HttpRoute(route) = loaded.object else { panic!("not a route") };
    let rule = &route.spec.rules[0];
    assert_eq!(rule.matches[0].path.kind, PathMatchType::Unknown("Glob".into()));
    assert_eq!(rule.filters[0].kind, FilterType::Unknown("Teleport".into()));
    assert_eq!(route.metadata.created(), 1_767_225_600);
}

#[test]
fn objects_without_a_name_kind_or_served_version_are_refused_with_words() {
    let cases = [
        (r#"{"apiVersion":"v1"}"#, "object, kind: is missing; every object needs `kind`"),
        (r#"{"kind":"Service"}"#, "Service, apiVersion: is missing; every object needs `apiVersion`"),
        (
            r#"{"apiVersion":"gateway.networking.k8s.io/v1alpha2","kind":"HTTPRoute","metadata":{"name":"r"}}"#,
            "HTTPRoute r, apiVersion: `gateway.networking.k8s.io/v1alpha2` is not read for HTTPRoute; write \
             `gateway.networking.k8s.io/v1`",
        ),
        (r#"{"apiVersion":"v1","kind":"Service","metadata":{}}"#, "Service, metadata: missing field `name`"),
        (
            r#"{"apiVersion":"v1","kind":"Secret","metadata":{"name":"s"},"stringData":{"a":1234}}"#,
            "Secret s, stringData.a: must be a text; put it in quotes",
        ),
    ];
    for (text, want) in cases {
        let error = Object::from_value(serde_json::from_str(text).unwrap()).unwrap_err();
        assert_eq!(error.to_string(), want);
    }
}

#[test]
fn a_cluster_wide_list_of_many_objects_is_read_in_one_go() {
    let mut text = String::from("apiVersion: v1\nkind: List\nitems:\n");
    for index in 0..3_000 {
        text.push_str(&format!("- apiVersion: v1\n  kind: Namespace\n  metadata: {{name: n{index}}}\n"));
    }
    let found = parse_documents("l.yaml", &text);
    assert_eq!(found.len(), 3_000);
    let last = found[2_999].as_ref().unwrap();
    assert_eq!((last.line, last.object.meta().unwrap().namespace.as_str()), (4 + 3 * 2_999 + 1, ""));
}

#[test]
fn booleans_are_those_of_yaml_1_2() {
    let text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: y}\ndata: {a: on, b: no}\n";
    let found = parse_documents("c.yaml", text);
    let Object::ConfigMap(map) = &found[0].as_ref().unwrap().object else { panic!("no ConfigMap") };
    assert_eq!(
        (map.metadata.name.as_str(), map.data["a"].as_str(), map.data["b"].as_str()),
        ("y", "on", "no")
    );
}
