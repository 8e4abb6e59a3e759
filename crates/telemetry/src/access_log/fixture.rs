//! Records for tests: of a plain request, and of one that did everything wrong.

use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clearway_model::{BackendRef, ListenerRef, ObjectRef, RouteKind, RouteRef, RuleRef};
use http::HeaderValue;

use crate::exchange::{Attempt, Exchange};
use crate::families::{AttemptIdentity, RuleIdentity};
use crate::flag::ResponseFlag;
use crate::words::{AnsweredBy, Phase};
use crate::{Switches, Telemetry};

/// A served `GET` of `uri` with one try that took 20 ms of 24 ms.
pub(crate) fn exchange(uri: &str) -> Exchange {
    named(uri, "shop")
}

/// As [`exchange`], with a route of this name.
pub(crate) fn named(uri: &str, route: &str) -> Exchange {
    let hub = Telemetry::new(1, Switches::default());
    let gateway = ListenerRef::new(ObjectRef::new("infra", "edge"), "http");
    let listener = hub.listener(&gateway);
    let no_route = Rc::new(listener.no_route().clone());
    let rule = RuleRef {
        route: RouteRef { kind: RouteKind::Http, object: ObjectRef::new("store", route) },
        index: 0,
        name: Some("cart".into()),
    };
    let started = Instant::now();
    let at = |ms| started + Duration::from_millis(ms);
    let facts = crate::exchange::tests::facts("GET", uri);
    let mut exchange = Exchange::open((started, at(1)), facts, Rc::new(listener), no_route);
    let identity = RuleIdentity { listener: Some(gateway), rule: Some(rule.clone()) };
    exchange.rule = Rc::new(hub.rule(&identity));
    exchange.enter_at(Phase::Upstream, at(2));
    exchange.enter_at(Phase::Body, at(22));
    exchange.enter_at(Phase::Write, at(24));
    exchange.version = Some(Rc::new("4f2a".into()));
    exchange.trace.trace_id = [0xab; 16];
    exchange.trace.span_id = [0xcd; 8];
    exchange.trace.sampled = true;
    exchange.trace.random = true;
    exchange.request.user_agent = Some(HeaderValue::from_static("curl/8.9"));
    exchange.request.request_id = Some(HeaderValue::from_static("0193-77"));
    exchange.response.status = 200;
    exchange.response.answered_by = AnsweredBy::Upstream;
    exchange.bytes_sent = 512;
    exchange.attempts.push(attempt(&hub, &rule, at(2)));
    exchange
}

/// A second try after a failed first one.
pub(crate) fn retried(uri: &str) -> Exchange {
    let mut exchange = exchange(uri);
    let mut second = exchange.attempts[0].clone();
    second.span_id = [2; 8];
    second.started += Duration::from_millis(10);
    second.total = Some(Duration::from_millis(10));
    exchange.attempts[0].flag = ResponseFlag::RetriedStatus;
    exchange.attempts[0].status = Some(503);
    exchange.attempts.push(second);
    exchange
}

fn attempt(hub: &Arc<Telemetry>, rule: &RuleRef, started: Instant) -> Attempt {
    let backend = BackendRef { kind: "Service".into(), object: ObjectRef::new("store", "cart"), port: 8080 };
    let identity = AttemptIdentity { rule: rule.clone(), backend: backend.clone() };
    Attempt {
        backend: Rc::new(hub.backend(&backend)),
        series: Rc::new(hub.attempt(&identity)),
        endpoint: Some(([10, 0, 0, 9], 8080).into()),
        local: Some(([10, 0, 0, 1], 40_000).into()),
        scheme_tls: false,
        target: None,
        host: None,
        span_id: [1; 8],
        started,
        connect: Some(Duration::from_micros(300)),
        tls: None,
        first_byte: Some(Duration::from_millis(20)),
        total: Some(Duration::from_millis(20)),
        status: Some(200),
        flag: ResponseFlag::None,
        reused: false,
    }
}
