//! The messages of `proto/`, generated when the crate is built (`build.rs`). Only the codec, the server and the client
//! see them.

use std::fmt;

#[allow(
    unreachable_pub,
    clippy::all,
    clippy::too_many_lines,
    reason = "generated: the style is the generator's"
)]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/xds.rs"));
}

pub(crate) use generated::clearway::config::v1 as config;
pub(crate) use generated::envoy::config::core::v3 as core;
pub(crate) use generated::envoy::service::discovery::v3 as discovery;
pub(crate) use generated::google::protobuf;
pub(crate) use generated::google::rpc;

/// No key is shown.
impl fmt::Debug for config::Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate").field("secret", &self.secret).finish_non_exhaustive()
    }
}

/// The value may be a certificate with its key.
impl fmt::Debug for protobuf::Any {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { type_url, value } = self;
        f.debug_struct("Any").field("type_url", type_url).field("bytes", &value.len()).finish()
    }
}
