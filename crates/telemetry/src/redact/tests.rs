//! The policy against its corpus of secrets: what may be written, and what never is.

use super::*;
use http::{HeaderMap, HeaderValue};

fn policy(options: &RecordOptions) -> std::sync::Arc<RecordPolicy> {
    RecordPolicy::new(options).expect("options")
}

#[test]
fn secret_values_are_hidden_and_everything_else_stays_as_it_was() {
    let policy = policy(&RecordOptions::default());
    let table = [
        ("a=1&b=2", "a=1&b=2"),
        ("token=s3cr3t", "token=REDACTED"),
        ("a=1&X-Amz-Signature=s3cr3t&b=2", "a=1&X-Amz-Signature=REDACTED&b=2"),
        ("x-amz-signature=s3cr3t", "x-amz-signature=REDACTED"),
        ("SIG=s3cr3t==&x", "SIG=REDACTED&x"),
        ("%73ig=s3cr3t", "%73ig=REDACTED"),
        ("a=1;password=s3cr3t;c", "a=1;password=REDACTED;c"),
        ("sig=s3cr3t#top", "sig=REDACTED#top"),
        ("sig=", "sig="),
        ("sig", "sig"),
        ("next=https%3A%2F%2Fs3%2Fo%3Fa%3D1%26sig%3Ds3cr3t", "next=REDACTED"),
        ("next=https%3A%2F%2Fs3%2Fo%3Fa%3D1", "next=https%3A%2F%2Fs3%2Fo%3Fa%3D1"),
        ("tokens=5&design=1", "tokens=5&design=1"),
        ("&&=x&=", "&&=x&="),
    ];
    for (query, expected) in table {
        assert_eq!(policy.query(Some(query)).as_deref(), Some(expected), "{query}");
    }
    assert_eq!(policy.query(None), None);
}

#[test]
fn modes_and_lists_of_ones_own_are_obeyed() {
    let off = policy(&RecordOptions { query: QueryMode::Off, ..RecordOptions::default() });
    assert_eq!(off.query(Some("a=1")), None);
    let keep = policy(&RecordOptions { query: QueryMode::Keep, ..RecordOptions::default() });
    assert_eq!(keep.query(Some("sig=1")).as_deref(), Some("sig=1"));
    let own = policy(&RecordOptions { secret_query_keys: vec!["Pin".into()], ..RecordOptions::default() });
    assert_eq!(own.query(Some("pin=1&sig=2")).as_deref(), Some("pin=REDACTED&sig=2"));
}

#[test]
fn headers_that_carry_credentials_are_refused_by_name() {
    for name in ["Authorization", "cookie", "SET-COOKIE", "Proxy-Authorization"] {
        let options = RecordOptions { request_headers: vec![name.into()], ..RecordOptions::default() };
        let error = RecordPolicy::new(&options).expect_err("forbidden");
        assert!(matches!(error, PolicyError::Forbidden { list: "request_headers", .. }), "{error}");
        let options = RecordOptions { response_headers: vec![name.into()], ..RecordOptions::default() };
        assert!(RecordPolicy::new(&options).is_err());
    }
    let list = |names: &[&str]| RecordOptions {
        response_headers: names.iter().map(|name| (*name).to_owned()).collect(),
        ..RecordOptions::default()
    };
    assert!(matches!(RecordPolicy::new(&list(&["a b"])), Err(PolicyError::Invalid { .. })));
    assert!(matches!(RecordPolicy::new(&list(&["x-a", "X-A"])), Err(PolicyError::Duplicate { .. })));
    assert!(matches!(RecordPolicy::new(&list(&["x"; 65])), Err(PolicyError::TooMany { count: 65, .. })));
}

#[test]
fn only_listed_headers_are_captured_and_their_urls_lose_secrets() {
    let options = RecordOptions {
        request_headers: vec!["x-tenant".into(), "Referer".into(), "absent".into()],
        ..RecordOptions::default()
    };
    let policy = policy(&options);
    let mut headers = HeaderMap::new();
    headers.append("x-tenant", HeaderValue::from_static("a"));
    headers.append("x-tenant", HeaderValue::from_static("b"));
    headers.append("cookie", HeaderValue::from_static("s3cr3t"));
    headers.append("referer", HeaderValue::from_static("https://u:s3cr3t@shop/x?a=1&sig=s3cr3t"));
    let kept = policy.capture_request(&headers);
    let written: Vec<_> = kept.iter().map(|(index, value)| (*index, policy.header_value(value))).collect();
    assert_eq!(written.len(), 2);
    assert_eq!(written[0], (0, "a, b".into()));
    assert_eq!(written[1], (1, "https://REDACTED@shop/x?a=1&sig=REDACTED".into()));
}

#[test]
fn addresses_are_cut_to_their_network() {
    let cut =
        |text: &str| AddressMode::Truncated.apply(text.parse().expect("address")).map(|ip| ip.to_string());
    assert_eq!(cut("192.0.2.77").as_deref(), Some("192.0.2.0"));
    assert_eq!(cut("::ffff:192.0.2.77").as_deref(), Some("192.0.2.0"));
    assert_eq!(cut("2001:db8:1:2:3::4").as_deref(), Some("2001:db8:1::"));
    assert_eq!(AddressMode::Off.apply(IpAddr::from([1, 2, 3, 4])), None);
    let policy = policy(&RecordOptions { addresses: AddressMode::Truncated, ..RecordOptions::default() });
    let mut facts = crate::exchange::tests::facts("GET", "/");
    assert_eq!(policy.peer(facts.peer), Some((IpAddr::from([192, 0, 2, 0]), None)));
    for (named, expected) in [
        ("198.51.100.9", Some("198.51.100.0")),
        ("198.51.100.9:4711", Some("198.51.100.0")),
        ("[2001:db8:1:2::1]:4711", Some("2001:db8:1::")),
        ("unknown", None),
    ] {
        facts.client = Some(HeaderValue::from_static(named));
        let client = policy.client(&facts);
        let expected = expected.map(|text| policy::Client::Address(text.parse().expect("address")));
        assert_eq!(client, expected, "{named}");
    }
}

#[test]
fn hosts_lose_userinfo() {
    assert_eq!(host(b"user:s3cr3t@shop.example:80"), b"shop.example:80");
    assert_eq!(host(b"shop.example"), b"shop.example");
}
