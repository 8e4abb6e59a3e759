//! Faults of collectors: every span is exported or dropped for a reason, to the unit.

use std::time::{Duration, Instant, SystemTime};

use super::*;
use crate::accounting::{DropReason, Reading};
use crate::otlp::sink::{Answer, Collector};
use crate::otlp::{OtlpProtocol, ResourceOptions};

const BOTH: [OtlpProtocol; 2] = [OtlpProtocol::Grpc, OtlpProtocol::HttpProtobuf];

fn policy() -> Arc<RecordPolicy> {
    RecordPolicy::new(&RecordOptions::default()).expect("options")
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

struct Run {
    accounting: Arc<Accounting>,
    pipeline: SpanPipeline,
}

impl Run {
    fn start(options: &OtlpOptions) -> Self {
        let accounting = Accounting::new();
        let resource = Resource::new(&ResourceOptions::default(), |_| None);
        let pipeline = SpanPipeline::start(options, &resource, &accounting).expect("start");
        Self { accounting, pipeline }
    }

    /// Two spans for each request.
    fn offer(&self, requests: usize) {
        let mut writer = self.pipeline.writer(policy());
        let exchange = exchange("/cart");
        for _ in 0..requests {
            writer.offer(&exchange, SystemTime::now());
        }
    }

    fn read(&self) -> Reading {
        self.accounting.read(Signal::Spans)
    }

    /// What the books say once everything is settled.
    fn settled(&self, deadline: Instant) -> Reading {
        self.pipeline.finish(deadline);
        let reading = self.read();
        assert_eq!(reading.queued(), 0, "{reading:?}");
        assert_eq!(reading.produced, reading.exported + reading.dropped_total());
        reading
    }
}

fn received(collector: &Collector) -> usize {
    let requests = collector.seen();
    let messages =
        requests.iter().map(|seen| ExportTraceServiceRequest::decode(seen.message.clone()).expect("message"));
    messages
        .flat_map(|message| message.resource_spans)
        .flat_map(|of| of.scope_spans)
        .map(|of| of.spans.len())
        .sum()
}

#[test]
fn spans_arrive_by_both_protocols_on_any_path() {
    for (protocol, path, expected) in [
        (OtlpProtocol::Grpc, "", "/opentelemetry.proto.collector.trace.v1.TraceService/Export"),
        (OtlpProtocol::HttpProtobuf, "", "/v1/traces"),
        (OtlpProtocol::HttpProtobuf, "/api/v1/otel/trace", "/api/v1/otel/trace"),
        (OtlpProtocol::HttpProtobuf, "/", "/"),
    ] {
        let collector = Collector::start(protocol, |_| Answer::Ok);
        let mut options = collector.options(path);
        options.headers = vec![("x-token".into(), "t0p".into())];
        let run = Run::start(&options);
        run.offer(500);
        let reading = run.settled(soon());
        assert_eq!((reading.produced, reading.exported), (1000, 1000));
        assert_eq!(received(&collector), 1000);
        let seen = collector.seen();
        assert!(
            seen.iter().all(|seen| seen.path == expected && seen.headers["x-token"] == "t0p"),
            "{expected}"
        );
        let message = ExportTraceServiceRequest::decode(seen[0].message.clone()).expect("message");
        let resource = message.resource_spans[0].resource.clone().expect("resource");
        assert!(resource.attributes.iter().any(|pair| pair.key == "service.name"));
        assert!(!format!("{options:?}").contains("t0p"), "values of headers are not shown");
    }
}

#[test]
fn unsampled_requests_make_no_spans() {
    let collector = Collector::start(OtlpProtocol::Grpc, |_| Answer::Ok);
    let run = Run::start(&collector.options(""));
    let mut exchange = exchange("/");
    exchange.trace.sampled = false;
    run.pipeline.writer(policy()).offer(&exchange, SystemTime::now());
    assert_eq!(run.settled(soon()).produced, 0);
    assert!(collector.seen().is_empty());
}

#[test]
fn a_batch_is_sent_again_until_the_collector_takes_it() {
    for protocol in BOTH {
        let busy = if protocol == OtlpProtocol::Grpc { 14 } else { 503 };
        let collector =
            Collector::start(
                protocol,
                move |number| if number < 2 { Answer::Status(busy) } else { Answer::Ok },
            );
        let run = Run::start(&collector.options(""));
        run.offer(10);
        let reading = run.settled(soon());
        assert_eq!((reading.exported, reading.dropped_total(), reading.failures), (20, 0, 2));
        assert_eq!(collector.seen().len(), 3);
    }
}

#[test]
fn what_a_collector_refuses_or_rejects_is_counted_for_its_reason() {
    for protocol in BOTH {
        let refused = if protocol == OtlpProtocol::Grpc { 3 } else { 400 };
        let collector = Collector::start(protocol, move |_| Answer::Status(refused));
        let run = Run::start(&collector.options(""));
        run.offer(10);
        let reading = run.settled(soon());
        assert_eq!((reading.dropped_for(DropReason::ExportFailed), collector.seen().len()), (20, 1));

        let collector = Collector::start(protocol, |_| Answer::Partial(7));
        let run = Run::start(&collector.options(""));
        run.offer(10);
        let reading = run.settled(soon());
        assert_eq!((reading.exported, reading.dropped_for(DropReason::Rejected)), (13, 7));
        let failure = run.accounting.books(Signal::Spans).last_failure().expect("named");
        assert!(failure.message.contains("7 records rejected: too old"), "{}", failure.message);
    }
}

#[test]
fn a_collector_that_is_not_there_costs_its_spans_after_the_time_for_retries() {
    for protocol in BOTH {
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("bind").local_addr().expect("address");
        let mut options = OtlpOptions::new(format!("http://{free}"), protocol);
        options.delay = Duration::from_millis(5);
        options.retry_for = Duration::from_millis(150);
        let run = Run::start(&options);
        run.offer(10);
        let reading = run.settled(soon());
        assert_eq!(reading.dropped_for(DropReason::ExportFailed), 20);
        assert!(reading.failures >= 1);
        let failure = run.accounting.books(Signal::Spans).last_failure().expect("named");
        assert!(failure.message.contains(&free.to_string()), "{}", failure.message);
    }
}

#[test]
fn a_collector_that_stands_still_fills_the_queue_and_never_blocks() {
    for protocol in BOTH {
        let collector = Collector::start(protocol, |_| Answer::Stall);
        let mut options = collector.options("");
        options.queue = 1000;
        options.batch = 100;
        let run = Run::start(&options);
        run.offer(5000);
        let before = run.read();
        assert_eq!((before.produced, before.exported), (10_000, 0));
        assert!(before.dropped_for(DropReason::QueueFull) >= 8000, "{before:?}");
        assert!(before.queued() > 0 && before.queued() <= 1200, "{before:?}");
        let reading = run.settled(Instant::now());
        assert_eq!(reading.dropped_for(DropReason::Shutdown), before.queued());
        assert_eq!(reading.dropped_total(), 10_000);
    }
}

#[test]
fn an_attempt_that_gets_no_answer_in_time_is_a_failed_one() {
    let collector =
        Collector::start(OtlpProtocol::Grpc, |number| if number == 0 { Answer::Stall } else { Answer::Ok });
    let mut options = collector.options("");
    options.timeout = Duration::from_millis(100);
    let run = Run::start(&options);
    run.offer(1);
    let reading = run.settled(soon());
    assert_eq!((reading.exported, reading.failures), (2, 1));
}

#[test]
fn the_trace_of_a_change_goes_the_same_way_whole() {
    let collector = Collector::start(OtlpProtocol::HttpProtobuf, |_| Answer::Ok);
    let run = Run::start(&collector.options(""));
    run.pipeline.change(&change::change());
    let reading = run.settled(soon());
    assert_eq!((reading.produced, reading.exported, received(&collector)), (8, 8, 8));
    assert_eq!(collector.seen().len(), 1, "in one request");
}

#[test]
fn options_that_cannot_work_are_named() {
    let accounting = Accounting::new();
    let start = |options: &OtlpOptions| {
        let error = SpanPipeline::start(options, &Resource::default(), &accounting);
        error.expect_err("refused").to_string()
    };
    for endpoint in ["collector:4317", "ftp://collector", "", "http://user:s3cr3t@collector:4317"] {
        let error = start(&OtlpOptions::new(endpoint, OtlpProtocol::Grpc));
        assert!(error.contains("endpoint") && !error.contains("s3cr3t"), "{error}");
    }
    let mut options = OtlpOptions::new("http://127.0.0.1:1", OtlpProtocol::Grpc);
    options.headers = vec![("bad name".into(), "v".into())];
    assert!(start(&options).contains("bad name"));
    options.headers.clear();
    options.ca_file = Some("/nowhere/ca.pem".into());
    assert!(start(&options).contains("/nowhere/ca.pem"));
}
