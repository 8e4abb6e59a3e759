//! The operator surface: names, ports and paths that people, charts and dashboards rely on. It stands here once.
//!
//! The planes take their default ports from it, the router its paths, and the rendered chart is compared with it. A
//! change here breaks somebody's `kubectl` line: it needs a decision record.

/// Prometheus metrics.
pub const METRICS: &str = "/metrics";
/// Whether the process lives.
pub const LIVEZ: &str = "/livez";
/// Whether the process is ready.
pub const READYZ: &str = "/readyz";
/// What is served.
pub const CONFIG: &str = "/config";
/// The log level.
pub const LOG_LEVEL: &str = "/log-level";
/// A CPU profile.
pub const CPU_PROFILE: &str = "/debug/pprof/profile";
/// A heap profile.
pub const HEAP_PROFILE: &str = "/debug/pprof/heap";

/// Port of the control plane's xDS.
pub const CONTROLPLANE_GRPC_PORT: u16 = 18080;
/// Port of the control plane's admin server.
pub const CONTROLPLANE_ADMIN_PORT: u16 = 18081;
/// Port of the control plane's metrics.
pub const CONTROLPLANE_METRICS_PORT: u16 = 18082;
/// Port of the data plane's admin server and metrics.
pub const DATAPLANE_ADMIN_PORT: u16 = 19080;
/// Port of the dashboard.
pub const DASHBOARD_PORT: u16 = 3000;
/// Port of the data plane for clear-text traffic.
pub const HTTP_PORT: u16 = 10080;
/// Port of the data plane for TLS traffic.
pub const HTTPS_PORT: u16 = 10443;

/// A part of an installation: one Deployment `<release>-<component>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Component {
    /// Watches, translates, publishes.
    ControlPlane,
    /// Carries traffic.
    DataPlane,
    /// Shows.
    Dashboard,
}

impl Component {
    /// The suffix of its Deployment.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ControlPlane => "controlplane",
            Self::DataPlane => "dataplane",
            Self::Dashboard => "dashboard",
        }
    }

    /// The name of its Deployment.
    pub fn deployment(self, release: &str) -> String {
        format!("{release}-{}", self.as_str())
    }
}

/// A Service of an installation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServicePort {
    /// Whose pods it selects.
    pub component: Component,
    /// Its name is `<release>-<suffix>`.
    pub suffix: &'static str,
    /// The port, the same on the Service and on the container.
    pub port: u16,
    /// Paths that answer there; empty where something other than the admin server listens.
    pub paths: &'static [&'static str],
}

impl ServicePort {
    /// The name of the Service.
    pub fn service(&self, release: &str) -> String {
        format!("{release}-{}", self.suffix)
    }
}

const PROBES_AND_METRICS: &[&str] = &[LIVEZ, READYZ, METRICS];

/// Every Service that an installation has from the start.
pub const SERVICES: &[ServicePort] = &[
    ServicePort {
        component: Component::ControlPlane,
        suffix: "controlplane-grpc",
        port: CONTROLPLANE_GRPC_PORT,
        paths: &[],
    },
    ServicePort {
        component: Component::ControlPlane,
        suffix: "controlplane-admin",
        port: CONTROLPLANE_ADMIN_PORT,
        paths: PROBES_AND_METRICS,
    },
    ServicePort {
        component: Component::ControlPlane,
        suffix: "controlplane-metrics",
        port: CONTROLPLANE_METRICS_PORT,
        paths: &[METRICS],
    },
    ServicePort {
        component: Component::DataPlane,
        suffix: "dataplane-admin",
        port: DATAPLANE_ADMIN_PORT,
        paths: PROBES_AND_METRICS,
    },
    ServicePort {
        component: Component::DataPlane,
        suffix: "dataplane-metrics",
        port: DATAPLANE_ADMIN_PORT,
        paths: &[METRICS],
    },
    ServicePort { component: Component::Dashboard, suffix: "dashboard", port: DASHBOARD_PORT, paths: &[] },
];

/// The `controllerName` of the GatewayClass named after the release.
pub fn controller_name(release: &str) -> String {
    format!("gateway.networking.k8s.io/{release}")
}

/// A path of the admin server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdminPath {
    /// The path.
    pub path: &'static str,
    /// Whether anybody may ask unless configured otherwise.
    pub open: bool,
    /// What it answers, in one line.
    pub help: &'static str,
}

/// Every path of the admin server.
pub const PATHS: &[AdminPath] = &[
    AdminPath { path: METRICS, open: true, help: "metrics: Prometheus text, OpenMetrics or protobuf" },
    AdminPath { path: LIVEZ, open: true, help: "200 while the process lives" },
    AdminPath { path: READYZ, open: true, help: "200 when ready, else 503; ?verbose names each check" },
    AdminPath { path: CONFIG, open: false, help: "what is served, and what is wrong with it (JSON)" },
    AdminPath { path: LOG_LEVEL, open: false, help: "the log level; PUT ?level=debug&for=10m changes it" },
    AdminPath {
        path: CPU_PROFILE,
        open: false,
        help: "CPU profile for `go tool pprof`; ?seconds=10&frequency=99&format=pprof|folded",
    },
    AdminPath { path: HEAP_PROFILE, open: false, help: "heap profile for `go tool pprof`; ?seconds=10" },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_and_ports_that_operators_type() {
        let lines: Vec<String> =
            SERVICES.iter().map(|entry| format!("{} {}", entry.service("nantian-gw"), entry.port)).collect();
        let expected = [
            "nantian-gw-controlplane-grpc 18080",
            "nantian-gw-controlplane-admin 18081",
            "nantian-gw-controlplane-metrics 18082",
            "nantian-gw-dataplane-admin 19080",
            "nantian-gw-dataplane-metrics 19080",
            "nantian-gw-dashboard 3000",
        ];
        assert_eq!(lines, expected);
        assert_eq!(Component::DataPlane.deployment("nantian-gw"), "nantian-gw-dataplane");
        assert_eq!(controller_name("nantian-gw"), "gateway.networking.k8s.io/nantian-gw");
        assert_eq!((HTTP_PORT, HTTPS_PORT), (10080, 10443));
    }

    #[test]
    fn every_path_of_a_service_is_one_of_the_admin_server() {
        for path in SERVICES.iter().flat_map(|entry| entry.paths) {
            assert!(PATHS.iter().any(|known| known.path == *path), "{path} is served by nobody");
        }
    }
}
