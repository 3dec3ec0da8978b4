//! RFC 3046 section 2.2: what a server does with relay agent information.

use lessor_conformance::{
    Expected, GIADDR, Heard, Packet, World, device,
    features::MANY_OPTIONS,
    messages::{discover, extending, init_reboot, selecting},
    world,
};

/// Sub-options in an unusual order: remote id, an unregistered one, an empty one and a circuit id
/// with a zero.
const INFORMATION: &[u8] = b"\x02\x03box\xc8\x02\xab\xcd\xc9\x00\x01\x03a\x00b";

fn relayed(packet: Packet, information: &[u8]) -> Packet {
    packet.relayed_by(GIADDR).option(82, information)
}

fn all_replies(world: &World, information: &[u8]) -> [Heard; 4] {
    let offer = world.site.relay(&relayed(discover(1), information)).offer();
    let ack = world.site.relay(&relayed(selecting(device(1), &offer), information)).ack();
    let address = ack.said.your_address;
    let renewed = world.site.relay(&relayed(extending(1, address), information)).ack();
    let elsewhere = [192, 0, 2, 9].into();
    let nak = world.site.relay(&relayed(init_reboot(1, elsewhere), information)).nak();
    [offer, ack, renewed, nak]
}

#[test]
fn option_82_is_echoed_in_every_reply() {
    let world = world!();
    for (name, reply) in
        ["OFFER", "ACK", "ACK of a renewal", "NAK"].iter().zip(all_replies(&world, INFORMATION))
    {
        assert_eq!(reply.said.relay_information(), Some(INFORMATION), "{name}");
    }
}

#[test]
fn option_82_is_the_last_option() {
    let world = world!();
    for reply in all_replies(&world, INFORMATION) {
        let options = reply.datagram.options();
        assert_eq!(options.last().map(|(code, _)| *code), Some(82), "{options:?}");
    }
}

#[test]
fn a_malformed_tail_is_echoed_too() {
    let world = world!();
    // The length of the last sub-option exceeds the option.
    let information = b"\x01\x04line\x02\x09ab";
    let offer = world.site.relay(&relayed(discover(1), information)).offer();
    assert_eq!(offer.said.relay_information(), Some(&information[..]));
}

#[test]
fn option_82_is_not_invented() {
    let world = world!();
    assert!(!world.site.relay(&discover(1).relayed_by(GIADDR)).offer().has(82));
}

#[test]
fn option_82_is_never_in_the_fields_file_and_sname() {
    let world = world!(MANY_OPTIONS);
    let asked = Packet::without_parameters(lessor_conformance::Type::Discover, device(1));
    let asked = asked.option(55, &[1, 3, 6, 15, 225, 226, 227, 228, 229]);
    let asked = asked.option(57, &576_u16.to_be_bytes());
    let information = [&[1, 80][..], &[b'c'; 80]].concat();
    let offer = world.site.relay(&relayed(asked, &information)).offer();
    let in_options: Vec<u8> = offer.datagram.options().into_iter().map(|(code, _)| code).collect();
    assert!(in_options.contains(&82), "{in_options:?}");
}

#[test]
fn option_82_is_whole_or_left_out() {
    let world = world!(MANY_OPTIONS);
    let information = [&[1, 253][..], &[b'c'; 253]].concat();
    let identifier = [&[0][..], &[b'i'; 120]].concat();
    let asked = discover(1).option(61, &identifier).option(57, &576_u16.to_be_bytes());
    let offer = world.site.relay(&relayed(asked, &information)).offer();
    if let Some(echoed) = offer.said.relay_information() {
        assert_eq!(echoed, information);
    }
}
