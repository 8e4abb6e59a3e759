//! What the planes give the admin server: four things to ask.

use std::fmt;
use std::sync::Arc;

pub use clearway_telemetry::exposition::Rendered;

use crate::config_report::ConfigReport;
use crate::log_level::LevelControl;
use crate::readiness::Readiness;

/// Writes the exposition for a request's `Accept` and `Accept-Encoding`. Called on a thread that may block, one call at
/// a time.
pub type MetricsSource = Arc<dyn Fn(Option<&str>, Option<&str>) -> Rendered + Send + Sync>;

/// Tells what is served now. Called on a thread that may block, one call at a time.
pub type ConfigSource = Arc<dyn Fn() -> ConfigReport + Send + Sync>;

/// What the server answers from.
#[derive(Clone)]
pub struct Parts {
    /// `/metrics`: usually [`clearway_telemetry::exposition::Exposition::render`].
    pub metrics: MetricsSource,
    /// `/readyz`.
    pub readiness: Arc<dyn Readiness>,
    /// `/config`.
    pub config: ConfigSource,
    /// `/log-level`.
    pub log_level: LevelControl,
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts").field("log_level", &self.log_level).finish_non_exhaustive()
    }
}
