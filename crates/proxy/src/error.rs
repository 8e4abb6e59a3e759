//! What goes wrong on the path: whose fault, whether another try may help, and the flag an operator will see.

use clearway_telemetry::{ResponseFlag, Side};
use http::StatusCode;

/// Whether another try may help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryAdvice {
    /// It would end the same.
    No,
    /// Nothing was sent: any request may go elsewhere.
    NothingSent,
    /// The request may have been seen: only what may be repeated is repeated.
    IfRepeatable,
}

/// An exchange that ends without a backend's response.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{flag:?}: {detail}")]
pub struct ProxyError {
    /// What happened.
    pub flag: ResponseFlag,
    /// Whether another try may help.
    pub retry: RetryAdvice,
    /// The sentence for operators.
    pub detail: String,
}

/// The exchange's result until there is a response.
pub(crate) type Result<T> = std::result::Result<T, ProxyError>;

impl ProxyError {
    /// A refusal: the same request would be refused again.
    pub(crate) fn refuse(flag: ResponseFlag, detail: impl Into<String>) -> Self {
        Self { flag, retry: RetryAdvice::No, detail: detail.into() }
    }

    /// A failure before a byte of the request was sent.
    pub(crate) fn unsent(flag: ResponseFlag, detail: impl Into<String>) -> Self {
        Self { flag, retry: RetryAdvice::NothingSent, detail: detail.into() }
    }

    /// A failure after the request may have been seen.
    pub(crate) fn sent(flag: ResponseFlag, detail: impl Into<String>) -> Self {
        Self { flag, retry: RetryAdvice::IfRepeatable, detail: detail.into() }
    }

    /// Whose fault it is.
    pub fn side(&self) -> Side {
        self.flag.side()
    }

    /// The status that the client gets.
    pub fn status(&self) -> StatusCode {
        match self.flag {
            ResponseFlag::NoRoute => StatusCode::NOT_FOUND,
            ResponseFlag::Misdirected => StatusCode::MISDIRECTED_REQUEST,
            ResponseFlag::RequestMalformed => StatusCode::BAD_REQUEST,
            ResponseFlag::HeadersTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            ResponseFlag::HeaderTimeout => StatusCode::REQUEST_TIMEOUT,
            ResponseFlag::MethodRefused => StatusCode::METHOD_NOT_ALLOWED,
            ResponseFlag::ConnectionLimit
            | ResponseFlag::PendingLimit
            | ResponseFlag::NoEndpoint
            | ResponseFlag::Drained
            | ResponseFlag::ConnectFailed => StatusCode::SERVICE_UNAVAILABLE,
            ResponseFlag::ConnectTimeout | ResponseFlag::RequestTimeout | ResponseFlag::BackendTimeout => {
                StatusCode::GATEWAY_TIMEOUT
            }
            ResponseFlag::UpstreamTls | ResponseFlag::UpstreamReset | ResponseFlag::UpstreamMalformed => {
                StatusCode::BAD_GATEWAY
            }
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The gRPC status number that a gRPC client gets (gRPC over HTTP/2, mapping of proxies' errors).
    pub fn grpc_status(&self) -> u8 {
        match self.flag {
            ResponseFlag::NoRoute => 12,
            ResponseFlag::RequestTimeout | ResponseFlag::BackendTimeout => 4,
            ResponseFlag::RequestMalformed | ResponseFlag::MethodRefused | ResponseFlag::Internal => 13,
            ResponseFlag::HeadersTooLarge => 8,
            _ => 14,
        }
    }
}
