//! `clearway run`: both planes in one process, files as the source. Parse, build without binding, bind, announce, run,
//! drain by a deadline.

mod admin;
mod serving;
mod sinks;

use std::time::Duration;

use clearway_dataplane::{Standalone, StandaloneOptions};
use clearway_translate::{Exposure, Options as TranslateOptions};

use crate::cli::RunArgs;
use crate::{Done, demo, logging};
pub(crate) use admin::Source;
pub(crate) use serving::{Serving, runtime};

/// Runs the command.
pub(crate) fn run(args: &RunArgs) -> Done {
    let level = logging::start(&args.admin.log_level, args.admin.log_format)?;
    runtime()?.block_on(serve(args, level))
}

async fn serve(args: &RunArgs, level: clearway_admin::LevelControl) -> Done {
    let serving = Serving::start(&args.data_path, &args.telemetry)?;
    let source = Source::folder(args.config.display().to_string());
    let (admin_address, admin) = serving.admin(&args.admin, source, level).await?;
    let mut source = tokio::spawn(standalone(args, &serving).run());
    let workers = serving.proxy.options().workers;
    tracing::info!(%admin_address, folder = %args.config.display(), workers, "Clearway runs.");
    let demo = demo::start(args, &serving.state, serving.stopped());
    let reason = async {
        match (&mut source).await {
            Ok(Ok(())) => "the folder is watched no more".to_owned(),
            Ok(Err(error)) => format!("the folder cannot be watched: {error}"),
            Err(error) => format!("watching the folder broke off: {error}"),
        }
    };
    let ended = serving.wait_for_end(reason).await;
    serving.finish(args.drain_delay, async { source.abort() }, demo.finish()).await;
    admin.await.ok();
    tracing::info!("Stopped.");
    ended
}

fn standalone(args: &RunArgs, serving: &Serving) -> Standalone {
    let options = StandaloneOptions {
        folder: args.config.clone(),
        translate: TranslateOptions {
            controller_name: args.controller_name.clone(),
            exposure: Exposure::Direct,
            merged: None,
            forwarded: args.data_path.trust.forwarded(),
            trace: args.data_path.trust.trace(),
            class_policies_in: None,
        },
        dns_interval: args.dns_interval.max(Duration::from_secs(1)),
    };
    Standalone::new(options, serving.applier(), serving.config.clone(), serving.state.clone())
}

/// Resolves when the watched value becomes true, or nobody can set it any more.
pub(crate) async fn wait_for(mut stopped: tokio::sync::watch::Receiver<bool>) {
    stopped.wait_for(|stopped| *stopped).await.ok();
}
