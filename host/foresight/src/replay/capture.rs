//! Reads captures of `tcpdump` and similar programs, and extracts the datagrams to a DHCP server.
//!
//! Frames are Ethernet (with or without VLAN tags), Linux cooked or bare IP. Every frame that is
//! not a complete UDP datagram over IPv4 to port 67 with a client's message is skipped and counted.

use std::{
    collections::BTreeSet,
    io::{BufReader, Read},
    net::{Ipv4Addr, SocketAddrV4},
    path::Path,
    time::Duration,
};

use anyhow::{Context, bail};
use etherparse::{EtherType, NetSlice, SlicedPacket, TransportSlice};
use lessor_core::{Arrival, OwnAddresses, Timestamp};
use lessor_recording::Datagram;
use pcap_file::{
    DataLink,
    pcap::PcapReader,
    pcapng::{Block, PcapNgReader},
};

/// The largest file that is replayed, in octets: its contents are held in memory.
const CAPTURE_OCTETS_MAX: u64 = 1024 * 1024 * 1024;
/// The largest frame, in octets.
const FRAME_OCTETS_MAX: usize = 1024 * 1024;
/// The port of servers and relays.
const SERVER_PORT: u16 = 67;
/// The op field of clients' messages, and of servers'.
const BOOT_REQUEST: u8 = 1;
const BOOT_REPLY: u8 = 2;
/// The header of a Linux cooked capture of version 2.
const COOKED_2_OCTETS: usize = 20;

/// The parts of a capture that matter to a server.
#[derive(Debug, Default)]
pub(super) struct Capture {
    pub(super) datagrams: Vec<(Timestamp, Datagram)>,
    /// The number of skipped frames.
    pub(super) passed_over: u64,
    /// The number of truncated frames.
    pub(super) cut: u64,
    /// Addresses that replies came from.
    servers: BTreeSet<Ipv4Addr>,
    /// Datagrams that were broadcast on the link.
    broadcasts: Vec<usize>,
}

/// Returns whether these are the first octets of a capture.
pub(super) const fn is_capture(magic: [u8; 4]) -> bool {
    is_pcapng(magic)
        || matches!(
            u32::from_be_bytes(magic),
            0xa1b2_c3d4 | 0xd4c3_b2a1 | 0xa1b2_3c4d | 0x4d3c_b2a1
        )
}

const fn is_pcapng(magic: [u8; 4]) -> bool {
    u32::from_be_bytes(magic) == 0x0a0d_0d0a
}

/// Reads a capture.
///
/// # Errors
/// With the frame and what to do, if the file is not a capture or is truncated.
pub(super) fn read(path: &Path) -> anyhow::Result<Capture> {
    let place = || format!("cannot read {}", path.display());
    let mut file = lessor_files::open(path).with_context(place)?;
    let octets = file.metadata().with_context(place)?.len();
    if octets > CAPTURE_OCTETS_MAX {
        bail!(
            "{}: found {octets} octets; wanted at most {CAPTURE_OCTETS_MAX}; keep only DHCP, with \
             tcpdump -r {} -w smaller.pcap 'udp port 67'",
            path.display(),
            path.display()
        );
    }
    let mut magic = [0; 4];
    file.read_exact(&mut magic).with_context(place)?;
    // The file may grow meanwhile; anything beyond the limit counts as truncated.
    let file = file.take(CAPTURE_OCTETS_MAX);
    let again = BufReader::new(std::io::Cursor::new(magic).chain(file));
    let mut capture = Capture::default();
    let read = if is_pcapng(magic) { capture.read_ng(again) } else { capture.read_plain(again) };
    let frames = capture.datagrams.len() as u64 + capture.passed_over + capture.cut;
    read.with_context(|| {
        format!(
            "{}: frame {}: the capture is damaged or truncated; capture again, or keep the \
             readable part with tcpdump -r {} -w readable.pcap",
            path.display(),
            frames + 1,
            path.display()
        )
    })?;
    Ok(capture)
}

impl Capture {
    /// Returns the server whose replies are in the capture, if there is exactly one.
    pub(super) fn server_address(&self) -> Option<Ipv4Addr> {
        self.servers.first().copied().filter(|_| self.servers.len() == 1)
    }

    /// Returns how many datagrams were broadcast on the link, for which the server's address on it
    /// must be known.
    pub(super) fn broadcasts(&self) -> usize {
        self.broadcasts.len()
    }

    /// Sets the server's address on the link that was captured.
    pub(super) fn arrive_on_link(&mut self, link_address: Ipv4Addr) {
        for position in &self.broadcasts {
            if let Some((_, datagram)) = self.datagrams.get_mut(*position) {
                datagram.arrival.link_addresses = Some([link_address].into());
                datagram.arrival.server_address = link_address;
            }
        }
    }

    fn read_plain(&mut self, reader: impl Read) -> anyhow::Result<()> {
        let mut reader = PcapReader::with_capacity(reader, FRAME_OCTETS_MAX)?;
        let link = reader.header().datalink;
        refuse_unknown(link)?;
        while let Some(packet) = reader.next_packet() {
            let packet = packet?;
            let is_cut = packet.orig_len() as usize > packet.data().len();
            self.take(link, packet.timestamp(), packet.data(), is_cut);
        }
        Ok(())
    }

    fn read_ng(&mut self, reader: impl Read) -> anyhow::Result<()> {
        let mut reader = PcapNgReader::with_capacity(reader, FRAME_OCTETS_MAX)?;
        while let Some(block) = reader.next_block() {
            let (block, state) = block?;
            match block {
                Block::InterfaceDescription(interface) => refuse_unknown(interface.linktype)?,
                Block::EnhancedPacket(packet) => {
                    let interface = state.interfaces().get(packet.interface_id as usize);
                    let link = interface.map_or(DataLink::ETHERNET, |found| found.linktype);
                    let is_cut = packet.original_len as usize > packet.data.len();
                    self.take(link, packet.timestamp, &packet.data, is_cut);
                }
                // A block without a time: it is not known when its frame would be decided.
                Block::SimplePacket(_) => self.passed_over += 1,
                _ => {}
            }
        }
        Ok(())
    }

    fn take(&mut self, link: DataLink, at: Duration, frame: &[u8], is_cut: bool) {
        let Some((source, destination, payload)) = datagram_in(link, frame) else {
            if is_cut {
                self.cut += 1;
            } else {
                self.passed_over += 1;
            }
            return;
        };
        if payload.first() == Some(&BOOT_REPLY) && source.port() == SERVER_PORT {
            self.servers.insert(*source.ip());
        }
        if destination.port() != SERVER_PORT || payload.first() != Some(&BOOT_REQUEST) {
            self.passed_over += 1;
            return;
        }
        let is_broadcast = destination.ip().is_broadcast();
        if is_broadcast {
            self.broadcasts.push(self.datagrams.len());
        }
        let arrival = Arrival {
            source,
            server_address: *destination.ip(),
            link_addresses: None,
            own_addresses: OwnAddresses::default(),
            unicast: !is_broadcast,
            interface: None,
            mtu_octets: None,
        };
        let at = Timestamp::from_unix_ms(u64::try_from(at.as_millis()).unwrap_or(u64::MAX));
        let payload = payload.to_vec();
        self.datagrams.push((at, Datagram { arrival, not_relayed: false, payload }));
    }
}

fn refuse_unknown(link: DataLink) -> anyhow::Result<()> {
    let is_known = matches!(
        link,
        DataLink::ETHERNET
            | DataLink::LINUX_SLL
            | DataLink::LINUX_SLL2
            | DataLink::RAW
            | DataLink::IPV4
    );
    if !is_known {
        bail!(
            "found frames of link type {link:?}; wanted Ethernet, Linux cooked or raw IP; capture \
             on the server, with tcpdump -i any"
        );
    }
    Ok(())
}

/// Returns the UDP datagram over IPv4 in a frame, if it is complete.
fn datagram_in(link: DataLink, frame: &[u8]) -> Option<(SocketAddrV4, SocketAddrV4, &[u8])> {
    let sliced = match link {
        DataLink::LINUX_SLL => SlicedPacket::from_linux_sll(frame),
        DataLink::LINUX_SLL2 => {
            let (header, packet) = frame.split_at_checked(COOKED_2_OCTETS)?;
            let protocol = header.first_chunk::<2>()?;
            SlicedPacket::from_ether_type(EtherType(u16::from_be_bytes(*protocol)), packet)
        }
        DataLink::RAW | DataLink::IPV4 => SlicedPacket::from_ip(frame),
        _ => SlicedPacket::from_ethernet(frame),
    };
    let sliced = sliced.ok()?;
    let Some(NetSlice::Ipv4(ip)) = &sliced.net else { return None };
    let Some(TransportSlice::Udp(udp)) = &sliced.transport else { return None };
    let source = SocketAddrV4::new(ip.header().source_addr(), udp.source_port());
    let destination = SocketAddrV4::new(ip.header().destination_addr(), udp.destination_port());
    Some((source, destination, udp.payload()))
}

#[cfg(test)]
mod tests {
    use etherparse::PacketBuilder;
    use pcap_file::{
        pcap::{PcapHeader, PcapPacket, PcapWriter},
        pcapng::{
            PcapNgWriter,
            blocks::{
                enhanced_packet::EnhancedPacketBlock,
                interface_description::InterfaceDescriptionBlock,
            },
        },
    };

    use super::*;

    const CLIENT: [u8; 6] = [2, 0, 0, 0, 0, 1];
    const AT: Duration = Duration::from_millis(1_700_000_000_123);

    /// Returns a message with the op field `op`.
    fn message(op: u8) -> Vec<u8> {
        [&[op, 1, 6, 0][..], &[0; 240]].concat()
    }

    /// Returns a frame with a message from `source` to `destination`.
    fn frame(vlan: bool, source: [u8; 4], destination: [u8; 4], port: u16, op: u8) -> Vec<u8> {
        let ethernet = PacketBuilder::ethernet2(CLIENT, [0xff; 6]);
        let source_port = if op == BOOT_REQUEST { 68 } else { 67 };
        let builder = if vlan {
            ethernet.single_vlan(7.try_into().unwrap()).ipv4(source, destination, 64)
        } else {
            ethernet.ipv4(source, destination, 64)
        };
        let mut octets = Vec::new();
        builder.udp(source_port, port).write(&mut octets, &message(op)).unwrap();
        octets
    }

    fn frames() -> Vec<Vec<u8>> {
        vec![
            frame(false, [0; 4], [255; 4], 67, BOOT_REQUEST),
            frame(true, [10, 0, 0, 9], [10, 0, 0, 1], 67, BOOT_REQUEST),
            frame(false, [10, 0, 0, 1], [10, 0, 0, 9], 68, BOOT_REPLY),
            frame(false, [10, 0, 0, 9], [10, 0, 0, 1], 53, BOOT_REQUEST),
            b"rubbish".to_vec(),
        ]
    }

    fn written_plain(link: DataLink, frames: &[Vec<u8>]) -> Vec<u8> {
        let header = PcapHeader { datalink: link, ..PcapHeader::default() };
        let mut writer = PcapWriter::with_header(Vec::new(), header).unwrap();
        for frame in frames {
            let packet = PcapPacket::new(AT, frame.len() as u32, frame.as_slice()).unwrap();
            writer.write_packet(&packet).unwrap();
        }
        writer.into_inner()
    }

    fn written_ng(frames: &[Vec<u8>]) -> Vec<u8> {
        let mut writer = PcapNgWriter::new(Vec::new()).unwrap();
        let interface = InterfaceDescriptionBlock::new(DataLink::ETHERNET, 0);
        writer.write_pcapng_block(interface).unwrap();
        for frame in frames {
            let block = EnhancedPacketBlock {
                interface_id: 0,
                timestamp: AT,
                original_len: frame.len() as u32,
                data: frame.into(),
                options: Vec::new(),
            };
            writer.write_pcapng_block(block).unwrap();
        }
        writer.into_inner()
    }

    fn reading(octets: &[u8]) -> anyhow::Result<Capture> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), octets).unwrap();
        read(file.path())
    }

    #[test]
    fn datagrams_to_a_server_are_taken_and_everything_else_is_counted() {
        for octets in [written_plain(DataLink::ETHERNET, &frames()), written_ng(&frames())] {
            let mut capture = reading(&octets).unwrap();
            assert_eq!((capture.datagrams.len(), capture.passed_over, capture.cut), (2, 3, 0));
            assert_eq!(capture.server_address(), Some([10, 0, 0, 1].into()));
            assert_eq!(capture.broadcasts(), 1);
            capture.arrive_on_link([10, 0, 0, 1].into());
            let (at, broadcast) = &capture.datagrams[0];
            assert_eq!(u128::from(at.unix_ms()), AT.as_millis());
            assert_eq!(
                broadcast.arrival.link_addresses.as_deref(),
                Some(&[[10, 0, 0, 1].into()][..])
            );
            assert!(!broadcast.arrival.unicast);
            let (_, tagged) = &capture.datagrams[1];
            assert_eq!(tagged.arrival.server_address, Ipv4Addr::new(10, 0, 0, 1));
            assert!(tagged.arrival.unicast);
            assert_eq!(tagged.payload, message(BOOT_REQUEST));
        }
    }

    #[test]
    fn cooked_and_raw_frames_are_taken_too() {
        let bare = frame(false, [10, 0, 0, 9], [10, 0, 0, 1], 67, BOOT_REQUEST).split_off(14);
        let cooked = [&[0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 8, 0][..], &bare].concat();
        let cooked_2 = [&[8, 0][..], &[0; 18], &bare].concat();
        for (link, frame) in
            [(DataLink::RAW, bare), (DataLink::LINUX_SLL, cooked), (DataLink::LINUX_SLL2, cooked_2)]
        {
            let capture = reading(&written_plain(link, &[frame])).unwrap();
            assert_eq!(capture.datagrams.len(), 1, "{link:?}");
        }
    }

    #[test]
    fn a_capture_that_is_cut_short_is_refused_with_its_frame() {
        for octets in [written_plain(DataLink::ETHERNET, &frames()), written_ng(&frames())] {
            let cut = &octets[..octets.len() - 5];
            let error = format!("{:#}", reading(cut).unwrap_err());
            assert!(error.contains(": frame 5: the capture is damaged or truncated"), "{error}");
        }
    }

    #[test]
    fn a_frame_whose_end_was_not_captured_is_counted() {
        let whole = frame(false, [10, 0, 0, 9], [10, 0, 0, 1], 67, BOOT_REQUEST);
        let header = PcapHeader { datalink: DataLink::ETHERNET, ..PcapHeader::default() };
        let mut writer = PcapWriter::with_header(Vec::new(), header).unwrap();
        let packet = PcapPacket::new(AT, whole.len() as u32, &whole[..96]).unwrap();
        writer.write_packet(&packet).unwrap();
        let capture = reading(&writer.into_inner()).unwrap();
        assert_eq!((capture.datagrams.len(), capture.passed_over, capture.cut), (0, 0, 1));
    }
}
