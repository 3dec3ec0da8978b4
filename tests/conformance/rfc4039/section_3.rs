//! RFC 4039: an exchange of two messages.

use lessor_conformance::{
    Expected, GIADDR, Place,
    features::RAPID_COMMIT,
    messages::{discover, init_reboot},
    world,
};

#[test]
fn a_discover_with_rapid_commit_is_acknowledged() {
    let world = world!(RAPID_COMMIT);
    let ack = world.site.broadcast(&discover(1).option(80, &[])).ack();
    assert_eq!(ack.option(80), b"");
    assert!(ack.said.lease_time_secs().is_some());
}

#[test]
fn the_client_has_its_lease_after_two_messages() {
    let mut world = world!(RAPID_COMMIT);
    let address = world.site.broadcast(&discover(1).option(80, &[])).ack().said.your_address;
    world.fails_and_starts_again();
    assert!(!world.exhaust(2).contains(&address), "{address} has an owner");
    let again = world.site.broadcast(&init_reboot(1, address)).ack();
    assert_eq!(again.said.your_address, address);
}

#[test]
fn a_discover_without_rapid_commit_is_offered_an_address() {
    let world = world!(RAPID_COMMIT);
    assert!(!world.site.broadcast(&discover(1)).offer().has(80));
}

#[test]
fn a_server_that_is_not_set_to_it_offers_an_address() {
    let world = world!();
    assert!(!world.site.broadcast(&discover(1).option(80, &[])).offer().has(80));
}

#[test]
fn a_relayed_discover_with_rapid_commit_is_acknowledged_through_the_relay() {
    let world = world!(RAPID_COMMIT);
    let asked = discover(1).relayed_by(GIADDR).option(80, &[]).on_line("line");
    let ack = world.site.relay(&asked).ack();
    assert_eq!(ack.place, Place::ToRelay);
    assert_eq!(ack.said.relay_information(), Some(&b"\x01\x04line"[..]));
}
