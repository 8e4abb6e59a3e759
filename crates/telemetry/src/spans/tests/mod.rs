//! Spans from records: kinds, parents, names, statuses and attributes; `export` sends them, `change` has those of changes.

mod change;
mod export;

use std::time::{Duration, SystemTime};

use opentelemetry::trace::{SpanKind, Status};
use opentelemetry::{SpanId, Value};

use super::*;
use crate::access_log::fixture::{exchange, retried};
use crate::catalog::span_attributes as names;
use crate::flag::ResponseFlag;
use crate::redact::RecordOptions;

fn build(exchange: &Exchange, options: &RecordOptions, ended: SystemTime) -> Vec<SpanData> {
    let policy = RecordPolicy::new(options).expect("options");
    let scope = InstrumentationScope::builder("clearway").build();
    let mut spans = Vec::new();
    build::spans(exchange, ended, &policy, &scope, |span| spans.push(span));
    spans
}

fn spans(exchange: &Exchange) -> Vec<SpanData> {
    build(exchange, &RecordOptions::default(), SystemTime::now())
}

fn get<'a>(span: &'a SpanData, name: &str) -> Option<&'a Value> {
    let found: Vec<_> = span.attributes.iter().filter(|pair| pair.key.as_str() == name).collect();
    assert!(found.len() <= 1, "{name} stands twice");
    found.first().map(|pair| &pair.value)
}

fn text(span: &SpanData, name: &str) -> Option<String> {
    get(span, name).map(|value| value.as_str().into_owned())
}

#[test]
fn one_server_span_and_one_client_span_for_each_try_with_right_parents() {
    let mut retried = retried("/cart?id=7&sig=s3cr3t");
    retried.trace.parent = Some([9; 8]);
    let ended = SystemTime::now();
    let spans = build(&retried, &RecordOptions::default(), ended);
    let [server, first, second] = spans.as_slice() else { panic!("three spans: {}", spans.len()) };
    assert_eq!((&server.span_kind, &*server.name), (&SpanKind::Server, "GET store/shop/cart"));
    assert_eq!(server.parent_span_id, SpanId::from_bytes([9; 8]));
    assert!(server.parent_span_is_remote);
    assert_eq!(server.end_time, ended);
    assert_eq!(server.start_time + Duration::from_millis(24), ended);
    for (client, id) in [(first, [1; 8]), (second, [2; 8])] {
        assert_eq!((&client.span_kind, &*client.name), (&SpanKind::Client, "GET"));
        assert_eq!(client.parent_span_id, server.span_context.span_id());
        assert_eq!(client.span_context.span_id(), SpanId::from_bytes(id));
        assert_eq!(client.span_context.trace_id(), server.span_context.trace_id());
        assert!(client.start_time >= server.start_time && client.end_time <= server.end_time);
    }
    assert_eq!(second.start_time, server.start_time + Duration::from_millis(12));
    assert_eq!(
        (text(first, "error.type"), text(second, "error.type")),
        (Some("retried_status".into()), None)
    );
    assert_eq!(get(first, "http.request.resend_count"), None);
    assert_eq!(get(second, "http.request.resend_count"), Some(&Value::I64(1)));
    for (name, expected) in [
        ("http.request.method", "GET"),
        ("http.route", "store/shop/cart"),
        ("url.path", "/cart"),
        ("url.scheme", "http"),
        ("url.query", "id=7&sig=REDACTED"),
        ("client.address", "192.0.2.7"),
        ("server.address", "shop.example"),
        ("user_agent.original", "curl/8.9"),
        ("network.protocol.version", "1.1"),
        ("clearway.gateway.name", "edge"),
        ("clearway.config.version", "4f2a"),
    ] {
        assert_eq!(text(server, name).as_deref(), Some(expected), "{name}");
    }
    assert_eq!(text(first, "url.full").as_deref(), Some("http://10.0.0.9:8080/cart?id=7&sig=REDACTED"));
    assert_eq!(get(first, "server.port"), Some(&Value::I64(8080)));
}

#[test]
fn the_url_of_a_try_is_what_was_sent() {
    let table = [
        (
            false,
            "/v2/cart?id=7&sig=s3cr3t",
            Some("cart.internal"),
            "http://cart.internal/v2/cart?id=7&sig=REDACTED",
        ),
        (true, "/v2/cart", Some("user:s3cr3t@cart.internal:8443"), "https://cart.internal:8443/v2/cart"),
        // Over HTTP/2 the target holds the authority, with the client's scheme.
        (true, "http://cart.internal/v2", None, "https://cart.internal/v2"),
        (true, "/v2", None, "https://10.0.0.9:8080/v2"),
    ];
    for (tls, target, host, expected) in table {
        let mut sent = exchange("/cart?id=7");
        let attempt = &mut sent.attempts[0];
        attempt.scheme_tls = tls;
        attempt.target = Some(target.parse().expect("target"));
        attempt.host = host.map(|host| host.parse().expect("host"));
        assert_eq!(text(&spans(&sent)[1], "url.full").as_deref(), Some(expected));
    }
}

#[test]
fn status_follows_the_conventions() {
    let table = [
        (200, ResponseFlag::None, None, false, None),
        (404, ResponseFlag::None, None, false, None),
        (404, ResponseFlag::NoRoute, None, false, Some("no_route")),
        (499, ResponseFlag::ClientGone, None, false, Some("client_gone")),
        (503, ResponseFlag::None, None, true, Some("503")),
        (504, ResponseFlag::RequestTimeout, None, true, Some("request_timeout")),
        (200, ResponseFlag::UpstreamTruncated, None, true, Some("upstream_truncated")),
        (200, ResponseFlag::None, Some(5), false, None),
        (200, ResponseFlag::None, Some(14), true, None),
    ];
    for (code, flag, grpc, error, kind) in table {
        let mut exchange = exchange("/");
        exchange.response.status = code;
        exchange.response.flag = flag;
        exchange.response.grpc_status = grpc;
        let server = &spans(&exchange)[0];
        assert_eq!(matches!(server.status, Status::Error { .. }), error, "{code} {flag:?} {grpc:?}");
        assert_eq!(text(server, "error.type").as_deref(), kind, "{code} {flag:?}");
        assert_eq!(get(server, "http.response.status_code").is_some(), code != 499);
    }
    let mut exchange = exchange("/");
    exchange.attempts[0].status = Some(404);
    let client = &spans(&exchange)[1];
    assert!(matches!(client.status, Status::Error { .. }), "4xx is an error to the one who asked");
    assert_eq!(text(client, "error.type").as_deref(), Some("404"));
}

#[test]
fn names_hold_nothing_that_the_client_chose() {
    let mut exchange = exchange("/secret-path");
    exchange.request.method = "BREW".parse().expect("method");
    let spans = spans(&exchange);
    assert_eq!((&*spans[0].name, &*spans[1].name), ("HTTP store/shop/cart", "HTTP"));
    assert_eq!(text(&spans[0], "http.request.method").as_deref(), Some("_OTHER"));
    assert_eq!(text(&spans[0], "http.request.method_original").as_deref(), Some("BREW"));
    exchange.rule = std::rc::Rc::new(exchange.listener.no_route().clone());
    let unrouted = &build(&exchange, &RecordOptions::default(), SystemTime::now())[0];
    assert_eq!((&*unrouted.name, get(unrouted, "http.route")), ("HTTP", None));
}

#[test]
fn a_linked_context_is_a_link_and_not_a_parent() {
    let mut exchange = exchange("/");
    exchange.trace.link = Some(([7; 16], [8; 8]));
    let server = &spans(&exchange)[0];
    assert_eq!(server.parent_span_id, SpanId::INVALID);
    assert_eq!(server.links.len(), 1);
    assert_eq!(server.links[0].span_context.span_id(), SpanId::from_bytes([8; 8]));
}

/// Every attribute of the catalog is on some span, and no other but captured headers.
#[test]
fn the_attributes_are_those_of_the_catalog() {
    let mut full = retried("/a?b=c");
    full.request.method = "BREW".parse().expect("method");
    full.request.host = Some(http::HeaderValue::from_static("shop.example:8443"));
    full.request.grpc = true;
    full.response.flag = ResponseFlag::UpstreamTruncated;
    full.response.grpc_status = Some(0);
    full.attempts[0].tls = Some(Duration::from_millis(1));
    let mut now = full.started + Duration::from_secs(1);
    for phase in crate::Phase::ALL {
        now += Duration::from_millis(1);
        full.enter_at(phase, now);
    }
    full.enter_at(crate::Phase::Write, now + Duration::from_millis(1));
    let spans = spans(&full);
    let written = |spans: &[SpanData]| -> std::collections::BTreeSet<String> {
        spans.iter().flat_map(|span| &span.attributes).map(|pair| pair.key.to_string()).collect()
    };
    let declared: std::collections::BTreeSet<String> =
        names::SERVER.iter().chain(names::CLIENT).map(|field| field.name.to_owned()).collect();
    assert_eq!(written(&spans), declared);
    let server: std::collections::BTreeSet<String> =
        names::SERVER.iter().map(|field| field.name.to_owned()).collect();
    assert_eq!(written(spans.get(..1).expect("server")), server);
}
