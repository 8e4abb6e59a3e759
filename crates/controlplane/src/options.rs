//! Everything that can be set about a control plane. `crates/clearway` fills it from flags; nobody changes it later.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clearway_admin::surface;
use clearway_model::{ForwardedTrust, TraceTrust};

/// Settings of a control plane.
#[derive(Clone, Debug)]
pub struct ControlOptions {
    /// Name of the installation: prefix of everything that is made for it.
    pub release: String,
    /// GatewayClasses with this `controllerName` are ours.
    pub controller_name: String,
    /// The GatewayClass of the installation.
    pub gateway_class: String,
    /// The data planes that are served, `<release>-dataplane` unless configured otherwise.
    pub fleet: String,
    /// Label selector of the fleet's pods, in the control plane's own namespace.
    pub fleet_selector: String,
    /// The control plane's own namespace: Lease, certificates and the fleet's pods are there.
    pub namespace: String,
    /// The pod's own name: holder of the Lease, and where Events come from.
    pub pod_name: String,
    /// Name of the Lease.
    pub lease_name: String,
    /// Namespaces whose objects are watched; empty is all.
    pub watch_namespaces: Vec<String>,
    /// Where data planes connect.
    pub xds_address: SocketAddr,
    /// Where `/readyz` and the rest of the admin server are.
    pub admin_address: SocketAddr,
    /// A port of its own for scrapers. It answers the same paths as the admin server under the same rules.
    pub metrics_address: SocketAddr,
    /// Quiet time after a change before it is translated.
    pub debounce: Duration,
    /// Longest time that changes may put a translation off.
    pub debounce_max: Duration,
    /// A watch that is not in step after so long has timed out: that is said, counted, and goes on being tried.
    pub sync_timeout: Duration,
    /// Most objects whose status waits to be written. What finds no room is looked for again when the queue has run empty.
    pub status_queue: usize,
    /// Ports of the fleet's pods that all HTTP listeners on 80 and all HTTPS listeners on 443 share.
    pub merged_ports: (u16, u16),
    /// For Gateways that do not say what to believe of `X-Forwarded-*`.
    pub forwarded: ForwardedTrust,
    /// For Gateways that do not say what to believe of `traceparent`.
    pub trace: TraceTrust,
    /// Where the certificates of the xDS port come from.
    pub xds_security: XdsSecurity,
}

/// Where the certificates of the xDS port come from. There is no way to serve it without mutual TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum XdsSecurity {
    /// Made by the leader and kept in Secrets of the own namespace: `<release>-xds-ca`, `-xds-server`, `-xds-client`.
    Generated,
    /// PEM files that somebody else keeps fresh; they are read again when they change.
    Files {
        /// Certificate chain of the server.
        certificate: PathBuf,
        /// Its private key.
        key: PathBuf,
        /// Authorities of the data planes' certificates.
        client_ca: PathBuf,
    },
}

impl ControlOptions {
    /// The defaults of a release in a namespace.
    pub fn new(release: impl Into<String>, namespace: impl Into<String>) -> Self {
        let release = release.into();
        let any = |port| SocketAddr::from(([0, 0, 0, 0], port));
        Self {
            controller_name: surface::controller_name(&release),
            gateway_class: release.clone(),
            fleet: surface::Component::DataPlane.deployment(&release),
            fleet_selector: format!(
                "app.kubernetes.io/instance={release},app.kubernetes.io/component={}",
                surface::Component::DataPlane.as_str()
            ),
            namespace: namespace.into(),
            pod_name: surface::Component::ControlPlane.deployment(&release),
            lease_name: surface::Component::ControlPlane.deployment(&release),
            watch_namespaces: Vec::new(),
            xds_address: any(surface::CONTROLPLANE_GRPC_PORT),
            admin_address: any(surface::CONTROLPLANE_ADMIN_PORT),
            metrics_address: any(surface::CONTROLPLANE_METRICS_PORT),
            debounce: Duration::from_millis(10),
            debounce_max: Duration::from_millis(100),
            sync_timeout: Duration::from_secs(60),
            status_queue: 20_000,
            merged_ports: (surface::HTTP_PORT, surface::HTTPS_PORT),
            forwarded: ForwardedTrust::default(),
            trace: TraceTrust::default(),
            xds_security: XdsSecurity::Generated,
            release,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ControlOptions;

    #[test]
    fn everything_is_named_after_the_release() {
        let options = ControlOptions::new("edge", "infra");
        assert_eq!(options.controller_name, "gateway.networking.k8s.io/edge");
        assert_eq!((options.gateway_class.as_str(), options.fleet.as_str()), ("edge", "edge-dataplane"));
        assert_eq!((options.lease_name.as_str(), options.namespace.as_str()), ("edge-controlplane", "infra"));
    }
}
