//! Sockets of relays: each is bound to its own address, with a receive buffer for a whole window of
//! replies, so that lost replies were lost by the server.

use std::{
    collections::VecDeque,
    fs, io,
    net::{SocketAddrV4, UdpSocket},
};

use nix::sys::socket::{setsockopt, sockopt};

/// Room for several thousand replies. Exceeds the system's limit only if the process is privileged.
const RECEIVE_BUFFER_OCTETS: usize = 16 << 20;

/// Binds a relay's socket and returns its address.
///
/// # Errors
/// If `local` is 0.0.0.0, because the address is used as giaddr, or if the system refuses.
pub(crate) fn bind(local: SocketAddrV4) -> io::Result<(UdpSocket, SocketAddrV4)> {
    if local.ip().is_unspecified() {
        let why = "a relay needs its own address for giaddr; 0.0.0.0 is not one";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    }
    let socket = UdpSocket::bind(local)?;
    let bound = match socket.local_addr()? {
        std::net::SocketAddr::V4(bound) => bound,
        std::net::SocketAddr::V6(_) => local,
    };
    if setsockopt(&socket, sockopt::RcvBufForce, &RECEIVE_BUFFER_OCTETS).is_err() {
        setsockopt(&socket, sockopt::RcvBuf, &RECEIVE_BUFFER_OCTETS)?;
    }
    Ok((socket, bound))
}

/// A socket that never blocks.
#[derive(Debug)]
pub(crate) struct Socket {
    socket: UdpSocket,
    local: SocketAddrV4,
    server: SocketAddrV4,
    /// The datagrams that the system did not accept yet.
    backlog: VecDeque<Vec<u8>>,
}

impl Socket {
    pub(crate) fn bind(local: SocketAddrV4, server: SocketAddrV4) -> io::Result<Self> {
        let (socket, local) = bind(local)?;
        socket.set_nonblocking(true)?;
        Ok(Self { socket, local, server, backlog: VecDeque::new() })
    }

    pub(crate) fn local(&self) -> SocketAddrV4 {
        self.local
    }

    pub(crate) fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        std::os::fd::AsFd::as_fd(&self.socket)
    }

    /// Sends a datagram, or keeps it for [`Socket::flush`] if the system does not accept it now.
    pub(crate) fn send(&mut self, octets: &[u8]) -> io::Result<()> {
        if !self.backlog.is_empty() || !self.is_taken(octets)? {
            self.backlog.push_back(octets.to_owned());
        }
        Ok(())
    }

    /// Sends the kept datagrams, as far as the system accepts them.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        while let Some(octets) = self.backlog.pop_front() {
            if !self.is_taken(&octets)? {
                self.backlog.push_front(octets);
                break;
            }
        }
        Ok(())
    }

    /// Returns whether a datagram is kept.
    pub(crate) fn is_blocked(&self) -> bool {
        !self.backlog.is_empty()
    }

    /// Receives the next datagram, if there is one, and returns how many octets of `buffer` it
    /// fills.
    pub(crate) fn receive(&self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        match self.socket.recv(buffer) {
            Ok(length) => Ok(Some(length)),
            Err(error) if is_for_later(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn is_taken(&self, octets: &[u8]) -> io::Result<bool> {
        match self.socket.send_to(octets, self.server) {
            Ok(_) => Ok(true),
            Err(error) if is_for_later(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// Returns how many datagrams the system dropped because the receive buffer of the socket bound at
/// `local` was full, or `None` if the system does not say.
pub(crate) fn drops(local: SocketAddrV4) -> Option<u64> {
    drops_in(&fs::read_to_string("/proc/net/udp").ok()?, local)
}

fn drops_in(table: &str, local: SocketAddrV4) -> Option<u64> {
    let address = u32::from_ne_bytes(local.ip().octets());
    let wanted = format!("{address:08X}:{:04X}", local.port());
    let line = table.lines().find(|line| line.split_whitespace().nth(1) == Some(&wanted))?;
    line.split_whitespace().last()?.parse().ok()
}

/// Returns whether the system has no room or no datagram now; ENOBUFS means a full queue of the
/// interface.
fn is_for_later(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
        || error.raw_os_error() == Some(nix::errno::Errno::ENOBUFS as i32)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn drops_are_read_from_the_line_of_the_socket() {
        let table = "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n\
            10080: 0500007F:C925 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 26185 2 0000000063ce6ca2 12\n";
        let local = |last| SocketAddrV4::new(Ipv4Addr::new(127, 0, 0, last), 0xc925);
        assert_eq!(drops_in(table, local(5)), Some(12));
        assert_eq!(drops_in(table, local(6)), None);
    }

    #[test]
    fn a_full_receive_buffer_is_counted_as_drops_here() {
        let any = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0);
        let (socket, local) = bind(any).unwrap();
        setsockopt(&socket, sockopt::RcvBuf, &4096).unwrap();
        let sender = UdpSocket::bind(any).unwrap();
        for _ in 0..100 {
            sender.send_to(&[0; 300], local).unwrap();
        }
        assert!(drops(local).unwrap() > 0);
    }

    #[test]
    fn the_unspecified_address_is_no_relay() {
        let error = bind(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0)).unwrap_err();
        assert!(error.to_string().contains("giaddr"), "{error}");
    }
}
