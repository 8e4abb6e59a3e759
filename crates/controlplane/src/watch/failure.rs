//! Why a watch fails, in words that say what to do.

use std::fmt;

use kube::Error;
use kube::core::Status;

/// A closed list: the `reason` of the metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Reason {
    /// The position is too old: everything is listed again.
    Expired,
    /// The kind is not there.
    NotFound,
    /// The role does not allow it.
    Forbidden,
    /// The apiserver asks to slow down.
    Throttled,
    /// The apiserver does not know how to stream a list.
    Unsupported,
    /// The apiserver failed.
    Server,
    /// It could not be reached, or the connection broke.
    Connection,
    /// It sent something that is no event.
    Malformed,
}

impl Reason {
    /// The label value.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::NotFound => "not_found",
            Self::Forbidden => "forbidden",
            Self::Throttled => "throttled",
            Self::Unsupported => "unsupported",
            Self::Server => "server",
            Self::Connection => "connection",
            Self::Malformed => "malformed",
        }
    }
}

/// A failure of a watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// Its class.
    pub(crate) reason: Reason,
    /// What the apiserver or the connection said.
    pub(crate) message: String,
}

impl Failure {
    /// The failure that an error of the client means.
    pub(crate) fn of(error: &Error) -> Self {
        match error {
            Error::Api(status) => Self::of_status(status),
            Error::SerdeError(_) | Error::LinesCodecMaxLineLengthExceeded => {
                Self { reason: Reason::Malformed, message: error.to_string() }
            }
            _ => Self { reason: Reason::Connection, message: chain(error) },
        }
    }

    /// The failure that a status means.
    pub(crate) fn of_status(status: &Status) -> Self {
        let reason = match status.code {
            410 => Reason::Expired,
            404 => Reason::NotFound,
            401 | 403 => Reason::Forbidden,
            429 => Reason::Throttled,
            400 | 422 if status.message.contains("sendInitialEvents") => Reason::Unsupported,
            _ => Reason::Server,
        };
        Self { reason, message: format!("{} (code {})", status.message, status.code) }
    }

    /// Whether the apiserver has given an answer that asking again will not change soon.
    pub(crate) fn is_answer(&self) -> bool {
        matches!(self.reason, Reason::NotFound | Reason::Forbidden)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hint = match self.reason {
            Reason::Forbidden => "; grant list and watch on it to the control plane's role",
            Reason::Connection => "; is the apiserver reachable?",
            _ => "",
        };
        write!(f, "{}{hint}", self.message)
    }
}

/// An error with its causes: the outermost alone says only that a request failed.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let words = next.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        cause = next.source();
    }
    text
}
