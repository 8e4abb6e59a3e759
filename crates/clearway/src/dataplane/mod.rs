//! `clearway dataplane`: serves what a control plane says, and what it said last when there is none.

mod args;

use clearway_dataplane::XdsSource;
use clearway_telemetry::control::XdsTelemetry;

use crate::run::{Serving, Source, runtime};
use crate::{Done, logging};
pub(crate) use args::DataPlaneArgs;

/// Examples for `--help`.
pub(crate) const EXAMPLES: &str = "Examples:
  clearway dataplane --release clearway --last-good-folder /var/lib/clearway
  clearway dataplane --control-plane 127.0.0.1:18080 --xds-clear-text --admin-address 127.0.0.1:19080
  curl -s 'localhost:19080/readyz?verbose'";

/// Runs the command.
pub(crate) fn run(args: &DataPlaneArgs) -> Done {
    let level = logging::start(&args.admin.log_level, args.admin.log_format)?;
    runtime()?.block_on(serve(args, level))
}

async fn serve(args: &DataPlaneArgs, level: clearway_admin::LevelControl) -> Done {
    let env = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let options = args.options(env)?;
    let (id, fleet) = (options.client.id.clone(), options.client.fleet.clone());
    let [namespace, node] = ["POD_NAMESPACE", "NODE_NAME"].map(|name| env(name).unwrap_or_default());
    let serving = Serving::start(&args.data_path, &args.telemetry)?;
    let telemetry = XdsTelemetry::new();
    let xds = XdsSource::new(options, serving.applier(), serving.state.clone(), telemetry.clone());
    let control_plane = args.control_plane();
    let source = Source::control_plane(control_plane.clone(), xds.status(), telemetry);
    let (admin_address, admin) = serving.admin(&args.admin, source, level).await?;
    let mut following = tokio::spawn(xds.run(serving.closing()));
    let workers = serving.proxy.options().workers;
    tracing::info!(%admin_address, control_plane, %id, %fleet, namespace, node, workers, "The data plane runs.");
    let reason = async {
        match (&mut following).await {
            Ok(()) => "the control plane is followed no more".to_owned(),
            Err(error) => format!("following the control plane broke off: {error}"),
        }
    };
    let ended = serving.wait_for_end(reason).await;
    let following = async {
        if !following.is_finished() {
            following.await.ok();
        }
    };
    serving.finish(args.drain_delay, following, std::future::ready(())).await;
    admin.await.ok();
    tracing::info!("Stopped.");
    ended
}
