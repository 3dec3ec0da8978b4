//! RFC 4361 section 6: client identifiers of an IAID and a DUID.

use lessor_conformance::{Expected, messages::discover, world};

/// Type 255, an IAID, and a DUID of type 3 with a hardware address.
const FIRST: &[u8] = b"\xff\x00\x00\x00\x01\x00\x03\x00\x01\x02\x00\x5e\x00\x53\x01";
const SECOND_IAID: &[u8] = b"\xff\x00\x00\x00\x02\x00\x03\x00\x01\x02\x00\x5e\x00\x53\x01";

#[test]
fn a_client_keeps_its_address_with_another_network_card() {
    let world = world!();
    let ack = world.acquire_as(1, FIRST);
    let offer = world.site.broadcast(&discover(2).option(61, FIRST)).offer();
    assert_eq!(offer.said.your_address, ack.said.your_address);
}

#[test]
fn two_identities_of_one_client_have_an_address_each() {
    let world = world!();
    let first = world.acquire_as(1, FIRST);
    let second = world.acquire_as(1, SECOND_IAID);
    assert_ne!(first.said.your_address, second.said.your_address);
}

#[test]
fn identifiers_are_compared_as_octets() {
    let world = world!();
    // They differ in letters' case and in a zero at the end only.
    let identifiers: [&[u8]; 4] = [b"\x00ab", b"\x00aB", b"\x00ab\x00", b"\x01\x00ab"];
    let mut addresses: Vec<_> =
        identifiers.map(|identifier| world.acquire_as(1, identifier).said.your_address).to_vec();
    addresses.sort_unstable();
    addresses.dedup();
    assert_eq!(addresses.len(), identifiers.len(), "{addresses:?}");
}
