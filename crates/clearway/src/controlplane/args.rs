//! Flags of `clearway controlplane`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clearway_controlplane::{ControlOptions, XdsSecurity};

use crate::cli::{LogFormat, OtlpArgs, TrustArgs};
use crate::units::duration;

/// Where Kubernetes puts the namespace of a pod that has a service account.
const NAMESPACE_FILE: &str = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";

/// `clearway controlplane`.
#[derive(Debug, Args)]
pub(crate) struct ControlPlaneArgs {
    /// File of settings: YAML, keys are the names of these flags.
    #[arg(long, env = "CLEARWAY_SETTINGS", value_name = "FILE")]
    pub(crate) settings: Option<PathBuf>,
    /// Name of the installation: prefix of everything that is made for it.
    #[arg(long, env = "CLEARWAY_RELEASE", default_value = "clearway")]
    release: String,
    /// GatewayClasses with this controllerName are served; gateway.networking.k8s.io/<release> unless given.
    #[arg(long, env = "CLEARWAY_CONTROLLER_NAME")]
    controller_name: Option<String>,
    /// The GatewayClass of the installation; <release> unless given.
    #[arg(long, env = "CLEARWAY_GATEWAY_CLASS")]
    gateway_class: Option<String>,
    /// The data planes to serve; <release>-dataplane unless given.
    #[arg(long, env = "CLEARWAY_FLEET")]
    fleet: Option<String>,
    /// Label selector of the fleet's pods, in the own namespace.
    #[arg(long, env = "CLEARWAY_FLEET_SELECTOR", value_name = "SELECTOR")]
    fleet_selector: Option<String>,
    /// The own namespace; POD_NAMESPACE or the service account's unless given.
    #[arg(long, env = "CLEARWAY_NAMESPACE")]
    namespace: Option<String>,
    /// The own name, by which the Lease is held; POD_NAME or the host's unless given.
    #[arg(long, env = "CLEARWAY_POD_NAME")]
    pod_name: Option<String>,
    /// Name of the Lease of the leader; <release>-controlplane unless given.
    #[arg(long, env = "CLEARWAY_LEASE_NAME")]
    lease_name: Option<String>,
    /// Namespaces to watch, with commas between; all unless given.
    #[arg(long, env = "CLEARWAY_WATCH_NAMESPACES", value_delimiter = ',', value_name = "NAMESPACES")]
    watch_namespaces: Vec<String>,
    /// Quiet time after a change before it is translated.
    #[arg(long, env = "CLEARWAY_DEBOUNCE", default_value = "10ms", value_parser = duration)]
    debounce: Duration,
    /// Longest time that further changes put a translation off.
    #[arg(long, env = "CLEARWAY_DEBOUNCE_MAX", default_value = "100ms", value_parser = duration)]
    debounce_max: Duration,
    #[command(flatten)]
    trust: TrustArgs,
    /// Time for a watch to list all that there is; then it is reported as timed out, counted, and tried on.
    #[arg(long, env = "CLEARWAY_SYNC_TIMEOUT", default_value = "60s", value_parser = duration)]
    sync_timeout: Duration,
    /// Objects whose status may wait to be written; what finds no room is looked at again when the queue is empty.
    #[arg(long, env = "CLEARWAY_STATUS_QUEUE", default_value_t = 20_000)]
    status_queue: usize,
    #[command(flatten)]
    xds: XdsArgs,
    #[command(flatten)]
    pub(crate) traces: TraceArgs,
    #[command(flatten)]
    pub(crate) admin: ControlAdminArgs,
}

/// The port that data planes connect to.
#[derive(Debug, Args)]
#[command(next_help_heading = "xDS")]
struct XdsArgs {
    /// Where data planes connect.
    #[arg(long, env = "CLEARWAY_XDS_ADDRESS", default_value = "0.0.0.0:18080", value_name = "ADDRESS:PORT")]
    xds_address: SocketAddr,
    /// Certificate of the port, PEM. Without it the leader makes certificates and keeps them in Secrets.
    #[arg(long, env = "CLEARWAY_XDS_CERTIFICATE", value_name = "FILE", requires_all = ["xds_key", "xds_client_ca"])]
    xds_certificate: Option<PathBuf>,
    /// Its key, PEM.
    #[arg(long, env = "CLEARWAY_XDS_KEY", value_name = "FILE", requires = "xds_certificate")]
    xds_key: Option<PathBuf>,
    /// Authorities of the data planes' certificates, PEM.
    #[arg(long, env = "CLEARWAY_XDS_CLIENT_CA", value_name = "FILE", requires = "xds_certificate")]
    xds_client_ca: Option<PathBuf>,
}

/// The traces of changes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Telemetry")]
pub(crate) struct TraceArgs {
    #[command(flatten)]
    pub(crate) otlp: OtlpArgs,
    /// Share of the published changes that are traced, from 0 to 1.
    #[arg(long, env = "CLEARWAY_TRACE_SAMPLE_RATIO", default_value_t = 1.0, value_parser = crate::units::ratio)]
    pub(crate) trace_sample_ratio: f64,
}

/// The admin servers and the log of the process.
#[derive(Debug, Args)]
#[command(next_help_heading = "Admin")]
pub(crate) struct ControlAdminArgs {
    /// Where /livez, /readyz, /config, /log-level, /debug and /metrics are served.
    #[arg(
        long,
        env = "CLEARWAY_ADMIN_ADDRESS",
        default_value = "0.0.0.0:18081",
        value_name = "ADDRESS:PORT"
    )]
    admin_address: SocketAddr,
    /// A port of its own for scrapers: the same paths as the admin port, under the same rules.
    #[arg(
        long,
        env = "CLEARWAY_METRICS_ADDRESS",
        default_value = "0.0.0.0:18082",
        value_name = "ADDRESS:PORT"
    )]
    metrics_address: SocketAddr,
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

impl ControlPlaneArgs {
    /// The settings that these flags mean. `env` reads variables of the downward API.
    pub(crate) fn options(&self, env: impl Fn(&str) -> Option<String>) -> ControlOptions {
        let namespace = self
            .namespace
            .clone()
            .or_else(|| env("POD_NAMESPACE"))
            .or_else(|| Some(std::fs::read_to_string(NAMESPACE_FILE).ok()?.trim().to_owned()))
            .unwrap_or_else(|| "default".to_owned());
        let mut options = ControlOptions::new(self.release.as_str(), namespace);
        let given = [
            (&mut options.controller_name, self.controller_name.clone()),
            (&mut options.gateway_class, self.gateway_class.clone()),
            (&mut options.fleet, self.fleet.clone()),
            (&mut options.fleet_selector, self.fleet_selector.clone()),
            (&mut options.lease_name, self.lease_name.clone()),
            (
                &mut options.pod_name,
                self.pod_name.clone().or_else(|| env("POD_NAME")).or_else(|| env("HOSTNAME")),
            ),
        ];
        for (option, value) in given {
            if let Some(value) = value {
                *option = value;
            }
        }
        options.watch_namespaces.clone_from(&self.watch_namespaces);
        options.debounce = self.debounce;
        options.debounce_max = self.debounce_max.max(self.debounce);
        options.sync_timeout = self.sync_timeout.max(Duration::from_millis(1));
        options.status_queue = self.status_queue.max(1);
        options.forwarded = self.trust.forwarded();
        options.trace = self.trust.trace();
        options.xds_address = self.xds.xds_address;
        options.admin_address = self.admin.admin_address;
        options.metrics_address = self.admin.metrics_address;
        if let (Some(certificate), Some(key), Some(client_ca)) =
            (&self.xds.xds_certificate, &self.xds.xds_key, &self.xds.xds_client_ca)
        {
            let (certificate, key, client_ca) = (certificate.clone(), key.clone(), client_ca.clone());
            options.xds_security = XdsSecurity::Files { certificate, key, client_ca };
        }
        options
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Command};
    use clap::Parser;

    fn options(line: &[&str]) -> ControlOptions {
        let line = ["clearway", "controlplane"].iter().chain(line);
        let Command::Controlplane(args) = Cli::try_parse_from(line).expect("parses").command else {
            panic!("another command");
        };
        args.options(|name| (name == "POD_NAME").then(|| "pod-7".to_owned()))
    }

    #[test]
    fn what_is_not_given_follows_the_release() {
        let made = options(&["--release", "edge", "--namespace", "infra", "--watch-namespaces", "a,b"]);
        assert_eq!(made.controller_name, "gateway.networking.k8s.io/edge");
        assert_eq!((made.fleet.as_str(), made.pod_name.as_str()), ("edge-dataplane", "pod-7"));
        assert_eq!(made.watch_namespaces, ["a", "b"]);
        assert_eq!(made.xds_security, XdsSecurity::Generated);
        assert_eq!(options(&["--fleet", "other"]).fleet, "other");
    }

    #[test]
    fn certificates_are_given_all_or_none() {
        let files = ["--xds-certificate", "c", "--xds-key", "k", "--xds-client-ca", "a"];
        assert!(matches!(options(&files).xds_security, XdsSecurity::Files { .. }));
        let some = ["clearway", "controlplane", "--xds-certificate", "c"];
        assert!(Cli::try_parse_from(some).is_err());
    }
}
