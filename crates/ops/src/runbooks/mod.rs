//! The room of runbooks: what belongs beside the pages of `runbooks/`.

use crate::Asset;

/// The files of this room.
pub fn assets() -> Vec<Asset> {
    Vec::new()
}
