//! RFC 2131 section 4.3.3: DECLINE.

use lessor_conformance::{
    Expected, Kind,
    messages::{decline, discover},
    world,
};

#[test]
fn a_decline_is_not_answered() {
    let world = world!();
    let address = world.acquire(1).said.your_address;
    world.site.broadcast(&decline(1, address)).silence();
}

#[test]
fn a_declined_address_is_not_available() {
    let world = world!();
    let address = world.acquire(1).said.your_address;
    world.site.tell(&decline(1, address));
    for client in [1, 2] {
        let offer = world.site.broadcast(&discover(client).address_option(50, address)).offer();
        assert_ne!(offer.said.your_address, address);
    }
    // With the two offers, these are all others.
    for client in 3..8 {
        assert_ne!(world.acquire(client).said.your_address, address);
    }
}

#[test]
fn a_declined_address_is_not_available_even_if_no_other_is_free() {
    let world = world!();
    let reason = "it offers the address that was declined first, so that DECLINEs empty no pool";
    if !world.is_none_of(&[Kind::Lessor], reason) {
        return;
    }
    let address = world.acquire(1).said.your_address;
    world.site.tell(&decline(1, address));
    assert!(!world.exhaust(2).contains(&address));
}

#[test]
fn a_decline_of_what_another_client_has_changes_nothing() {
    let world = world!();
    let address = world.acquire(1).said.your_address;
    world.acquire(2);
    world.site.tell(&decline(2, address));
    assert_eq!(world.acquire(1).said.your_address, address);
}
