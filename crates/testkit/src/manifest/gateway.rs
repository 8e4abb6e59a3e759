//! A Gateway as YAML.

use std::collections::BTreeMap;

use super::CLASS;

/// A Gateway of the class [`CLASS`] in the namespace `default`.
#[derive(Clone, Debug)]
pub struct Gateway {
    pub(super) name: String,
    annotations: BTreeMap<String, String>,
    listeners: String,
}

impl Gateway {
    /// A Gateway without listeners.
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), annotations: BTreeMap::new(), listeners: String::new() }
    }

    /// Adds an annotation.
    pub fn annotation(mut self, key: &str, value: &str) -> Self {
        self.annotations.insert(key.to_owned(), value.to_owned());
        self
    }

    /// Adds an HTTP listener for every host.
    pub fn http(self, name: &str, port: u16) -> Self {
        self.listener(&format!("name: {name}\nport: {port}\nprotocol: HTTP"))
    }

    /// Adds an HTTP listener for one hostname, a wildcard perhaps.
    pub fn http_for(self, name: &str, port: u16, hostname: &str) -> Self {
        self.listener(&format!("name: {name}\nport: {port}\nprotocol: HTTP\nhostname: \"{hostname}\""))
    }

    /// Adds an HTTPS listener for every host, with the certificate of this Secret.
    pub fn https(self, name: &str, port: u16, secret: &str) -> Self {
        let tls = format!("tls:\n  certificateRefs:\n  - name: {secret}");
        self.listener(&format!("name: {name}\nport: {port}\nprotocol: HTTPS\n{tls}"))
    }

    /// Adds an HTTPS listener for one hostname, a wildcard perhaps.
    pub fn https_for(self, name: &str, port: u16, hostname: &str, secret: &str) -> Self {
        let tls = format!("tls:\n  certificateRefs:\n  - name: {secret}");
        self.listener(&format!(
            "name: {name}\nport: {port}\nprotocol: HTTPS\nhostname: \"{hostname}\"\n{tls}"
        ))
    }

    /// Adds a listener written by hand: the YAML of one entry of `spec.listeners`, not indented.
    pub fn listener(mut self, yaml: &str) -> Self {
        self.listeners.push_str(&super::route::item(yaml, 2));
        self
    }

    /// The object.
    pub fn yaml(&self) -> String {
        let mut annotations = String::new();
        for (key, value) in &self.annotations {
            annotations.push_str(&format!("    {key}: \"{value}\"\n"));
        }
        if !annotations.is_empty() {
            annotations.insert_str(0, "  annotations:\n");
        }
        let listeners = &self.listeners;
        format!(
            "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata:\n  name: {}\n  namespace: default\n\
             {annotations}spec:\n  gatewayClassName: {CLASS}\n  listeners:{}{listeners}",
            self.name,
            if listeners.is_empty() { " []\n" } else { "\n" }
        )
    }
}
