//! Planted secrets: each place where clients put credentials holds the same word, and the word is looked for in
//! everything that leaves the process.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use http::{HeaderMap, HeaderValue};

use super::*;
use crate::access_log::fixture::retried;
use crate::access_log::{AccessLog, AccessLogOptions, Sink};
use crate::accounting::{Accounting, Signal};
use crate::exchange::Exchange;
use crate::otlp::sink::{Answer, Collector};
use crate::otlp::{OtlpProtocol, Resource};
use crate::otlp_logs::OtlpLogs;
use crate::spans::SpanPipeline;

const SECRET: &str = "pl4nted-s3cr3t";

fn policy() -> Arc<RecordPolicy> {
    let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let options = RecordOptions {
        request_headers: list(&["referer", "x-tenant", "x-original-url"]),
        response_headers: list(&["location", "content-type"]),
        ..RecordOptions::default()
    };
    RecordPolicy::new(&options).expect("options")
}

fn headers(pairs: &[(&'static str, String)]) -> HeaderMap {
    pairs.iter().map(|(name, value)| (name.parse().expect("name"), value.parse().expect("value"))).collect()
}

/// One request for each way to sign a URL, with the secret in every other place too.
fn corpus(policy: &RecordPolicy) -> Vec<Exchange> {
    let keys = SECRET_QUERY_KEYS.iter().flat_map(|key| [(*key).to_owned(), key.to_uppercase(), percent(key)]);
    let url = |key: &str| format!("https://user:{SECRET}@shop.example/a?x=1&{key}={SECRET}&z=2");
    let nested = |key: &str| format!("/a?next=https%3A%2F%2Fs3%2Fo%3Fx%3D1%26{key}%3D{SECRET}");
    let uris = keys.flat_map(|key| [url(&key), nested(&key), format!("/a?{key}={SECRET}")]);
    uris.map(|uri| {
        let mut exchange = retried("/");
        let sent = headers(&[
            ("authorization", format!("Bearer {SECRET}")),
            ("proxy-authorization", format!("Basic {SECRET}")),
            ("cookie", format!("session={SECRET}")),
            ("referer", url("sig")),
            ("x-original-url", format!("//u:{SECRET}@h/a?token={SECRET}")),
            ("x-tenant", "acme".to_owned()),
        ]);
        let got = headers(&[
            ("set-cookie", format!("session={SECRET}")),
            ("location", url("X-Amz-Signature")),
            ("content-type", "text/html".to_owned()),
        ]);
        exchange.request.uri = uri.parse().expect("uri");
        exchange.request.host = HeaderValue::from_str(&format!("user:{SECRET}@shop.example")).ok();
        exchange.request.client = HeaderValue::from_str(&format!("u:{SECRET}@192.0.2.1")).ok();
        exchange.request.captured = policy.capture_request(&sent);
        exchange.response.captured = policy.capture_response(&got);
        exchange
    })
    .collect()
}

/// The first letter percent-encoded, which servers read as the same key.
fn percent(key: &str) -> String {
    let (first, rest) = key.split_at(1);
    format!("%{:02x}{rest}", first.as_bytes()[0])
}

fn holds_secret(bytes: &[u8]) -> bool {
    bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes())
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

#[test]
fn no_secret_is_in_lines_spans_or_log_records() {
    let policy = policy();
    let corpus = corpus(&policy);
    assert!(
        corpus.len() > 250 && corpus.iter().all(|exchange| holds_secret(format!("{exchange:?}").as_bytes()))
    );
    let accounting = Accounting::new();
    let path = std::env::temp_dir().join(format!("clearway-corpus-{}", std::process::id()));
    let options = AccessLogOptions { sink: Sink::File(path.clone()), ..AccessLogOptions::default() };
    let log = AccessLog::start(&options, policy.clone(), &accounting).expect("start").expect("on");
    let traces = Collector::start(OtlpProtocol::HttpProtobuf, |_| Answer::Ok);
    let records = Collector::start(OtlpProtocol::Grpc, |_| Answer::Ok);
    let resource = Resource::default();
    let spans = SpanPipeline::start(&traces.options("/t"), &resource, &accounting).expect("start");
    let logs = OtlpLogs::start(&records.options(""), &resource, policy.clone(), &accounting).expect("start");
    {
        let (mut lines, mut spans, mut logs) = (log.writer(), spans.writer(policy), logs.writer());
        for exchange in &corpus {
            lines.write(exchange, SystemTime::now());
            spans.offer(exchange, SystemTime::now());
            logs.write(exchange, SystemTime::now());
        }
    }
    assert_eq!((log.finish(soon()), spans.finish(soon()), logs.finish(soon())), (0, 0, 0));
    let text = std::fs::read(&path).expect("file");
    std::fs::remove_file(&path).expect("remove");
    for line in text.split(|&byte| byte == b'\n') {
        assert!(!holds_secret(line), "{}", String::from_utf8_lossy(line));
    }
    for collector in [traces, records] {
        for seen in collector.seen() {
            assert!(!holds_secret(&seen.message), "{}", String::from_utf8_lossy(&seen.message));
        }
    }
    let requests = corpus.len() as u64;
    assert_eq!(accounting.read(Signal::AccessLog).exported, requests);
    assert_eq!(accounting.read(Signal::Spans).exported, 3 * requests);
    assert_eq!(accounting.read(Signal::OtlpLogs).exported, requests);
}
