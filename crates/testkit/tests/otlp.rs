//! The OTLP sink, fed with the protocol's own messages over HTTP and over gRPC.

use clearway_testkit::client::{Answer, GrpcClient, GrpcReply, HttpClient};
use clearway_testkit::grpc::code;
use clearway_testkit::otlp::{Mode, Sink, SpanKind};
use http::Method;
use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsServiceRequest, ExportLogsServiceResponse};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

fn traces(names: &[&str]) -> ExportTraceServiceRequest {
    let span = |name: &&str| Span {
        trace_id: vec![0xab; 16],
        span_id: vec![1; 8],
        parent_span_id: vec![2; 8],
        name: (*name).to_owned(),
        kind: SpanKind::Server.into(),
        attributes: vec![attribute("http.response.status_code", Value::IntValue(200))],
        ..Span::default()
    };
    let scope_spans = vec![ScopeSpans { spans: names.iter().map(span).collect(), ..ScopeSpans::default() }];
    let attributes = vec![attribute("service.name", Value::StringValue("gw".to_owned()))];
    let resource = Some(Resource { attributes, ..Resource::default() });
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans { resource, scope_spans, ..ResourceSpans::default() }],
    }
}

fn logs(body: &str) -> ExportLogsServiceRequest {
    let body = Some(AnyValue { value: Some(Value::StringValue(body.to_owned())) });
    let log_records = vec![LogRecord { body, trace_id: vec![0xab; 16], ..LogRecord::default() }];
    let scope_logs = vec![ScopeLogs { log_records, ..ScopeLogs::default() }];
    ExportLogsServiceRequest { resource_logs: vec![ResourceLogs { scope_logs, ..ResourceLogs::default() }] }
}

async fn post(sink: &Sink, path: &str, body: Vec<u8>) -> std::io::Result<Answer> {
    let mut client = HttpClient::h1(sink.address()).await?;
    client.try_request(Method::POST, path, &[("content-type", "application/x-protobuf")], body).await
}

#[tokio::test]
async fn traces_come_over_http_on_any_path_and_over_grpc() {
    let sink = Sink::start();
    let answer = post(&sink, "/api/v1/otel/trace", traces(&["a", "b"]).encode_to_vec()).await.unwrap();
    assert_eq!(answer.status, 200);
    let mut client = GrpcClient::connect(sink.address(), "collector").await.unwrap();
    let method = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
    let reply: GrpcReply<ExportTraceServiceResponse> =
        client.call(method, &[], &traces(&["c"])).await.unwrap();
    assert_eq!((reply.status.unwrap().code, reply.messages.len()), (code::OK, 1));
    let spans = sink.wait_spans("three spans", |spans| spans.len() == 3).await;
    assert_eq!(spans.iter().map(|span| span.name()).collect::<Vec<_>>(), ["a", "b", "c"]);
    let first = &spans[0];
    assert_eq!((first.trace_id.as_str(), first.kind()), ("ab".repeat(16).as_str(), SpanKind::Server));
    assert_eq!((first.span_id.as_str(), first.parent_id.as_str()), ("0101010101010101", "0202020202020202"));
    assert_eq!(first.attribute("http.response.status_code"), Some("200"));
    assert_eq!(first.resource["service.name"], "gw");
    assert_eq!(sink.exports().iter().map(|export| export.grpc).collect::<Vec<_>>(), [false, true]);
    assert!(sink.errors().is_empty());
}

#[tokio::test]
async fn logs_come_over_both_and_gzip_is_unpacked() {
    let sink = Sink::start();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut packed, &logs("zipped").encode_to_vec()).unwrap();
    let mut http = HttpClient::h1(sink.address()).await.unwrap();
    let headers = [("content-type", "application/x-protobuf"), ("content-encoding", "gzip")];
    let answer =
        http.try_request(Method::POST, "/v1/logs", &headers, packed.finish().unwrap()).await.unwrap();
    assert_eq!(answer.status, 200);
    let mut client = GrpcClient::connect(sink.address(), "collector").await.unwrap();
    let method = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";
    client.call::<_, ExportLogsServiceResponse>(method, &[], &logs("plain")).await.unwrap();
    let records = sink.wait_logs("two records", |records| records.len() == 2).await;
    assert_eq!(records.iter().map(|record| record.body.as_str()).collect::<Vec<_>>(), ["zipped", "plain"]);
    assert_eq!(records[0].trace_id, "ab".repeat(16));
}

#[tokio::test]
async fn it_refuses_resets_and_rejects_on_command() {
    let sink = Sink::start();
    let body = traces(&["a"]).encode_to_vec();
    sink.set_mode(Mode::Refuse(503));
    let answer = post(&sink, "/v1/traces", body.clone()).await.unwrap();
    assert_eq!((answer.status, answer.header("retry-after")), (503, "0"));
    let mut client = GrpcClient::connect(sink.address(), "collector").await.unwrap();
    let method = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
    let reply: GrpcReply<ExportTraceServiceResponse> =
        client.call(method, &[], &traces(&["a"])).await.unwrap();
    assert_eq!(reply.status.unwrap().code, code::UNAVAILABLE);
    sink.set_mode(Mode::Reset);
    assert!(post(&sink, "/v1/traces", body.clone()).await.is_err());
    assert!(sink.spans().is_empty() && sink.exports().iter().all(|export| !export.accepted));
    sink.set_mode(Mode::Partial(1));
    let answer = post(&sink, "/v1/traces", body).await.unwrap();
    let said = ExportTraceServiceResponse::decode(answer.body).unwrap();
    assert_eq!(said.partial_success.unwrap().rejected_spans, 1);
    assert_eq!(post(&sink, "/v1/traces", b"nonsense".to_vec()).await.unwrap().status, 400);
    assert_eq!(sink.errors().len(), 1);
}

#[tokio::test]
async fn a_stalled_export_is_answered_when_the_mode_changes() {
    let sink = Sink::start();
    sink.set_mode(Mode::Stall);
    let address = sink.address();
    let export = tokio::spawn(async move {
        let mut client = HttpClient::h1(address).await?;
        let headers = [("content-type", "application/x-protobuf")];
        client.try_request(Method::POST, "/v1/traces", &headers, traces(&["late"]).encode_to_vec()).await
    });
    sink.wait_arrivals(1).await;
    assert!(!export.is_finished() && sink.spans().is_empty());
    sink.set_mode(Mode::Accept);
    assert_eq!(export.await.unwrap().unwrap().status, 200);
    assert_eq!(sink.spans()[0].name(), "late");
}
