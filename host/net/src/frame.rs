//! Ethernet frames with IPv4 and UDP, for clients that have no address yet.
//!
//! Builds the headers only and does not copy the payload. Invariant: a frame is never fragmented,
//! and its checksums are right.

use std::net::SocketAddrV4;

/// The source or the destination of a frame.
#[derive(Clone, Copy, Debug)]
pub(super) struct Station {
    pub(super) hardware_address: [u8; 6],
    pub(super) address: SocketAddrV4,
}

/// The hardware address that every station of a link receives.
pub(super) const BROADCAST: [u8; 6] = [0xff; 6];

/// The number of octets of the three headers together.
pub(super) const HEADER_OCTETS: usize = ETHERNET_OCTETS + IPV4_OCTETS + UDP_OCTETS;

const ETHERNET_OCTETS: usize = 14;
const IPV4_OCTETS: usize = 20;
const UDP_OCTETS: usize = 8;
const UDP_PROTOCOL: u8 = 17;
const TIME_TO_LIVE: u8 = 64;

/// Returns the headers of a frame that carries `payload`, checksums included, or `None` if the
/// payload is longer than a UDP datagram can be.
///
/// The datagram must not be fragmented, so it needs no identification (RFC 6864 section 4.1).
pub(super) fn headers(from: Station, to: Station, payload: &[u8]) -> Option<[u8; HEADER_OCTETS]> {
    let udp_length = u16::try_from(UDP_OCTETS + payload.len()).ok()?;
    let total_length = udp_length.checked_add(IPV4_OCTETS as u16)?;
    let source = from.address.ip().octets();
    let destination = to.address.ip().octets();

    let mut ipv4 = [0; IPV4_OCTETS];
    ipv4[0] = 0x45;
    ipv4[2..4].copy_from_slice(&total_length.to_be_bytes());
    ipv4[6] = 0x40; // do not fragment
    ipv4[8] = TIME_TO_LIVE;
    ipv4[9] = UDP_PROTOCOL;
    ipv4[12..16].copy_from_slice(&source);
    ipv4[16..20].copy_from_slice(&destination);
    let ipv4_checksum = !fold(sum(&ipv4));
    ipv4[10..12].copy_from_slice(&ipv4_checksum.to_be_bytes());

    let mut udp = [0; UDP_OCTETS];
    udp[0..2].copy_from_slice(&from.address.port().to_be_bytes());
    udp[2..4].copy_from_slice(&to.address.port().to_be_bytes());
    udp[4..6].copy_from_slice(&udp_length.to_be_bytes());
    let pseudo = sum(&source) + sum(&destination) + u64::from(UDP_PROTOCOL) + u64::from(udp_length);
    // Zero would mean "not computed" (RFC 768).
    let udp_checksum = match !fold(pseudo + sum(&udp) + sum(payload)) {
        0 => 0xffff,
        checksum => checksum,
    };
    udp[6..8].copy_from_slice(&udp_checksum.to_be_bytes());

    let mut headers = [0; HEADER_OCTETS];
    headers[0..6].copy_from_slice(&to.hardware_address);
    headers[6..12].copy_from_slice(&from.hardware_address);
    headers[12..14].copy_from_slice(&[0x08, 0x00]); // IPv4
    headers[14..34].copy_from_slice(&ipv4);
    headers[34..42].copy_from_slice(&udp);
    Some(headers)
}

/// Returns the sum of the octets as big-endian words, not folded yet. Words of 32 bits fold to the
/// same checksum as words of 16 (RFC 1071 section 2).
fn sum(octets: &[u8]) -> u64 {
    let (words, rest) = octets.as_chunks::<4>();
    let mut last = [0; 4];
    for (padded, octet) in last.iter_mut().zip(rest) {
        *padded = *octet;
    }
    words.iter().chain([&last]).map(|word| u64::from(u32::from_be_bytes(*word))).sum()
}

/// Folds a sum to the ones' complement sum of 16 bits.
fn fold(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn station(last: u8, address: [u8; 4], port: u16) -> Station {
        Station {
            hardware_address: [2, 0, 0, 0, 0, last],
            address: SocketAddrV4::new(Ipv4Addr::from(address), port),
        }
    }

    #[test]
    fn the_sum_of_rfc_1071_section_3() {
        assert_eq!(fold(sum(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7])), 0xddf2);
    }

    #[test]
    fn an_odd_octet_counts_as_the_high_half_of_a_word() {
        assert_eq!(fold(sum(&[1, 2, 3, 4, 5])), 0x0102 + 0x0304 + 0x0500);
        assert_eq!(fold(sum(&[1, 2, 3])), 0x0102 + 0x0300);
    }

    #[test]
    fn ethernet_and_udp_headers_of_a_broadcast() {
        let from = station(1, [192, 0, 2, 1], 67);
        let to = Station { hardware_address: BROADCAST, ..station(0, [255; 4], 68) };
        let headers = headers(from, to, b"DHCP!").unwrap();
        assert_eq!(headers[..14], *b"\xff\xff\xff\xff\xff\xff\x02\0\0\0\0\x01\x08\0");
        // The fields are source port 67, destination port 68, 13 octets, and the checksum worked
        // out by hand.
        assert_eq!(headers[34..42], [0, 67, 0, 68, 0, 13, 0x94, 0xb3]);
    }

    #[test]
    fn the_ipv4_header_has_its_known_checksum() {
        // This is a well-known example: 115 octets from 192.168.0.1 to 192.168.0.199, checksum
        // b861.
        let headers =
            headers(station(1, [192, 168, 0, 1], 67), station(2, [192, 168, 0, 199], 68), &[0; 87])
                .unwrap();
        let known = [
            0x45, 0x00, 0x00, 0x73, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11, 0xb8, 0x61, 0xc0, 0xa8,
            0x00, 0x01, 0xc0, 0xa8, 0x00, 0xc7,
        ];
        assert_eq!(headers[14..34], known);
    }

    #[test]
    fn checksums_verify_for_every_payload_length() {
        let from = station(1, [192, 0, 2, 1], 67);
        let to = station(2, [255, 255, 255, 255], 68);
        for length in 0..600 {
            let payload: Vec<u8> = (0..length).map(|octet| (octet * 7 + 3) as u8).collect();
            let headers = headers(from, to, &payload).unwrap();
            assert_eq!(fold(sum(&headers[14..34])), 0xffff, "{length}");
            let udp_length = (8 + length) as u64;
            let pseudo = sum(&headers[26..34]) + 17 + udp_length;
            assert_eq!(fold(pseudo + sum(&headers[34..42]) + sum(&payload)), 0xffff, "{length}");
        }
    }

    #[test]
    fn a_checksum_of_zero_is_sent_as_all_ones() {
        let from = station(1, [192, 0, 2, 1], 67);
        let to = station(2, [192, 0, 2, 2], 68);
        let plain = headers(from, to, &[0, 0]).unwrap();
        // A payload equal to the checksum without it makes the sum all ones and the checksum zero.
        let headers = headers(from, to, &plain[40..42]).unwrap();
        assert_eq!(headers[40..42], [0xff, 0xff]);
    }

    #[test]
    fn a_payload_longer_than_a_datagram_has_no_headers() {
        let from = station(1, [192, 0, 2, 1], 67);
        let to = station(2, [192, 0, 2, 2], 68);
        assert!(headers(from, to, &vec![0; 65_507]).is_some());
        assert!(headers(from, to, &vec![0; 65_508]).is_none());
    }
}
