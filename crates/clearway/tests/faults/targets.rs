//! Processes outside of Kubernetes that Prometheus scrapes: it reads them from a file, which changes with the acts.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};

/// The file, and what stands in it by the name that is its label `namespace`.
#[derive(Debug)]
pub(crate) struct Targets {
    path: PathBuf,
    all: Mutex<BTreeMap<String, Value>>,
}

impl Targets {
    /// None yet.
    pub(crate) fn new(path: PathBuf) -> Self {
        let targets = Self { path, all: Mutex::default() };
        targets.write(&BTreeMap::new());
        targets
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// A process with a namespace of its own, so that alerts tell the acts apart.
    pub(crate) fn add(&self, name: &str, address: SocketAddr, job: &str) {
        let entry = json!({ "targets": [address.to_string()], "labels": { "namespace": name, "job": job } });
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(name.to_owned(), entry);
        self.write(&all);
    }

    /// Nobody scrapes it any more.
    pub(crate) fn remove(&self, name: &str) {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.remove(name);
        self.write(&all);
    }

    fn write(&self, all: &BTreeMap<String, Value>) {
        let text = Value::Array(all.values().cloned().collect()).to_string();
        let fresh = self.path.with_extension("new");
        std::fs::write(&fresh, text)
            .and_then(|()| std::fs::rename(&fresh, &self.path))
            .expect("the file of targets");
    }
}
