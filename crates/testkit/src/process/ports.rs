//! Ports for programs that must be told one, and ports that misbehave below HTTP.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

const LOCALHOST: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// A free port of 127.0.0.1 that the kernel gives to nobody else while this value lives.
///
/// The reservation is a bound socket that does not listen, with SO_REUSEADDR and SO_REUSEPORT: a program of the same user
/// that sets either option can bind and listen beside it. Until one does, connects are refused, so it is a dead port too.
#[derive(Debug)]
pub struct ReservedPort {
    address: SocketAddr,
    _socket: Socket,
}

impl ReservedPort {
    /// Reserves a port; panics when the kernel has none.
    pub fn new() -> Self {
        let made = bound().and_then(|socket| Ok((local_address(&socket)?, socket)));
        let (address, socket) = made.unwrap_or_else(|error| panic!("cannot reserve a port: {error}"));
        Self { address, _socket: socket }
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// 127.0.0.1 and the port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Default for ReservedPort {
    fn default() -> Self {
        Self::new()
    }
}

/// A port that takes connections and never says a word: for handshake and first-byte timeouts.
#[derive(Debug)]
pub struct SilentPort {
    listener: TcpListener,
    address: SocketAddr,
}

impl SilentPort {
    /// Starts to listen; the kernel completes connections, nobody accepts them.
    pub fn new() -> Self {
        let made = TcpListener::bind(LOCALHOST).and_then(|listener| Ok((listener.local_addr()?, listener)));
        let (address, listener) = made.unwrap_or_else(|error| panic!("cannot listen: {error}"));
        Self { listener, address }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes one connection out of the queue, to hold, read or drop it; blocks until there is one.
    pub fn accept(&self) -> TcpStream {
        self.listener.accept().unwrap_or_else(|error| panic!("cannot accept: {error}")).0
    }
}

impl Default for SilentPort {
    fn default() -> Self {
        Self::new()
    }
}

/// A port whose accept queue is full, so that the kernel drops every SYN: for connect timeouts.
#[derive(Debug)]
pub struct UnansweredPort {
    address: SocketAddr,
    _listener: Socket,
    _queue: Vec<TcpStream>,
}

impl UnansweredPort {
    /// Fills the queue; returns when the kernel has left a connect unanswered.
    pub fn new() -> Self {
        Self::fill().unwrap_or_else(|error| panic!("cannot fill an accept queue: {error}"))
    }

    fn fill() -> io::Result<Self> {
        let listener = bound()?;
        listener.listen(0)?;
        let address = local_address(&listener)?;
        let mut queue = Vec::new();
        // A queue of length 0 holds one; the bound only keeps a kernel that counts otherwise from looping for ever.
        for _ in 0..64 {
            match TcpStream::connect_timeout(&address, Duration::from_millis(150)) {
                Ok(stream) => queue.push(stream),
                Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                    return Ok(Self { address, _listener: listener, _queue: queue });
                }
                Err(error) => return Err(error),
            }
        }
        Err(io::Error::other("64 connects were answered"))
    }

    /// Where it does not answer.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Default for UnansweredPort {
    fn default() -> Self {
        Self::new()
    }
}

fn bound() -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.bind(&LOCALHOST.into())?;
    Ok(socket)
}

fn local_address(socket: &Socket) -> io::Result<SocketAddr> {
    socket.local_addr()?.as_socket().ok_or_else(|| io::Error::other("not an IP socket"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reserved_port_refuses_until_somebody_listens_on_it() {
        let port = ReservedPort::new();
        let refused = TcpStream::connect(port.address()).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
        let _listener = TcpListener::bind(port.address()).unwrap();
        TcpStream::connect(port.address()).unwrap();
    }

    #[test]
    fn an_unanswered_port_lets_connects_time_out() {
        let port = UnansweredPort::new();
        let error = TcpStream::connect_timeout(&port.address(), Duration::from_millis(50)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[test]
    fn a_silent_port_connects() {
        let port = SilentPort::new();
        let client = TcpStream::connect(port.address()).unwrap();
        assert_eq!(port.accept().peer_addr().unwrap(), client.local_addr().unwrap());
    }
}
