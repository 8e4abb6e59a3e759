//! One request's record, closed once: when the response was sent, when a fault ended it, or when it was dropped.

use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;

use super::connection::{Connection, Fate};
use super::recorded::Outcome;
use super::reply::Fault;
use super::shared::Shared;

#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) id: u64,
    pub(super) shared: Arc<Shared>,
    pub(super) connection: Arc<Connection>,
    outcome: Outcome,
    close_after: bool,
}

impl Exchange {
    pub(super) fn open(id: u64, shared: &Arc<Shared>, connection: &Arc<Connection>) -> Self {
        let (shared, connection) = (Arc::clone(shared), Arc::clone(connection));
        Self { id, shared, connection, outcome: Outcome::Cancelled, close_after: false }
    }

    pub(super) fn sent(&mut self) {
        self.outcome = Outcome::Sent;
    }

    /// Ends the connection once the exchange is over.
    pub(super) fn close_after(&mut self) {
        self.close_after = true;
    }

    pub(super) fn body_read(&self, body: Bytes, bytes: u64, trailers: Option<HeaderMap>) {
        self.shared.body_read(self.id, body, bytes, trailers);
    }

    /// Carries out a fault. Returns for [`Fault::Abort`] only, which the caller turns into an error.
    pub(super) async fn fault(&mut self, fault: Fault) {
        self.outcome = Outcome::Faulted;
        let fate = match fault {
            Fault::Abort => return,
            Fault::Close => Fate::Close,
            Fault::Reset => Fate::Reset,
        };
        self.connection.end(fate);
        // The connection's task drops this future together with the socket.
        std::future::pending::<()>().await;
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.connection.exchange_closed();
        if self.close_after {
            self.connection.end(Fate::Finish);
        }
        self.shared.closed(self.id, self.outcome);
    }
}
