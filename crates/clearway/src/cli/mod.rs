//! The command line. Every flag is also an environment variable (`CLEARWAY_` and the flag's name) and a key of the
//! settings file, in that order of precedence.

mod data_path;
mod settings;
mod telemetry;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) use data_path::{DataPathArgs, TrustArgs};
pub(crate) use settings::expand;
pub(crate) use telemetry::{OtlpArgs, TelemetryArgs};

/// An observability-first gateway for the Kubernetes Gateway API.
#[derive(Debug, Parser)]
#[command(name = "clearway", version, arg_required_else_help = true)]
#[command(after_help = "Example:\n  clearway run --config examples/quickstart --demo")]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve a folder of Gateway API YAML, and reload it when it changes.
    #[command(after_help = RUN_EXAMPLES)]
    Run(Box<RunArgs>),
    /// Watch a Kubernetes cluster, and tell data planes what to serve and users what became of their objects.
    #[command(after_help = crate::controlplane::EXAMPLES)]
    Controlplane(Box<crate::controlplane::ControlPlaneArgs>),
    /// Serve what a control plane says; without one, what it said last.
    #[command(after_help = crate::dataplane::EXAMPLES)]
    Dataplane(Box<crate::dataplane::DataPlaneArgs>),
    /// Say what a folder of Gateway API YAML would do: accepted, attached, refused, and why. Exits 1 on errors.
    #[command(
        after_help = "Example:\n  clearway check examples/quickstart\n  clearway check -o json my-routes | jq .problems"
    )]
    Check(CheckArgs),
    /// Say which listener, rule and backend a request would take, and why not the others.
    #[command(
        after_help = "Example:\n  clearway explain --config examples/quickstart http://localhost:10080/rewrite/a -H 'x-team: a'"
    )]
    Explain(ExplainArgs),
    /// Serve small friendly answers on a port: something to route to.
    #[command(after_help = "Example:\n  clearway demo-backend --name demo-a --address 127.0.0.1:18091")]
    DemoBackend(DemoBackendArgs),
}

const RUN_EXAMPLES: &str = "Examples:
  clearway run --config examples/quickstart --demo
  clearway run --config /etc/clearway --access-log /var/log/clearway.json \\
      --otlp-traces-endpoint http://127.0.0.1:4317 --trace-sample-ratio 0.01";

/// `clearway run`.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// Folder of Gateway API objects (.yaml, .yml, .json), read with its subfolders and watched for changes.
    #[arg(long, env = "CLEARWAY_CONFIG", value_name = "FOLDER")]
    pub(crate) config: PathBuf,
    /// File of settings: YAML, keys are the names of these flags.
    #[arg(long, env = "CLEARWAY_SETTINGS", value_name = "FILE")]
    pub(crate) settings: Option<PathBuf>,
    /// GatewayClasses with this controllerName are served.
    #[arg(long, env = "CLEARWAY_CONTROLLER_NAME", default_value = "gateway.networking.k8s.io/clearway")]
    pub(crate) controller_name: String,
    /// How often names of backends are looked up.
    #[arg(long, env = "CLEARWAY_DNS_INTERVAL", default_value = "30s", value_parser = crate::units::duration)]
    pub(crate) dns_interval: std::time::Duration,
    /// Run two demo backends on 127.0.0.1:18091 and :18092, and send a trickle of traffic through the gateway.
    #[arg(long, env = "CLEARWAY_DEMO")]
    pub(crate) demo: bool,
    /// With --demo: send traffic or not.
    #[arg(long, env = "CLEARWAY_DEMO_TRAFFIC", value_enum, default_value_t = Switch::On)]
    pub(crate) demo_traffic: Switch,
    /// Time after SIGTERM in which new connections are still taken, for those who have not heard yet, while answers tell
    /// clients to go elsewhere. A second signal ends it.
    #[arg(long, env = "CLEARWAY_DRAIN_DELAY", default_value = "0s", value_parser = crate::units::duration)]
    pub(crate) drain_delay: std::time::Duration,
    #[command(flatten)]
    pub(crate) data_path: DataPathArgs,
    #[command(flatten)]
    pub(crate) telemetry: TelemetryArgs,
    #[command(flatten)]
    pub(crate) admin: AdminArgs,
}

/// The admin server and the log of the process.
#[derive(Debug, Args)]
#[command(next_help_heading = "Admin")]
pub(crate) struct AdminArgs {
    /// Where /metrics, /livez, /readyz, /config, /log-level and /debug are served.
    #[arg(
        long,
        env = "CLEARWAY_ADMIN_ADDRESS",
        default_value = "0.0.0.0:19080",
        value_name = "ADDRESS:PORT"
    )]
    pub(crate) admin_address: std::net::SocketAddr,
    /// File with the bearer token that clients of other machines must show for all but /metrics and the probes.
    #[arg(long, env = "CLEARWAY_ADMIN_TOKEN_FILE", value_name = "FILE")]
    pub(crate) admin_token_file: Option<PathBuf>,
    /// Level of the process's own log on standard error: error, warn, info, debug, trace, or target=level lists.
    #[arg(long, env = "CLEARWAY_LOG_LEVEL", default_value = "info")]
    pub(crate) log_level: String,
    /// Form of the process's own log.
    #[arg(long, env = "CLEARWAY_LOG_FORMAT", value_enum, default_value_t = LogFormat::Text)]
    pub(crate) log_format: LogFormat,
}

/// `clearway check`.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// Folder of Gateway API objects.
    pub(crate) folder: PathBuf,
    /// Form of the answer.
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    pub(crate) output: Output,
    /// GatewayClasses with this controllerName are served.
    #[arg(long, env = "CLEARWAY_CONTROLLER_NAME", default_value = "gateway.networking.k8s.io/clearway")]
    pub(crate) controller_name: String,
}

/// `clearway explain`.
#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// Folder of Gateway API objects.
    #[arg(long, env = "CLEARWAY_CONFIG", value_name = "FOLDER")]
    pub(crate) config: PathBuf,
    /// The request's URL; its port chooses the listener (80 and 443 unless it names one).
    pub(crate) url: http::Uri,
    /// The request's method.
    #[arg(short = 'X', long, default_value = "GET")]
    pub(crate) method: http::Method,
    /// A request header, `name: value`; may be given again.
    #[arg(short = 'H', long = "header", value_parser = crate::units::header)]
    pub(crate) headers: Vec<(http::HeaderName, http::HeaderValue)>,
    /// Form of the answer.
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    pub(crate) output: Output,
    /// GatewayClasses with this controllerName are served.
    #[arg(long, env = "CLEARWAY_CONTROLLER_NAME", default_value = "gateway.networking.k8s.io/clearway")]
    pub(crate) controller_name: String,
}

/// `clearway demo-backend`.
#[derive(Debug, Args)]
pub(crate) struct DemoBackendArgs {
    /// What it calls itself in its answers.
    #[arg(long, default_value = "demo")]
    pub(crate) name: String,
    /// Where it listens.
    #[arg(long, default_value = "127.0.0.1:18091", value_name = "ADDRESS:PORT")]
    pub(crate) address: std::net::SocketAddr,
}

/// On or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Switch {
    /// On.
    On,
    /// Off.
    Off,
}

impl Switch {
    /// Whether it is on.
    pub(crate) fn is_on(self) -> bool {
        self == Self::On
    }
}

/// Form of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// Form of the process's own log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}

#[cfg(test)]
mod tests {
    use super::Cli;
    use clap::CommandFactory;

    #[test]
    fn every_flag_is_also_a_variable_of_the_same_name() {
        let mut command = Cli::command();
        command.build();
        for name in ["run", "controlplane", "dataplane"] {
            let page = command.find_subcommand(name).expect(name);
            for arg in page.get_arguments() {
                let Some(long) = arg.get_long().filter(|long| !matches!(*long, "help" | "version")) else {
                    continue;
                };
                let variable = format!("CLEARWAY_{}", long.to_uppercase().replace('-', "_"));
                assert_eq!(arg.get_env().and_then(|name| name.to_str()), Some(variable.as_str()), "--{long}");
            }
        }
        command.debug_assert();
    }

    #[test]
    fn every_command_shows_an_example() {
        for command in Cli::command().get_subcommands() {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("Example"), "{}", command.get_name());
        }
    }
}
