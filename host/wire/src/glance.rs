//! A first look at a datagram, for a server that receives more datagrams than it can decide.
//!
//! Not a parser: it copies, checks and refuses nothing, and a field that it cannot read counts as
//! absent. A [`Glance`] orders messages that wait; [`parse`](crate::parse()) decides what they are.
//! Invariant: for a message whose options are neither split nor in `file` and `sname`, it reads the
//! same values as the parser.

use std::net::Ipv4Addr;

use lessor_core::{RequestKind, option::code, relay};

use crate::OPTIONS_START;

/// The fields of a message that determine its place in a queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Glance<'a> {
    /// Option 53; `None` if the datagram does not look like a message of a client.
    pub kind: Option<RequestKind>,
    /// xid.
    pub transaction_id: u32,
    /// Whether ciaddr is set and neither option 50 nor option 54 is present: a REQUEST of this form
    /// extends a lease (RFC 2131 section 4.3.2).
    pub extends: bool,
    /// giaddr; `None` if it is zero because the message was not relayed.
    pub relay_address: Option<Ipv4Addr>,
    /// Option 61.
    pub client_identifier: Option<&'a [u8]>,
    /// htype, and chaddr limited to the length in hlen.
    pub hardware_address: Option<(u8, &'a [u8])>,
    /// Circuit id, remote id and subscriber id (RFC 3046, RFC 3993) of option 82.
    pub line: [Option<&'a [u8]>; 3],
}

impl Glance<'_> {
    /// Returns whether the relay named the line that the message came from.
    pub fn has_line(&self) -> bool {
        self.line.iter().any(Option::is_some)
    }
}

/// Reads the payload of a datagram. Options are read only from the options field, and of a split
/// option (RFC 3396) only the last part.
pub fn glance(packet: &[u8]) -> Glance<'_> {
    const REQUEST_OP: u8 = 1;
    const HARDWARE_ADDRESS: usize = 28;

    let mut glance = Glance::default();
    let Some((header, options)) = packet.split_at_checked(OPTIONS_START) else { return glance };
    if header.first() != Some(&REQUEST_OP) {
        return glance;
    }
    let four =
        |at: usize| header.get(at..at + 4).and_then(|octets| <[u8; 4]>::try_from(octets).ok());
    glance.transaction_id = four(4).map_or(0, u32::from_be_bytes);
    glance.extends = four(12).is_some_and(|client_address| client_address != [0; 4]);
    glance.relay_address = four(24).map(Ipv4Addr::from).filter(|address| !address.is_unspecified());
    if let [_, kind, length, ..] = header {
        let octets = header.get(HARDWARE_ADDRESS..HARDWARE_ADDRESS + usize::from(*length));
        glance.hardware_address = octets.filter(|octets| !octets.is_empty()).map(|it| (*kind, it));
    }
    let mut rest = options;
    loop {
        rest = match rest {
            [] | [code::END, ..] => return glance,
            [code::PAD, tail @ ..] => tail,
            [code, tail @ ..] => {
                let option = (tail.split_first())
                    .and_then(|(length, tail)| tail.split_at_checked(usize::from(*length)));
                let Some((octets, after)) = option else { return glance };
                glance.note(*code, octets);
                after
            }
        };
    }
}

impl<'a> Glance<'a> {
    fn note(&mut self, code: u8, octets: &'a [u8]) {
        match code {
            code::MESSAGE_TYPE => {
                self.kind = octets.first().and_then(|found| RequestKind::by_number(*found))
            }
            // 0.0.0.0 counts as absent, as it does for `parse`.
            code::REQUESTED_ADDRESS | code::SERVER_IDENTIFIER if octets != [0; 4] => {
                self.extends = false;
            }
            code::CLIENT_IDENTIFIER => self.client_identifier = Some(octets),
            code::RELAY_AGENT_INFORMATION => self.line = line(octets),
            _ => {}
        }
    }
}

/// The sub-options that identify a line. The others (flags, link selection, authentication) may
/// differ between messages of one line.
fn line(information: &[u8]) -> [Option<&[u8]>; 3] {
    let mut line = [None; 3];
    let mut rest = information;
    while let [code, length, tail @ ..] = rest {
        let Some((octets, after)) = tail.split_at_checked(usize::from(*length)) else { break };
        let [circuit_id, remote_id, subscriber_id] = &mut line;
        let named = match *code {
            relay::CIRCUIT_ID => Some(circuit_id),
            relay::REMOTE_ID => Some(remote_id),
            relay::SUBSCRIBER_ID => Some(subscriber_id),
            _ => None,
        };
        if let Some(named) = named {
            named.get_or_insert(octets);
        }
        rest = after;
    }
    line
}

#[cfg(test)]
mod tests {
    use lessor_core::Arrival;
    use proptest::prelude::*;

    use super::*;

    /// A message with these options, from a client with an Ethernet address.
    fn message(client_address: [u8; 4], options: &[u8]) -> Vec<u8> {
        let mut packet = vec![0; OPTIONS_START];
        packet[..4].copy_from_slice(&[1, 1, 6, 0]);
        packet[4..8].copy_from_slice(&7_u32.to_be_bytes());
        packet[12..16].copy_from_slice(&client_address);
        packet[24..28].copy_from_slice(&[10, 0, 0, 1]);
        packet[28..34].copy_from_slice(&[2, 0, 0, 0, 0, 9]);
        packet[236..].copy_from_slice(&[99, 130, 83, 99]);
        packet.extend_from_slice(options);
        packet
    }

    #[test]
    fn what_a_queue_needs_is_seen() {
        let options =
            b"\x35\x01\x03\x00\x3d\x02ab\x52\x0e\x01\x03olt\x05\x04\x0a\0\0\0\x02\x01r\xff";
        let packet = message([10, 0, 0, 5], options);
        let found = glance(&packet);
        assert_eq!(found.kind, Some(RequestKind::Request));
        assert_eq!(found.transaction_id, 7);
        assert!(found.extends && found.has_line());
        assert_eq!(found.relay_address, Some(Ipv4Addr::new(10, 0, 0, 1)));
        assert_eq!(found.client_identifier, Some(&b"ab"[..]));
        assert_eq!(found.hardware_address, Some((1, &[2, 0, 0, 0, 0, 9][..])));
        assert_eq!(found.line, [Some(&b"olt"[..]), Some(b"r"), None]);
    }

    #[test]
    fn only_a_request_for_the_clients_own_address_extends_a_lease() {
        let extends =
            |client_address, options: &[u8]| glance(&message(client_address, options)).extends;
        assert!(extends([10, 0, 0, 5], b"\x35\x01\x03\xff"));
        assert!(extends([10, 0, 0, 5], b"\x36\x04\0\0\0\0\xff"), "0.0.0.0 is as good as absent");
        assert!(!extends([0; 4], b"\x35\x01\x03\xff"));
        assert!(!extends([10, 0, 0, 5], b"\x32\x04\x0a\0\0\x05\xff"));
        assert!(!extends([10, 0, 0, 5], b"\x36\x04\xc0\0\x02\x01\xff"));
    }

    #[test]
    fn what_cannot_be_read_counts_as_absent() {
        assert_eq!(glance(b""), Glance::default());
        assert_eq!(glance(&[2; 300]), Glance::default());
        let mut long_hardware_address = message([0; 4], b"\x35\x01\x01");
        long_hardware_address[2] = 255;
        assert_eq!(glance(&long_hardware_address).hardware_address, None);
        let cut = message([0; 4], b"\x35\x01\x01\x3d\x09abc");
        assert_eq!(glance(&cut).kind, Some(RequestKind::Discover));
        assert_eq!(glance(&cut).client_identifier, None);
        assert_eq!(glance(&message([0; 4], b"\x52\x03\x01\x05x")).line, [None; 3]);
    }

    proptest! {
        /// Every request to `parse`, without split options and option 52, looks the same here.
        #[test]
        fn a_glance_agrees_with_the_parser(
            kind in 0u8..10,
            client_address in prop::sample::select(vec![[0; 4], [10, 0, 0, 5]]),
            more in prop::collection::btree_map(
                prop::sample::select(vec![12u8, 50, 54, 55, 60, 61, 82]),
                prop::collection::vec(any::<u8>(), 4),
                0..5,
            ),
        ) {
            let mut options = vec![53, 1, kind];
            for (code, octets) in &more {
                options.extend([*code, octets.len() as u8]);
                options.extend(octets);
            }
            options.push(255);
            let packet = message(client_address, &options);
            let arrival = Arrival {
                source: "10.0.0.1:67".parse().unwrap(),
                server_address: [10, 0, 0, 2].into(),
                link_addresses: None,
                own_addresses: lessor_core::OwnAddresses::default(),
                mtu_octets: None,
                unicast: true,
                interface: None,
            };
            let found = glance(&packet);
            if let Ok(request) = crate::parse(&packet, arrival) {
                prop_assert_eq!(found.kind, Some(request.kind));
                prop_assert_eq!(found.client_identifier, request.client_identifier.as_deref());
                let is_alone = request.requested_address.is_none()
                    && request.server_identifier.is_none_or(|address| address.is_unspecified());
                let extends = !request.client_address.is_unspecified() && is_alone;
                prop_assert_eq!(found.extends, extends);
                let circuit_id = request.relay_information.as_ref().and_then(|it| it.circuit_id());
                prop_assert_eq!(found.line[0], circuit_id);
            }
        }

        #[test]
        fn no_octets_make_it_panic(packet in prop::collection::vec(any::<u8>(), 0..400)) {
            glance(&packet);
        }
    }
}
