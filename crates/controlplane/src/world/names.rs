//! Labels and names on what an installation makes, so that it finds its own things and leaves those of others alone.

use std::fmt::Write as _;

use clearway_model::ObjectRef;
use sha2::{Digest, Sha256};

use crate::options::ControlOptions;

/// The label that says who made an object.
pub(crate) const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// The label that says for which Gateway (GEP-1762); long names are shortened there.
pub(crate) const GATEWAY_NAME: &str = "gateway.networking.k8s.io/gateway-name";
/// Longest label value and longest name of a Service (RFC 1035 label).
const LONGEST: usize = 63;

/// The value of [`MANAGED_BY`]: the controller's name, as a label can hold it.
pub(crate) fn managed_by(options: &ControlOptions) -> String {
    shorten(&options.controller_name.replace('/', "_"))
}

/// The name of a Gateway's Service: `<gateway>-<release>`. A Service's name is a label that begins with a letter (RFC
/// 1035), a Gateway's is not: where it is changed, a part of its hash keeps two Gateways apart.
pub(crate) fn service_name(gateway: &ObjectRef, options: &ControlOptions) -> String {
    let wanted = format!("{}-{}", gateway.name, options.release);
    let letter = wanted.starts_with(|first: char| first.is_ascii_lowercase());
    let fitting = format!("{}{}", if letter { "" } else { "g-" }, wanted.replace('.', "-"));
    if fitting == wanted { shorten(&wanted) } else { with_hash(&fitting, &wanted) }
}

/// A text of at most 63 characters that stands for a longer one: its head, and a part of its hash.
pub(crate) fn shorten(text: &str) -> String {
    if text.len() <= LONGEST { text.to_owned() } else { with_hash(text, text) }
}

/// The head of `text`, and a part of the hash of `whole`.
fn with_hash(text: &str, whole: &str) -> String {
    let mut tail = String::new();
    for byte in Sha256::digest(whole).iter().take(5) {
        // Writing into a String cannot fail.
        write!(tail, "{byte:02x}").unwrap_or_default();
    }
    let head: String = text.chars().take(LONGEST - tail.len() - 1).collect();
    format!("{}-{tail}", head.trim_end_matches(['-', '.', '_']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_are_shortened_and_stay_apart() {
        let options = ControlOptions::new("edge", "infra");
        assert_eq!(managed_by(&options), "gateway.networking.k8s.io_edge");
        let service = |gateway: &str| service_name(&ObjectRef::new("n", gateway), &options);
        assert_eq!(service("web-shop"), "web-shop-edge");
        assert!(service("web.shop").starts_with("web-shop-edge-"), "not the Service of Gateway web-shop");
        assert!(service("7up").starts_with("g-7up-edge-"));
        let (a, b) = (service(&format!("{}a", "g".repeat(250))), service(&format!("{}b", "g".repeat(250))));
        assert_ne!(a, b);
        assert!(a.len() <= 63 && b.len() <= 63, "{a} {b}");
    }
}
