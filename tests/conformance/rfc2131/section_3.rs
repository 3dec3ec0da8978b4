//! RFC 2131 section 3: the protocol between client and server.

use lessor_conformance::{
    Expected, GIADDR, Packet, device,
    messages::{discover, init_reboot},
    world,
};

#[test]
fn options_begin_with_the_magic_cookie() {
    let world = world!();
    let offer = world.site.broadcast(&discover(1)).offer();
    assert_eq!(offer.datagram.message[236..240], [99, 130, 83, 99]);
}

#[test]
fn every_reply_has_exactly_one_message_type() {
    let world = world!();
    let offer = world.site.broadcast(&discover(1)).offer();
    let ack = world.acquire(1);
    let elsewhere = [192, 0, 2, 9].into();
    let nak = world.site.broadcast(&init_reboot(1, elsewhere)).nak();
    for reply in [offer, ack, nak] {
        let types = reply.datagram.options().into_iter().filter(|(code, _)| *code == 53);
        assert_eq!(types.count(), 1, "{:?}", reply.datagram.options());
    }
}

#[test]
fn a_reply_has_the_hardware_address_and_the_transaction_of_the_request() {
    let world = world!();
    let asked = discover(7).relayed_by(GIADDR);
    let offer = world.site.relay(&asked).offer();
    assert_eq!(offer.datagram.message[0], 2, "op");
    assert_eq!(offer.said.xid, asked.transaction_id);
    assert_eq!(offer.said.hardware_type, 1);
    assert_eq!(offer.said.hardware_address, device(7));
}

#[test]
fn options_that_no_server_knows_are_ignored() {
    let world = world!();
    let asked = discover(1).option(223, b"unknown").option(254, &[]);
    let offer = world.site.broadcast(&asked).offer();
    assert!(!offer.has(223) && !offer.has(254), "{:?}", offer.said.options.codes());
}

#[test]
fn a_message_without_a_type_is_no_dhcp_message() {
    let world = world!();
    // What arrives, if anything, is an answer of BOOTP, which has no type either.
    let answer = world.site.broadcast(&Packet::bootp(device(1)));
    if let Some(reply) = answer.reply() {
        assert_eq!(reply.datagram.option(53), None);
    }
}
