//! The sweeper: every tick it looks for what took too long, so that no request pays for a timer of its own.

use std::rc::Rc;
use std::time::{Duration, Instant};

use clearway_telemetry::key::ConnectionEnd;

use super::Worker;
use crate::door::conn::{Closing, ConnState};

/// How often it looks; limits of time are kept to this.
pub(super) const TICK: Duration = Duration::from_millis(100);

/// One look at everything.
pub(super) fn sweep(worker: &Rc<Worker>) {
    let now = Instant::now();
    worker.coarse_now.set(now);
    // A worker without requests would hold an old configuration for ever.
    worker.live();
    worker.ledger.flush();
    for (_, conn) in worker.conns.borrow().iter() {
        sweep_connection(worker, conn, now);
    }
    sweep_pools(worker, now);
}

fn sweep_connection(worker: &Worker, conn: &ConnState, now: Instant) {
    if conn.is_overdue(now) {
        return conn.close(Closing::Now(ConnectionEnd::Drained));
    }
    if conn.active.get() > 0 {
        return;
    }
    let timeouts = &worker.options.timeouts;
    match conn.watch.head_started() {
        Some(began) if now.saturating_duration_since(began) > timeouts.header_read => {
            conn.close(Closing::HeaderTimeout);
        }
        Some(_) => {}
        None => {
            let idle = now.saturating_duration_since(conn.idle_since.get());
            // The graceful end of HTTP/2 needs an answer from the client; one that gives none is closed all the same.
            if idle > timeouts.idle + timeouts.header_read || (idle > timeouts.idle && !conn.http2.get()) {
                conn.close(Closing::Now(ConnectionEnd::IdleTimeout));
            } else if idle > timeouts.idle {
                conn.close(Closing::Graceful);
            }
        }
    }
}

fn sweep_pools(worker: &Worker, now: Instant) {
    let longest = worker.options.timeouts.upstream_idle;
    for backend in worker.backends() {
        for endpoint in &backend.endpoints {
            endpoint
                .idle
                .borrow_mut()
                .retain(|idle| !idle.is_closed() && now.saturating_duration_since(idle.since) <= longest);
            endpoint.multiplexed.borrow_mut().retain(|shared| {
                let idle =
                    shared.streams() == 0 && now.saturating_duration_since(shared.idle_since.get()) > longest;
                !idle && !shared.sender.is_closed()
            });
        }
    }
}
