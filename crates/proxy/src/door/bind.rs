//! Binding: every worker has a socket of its own on the port, and the kernel spreads connections over them.

use std::io;
use std::net::TcpListener;

use socket2::{Domain, Protocol, Socket, Type};

use crate::live::SocketKey;

/// Connections that wait to be accepted, for each worker's socket.
const BACKLOG: i32 = 4096;

/// Binds one socket for each worker, or none at all.
///
/// # Errors
/// The operating system's; `AddrInUse` when another program holds the port.
pub(crate) fn bind(key: SocketKey, workers: usize) -> io::Result<Vec<TcpListener>> {
    let address = key.socket_addr();
    let first = match bind_one(address) {
        // A machine without IPv6 binds all IPv4 addresses instead.
        Err(error) if key.address.is_none() && error.kind() != io::ErrorKind::AddrInUse => {
            let address = (std::net::Ipv4Addr::UNSPECIFIED, key.port).into();
            return (0..workers).map(|_| bind_one(address)).collect();
        }
        first => first?,
    };
    let address = first.local_addr()?;
    let mut all = vec![first];
    for _ in 1..workers {
        all.push(bind_one(address)?);
    }
    Ok(all)
}

fn bind_one(address: std::net::SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    if address.is_ipv6() && address.ip().is_unspecified() {
        socket.set_only_v6(false)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}
