//! Folders of Gateway API YAML for tests: what `clearway run --config <folder>` reads.
//!
//! Each object is a text of its own, built from small templates, written to one file by an atomic rename, so that a program
//! that watches the folder never sees half an object. Anything that the templates do not know is written by
//! [`Folder::write`] or [`Rule::yaml`].

mod gateway;
mod route;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::certs::ServerCert;
use crate::process::TempDir;

pub use gateway::Gateway;
pub use route::{Route, Rule};

/// The GatewayClass of [`Folder::new`] and of every [`Gateway`].
pub const CLASS: &str = "clearway";

/// A folder of manifests, removed when dropped.
#[derive(Debug)]
pub struct Folder {
    folder: TempDir,
}

impl Folder {
    /// A folder with the GatewayClass alone.
    pub fn new() -> Self {
        let folder = Self::empty();
        folder.write(
            "gatewayclass.yaml",
            &format!(
                "apiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\nmetadata:\n  name: {CLASS}\nspec:\n  \
                 controllerName: gateway.networking.k8s.io/{CLASS}\n"
            ),
        );
        folder
    }

    /// A folder with nothing in it.
    pub fn empty() -> Self {
        Self { folder: TempDir::new("config") }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file, whatever is in it; an existing one is replaced in one step.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.join(name);
        // Its name begins with a dot and does not end like a manifest, so that no watcher takes it for one.
        let draft = self.folder.join(format!(".{name}.draft"));
        let written = std::fs::write(&draft, text).and_then(|()| std::fs::rename(&draft, &path));
        if let Err(error) = written {
            panic!("cannot write {}: {error}", path.display());
        }
        path
    }

    /// Removes a file; panics when there is none.
    pub fn remove(&self, name: &str) {
        let path = self.folder.join(name);
        if let Err(error) = std::fs::remove_file(&path) {
            panic!("cannot remove {}: {error}", path.display());
        }
    }

    /// Writes `gateway-<name>.yaml`.
    pub fn gateway(&self, gateway: &Gateway) -> &Self {
        self.write(&format!("gateway-{}.yaml", gateway.name), &gateway.yaml());
        self
    }

    /// Writes `route-<name>.yaml`.
    pub fn route(&self, route: &Route) -> &Self {
        self.write(&format!("route-{}.yaml", route.name), &route.yaml());
        self
    }

    /// Writes `service-<name>.yaml`: a Service with port 80 and an EndpointSlice for each endpoint.
    pub fn service(&self, name: &str, endpoints: &[SocketAddr]) -> &Self {
        self.service_with_protocol(name, endpoints, None)
    }

    /// As [`Self::service`], with an `appProtocol` such as `kubernetes.io/h2c`.
    pub fn service_with_protocol(
        &self,
        name: &str,
        endpoints: &[SocketAddr],
        protocol: Option<&str>,
    ) -> &Self {
        self.write(&format!("service-{name}.yaml"), &service(name, endpoints, protocol));
        self
    }

    /// Writes `secret-<name>.yaml`: a TLS Secret.
    pub fn secret(&self, name: &str, cert: &ServerCert) -> &Self {
        let text = format!(
            "apiVersion: v1\nkind: Secret\nmetadata:\n  name: {name}\n  namespace: default\ntype: kubernetes.io/tls\n\
             stringData:\n  tls.crt: |\n{}\n  tls.key: |\n{}\n",
            indent(&cert.cert_pem, 4),
            indent(&cert.key_pem, 4)
        );
        self.write(&format!("secret-{name}.yaml"), &text);
        self
    }
}

impl Default for Folder {
    fn default() -> Self {
        Self::new()
    }
}

/// One EndpointSlice per endpoint, because a slice has one set of ports and tests run several backends on one address.
fn service(name: &str, endpoints: &[SocketAddr], protocol: Option<&str>) -> String {
    let protocol = |spaces: usize| match protocol {
        Some(protocol) => format!("{}appProtocol: {protocol}\n", " ".repeat(spaces)),
        None => String::new(),
    };
    let mut text = format!(
        "apiVersion: v1\nkind: Service\nmetadata:\n  name: {name}\n  namespace: default\nspec:\n  ports:\n  - name: http\n    \
         port: 80\n{}",
        protocol(4)
    );
    for (number, endpoint) in endpoints.iter().enumerate() {
        let family = if endpoint.is_ipv4() { "IPv4" } else { "IPv6" };
        text.push_str(&format!(
            "---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata:\n  name: {name}-{number}\n  \
             namespace: default\n  labels:\n    kubernetes.io/service-name: {name}\naddressType: {family}\nports:\n\
             - name: http\n  port: {}\n{}endpoints:\n- addresses: [\"{}\"]\n",
            endpoint.port(),
            protocol(2),
            endpoint.ip()
        ));
    }
    text
}

/// Every line so many spaces to the right.
fn indent(text: &str, spaces: usize) -> String {
    let pad = " ".repeat(spaces);
    let lines: Vec<_> = text.lines().map(|line| format!("{pad}{line}")).collect();
    lines.join("\n")
}
