//! Connections and streams that are turned away: why, and who is told.

use std::fmt;
use std::sync::Arc;

use tonic::Status;

/// Why a connection or a stream was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamRefusal {
    /// No valid certificate, no TLS at all, or a handshake that took too long.
    Tls,
    /// It does not say who it is, or names a fleet that its certificate does not bear.
    Identity,
    /// It does not keep to the protocol.
    Protocol,
    /// The server is about to end.
    Draining,
}

/// Who is told of every refusal, once for each.
#[derive(Clone, Default)]
pub struct OnRefusal(Option<Arc<dyn Fn(StreamRefusal) + Send + Sync>>);

impl OnRefusal {
    /// Tells `told`.
    pub fn tell(told: impl Fn(StreamRefusal) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(told)))
    }

    pub(super) fn of(&self, refusal: StreamRefusal) {
        if let Some(told) = &self.0 {
            told(refusal);
        }
    }
}

impl fmt::Debug for OnRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OnRefusal").field(&self.0.is_some()).finish()
    }
}

/// A stream that is ended with an error.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) why: StreamRefusal,
    pub(super) status: Status,
}

impl Refused {
    pub(super) fn protocol(words: String) -> Self {
        Self { why: StreamRefusal::Protocol, status: Status::invalid_argument(words) }
    }
}
