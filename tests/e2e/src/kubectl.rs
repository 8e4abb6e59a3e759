//! What a test says to the cluster, by the real kubectl.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use clearway_testkit::process::Finished;
use serde_json::Value;

use crate::Cluster;

/// Longest one call may take.
const CALL: Duration = Duration::from_secs(180);

impl Cluster {
    /// What kubectl prints; panics with its complaint when it fails.
    pub fn kubectl(&self, arguments: &[&str]) -> String {
        self.try_kubectl(arguments).success().stdout
    }

    /// One call of kubectl, whatever becomes of it.
    pub fn try_kubectl(&self, arguments: &[&str]) -> Finished {
        self.program("kubectl").args(arguments).run(CALL)
    }

    /// Applies objects, each a manifest as JSON, in one call; panics when one is refused.
    pub fn apply(&self, objects: &[Value]) {
        self.try_apply(objects).success();
    }

    /// The same, whatever becomes of it: those that are not refused are applied.
    pub fn try_apply(&self, objects: &[Value]) -> Finished {
        // Several threads of a test may apply at once.
        static CALLS: AtomicU64 = AtomicU64::new(0);
        let file = self.folder.join(format!("apply-{}.yaml", CALLS.fetch_add(1, Ordering::Relaxed)));
        let mut text = String::new();
        for object in objects {
            // Writing to a String cannot fail. JSON is YAML.
            writeln!(text, "---\n{object}").ok();
        }
        if let Err(error) = std::fs::write(&file, text) {
            panic!("cannot write {}: {error}", file.display());
        }
        let file = file.to_string_lossy().into_owned();
        self.try_kubectl(&["apply", "--server-side", "--force-conflicts", "-f", &file])
    }

    /// `kubectl get ... -o json`; `Null` when there is no such object.
    pub fn get(&self, arguments: &[&str]) -> Value {
        let arguments: Vec<_> =
            ["get", "--ignore-not-found", "-o", "json"].iter().chain(arguments).copied().collect();
        let text = self.kubectl(&arguments);
        if text.trim().is_empty() {
            return Value::Null;
        }
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("kubectl {arguments:?}: {error}: {text}"))
    }

    /// Waits until `kubectl get` gives an object of which `holds` is true, and gives the object.
    pub fn until_get(&self, what: &str, arguments: &[&str], holds: impl Fn(&Value) -> bool) -> Value {
        let mut last = Value::Null;
        let limit = Duration::from_secs(60);
        let seen = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            self.until(what, limit, || {
                last = self.get(arguments);
                holds(&last).then_some(())
            });
        }));
        assert!(seen.is_ok(), "never seen within {limit:?}: {what}; last: {last:#}");
        last
    }
}
