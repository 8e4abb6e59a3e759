//! Counts beside the exchanges: connections, handshakes, pools.

use std::rc::Rc;
use std::time::Duration;

use clearway_telemetry::families::{BackendTelemetry, ListenerTelemetry, SocketTelemetry};
use clearway_telemetry::key::{ConnectOutcome, ConnectionEnd, MirrorOutcome, TlsOutcome};
use clearway_telemetry::{Counter, Held};

use super::Ledger;
use crate::bridge::Timing;
use crate::worker::Worker;

/// Counts something in a gauge for as long as it lives.
pub(crate) struct GaugeGuard {
    worker: Rc<Worker>,
    telemetry: Held<BackendTelemetry>,
    gauge: fn(&BackendTelemetry) -> &Counter,
}

impl Drop for GaugeGuard {
    fn drop(&mut self) {
        (self.gauge)(&self.telemetry).sub(&self.worker.ledger.id, 1);
    }
}

impl Worker {
    fn gauge(
        self: Rc<Self>,
        telemetry: &Held<BackendTelemetry>,
        gauge: fn(&BackendTelemetry) -> &Counter,
    ) -> GaugeGuard {
        gauge(telemetry).add(&self.ledger.id, 1);
        GaugeGuard { worker: self, telemetry: telemetry.clone(), gauge }
    }

    /// A connection lies idle in a pool.
    pub(crate) fn upstream_idle(self: Rc<Self>, telemetry: &Held<BackendTelemetry>) -> GaugeGuard {
        self.gauge(telemetry, |backend| &backend.idle)
    }

    /// A request waits for a connection.
    pub(crate) fn upstream_pending(self: Rc<Self>, telemetry: &Held<BackendTelemetry>) -> GaugeGuard {
        self.gauge(telemetry, |backend| &backend.pending)
    }

    /// A connection to an endpoint is open.
    pub(crate) fn upstream_open(self: Rc<Self>, telemetry: &Held<BackendTelemetry>) -> GaugeGuard {
        self.gauge(telemetry, |backend| &backend.open)
    }
}

impl Ledger {
    pub(super) fn exchange_opened(&self, listener: &ListenerTelemetry) {
        listener.in_flight.add(&self.id, 1);
    }

    pub(crate) fn connection_opened(&self, socket: &SocketTelemetry) {
        socket.open.add(&self.id, 1);
        socket.accepted.add(&self.id, 1);
    }

    pub(crate) fn connection_closed(&self, socket: &SocketTelemetry, end: ConnectionEnd) {
        socket.open.sub(&self.id, 1);
        socket.closed.add(&self.id, end as u64, 1);
    }

    pub(crate) fn handshake(&self, socket: &SocketTelemetry, outcome: TlsOutcome, took: Duration) {
        socket.handshakes.add(&self.id, outcome as u64, 1);
        if self.switches.latency_metrics && matches!(outcome, TlsOutcome::Tls12 | TlsOutcome::Tls13) {
            socket.handshake_duration.observe(&self.id, took);
        }
    }

    pub(crate) fn upstream_connected(
        &self,
        backend: &BackendTelemetry,
        outcome: ConnectOutcome,
        timing: Timing,
    ) {
        if self.switches.upstream_health_metrics {
            backend.connects.add(&self.id, outcome as u64, 1);
            if let Some(connect) = timing.connect {
                backend.connect.observe(&self.id, connect);
            }
            if let Some(tls) = timing.tls {
                backend.tls.observe(&self.id, tls);
            }
        }
    }

    pub(crate) fn ejected(&self, backend: &BackendTelemetry) {
        backend.ejections.add(&self.id, 1);
    }

    pub(crate) fn mirrored(&self, outcome: MirrorOutcome) {
        self.hub.mirrors.add(&self.id, outcome as u64, 1);
    }
}
