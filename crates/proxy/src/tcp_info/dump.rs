//! All TCP connections as the kernel lists them: `inet_diag` over netlink (`linux/inet_diag.h`), read byte by byte.

use std::collections::HashSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use rustix::net::netlink::{self, SocketAddrNetlink};
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, sendto, socket_with};

/// A connection.
#[derive(Clone, Debug)]
pub(super) struct Connection {
    pub(super) local: SocketAddr,
    pub(super) peer: SocketAddr,
    /// Stands for the connection as long as it lives.
    pub(super) cookie: u64,
    /// Number of the socket in `/proc/self/fd`; zero when no process has it any more.
    pub(super) inode: u32,
    /// Smoothed; zero when nothing was acknowledged yet.
    pub(super) rtt: Duration,
    /// Segments sent again in its life.
    pub(super) retransmits: u32,
}

const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;
const IPPROTO_TCP: u8 = 6;
const SOCK_DIAG_BY_FAMILY: u16 = 20;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
/// `NLM_F_REQUEST | NLM_F_DUMP`.
const DUMP_REQUEST: u16 = 0x301;
/// `1 << (INET_DIAG_INFO - 1)`: with `struct tcp_info`.
const WITH_INFO: u8 = 1 << 1;
const INET_DIAG_INFO: u16 = 2;
/// ESTABLISHED, FIN_WAIT1, FIN_WAIT2, CLOSE_WAIT, LAST_ACK, CLOSING.
const STATES: u32 = 1 << 1 | 1 << 4 | 1 << 5 | 1 << 8 | 1 << 9 | 1 << 11;

/// Sizes of `struct nlmsghdr` and `struct inet_diag_msg`.
const HEADER: usize = 16;
const DIAG: usize = 72;
/// Places in `struct tcp_info`: `tcpi_rtt` in microseconds, `tcpi_total_retrans`.
const RTT_AT: usize = 68;
const RETRANSMITS_AT: usize = 100;

/// Every TCP connection of the network namespace.
///
/// # Errors
/// The kernel has no `inet_diag`, or the process may not use netlink.
pub(super) fn connections() -> io::Result<Vec<Connection>> {
    let flags = SocketFlags::CLOEXEC;
    let socket = socket_with(AddressFamily::NETLINK, SocketType::DGRAM, flags, Some(netlink::SOCK_DIAG))?;
    set_socket_timeout(&socket, Timeout::Recv, Some(Duration::from_secs(1)))?;
    let mut all = Vec::new();
    let mut buffer = vec![0; 1 << 16];
    for family in [AF_INET, AF_INET6] {
        sendto(&socket, &request(family), SendFlags::empty(), &SocketAddrNetlink::new(0, 0))?;
        loop {
            let (read, _) = recv(&socket, buffer.as_mut_slice(), RecvFlags::empty())?;
            if take(buffer.get(..read).unwrap_or_default(), &mut all)? {
                break;
            }
        }
    }
    Ok(all)
}

fn request(family: u8) -> Vec<u8> {
    const LENGTH: u32 = 72;
    let mut request = Vec::with_capacity(72);
    request.extend(LENGTH.to_ne_bytes());
    request.extend(SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    request.extend(DUMP_REQUEST.to_ne_bytes());
    request.extend([0; 8]);
    request.extend([family, IPPROTO_TCP, WITH_INFO, 0]);
    request.extend(STATES.to_ne_bytes());
    request.extend([0; 48]);
    request
}

/// Takes the messages of one datagram; true when the list is over.
fn take(mut bytes: &[u8], all: &mut Vec<Connection>) -> io::Result<bool> {
    while let (Some(length), Some(kind)) = (u32_at(bytes, 0), u16_at(bytes, 4)) {
        let length = usize::try_from(length).unwrap_or(usize::MAX).clamp(HEADER, bytes.len().max(HEADER));
        let message = bytes.get(HEADER..length).unwrap_or_default();
        match kind {
            NLMSG_DONE => return Ok(true),
            NLMSG_ERROR => {
                let code = u32_at(message, 0).map_or(0, u32::cast_signed);
                return Err(io::Error::from_raw_os_error(code.wrapping_neg()));
            }
            SOCK_DIAG_BY_FAMILY => all.extend(connection(message)),
            _ => {}
        }
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(false)
}

/// `struct inet_diag_msg` with its attributes; `None` when the kernel says nothing of TCP.
fn connection(message: &[u8]) -> Option<Connection> {
    let info = attribute(message.get(DIAG..)?, INET_DIAG_INFO)?;
    let family = *message.first()?;
    let port = |at| Some(u16::from_be(u16_at(message, at)?));
    let cookie = u64::from(u32_at(message, 44)?) | u64::from(u32_at(message, 48)?) << 32;
    Some(Connection {
        local: SocketAddr::new(address(family, message.get(8..24)?)?, port(4)?),
        peer: SocketAddr::new(address(family, message.get(24..40)?)?, port(6)?),
        cookie,
        inode: u32_at(message, 68)?,
        rtt: Duration::from_micros(u32_at(info, RTT_AT)?.into()),
        retransmits: u32_at(info, RETRANSMITS_AT)?,
    })
}

fn attribute(mut rest: &[u8], wanted: u16) -> Option<&[u8]> {
    loop {
        let length = usize::from(u16_at(rest, 0)?);
        let kind = u16_at(rest, 2)?;
        if kind == wanted {
            return rest.get(4..length);
        }
        rest = rest.get(length.max(4).next_multiple_of(4)..)?;
    }
}

/// IPv4 peers of IPv6 sockets have the IPv4 addresses by which they are configured.
fn address(family: u8, bytes: &[u8]) -> Option<IpAddr> {
    match family {
        AF_INET => Some(Ipv4Addr::from(*bytes.first_chunk::<4>()?).into()),
        AF_INET6 => Some(IpAddr::from(Ipv6Addr::from(*bytes.first_chunk::<16>()?)).to_canonical()),
        _ => None,
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|chunk| u16::from_ne_bytes(*chunk))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|chunk| u32::from_ne_bytes(*chunk))
}

/// Numbers of the sockets that this process has open.
///
/// # Errors
/// `/proc` cannot be read.
pub(super) fn own_inodes() -> io::Result<HashSet<u32>> {
    let mut own = HashSet::new();
    for entry in std::fs::read_dir("/proc/self/fd")? {
        // A descriptor may be closed while they are listed.
        let Ok(target) = std::fs::read_link(entry?.path()) else { continue };
        let number = target.to_str().and_then(|name| name.strip_prefix("socket:[")?.strip_suffix(']'));
        own.extend(number.and_then(|number| number.parse::<u32>().ok()));
    }
    Ok(own)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cut_and_foreign_messages_are_no_connections() {
        let mut all = Vec::new();
        let whole = request(AF_INET);
        for cut in 0..whole.len() {
            assert!(!take(&whole[..cut], &mut all).expect("no error in it"), "{cut}");
        }
        assert!(all.is_empty());
        let mut refused = vec![20, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        refused.extend((-2_i32).to_ne_bytes());
        let error = take(&refused, &mut all).expect_err("an error of the kernel");
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
