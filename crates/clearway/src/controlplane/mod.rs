//! `clearway controlplane`: watches a cluster and serves its data planes.

mod args;

use std::process::ExitCode;
use std::sync::Arc;

use clearway_admin::{Token, is_verbose};
use clearway_controlplane::{Metrics, Surroundings};
use clearway_telemetry::accounting::Accounting;
use clearway_telemetry::control::ControlTelemetry;
use clearway_telemetry::exposition::{BuildInfo, Exposition, Sources};
use clearway_telemetry::runtime::RuntimeTelemetry;
use tokio::signal::unix::{SignalKind, signal};

use crate::{Done, logging};
pub(crate) use args::ControlPlaneArgs;

/// Examples for `--help`.
pub(crate) const EXAMPLES: &str = "Examples:
  clearway controlplane --release clearway --namespace clearway
  KUBECONFIG=~/.kube/config clearway controlplane --namespace clearway --log-level debug
  curl -s localhost:18081/readyz?verbose";

/// Runs the command.
pub(crate) fn run(args: &ControlPlaneArgs) -> Done {
    let level = logging::start(&args.admin.log_level, args.admin.log_format)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().thread_name("control").enable_all().build()?;
    runtime.block_on(serve(args, level))
}

async fn serve(args: &ControlPlaneArgs, log_level: clearway_admin::LevelControl) -> Done {
    let options = args.options(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
    let admin_token = match &args.admin.admin_token_file {
        None => None,
        Some(path) => {
            let text = std::fs::read_to_string(path)
                .map_err(|error| format!("--admin-token-file {}: {error}", path.display()))?;
            Some(Token::new(&text)?)
        }
    };
    let telemetry = ControlTelemetry::new();
    let runtimes = Arc::new(RuntimeTelemetry::new());
    runtimes.register("control", tokio::runtime::Handle::current());
    let exposition = Exposition::new(Sources {
        hub: None,
        control: Some(telemetry.clone()),
        xds: None,
        config: telemetry.config.clone(),
        runtimes,
        accounting: Accounting::new(),
        build: BuildInfo {
            version: env!("CARGO_PKG_VERSION"),
            revision: option_env!("CLEARWAY_REVISION").unwrap_or("unknown"),
        },
    });
    let level = log_level.clone();
    let metrics = Metrics(Arc::new(move |accept, encoding| {
        exposition.set_debug_logging(is_verbose(&level.report().level));
        exposition.render(accept, encoding)
    }));
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let shutdown = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    clearway_controlplane::run(
        options,
        Surroundings { telemetry, metrics, log_level, admin_token },
        shutdown,
    )
    .await?;
    tracing::info!("Stopped.");
    Ok(ExitCode::SUCCESS)
}
