//! Lines and their sink: what a line says, what hostile input cannot do to it, and that the books balance.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::time::{Duration, UNIX_EPOCH};

use http::{HeaderMap, HeaderValue, Uri};
use serde_json::Value;

use super::fixture::{exchange, named, retried};
use super::*;
use crate::accounting::{DropReason, Reading};
use crate::catalog::log_fields as fields;
use crate::flag::ResponseFlag;
use crate::redact::RecordOptions;

const ENDED: Duration = Duration::new(1_763_690_523, 120_000_000);

fn policy(options: &RecordOptions) -> Arc<RecordPolicy> {
    RecordPolicy::new(options).expect("options")
}

fn line_with(exchange: &Exchange, policy: Arc<RecordPolicy>) -> (Value, Vec<u8>) {
    let mut out = Vec::new();
    LineFormat::new(policy).push(&mut out, exchange, UNIX_EPOCH + ENDED);
    assert!(out.len() <= MAX_LINE, "{} bytes", out.len());
    assert_eq!(out.iter().filter(|&&byte| byte == b'\n').count(), 1);
    assert!(out.ends_with(b"}\n") && !out.iter().any(|&byte| byte < 0x20 && byte != b'\n'));
    (serde_json::from_slice(&out).expect("one JSON object"), out)
}

fn line(exchange: &Exchange) -> Value {
    line_with(exchange, policy(&RecordOptions::default())).0
}

#[test]
fn a_line_holds_the_record() {
    let line = line(&retried("/cart?id=7&token=abc"));
    for (name, expected) in [
        ("timestamp", "2025-11-21T02:02:03.120000000Z"),
        ("level", "info"),
        ("event", "gateway.http.access"),
        ("trace_id", "abababababababababababababababab"),
        ("span_id", "cdcdcdcdcdcdcdcd"),
        ("trace_flags", "03"),
        ("request_id", "0193-77"),
        ("config_version", "4f2a"),
        ("gateway_namespace", "infra"),
        ("route_name", "shop"),
        ("route_rule", "cart"),
        ("method", "GET"),
        ("scheme", "http"),
        ("host", "shop.example"),
        ("path", "/cart"),
        ("query", "id=7&token=REDACTED"),
        ("protocol", "HTTP/1.1"),
        ("flag", "none"),
        ("answered_by", "upstream"),
        ("client_address", "192.0.2.7"),
        ("peer_address", "192.0.2.7:4711"),
        ("local_address", "127.0.0.1:10080"),
        ("user_agent", "curl/8.9"),
    ] {
        assert_eq!(line[name], expected, "{name}");
    }
    assert_eq!((&line["code"], &line["bytes_sent"]), (&200.into(), &512.into()));
    assert_eq!(line["duration_seconds"], 0.024);
    assert_eq!(line["phases"]["upstream"], 0.02);
    let phases: f64 = line["phases"].as_object().expect("object").values().filter_map(Value::as_f64).sum();
    assert!((phases - 0.024).abs() < 1e-9);
    assert_eq!(line["attempts"].as_array().map(Vec::len), Some(2));
    let first = &line["attempts"][0];
    assert_eq!((&first["code"], &first["flag"]), (&503.into(), &"retried_status".into()));
    assert_eq!((&first["endpoint"], &first["reused"]), (&"10.0.0.9:8080".into(), &false.into()));
    assert_eq!((&first["backend_name"], &first["connect_seconds"]), (&"cart".into(), &0.0003.into()));
    for absent in ["side", "grpc_status", "detail", "upgraded", "request_headers", "truncated"] {
        assert!(line.get(absent).is_none(), "{absent}");
    }
}

#[test]
fn failures_say_whose_they_are() {
    let mut failed = exchange("/");
    failed.response.status = 504;
    failed.response.flag = ResponseFlag::BackendTimeout;
    failed.response.grpc_status = Some(14);
    failed.response.detail = Some("10.0.0.9:8080: no response within 2s".into());
    let line = line(&failed);
    for (name, expected) in [
        ("level", "error"),
        ("flag", "backend_request_timeout"),
        ("side", "upstream"),
        ("grpc_status", "UNAVAILABLE"),
        ("detail", "10.0.0.9:8080: no response within 2s"),
    ] {
        assert_eq!(line[name], expected, "{name}");
    }
}

/// Every field of the catalog is written by some record, and no other: the line and its documentation agree.
#[test]
fn the_fields_are_those_of_the_catalog() {
    let options = RecordOptions {
        request_headers: vec!["x-a".into()],
        response_headers: vec!["x-b".into()],
        ..RecordOptions::default()
    };
    let mut full = retried("/a?b=c");
    full.response.flag = ResponseFlag::UpstreamTruncated;
    full.response.grpc_status = Some(0);
    full.response.upgraded = true;
    full.response.detail = Some("10.0.0.9:8080: connection refused".into());
    full.request.captured = vec![(0, HeaderValue::from_static("1"))];
    full.response.captured = vec![(0, HeaderValue::from_static("2"))];
    full.request.user_agent = Some("x".repeat(600).parse().expect("value"));
    full.attempts[0].tls = Some(Duration::from_millis(1));
    let line = line_with(&full, policy(&options)).0;
    let names =
        |value: &Value| -> BTreeSet<String> { value.as_object().expect("object").keys().cloned().collect() };
    let declared = |list: &[crate::catalog::Field]| list.iter().map(|field| field.name.to_owned()).collect();
    assert_eq!(names(&line), declared(fields::ALL));
    assert_eq!(names(&line["attempts"][0]), declared(fields::ATTEMPT));
    assert_eq!(
        (&line["request_headers"]["x-a"], &line["response_headers"]["x-b"]),
        (&"1".into(), &"2".into())
    );
}

#[test]
fn hostile_input_never_breaks_a_line() {
    let options = RecordOptions {
        request_headers: (0..64).map(|n| format!("x-{n}")).collect(),
        response_headers: (0..64).map(|n| format!("y-{n}")).collect(),
        ..RecordOptions::default()
    };
    let policy = policy(&options);
    let mut rng = fastrand::Rng::with_seed(5);
    let mut value = |len: usize| {
        let bytes: Vec<u8> =
            (0..len).map(|_| rng.u8(..)).map(|b| if b < 32 || b == 127 { b'\t' } else { b }).collect();
        HeaderValue::from_bytes(&bytes).expect("value")
    };
    for round in 0..200 {
        let size = [0, 1, 300, 5000][round % 4];
        let filler = ["\"", "{", "a", "%00", "\u{e9}"][round % 5].repeat(size);
        let uri: Uri = format!("/{filler}?{filler}={filler}&sig={filler}")
            .parse()
            .unwrap_or_else(|_| Uri::from_static("/x"));
        let mut hostile = named("/", &"r\"\\\u{1}".repeat(size));
        hostile.request.uri = uri;
        hostile.request.method = "X".repeat(size.max(1)).parse().expect("method");
        hostile.request.host = Some(value(size));
        hostile.request.user_agent = Some(value(size));
        hostile.request.request_id = Some(value(size));
        hostile.request.client = Some(value(size));
        hostile.response.detail = Some("\u{1}\"\u{e9}".repeat(size).into());
        hostile.request.captured = (0..64).map(|n| (n, value(size))).collect();
        hostile.response.captured = (0..=255).map(|n| (n, value(size))).collect();
        let attempt = hostile.attempts[0].clone();
        hostile.attempts.extend((0..size).map(|_| attempt.clone()));
        let (line, _) = line_with(&hostile, policy.clone());
        assert_eq!(line["trace_id"], "abababababababababababababababab");
        assert_eq!(line["code"], 200);
        assert!(line["duration_seconds"].is_number());
        assert_eq!(line["truncated"].as_bool(), (size >= 300).then_some(true), "round {round}");
    }
}

#[test]
fn a_policy_that_hides_addresses_and_queries_is_obeyed() {
    let options = RecordOptions {
        addresses: crate::redact::AddressMode::Off,
        query: crate::redact::QueryMode::Off,
        ..RecordOptions::default()
    };
    let line = line_with(&exchange("/a?b=c"), policy(&options)).0;
    for absent in ["client_address", "peer_address", "query"] {
        assert!(line.get(absent).is_none(), "{absent}");
    }
    let mut headers = HeaderMap::new();
    headers.insert("x-a", HeaderValue::from_static("1"));
    assert!(policy(&RecordOptions::default()).capture_request(&headers).is_empty());
}

struct Log {
    accounting: Arc<Accounting>,
    log: AccessLog,
}

impl Log {
    fn to(file: File, buffer_bytes: usize) -> Self {
        let accounting = Accounting::new();
        let policy = policy(&RecordOptions::default());
        let output = Output::stream(file);
        let log = AccessLog::with_output(output, buffer_bytes, policy, &accounting).expect("thread");
        Self { accounting, log }
    }

    fn write(&self, lines: usize) {
        let mut writer = self.log.writer();
        let exchange = exchange("/cart");
        for n in 0..lines {
            writer.write(&exchange, UNIX_EPOCH + ENDED);
            if n % 100 == 99 {
                writer.flush();
            }
            let reading = self.read();
            assert!(reading.queued() <= reading.produced, "never below zero: {reading:?}");
        }
    }

    fn read(&self) -> Reading {
        self.accounting.read(Signal::AccessLog)
    }
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

#[test]
fn every_line_arrives_in_the_file_and_in_the_books() {
    let path = scratch("arrives");
    let accounting = Accounting::new();
    let options = AccessLogOptions { sink: Sink::File(path.clone()), ..AccessLogOptions::default() };
    let log = AccessLog::start(&options, policy(&RecordOptions::default()), &accounting)
        .expect("start")
        .expect("on");
    let log = Log { accounting, log };
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| log.write(1000));
        }
    });
    assert_eq!(log.log.finish(soon()), 0);
    let text = std::fs::read_to_string(&path).expect("file");
    std::fs::remove_file(&path).expect("remove");
    assert_eq!(text.lines().count(), 3000);
    assert!(text.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()));
    let reading = log.read();
    assert_eq!((reading.produced, reading.exported, reading.queued()), (3000, 3000, 0));
    log.write(10);
    assert_eq!((log.read().dropped_for(DropReason::Shutdown), log.read().queued()), (10, 0), "after the end");
}

#[test]
fn a_full_device_and_a_closed_pipe_are_counted_to_the_line() {
    let (reader, writer) = std::io::pipe().expect("pipe");
    drop(reader);
    let full = File::options().append(true).open("/dev/full").expect("device");
    for file in [full, File::from(OwnedFd::from(writer))] {
        let log = Log::to(file, 1 << 20);
        log.write(500);
        assert_eq!(log.log.finish(soon()), 0);
        let reading = log.read();
        assert_eq!((reading.produced, reading.exported, reading.queued()), (500, 0, 0));
        assert_eq!(reading.dropped_for(DropReason::WriteError), 500);
        let failure = log.accounting.books(Signal::AccessLog).last_failure().expect("named");
        assert!(failure.message.contains("lines were not written"), "{}", failure.message);
    }
}

#[test]
fn a_reader_that_stands_still_costs_lines_and_never_a_worker() {
    let (mut reader, writer) = std::io::pipe().expect("pipe");
    let log = Log::to(File::from(OwnedFd::from(writer)), 0);
    log.write(5000);
    let before = log.read();
    assert!(before.dropped_for(DropReason::QueueFull) > 4000, "{before:?}");
    let lost = log.log.finish(Instant::now());
    let after = log.read();
    assert_eq!(after.dropped_for(DropReason::Shutdown), lost);
    assert_eq!((after.produced, after.queued()), (5000, 0), "{after:?}");
    // The pipe's own buffer took whole lines and a torn one; more may come once it is read.
    let mut buffer = vec![0; 1 << 16];
    let n = reader.read(&mut buffer).expect("read");
    let whole = buffer[..n].iter().filter(|&&byte| byte == b'\n').count() as u64;
    assert!(whole >= after.exported && after.exported < 5000, "{whole} {after:?}");
}

#[test]
fn a_torn_line_spoils_no_other() {
    let (mut reader, writer) = std::io::pipe().expect("pipe");
    let mut output = Output::stream(File::from(OwnedFd::from(writer)));
    output.torn = true;
    let accounting = Accounting::new();
    let log =
        AccessLog::with_output(output, 0, policy(&RecordOptions::default()), &accounting).expect("thread");
    let log = Log { accounting, log };
    log.write(2);
    assert_eq!(log.log.finish(soon()), 0);
    drop(log);
    let mut text = String::new();
    reader.read_to_string(&mut text).expect("utf-8");
    let lines: Vec<&str> = text.split('\n').collect();
    assert_eq!((lines.len(), lines[0], lines[3]), (4, "", ""));
    assert!(lines[1..3].iter().all(|line| serde_json::from_str::<Value>(line).is_ok()));
}

#[test]
fn a_file_that_was_moved_away_is_opened_again() {
    let (path, moved) = (scratch("moved"), scratch("moved.1"));
    let accounting = Accounting::new();
    let options = AccessLogOptions { sink: Sink::File(path.clone()), ..AccessLogOptions::default() };
    let log = AccessLog::start(&options, policy(&RecordOptions::default()), &accounting)
        .expect("start")
        .expect("on");
    let log = Log { accounting, log };
    log.write(3);
    while log.read().queued() > 0 {
        std::thread::yield_now();
    }
    std::fs::rename(&path, &moved).expect("rename");
    log.log.reopen();
    log.write(4);
    assert_eq!(log.log.finish(soon()), 0);
    let count = |path: &PathBuf| std::fs::read_to_string(path).expect("file").lines().count();
    assert_eq!((count(&moved), count(&path)), (3, 4));
    for path in [path, moved] {
        std::fs::remove_file(path).expect("remove");
    }
}

#[test]
fn a_sink_that_is_off_makes_nothing_and_a_bad_path_is_named() {
    let policy = policy(&RecordOptions::default());
    let accounting = Accounting::new();
    let off = AccessLogOptions { sink: Sink::Off, ..AccessLogOptions::default() };
    assert!(AccessLog::start(&off, policy.clone(), &accounting).expect("off").is_none());
    let bad = AccessLogOptions { sink: Sink::File("/nowhere/at/all".into()), ..AccessLogOptions::default() };
    let error = AccessLog::start(&bad, policy, &accounting).expect_err("bad path");
    assert!(error.to_string().contains("/nowhere/at/all"), "{error}");
}

fn scratch(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("clearway-access-log-{}-{name}", std::process::id()))
}
