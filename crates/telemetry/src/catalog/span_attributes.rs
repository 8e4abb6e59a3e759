//! Attributes of spans. The builder of spans takes the names from here; the generator of the documentation too.
//!
//! Stable OpenTelemetry conventions where there are any (semantic conventions 1.44), `clearway.` else.

use super::{Field, FieldKind, fields};

fields! {
    /// Attributes of the SERVER span: one for each request.
    SERVER {
        HTTP_REQUEST_METHOD = "http.request.method", Text, "always", "Request method; _OTHER when it is not registered";
        HTTP_REQUEST_METHOD_ORIGINAL = "http.request.method_original", Text, "when the method is _OTHER", "Request method as sent";
        HTTP_ROUTE = "http.route", Text, "when a rule took the request", "The rule as namespace/name/rule: configuration, never the path";
        HTTP_RESPONSE_STATUS_CODE = "http.response.status_code", Integer, "when a status was sent", "Status code that the client got";
        ERROR_TYPE = "error.type", Text, "when something failed", "The word of the flag, else the status code of a 5xx";
        URL_SCHEME = "url.scheme", Text, "always", "http or https";
        URL_PATH = "url.path", Text, "always", "Path as sent";
        URL_QUERY = "url.query", Text, "when sent", "Query with the values of secret parameters redacted";
        SERVER_ADDRESS = "server.address", Text, "when sent; on CLIENT spans always", "Host as sent, without port; on CLIENT spans the endpoint's address or name";
        SERVER_PORT = "server.port", Integer, "when known", "Port of the host as sent; on CLIENT spans the endpoint's port";
        CLIENT_ADDRESS = "client.address", Text, "always", "The client, as far as Forwarded is trusted";
        NETWORK_PEER_ADDRESS = "network.peer.address", Text, "when connected", "Peer of the connection";
        NETWORK_PEER_PORT = "network.peer.port", Integer, "when connected", "Port of the peer";
        NETWORK_LOCAL_ADDRESS = "network.local.address", Text, "when connected", "The gateway's end of the connection";
        NETWORK_LOCAL_PORT = "network.local.port", Integer, "when connected", "Port of the gateway's end";
        NETWORK_PROTOCOL_VERSION = "network.protocol.version", Text, "always", "1.0, 1.1 or 2";
        USER_AGENT_ORIGINAL = "user_agent.original", Text, "when sent", "User-Agent";
        HTTP_REQUEST_BODY_SIZE = "http.request.body.size", Integer, "always", "Request body bytes taken from the client";
        HTTP_RESPONSE_BODY_SIZE = "http.response.body.size", Integer, "always", "Response body bytes given to the client";
        REQUEST_ID = "http.request.header.x-request-id", List, "when the request has one", "X-Request-ID";
        RPC_SYSTEM_NAME = "rpc.system.name", Text, "for gRPC calls", "grpc";
        RPC_STATUS_CODE = "rpc.status_code", Text, "for gRPC calls that got a status", "Name of the gRPC status code";
        GATEWAY_NAMESPACE = "clearway.gateway.namespace", Text, "when a listener took the request", "Namespace of the Gateway";
        GATEWAY_NAME = "clearway.gateway.name", Text, "when a listener took the request", "Name of the Gateway";
        LISTENER = "clearway.listener", Text, "when a listener took the request", "Name of the listener";
        ROUTE_KIND = "clearway.route.kind", Text, "when a rule took the request", "HTTPRoute or GRPCRoute";
        ROUTE_NAMESPACE = "clearway.route.namespace", Text, "when a rule took the request", "Namespace of the route";
        ROUTE_NAME = "clearway.route.name", Text, "when a rule took the request", "Name of the route";
        ROUTE_RULE = "clearway.route.rule", Text, "when a rule took the request", "Name of the rule, else its index";
        CONFIG_VERSION = "clearway.config.version", Text, "always", "Version of the configuration that served the request";
        FLAG = "clearway.flag", Text, "always", "What became of it: the word of the reason label";
        ANSWERED_BY = "clearway.answered_by", Text, "always", "Who made the response: gateway or upstream";
        PHASE_READ = "clearway.phase.read_seconds", Number, "when it took time", "Seconds spent in the phase read";
        PHASE_ROUTE = "clearway.phase.route_seconds", Number, "when it took time", "Seconds spent in the phase route";
        PHASE_POLICY = "clearway.phase.policy_seconds", Number, "when it took time", "Seconds spent in the phase policy";
        PHASE_QUEUE = "clearway.phase.queue_seconds", Number, "when it took time", "Seconds spent in the phase queue";
        PHASE_CONNECT = "clearway.phase.connect_seconds", Number, "when it took time", "Seconds spent in the phase connect";
        PHASE_TLS = "clearway.phase.tls_seconds", Number, "when it took time", "Seconds spent in the phase tls";
        PHASE_UPSTREAM = "clearway.phase.upstream_seconds", Number, "when it took time", "Seconds spent in the phase upstream";
        PHASE_BODY = "clearway.phase.body_seconds", Number, "when it took time", "Seconds spent in the phase body";
        PHASE_WRITE = "clearway.phase.write_seconds", Number, "when it took time", "Seconds spent in the phase write";
    }
}

fields! {
    /// Attributes that only CLIENT spans have: one span for each try. They also have `http.request.method`,
    /// `http.response.status_code`, `error.type`, `server.*`, `network.*`, `clearway.flag`.
    CLIENT {
        URL_FULL = "url.full", Text, "always", "URL of the try, without userinfo, secret query values redacted";
        HTTP_REQUEST_RESEND_COUNT = "http.request.resend_count", Integer, "from the second try on", "Number of the try, from 1 for the first that was sent again";
        BACKEND_KIND = "clearway.backend.kind", Text, "always", "Service or Backend";
        BACKEND_NAMESPACE = "clearway.backend.namespace", Text, "always", "Namespace of the backend";
        BACKEND_NAME = "clearway.backend.name", Text, "always", "Name of the backend";
        BACKEND_PORT = "clearway.backend.port", Integer, "always", "Port that the route names";
        CONNECTION_REUSED = "clearway.connection.reused", Boolean, "always", "Whether the connection had served before";
        CONNECT_SECONDS = "clearway.connect_seconds", Number, "when a connection was opened", "Opening the connection";
        TLS_SECONDS = "clearway.tls_seconds", Number, "when TLS was begun", "TLS on it";
        FIRST_BYTE_SECONDS = "clearway.first_byte_seconds", Number, "when a response came", "From the start to the head of the response";
    }
}

fields! {
    /// Attributes of the trace of a published change: the root span `config.change` and its children `watch`, `translate`,
    /// `encode`, `publish`, `ack` or `nack` for each data plane, and `served`. They also have `clearway.config.version`,
    /// `error.type` and, of data planes, `network.peer.*`.
    CHANGE {
        CONFIG_STAGE = "clearway.config.stage", Text, "on children", "Stage of the change: the name of the span";
        FLEET = "clearway.fleet", Text, "always", "Data planes that the change is for";
        CONFIG_CHANGES = "clearway.config.changes", Integer, "on the root", "Changes of objects that it took in";
        CONFIG_OBJECTS = "clearway.config.objects", List, "on the root, when objects changed", "The first eight of them: kind, namespace and name";
        CONFIG_PROBLEMS = "clearway.config.problems", Integer, "on the root", "Problems that the translation found";
        CONFIG_ENCODED = "clearway.config.encoded_resources", Integer, "on the root", "Resources that differ from the version before";
        DATAPLANE_NAME = "clearway.dataplane.name", Text, "on ack and nack", "Name of the data plane: its pod";
        REFUSED_RESOURCES = "clearway.refused_resources", List, "on nack, when it names any", "Resources that the data plane refuses";
        DATAPLANES_ACKED = "clearway.dataplanes.acked", Integer, "on served", "Data planes that serve the version";
        DATAPLANES_REFUSED = "clearway.dataplanes.refused", Integer, "on served", "Data planes that refuse it";
        DATAPLANES_SUPERSEDED = "clearway.dataplanes.superseded", Integer, "on served", "Data planes that went on to a newer version";
        DATAPLANES_UNANSWERED = "clearway.dataplanes.unanswered", Integer, "on served", "Data planes that had not answered within 30 s";
    }
}
