//! Captures the datagrams, or other frames, on a link with tcpdump.

use std::{
    net::{Ipv4Addr, SocketAddrV4},
    path::PathBuf,
};

use tempfile::TempDir;

use crate::{Host, Process, wait};

/// A running tcpdump that writes DHCP datagrams to a file.
#[derive(Debug)]
pub struct Capture {
    file: PathBuf,
    _process: Process,
    _folder: TempDir,
}

/// A datagram with a DHCP message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// The destination of the frame.
    pub destination_hardware_address: [u8; 6],
    /// From the IP and UDP headers.
    pub source: SocketAddrV4,
    /// From the IP and UDP headers.
    pub destination: SocketAddrV4,
    /// The message.
    pub message: Vec<u8>,
}

impl Capture {
    /// Starts a capture of DHCP on an interface of a host.
    pub fn start(host: &Host, interface: &str) -> Self {
        Self::of(host, interface, "udp and (port 67 or port 68)")
    }

    /// Starts a capture of what fits a filter (pcap-filter(7)).
    pub fn of(host: &Host, interface: &str, filter: &str) -> Self {
        let folder = tempfile::tempdir().expect("there is room for a capture");
        let file = folder.path().join("capture.pcap");
        let mut command = host.command("tcpdump");
        // tcpdump must stay root, because another user could not write to the folder.
        command.args(["-n", "-U", "--immediate-mode", "-Z", "root", "-i", interface, "-w"]);
        command.arg(&file).arg(filter);
        let output = folder.path().join("tcpdump.log");
        let mut process = Process::start("tcpdump", &mut command, &output);
        process.says("listening on", wait::SOON);
        Self { file, _process: process, _folder: folder }
    }

    /// Returns the file that tcpdump writes.
    pub fn file(&self) -> &std::path::Path {
        &self.file
    }

    /// Returns every frame so far.
    pub fn frames(&self) -> Vec<Vec<u8>> {
        frames(&std::fs::read(&self.file).unwrap_or_default()).map(<[u8]>::to_vec).collect()
    }

    /// Returns every datagram so far.
    pub fn datagrams(&self) -> Vec<Datagram> {
        let octets = std::fs::read(&self.file).unwrap_or_default();
        frames(&octets).filter_map(Datagram::in_frame).collect()
    }

    /// Waits for a matching datagram, and returns the first one.
    #[track_caller]
    pub fn sees(&self, what: &str, is_wanted: impl Fn(&Datagram) -> bool) -> Datagram {
        let what = format!("on the link: {what}");
        wait::soon(&what, || self.datagrams().into_iter().find(&is_wanted))
    }
}

impl Datagram {
    /// DHCPOFFER, a type of message (option 53).
    pub const OFFER: u8 = 2;
    /// DHCPREQUEST.
    pub const REQUEST: u8 = 3;
    /// DHCPACK.
    pub const ACK: u8 = 5;
    /// DHCPNAK.
    pub const NAK: u8 = 6;

    /// Returns whether it is a message of this type.
    pub fn is(&self, message_type: u8) -> bool {
        self.option(53) == Some(&[message_type])
    }

    /// xid.
    pub fn transaction_id(&self) -> u32 {
        let field = self.message.get(4..8).and_then(|octets| <[u8; 4]>::try_from(octets).ok());
        u32::from_be_bytes(field.unwrap_or_default())
    }

    /// yiaddr.
    pub fn your_address(&self) -> Ipv4Addr {
        self.address_at(16)
    }

    /// giaddr.
    pub fn relay_address(&self) -> Ipv4Addr {
        self.address_at(24)
    }

    fn address_at(&self, position: usize) -> Ipv4Addr {
        let octets = self.message.get(position..).and_then(|rest| rest.first_chunk::<4>());
        octets.copied().unwrap_or_default().into()
    }

    /// Returns the octets of the first option of this code; split options do not occur here.
    pub fn option(&self, code: u8) -> Option<&[u8]> {
        self.options().into_iter().find(|(found, _)| *found == code).map(|(_, octets)| octets)
    }

    /// Returns the options in order, up to the end option.
    pub fn options(&self) -> Vec<(u8, &[u8])> {
        let mut options = Vec::new();
        // The header and the magic cookie come first.
        let mut rest = self.message.get(240..).unwrap_or_default();
        loop {
            rest = match rest {
                [] | [255, ..] => return options,
                [0, after @ ..] => after,
                [code, length, after @ ..] if after.len() >= usize::from(*length) => {
                    let (octets, after) = after.split_at(usize::from(*length));
                    options.push((*code, octets));
                    after
                }
                _ => return options,
            }
        }
    }

    /// Parses Ethernet, IPv4 and UDP. Checksums are not checked, because the kernel does this.
    pub(crate) fn in_frame(frame: &[u8]) -> Option<Self> {
        let (destination_hardware_address, rest) = frame.split_first_chunk::<6>()?;
        let packet = rest.get(6..)?.strip_prefix(&[0x08, 0x00])?;
        let header_octets = usize::from(packet.first()? & 0x0f) * 4;
        let address = |at: usize| Some(Ipv4Addr::from(*packet.get(at..)?.first_chunk::<4>()?));
        let udp = packet.get(header_octets..)?;
        let number = |at: usize| Some(u16::from_be_bytes(*udp.get(at..)?.first_chunk::<2>()?));
        Some(Self {
            destination_hardware_address: *destination_hardware_address,
            source: SocketAddrV4::new(address(12)?, number(0)?),
            destination: SocketAddrV4::new(address(16)?, number(2)?),
            message: udp.get(8..usize::from(number(4)?))?.to_owned(),
        })
    }
}

/// Returns the complete frames of a capture file (pcap-savefile(5)) that was written on this
/// machine.
fn frames(file: &[u8]) -> impl Iterator<Item = &[u8]> {
    const FILE_HEADER_OCTETS: usize = 24;
    const FRAME_HEADER_OCTETS: usize = 16;

    let mut rest = file.get(FILE_HEADER_OCTETS..).unwrap_or_default();
    std::iter::from_fn(move || {
        let length = u32::from_ne_bytes(*rest.get(8..)?.first_chunk::<4>()?);
        let (frame, after) =
            rest.get(FRAME_HEADER_OCTETS..)?.split_at_checked(usize::try_from(length).ok()?)?;
        rest = after;
        Some(frame)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn datagram(options: &[u8]) -> Datagram {
        let any = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0);
        let mut message = vec![0; 240];
        message[24..28].copy_from_slice(&[192, 0, 2, 1]);
        message.extend(options);
        let destination_hardware_address = [0; 6];
        Datagram { destination_hardware_address, source: any, destination: any, message }
    }

    #[test]
    fn options_are_read_up_to_their_end() {
        let seen = datagram(b"\x35\x01\x02\x00\x52\x02ab\xff\x35\x01\x05");
        assert_eq!(seen.options(), [(53, &[2][..]), (82, &b"ab"[..])]);
        assert!(seen.is(Datagram::OFFER) && !seen.is(Datagram::ACK));
        assert_eq!(seen.relay_address(), Ipv4Addr::new(192, 0, 2, 1));
    }

    #[test]
    fn an_option_that_is_cut_short_is_none() {
        assert_eq!(datagram(b"\x35\x01\x02\x52\x09ab").options(), [(53, &[2][..])]);
    }

    #[test]
    fn frames_are_read_from_a_capture() {
        let mut frame = vec![0xff; 6];
        frame.extend([2, 0, 0, 0, 0, 1, 0x08, 0x00]);
        frame.extend([0x45, 0, 0, 32, 0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2]);
        frame.extend([0, 67, 0, 68, 0, 12, 0, 0, 1, 2, 3, 4]);
        let mut file = vec![0; 24];
        for _ in 0..2 {
            file.extend([0; 8]);
            file.extend([u32::try_from(frame.len()).unwrap().to_ne_bytes(); 2].concat());
            file.extend(&frame);
        }
        file.truncate(file.len() - 1); // the second one is still being written
        let seen: Vec<Datagram> = frames(&file).filter_map(Datagram::in_frame).collect();
        let [seen] = &seen[..] else { panic!("{seen:?}") };
        assert_eq!(seen.destination_hardware_address, [0xff; 6]);
        assert_eq!(seen.source, SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 1), 67));
        assert_eq!(seen.destination, SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 2), 68));
        assert_eq!(seen.message, [1, 2, 3, 4]);
    }
}
