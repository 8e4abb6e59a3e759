//! The room of dashboards: Grafana dashboards, for `grafana/dashboards/`.

use crate::Asset;

/// The files of this room.
pub fn assets() -> Vec<Asset> {
    Vec::new()
}
