//! RFC 2131 section 3.1: allocating an address.

use lessor_conformance::{
    Expected, POOL_SIZE, device,
    messages::{discover, init_reboot, selecting},
    world,
};

#[test]
fn the_binding_is_on_stable_storage_before_the_ack() {
    let mut world = world!();
    let offer = world.site.broadcast(&discover(1)).offer();
    let ack = world.site.broadcast(&selecting(device(1), &offer)).ack();
    // At once, so that what is written after the ACK would be lost.
    world.fails_and_starts_again();
    let again = world.site.broadcast(&init_reboot(1, ack.said.your_address)).ack();
    assert_eq!(again.said.your_address, ack.said.your_address);
}

#[test]
fn an_offer_is_no_binding() {
    let mut world = world!();
    for number in 0..u8::try_from(POOL_SIZE).expect("a pool is small") {
        world.site.broadcast(&discover(100 + number)).offer();
    }
    world.fails_and_starts_again();
    // Offers are not written, so nothing of the flood is left.
    world.acquire(1);
}

#[test]
fn a_client_that_did_not_get_its_offer_is_offered_an_address_again() {
    let world = world!();
    world.site.broadcast(&discover(1)).offer();
    let second = world.site.broadcast(&discover(1)).offer();
    world.site.broadcast(&selecting(device(1), &second)).ack();
}
