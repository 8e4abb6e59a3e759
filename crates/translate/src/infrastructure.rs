//! What must be made for a Gateway in a cluster: labels, annotations, ports and addresses of its Service (GEP-1762).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::net::IpAddr;

use clearway_model::ObjectRef;
use sha2::{Digest, Sha256};

use crate::gateways::GatewayState;
use crate::listeners::ListenerState;

/// The label that names the Gateway on everything that is made for it.
const GATEWAY_NAME_LABEL: &str = "gateway.networking.k8s.io/gateway-name";
/// The label that names its class.
const GATEWAY_CLASS_LABEL: &str = "gateway.networking.k8s.io/gateway-class-name";
/// Longest value of a label (Kubernetes, "Labels and Selectors").
const MAX_LABEL: usize = 63;

/// What everything that is made for a Gateway must carry, and what its Service must offer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InfrastructurePlan {
    /// `metadata.uid` of the Gateway, for the owner reference.
    pub owner_uid: String,
    /// `spec.infrastructure.labels`, and the labels that name the Gateway and its class (shortened to 63 characters).
    pub labels: BTreeMap<String, String>,
    /// `spec.infrastructure.annotations`.
    pub annotations: BTreeMap<String, String>,
    /// Distinct ports of the listeners that are accepted, ListenerSets included, sorted. All are TCP.
    pub ports: Vec<u16>,
    /// Addresses that are asked for. Empty asks for any.
    pub addresses: Vec<IpAddr>,
}

/// Plans for the Gateways that are accepted.
pub(crate) fn plan(gateways: &[GatewayState<'_>]) -> BTreeMap<ObjectRef, InfrastructurePlan> {
    let accepted = gateways.iter().filter(|state| state.refusal.is_none());
    accepted.map(|state| (state.key.clone(), of(state))).collect()
}

fn of(state: &GatewayState<'_>) -> InfrastructurePlan {
    let spec = &state.gateway.spec;
    let infrastructure = spec.infrastructure.clone().unwrap_or_default();
    let mut labels = infrastructure.labels;
    labels.insert(GATEWAY_NAME_LABEL.to_owned(), shortened(&state.key.name, MAX_LABEL));
    labels.insert(GATEWAY_CLASS_LABEL.to_owned(), shortened(&spec.gateway_class_name, MAX_LABEL));
    let ports: BTreeSet<u16> = state
        .listeners
        .iter()
        .filter(|listener| ListenerState::is_accepted(listener))
        .map(|listener| listener.spec.port)
        .collect();
    InfrastructurePlan {
        owner_uid: state.gateway.metadata.uid.clone(),
        labels,
        annotations: infrastructure.annotations,
        ports: ports.into_iter().collect(),
        addresses: spec.addresses.iter().filter_map(|address| address.value.parse().ok()).collect(),
    }
}

/// A name of at most `limit` characters: itself, or its beginning with a hash of the whole, so that two long names that
/// begin alike stay apart. Both are good DNS labels and label values when the name is one.
pub fn shortened(name: &str, limit: usize) -> String {
    if name.len() <= limit {
        return name.to_owned();
    }
    let mut hash = String::new();
    for byte in Sha256::digest(name.as_bytes()).iter().take(5) {
        // Writing into a String cannot fail.
        write!(hash, "{byte:02x}").unwrap_or_default();
    }
    let mut kept: String = String::new();
    let room = limit.saturating_sub(hash.len() + 1);
    for letter in name.chars() {
        if kept.len() + letter.len_utf8() > room {
            break;
        }
        kept.push(letter);
    }
    let kept = kept.trim_end_matches(|letter: char| !letter.is_ascii_alphanumeric());
    format!("{kept}-{hash}")
}

#[cfg(test)]
mod tests {
    use super::shortened;

    #[test]
    fn long_names_stay_apart_and_short_ones_as_they_are() {
        assert_eq!(shortened("gw", 63), "gw");
        assert_eq!(shortened(&"a".repeat(63), 63), "a".repeat(63));
        let (one, two) = (shortened(&"a".repeat(253), 63), shortened(&format!("{}b", "a".repeat(252)), 63));
        assert_ne!(one, two);
        assert_eq!((one.len(), two.len()), (63, 63));
        assert!(!shortened(&format!("{}.{}", "a".repeat(51), "b".repeat(60)), 63).contains(".-"));
    }
}
