//! The wardrobe: what is changed on the way. Requests are dressed before the switchyard, responses on the way back.

pub(crate) mod cors;
pub(crate) mod forwarded;
pub(crate) mod head_copy;
pub(crate) mod hop_by_hop;
pub(crate) mod mirror;
pub(crate) mod path;
pub(crate) mod redirect;
pub(crate) mod request;
pub(crate) mod response;

use http::HeaderMap;

use crate::live::CompiledEdits;

/// Applies header edits: set, then add, then remove.
fn edit(headers: &mut HeaderMap, edits: &[CompiledEdits]) {
    for edits in edits {
        for (name, value) in &edits.set {
            headers.insert(name, value.clone());
        }
        for (name, value) in &edits.add {
            headers.append(name, value.clone());
        }
        for name in &edits.remove {
            headers.remove(name);
        }
    }
}
