//! Connections from clients, and TCP on both sides.

use std::sync::Arc;

use super::super::page::{Labels, Page};
use super::{backend_labels, listener_labels};
use crate::catalog::{label, metrics};
use crate::families::{BackendTelemetry, SocketTelemetry, TcpTelemetry};
use crate::hub::Telemetry;
use crate::key::{ConnectionEnd, TlsOutcome};

pub(super) fn collect(page: &mut Page<'_>, hub: &Telemetry, backends: &[Arc<BackendTelemetry>]) {
    let mut sockets = hub.sockets.all();
    sockets.sort_unstable_by(|a, b| a.identity.cmp(&b.identity));
    page.family(&metrics::DOWNSTREAM_CONNECTIONS, |samples| {
        for socket in &sockets {
            samples.gauge(&labels(socket), socket.open.get());
        }
    });
    page.family(&metrics::DOWNSTREAM_CONNECTIONS_LIMIT, |samples| {
        if let Some(limit) = hub.connection_limit() {
            samples.gauge(&Labels::none(), limit);
        }
    });
    page.family(&metrics::DOWNSTREAM_CONNECTIONS_ACCEPTED, |samples| {
        for socket in &sockets {
            samples.whole(&labels(socket), socket.accepted.get());
        }
    });
    page.family(&metrics::DOWNSTREAM_CONNECTIONS_CLOSED, |samples| {
        for socket in &sockets {
            for (number, count) in socket.closed.collect() {
                let end = usize::try_from(number).ok().and_then(|at| ConnectionEnd::ALL.get(at));
                if let Some(end) = end {
                    let mut labels = labels(socket);
                    labels.add(&label::CONNECTION_END, end.as_str());
                    samples.whole(&labels, count);
                }
            }
        }
    });
    page.family(&metrics::TLS_HANDSHAKES, |samples| {
        for socket in &sockets {
            for (number, count) in socket.handshakes.collect() {
                let outcome = usize::try_from(number).ok().and_then(|at| TlsOutcome::ALL.get(at));
                if let Some(outcome) = outcome {
                    let mut labels = labels(socket);
                    labels.add(&label::TLS_OUTCOME, outcome.as_str());
                    samples.whole(&labels, count);
                }
            }
        }
    });
    page.family(&metrics::TLS_HANDSHAKE_DURATION, |samples| {
        for socket in &sockets {
            samples.histogram(&labels(socket), &socket.handshake_duration.collect());
        }
    });
    tcp(page, &sockets, backends);
}

fn tcp(page: &mut Page<'_>, sockets: &[Arc<SocketTelemetry>], backends: &[Arc<BackendTelemetry>]) {
    let sides = || {
        let downstream = sockets.iter().map(|socket| {
            let mut labels = Labels::one(&label::SIDE, "downstream");
            socket_labels(&mut labels, socket);
            (labels, &socket.tcp)
        });
        let upstream = backends.iter().map(|backend| {
            let mut labels = Labels::one(&label::SIDE, "upstream");
            backend_labels(&mut labels, &backend.backend);
            (labels, &backend.tcp)
        });
        downstream.chain(upstream)
    };
    page.family(&metrics::TCP_RTT, |samples| {
        for (labels, TcpTelemetry { rtt, .. }) in sides() {
            samples.histogram(&labels, &rtt.collect());
        }
    });
    page.family(&metrics::TCP_RETRANSMITS, |samples| {
        for (labels, TcpTelemetry { retransmits, .. }) in sides() {
            samples.whole(&labels, retransmits.get());
        }
    });
}

fn labels(socket: &SocketTelemetry) -> Labels<'_> {
    let mut labels = Labels::none();
    socket_labels(&mut labels, socket);
    labels
}

fn socket_labels<'a>(labels: &mut Labels<'a>, socket: &'a SocketTelemetry) {
    listener_labels(labels, socket.identity.listener.as_ref());
    labels.add(&label::PORT, socket.identity.port.to_string());
}
