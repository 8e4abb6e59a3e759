//! Addresses that mean something else on every machine.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether an address is this machine's own, link-local, of a group, or of nobody: the addresses that Kubernetes refuses in
/// EndpointSlices. An IPv4 address within an IPv6 one counts as itself.
pub fn is_special_address(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_special_v4(address),
        IpAddr::V6(address) => address.to_ipv4_mapped().map_or_else(|| is_special_v6(address), is_special_v4),
    }
}

fn is_special_v4(address: Ipv4Addr) -> bool {
    address.is_loopback()
        || address.is_link_local()
        || address.is_unspecified()
        || address.is_multicast()
        || address.is_broadcast()
        // The whole of 0.0.0.0/8 is "this network"; Linux takes it for this machine.
        || address.octets()[0] == 0
}

fn is_special_v6(address: Ipv6Addr) -> bool {
    address.is_loopback()
        || address.is_unspecified()
        || address.is_multicast()
        || address.is_unicast_link_local()
        // IPv4-compatible addresses (::127.0.0.1) are deprecated and lead nowhere else.
        || address.segments()[..6] == [0; 6]
}

#[cfg(test)]
mod tests {
    use super::is_special_address;

    #[test]
    fn only_addresses_of_other_machines_are_not_special() {
        let special = [
            "127.0.0.1",
            "127.255.0.1",
            "0.0.0.0",
            "0.1.2.3",
            "169.254.169.254",
            "224.0.0.1",
            "255.255.255.255",
            "::1",
            "::",
            "fe80::1",
            "febf::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::127.0.0.1",
        ];
        for text in special {
            assert!(is_special_address(text.parse().unwrap()), "{text}");
        }
        for text in [
            "10.0.0.1",
            "192.0.2.1",
            "100.64.0.1",
            "2001:db8::1",
            "fd00::1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
        ] {
            assert!(!is_special_address(text.parse().unwrap()), "{text}");
        }
    }
}
