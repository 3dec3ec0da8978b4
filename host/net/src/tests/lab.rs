//! A server and a client on one link, each in a separate network namespace.

use std::{
    fs::File,
    io::{self, Write as _},
    net::{Ipv4Addr, SocketAddrV4, UdpSocket},
    os::fd::{AsRawFd, OwnedFd},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use nix::{
    poll::{PollFd, PollFlags, poll},
    sched::{CloneFlags, setns, unshare},
    sys::socket::{
        AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, setsockopt, socket,
        sockopt,
    },
    unistd::geteuid,
};
use socket2::{Domain, Socket, Type};

use super::{PATIENCE, address};

/// The port of the probes that show that a link carries frames: discard (RFC 863).
const PROBE_PORT: u16 = 9;

/// Two namespaces joined by a pair of interfaces: `server0`, which has 192.0.2.1/24, and
/// `client0`, which has no address.
pub(super) struct Lab {
    server: File,
    client: File,
}

/// An Ethernet frame with IPv4 and UDP, read without the code under test.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) to: [u8; 6],
    pub(super) from: [u8; 6],
    pub(super) source: SocketAddrV4,
    pub(super) destination: SocketAddrV4,
    pub(super) payload: Vec<u8>,
}

/// Runs `test` in the server's namespace of a new [`Lab`], on a separate thread. Prints a note and
/// does nothing if the right to create namespaces is missing.
pub(super) fn on_a_link(test: impl FnOnce(&Lab) + Send + 'static) {
    if !geteuid().is_root() {
        // A macro is not used, because the test harness would hide its output.
        writeln!(io::stderr(), "skipped: needs root").unwrap();
        return;
    }
    let outcome = thread::spawn(|| test(&Lab::new())).join();
    if let Err(panic) = outcome {
        std::panic::resume_unwind(panic);
    }
}

impl Lab {
    fn new() -> Self {
        let client = new_namespace();
        let server = new_namespace();
        let lab = Self { server, client };
        let client = format!("/proc/{}/fd/{}", std::process::id(), lab.client.as_raw_fd());
        ip("link set lo up");
        ip(&format!("link add server0 type veth peer name client0 netns {client}"));
        ip("address add 192.0.2.1/24 dev server0");
        ip("link set server0 up");
        lab.in_client(|| {
            ip("link set lo up");
            ip("link set client0 address 02:00:5e:00:53:01 up");
        });
        lab.wait_until_joined();
        lab
    }

    /// Waits until the link carries frames both ways. For a moment after it comes up, the system
    /// drops them silently.
    pub(super) fn wait_until_joined(&self) {
        let server = udp_socket("server0", PROBE_PORT);
        let client = self.in_client(|| udp_socket("client0", PROBE_PORT));
        for (from, to) in [(&server, &client), (&client, &server)] {
            to.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
            let started = Instant::now();
            loop {
                assert!(started.elapsed() < PATIENCE, "the link does not come up");
                from.send_to(b"probe", (Ipv4Addr::BROADCAST, PROBE_PORT)).unwrap();
                if to.recv(&mut [0; 64]).is_ok() {
                    break;
                }
            }
        }
    }

    /// Calls `act` in the client's namespace. What is opened there stays there.
    pub(super) fn in_client<T>(&self, act: impl FnOnce() -> T) -> T {
        setns(&self.client, CloneFlags::CLONE_NEWNET).unwrap();
        let done = act();
        setns(&self.server, CloneFlags::CLONE_NEWNET).unwrap();
        done
    }

    /// Opens a socket of the client, on `port` of `client0`, whether it has an address or not.
    pub(super) fn client(&self, port: u16) -> UdpSocket {
        self.in_client(|| udp_socket("client0", port))
    }

    /// Gives the client an address, 192.0.2.`last`/24.
    pub(super) fn give_client(&self, last: u8) {
        self.in_client(|| ip(&format!("address add {}/24 dev client0", address(last))));
    }

    /// Makes the server's system learn the hardware address of the client, which has
    /// 192.0.2.`last`.
    pub(super) fn introduce_client(&self, last: u8) {
        let client = self.client(PROBE_PORT);
        let started = Instant::now();
        loop {
            assert!(started.elapsed() < PATIENCE, "the client is not known");
            client.send_to(b"probe", (address(1), PROBE_PORT)).unwrap();
            let shown = ["-4", "neigh", "show", &address(last).to_string()].map(str::to_owned);
            let output = Command::new("ip").args(shown).output().unwrap();
            if String::from_utf8_lossy(&output.stdout).contains("lladdr") {
                break;
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Opens a tap on the client's side of the link.
    pub(super) fn tap(&self) -> OwnedFd {
        self.in_client(|| {
            let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
            let protocol = SockProtocol::EthAll;
            let tap = socket(AddressFamily::Packet, SockType::Raw, flags, protocol).unwrap();
            setsockopt(&tap, sockopt::RcvBufForce, &(4 << 20)).unwrap();
            tap
        })
    }
}

/// Opens a socket on `port` of `interface` in the namespace of this thread.
fn udp_socket(interface: &str, port: u16) -> UdpSocket {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, None).unwrap();
    socket.bind_device(Some(interface.as_bytes())).unwrap();
    socket.set_broadcast(true).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.bind(&SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port).into()).unwrap();
    socket.into()
}

/// Runs `ip` in the namespace of this thread.
pub(super) fn ip(arguments: &str) {
    let output = Command::new("ip").args(arguments.split(' ')).output().unwrap();
    assert!(output.status.success(), "ip {arguments}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Returns the next frame to a DHCP client. Panics if it is malformed or a checksum is wrong.
pub(super) fn next_frame(tap: &OwnedFd) -> Frame {
    let mut octets = [0; 4096];
    loop {
        let timeout = u16::try_from(PATIENCE.as_millis()).unwrap();
        let mut waiting = [PollFd::new(std::os::fd::AsFd::as_fd(tap), PollFlags::POLLIN)];
        assert_eq!(poll(&mut waiting, timeout), Ok(1), "no frame came");
        let length = recv(tap.as_raw_fd(), &mut octets, MsgFlags::empty()).unwrap();
        // IPv4, UDP, to port 68; other frames are background traffic of the link.
        let frame = &octets[..length];
        if length >= 42 && frame[12..14] == [8, 0] && frame[23] == 17 && frame[36..38] == [0, 68] {
            return read_frame(frame);
        }
    }
}

fn read_frame(frame: &[u8]) -> Frame {
    let number = |at: usize| u16::from_be_bytes([frame[at], frame[at + 1]]);
    let ip_address = |at: usize| Ipv4Addr::from(<[u8; 4]>::try_from(&frame[at..at + 4]).unwrap());
    assert_eq!(frame[14], 0x45, "version and header length");
    assert_eq!(usize::from(number(16)), frame.len() - 14, "total length");
    assert_eq!(usize::from(number(38)), frame.len() - 34, "UDP length");
    assert_eq!(checksum(&frame[14..34]), 0, "IPv4 checksum");
    let mut pseudo = frame[26..34].to_vec();
    pseudo.extend([0, 17, frame[38], frame[39]]);
    pseudo.extend(&frame[34..]);
    assert_ne!(number(40), 0, "UDP checksum is there");
    assert_eq!(checksum(&pseudo), 0, "UDP checksum");
    Frame {
        to: frame[0..6].try_into().unwrap(),
        from: frame[6..12].try_into().unwrap(),
        source: SocketAddrV4::new(ip_address(26), number(34)),
        destination: SocketAddrV4::new(ip_address(30), number(36)),
        payload: frame[42..].to_vec(),
    }
}

/// Returns the checksum of RFC 1071, word by word; 0 over octets that contain a correct one.
fn checksum(octets: &[u8]) -> u16 {
    let mut sum = 0u16;
    for word in octets.chunks(2) {
        let word = u16::from_be_bytes([word[0], word.get(1).copied().unwrap_or(0)]);
        let (added, carry) = sum.overflowing_add(word);
        sum = added + u16::from(carry);
    }
    !sum
}

/// Moves this thread to a new namespace.
fn new_namespace() -> File {
    unshare(CloneFlags::CLONE_NEWNET).unwrap();
    File::open("/proc/thread-self/ns/net").unwrap()
}
