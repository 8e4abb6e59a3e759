//! Tables for the Service of a Gateway: drift of every kind is repaired, and what others add stays.

use super::*;

pub(crate) fn wish() -> Wish {
    let strings =
        |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    Wish {
        gateway: ObjectRef::new("shop", "web"),
        name: "web-edge".into(),
        managed_by: "gateway.networking.k8s.io_edge".into(),
        plan: InfrastructurePlan {
            owner_uid: "u1".into(),
            labels: strings(&[("team", "blue")]),
            annotations: strings(&[("lb/zone", "a")]),
            ports: vec![80, 443],
            addresses: vec![],
        },
        ports: Ports::from([(80, 20_080), (443, 20_443)]),
    }
}

/// The Service as the apiserver keeps it.
fn kept(wish: &Wish) -> Value {
    let mut service = wish.service();
    service["metadata"]["uid"] = "s1".into();
    service["metadata"]["resourceVersion"] = "7".into();
    for (at, port) in service["spec"]["ports"].as_array_mut().unwrap().iter_mut().enumerate() {
        port["nodePort"] = (30_000 + at).into();
    }
    service["spec"]["clusterIP"] = "10.96.0.7".into();
    service
}

/// RFC 7396, as the apiserver does it.
fn patched(mut target: Value, patch: &Value) -> Value {
    let Value::Object(changes) = patch else { return patch.clone() };
    if !target.is_object() {
        target = json!({});
    }
    let map = target.as_object_mut().unwrap();
    for (key, value) in changes {
        if value.is_null() {
            map.remove(key);
        } else {
            let before = map.remove(key).unwrap_or_default();
            map.insert(key.clone(), patched(before, value));
        }
    }
    target
}

#[test]
fn a_new_service_has_everything_and_needs_nothing_more() {
    let wish = wish();
    let service = kept(&wish);
    assert_eq!(service.pointer("/spec/type").unwrap(), "LoadBalancer");
    assert_eq!(service.pointer("/spec/ports/0/targetPort").unwrap(), 20_080);
    assert_eq!(service.pointer("/metadata/ownerReferences/0/uid").unwrap(), "u1");
    assert_eq!(service["metadata"]["labels"]["team"], "blue");
    assert_eq!(service["metadata"]["labels"][GATEWAY_NAME], "web");
    assert_eq!(service["metadata"]["annotations"][GATEWAY_ANNOTATION], "web");
    assert!(service.pointer("/spec/selector").is_none(), "we write its EndpointSlices");
    assert!(wish.is_made_for(&service));
    assert_eq!(wish.service_patch(&service), None);
}

#[test]
fn drift_of_every_kind_is_repaired_in_one_patch() {
    let wish = wish();
    let good = kept(&wish);
    let cases: &[(&str, Value)] = &[
        ("/spec/type", "ClusterIP".into()),
        ("/spec/ports/0/targetPort", 8080.into()),
        ("/spec/ports/0/name", "http".into()),
        ("/spec/ports/1/port", 444.into()),
        ("/metadata/labels/team", "red".into()),
        ("/metadata/annotations/lb~1zone", "b".into()),
        ("/metadata/ownerReferences", json!([])),
        ("/metadata/ownerReferences/0/uid", "u0".into()),
    ];
    for (path, value) in cases {
        let mut service = good.clone();
        *service.pointer_mut(path).unwrap() = value.clone();
        let patch = wish.service_patch(&service).unwrap_or_else(|| panic!("{path} is not seen"));
        assert_eq!(
            (&patch["metadata"]["resourceVersion"], &patch["metadata"]["uid"]),
            (&json!("7"), &json!("s1"))
        );
        assert_eq!(wish.service_patch(&patched(service, &patch)), None, "{path} is not repaired by {patch}");
    }
    for (key, value) in [("selector", json!({"app": "x"})), ("loadBalancerIP", json!("10.9.9.9"))] {
        let mut service = good.clone();
        service["spec"][key] = value;
        let patch = wish.service_patch(&service).unwrap();
        assert_eq!(patched(service, &patch), patched(good.clone(), &json!({})), "{key}");
    }
}

#[test]
fn what_others_add_stays() {
    let wish = wish();
    let mut service = kept(&wish);
    service["metadata"]["labels"]["theirs"] = "1".into();
    service["metadata"]["annotations"]["cloud/id"] = "lb-7".into();
    service["spec"]["externalTrafficPolicy"] = "Local".into();
    service["spec"]["ports"][0]["appProtocol"] = "http".into();
    assert_eq!(wish.service_patch(&service), None);
    let mut more = wish.clone();
    more.ports.insert(8080, 20_081);
    let after = patched(service.clone(), &more.service_patch(&service).unwrap());
    assert_eq!(after["spec"]["ports"].as_array().unwrap().len(), 3);
    let first = after["spec"]["ports"].as_array().unwrap().iter().find(|port| port["port"] == 80).unwrap();
    assert_eq!((&first["nodePort"], &first["appProtocol"]), (&json!(30_000), &json!("http")));
    assert_eq!(after["metadata"]["labels"]["theirs"], "1");
}

#[test]
fn infrastructure_labels_and_annotations_change_and_go() {
    let before = wish();
    let service = kept(&before);
    let mut after = before.clone();
    after.plan.labels = BTreeMap::from([("cost".to_owned(), "7".to_owned())]);
    after.plan.annotations.clear();
    let mended = patched(service.clone(), &after.service_patch(&service).unwrap());
    let labels = mended["metadata"]["labels"].as_object().unwrap();
    assert_eq!((labels.get("team"), labels.get("cost")), (None, Some(&json!("7"))));
    assert!(mended["metadata"]["annotations"].get("lb/zone").is_none());
    assert_eq!(labels[MANAGED_BY], "gateway.networking.k8s.io_edge", "ours are not taken away");
    assert_eq!(after.service_patch(&mended), None);
}

#[test]
fn nobody_takes_our_labels_through_the_infrastructure_of_a_gateway() {
    let mut wish = wish();
    wish.plan.labels.insert(MANAGED_BY.to_owned(), "me".to_owned());
    wish.plan.annotations.insert(GATEWAY_ANNOTATION.to_owned(), "other".to_owned());
    let service = kept(&wish);
    assert!(wish.is_made_for(&service));
    assert_eq!(service["metadata"]["annotations"][GATEWAY_ANNOTATION], "web");
    assert_eq!(wish.service_patch(&service), None);
}

#[test]
fn a_static_address_is_asked_for_and_given_back() {
    let mut wish = wish();
    let service = kept(&wish);
    wish.plan.addresses = vec!["10.9.0.1".parse().unwrap(), "10.9.0.2".parse().unwrap()];
    let mended = patched(service.clone(), &wish.service_patch(&service).unwrap());
    assert_eq!(mended["spec"]["loadBalancerIP"], "10.9.0.1");
    assert_eq!(wish.service()["spec"]["loadBalancerIP"], "10.9.0.1");
    wish.plan.addresses.clear();
    let mended = patched(mended.clone(), &wish.service_patch(&mended).unwrap());
    assert!(mended["spec"].get("loadBalancerIP").is_none());
}

#[test]
fn a_service_without_any_use_keeps_its_ports_and_its_address() {
    let mut wish = wish();
    let service = kept(&wish);
    wish.ports.clear();
    assert_eq!(wish.service_patch(&service), None);
}

#[test]
fn things_of_others_are_told_apart() {
    let wish = wish();
    let mut foreign = kept(&wish);
    foreign["metadata"]["labels"][MANAGED_BY] = "Helm".into();
    assert!(!wish.is_made_for(&foreign));
    let mut other = kept(&wish);
    other["metadata"]["ownerReferences"][0]["name"] = "web-2".into();
    assert!(!wish.is_made_for(&other), "made for another Gateway");
    let mut orphan = kept(&wish);
    orphan["metadata"]["ownerReferences"] = json!([]);
    assert!(wish.is_made_for(&orphan), "the annotation still says it");
    assert!(!wish.is_made_for(&json!({"metadata": {"name": "web-edge", "namespace": "shop"}})));
}
