//! Where nobody's requests may be sent in a cluster: the machine's own listeners, among them the data plane's admin port, which
//! trusts this machine, and the link-local addresses where clouds keep the machine's credentials.
//!
//! Kubernetes refuses such addresses in EndpointSlices; a `Backend` of ours and names may hold them. The data plane looks at
//! what names resolve to by the same rule.

use std::net::IpAddr;

use clearway_k8s::backend::Backend;
use clearway_model::is_special_address;

/// The first endpoint of a Backend that leads where nobody may go: its field, and why.
pub(crate) fn forbidden(backend: &Backend) -> Option<(String, String)> {
    backend.spec.endpoints.iter().enumerate().find_map(|(index, endpoint)| {
        let field = |name: &str| format!("spec.endpoints[{index}].{name}");
        if let Some(ip) = endpoint.ip.filter(|ip| is_special_address(*ip)) {
            return Some((field("ip"), sentence(&ip.to_string())));
        }
        let host = endpoint.host.as_deref()?;
        is_special_host(host).then(|| (field("host"), sentence(host)))
    })
}

fn sentence(address: &str) -> String {
    format!(
        "{address} is the gateway's own machine or link-local, where no requests may be sent; use another address"
    )
}

/// Names of this machine (RFC 6761, 6.3), and addresses that are written as names.
fn is_special_host(host: &str) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    host == "localhost"
        || host.ends_with(".localhost")
        || host.parse::<IpAddr>().is_ok_and(is_special_address)
}
