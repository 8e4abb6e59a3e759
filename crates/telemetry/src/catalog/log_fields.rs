//! Fields of an access-log line. The writer takes the names from here; the generator of the documentation too.
//!
//! A field that does not apply is absent, never empty or `-`. Fields that are also labels of metrics have their names.

use super::{Field, FieldKind, fields};

/// The value of [`SCHEMA`]: rises when a field is renamed or changes its meaning.
pub const SCHEMA_VERSION: u32 = 1;

/// The value of [`EVENT`], and the event name of OTLP log records.
pub const EVENT_NAME: &str = "gateway.http.access";

fields! {
    /// Fields at the top of a line, in the order in which they are written.
    ALL {
        TIMESTAMP = "timestamp", Text, "always", "End of the request, RFC 3339 with nanoseconds, UTC";
        LEVEL = "level", Text, "always", "info; error when the status is 5xx or the flag blames gateway or backend";
        EVENT = "event", Text, "always", "Name of the kind of line: gateway.http.access";
        SCHEMA = "schema", Integer, "always", "Version of this set of fields";
        TRACE_ID = "trace_id", Text, "always", "Trace id, 32 hexadecimal digits";
        SPAN_ID = "span_id", Text, "always", "The gateway's SERVER span, 16 hexadecimal digits";
        TRACE_FLAGS = "trace_flags", Text, "always", "W3C trace flags, two hexadecimal digits: 01 is sampled";
        REQUEST_ID = "request_id", Text, "when the request has one", "X-Request-ID as sent to the backend and the client";
        CONFIG_VERSION = "config_version", Text, "always", "Version of the configuration that served the request";
        GATEWAY_NAMESPACE = "gateway_namespace", Text, "when a listener took the request", "Namespace of the Gateway";
        GATEWAY_NAME = "gateway_name", Text, "when a listener took the request", "Name of the Gateway";
        LISTENER = "listener", Text, "when a listener took the request", "Name of the listener";
        ROUTE_KIND = "route_kind", Text, "when a rule took the request", "HTTPRoute or GRPCRoute";
        ROUTE_NAMESPACE = "route_namespace", Text, "when a rule took the request", "Namespace of the route";
        ROUTE_NAME = "route_name", Text, "when a rule took the request", "Name of the route";
        ROUTE_RULE = "route_rule", Text, "when a rule took the request", "Name of the rule, else its index";
        METHOD = "method", Text, "always", "Request method as sent";
        SCHEME = "scheme", Text, "always", "http or https, as the client connected";
        HOST = "host", Text, "when sent", "Host or :authority as sent, without userinfo";
        PATH = "path", Text, "always", "Path as sent, at most 2 KiB";
        QUERY = "query", Text, "when sent", "Query as sent, with the values of secret parameters redacted";
        PROTOCOL = "protocol", Text, "always", "HTTP/1.0, HTTP/1.1 or HTTP/2";
        CODE = "code", Integer, "always", "Status code that the client got; 499 when it left before one";
        FLAG = "flag", Text, "always", "What became of the request: the word of the reason label";
        SIDE = "side", Text, "when the flag blames somebody", "Who failed: client, upstream or gateway";
        ANSWERED_BY = "answered_by", Text, "always", "Who made the response: gateway or upstream";
        GRPC_STATUS = "grpc_status", Text, "for gRPC calls that got a status", "Name of the gRPC status code";
        DETAIL = "detail", Text, "when the gateway refused", "Why, in a sentence that names addresses and objects, at most 512 bytes";
        CLIENT_ADDRESS = "client_address", Text, "always", "The client, as far as Forwarded is trusted";
        PEER_ADDRESS = "peer_address", Text, "always", "Peer of the connection, address and port";
        LOCAL_ADDRESS = "local_address", Text, "always", "The gateway's end of the connection, address and port";
        USER_AGENT = "user_agent", Text, "when sent", "User-Agent, at most 512 bytes";
        BYTES_RECEIVED = "bytes_received", Integer, "always", "Request body bytes taken from the client";
        BYTES_SENT = "bytes_sent", Integer, "always", "Response body bytes given to the client";
        DURATION_SECONDS = "duration_seconds", Number, "always", "From the first byte of the request to the last of the response";
        PHASES = "phases", Object, "always", "Seconds by phase; phases that took no time are absent; they add up to duration_seconds";
        ATTEMPTS = "attempts", List, "when a backend was tried", "Every try, in order";
        UPGRADED = "upgraded", Boolean, "when the connection was upgraded", "The connection left HTTP (101)";
        REQUEST_HEADERS = "request_headers", Object, "when the allow-list names one that was sent", "Request headers by lower case name";
        RESPONSE_HEADERS = "response_headers", Object, "when the allow-list names one that came", "Response headers by lower case name";
        TRUNCATED = "truncated", Boolean, "when something was cut", "A field or the line was cut to its limit";
    }
}

fields! {
    /// Members of an entry of [`ATTEMPTS`], in the order in which they are written.
    ATTEMPT {
        ATTEMPT_SPAN_ID = "span_id", Text, "always", "The CLIENT span, 16 hexadecimal digits";
        ATTEMPT_BACKEND_KIND = "backend_kind", Text, "always", "Service or Backend";
        ATTEMPT_BACKEND_NAMESPACE = "backend_namespace", Text, "always", "Namespace of the backend";
        ATTEMPT_BACKEND_NAME = "backend_name", Text, "always", "Name of the backend";
        ATTEMPT_BACKEND_PORT = "backend_port", Integer, "always", "Port that the route names";
        ATTEMPT_ENDPOINT = "endpoint", Text, "when one was chosen", "Address and port of the endpoint";
        ATTEMPT_LOCAL_ADDRESS = "local_address", Text, "when a connection was used", "The gateway's end of the connection";
        ATTEMPT_CODE = "code", Integer, "when a response came", "Status code that came";
        ATTEMPT_FLAG = "flag", Text, "always", "What became of the try";
        ATTEMPT_REUSED = "reused", Boolean, "always", "Whether the connection had served before";
        ATTEMPT_CONNECT_SECONDS = "connect_seconds", Number, "when a connection was opened", "Opening the connection";
        ATTEMPT_TLS_SECONDS = "tls_seconds", Number, "when TLS was begun", "TLS on it";
        ATTEMPT_FIRST_BYTE_SECONDS = "first_byte_seconds", Number, "when a response came", "From the start to the head of the response";
        ATTEMPT_DURATION_SECONDS = "duration_seconds", Number, "when it ended", "From the start to its end";
    }
}
