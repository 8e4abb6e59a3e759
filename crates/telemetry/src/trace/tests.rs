//! Trace context: reading, continuing, refusing and writing the headers.

use super::*;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in pairs {
        map.append(*name, value.parse().expect("value"));
    }
    map
}

fn begin(pairs: &[(&'static str, &str)], trust: TraceTrust, b3: B3, ratio: f64) -> TraceContext {
    let mut rng = fastrand::Rng::with_seed(7);
    TraceContext::begin(&headers(pairs), trust, Propagation { b3 }, &Sampler::new(ratio), &mut rng)
}

fn text(context: &TraceContext) -> String {
    String::from_utf8(traceparent(context, &context.span_id).to_vec()).expect("ascii")
}

#[test]
fn traceparent_is_read_by_the_rules_of_its_version() {
    let valid = |version: &str, tail: &str| format!("{version}-{TRACE}-{SPAN}-{tail}");
    let table = [
        (valid("00", "01"), Some((true, false))),
        (valid("00", "00"), Some((false, false))),
        (valid("00", "03"), Some((true, true))),
        (valid("00", "ff"), Some((true, true))),
        (valid("01", "01"), Some((true, false))),
        (valid("cc", "01-what-the-future-holds"), Some((true, false))),
        (valid("fe", "00-"), Some((false, false))),
        (valid("cc", "01.what"), None),
        (valid("cc", "01x"), None),
        (valid("ff", "01"), None),
        (valid("00", "01-more"), None),
        (valid("00", "01-"), None),
        (valid("00", "1"), None),
        (valid("0x", "01"), None),
        (valid("00", "0G"), None),
        (valid("00", "01").to_uppercase(), None),
        (format!("00-{}-{SPAN}-01", "0".repeat(32)), None),
        (format!("00-{TRACE}-{}-01", "0".repeat(16)), None),
        (format!("00-{}-{SPAN}-01", &TRACE.get(1..).expect("ascii")), None),
        (format!("00_{TRACE}-{SPAN}-01"), None),
        (format!("00-{TRACE}_{SPAN}-01"), None),
        (format!("00-{TRACE}-{SPAN}_01"), None),
        (String::new(), None),
        ("\u{e9}".repeat(40), None),
    ];
    for (value, expected) in table {
        let parsed = w3c::parse(value.as_bytes());
        assert_eq!(parsed.map(|(remote, sampled)| (sampled, remote.random)), expected, "{value}");
        if let Some((remote, _)) = parsed {
            assert_eq!(trace_id_hex(&remote.trace_id), TRACE.as_bytes(), "{value}");
            assert_eq!(span_id_hex(&remote.span_id), SPAN.as_bytes(), "{value}");
        }
    }
}

#[test]
fn a_trusted_context_is_joined_with_its_decision_and_its_state() {
    for (flags, sampled, out) in [("01", true, "01"), ("00", false, "00"), ("03", true, "03")] {
        let parent = format!("00-{TRACE}-{SPAN}-{flags}");
        let context =
            begin(&[("traceparent", &parent), ("tracestate", "a=1,b=2")], TraceTrust::Accept, B3::Off, 0.5);
        assert_eq!(context.sampled, sampled);
        assert_eq!(context.parent.map(|id| span_id_hex(&id)).as_ref().map(|d| &d[..]), Some(SPAN.as_bytes()));
        assert_eq!(context.tracestate, Some(HeaderValue::from_static("a=1,b=2")));
        let sent = text(&context);
        assert!(sent.starts_with(&format!("00-{TRACE}-")) && sent.ends_with(&format!("-{out}")), "{sent}");
        assert!(!sent.contains(SPAN), "a new span id for each hop");
    }
}

#[test]
fn an_invalid_or_doubled_context_starts_a_new_trace_without_state() {
    let parent = format!("00-{TRACE}-{SPAN}-01");
    let bad = format!("ff-{TRACE}-{SPAN}-01");
    for pairs in [
        vec![("traceparent", bad.as_str()), ("tracestate", "a=1")],
        vec![("traceparent", parent.as_str()), ("traceparent", parent.as_str()), ("tracestate", "a=1")],
        vec![("tracestate", "a=1")],
    ] {
        let context = begin(&pairs, TraceTrust::Accept, B3::Off, 1.0);
        assert_ne!(trace_id_hex(&context.trace_id), TRACE.as_bytes());
        assert_eq!((context.parent, &context.tracestate, context.sampled), (None, &None, true));
        assert!(w3c::parse(text(&context).as_bytes()).is_some_and(|(_, sampled)| sampled));
    }
}

#[test]
fn link_and_ignore_start_an_own_trace_with_an_own_decision() {
    let parent = format!("00-{TRACE}-{SPAN}-01");
    let pairs = [("traceparent", parent.as_str()), ("tracestate", "a=1")];
    let linked = begin(&pairs, TraceTrust::Link, B3::Off, 0.0);
    assert_eq!(
        linked.link.map(|(trace, _)| trace_id_hex(&trace)).as_ref().map(|d| &d[..]),
        Some(TRACE.as_bytes())
    );
    let ignored = begin(&pairs, TraceTrust::Ignore, B3::Off, 0.0);
    assert_eq!(ignored.link, None);
    for context in [linked, ignored] {
        assert_ne!(trace_id_hex(&context.trace_id), TRACE.as_bytes());
        assert!(!context.sampled && context.parent.is_none() && context.tracestate.is_none());
        assert!(text(&context).ends_with("-02"), "unsampled, valid, random: {}", text(&context));
    }
}

#[test]
fn tracestate_of_several_headers_is_joined_and_too_many_members_are_dropped() {
    let parent = format!("00-{TRACE}-{SPAN}-01");
    let state = |states: &[&str]| {
        let mut pairs = vec![("traceparent", parent.as_str())];
        pairs.extend(states.iter().map(|state| ("tracestate", *state)));
        begin(&pairs, TraceTrust::Accept, B3::Off, 0.0).tracestate
    };
    let list = |n: usize| (0..n).map(|i| format!("k{i}=v")).collect::<Vec<_>>().join(",");
    assert_eq!(state(&["a=1", "b=2"]), Some(HeaderValue::from_static("a=1,b=2")));
    assert_eq!(state(&[&list(32)]), Some(list(32).parse().expect("value")));
    assert_eq!(state(&[&list(33)]), None);
    assert_eq!(state(&[&list(20), &list(13)]), None);
    assert_eq!(state(&[""]), None);
}

#[test]
fn the_ratio_is_exact_at_its_ends_and_close_between() {
    let mut rng = fastrand::Rng::with_seed(11);
    let ids: Vec<TraceId> = (0..100_000).map(|_| new_trace_id(&mut rng)).collect();
    let count = |ratio: f64| ids.iter().filter(|id| Sampler::new(ratio).decide(id)).count();
    assert_eq!(count(0.0), 0);
    assert_eq!(count(1.0), ids.len());
    assert!(Sampler::new(1.0).decide(&[0xff; 16]) && !Sampler::new(0.0).decide(&[0; 16]));
    assert!(!Sampler::new(f64::NAN).decide(&[0; 16]));
    let hundredth = count(0.01);
    assert!((800..1200).contains(&hundredth), "{hundredth}");
}

#[test]
fn b3_is_read_in_both_forms_only_when_asked_for_and_never_before_w3c() {
    let single = format!("{TRACE}-{SPAN}-1");
    let deferred = format!("{TRACE}-{SPAN}");
    let short = format!("{}-{SPAN}-0-{SPAN}", TRACE.get(16..).expect("ascii"));
    type Row<'a> = (&'a [(&'static str, &'a str)], bool, bool);
    let table: [Row<'_>; 9] = [
        (&[("b3", &single)], true, true),
        (&[("b3", &deferred)], true, false),
        (&[("b3", &short)], true, false),
        (&[("b3", "1")], false, true),
        (&[("b3", "garbage")], false, false),
        (&[("x-b3-traceid", TRACE), ("x-b3-spanid", SPAN), ("x-b3-sampled", "1")], true, true),
        (&[("x-b3-traceid", TRACE), ("x-b3-spanid", SPAN), ("x-b3-flags", "1")], true, true),
        (&[("x-b3-traceid", TRACE)], false, false),
        (&[("x-b3-sampled", "1")], false, true),
    ];
    for (pairs, joined, sampled) in table {
        let context = begin(pairs, TraceTrust::Accept, B3::Single, 0.0);
        assert_eq!((context.parent.is_some(), context.sampled), (joined, sampled), "{pairs:?}");
        assert_eq!(begin(pairs, TraceTrust::Accept, B3::Off, 0.0).parent, None, "{pairs:?}");
    }
    let parent = format!("00-{}-{SPAN}-00", "a".repeat(32));
    let both = begin(&[("traceparent", &parent), ("b3", &single)], TraceTrust::Accept, B3::Multi, 1.0);
    assert_eq!((both.trace_id, both.sampled), ([0xaa; 16], false));
}

#[test]
fn injection_replaces_what_the_client_sent() {
    let sent = [("traceparent", "junk"), ("tracestate", "a=1"), ("b3", "0"), ("x-b3-parentspanid", SPAN)];
    let mut map = headers(&sent);
    let context = begin(&sent, TraceTrust::Ignore, B3::Multi, 1.0);
    let span = [1, 2, 3, 4, 5, 6, 7, 8];
    Propagation { b3: B3::Multi }.inject(&context, &span, &mut map);
    let trace = String::from_utf8(trace_id_hex(&context.trace_id).to_vec()).expect("ascii");
    assert_eq!(map["traceparent"], format!("00-{trace}-0102030405060708-03"));
    assert_eq!(map["x-b3-traceid"], trace);
    assert_eq!(map["x-b3-spanid"], "0102030405060708");
    assert_eq!(map["x-b3-sampled"], "1");
    assert_eq!(map.len(), 4, "{map:?}");
    Propagation { b3: B3::Single }.inject(&context, &span, &mut map);
    assert_eq!(map["b3"], format!("{trace}-0102030405060708-1"));
    assert_eq!(map.len(), 2, "{map:?}");
}
