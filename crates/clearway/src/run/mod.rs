//! `clearway run`: both planes in one process, files as the source. Parse, build without binding, bind, announce, run,
//! drain by a deadline.

mod admin;
mod sinks;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clearway_admin::AdminServer;
use clearway_dataplane::{Applier, ConfigState, Standalone, StandaloneOptions};
use clearway_proxy::{LedgerOptions, Proxy};
use clearway_telemetry::Telemetry;
use clearway_telemetry::config::ConfigTelemetry;
use clearway_telemetry::redact::RecordPolicy;
use clearway_telemetry::runtime::RuntimeTelemetry;
use clearway_translate::{Exposure, Options as TranslateOptions};
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::RunArgs;
use crate::{Done, demo, logging};
use sinks::Sinks;

/// Time for sinks to hand on what they hold when the process ends.
const LAST_FLUSH: Duration = Duration::from_secs(5);

/// Runs the command.
pub(crate) fn run(args: &RunArgs) -> Done {
    let level = logging::start(&args.admin.log_level, args.admin.log_format)?;
    // Admin, exporters and configuration live here; the workers have runtimes of their own, so that neither a scrape
    // nor a slow collector stands in the way of a request.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("control")
        .enable_all()
        .build()?;
    runtime.block_on(serve(args, level))
}

async fn serve(args: &RunArgs, level: clearway_admin::LevelControl) -> Done {
    let options = args.data_path.options();
    let hub = Telemetry::new(options.workers, args.telemetry.switches());
    let config = Arc::new(ConfigTelemetry::new());
    let runtimes = Arc::new(RuntimeTelemetry::new());
    let state = Arc::new(ConfigState::default());
    let policy = RecordPolicy::new(&args.telemetry.record())?;
    let sinks = Sinks::start(&args.telemetry, &policy)?;
    let ledger = LedgerOptions {
        sampler: args.telemetry.sampler(),
        propagation: args.telemetry.propagation(),
        policy,
        access_log: sinks.access_log.clone(),
        spans: sinks.spans.clone(),
        logs: sinks.logs.clone(),
    };
    let proxy = Arc::new(Proxy::start(options, &ledger, &hub)?);
    runtimes.register("control", tokio::runtime::Handle::current());
    for (index, handle) in proxy.runtimes().into_iter().enumerate() {
        runtimes.register(&format!("worker-{index}"), handle);
    }
    let shown = admin::Shown {
        folder: args.config.display().to_string(),
        hub: hub.clone(),
        config: config.clone(),
        runtimes,
        accounting: sinks.accounting.clone(),
        state: state.clone(),
        proxy: proxy.clone(),
    };
    let server = AdminServer::bind(admin::options(&args.admin)?, admin::parts(shown, level)).await?;
    let admin_address = server.local_addr();
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let admin = tokio::spawn(server.serve(wait_for(stopped.clone())));
    let standalone = standalone(args, &proxy, &hub, &config, &state);
    let source = tokio::spawn(standalone.run());
    tracing::info!(%admin_address, folder = %args.config.display(), workers = proxy.options().workers, "Clearway runs.");
    let demo = demo::start(args, &state, stopped);
    let ended = wait_for_end(source, &sinks).await;
    tracing::info!("Draining: no new connections; requests may finish.");
    proxy.drain().await;
    stop.send_replace(true);
    demo.finish().await;
    sinks.finish(Instant::now() + LAST_FLUSH).await;
    admin.await.ok();
    tracing::info!("Stopped.");
    ended
}

fn standalone(
    args: &RunArgs,
    proxy: &Arc<Proxy>,
    hub: &Arc<Telemetry>,
    config: &Arc<ConfigTelemetry>,
    state: &Arc<ConfigState>,
) -> Standalone {
    let applier = Applier::new(proxy.clone(), hub.clone(), config.clone());
    let options = StandaloneOptions {
        folder: args.config.clone(),
        translate: TranslateOptions {
            controller_name: args.controller_name.clone(),
            exposure: Exposure::Direct,
            forwarded: args.data_path.forwarded(),
            trace: args.data_path.trace(),
        },
        dns_interval: args.dns_interval.max(Duration::from_secs(1)),
    };
    Standalone::new(options, applier, config.clone(), state.clone())
}

/// Resolves when the watched value becomes true, or nobody can set it any more.
pub(crate) async fn wait_for(mut stopped: tokio::sync::watch::Receiver<bool>) {
    stopped.wait_for(|stopped| *stopped).await.ok();
}

/// Waits for SIGTERM, SIGINT or the end of the source. SIGHUP opens log files again.
async fn wait_for_end(
    source: tokio::task::JoinHandle<Result<(), impl std::error::Error + 'static>>,
    sinks: &Sinks,
) -> Done {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    tokio::pin!(source);
    loop {
        tokio::select! {
            _ = terminate.recv() => return Ok(ExitCode::SUCCESS),
            _ = interrupt.recv() => return Ok(ExitCode::SUCCESS),
            _ = hang_up.recv() => sinks.reopen(),
            ended = &mut source => {
                let reason = match ended {
                    Ok(Ok(())) => "the folder is watched no more".to_owned(),
                    Ok(Err(error)) => format!("the folder cannot be watched: {error}"),
                    Err(error) => format!("watching the folder broke off: {error}"),
                };
                return Err(reason.into());
            }
        }
    }
}
