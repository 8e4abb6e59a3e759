//! Flags of `clearway dataplane`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clearway_admin::surface::{CONTROLPLANE_GRPC_PORT, Component, SERVICES};
use clearway_dataplane::{TlsFiles, XdsOptions};
use clearway_xds::ClientOptions;

use crate::cli::{AdminArgs, DataPathArgs, TelemetryArgs};
use crate::units::duration;

/// How often the TLS files are compared: kubelet takes up to a minute to bring a new Secret anyway.
const TLS_INTERVAL: Duration = Duration::from_secs(5);

/// `clearway dataplane`.
#[derive(Debug, Args)]
pub(crate) struct DataPlaneArgs {
    /// File of settings: YAML, keys are the names of these flags.
    #[arg(long, env = "CLEARWAY_SETTINGS", value_name = "FILE")]
    pub(crate) settings: Option<PathBuf>,
    /// Name of the installation.
    #[arg(long, env = "CLEARWAY_RELEASE", default_value = "clearway")]
    release: String,
    /// The fleet that this data plane belongs to; <release>-dataplane unless given.
    #[arg(long, env = "CLEARWAY_FLEET")]
    fleet: Option<String>,
    /// The own name, as the control plane shows it; POD_NAME or the host's unless given.
    #[arg(long, env = "CLEARWAY_POD_NAME")]
    pod_name: Option<String>,
    /// How often names of backends are looked up.
    #[arg(long, env = "CLEARWAY_DNS_INTERVAL", default_value = "30s", value_parser = duration)]
    dns_interval: Duration,
    #[command(flatten)]
    xds: XdsArgs,
    /// Time after SIGTERM in which new connections are still taken, for those who have not heard yet, while answers tell
    /// clients to go elsewhere. A second signal ends it.
    #[arg(long, env = "CLEARWAY_DRAIN_DELAY", default_value = "10s", value_parser = duration)]
    pub(crate) drain_delay: Duration,
    #[command(flatten)]
    pub(crate) data_path: DataPathArgs,
    #[command(flatten)]
    pub(crate) telemetry: TelemetryArgs,
    #[command(flatten)]
    pub(crate) admin: AdminArgs,
}

/// The way from the control plane.
#[derive(Debug, Args)]
#[command(next_help_heading = "Control plane")]
struct XdsArgs {
    /// The control plane, host:port; <release>-controlplane-grpc:18080 unless given.
    #[arg(long, env = "CLEARWAY_CONTROL_PLANE", value_name = "HOST:PORT")]
    control_plane: Option<String>,
    /// Folder with tls.crt, tls.key and ca.crt for mutual TLS with the control plane. They are read again when they
    /// change.
    #[arg(
        long,
        env = "CLEARWAY_XDS_TLS_FOLDER",
        default_value = "/var/run/clearway/xds",
        value_name = "FOLDER"
    )]
    xds_tls_folder: PathBuf,
    /// The name that the control plane's certificate must bear; the host of --control-plane unless given.
    #[arg(long, env = "CLEARWAY_XDS_SERVER_NAME", value_name = "NAME")]
    xds_server_name: Option<String>,
    /// Connect in clear text: only to a control plane on this machine, since private keys travel.
    #[arg(long, env = "CLEARWAY_XDS_CLEAR_TEXT")]
    xds_clear_text: bool,
    /// Folder for the last good configuration, private keys included. Without it a restart needs a control plane.
    #[arg(long, env = "CLEARWAY_LAST_GOOD_FOLDER", value_name = "FOLDER")]
    last_good_folder: Option<PathBuf>,
    /// How long a control plane has at the start before the last good configuration is served.
    #[arg(long, env = "CLEARWAY_LAST_GOOD_AFTER", default_value = "2s", value_parser = duration)]
    last_good_after: Duration,
}

impl DataPlaneArgs {
    /// The settings that these flags mean. `env` reads variables of the downward API.
    pub(crate) fn options(&self, env: impl Fn(&str) -> Option<String>) -> Result<XdsOptions, String> {
        let address = self.control_plane();
        let wrong = || {
            format!(
                "--control-plane {address}: write host:port, for example clearway-controlplane-grpc:18080"
            )
        };
        let (host, port) = address.rsplit_once(':').ok_or_else(wrong)?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let port: u16 = port.parse().map_err(|_| wrong())?;
        if host.is_empty() {
            return Err(wrong());
        }
        let xds = &self.xds;
        let is_local = host == "localhost" || host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
        if xds.xds_clear_text && !is_local {
            return Err(format!(
                "--xds-clear-text: {host} is not this machine; give --xds-tls-folder instead"
            ));
        }
        let fleet = self.fleet.clone().unwrap_or_else(|| Component::DataPlane.deployment(&self.release));
        let tls = (!xds.xds_clear_text).then(|| TlsFiles {
            folder: xds.xds_tls_folder.clone(),
            server_name: xds.xds_server_name.clone().unwrap_or_else(|| host.to_owned()),
            interval: TLS_INTERVAL,
        });
        Ok(XdsOptions {
            client: ClientOptions::new(host, port, self.identity(env, &fleet), fleet),
            tls,
            last_good: xds.last_good_folder.clone(),
            last_good_after: xds.last_good_after,
            dns_interval: self.dns_interval.max(Duration::from_secs(1)),
        })
    }

    /// Where the control plane is.
    pub(crate) fn control_plane(&self) -> String {
        self.xds.control_plane.clone().unwrap_or_else(|| {
            let grpc = SERVICES.iter().find(|service| {
                service.component == Component::ControlPlane && service.port == CONTROLPLANE_GRPC_PORT
            });
            let host = grpc.map_or_else(|| "localhost".to_owned(), |service| service.service(&self.release));
            format!("{host}:{CONTROLPLANE_GRPC_PORT}")
        })
    }

    /// The name of the pod: POD_NAME from the downward API, else the host's name, which a pod's is.
    fn identity(&self, env: impl Fn(&str) -> Option<String>, fleet: &str) -> String {
        let given = self.pod_name.clone().or_else(|| env("POD_NAME")).or_else(|| env("HOSTNAME"));
        given.unwrap_or_else(|| fleet.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Command};
    use clap::Parser;

    fn options(line: &[&str]) -> Result<XdsOptions, String> {
        let line = ["clearway", "dataplane"].iter().chain(line);
        let Command::Dataplane(args) = Cli::try_parse_from(line).expect("parses").command else {
            panic!("another command");
        };
        args.options(|name| (name == "POD_NAME").then(|| "pod-7".to_owned()))
    }

    #[test]
    fn what_is_not_given_follows_the_release_and_the_pod() {
        let made = options(&["--release", "edge"]).expect("good");
        assert_eq!((made.client.host.as_str(), made.client.port), ("edge-controlplane-grpc", 18080));
        assert_eq!((&*made.client.id, &*made.client.fleet), ("pod-7", "edge-dataplane"));
        assert_eq!(made.tls.expect("TLS by default").server_name, "edge-controlplane-grpc");
        let made =
            options(&["--control-plane", "[::1]:7", "--xds-clear-text", "--pod-name", "x"]).expect("good");
        assert_eq!((made.client.host.as_str(), made.client.port, &*made.client.id), ("::1", 7, "x"));
        assert!(made.tls.is_none());
    }

    #[test]
    fn keys_travel_in_clear_text_on_this_machine_only() {
        let error = options(&["--control-plane", "cp:18080", "--xds-clear-text"]).expect_err("far away");
        assert!(error.contains("cp is not this machine"), "{error}");
        for address in ["cp", "cp:x", ":1"] {
            let error = options(&["--control-plane", address]).expect_err(address);
            assert!(error.contains("host:port"), "{error}");
        }
    }
}
