//! The binary: reads the command line and hands over to the page of the subcommand.

mod check;
mod cli;
mod controlplane;
mod dataplane;
mod demo;
mod explain;
mod logging;
mod run;
mod units;

use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Command};

/// Freed memory goes back to the system, and heap profiles can be taken (`/debug/pprof/heap`).
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let args = match cli::expand(std::env::args_os().collect(), |name| std::env::var_os(name)) {
        Ok(args) => args,
        Err(error) => return fail(&error),
    };
    let done = match Cli::parse_from(args).command {
        Command::Run(args) => run::run(&args),
        Command::Controlplane(args) => controlplane::run(&args),
        Command::Dataplane(args) => dataplane::run(&args),
        Command::Check(args) => check::check(&args),
        Command::Explain(args) => explain::explain(&args),
        Command::DemoBackend(args) => demo::run(&args),
    };
    match done {
        Ok(code) => code,
        Err(error) => fail(&*error),
    }
}

fn fail(error: &dyn std::error::Error) -> ExitCode {
    eprintln!("clearway: {error}");
    ExitCode::FAILURE
}

/// What a subcommand ends with.
type Done = Result<ExitCode, Box<dyn std::error::Error>>;
