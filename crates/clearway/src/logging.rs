//! The process's own log: on standard error, in lines for people or in JSON, its level changed while it runs.

use std::io::IsTerminal;

use clearway_admin::LevelControl;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, fmt, reload};

use crate::cli::LogFormat;

/// Starts the log.
///
/// # Errors
/// The level cannot be read, or there is a log already.
pub(crate) fn start(level: &str, format: LogFormat) -> Result<LevelControl, String> {
    let filter = parse(level)?;
    let (filter, handle) = reload::Layer::new(filter);
    let lines = fmt::layer().with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal());
    let started = match format {
        LogFormat::Text => {
            tracing_subscriber::registry().with(filter).with(lines.with_target(false)).try_init()
        }
        LogFormat::Json => {
            tracing_subscriber::registry().with(filter).with(lines.json().flatten_event(true)).try_init()
        }
    };
    started.map_err(|error| error.to_string())?;
    Ok(LevelControl::new(level, move |directives| {
        let filter = parse(directives)?;
        handle.reload(filter).map_err(|error| error.to_string())
    }))
}

fn parse(level: &str) -> Result<EnvFilter, String> {
    EnvFilter::try_new(level).map_err(|error| format!("log level `{level}`: {error}"))
}
