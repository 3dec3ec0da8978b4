//! RFC 2131 section 4.3.4: RELEASE.

use lessor_conformance::{
    Expected, GIADDR, Heard, ON_LINK,
    messages::{discover, release},
    world,
};

fn server(ack: &Heard) -> std::net::Ipv4Addr {
    ack.said.server_identifier().unwrap_or(ON_LINK)
}

#[test]
fn a_release_is_not_answered() {
    let world = world!();
    let ack = world.acquire_behind(GIADDR, 1);
    world.site.unicast(&release(1, ack.said.your_address, server(&ack))).silence();
}

#[test]
fn a_released_address_is_free_for_others() {
    let world = world!();
    let ack = world.acquire_behind(GIADDR, 1);
    let address = ack.said.your_address;
    world.site.tell_directly(&release(1, address, server(&ack)));
    let asked = discover(2).address_option(50, address).relayed_by(GIADDR);
    assert_eq!(world.site.relay(&asked).offer().said.your_address, address);
}

#[test]
fn the_record_is_kept_for_the_same_client() {
    let world = world!();
    world.acquire_behind(GIADDR, 2);
    let ack = world.acquire_behind(GIADDR, 1);
    world.site.tell_directly(&release(1, ack.said.your_address, server(&ack)));
    let again = world.acquire_behind(GIADDR, 1);
    assert_eq!(again.said.your_address, ack.said.your_address);
}

#[test]
fn a_release_by_another_client_changes_nothing() {
    let world = world!();
    let ack = world.acquire_behind(GIADDR, 1);
    let address = ack.said.your_address;
    world.site.tell_directly(&release(2, address, server(&ack)));
    let asked = discover(3).address_option(50, address).relayed_by(GIADDR);
    assert_ne!(world.site.relay(&asked).offer().said.your_address, address);
}

#[test]
fn a_release_of_another_address_changes_nothing() {
    let world = world!();
    let ack = world.acquire_behind(GIADDR, 1);
    let address = ack.said.your_address;
    world.site.tell_directly(&release(1, [100, 64, 0, 200].into(), server(&ack)));
    let asked = discover(3).address_option(50, address).relayed_by(GIADDR);
    assert_ne!(world.site.relay(&asked).offer().said.your_address, address);
}
