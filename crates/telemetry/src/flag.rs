//! The one vocabulary of outcomes: what became of a request, and whose doing it was.
//!
//! The word of a flag is the `reason` label of metrics, the `flag` field of the access log, a span's `error.type`,
//! and the word in alerts and runbooks. Words are stable; a new outcome is a new word.

/// Who caused an outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// Nobody failed.
    None,
    /// The client, or the connection to it.
    Downstream,
    /// The backend, or the connection to it.
    Upstream,
    /// The gateway or its configuration.
    Internal,
}

impl Side {
    /// The word in logs: `none`, `client`, `upstream` or `gateway`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Downstream => "client",
            Self::Upstream => "upstream",
            Self::Internal => "gateway",
        }
    }
}

macro_rules! flags {
    ($($(#[$doc:meta])* $name:ident = $word:literal, $side:ident;)+) => {
        /// What became of a request or of one try, beyond its status code.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum ResponseFlag { $($(#[$doc])* $name,)+ }

        impl ResponseFlag {
            /// Every flag, in the order of its number.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The stable word.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)+ }
            }

            /// Whose doing it is.
            pub const fn side(self) -> Side {
                match self { $(Self::$name => Side::$side,)+ }
            }
        }
    };
}

flags! {
    /// Served as asked.
    #[default]
    None = "none", None;
    /// Answered by a redirect filter.
    Redirect = "redirect", None;
    /// A CORS preflight, answered by the gateway.
    CorsPreflight = "cors_preflight", None;
    /// No listener or route takes the request: 404, or gRPC UNIMPLEMENTED.
    NoRoute = "no_route", Downstream;
    /// The host belongs to another listener than the one whose TLS was negotiated: 421 (RFC 9110 section 15.5.20).
    Misdirected = "misdirected_request", Downstream;
    /// Syntax or framing that is refused: 400 (RFC 9112 section 6).
    RequestMalformed = "request_malformed", Downstream;
    /// Request headers above a limit: 431 (RFC 6585 section 5).
    HeadersTooLarge = "request_headers_too_large", Downstream;
    /// The head of a request did not arrive in time: 408, and the connection is closed.
    HeaderTimeout = "request_header_timeout", Downstream;
    /// CONNECT, which only a forward proxy serves: 405.
    MethodRefused = "method_refused", Downstream;
    /// The client went away before the end: 499.
    ClientGone = "client_gone", Downstream;
    /// Cut off by a drain whose deadline passed.
    Drained = "drained", Internal;
    /// More connections than allowed: 503.
    ConnectionLimit = "connection_limit", Internal;
    /// More requests waiting for a backend than allowed: 503.
    PendingLimit = "pending_limit", Internal;
    /// The route has no backend: 500.
    NoBackend = "no_backend", Internal;
    /// The chosen backend reference leads nowhere: 500.
    BackendInvalid = "backend_invalid", Internal;
    /// The rule has a filter that cannot be applied: 500.
    FilterUnsupported = "filter_unsupported", Internal;
    /// The backend has no endpoint: 503.
    NoEndpoint = "no_endpoint", Upstream;
    /// No connection to the backend: 503.
    ConnectFailed = "connect_failed", Upstream;
    /// No connection to the backend in time: 504.
    ConnectTimeout = "connect_timeout", Upstream;
    /// TLS with the backend failed: 502.
    UpstreamTls = "upstream_tls_failed", Upstream;
    /// The backend closed or reset the connection before a response: 502.
    UpstreamReset = "upstream_reset", Upstream;
    /// The backend's answer is not HTTP: 502.
    UpstreamMalformed = "upstream_malformed", Upstream;
    /// The response broke off after its head was sent on.
    UpstreamTruncated = "upstream_truncated", Upstream;
    /// `timeouts.request` passed: 504.
    RequestTimeout = "request_timeout", Upstream;
    /// `timeouts.backendRequest` passed: 504.
    BackendTimeout = "backend_request_timeout", Upstream;
    /// A status that the retry policy names, on a try that was tried again.
    RetriedStatus = "retried_status", Upstream;
    /// A fault of the gateway itself: 500.
    Internal = "internal_error", Internal;
}

impl ResponseFlag {
    /// The flag of a number from a packed key; unknown numbers are [`ResponseFlag::Internal`].
    pub fn from_number(number: u8) -> Self {
        Self::ALL.get(usize::from(number)).copied().unwrap_or(Self::Internal)
    }

    /// Whether something failed.
    pub fn is_failure(self) -> bool {
        self.side() != Side::None
    }
}

#[cfg(test)]
mod tests {
    use super::ResponseFlag;

    #[test]
    fn numbers_and_words_are_one_to_one() {
        let words: std::collections::BTreeSet<_> = ResponseFlag::ALL.iter().map(|f| f.as_str()).collect();
        assert_eq!(words.len(), ResponseFlag::ALL.len());
        for flag in ResponseFlag::ALL {
            assert_eq!(ResponseFlag::from_number(*flag as u8), *flag);
        }
        assert!(ResponseFlag::ALL.len() <= 64, "a packed key has six bits for the flag");
    }
}
