//! A client or relay that sends exactly the messages of a test: one socket, one message at a time.

use std::{
    io::ErrorKind,
    net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket},
    os::fd::AsRawFd,
    time::{Duration, Instant},
};

use nix::sys::socket::{setsockopt, sockopt};

use crate::Host;

/// A DHCP message in the format of a datagram (RFC 2131 section 2).
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct PlainMessage {
    pub transaction_id: u32,
    pub is_broadcast: bool,
    pub client_address: Ipv4Addr,
    pub relay_address: Ipv4Addr,
    pub hardware_address: [u8; 6],
    /// The options; option 53 is the first, unless this is a message of BOOTP.
    pub options: Vec<(u8, Vec<u8>)>,
}

/// The answer of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct PlainReply {
    pub source: SocketAddrV4,
    pub transaction_id: u32,
    /// Option 53; [`kind::BOOTP`] without it.
    pub kind: u8,
    pub your_address: Ipv4Addr,
    /// Option 54.
    pub server_identifier: Option<Ipv4Addr>,
    /// The datagram.
    pub payload: Vec<u8>,
}

/// A socket that sends and receives DHCP messages.
#[derive(Debug)]
pub struct Plain {
    socket: UdpSocket,
}

/// Values of option 53.
#[allow(missing_docs)]
pub mod kind {
    /// No option 53.
    pub const BOOTP: u8 = 0;
    pub const DISCOVER: u8 = 1;
    pub const OFFER: u8 = 2;
    pub const REQUEST: u8 = 3;
    pub const DECLINE: u8 = 4;
    pub const ACK: u8 = 5;
    pub const NAK: u8 = 6;
    pub const INFORM: u8 = 8;
}

impl PlainMessage {
    /// Returns a message of a client that sets the BROADCAST flag and is not behind a relay.
    pub fn new(kind: u8, client: u32) -> Self {
        let [_, a, b, c] = client.to_be_bytes();
        Self {
            transaction_id: client.wrapping_add(0x0100_0000),
            is_broadcast: true,
            client_address: Ipv4Addr::UNSPECIFIED,
            relay_address: Ipv4Addr::UNSPECIFIED,
            hardware_address: [2, 0, 0x5e, a, b, c],
            options: match kind {
                self::kind::BOOTP => Vec::new(),
                kind => vec![(53, vec![kind])],
            },
        }
    }

    /// Appends an option.
    pub fn with(mut self, code: u8, octets: &[u8]) -> Self {
        self.options.push((code, octets.to_vec()));
        self
    }

    /// Sets giaddr, as a relay does.
    pub fn relayed(mut self, relay: Ipv4Addr) -> Self {
        self.relay_address = relay;
        self.is_broadcast = false;
        self
    }

    /// Sets ciaddr, as a client that has this address does.
    pub fn from_address(mut self, address: Ipv4Addr) -> Self {
        self.client_address = address;
        self.is_broadcast = false;
        self
    }

    /// Returns the payload of the datagram.
    pub fn octets(&self) -> Vec<u8> {
        let hops = u8::from(!self.relay_address.is_unspecified());
        let mut octets = vec![1, 1, 6, hops];
        octets.extend(self.transaction_id.to_be_bytes());
        octets.extend([0, 0, u8::from(self.is_broadcast) << 7, 0]);
        octets.extend(self.client_address.octets());
        octets.extend([0; 8]);
        octets.extend(self.relay_address.octets());
        octets.extend(self.hardware_address);
        octets.resize(236, 0);
        octets.extend([99, 130, 83, 99]);
        for (code, value) in &self.options {
            octets.extend([*code, value.len() as u8]);
            octets.extend(value);
        }
        octets.push(255);
        if self.options.first().is_none_or(|(code, _)| *code != 53) {
            // The length of a message of RFC 951.
            octets.resize(octets.len().max(300), 0);
        }
        octets
    }
}

impl PlainReply {
    /// Parses a reply, or returns `None` if the octets are not a reply.
    pub fn read(octets: &[u8], source: SocketAddrV4) -> Option<Self> {
        let four = |at: usize| octets.get(at..at + 4)?.try_into().ok();
        let transaction_id = u32::from_be_bytes(four(4)?);
        let your_address = Ipv4Addr::from(four(16)?);
        let mut options = octets.get(240..)?;
        let (mut kind, mut server_identifier) = (None, None);
        while let [code, length, rest @ ..] = options {
            if *code == 255 {
                break;
            }
            let (value, others) = rest.split_at_checked(usize::from(*length))?;
            match code {
                53 => kind = value.first().copied(),
                54 => server_identifier = <[u8; 4]>::try_from(value).ok().map(Ipv4Addr::from),
                _ => {}
            }
            options = others;
        }
        let is_reply = octets.first() == Some(&2);
        let bootp = is_reply.then_some(self::kind::BOOTP);
        let (kind, payload) = (kind.or(bootp)?, octets.to_vec());
        Some(Self { source, transaction_id, kind, your_address, server_identifier, payload })
    }

    /// siaddr.
    pub fn next_server(&self) -> Ipv4Addr {
        let octets: [u8; 4] = self.payload[20..24].try_into().expect("four octets");
        octets.into()
    }

    /// The flags.
    pub fn flags(&self) -> u16 {
        u16::from_be_bytes([self.payload[10], self.payload[11]])
    }

    /// sname, up to its first zero octet.
    pub fn server_name(&self) -> String {
        ended(&self.payload[44..108])
    }

    /// file, up to its first zero octet.
    pub fn boot_file(&self) -> String {
        ended(&self.payload[108..236])
    }

    /// The options of the options field in order: code and octets of each part.
    pub fn options(&self) -> Vec<(u8, Vec<u8>)> {
        let (mut options, mut rest) = (Vec::new(), &self.payload[240..]);
        while let [code, length, tail @ ..] = rest {
            if *code == 255 {
                break;
            }
            let (value, others) = tail.split_at(usize::from(*length));
            options.push((*code, value.to_vec()));
            rest = others;
        }
        options
    }

    /// The octets of an option.
    pub fn option(&self, code: u8) -> Option<Vec<u8>> {
        self.options().into_iter().find(|(found, _)| *found == code).map(|(_, value)| value)
    }
}

/// A text that a zero octet ends.
fn ended(field: &[u8]) -> String {
    let length = field.iter().position(|octet| *octet == 0).expect("the field ends in a zero");
    String::from_utf8_lossy(&field[..length]).into_owned()
}

impl Plain {
    /// Opens a socket on `port` of an interface of `host`, which need not have an address.
    pub fn on(host: &Host, interface: &str, port: u16) -> Self {
        host.run_here(|| {
            let address = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port);
            let socket = UdpSocket::bind(address).expect("the port is free");
            setsockopt(&socket, sockopt::BindToDevice, &interface.into()).expect("it is there");
            let _ = setsockopt(&socket, sockopt::RcvBufForce, &(16 << 20));
            socket.set_broadcast(true).expect("sockets can broadcast");
            Self { socket }
        })
    }

    /// Returns another handle of the same socket.
    pub fn clone_handle(&self) -> Self {
        Self { socket: self.socket.try_clone().expect("there are file descriptors") }
    }

    /// Sends a message.
    pub fn send(&self, message: &PlainMessage, to: SocketAddrV4) {
        let sent = self.socket.send_to(&message.octets(), to);
        // A link that is temporarily missing loses datagrams, like any other link.
        if let Err(error) = sent {
            let is_away = matches!(
                error.kind(),
                ErrorKind::NetworkUnreachable
                    | ErrorKind::NetworkDown
                    | ErrorKind::HostUnreachable
                    | ErrorKind::WouldBlock
            );
            assert!(is_away, "socket {}: {error}", self.socket.as_raw_fd());
        }
    }

    /// Returns the next reply, or `None` if none arrives in time.
    pub fn receive(&self, patience: Duration) -> Option<PlainReply> {
        let deadline = Instant::now() + patience;
        let mut octets = [0; 2048];
        loop {
            let left = deadline.checked_duration_since(Instant::now())?;
            let left = left.max(Duration::from_micros(10));
            self.socket.set_read_timeout(Some(left)).expect("a time that is not zero");
            let Ok((length, SocketAddr::V4(source))) = self.socket.recv_from(&mut octets) else {
                continue;
            };
            if let Some(reply) = PlainReply::read(octets.get(..length)?, source) {
                return Some(reply);
            }
        }
    }

    /// Sends a message and returns the reply to it, or `None` if none arrives in time.
    pub fn ask(
        &self,
        message: &PlainMessage,
        to: SocketAddrV4,
        patience: Duration,
    ) -> Option<PlainReply> {
        self.send(message, to);
        let deadline = Instant::now() + patience;
        loop {
            let left = deadline.checked_duration_since(Instant::now())?;
            let reply = self.receive(left)?;
            if reply.transaction_id == message.transaction_id {
                return Some(reply);
            }
        }
    }
}
