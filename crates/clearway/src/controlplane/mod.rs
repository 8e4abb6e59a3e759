//! `clearway controlplane`: watches a cluster and serves its data planes.

mod args;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clearway_admin::surface::Component;
use clearway_admin::{Token, is_verbose};
use clearway_controlplane::{ControlOptions, Metrics, Surroundings, Tracing};
use clearway_telemetry::accounting::Accounting;
use clearway_telemetry::control::ControlTelemetry;
use clearway_telemetry::exposition::{BuildInfo, Exposition, Sources};
use clearway_telemetry::otlp::{OtlpError, Resource, ResourceOptions};
use clearway_telemetry::runtime::RuntimeTelemetry;
use clearway_telemetry::spans::SpanPipeline;
use clearway_telemetry::trace::Sampler;
use tokio::signal::unix::{SignalKind, signal};

use crate::{Done, logging};
pub(crate) use args::ControlPlaneArgs;

/// Examples for `--help`.
pub(crate) const EXAMPLES: &str = "Examples:
  clearway controlplane --release clearway --namespace clearway
  KUBECONFIG=~/.kube/config clearway controlplane --namespace clearway --log-level debug
  curl -s localhost:18081/readyz?verbose";

/// Time for the last spans to arrive when the process ends.
const LAST_FLUSH: Duration = Duration::from_secs(5);

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
    let accounting = Accounting::new();
    let tracing = tracing_to(args, &options, &accounting)?;
    let runtimes = Arc::new(RuntimeTelemetry::new());
    runtimes.register("control", tokio::runtime::Handle::current());
    let exposition = Exposition::new(Sources {
        hub: None,
        control: Some(telemetry.clone()),
        xds: None,
        config: telemetry.config.clone(),
        runtimes,
        accounting,
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
    let spans = tracing.as_ref().map(|tracing| tracing.spans.clone());
    let surroundings = Surroundings { telemetry, metrics, log_level, admin_token, tracing };
    let ended = clearway_controlplane::run(options, surroundings, shutdown).await;
    let finish = move || spans.map_or(0, |spans| spans.finish(Instant::now() + LAST_FLUSH));
    let lost = tokio::task::spawn_blocking(finish).await.unwrap_or_default();
    if lost > 0 {
        tracing::warn!(count = lost, what = "spans", "Records were dropped at the end.");
    }
    ended?;
    tracing::info!("Stopped.");
    Ok(ExitCode::SUCCESS)
}

/// Where the journeys of changes go, when a collector is named.
fn tracing_to(
    args: &ControlPlaneArgs,
    options: &ControlOptions,
    accounting: &Accounting,
) -> Result<Option<Tracing>, OtlpError> {
    let Some(otlp) = args.traces.otlp.traces() else { return Ok(None) };
    let container = Component::ControlPlane.as_str();
    let resource = ResourceOptions {
        service_name: Component::ControlPlane.deployment(&options.release),
        service_namespace: Some(options.namespace.clone()),
        service_instance_id: Some(format!("{}.{}.{container}", options.namespace, options.pod_name)),
        ..ResourceOptions::default()
    };
    let resource = Resource::new(&resource, |name| std::env::var(name).ok());
    let spans = Arc::new(SpanPipeline::start(&otlp, &resource, accounting)?);
    Ok(Some(Tracing { spans, sampler: Sampler::new(args.traces.trace_sample_ratio) }))
}
