//! Closed vocabularies of label values that come from the protocol: a request can choose among them, never add one;
//! and the macro that other rooms declare theirs with.

/// An enum whose values are words of a label.
macro_rules! vocabulary {
    ($(#[$outer:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$outer])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum $name { $($(#[$doc])* $variant,)+ }

        impl $name {
            /// Every value, in the order of its number.
            pub const ALL: [Self; [$($word),+].len()] = [$(Self::$variant,)+];

            /// The label value.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
        }
    };
}
pub(crate) use vocabulary;

/// Request methods as a label; what is not registered is `_OTHER` (OpenTelemetry `http.request.method`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum MethodLabel {
    /// GET.
    Get,
    /// HEAD.
    Head,
    /// POST.
    Post,
    /// PUT.
    Put,
    /// DELETE.
    Delete,
    /// CONNECT.
    Connect,
    /// OPTIONS.
    Options,
    /// TRACE.
    Trace,
    /// PATCH.
    Patch,
    /// QUERY.
    Query,
    /// Anything else.
    Other,
}

impl MethodLabel {
    /// Every value, in the order of its number.
    pub const ALL: [Self; 11] = [
        Self::Get,
        Self::Head,
        Self::Post,
        Self::Put,
        Self::Delete,
        Self::Connect,
        Self::Options,
        Self::Trace,
        Self::Patch,
        Self::Query,
        Self::Other,
    ];

    /// The label of a method token; tokens are case-sensitive (RFC 9110 section 9.1).
    pub fn of(method: &http::Method) -> Self {
        match *method {
            http::Method::GET => Self::Get,
            http::Method::HEAD => Self::Head,
            http::Method::POST => Self::Post,
            http::Method::PUT => Self::Put,
            http::Method::DELETE => Self::Delete,
            http::Method::CONNECT => Self::Connect,
            http::Method::OPTIONS => Self::Options,
            http::Method::TRACE => Self::Trace,
            http::Method::PATCH => Self::Patch,
            ref other if other.as_str() == "QUERY" => Self::Query,
            _ => Self::Other,
        }
    }

    /// The label value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
            Self::Connect => "CONNECT",
            Self::Options => "OPTIONS",
            Self::Trace => "TRACE",
            Self::Patch => "PATCH",
            Self::Query => "QUERY",
            Self::Other => "_OTHER",
        }
    }
}

/// What a client speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Protocol {
    /// HTTP/1.0.
    Http10,
    /// HTTP/1.1.
    #[default]
    Http11,
    /// HTTP/2.
    Http2,
}

impl Protocol {
    /// Every value, in the order of its number.
    pub const ALL: [Self; 3] = [Self::Http10, Self::Http11, Self::Http2];

    /// The label of an HTTP version.
    pub fn of(version: http::Version) -> Self {
        match version {
            http::Version::HTTP_2 => Self::Http2,
            http::Version::HTTP_09 | http::Version::HTTP_10 => Self::Http10,
            _ => Self::Http11,
        }
    }

    /// The label value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http10 => "HTTP/1.0",
            Self::Http11 => "HTTP/1.1",
            Self::Http2 => "HTTP/2",
        }
    }

    /// OpenTelemetry `network.protocol.version`.
    pub const fn version(self) -> &'static str {
        match self {
            Self::Http10 => "1.0",
            Self::Http11 => "1.1",
            Self::Http2 => "2",
        }
    }
}

/// Who made the response.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum AnsweredBy {
    /// The gateway.
    #[default]
    Gateway,
    /// A backend.
    Upstream,
}

impl AnsweredBy {
    /// The label value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Upstream => "upstream",
        }
    }
}

/// Names of gRPC status codes by number (gRPC `statuscodes.md`); beyond the list: `_OTHER`.
pub const GRPC_STATUS: [&str; 18] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
    "_OTHER",
];

/// Stretches of a request's life; together they are the whole of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Phase {
    /// From the first byte of the head to the whole head.
    Read,
    /// Finding listener and rule.
    Route,
    /// Filters on the request and on the response's head.
    Policy,
    /// Waiting for a connection's turn, or between tries.
    Queue,
    /// Opening a connection to an endpoint.
    Connect,
    /// TLS with an endpoint.
    Tls,
    /// From sending the request to the head of the response.
    Upstream,
    /// Waiting for the backend's body.
    Body,
    /// Waiting for the client to take the response.
    Write,
}

impl Phase {
    /// Number of phases.
    pub const COUNT: usize = 9;
    /// Every phase, in the order of its number.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Read,
        Self::Route,
        Self::Policy,
        Self::Queue,
        Self::Connect,
        Self::Tls,
        Self::Upstream,
        Self::Body,
        Self::Write,
    ];

    /// The label value and the field name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Route => "route",
            Self::Policy => "policy",
            Self::Queue => "queue",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Upstream => "upstream",
            Self::Body => "body",
            Self::Write => "write",
        }
    }
}
