//! RFC 2131 section 3.2: a client that reuses an address.

use lessor_conformance::{Expected, Service, messages::init_reboot, world};

#[test]
fn a_server_without_sure_information_sends_no_nak() {
    let world = world!(Service { is_authoritative: false, ..Service::default() };);
    let answer = world.site.broadcast(&init_reboot(1, [10, 77, 0, 15].into()));
    assert_ne!(answer.kind(), "NAK");
}

#[test]
fn a_client_that_reuses_its_address_gets_the_parameters_again() {
    let world = world!();
    let ack = world.acquire(1);
    let again = world.site.broadcast(&init_reboot(1, ack.said.your_address)).ack();
    assert_eq!(again.said.your_address, ack.said.your_address);
    assert_eq!(again.parameters(), ack.parameters());
    assert!(again.said.lease_time_secs().is_some_and(|secs| secs > 0));
}
