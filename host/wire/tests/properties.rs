//! Properties of every packet and every reply.

mod common;

use common::{Packet, arrival, parts, reply};
use dhcproto::{
    Decodable, Decoder,
    v4::{self, DhcpOptions, OptionCode},
};
use lessor_core::{OptionValue, Reason, RelayInformation, Reply, ReplyKind, Request};
use lessor_wire::{encode_value, parse, write};
use proptest::{collection::vec, option, prelude::*, sample::Index};

/// Any packet that a client may send: options with any code, in parts, in any field.
fn packets() -> impl Strategy<Value = Packet> {
    let code = prop_oneof![Just(60u8), Just(82), Just(61), Just(12), 1..=254u8];
    let part = (code, vec(any::<u8>(), 0..40));
    (vec(part, 0..12), option::of(0..=4u8), any::<u16>(), vec(any::<u8>(), 192), 0..=17u8).prop_map(
        |(parts, overload, size, fields, hlen)| {
            let packet = Packet::discover().header(44, &fields).header(2, &[hlen]);
            let packet = packet.option(57, &size.to_be_bytes());
            let packet = match overload {
                Some(value) => packet.option(52, &[value]),
                None => packet,
            };
            parts.iter().fold(packet, |packet, (code, octets)| packet.option(*code, octets))
        },
    )
}

/// A packet that can be parsed: the options that determine the answer are valid.
fn requests() -> impl Strategy<Value = Request> {
    let part = (prop_oneof![Just(82u8), Just(61), Just(60)], vec(any::<u8>(), 0..=255));
    (vec(part, 0..4), option::of(500..2000u16)).prop_map(|(parts, size)| {
        let packet = match size {
            Some(size) => Packet::discover().option(57, &size.to_be_bytes()),
            None => Packet::discover(),
        };
        parts.iter().fold(packet, |packet, (code, octets)| packet.option(*code, octets)).parse()
    })
}

fn values() -> impl Strategy<Value = OptionValue> {
    prop_oneof![
        any::<u32>().prop_map(OptionValue::U32),
        vec(any::<u32>().prop_map(Into::into), 0..80).prop_map(OptionValue::Addresses),
        "[a-z]{0,300}".prop_map(OptionValue::Text),
        vec("[a-c]{1,3}(\\.[a-c]{1,2}){0,3}", 0..9).prop_map(OptionValue::DomainNames),
        vec(any::<u8>(), 0..40).prop_map(OptionValue::Octets),
        vec(any::<u8>(), 0..700).prop_map(OptionValue::Octets),
    ]
}

fn replies() -> impl Strategy<Value = Reply> {
    let kind = prop_oneof![Just(ReplyKind::Offer), Just(ReplyKind::Ack), Just(ReplyKind::Nak)];
    (kind, vec((any::<u8>(), values()), 0..20)).prop_map(|(kind, options)| reply(kind, options))
}

/// The limit on the payload, computed independently.
fn limit(request: &Request) -> usize {
    (usize::from(request.max_message_size.unwrap_or(576)) - 28).min(1472)
}

/// The options that a reply would contain if there were room, as code and octets.
fn wanted(reply: &Reply) -> Vec<(u8, Vec<u8>)> {
    let mut wanted: Vec<(u8, Vec<u8>)> = Vec::new();
    for (code, value) in &reply.options {
        let mut octets = Vec::new();
        encode_value(value, &mut octets);
        let is_no_option = [0, 52, 53, 82, 255].contains(code)
            || wanted.iter().any(|(known, _)| known == code)
            || octets.is_empty()
                && !matches!(**value, OptionValue::Text(_) | OptionValue::Octets(_));
        if !is_no_option {
            wanted.push((*code, octets));
        }
    }
    // The mask comes before the routers (RFC 2132 section 3.3).
    let position = |wanted: &[(u8, Vec<u8>)], code| wanted.iter().position(|it| it.0 == code);
    if let (Some(routers), Some(mask)) = (position(&wanted, 3), position(&wanted, 1))
        && routers < mask
    {
        let mask = wanted.remove(mask);
        wanted.insert(routers, mask);
    }
    wanted
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2000, failure_persistence: None, ..Default::default()
    })]

    #[test]
    fn no_octets_make_the_parser_panic(octets in vec(any::<u8>(), 0..800)) {
        let _ = parse(&octets, arrival());
    }

    #[test]
    fn no_options_make_the_parser_panic(mut packet in packets(), tail in vec(any::<u8>(), 0..300)) {
        packet.options.extend(tail);
        let _ = parse(&packet.bytes(), arrival());
        let _ = parse(&packet.unended(), arrival());
    }

    #[test]
    fn mutated_packets_are_read_or_refused_and_what_is_read_can_be_answered(
        packet in packets(),
        changes in vec((any::<Index>(), any::<u8>()), 0..6),
        end in any::<Index>(),
        is_cut in any::<bool>(),
        reply in replies(),
    ) {
        let mut octets = packet.bytes();
        for (at, octet) in changes {
            let at = at.index(octets.len());
            octets[at] = octet;
        }
        if is_cut {
            octets.truncate(end.index(octets.len()));
        }
        match parse(&octets, arrival()) {
            Err(malformed) => {
                prop_assert_eq!(malformed.reason.outcome(), lessor_core::Outcome::Malformed);
            }
            Ok(request) => {
                let received: usize = request.options.iter().map(|(_, octets)| octets.len()).sum();
                prop_assert!(received < octets.len());
                prop_assert_eq!(&request.packet[..], &octets[..]);
                let mut packet = Vec::new();
                if write(&request, &reply, &mut packet).is_ok() {
                    prop_assert!((300..=limit(&request)).contains(&packet.len()));
                }
            }
        }
    }

    #[test]
    fn a_written_reply_reads_back_as_what_was_meant(request in requests(), reply in replies()) {
        let mut packet = vec![0xff; 7];
        let written = match write(&request, &reply, &mut packet) {
            Ok(written) => written,
            Err(unwritable) => {
                prop_assert_eq!(unwritable.reason, Reason::ReplyUnwritable);
                prop_assert!(packet.is_empty());
                return Ok(());
            }
        };
        prop_assert!((300..=limit(&request)).contains(&packet.len()));

        // Option 82 is the last in the options field and in no other field.
        let in_options = parts(&packet[240..]);
        let is_echoed = !written.relay_information_left_out;
        let echoed = request.relay_information.clone().filter(|_| is_echoed);
        let last_codes = in_options.iter().rev().take_while(|(code, _)| *code == 82).count();
        prop_assert_eq!(in_options.iter().filter(|(code, _)| *code == 82).count(), last_codes);
        prop_assert_eq!(last_codes > 0, echoed.is_some());
        prop_assert_eq!(in_options[0].0, 53);

        // If the reply is turned into a request, the parser reads all options that were written.
        packet[0] = 1;
        packet[242] = 1;
        let wanted = wanted(&reply);
        let present: Vec<&(u8, Vec<u8>)> =
            wanted.iter().filter(|(code, _)| !written.left_out.contains(code)).collect();
        let is_asking = |code: &u8| [50, 54].contains(code);
        if !present.iter().any(|(code, octets)| is_asking(code) && octets.len() != 4) {
            let read = parse(&packet, arrival()).unwrap();
            // A long option 82 whose last part looks like a separate option is read as that part.
            let of_relay = in_options.iter().filter(|(code, _)| *code == 82);
            let last = of_relay.map(|(_, octets)| octets).skip(1).last();
            let last = last.filter(|octets| RelayInformation::is_whole(octets));
            let expected = last.map(|octets| RelayInformation::from_octets(&octets[..])).or(echoed);
            prop_assert_eq!(read.relay_information, expected);
            for (code, octets) in &present {
                prop_assert_eq!(read.options.get(*code), Some(&octets[..]));
            }
            for code in &written.left_out {
                prop_assert_eq!(read.options.get(*code), None);
            }
            let others = read.options.iter().filter(|(code, _)| ![52, 53, 82].contains(code));
            prop_assert_eq!(others.count(), present.len());
        }

        // Within a field, options keep their order.
        let order = |code: &u8| wanted.iter().position(|(known, _)| known == code);
        for field in [&packet[240..], &packet[108..236], &packet[44..108]] {
            if field[0] != 0 {
                let parts = parts(field);
                let positions: Vec<_> = parts.iter().filter_map(|(code, _)| order(code)).collect();
                prop_assert!(positions.is_sorted());
            }
        }
    }

    #[test]
    fn dhcproto_reads_what_is_written(
        request in requests(),
        options in vec((224..=249u8, vec(any::<u8>(), 0..300)), 0..9),
    ) {
        let options = options.into_iter().map(|(code, octets)| (code, OptionValue::Octets(octets)));
        let mut reply = reply(ReplyKind::Ack, options.collect());
        reply.options.insert(0, (54, OptionValue::Address(common::SERVER).into()));
        reply.options.insert(1, (51, OptionValue::U32(3600).into()));
        let mut packet = Vec::new();
        let written = write(&request, &reply, &mut packet).unwrap();

        let message = v4::Message::decode(&mut Decoder::new(&packet)).unwrap();
        prop_assert_eq!(message.opcode(), v4::Opcode::BootReply);
        prop_assert_eq!(message.xid(), request.transaction_id);
        prop_assert_eq!(message.chaddr(), request.hardware_address.octets());
        prop_assert_eq!(message.yiaddr(), reply.your_address);
        prop_assert_eq!(message.opts().msg_type(), Some(v4::MessageType::Ack));
        // dhcproto leaves reading the overloaded fields to its caller.
        let mut fields = vec![message.opts().clone()];
        let overload = message.opts().get(OptionCode::OptionOverload);
        if let Some(v4::DhcpOption::OptionOverload(overload)) = overload {
            for (bit, field) in [(1, &packet[108..236]), (2, &packet[44..108])] {
                if overload & bit != 0 {
                    fields.push(DhcpOptions::decode(&mut Decoder::new(field)).unwrap());
                }
            }
        }
        for (code, octets) in wanted(&reply) {
            let found = fields.iter().find_map(|field| field.get(OptionCode::from(code)));
            match found {
                None => prop_assert!(written.left_out.contains(&code), "{code}"),
                Some(v4::DhcpOption::Unknown(option)) => {
                    prop_assert_eq!(option.data(), &octets[..]);
                }
                Some(v4::DhcpOption::ServerIdentifier(address)) => {
                    prop_assert_eq!(&address.octets()[..], &octets[..]);
                }
                Some(v4::DhcpOption::AddressLeaseTime(secs)) => {
                    prop_assert_eq!(&secs.to_be_bytes()[..], &octets[..]);
                }
                Some(other) => prop_assert!(false, "{other:?}"),
            }
        }
    }

    #[test]
    fn dhcproto_reads_search_lists(names in vec("[a-c]{1,3}(\\.[a-c]{1,2}){0,4}", 1..40)) {
        let mut octets = Vec::new();
        encode_value(&OptionValue::DomainNames(names.clone()), &mut octets);
        let length = octets.len();
        let read = Decoder::new(&octets).read_domains(length).unwrap();
        let read: Vec<String> =
            read.iter().map(|name| name.to_string().trim_end_matches('.').to_owned()).collect();
        prop_assert_eq!(read, names);
    }

    #[test]
    fn what_is_sent_of_any_text_as_a_domain_name_is_one(names in vec("\\PC{0,40}", 0..6)) {
        let mut octets = Vec::new();
        encode_value(&OptionValue::DomainNames(names), &mut octets);
        let read = Decoder::new(&octets).read_domains(octets.len()).unwrap();
        let mut framed = Vec::new();
        let mut encoder = v4::Encoder::new(&mut framed);
        v4::encode_long_opt_domains(OptionCode::DomainSearch, &read, &mut encoder).unwrap();
        let again: Vec<u8> = framed.chunks(257).flat_map(|part| part[2..].to_vec()).collect();
        prop_assert_eq!(again, octets);
    }
}
