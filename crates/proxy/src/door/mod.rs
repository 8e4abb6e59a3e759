//! The door: may this connection come in? Sockets are bound before a configuration goes live, one for each worker
//! (`SO_REUSEPORT`), and let go of after.

pub(crate) mod accept;
pub(crate) mod bind;
pub(crate) mod conn;
pub(crate) mod drive;
mod handshake;
pub(crate) mod preface;
