//! RFC 2131 section 4.3.2: REQUEST, by the state of the client.

use std::{net::Ipv4Addr, thread, time::Duration};

use lessor_conformance::{
    Expected, GIADDR, Kind, ON_LINK, POOL_SIZE, Packet, Place, SECOND_GIADDR, Service, Type,
    device,
    messages::{discover, extending, init_reboot, selecting},
    world,
};

const ELSEWHERE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 9);
const OUTSIDE_OF_POOLS: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 150);
const ANOTHER_SERVER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 2);

#[test]
fn selecting_what_was_offered_is_acknowledged() {
    let world = world!();
    let offer = world.site.broadcast(&discover(1)).offer();
    let ack = world.site.broadcast(&selecting(device(1), &offer)).ack();
    assert_eq!(ack.said.your_address, offer.said.your_address);
}

#[test]
fn ciaddr_beside_the_address_of_an_offer_means_nothing() {
    let world = world!();
    let offer = world.site.broadcast(&discover(1)).offer();
    let request = selecting(device(1), &offer).from_address(OUTSIDE_OF_POOLS);
    let ack = world.site.broadcast(&request).ack();
    assert_eq!(ack.said.your_address, offer.said.your_address);
}

#[test]
fn selecting_what_another_client_has_is_refused() {
    let world = world!();
    let taken = world.acquire(1).said.your_address;
    world.site.broadcast(&discover(2)).offer();
    let request = Packet::new(Type::Request, device(2));
    let request = request.address_option(50, taken).address_option(54, ON_LINK);
    world.site.broadcast(&request).nak();
}

#[test]
fn selecting_another_server_is_silence() {
    let world = world!();
    let offer = world.site.broadcast(&discover(1)).offer();
    let request = Packet::new(Type::Request, device(1));
    let request = request.address_option(50, offer.said.your_address);
    world.site.broadcast(&request.address_option(54, ANOTHER_SERVER)).silence();
}

#[test]
fn selecting_another_server_frees_the_offered_address() {
    let world = world!();
    let offers: Vec<Ipv4Addr> = (1..=u8::try_from(POOL_SIZE).expect("a pool is small"))
        .map(|number| world.site.broadcast(&discover(number)).offer().said.your_address)
        .collect();
    let request = Packet::new(Type::Request, device(1));
    let request = request.address_option(50, offers[0]).address_option(54, ANOTHER_SERVER);
    world.site.tell(&request);
    let offer = world.site.broadcast(&discover(100)).offer();
    assert_eq!(offer.said.your_address, offers[0]);
}

#[test]
fn init_reboot_of_what_the_record_says_is_acknowledged() {
    let world = world!();
    let address = world.acquire(1).said.your_address;
    let ack = world.site.broadcast(&init_reboot(1, address)).ack();
    assert_eq!(ack.said.your_address, address);
}

#[test]
fn init_reboot_in_the_wrong_network_is_refused() {
    let world = world!();
    let address = world.acquire_behind(GIADDR, 1).said.your_address;
    world.site.relay(&init_reboot(1, address).relayed_by(SECOND_GIADDR)).nak();
    world.site.broadcast(&init_reboot(1, address)).nak();
}

#[test]
fn init_reboot_of_another_address_than_on_record_is_refused() {
    let world = world!();
    let address = world.acquire(1).said.your_address;
    let other = if address.octets()[3] == 14 { 15 } else { 14 };
    world.site.broadcast(&init_reboot(1, [10, 77, 0, other].into())).nak();
}

#[test]
fn init_reboot_of_an_address_that_another_client_has_now_is_refused() {
    let world = world!(Service { lease_secs: 3, ..Service::default() };);
    if !world.is_none_of(&[Kind::Dnsmasq], "its leases have at least two minutes") {
        return;
    }
    let address = world.acquire(1).said.your_address;
    thread::sleep(Duration::from_secs(5));
    let taken = world.acquire_by(&discover(2).address_option(50, address));
    assert_eq!(taken.said.your_address, address, "an expired address can be given out");
    world.site.broadcast(&init_reboot(1, address)).nak();
}

#[test]
fn init_reboot_of_an_unknown_client_is_silence() {
    let world = world!(Service { is_authoritative: false, ..Service::default() };);
    world.site.broadcast(&init_reboot(1, [10, 77, 0, 15].into())).silence();
    world.site.relay(&init_reboot(2, [100, 64, 0, 15].into()).relayed_by(GIADDR)).silence();
}

#[test]
fn init_reboot_of_an_unknown_client_is_silence_also_if_the_server_is_authoritative() {
    let world = world!();
    world.site.broadcast(&init_reboot(1, [10, 77, 0, 15].into())).silence();
}

#[test]
fn renewing_is_acknowledged_to_ciaddr() {
    let world = world!();
    let address = world.acquire_behind(GIADDR, 1).said.your_address;
    let ack = world.site.unicast(&extending(1, address)).ack();
    assert_eq!((ack.said.your_address, ack.place), (address, Place::ToClientAddress));
}

#[test]
fn renewing_an_address_of_another_client_is_not_acknowledged() {
    let world = world!();
    world.acquire_behind(GIADDR, 1);
    let of_another = world.acquire_behind(GIADDR, 2).said.your_address;
    world.site.unicast(&extending(1, of_another)).nak();
}

#[test]
fn rebinding_of_the_own_lease_is_acknowledged() {
    let world = world!();
    let address = world.acquire_behind(GIADDR, 1).said.your_address;
    let ack = world.site.relay(&extending(1, address).relayed_by(GIADDR)).ack();
    assert_eq!(ack.said.your_address, address);
}

#[test]
fn rebinding_of_an_unknown_client_is_silence() {
    let world = world!(Service { is_authoritative: false, ..Service::default() };);
    let free = Ipv4Addr::new(100, 64, 0, 15);
    world.site.relay(&extending(1, free).relayed_by(GIADDR)).silence();
}

#[test]
fn rebinding_of_an_address_of_another_network_is_refused() {
    let world = world!();
    let address = world.acquire_behind(GIADDR, 1).said.your_address;
    world.site.relay(&extending(1, address).relayed_by(SECOND_GIADDR)).nak();
}

#[test]
fn rebinding_of_an_address_of_another_client_is_refused() {
    let world = world!();
    world.acquire_behind(GIADDR, 1);
    let of_another = world.acquire_behind(GIADDR, 2).said.your_address;
    world.site.relay(&extending(1, of_another).relayed_by(GIADDR)).nak();
}

#[test]
fn an_address_is_not_acknowledged_only_because_it_is_in_a_pool() {
    let world = world!(Service { is_authoritative: false, ..Service::default() };);
    let answer = world.site.unicast(&extending(1, [100, 64, 0, 15].into()));
    assert_ne!(answer.kind(), "ACK");
}

#[test]
fn a_nak_through_a_relay_has_the_broadcast_flag() {
    let world = world!();
    let nak = world.site.relay(&init_reboot(1, ELSEWHERE).relayed_by(GIADDR)).nak();
    assert!(nak.said.is_broadcast());
}

#[test]
fn a_request_in_no_state_gives_nothing_but_what_its_client_has() {
    let world = world!();
    let address = world.acquire(1).said.your_address;
    let answer = world.site.broadcast(&Packet::new(Type::Request, device(1)));
    if let Some(reply) = answer.reply() {
        assert!(reply.kind() != "ACK" || reply.your_address() == address, "{answer}");
    }
    let of_a_stranger = world.site.broadcast(&Packet::new(Type::Request, device(2)));
    assert_ne!(of_a_stranger.kind(), "ACK");
}
