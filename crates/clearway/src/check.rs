//! `clearway check`: what a folder would do, without doing it.

use std::process::ExitCode;
use std::sync::Arc;

use clearway_dataplane::files;
use clearway_proxy::Live;
use clearway_telemetry::{Switches, Telemetry};
use clearway_translate::{Options, Report, translate};
use serde::Serialize;

use crate::Done;
use crate::cli::{CheckArgs, Output};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    ok: bool,
    errors: Vec<String>,
    warnings: &'a [String],
    #[serde(flatten)]
    report: &'a Report,
}

/// Runs the command.
pub(crate) fn check(args: &CheckArgs) -> Done {
    let read = files::read(&args.folder);
    let translation = translate(&read.world, &Options::new(args.controller_name.clone()));
    let report = Report::from(&translation, &read.world);
    // What the data plane would refuse as a whole: certificates without their keys and the like.
    let hub = Telemetry::new(1, Switches::OFF);
    let refused =
        Live::compile(&Arc::new(translation.snapshot.clone()), &hub, None).err().unwrap_or_default();
    let ok = read.errors.is_empty() && refused.is_empty() && !report.has_errors();
    let errors: Vec<String> =
        read.errors.iter().map(ToString::to_string).chain(refused.iter().map(ToString::to_string)).collect();
    match args.output {
        Output::Json => {
            let answer = Answer { ok, errors, warnings: &read.warnings, report: &report };
            println!("{}", serde_json::to_string_pretty(&answer)?);
        }
        Output::Text => {
            for error in &errors {
                println!("error: {error}");
            }
            for warning in &read.warnings {
                println!("warning: {warning}");
            }
            println!("{report}");
            println!("{}", if ok { "OK" } else { "Errors: mend what is named above." });
        }
    }
    Ok(if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
