//! RFC 2131 section 4.4.5: when leases are extended.

use std::{thread, time::Duration};

use lessor_conformance::{Expected, GIADDR, messages::extending, world};

#[test]
fn renewal_comes_before_rebinding_and_that_before_the_end() {
    let world = world!();
    let options = world.acquire(1).said.options;
    let [renewal, rebinding, end] = [58, 59, 51].map(|code| options.number(code));
    assert!(renewal.is_some() && renewal < rebinding && rebinding < end, "{renewal:?}");
}

#[test]
fn the_times_are_half_and_seven_eighths_of_the_lease() {
    let world = world!();
    let options = world.acquire(1).said.options;
    assert_eq!((options.number(58), options.number(59)), (Some(1_800), Some(3_150)));
}

#[test]
fn the_times_are_relative_to_each_extension() {
    let world = world!();
    let address = world.acquire_behind(GIADDR, 1).said.your_address;
    thread::sleep(Duration::from_secs(2));
    let options = world.site.unicast(&extending(1, address)).ack().said.options;
    assert_eq!(options.number(51), Some(3_600));
    assert_eq!((options.number(58), options.number(59)), (Some(1_800), Some(3_150)));
}
