//! What `run` and `dataplane` have in common: the proxy with its telemetry, the admin server, the end.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clearway_admin::{AdminServer, LevelControl};
use clearway_dataplane::{Applier, ConfigState};
use clearway_proxy::{LedgerOptions, Proxy};
use clearway_telemetry::Telemetry;
use clearway_telemetry::config::ConfigTelemetry;
use clearway_telemetry::redact::RecordPolicy;
use clearway_telemetry::runtime::RuntimeTelemetry;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::admin::{self, Source};
use super::sinks::Sinks;
use crate::Done;
use crate::cli::{AdminArgs, DataPathArgs, TelemetryArgs};

/// Time for sinks to hand on what they hold when the process ends.
const LAST_FLUSH: Duration = Duration::from_secs(5);

/// A data path that runs, without a configuration at first.
pub(crate) struct Serving {
    pub(crate) config: Arc<ConfigTelemetry>,
    pub(crate) state: Arc<ConfigState>,
    pub(crate) proxy: Arc<Proxy>,
    hub: Arc<Telemetry>,
    runtimes: Arc<RuntimeTelemetry>,
    sinks: Sinks,
    closing: watch::Sender<bool>,
    stop: watch::Sender<bool>,
}

/// A runtime for admin, exporters and configuration. The workers have runtimes of their own, so that neither a scrape
/// nor a slow collector stands in the way of a request.
pub(crate) fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).thread_name("control").enable_all().build()
}

impl Serving {
    /// Starts workers and sinks.
    pub(crate) fn start(
        data_path: &DataPathArgs,
        telemetry: &TelemetryArgs,
    ) -> Result<Self, Box<dyn std::error::Error>> {
        let options = data_path.options();
        let hub = Telemetry::new(options.workers, telemetry.switches());
        let policy = RecordPolicy::new(&telemetry.record())?;
        let sinks = Sinks::start(telemetry, &policy)?;
        let ledger = LedgerOptions {
            sampler: telemetry.sampler(),
            propagation: telemetry.propagation(),
            policy,
            access_log: sinks.access_log.clone(),
            spans: sinks.spans.clone(),
            logs: sinks.logs.clone(),
        };
        let proxy = Arc::new(Proxy::start(options, &ledger, &hub)?);
        let runtimes = Arc::new(RuntimeTelemetry::new());
        runtimes.register("control", tokio::runtime::Handle::current());
        for (index, handle) in proxy.runtimes().into_iter().enumerate() {
            runtimes.register(&format!("worker-{index}"), handle);
        }
        let (config, state) = (Arc::new(ConfigTelemetry::new()), Arc::new(ConfigState::default()));
        let (closing, stop) = (watch::Sender::new(false), watch::Sender::new(false));
        Ok(Self { config, state, proxy, hub, runtimes, sinks, closing, stop })
    }

    /// Applies snapshots to the proxy.
    pub(crate) fn applier(&self) -> Applier {
        Applier::new(self.proxy.clone(), self.hub.clone(), self.config.clone())
    }

    /// Becomes true when no configuration can be applied any more: the workers are about to end.
    pub(crate) fn closing(&self) -> watch::Receiver<bool> {
        self.closing.subscribe()
    }

    /// Becomes true when everything but requests has to end.
    pub(crate) fn stopped(&self) -> watch::Receiver<bool> {
        self.stop.subscribe()
    }

    /// Starts the admin server; gives its address too.
    pub(crate) async fn admin(
        &self,
        args: &AdminArgs,
        source: Source,
        level: LevelControl,
    ) -> Result<(std::net::SocketAddr, JoinHandle<()>), Box<dyn std::error::Error>> {
        let shown = admin::Shown {
            source,
            hub: self.hub.clone(),
            config: self.config.clone(),
            runtimes: self.runtimes.clone(),
            accounting: self.sinks.accounting.clone(),
            state: self.state.clone(),
            proxy: self.proxy.clone(),
        };
        let server = AdminServer::bind(admin::options(args)?, admin::parts(shown, level)).await?;
        let address = server.local_addr();
        let stopped = self.stopped();
        let task = tokio::spawn(async move {
            server.serve(super::wait_for(stopped)).await;
        });
        Ok((address, task))
    }

    /// Waits for SIGTERM, SIGINT or the end of the source, which says why. SIGHUP opens log files again.
    pub(crate) async fn wait_for_end(&self, source: impl Future<Output = String>) -> Done {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut hang_up = signal(SignalKind::hangup())?;
        tokio::pin!(source);
        loop {
            tokio::select! {
                _ = terminate.recv() => return Ok(ExitCode::SUCCESS),
                _ = interrupt.recv() => return Ok(ExitCode::SUCCESS),
                _ = hang_up.recv() => self.sinks.reopen(),
                reason = &mut source => return Err(reason.into()),
            }
        }
    }

    /// Leaves without losing a request: says that it is not ready and tells clients to go, while it goes on for `delay`; then ends
    /// `source`, drains the proxy, ends what `also` waits for, and hands on what the sinks hold.
    pub(crate) async fn finish(
        self,
        delay: Duration,
        source: impl Future<Output = ()>,
        also: impl Future<Output = ()>,
    ) {
        if !delay.is_zero() {
            tracing::info!(
                ?delay,
                "Leaving: not ready any more; new connections are still taken, and clients told to go."
            );
            self.proxy.leave();
            tokio::select! {
                () = tokio::time::sleep(delay) => {}
                () = told_again() => {}
            }
        }
        self.closing.send_replace(true);
        source.await;
        tracing::info!("Draining: no new connections; requests may finish.");
        self.proxy.drain().await;
        self.stop.send_replace(true);
        also.await;
        self.sinks.finish(Instant::now() + LAST_FLUSH).await;
    }
}

/// Resolves at the next SIGTERM or SIGINT: somebody does not want to wait.
async fn told_again() {
    let (Ok(mut terminate), Ok(mut interrupt)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
