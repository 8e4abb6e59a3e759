//! Log records over OTLP: they say what the line says, and arrive or are counted.

use super::*;
use crate::access_log::fixture::{exchange, retried};
use crate::accounting::DropReason;
use crate::flag::ResponseFlag;
use crate::otlp::sink::{Answer, Collector};
use crate::otlp::{OtlpProtocol, ResourceOptions};
use crate::redact::RecordOptions;

fn policy() -> Arc<RecordPolicy> {
    RecordPolicy::new(&RecordOptions::default()).expect("options")
}

fn get<'a>(record: &'a LogRecord, name: &str) -> Option<&'a Value> {
    let found: Vec<_> = record.attributes.iter().filter(|pair| pair.key == name).collect();
    assert!(found.len() <= 1, "{name} stands twice");
    found.first().and_then(|pair| pair.value.as_ref()?.value.as_ref())
}

#[test]
fn a_record_says_what_the_line_says() {
    let ended = UNIX_EPOCH + Duration::from_nanos(1_763_690_523_120_000_001);
    let record = record(&retried("/cart?id=7&sig=s3cr3t"), ended, &policy());
    assert_eq!(record.event_name, "gateway.http.access");
    assert_eq!((record.time_unix_nano, record.flags), (1_763_690_523_120_000_001, 3));
    assert_eq!((record.trace_id.as_slice(), record.span_id.as_slice()), (&[0xab; 16][..], &[0xcd; 8][..]));
    assert_eq!((record.severity_number(), &*record.severity_text), (SeverityNumber::Info, "INFO"));
    assert_eq!(record.body, Some(any(Value::StringValue("GET /cart 200".into()))));
    assert_eq!(get(&record, "url.query"), Some(&Value::StringValue("id=7&sig=REDACTED".into())));
    assert_eq!(get(&record, "http.response.status_code"), Some(&Value::IntValue(200)));
    assert_eq!(get(&record, "duration_seconds"), Some(&Value::DoubleValue(0.024)));
    let Some(Value::ArrayValue(tries)) = get(&record, "attempts") else { panic!("tries") };
    assert_eq!(tries.values.len(), 2);
}

#[test]
fn a_refusal_says_why_within_its_limit() {
    let mut refused = exchange("/");
    refused.response.detail = Some("\u{e9}".repeat(600).into());
    let record = record(&refused, SystemTime::now(), &policy());
    assert_eq!(get(&record, "detail"), Some(&Value::StringValue("\u{e9}".repeat(256))));
}

#[test]
fn severity_follows_the_flag_and_the_status() {
    let severity = |status, flag| {
        let mut exchange = exchange("/");
        exchange.response.status = status;
        exchange.response.flag = flag;
        record(&exchange, SystemTime::now(), &policy()).severity_number()
    };
    assert_eq!(severity(404, ResponseFlag::NoRoute), SeverityNumber::Info);
    assert_eq!(severity(500, ResponseFlag::None), SeverityNumber::Error);
    assert_eq!(severity(200, ResponseFlag::UpstreamTruncated), SeverityNumber::Error);
}

#[test]
fn records_arrive_or_are_counted() {
    for (protocol, path) in [
        (OtlpProtocol::Grpc, "/opentelemetry.proto.collector.logs.v1.LogsService/Export"),
        (OtlpProtocol::HttpProtobuf, "/v1/logs"),
    ] {
        let collector =
            Collector::start(protocol, |number| if number == 0 { Answer::Partial(3) } else { Answer::Ok });
        let accounting = Accounting::new();
        let resource = Resource::new(&ResourceOptions::default(), |_| None);
        let logs = OtlpLogs::start(&collector.options(""), &resource, policy(), &accounting).expect("start");
        let mut writer = logs.writer();
        for _ in 0..200 {
            writer.write(&exchange("/"), SystemTime::now());
        }
        drop(writer);
        assert_eq!(logs.finish(Instant::now() + Duration::from_secs(60)), 0);
        let reading = accounting.read(Signal::OtlpLogs);
        assert_eq!((reading.produced, reading.exported, reading.queued()), (200, 197, 0));
        assert_eq!(reading.dropped_for(DropReason::Rejected), 3);
        let requests = collector.seen();
        assert!(requests.iter().all(|seen| seen.path == path));
        let records: usize = requests
            .iter()
            .map(|seen| ExportLogsServiceRequest::decode(seen.message.clone()).expect("message"))
            .map(|message| message.resource_logs[0].scope_logs[0].log_records.len())
            .sum();
        assert_eq!(records, 200);
    }
}
