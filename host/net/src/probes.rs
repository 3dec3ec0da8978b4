//! Probes: asks with ARP or ICMP whether a host uses an address.
//!
//! Does not know what the answer means, or when to stop waiting. An ARP probe has the sender
//! address 0.0.0.0, so that no host on the link learns a wrong address from it (RFC 5227 section
//! 2.1.1). The sockets are opened for the first probe and closed when there was none for a while:
//! they receive messages that others asked for. Invariant: nothing here waits, except
//! [`ProbeSockets::wait`].

use std::{
    collections::HashMap,
    io,
    net::{Ipv4Addr, SocketAddrV4},
    os::fd::{AsFd, AsRawFd, OwnedFd},
    sync::Arc,
    time::{Duration, Instant},
};

use etherparse::{
    ArpHardwareId, ArpOperation, ArpPacket, ArpPacketSlice, EtherType, Ethernet2Header,
    IcmpEchoHeader, Icmpv4Header, Icmpv4Slice, Icmpv4Type, Ipv4HeaderSlice,
};
use lessor_core::{HardwareAddress, ProbeMessage};
use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::{
        eventfd::{EfdFlags, EventFd},
        socket::{MsgFlags, SockaddrIn, recv, recvfrom, send},
    },
};
use socket2::Socket;

use super::{
    Host, NetError,
    frame::BROADCAST,
    sockets::{ETHERTYPE_ARP, EchoKind, arp_socket, echo_socket},
};

/// How long sockets stay open after the last probe.
const OPEN_FOR: Duration = Duration::from_secs(10);
/// The number of messages that are read from one socket at a time.
const READ_AT_ONCE_MAX: usize = 256;
/// What is read of one message: an IPv4 header with options and an ICMP header, or an ARP frame.
const READ_OCTETS: usize = 128;
const ETHERNET_OCTETS: usize = 14;

/// The sockets that probe addresses.
#[derive(Debug)]
pub struct ProbeSockets {
    host: Arc<Host>,
    bell: ProbeBell,
    /// By the name of the interface.
    arp: HashMap<Arc<str>, ArpSocket>,
    echo: Option<EchoSocket>,
    used_at: Instant,
}

/// Ends the wait for answers from another thread.
#[derive(Clone, Debug)]
pub struct ProbeBell(Arc<EventFd>);

/// A host showed that it uses an address, because it was asked or for another reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeAnswer {
    /// The address that it uses.
    pub address: Ipv4Addr,
    /// The message that was answered, or that would have been.
    pub message: ProbeMessage,
    /// Its hardware address, if ARP said it.
    pub by: Option<HardwareAddress>,
}

#[derive(Debug)]
struct ArpSocket {
    socket: OwnedFd,
    index: u32,
    /// That of the interface.
    hardware_address: [u8; 6],
}

#[derive(Debug)]
struct EchoSocket {
    socket: Socket,
    kind: EchoKind,
    /// Distinguishes its echo requests from those of other programs.
    id: u16,
    sequence: u16,
}

impl ProbeBell {
    /// Ends the wait, or the next one if nothing waits.
    pub fn ring(&self) {
        // The only possible failure is a full counter, and then the wait ends anyway.
        let _ = self.0.write(1);
    }
}

impl ProbeSockets {
    /// Creates sockets that are not open yet.
    ///
    /// # Errors
    /// If the system provides no eventfd.
    pub fn new(host: Arc<Host>) -> Result<Self, NetError> {
        let bell = EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)
            .map_err(|error| NetError::system("create an eventfd", error))?;
        let bell = ProbeBell(Arc::new(bell));
        Ok(Self { host, bell, arp: HashMap::new(), echo: None, used_at: Instant::now() })
    }

    /// Returns the bell that ends the wait for answers.
    pub fn bell(&self) -> ProbeBell {
        self.bell.clone()
    }

    /// Asks whether a host uses `address`.
    ///
    /// # Errors
    /// If the message cannot be sent.
    pub fn ask(&mut self, address: Ipv4Addr, message: &ProbeMessage) -> io::Result<()> {
        self.used_at = Instant::now();
        match message {
            ProbeMessage::Arp(interface) => self.arp_on(interface)?.ask(address),
            ProbeMessage::Icmp => self.echo()?.ask(address),
        }
    }

    /// Waits until something arrived, the bell was rung, or `patience` is over.
    ///
    /// # Errors
    /// Those of `poll`, of which none is expected.
    pub fn wait(&mut self, patience: Option<Duration>) -> io::Result<()> {
        let timeout = patience.map_or(PollTimeout::NONE, |patience| {
            PollTimeout::try_from(patience.as_micros().div_ceil(1000)).unwrap_or(PollTimeout::MAX)
        });
        let mut waiting = vec![PollFd::new(self.bell.0.as_fd(), PollFlags::POLLIN)];
        let sockets = self.arp.values().map(|arp| arp.socket.as_fd());
        let sockets = sockets.chain(self.echo.iter().map(|echo| echo.socket.as_fd()));
        waiting.extend(sockets.map(|socket| PollFd::new(socket, PollFlags::POLLIN)));
        match poll(&mut waiting, timeout) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
        // The count means nothing.
        let _ = self.bell.0.read();
        Ok(())
    }

    /// Passes on what has arrived, as far as it shows that a host uses an address.
    pub fn answers(&mut self, mut each: impl FnMut(ProbeAnswer)) {
        for (interface, arp) in &self.arp {
            arp.answers(|address, by| {
                let message = ProbeMessage::Arp(Arc::clone(interface));
                each(ProbeAnswer { address, message, by: Some(by) });
            });
        }
        if let Some(echo) = &self.echo {
            echo.answers(|address| {
                each(ProbeAnswer { address, message: ProbeMessage::Icmp, by: None });
            });
        }
    }

    /// Closes the sockets if there was no probe for a while. Returns when that will be, or `None`
    /// if none is open.
    pub fn rest(&mut self) -> Option<Duration> {
        if self.arp.is_empty() && self.echo.is_none() {
            return None;
        }
        let left = OPEN_FOR.saturating_sub(self.used_at.elapsed());
        if left.is_zero() {
            self.arp.clear();
            self.echo = None;
            return None;
        }
        Some(left)
    }

    /// The ARP socket of an interface, opened if necessary.
    fn arp_on(&mut self, interface: &Arc<str>) -> io::Result<&ArpSocket> {
        let links = self.host.links();
        let link = links.named(interface).ok_or(Errno::ENODEV)?;
        let hardware_address = link.hardware_address.filter(|_| !link.needs_no_arp);
        let hardware_address = hardware_address.ok_or_else(|| {
            io::Error::new(io::ErrorKind::Unsupported, format!("{interface} has no ARP"))
        })?;
        let known = self.arp.get(interface);
        let is_current = |known: &ArpSocket| {
            (known.index, known.hardware_address) == (link.index, hardware_address)
        };
        if !known.is_some_and(is_current) {
            let socket = arp_socket(interface, link.index).map_err(io::Error::other)?;
            let opened = ArpSocket { socket, index: link.index, hardware_address };
            self.arp.insert(Arc::clone(interface), opened);
        }
        self.arp.get(interface).ok_or_else(|| Errno::ENODEV.into())
    }

    fn echo(&mut self) -> io::Result<&mut EchoSocket> {
        if self.echo.is_none() {
            let (socket, kind) = echo_socket().map_err(io::Error::other)?;
            let [.., high, low] = std::process::id().to_be_bytes();
            let id = u16::from_be_bytes([high, low]);
            self.echo = Some(EchoSocket { socket, kind, id, sequence: 0 });
        }
        self.echo.as_mut().ok_or_else(|| Errno::ENODEV.into())
    }
}

impl ArpSocket {
    fn ask(&self, address: Ipv4Addr) -> io::Result<()> {
        let packet = ArpPacket::new(
            ArpHardwareId::ETHERNET,
            EtherType::IPV4,
            ArpOperation::REQUEST,
            &self.hardware_address,
            &Ipv4Addr::UNSPECIFIED.octets(),
            &[0; 6],
            &address.octets(),
        );
        let packet = packet.map_err(io::Error::other)?;
        let header = Ethernet2Header {
            source: self.hardware_address,
            destination: BROADCAST,
            ether_type: EtherType(ETHERTYPE_ARP),
        };
        let frame = [&header.to_bytes()[..], &packet.to_bytes()].concat();
        send(self.socket.as_raw_fd(), &frame, MsgFlags::MSG_DONTWAIT)?;
        Ok(())
    }

    /// Passes on the sender of each message.
    fn answers(&self, mut each: impl FnMut(Ipv4Addr, HardwareAddress)) {
        let mut octets = [0; READ_OCTETS];
        for _ in 0..READ_AT_ONCE_MAX {
            let received = recv(self.socket.as_raw_fd(), &mut octets, MsgFlags::MSG_DONTWAIT);
            let Ok(length) = received else { return };
            let Some(arp) = octets.get(ETHERNET_OCTETS..length) else { continue };
            if let Some((address, by)) = sender(arp)
                && by.octets() != self.hardware_address
            {
                each(address, by);
            }
        }
    }
}

/// Returns the sender of an ARP message, if it is one of Ethernet and IPv4.
fn sender(octets: &[u8]) -> Option<(Ipv4Addr, HardwareAddress)> {
    let arp = ArpPacketSlice::from_slice(octets).ok()?;
    let hardware_address = arp.sender_hw_addr().try_into().ok()?;
    let address: [u8; 4] = arp.sender_protocol_addr().try_into().ok()?;
    Some((address.into(), HardwareAddress::ethernet(hardware_address)))
}

impl EchoSocket {
    fn ask(&mut self, address: Ipv4Addr) -> io::Result<()> {
        self.sequence = self.sequence.wrapping_add(1);
        let echo = IcmpEchoHeader { id: self.id, seq: self.sequence };
        let request = Icmpv4Header::with_checksum(Icmpv4Type::EchoRequest(echo), &[]);
        let to = SocketAddrV4::new(address, 0);
        self.socket.send_to(&request.to_bytes(), &to.into())?;
        Ok(())
    }

    /// Passes on the sender of each answer to an echo request of this socket.
    fn answers(&self, mut each: impl FnMut(Ipv4Addr)) {
        let mut octets = [0; READ_OCTETS];
        for _ in 0..READ_AT_ONCE_MAX {
            let received = recvfrom::<SockaddrIn>(self.socket.as_raw_fd(), &mut octets);
            let Ok((length, from)) = received else { return };
            let message = octets.get(..length).unwrap_or_default();
            if let Some(from) = from
                && self.is_answer(message)
            {
                each(from.ip());
            }
        }
    }

    fn is_answer(&self, message: &[u8]) -> bool {
        let icmp = match self.kind {
            EchoKind::EchoOnly => Some(message),
            EchoKind::Raw => {
                let header = Ipv4HeaderSlice::from_slice(message).ok();
                header.and_then(|header| message.get(header.slice().len()..))
            }
        };
        let read = icmp.and_then(|icmp| Icmpv4Slice::from_slice(icmp).ok());
        match read.map(|icmp| icmp.icmp_type()) {
            // The kernel chose the identifier of a socket for echo only, and compared it.
            Some(Icmpv4Type::EchoReply(echo)) => {
                self.kind == EchoKind::EchoOnly || echo.id == self.id
            }
            _ => false,
        }
    }
}
