//! Reads a value into a type and tells which field is wrong, and which fields nobody knows.

use serde::de::DeserializeOwned;
use serde_ignored::Path;
use serde_json::Value;

/// Reads `value` as a `T`; also returns the paths of unknown fields.
///
/// # Errors
/// `(path, reason)`. Values of Secrets are never quoted.
pub(crate) fn read<T: DeserializeOwned>(
    kind: &str,
    value: &Value,
) -> Result<(T, Vec<String>), (String, String)> {
    let mut unknown = Vec::new();
    let mut track = serde_path_to_error::Track::new();
    let tracked = serde_path_to_error::Deserializer::new(value, &mut track);
    let result = serde_ignored::deserialize(tracked, |path| {
        let text = render(&path);
        if !is_known_but_unread(kind, &text) {
            unknown.push(text);
        }
    });
    match result {
        Ok(object) => Ok((object, unknown)),
        Err(error) => {
            let path = track.path().to_string();
            let hidden = kind == "Secret" && (path.starts_with("data") || path.starts_with("stringData"));
            let reason = if hidden {
                "must be a text; put it in quotes".to_owned()
            } else {
                crate::words::shortened(error.to_string())
            };
            Err((if path == "." { String::new() } else { path }, reason))
        }
    }
}

fn render(path: &Path<'_>) -> String {
    match path {
        Path::Root => String::new(),
        Path::Seq { parent, index } => format!("{}[{index}]", render(parent)),
        Path::Map { parent, key } => match render(parent) {
            head if head.is_empty() => key.clone(),
            head => format!("{head}.{key}"),
        },
        Path::Some { parent } | Path::NewtypeStruct { parent } | Path::NewtypeVariant { parent } => {
            render(parent)
        }
    }
}

const METADATA: &[&str] = &[
    "generateName",
    "selfLink",
    "managedFields",
    "ownerReferences",
    "finalizers",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
];

const SERVICE_SPEC: &[&str] = &[
    "allocateLoadBalancerNodePorts",
    "clusterIPs",
    "externalIPs",
    "externalName",
    "externalTrafficPolicy",
    "healthCheckNodePort",
    "internalTrafficPolicy",
    "ipFamilies",
    "ipFamilyPolicy",
    "loadBalancerClass",
    "loadBalancerIP",
    "loadBalancerSourceRanges",
    "publishNotReadyAddresses",
    "selector",
    "sessionAffinity",
    "sessionAffinityConfig",
    "trafficDistribution",
];

const SLICE_ENDPOINT: &[&str] = &["hostname", "targetRef", "nodeName", "zone", "deprecatedTopology", "hints"];

/// Fields that the API has and that nothing here needs.
fn is_known_but_unread(kind: &str, path: &str) -> bool {
    let plain: String =
        path.split('[').map(|part| part.split_once(']').map_or(part, |(_, rest)| rest)).collect();
    if matches!(plain.as_str(), "apiVersion" | "kind" | "status") {
        return true;
    }
    if let Some(field) = plain.strip_prefix("metadata.") {
        return METADATA.contains(&field);
    }
    match kind {
        "Service" => {
            plain == "spec.ports.nodePort"
                || plain.strip_prefix("spec.").is_some_and(|field| SERVICE_SPEC.contains(&field))
        }
        "EndpointSlice" => {
            plain.strip_prefix("endpoints.").is_some_and(|field| SLICE_ENDPOINT.contains(&field))
        }
        "Secret" => plain == "immutable",
        "ConfigMap" => matches!(plain.as_str(), "immutable" | "binaryData"),
        "Namespace" => plain == "spec",
        "Gateway" => plain == "spec.defaultScope",
        "TLSRoute" | "TCPRoute" | "UDPRoute" => plain == "spec.useDefaultGateways",
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::is_known_but_unread;

    #[test]
    fn indices_do_not_hide_known_fields() {
        assert!(is_known_but_unread("Service", "spec.ports[3].nodePort"));
        assert!(is_known_but_unread("EndpointSlice", "endpoints[0].zone"));
        assert!(!is_known_but_unread("Service", "spec.ports[3].nodePrt"));
        assert!(!is_known_but_unread("HTTPRoute", "spec.selector"));
    }
}
