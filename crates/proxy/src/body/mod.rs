//! Bodies on their way: up to a backend (counted, perhaps kept for another try, perhaps copied to mirrors) and down to
//! the client (counted, timed, and the place where an exchange ends).

mod down;
mod source;
mod up;

pub(crate) use down::{DownBody, Tail, note_grpc_status};
pub(crate) use source::{Source, Tee};
pub(crate) use up::{Progress, UpBody, Upload};

/// Why a body ends early: hyper takes it as a failure and resets the stream or the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BodyError {
    /// The client's request body failed.
    #[error("the client broke off its request body")]
    Client,
    /// The backend's response body failed.
    #[error("the backend broke off its response body")]
    Upstream,
    /// The rule's request timeout passed.
    #[error("the request timeout passed within the response body")]
    Timeout,
    /// A mirror fell behind and was given up.
    #[error("the copy fell behind the original")]
    Behind,
}
