//! What a configuration takes over from the one before, and that it means the same as one that was compiled from nothing.

use std::collections::BTreeSet;
use std::sync::Arc;

use clearway_model::{
    Backend, BackendProtocol, BackendRef, Endpoint, EndpointAddress, Filter, ForwardedTrust, Fraction,
    Hostname, Listener, ListenerProtocol, ListenerRef, Match, Mirror, ObjectRef, PathMatch, RouteKind,
    RouteRef, Rule, RuleParent, RuleRef, Snapshot, Timeouts, TraceTrust, WeightedBackend,
};
use clearway_telemetry::{Switches, Telemetry};

use super::{Live, LiveRule};

const LISTENERS: [&str; 2] = ["one", "two"];

fn listener_ref(name: &str) -> ListenerRef {
    ListenerRef::new(ObjectRef::new("n", "gw"), name)
}

fn backend_ref(number: usize) -> BackendRef {
    BackendRef { kind: "Service".into(), object: ObjectRef::new("n", format!("s{number:03}")), port: 80 }
}

fn snapshot() -> Snapshot {
    let mut snapshot = Snapshot::default();
    for (port, name) in (1..).zip(LISTENERS) {
        let listener = Listener {
            listener: listener_ref(name),
            address: None,
            port,
            binds: vec![port, port + 10],
            protocol: ListenerProtocol::Http,
            hostname: Hostname::Any,
            tls: None,
            client_validation: None,
            backend_certificate: None,
            forwarded: ForwardedTrust::Replace,
            trace: TraceTrust::Accept,
            observability: None,
        };
        snapshot.listeners.insert(listener.listener.clone(), listener.into());
    }
    snapshot
}

/// A rule with a backend and a mirror, under one listener or both.
fn put_rule(
    snapshot: &mut Snapshot,
    number: usize,
    path: &str,
    (to, mirror): (usize, usize),
    parents: usize,
) {
    let route = RouteRef { kind: RouteKind::Http, object: ObjectRef::new("n", format!("r{number:03}")) };
    let rule = RuleRef { route, index: 0, name: None };
    let backend = |number| Ok(backend_ref(number));
    let mirror = Mirror { target: backend(mirror), fraction: Fraction { numerator: 1, denominator: 1 } };
    let parent = |name: &&str| RuleParent { listener: listener_ref(name), hostnames: vec![Hostname::Any] };
    let value = Rule {
        rule: rule.clone(),
        created: 0,
        parents: LISTENERS.iter().take(parents).map(parent).collect(),
        matches: vec![Match::Http {
            path: PathMatch::Prefix(path.into()),
            headers: vec![],
            query: vec![],
            method: None,
        }],
        filters: vec![Filter::Mirror(mirror)],
        backends: vec![WeightedBackend { target: backend(to), weight: 1, filters: vec![] }],
        timeouts: Timeouts::default(),
        retry: None,
        observability: None,
    };
    snapshot.rules.insert(rule, value.into());
}

fn put_backend(snapshot: &mut Snapshot, number: usize, address: u8) {
    let endpoint = Endpoint { address: EndpointAddress::Ip([10, 0, 0, address].into()), port: 80 };
    let (backend, protocol) = (backend_ref(number), BackendProtocol::Http1);
    let value = Backend { backend: backend.clone(), protocol, tls: None, endpoints: vec![endpoint] };
    snapshot.backends.insert(backend, value.into());
}

fn rules<'a>(live: &'a Live, listener: &str) -> Vec<&'a Arc<LiveRule>> {
    let all = live.ports.values().flat_map(|port| &port.listeners);
    let found = all.filter(|one| *one.listener.listener.name == *listener).take(1);
    found.flat_map(|one| one.attached.iter().map(|attached| &attached.rule)).collect()
}

/// Where a rule leads: its backend, then its mirror; `None` is nowhere.
fn leads(live: &Live, rule: &LiveRule) -> Vec<Option<BackendRef>> {
    let choices = rule.choices.iter().map(|choice| choice.backend.as_ref());
    let mirrors = rule.filters.mirrors.iter().map(|mirror| mirror.backend.as_ref());
    let place = |place: Result<&usize, _>| Some(live.backends.get(*place.ok()?)?.backend.clone());
    choices.chain(mirrors).map(place).collect()
}

/// Everything that a request could notice.
fn meaning(live: &Live) -> Vec<(String, Vec<Option<BackendRef>>)> {
    let each = LISTENERS.into_iter().flat_map(|listener| rules(live, listener));
    each.map(|rule| (rule.rule.to_string(), leads(live, rule))).collect()
}

#[test]
fn what_did_not_change_is_taken_over() {
    let telemetry = Telemetry::new(1, Switches::default());
    let mut now = snapshot();
    for number in 0..4 {
        put_rule(&mut now, number, "/", (number, number), 1 + number % 2);
        put_backend(&mut now, number, 1);
    }
    let first = Live::compile(&Arc::new(now.clone()), &telemetry, None).unwrap();
    put_rule(&mut now, 1, "/other", (1, 1), 2);
    put_backend(&mut now, 3, 2);
    let second = Live::compile(&Arc::new(now), &telemetry, Some(&first)).unwrap();
    let same = |listener| {
        let (old, new) = (rules(&first, listener), rules(&second, listener));
        old.iter().zip(new).map(|(old, new)| Arc::ptr_eq(old, new)).collect::<Vec<_>>()
    };
    assert_eq!((same("one"), same("two")), (vec![true, false, true, true], vec![false, true]));
    assert!(Arc::ptr_eq(rules(&second, "one")[1], rules(&second, "two")[0]), "listeners share a rule");
    let backends = first.backends.iter().zip(&second.backends).map(|(old, new)| Arc::ptr_eq(old, new));
    assert_eq!(backends.collect::<Vec<_>>(), [true, true, true, false]);
}

#[test]
fn a_listener_whose_rules_did_not_change_stays_itself() {
    let telemetry = Telemetry::new(1, Switches::default());
    let mut now = snapshot();
    put_rule(&mut now, 0, "/", (0, 0), 2);
    put_rule(&mut now, 1, "/", (0, 0), 1);
    put_backend(&mut now, 0, 1);
    let first = Live::compile(&Arc::new(now.clone()), &telemetry, None).unwrap();
    put_rule(&mut now, 1, "/other", (0, 0), 1);
    let second = Live::compile(&Arc::new(now), &telemetry, Some(&first)).unwrap();
    let listeners =
        |live: &Live| live.ports.values().flat_map(|port| port.listeners.clone()).collect::<Vec<_>>();
    let same = listeners(&first)
        .iter()
        .zip(listeners(&second))
        .map(|(old, new)| Arc::ptr_eq(old, &new))
        .collect::<Vec<_>>();
    // Each stands behind two ports.
    assert_eq!(same, [false, true, false, true]);
}

#[test]
fn a_configuration_with_a_past_means_the_same_as_one_without() {
    let telemetry = Telemetry::new(1, Switches::default());
    let mut draw = {
        let mut state: u64 = 7;
        move |limit: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(state >> 33).unwrap() % limit
        }
    };
    let (mut now, mut before, mut kept) = (snapshot(), Live::empty(), 0);
    for edit in 0..400 {
        match draw(6) {
            0 | 1 => put_rule(&mut now, draw(20), ["/", "/a"][draw(2)], (draw(12), draw(12)), 1 + draw(2)),
            2 => _ = now.rules.pop_first(),
            3 | 4 => put_backend(&mut now, draw(12), 1),
            _ => {
                let gone = backend_ref(draw(12));
                now.backends.remove(&gone);
            }
        }
        let shared = Arc::new(now.clone());
        let live = Live::compile(&shared, &telemetry, Some(&before)).unwrap();
        let whole = Live::compile(&shared, &telemetry, None).unwrap();
        assert_eq!(meaning(&live), meaning(&whole), "edit {edit}");
        assert_eq!(live.backends.len(), now.backends.len(), "edit {edit}");
        let places: BTreeSet<_> = live.backends.iter().map(|one| one.backend.clone()).collect();
        assert!(places.iter().eq(now.backends.keys()), "edit {edit}");
        let old: Vec<_> =
            LISTENERS.into_iter().flat_map(|name| rules(&before, name)).map(Arc::as_ptr).collect();
        let new = LISTENERS.into_iter().flat_map(|name| rules(&live, name));
        kept += new.filter(|rule| old.contains(&Arc::as_ptr(rule))).count();
        before = live;
    }
    assert!(kept > 1_000, "hardly anything is taken over: {kept}");
}
