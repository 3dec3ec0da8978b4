//! RFC 2131 section 4.4.5: when leases are extended.

use std::{thread, time::Duration};

use lessor_conformance::{
    Expected, GIADDR, Heard, Packet, Type, device, messages::discover_asking, world,
};

/// Returns T1, T2 and the end of the lease, in seconds. A client computes what it is not told.
#[track_caller]
fn times(reply: &Heard) -> [u32; 3] {
    let end = reply.said.lease_time_secs().expect("an ACK has option 51");
    let options = &reply.said.options;
    let renewal = options.number(58).unwrap_or(end / 2);
    [renewal, options.number(59).unwrap_or(end / 8 * 7), end]
}

/// The mask and both times.
const ASKED: [u8; 3] = [1, 58, 59];

#[test]
fn renewal_comes_before_rebinding_and_that_before_the_end() {
    let world = world!();
    let [renewal, rebinding, end] =
        times(&world.site.broadcast(&discover_asking(1, &ASKED)).offer());
    assert!(renewal < rebinding && rebinding < end, "{renewal} {rebinding} {end}");
}

#[test]
fn the_times_are_half_and_seven_eighths_of_the_lease() {
    let world = world!();
    let offer = world.site.broadcast(&discover_asking(1, &ASKED)).offer();
    assert_eq!(times(&offer), [1_800, 3_150, 3_600]);
}

#[test]
fn the_times_are_relative_to_each_extension() {
    let world = world!();
    let address = world.acquire_behind(GIADDR, 1).said.your_address;
    thread::sleep(Duration::from_secs(2));
    let renewal = Packet::without_parameters(Type::Request, device(1)).from_address(address);
    let ack = world.site.unicast(&renewal.option(55, &ASKED)).ack();
    let [renewal, rebinding, end] = times(&ack);
    // A server may leave the lease as it is, and say what is left of it.
    assert!((3_590..=3_600).contains(&end), "{end}");
    assert!(renewal < rebinding && rebinding < end, "{renewal} {rebinding} {end}");
}
