//! The response as the client will see it.

use http::{HeaderMap, HeaderValue};

use super::forwarded::X_REQUEST_ID;
use super::{cors, edit, hop_by_hop};
use crate::live::LiveRule;

/// Dresses the head of a backend's response: filters of the rule, then those of the chosen backend.
pub(crate) fn dress(
    headers: &mut HeaderMap,
    rule: &LiveRule,
    choice: usize,
    cors_fields: HeaderMap,
    request_id: Option<HeaderValue>,
) {
    hop_by_hop::strip(headers);
    cors::dress(headers, &rule.filters, cors_fields);
    // The backend may echo the id or another: the client gets the one that the gateway's records hold.
    if let Some(id) = request_id {
        headers.insert(X_REQUEST_ID, id);
    }
    edit(headers, &rule.filters.response);
    if let Some(chosen) = rule.choices.get(choice) {
        edit(headers, &chosen.filters.response);
    }
}
